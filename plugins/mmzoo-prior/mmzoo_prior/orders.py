"""The two orders in which codes are made: one position after another, or the surest ones of all positions first.

An order has the training loss and the sampling that belong together. Both draw from one generator for each item, so an
item does not depend on the rest of its batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from mmzoo.interfaces import Condition, Latents
from mmzoo.interfaces.guidance import paired
from mmzoo_prior.grouped import ABSENT, Delay, GroupedCodes
from mmzoo_prior.sampling import Choice, draw, guided, gumbel, narrowed

Positions = Callable[[int, int], Tensor]
"""The positions `[1, M, axes]` of M positions from a first one."""
CHOICE_TEMPERATURE = 4.5
"""Scale of the noise on the confidence at the first step (Chang et al., arXiv 2202.04200, appendix)."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to generate.

    Args:
        condition: The condition of B items.
        null: The condition without which they would be generated, for guidance; None for none.
        length: Number of positions; the most, if the codes can end.
        given: Codes `[B, n, Q]` with which each item begins.
        positions: The positions of the codes.
    """

    condition: Condition
    null: Condition | None
    length: int
    given: Tensor
    positions: Positions


class Order(Protocol):
    """A way to train and sample a backbone."""

    def losses(
        self, codes: Tensor, condition: Condition, positions: Positions, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Cross-entropy in nats of each codebook, summed, and the number of codes in each sum; `[Q]`.

        Args:
            codes: Codes `[B, N, Q]`, ABSENT after the end of an item.
            condition: The condition of B items.
            positions: The positions of the codes.
            generator: Source of the mask.
        """

    def sample(self, request: Request, choice: Choice, generators: Sequence[torch.Generator]) -> list[Tensor]:
        """The codes `[n, Q]` of each item, without the end."""


