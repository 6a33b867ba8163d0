"""How the audio of chunks is finished and joined: fades, exact pauses, and segments with their times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mmzoo.interfaces import Audio, Segment

FADE_S = 0.01

Samples = np.ndarray[Any, np.dtype[np.float32]]


def finish(audio: Audio, lead: float | None = None, tail: float | None = None) -> Audio:
    """A synthesized chunk with faded ends and the pauses that its text asks for.

    Where there is such a pause, the chunk keeps FADE_S of its own, and zeros make up the rest. Counted in samples, the
    pause is exact.

    Args:
        audio: The chunk, with a segment for each phone; the first and last are pauses.
        lead: Seconds of silence before its first sound; None keeps the chunk's own pause.
        tail: Seconds of silence after its last sound; None keeps the chunk's own pause.
    """
    samples, rate, phones = audio.samples, audio.sample_rate, audio.segments
    first, last = round(phones[0].end * rate), round(phones[-1].start * rate)
    begin, end, before, after = 0, len(samples), 0, 0
    if tail is not None:
        end = min(end, last + round(min(tail, FADE_S) * rate))
        after = max(0, round(tail * rate) - (end - last))
    if lead is not None:
        begin = max(0, first - round(min(lead, FADE_S) * rate))
        before = max(0, round(lead * rate) - (first - begin))
    kept = fade(samples[begin:end], rate)
    if lead is None and tail is None:
        return replace(audio, samples=kept)
    samples = np.concatenate([np.zeros(before, np.float32), kept, np.zeros(after, np.float32)])
    seconds = (before - begin) / rate
    moved = [shift(segment, seconds) for segment in phones]
    # At a pause the times are those of samples, so that they are exact too.
    if lead is not None:
        sound = (before + first - begin) / rate
        moved[0] = replace(moved[0], start=0.0, end=sound)
        moved[1] = replace(moved[1], start=sound)
    if tail is not None:
        silence = (before + last - begin) / rate
        moved[-2] = replace(moved[-2], end=silence)
        moved[-1] = replace(moved[-1], start=silence, end=len(samples) / rate)
    return replace(audio, samples=samples, segments=tuple(moved))


def shift(segment: Segment, seconds: float) -> Segment:
    """The segment, this much later."""
    return replace(segment, start=segment.start + seconds, end=segment.end + seconds)


def fade(samples: Samples, sample_rate: int) -> Samples:
    """Fade both ends over 10 ms with a raised cosine, so that chunks join without clicks."""
    count = min(int(FADE_S * sample_rate), len(samples) // 2)
    if count == 0:
        return samples
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(count) + 0.5) / count)).astype(np.float32)
    samples = samples.copy()
    samples[:count] *= ramp
    samples[-count:] *= ramp[::-1]
    return samples


def join(chunks: Sequence[Audio]) -> Audio:
    """Concatenate the chunks of a stream, with their segments and notes; a word that was cut is one segment again."""
    segments: list[Segment] = []
    word = -1  # index of the last word
    for segment in (segment for chunk in chunks for segment in chunk.segments):
        if segment.kind == "word" and not segment.text and word >= 0:
            segments[word] = replace(segments[word], end=segment.end)
            continue
        if segment.kind == "word":
            word = len(segments)
        segments.append(segment)
    return Audio(
        np.concatenate([chunk.samples for chunk in chunks]),
        chunks[0].sample_rate,
        tuple(segments),
        tuple(note for chunk in chunks for note in chunk.notes),
    )
