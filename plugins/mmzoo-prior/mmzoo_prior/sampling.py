"""Drawing codes from logits: temperature, top-k, top-p, and one generator for each item of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mmzoo.interfaces.options import integer, number


@dataclass(frozen=True, slots=True)
class Choice:
    """Checked options of how codes are drawn.

    Args:
        temperature: Divides the logits; 0 takes the most probable code.
        top_k: Number of most probable codes to draw from; None for all.
        top_p: Draw from the most probable codes that together have at least this probability; 1 for all.
        guidance: Scale of classifier-free guidance, 1 for none.
        steps: Number of steps of a masked transformer.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    guidance: float = 1.0
    steps: int = 12


def checked_choice(temperature: Any, top_k: Any, top_p: Any, guidance: Any, steps: Any) -> Choice:
    """The options, checked. Raises InputError."""
    return Choice(
        number("temperature", temperature, 0, 100),
        None if top_k is None else integer("top_k", top_k, 1),
        number("top_p", top_p, 0, 1),
        number("guidance", guidance, 0, 100),
        integer("steps", steps, 1),
    )


def narrowed(logits: Tensor, choice: Choice) -> Tensor:
    """Logits `[..., K]` divided by the temperature, -inf for codes that top-k and top-p leave out.

    The most probable code is never left out; of codes with equal logits at the limit of top-k, all stay.
    """
    logits = logits / choice.temperature if choice.temperature else logits
    if choice.top_k is not None and choice.top_k < logits.shape[-1]:
        least = logits.topk(choice.top_k).values[..., -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    if choice.top_p < 1:
        ordered, order = logits.sort(descending=True)
        probabilities = ordered.softmax(-1)
        before = probabilities.cumsum(-1) - probabilities
        out = before >= choice.top_p
        out[..., 0] = False
        logits = logits.masked_fill(torch.zeros_like(out).scatter(-1, order, out), -torch.inf)
    return logits


def gumbel(shape: Sequence[int], generators: Sequence[torch.Generator], device: torch.device) -> Tensor:
    """Gumbel noise `[B, *shape]`; item i is drawn from generator i, whatever else is in the batch."""
    uniform = torch.stack([torch.rand(tuple(shape), generator=generator) for generator in generators])
    return -(-uniform.clamp(1e-9, 1 - 1e-7).log()).log().to(device)


def draw(logits: Tensor, noise: Tensor, choice: Choice) -> Tensor:
    """One code for each row of logits `[B, ..., K]`, by the Gumbel-max trick; noise has the shape of the logits."""
    if choice.temperature == 0:
        return logits.argmax(-1)
    return (narrowed(logits, choice) + noise).argmax(-1)


def guided(logits: Tensor, scale: float) -> Tensor:
    """Logits of B items from those of 2B, with the condition and then without it."""
    conditional, unconditional = logits.log_softmax(-1).chunk(2)
    return torch.lerp(unconditional, conditional, scale)
