"""A voice or a mixture of voices: how callers name it, its weights, and its vector. Imports no torch."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mmzoo.errors import InputError
from mmzoo.interfaces.options import number

if TYPE_CHECKING:
    from torch import Tensor, nn

VoiceChoice = str | Mapping[str, float] | None
"""One of a model's voices, a mapping of several to their weights, or None for the first."""


def voice_weights(voice: VoiceChoice, voices: Sequence[str], model: str) -> tuple[float, ...]:
    """The weight of each of a model's voices; they sum to 1.

    Args:
        voice: A voice, or voices and their weights, which need not sum to 1; None for the first.
        voices: All voices of the model.
        model: The model's name, for messages.

    Raises:
        InputError: A voice is unknown, a weight is negative or not finite, or all are 0.
    """
    alone = voices[0] if voice is None else voice
    weights = [0.0] * len(voices)
    given: Iterable[tuple[Any, Any]] = voice.items() if isinstance(voice, Mapping) else [(alone, 1.0)]
    for name, weight in given:
        if name not in voices:
            raise InputError(f"{model or 'This model'} has no voice {name!r}; it has {', '.join(voices)}.")
        weights[voices.index(name)] = number(f"The weight of the voice {name}", weight, 0, sys.float_info.max)
    largest = max(weights)
    if not largest:
        raise InputError(f"voice must give at least one of {', '.join(voices)} a weight above 0, not {voice!r}.")
    scaled = [weight / largest for weight in weights]  # their sum cannot overflow
    total = math.fsum(scaled)
    return tuple(weight / total for weight in scaled)


def written_voice(text: str | None, voices: Sequence[str]) -> VoiceChoice:
    """What the option `--voice` says: a voice, or a mixture such as `ann:0.6,bob:0.4`.

    Args:
        text: The option's value; None if it is not given.
        voices: All voices of the model.

    Raises:
        InputError: It looks like a mixture, but is not written like one.
    """
    if text is None or text in voices or not set(text) & set(":,"):
        return text
    mixture: dict[str, float] = {}
    try:
        for part in text.split(","):
            name, _, weight = (piece.strip() for piece in part.rpartition(":"))
            if name in mixture:
                raise ValueError(f"{name} is named twice")
            try:
                mixture[name] = float(weight)
            except ValueError:
                raise ValueError(f"{part.strip()!r} gives no weight") from None
    except ValueError as error:
        raise InputError(
            f"--voice must be one of {', '.join(voices)}, or a mixture written VOICE:WEIGHT,VOICE:WEIGHT, not"
            f" {text[:80]!r}: {error}."
        ) from None
    return mixture


def mixed(voices: nn.Embedding, weights_BV: Tensor) -> Tensor:
    """Vectors `[B, D]`: the means of the voices' vectors with these weights, which sum to 1.

    Sums products instead of multiplying matrices, which may round, so that a voice alone keeps its exact vector.
    """
    table = voices.weight
    return (weights_BV.unsqueeze(-1).to(table) * table).sum(1)