@dataclass(frozen=True, slots=True)
class Causal:
    """One position after another, codebooks delayed (see `Delay`), for a backbone that is `Incremental`."""

    backbone: Any
    grouped: GroupedCodes
    delay: Delay

    def losses(
        self, codes: Tensor, condition: Condition, positions: Positions, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Of every code, the end included, given all codes before it in the delayed order."""
        targets = self.delay.apply(self._ended(codes))
        inputs = F.pad(targets, (0, 0, 1, 0), value=ABSENT)[:, :-1]
        x = Latents(self.grouped.embed(inputs), positions=positions(0, inputs.shape[1]))
        return self.grouped.losses(_predicted(self.backbone, x, condition), targets)

    def _ended(self, codes: Tensor) -> Tensor:
        """Codes with the code for the end after each item, if there is one."""
        if self.grouped.end is None:
            return codes
        codes = F.pad(codes, (0, 0, 0, 1), value=ABSENT)
        lengths = (codes[..., 0] != ABSENT).sum(1)
        codes[torch.arange(len(codes), device=codes.device), lengths, 0] = self.grouped.end
        return codes

    @torch.no_grad()
    def sample(self, request: Request, choice: Choice, generators: Sequence[torch.Generator]) -> list[Tensor]:
        """Draw one position after another until every item has ended."""
        condition, choice = _guided(request, choice)
        both = choice.guidance != 1
        cache, batch, device = self.backbone.start(condition), len(generators), request.given.device
        given = self.delay.apply(
            F.pad(request.given, (0, 0, 0, max(0, request.length - request.given.shape[1])), value=ABSENT)
        )
        lengths = torch.full((batch,), request.length, device=device)
        books = torch.arange(self.delay.codebooks, device=device) * self.delay.step
        row, rows = torch.full((batch, self.delay.codebooks), ABSENT, device=device), []
        for step in range(given.shape[1]):
            x = self.grouped.embed(row.unsqueeze(1))
            vectors = self.backbone.extend(
                Latents(torch.cat((x, x)) if both else x, positions=request.positions(step, 1)), cache
            )
            row = self._drawn(vectors[:, 0], choice, generators, step)
            row = torch.where(given[:, step] == ABSENT, row, given[:, step])
            if self.grouped.end is not None:
                ending = (row[:, 0] == self.grouped.end) & (step < lengths)
                lengths = torch.where(ending, step, lengths)
            at = step - books  # the position of each codebook's code
            row = torch.where((at >= 0) & (at < lengths.unsqueeze(1)), row, ABSENT)
            if self.grouped.end is not None:
                row[:, 0] = torch.where(lengths == step, self.grouped.end, row[:, 0])
            rows.append(row)
            if bool((step >= lengths + self.delay.extra - 1).all()):
                break
        delayed = F.pad(torch.stack(rows, 1), (0, 0, 0, given.shape[1] - len(rows)), value=ABSENT)
        codes = self.delay.undo(delayed)
        return [one[:length] for one, length in zip(codes, lengths.tolist(), strict=True)]

    def _drawn(self, vectors: Tensor, choice: Choice, generators: Sequence[torch.Generator], step: int) -> Tensor:
        """A code of each codebook, `[B, Q]`; an item does not end before it begins."""
        counts = list(self.grouped.counts)
        noise = torch.split(gumbel((sum(counts),), generators, vectors.device), counts, -1)
        drawn = []
        for q, logits in enumerate(self.grouped.logits(vectors)):
            logits = logits if choice.guidance == 1 else guided(logits, choice.guidance)
            if q == 0 and step == 0 and self.grouped.end is not None:
                logits = logits.index_fill(-1, torch.tensor([self.grouped.end], device=logits.device), -torch.inf)
            drawn.append(draw(logits, noise[q], choice))
        return torch.stack(drawn, dim=-1)


@dataclass(frozen=True, slots=True)
class Masked:
    """All positions at once, in a few steps that each keep the surest codes (MaskGIT, arXiv 2202.04200).

    Each code of each codebook is masked by itself. Items that can end are filled up to `longest` positions; codes
    after the end are not predicted.

    Attributes:
        longest: Number of positions in training and sampling, if items can end; None for those of the codes.
    """

    backbone: Any
    grouped: GroupedCodes
    longest: int | None = None

    def losses(
        self, codes: Tensor, condition: Condition, positions: Positions, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Of the codes under a mask that covers the fraction cos(pi / 2 u) of each item, u uniform."""
        codes = self._filled(codes)
        batch, count, books = codes.shape
        rank = torch.rand(batch, count * books, generator=generator).argsort(1).argsort(1).to(codes.device)
        fraction = torch.cos(math.pi / 2 * torch.rand(batch, 1, generator=generator)).to(codes.device)
        masked = (rank < (fraction * count * books).clamp_min(1)).view(codes.shape)
        inputs = codes.masked_fill(masked, ABSENT)
        x = Latents(self.grouped.embed(inputs), positions=positions(0, count))
        times = 1 - masked.flatten(1).float().mean(1)
        return self.grouped.losses(_predicted(self.backbone, x, condition, times), codes.masked_fill(~masked, ABSENT))

    def _filled(self, codes: Tensor) -> Tensor:
        """Codes of `longest` positions, with the code for the end in the first codebook after each item."""
        if self.grouped.end is None or self.longest is None:
            return codes
        codes = F.pad(codes, (0, 0, 0, self.longest - codes.shape[1]), value=ABSENT)
        codes[..., 0] = torch.where(codes[..., 0] == ABSENT, self.grouped.end, codes[..., 0])
        return codes

    @torch.no_grad()
    def sample(self, request: Request, choice: Choice, generators: Sequence[torch.Generator]) -> list[Tensor]:
        """Draw all codes at every step, and keep the surest, as many as the cosine schedule says."""
        condition, choice = _guided(request, choice)
        both = choice.guidance != 1
        count = request.length if self.longest is None else self.longest
        given, books = request.given, len(self.grouped.counts)
        codes = F.pad(given, (0, 0, 0, count - given.shape[1]), value=ABSENT).flatten(1)
        fixed = (codes != ABSENT).sum(1).tolist()
        for step in range(choice.steps):
            x = self.grouped.embed(self._seen(codes.view(-1, count, books)))
            x = torch.cat((x, x)) if both else x
            times = (codes != ABSENT).float().mean(1)
            vectors = self.backbone(
                Latents(x, positions=request.positions(0, count)),
                torch.cat((times, times)) if both else times,
                condition,
            )
            drawn, sure = self._drawn(vectors, choice, generators)
            scale = CHOICE_TEMPERATURE * (1 - (step + 1) / choice.steps) if choice.temperature else 0.0
            sure = sure + scale * gumbel(sure.shape[1:], generators, sure.device)
            known = codes != ABSENT
            rank = sure.masked_fill(known, torch.inf).argsort(1, descending=True).argsort(1)
            kept = [revealed(step + 1, choice.steps, codes.shape[1] - few) + few for few in fixed]
            codes = torch.where((rank < rank.new_tensor(kept).unsqueeze(1)) & ~known, drawn, codes)
        return [self._cut(one) for one in codes.view(-1, count, books)]

    def _drawn(self, vectors: Tensor, choice: Choice, generators: Sequence[torch.Generator]) -> tuple[Tensor, Tensor]:
        """A code at each place and its log-probability, `[B, N * Q]`."""
        drawn, sure = [], []
        for q, logits in enumerate(self.grouped.logits(vectors)):
            logits = logits if choice.guidance == 1 else guided(logits, choice.guidance)
            if q == 0 and self.grouped.end is not None:  # at least one position
                logits = logits.clone()
                logits[:, 0, self.grouped.end] = -torch.inf
            codes = draw(logits, gumbel(logits.shape[1:], generators, logits.device), choice)
            drawn.append(codes)
            sure.append(narrowed(logits, choice).log_softmax(-1).gather(-1, codes.unsqueeze(-1)).squeeze(-1))
        return torch.stack(drawn, -1).flatten(1), torch.stack(sure, -1).flatten(1)

    def _seen(self, codes: Tensor) -> Tensor:
        """Codes `[B, N, Q]` as in training, where those of the other codebooks are absent after the end."""
        if self.grouped.end is None:
            return codes
        after = ((codes[..., :1] == self.grouped.end).cumsum(1) > 0).expand(codes.shape).clone()
        after[..., 0] = False
        return codes.masked_fill(after, ABSENT)

    def _cut(self, codes: Tensor) -> Tensor:
        """The codes `[n, Q]` before the first code for the end."""
        if self.grouped.end is None:
            return codes
        ends = (codes[:, 0] == self.grouped.end).nonzero()
        return codes[: int(ends[0])] if len(ends) else codes


def revealed(step: int, steps: int, count: int) -> int:
    """How many of `count` codes are known after this many of all steps, by the cosine schedule: at least one a step."""
    if step == steps:
        return count
    return min(count, max(step, count - math.floor(count * math.cos(math.pi / 2 * step / steps))))


def _guided(request: Request, choice: Choice) -> tuple[Condition, Choice]:
    """With guidance, both conditions as one of 2 B items; without, the condition, and a guidance of 1."""
    if request.null is None or choice.guidance == 1:
        return request.condition, replace(choice, guidance=1.0)
    return paired(request.condition, request.null), choice


def _predicted(backbone: Any, x: Latents, condition: Condition, times: Tensor | None = None) -> Tensor:
    """The prediction in training; embeddings enter in the lower precision under autocast."""
    kind = x.x.device.type
    vectors = x.x.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else x.x
    prediction: Tensor = backbone(x.with_x(vectors), times, condition)
    return prediction
