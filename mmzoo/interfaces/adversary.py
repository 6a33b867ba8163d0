"""The adversary of a training: critics, and the losses by which they and the model learn from each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.interfaces.components import Critic

Maps = Sequence[Sequence[Tensor]]
"""For each scale, the feature maps of its layers; the last one holds the scores."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Three losses, each a scalar.

    Args:
        adversarial: What the model minimizes so that the critics take its outputs for real.
        features: Distance between the critics' feature maps of outputs and of real data, which the model minimizes too.
        critics: What the critics minimize: `Losses.adversary`.
    """

    adversarial: Tensor
    features: Tensor
    critics: Tensor


class Adversary(nn.Module):
    """The critics that a model is trained against. The trainer owns it, and no model folder contains it.

    Args:
        critics: At least one; the losses are means over all their scales.
        loss: `hinge` (Lim and Ye, arXiv 1705.02894) or `least-squares` (Mao et al., arXiv 1611.04076).
        entries: Names and configs of the critics, by which a checkpoint tells them from others.
    """

    def __init__(
        self,
        critics: Iterable[Critic],
        loss: Literal["hinge", "least-squares"] = "hinge",
        entries: Sequence[dict[str, Any]] = (),
    ) -> None:
        super().__init__()
        self.critics = nn.ModuleList(critics)
        self.loss, self.entries = loss, list(entries)

    def forward(self, real: Tensor, output: Tensor) -> Verdict:
        """Judge a model's outputs beside the real data.

        Args:
            real: A raw batch of the critics' modality, without padding.
            output: What the model made of it, of the same shape.
        """
        real_maps, output_maps = self._maps(real), self._maps(output)
        return Verdict(
            adversarial=_mean(self._real(scale[-1]) for scale in output_maps),
            features=feature_distance(real_maps, output_maps),
            critics=_mean(
                self._real(real[-1], margin=True) + self._fake(fake[-1])
                for real, fake in zip(real_maps, self._maps(output.detach()), strict=True)
            ),
        )

    def _maps(self, raw: Tensor) -> Maps:
        return [scale for critic in self.critics for scale in critic(raw)]

    def _real(self, scores: Tensor, *, margin: bool = False) -> Tensor:
        """How far scores are from those of real data; under hinge loss, a critic need not exceed the margin."""
        scores = scores.float()
        if self.loss == "least-squares":
            return (scores - 1).square().mean()
        return F.relu(1 - scores).mean() if margin else -scores.mean()

    def _fake(self, scores: Tensor) -> Tensor:
        scores = scores.float()
        return scores.square().mean() if self.loss == "least-squares" else F.relu(1 + scores).mean()


def feature_distance(real: Maps, output: Maps) -> Tensor:
    """L1 between feature maps, relative to the magnitude of the real ones (Kumar et al., arXiv 1910.06711)."""
    pairs = [
        (a.detach().float(), b.float())
        for scale, other in zip(real, output, strict=True)
        for a, b in zip(scale[:-1], other[:-1], strict=True)
    ]
    if not pairs:  # no critic shows more than its scores
        return real[0][-1].new_zeros(())
    return _mean((a - b).abs().mean() / a.abs().mean().clamp_min(1e-3) for a, b in pairs)


def _mean(losses: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(losses)).mean()
