"""Several codes at each position: their embedding, their prediction, and the pattern that delays them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.interfaces import PADDING_CODE

ABSENT = PADDING_CODE
"""A code that is unknown: masked, not generated yet, or outside the item."""


class GroupedCodes(nn.Module):
    """Embeds Q codes as the sum of Q vectors, and predicts Q codes from one vector, with the same table.

    Each codebook has one more row for an absent code. The first codebook may have one more code, which marks the end
    of an item.

    Args:
        sizes: Number of codes in each of the Q codebooks.
        width: Width of the vectors.
        ends: Whether the first codebook has a code for the end.
    """

    def __init__(self, sizes: Sequence[int], width: int, *, ends: bool) -> None:
        super().__init__()
        self.counts = (sizes[0] + ends, *sizes[1:])
        """Number of codes that can be predicted in each codebook."""
        self.end = sizes[0] if ends else None
        """The code that marks the end, in the first codebook."""
        rows = [count + 1 for count in self.counts]
        self.offsets = [sum(rows[:index]) for index in range(len(rows))]
        self.table = nn.Parameter(torch.empty(sum(rows), width))
        self.bias = nn.Parameter(torch.empty(sum(rows)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Normal vectors, zero bias."""
        nn.init.normal_(self.table, std=self.table.shape[1] ** -0.5)
        nn.init.zeros_(self.bias)

    def embed(self, codes: Tensor) -> Tensor:
        """Codes `[B, N, Q]`, ABSENT where unknown, to vectors `[B, N, width]`."""
        rows = torch.where(codes < 0, codes.new_tensor(self.counts), codes) + codes.new_tensor(self.offsets)
        vectors: Tensor = F.embedding(rows, self.table).sum(-2)
        return vectors

    def logits(self, vectors: Tensor) -> list[Tensor]:
        """Float32 logits `[B, N, count]` of each codebook from predicted vectors `[B, N, width]`."""
        everything = F.linear(vectors.to(self.table.dtype), self.table, self.bias).float()
        pairs = zip(self.offsets, self.counts, strict=True)
        return [everything[..., start : start + count] for start, count in pairs]

    def losses(self, vectors: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropy in nats of each codebook, summed over positions, and how many codes each sum has; `[Q]`.

        Args:
            vectors: Predicted vectors `[B, N, width]`.
            targets: Codes `[B, N, Q]`; ABSENT ones do not count.
        """
        sums = [
            F.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=ABSENT, reduction="sum")
            for logits, wanted in zip(self.logits(vectors), targets.unbind(-1), strict=True)
        ]
        return torch.stack(sums), (targets != ABSENT).sum((0, 1))


@dataclass(frozen=True, slots=True)
class Delay:
    """The delay pattern (Copet et al., arXiv 2306.05284): codebook q lags behind by q times `step` positions.

    So one position after another is predicted, and yet each code may depend on those before it at its own position.

    Args:
        codebooks: Q.
        step: Delay between neighboring codebooks; 0 for none, so that all codes of a position are independent.
    """

    codebooks: int
    step: int = 1

    @property
    def extra(self) -> int:
        """How many more positions the delayed codes have."""
        return (self.codebooks - 1) * self.step

    def apply(self, codes: Tensor) -> Tensor:
        """Codes `[B, N, Q]` to delayed ones `[B, N + extra, Q]`, ABSENT where there is none."""
        delayed = codes.new_full((codes.shape[0], codes.shape[1] + self.extra, self.codebooks), ABSENT)
        for q in range(self.codebooks):
            delayed[:, q * self.step : q * self.step + codes.shape[1], q] = codes[..., q]
        return delayed

    def undo(self, delayed: Tensor) -> Tensor:
        """The inverse of `apply`."""
        count = delayed.shape[1] - self.extra
        columns = [delayed[:, q * self.step : q * self.step + count, q] for q in range(self.codebooks)]
        return torch.stack(columns, dim=-1)
