"""Fusions: latents of several modalities, any of which may be absent, to one vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.errors import ConfigError, InputError
from mmzoo.interfaces import Count, Fusion, Latents, Port, Ports, Size
from mmzoo.nn.attention import CrossAttention, key_mask
from mmzoo.nn.convnext import ConvNeXtStack


class _Projected(Fusion):
    """Base: every modality is normalized and projected to one width.

    Args:
        widths: Channels of the latents of each modality, by name.
        width: Channels of the result.
    """

    def __init__(self, *, widths: dict[str, Size], width: Size) -> None:
        super().__init__()
        if not widths:
            raise ConfigError("fusion: widths is empty; give the width of each modality by name.", path="widths")
        self.names, self.width = sorted(widths), width
        self.project = nn.ModuleDict(
            {name: nn.Sequential(nn.LayerNorm(widths[name]), nn.Linear(widths[name], width)) for name in self.names}
        )

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """One input for each modality; `features` out."""
        inputs = {name: Port(width=width) for name, width in config["widths"].items()}
        return Ports(inputs, {"features": Port(width=config["width"])})

    def _batch(self, parts: Mapping[str, Latents]) -> tuple[int, torch.device]:
        if not parts or not set(parts) <= set(self.names):
            raise InputError(
                f"{type(self).__name__} got {', '.join(sorted(parts)) or 'no modality'}; it takes any of"
                f" {', '.join(self.names)}."
            )
        x = next(iter(parts.values())).x
        return len(x), x.device

    def vectors(self, parts: Mapping[str, Latents]) -> tuple[Tensor, Tensor]:
        """Each modality's mean `[B, M, D]`, zero where it is absent, and whether it is present, bool `[B, M]`."""
        batch, device = self._batch(parts)
        means: list[Tensor | None] = []
        present: list[Tensor] = []
        for name in self.names:
            if name in parts:
                mask = parts[name].full_mask
                present.append(mask.any(1))
                means.append(self.project[name](mean(parts[name].x, mask)) * present[-1].unsqueeze(1))
            else:
                means.append(None)
                present.append(torch.zeros(batch, dtype=torch.bool, device=device))
        zeros = torch.zeros_like(next(x for x in means if x is not None))  # with the dtype that autocast chose
        return torch.stack([zeros if x is None else x for x in means], 1), torch.stack(present, 1)


class ConcatFusion(_Projected):
    """Modalities concatenated, then two linear layers; a learned vector replaces an absent modality."""

    def __init__(self, *, widths: dict[str, Size], width: Size) -> None:
        super().__init__(widths=widths, width=width)
        self.absent = nn.Parameter(torch.zeros(len(widths), width))
        self.mix = _MLP(len(widths) * width, width)

    def reset_parameters(self) -> None:
        """Zero vectors for absent modalities."""
        super().reset_parameters()
        nn.init.zeros_(self.absent)

    def forward(self, parts: Mapping[str, Latents]) -> Tensor:
        """See Fusion."""
        x_BMD, present = self.vectors(parts)
        out: Tensor = self.mix(torch.where(present.unsqueeze(-1), x_BMD, self.absent).flatten(1))
        return out


class WeightedFusion(_Projected):
    """The mean of the present modalities, weighted by learned gates that `gates` returns."""

    def __init__(self, *, widths: dict[str, Size], width: Size) -> None:
        super().__init__(widths=widths, width=width)
        self.score = nn.ModuleDict({name: nn.Linear(width, 1) for name in self.names})
        self.mix = _MLP(width, width)

    def _gated(self, parts: Mapping[str, Latents]) -> tuple[Tensor, Tensor]:
        x_BMD, present = self.vectors(parts)
        scores = torch.cat([self.score[name](x_BMD[:, index]) for index, name in enumerate(self.names)], dim=1)
        gates = scores.masked_fill(~present, -torch.inf).softmax(1)
        return x_BMD, torch.where(present, gates, 0.0)

    def forward(self, parts: Mapping[str, Latents]) -> Tensor:
        """See Fusion."""
        x_BMD, gates = self._gated(parts)
        out: Tensor = self.mix((x_BMD * gates.unsqueeze(-1)).sum(1))
        return out

    def gates(self, parts: Mapping[str, Latents]) -> Mapping[str, Tensor]:
        """The gates `[B]` of each modality."""
        return dict(zip(self.names, self._gated(parts)[1].unbind(1), strict=True))


class LateFusion(_Projected):
    """Each modality through its own layers, then the mean over the present ones.

    A linear classifier on top returns the mean of the logits that it returns for each modality alone.
    """

    def __init__(self, *, widths: dict[str, Size], width: Size) -> None:
        super().__init__(widths=widths, width=width)
        self.own = nn.ModuleDict({name: _MLP(width, width) for name in self.names})

    def forward(self, parts: Mapping[str, Latents]) -> Tensor:
        """See Fusion."""
        x_BMD, present = self.vectors(parts)
        own = torch.stack([self.own[name](x_BMD[:, index]) for index, name in enumerate(self.names)], dim=1)
        return mean(own, present)


class _Joined(_Projected):
    """Base: the sequences of all modalities concatenated; a learned vector marks each modality."""

    def __init__(self, *, widths: dict[str, Size], width: Size) -> None:
        super().__init__(widths=widths, width=width)
        self.mark = nn.Parameter(torch.empty(len(widths), width))
        nn.init.normal_(self.mark, std=0.02)

    def reset_parameters(self) -> None:
        """Small random marks."""
        super().reset_parameters()
        nn.init.normal_(self.mark, std=0.02)

    def joined(self, parts: Mapping[str, Latents]) -> tuple[Tensor, Tensor]:
        """`[B, N, D]` and its mask `[B, N]`, with all real positions before the padding."""
        self._batch(parts)
        x, masks = [], []
        for index, name in enumerate(self.names):
            if name in parts:
                masks.append(parts[name].full_mask)
                x.append(self.project[name](parts[name].x.masked_fill(~masks[-1].unsqueeze(-1), 0)) + self.mark[index])
        mask = torch.cat(masks, 1)
        order = (~mask).long().argsort(dim=1, stable=True)
        together = torch.cat(x, 1).gather(1, order.unsqueeze(-1).expand(-1, -1, self.width))
        mask = mask.gather(1, order)
        return together * mask.unsqueeze(-1), mask


class CNNFusion(_Joined):
    """ConvNeXt blocks over the joined sequences, then their mean."""

    def __init__(self, *, widths: dict[str, Size], width: Size, depth: Count = 2) -> None:
        super().__init__(widths=widths, width=width)
        self.blocks = ConvNeXtStack(width, depth)

    def forward(self, parts: Mapping[str, Latents]) -> Tensor:
        """See Fusion."""
        x_BND, mask = self.joined(parts)
        return mean(self.blocks(x_BND, mask), mask)


class RNNFusion(_Joined):
    """A bidirectional GRU (Cho et al., arXiv 1406.1078) over the joined sequences."""

    def __init__(self, *, widths: dict[str, Size], width: Size) -> None:
        super().__init__(widths=widths, width=width)
        self.units = nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.mix = nn.Linear(2 * width, width)

    def forward(self, parts: Mapping[str, Latents]) -> Tensor:
        """See Fusion."""
        x_BND, mask = self.joined(parts)
        lengths = mask.sum(1).clamp_min(1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(x_BND, lengths, batch_first=True, enforce_sorted=False)
        last = self.units(packed)[1]
        out: Tensor = self.mix(torch.cat((last[0], last[1]), dim=1))
        return out


class CrossAttentionFusion(_Joined):
    """Learned queries that attend to the joined sequences (Perceiver, Jaegle et al., arXiv 2103.03206).

    Args:
        widths: Channels of the latents of each modality, by name.
        width: Channels of the result.
        depth: Number of attention layers.
        heads: Attention heads.
        queries: Number of queries.
    """

    def __init__(
        self, *, widths: dict[str, Size], width: Size, depth: Count = 2, heads: Size = 4, queries: Size = 4
    ) -> None:
        super().__init__(widths=widths, width=width)
        self.queries = nn.Parameter(torch.empty(queries, width))
        self.norms = nn.ModuleList(nn.LayerNorm(width, eps=1e-6) for _ in range(depth))
        self.attend = cast(Sequence[CrossAttention], nn.ModuleList(CrossAttention(width, heads) for _ in range(depth)))
        self.layers = nn.ModuleList(nn.Sequential(nn.LayerNorm(width), _MLP(width, width)) for _ in range(depth))
        nn.init.normal_(self.queries, std=1.0)

    def reset_parameters(self) -> None:
        """Queries from a standard normal distribution."""
        super().reset_parameters()
        nn.init.normal_(self.queries, std=1.0)

    def forward(self, parts: Mapping[str, Latents]) -> Tensor:
        """See Fusion."""
        x_BND, mask = self.joined(parts)
        q = self.queries.expand(len(x_BND), -1, -1)
        for norm, attend, layers in zip(self.norms, self.attend, self.layers, strict=True):
            q = q + attend(norm(q), attend.keys_values(x_BND), key_mask(mask))
            q = q + layers(q)
        return q.mean(1)


def mean(x_BND: Tensor, mask_BN: Tensor) -> Tensor:
    """Mean over real positions, `[B, D]`; zero where there are none."""
    x = x_BND.masked_fill(~mask_BN.unsqueeze(-1), 0)
    return x.sum(1) / mask_BN.sum(1, keepdim=True).clamp_min(1)


class _MLP(nn.Module):
    """Two linear layers with GELU between."""

    def __init__(self, given: int, width: int) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(given, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.down(F.gelu(self.up(x)))
        return out
