"""Training examples of speech to speech: speech as a model will hear it, and the codes of what it should become."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mmzoo.data import packed, packed_audio
from mmzoo.errors import DataError
from mmzoo.interfaces import Audio, Tokenizer
from mmzoo_tts.examples import encoded_speech, speakers
from mmzoo_tts.speech_to_speech import noises, warping
from mmzoo_tts.speech_to_speech.level import Samples, leveled

if TYPE_CHECKING:
    from datasets import Dataset

ITSELF = 0.25
"""Fraction of the examples of conversion whose source is the target itself, with another pitch and other formants."""
CLEAN, REVERBERANT = 0.15, 0.25
"""Fractions of the sources without noise, and with reverberation, if noise is asked for at all."""


@dataclass(frozen=True, slots=True)
class Spoiling:
    """How the sources of training are changed each time they are drawn.

    Attributes:
        spread: Largest change of speed, pitch and formants, as a fraction.
        snr_db: Lowest and highest signal-to-noise ratio of added noise in dB; None for no noise.
    """

    spread: float = 0.0
    snr_db: tuple[float, float] | None = None

    def spoiled(self, speech: Samples, rate: int, generator: np.random.Generator, voices: noises.Voices) -> Samples:
        """Speech with noise and reverberation."""
        if self.snr_db is None:
            return speech
        if generator.random() < REVERBERANT:
            speech = noises.reverberant(speech, rate, generator)
        if generator.random() < CLEAN:
            return speech
        kind = str(generator.choice(noises.TRAINED))
        added = noises.noise(kind, len(speech), rate, generator, voices)
        return noises.mixed(speech, added, generator.uniform(*self.snr_db))


class SpokenPairs:
    """Pairs of a source and a target that says the same, in time with it.

    With voices, the targets are the rows of these voices, and their sources are all rows with the same text. Without
    voices, every row is a target, and its own source.

    Args:
        rows: A dataset with the column `audio`; with voices also `text` and `speaker`, and perhaps `phones` and
            `phone_ends_s`.
        tokenizer: Makes the codes.
        voices: The model's voices; may be empty.
        cache: Folder in which audio, codes and time maps are kept.
        spoiling: How sources are changed.

    Raises:
        DataError: There are no rows, or none of these voices.
    """

    keys = ("speech", "speech_mask", "codes", "codes_mask", "places", "voice")

    def __init__(
        self, rows: Dataset, tokenizer: Tokenizer, voices: Sequence[str], cache: Path, spoiling: Spoiling
    ) -> None:
        assert tokenizer.sample_rate is not None and tokenizer.rate is not None
        self.sample_rate, self.rate, self.spoiling = tokenizer.sample_rate, tokenizer.rate, spoiling
        self.audio, self.starts = packed_audio(rows, cache, self.sample_rate)
        names = speakers(rows)
        self.targets = [index for index, name in enumerate(names) if not voices or name in voices]
        if not self.targets:
            raise DataError(
                f"The dataset has the speakers {', '.join(sorted(set(names)))}, and none of the model's voices"
                f" {', '.join(voices)}; set head.voices."
            )
        self.labels = [names[index] for index in self.targets]
        self.voices = [voices.index(label) if voices else 0 for label in self.labels]
        targets = rows if len(self.targets) == len(rows) else rows.select(self.targets)
        self.codes, self.offsets = encoded_speech(targets, tokenizer, cache, prepare=at_level, name="codes-leveled")
        self.lengths = np.diff(self.offsets).tolist()
        self.same: dict[int, list[int]] = {}
        if voices:
            by_text = defaultdict(list)
            for index, text in enumerate(rows["text"]):
                by_text[text].append(index)
            self.same = {index: others for others in by_text.values() if len(others) > 1 for index in others}
        self.maps = self._maps(rows, cache) if self.same else None

    def __len__(self) -> int:
        return len(self.targets)

    def example(self, index: int, generator: torch.Generator) -> dict[str, Tensor]:
        """A source and a target.

        Returns:
            speech: Samples of the source, float32 `[T]`.
            codes: Of the target, int64 `[N, Q]`.
            places: Where the source says what each latent of the target says, in latents, float32 `[N]`.
            voice: Index of the target's voice, `[]`.
        """
        drawn = np.random.default_rng(int(torch.randint(1 << 62, (), generator=generator)))
        target = self.targets[index]
        others = [other for other in self.same.get(target, ()) if other != target]
        source = target if not others or drawn.random() < ITSELF else int(drawn.choice(others))
        codes = self.codes[self.offsets[index] : self.offsets[index + 1]].astype(np.int64)
        times: warping.Times = (np.arange(len(codes), dtype=np.float64) + 0.5) / self.rate
        if source != target:
            times = warping.between(self._map(source), self._map(target), times)
        speech = self._samples(source)
        if self.spoiling.spread:
            factor = (1 + self.spoiling.spread) ** drawn.uniform(-1, 1)
            places = np.arange(0, len(speech) - 1, factor)
            speech = np.interp(places, np.arange(len(speech)), speech).astype(np.float32)
            times = times / factor
        spoiled = self.spoiling.spoiled(speech, self.sample_rate, drawn, self._somebody)
        return {
            "speech": torch.from_numpy(leveled(spoiled, self.sample_rate)),
            "codes": torch.from_numpy(codes),
            "places": torch.from_numpy((times * self.rate - 0.5).astype(np.float32)),
            "voice": torch.tensor(self.voices[index]),
        }

    def collate(self, examples: list[dict[str, Tensor]]) -> Mapping[str, Tensor]:
        """speech and its mask `[B, T]`, codes `[B, N, Q]`, their mask and places `[B, N]`, voice `[B]`."""
        padded = {
            key: pad_sequence([one[key] for one in examples], batch_first=True) for key in ("speech", "codes", "places")
        }
        masks = {
            f"{key}_mask": torch.arange(padded[key].shape[1]) < torch.tensor([[len(one[key])] for one in examples])
            for key in ("speech", "codes")
        }
        return {**padded, **masks, "voice": torch.stack([one["voice"] for one in examples])}

    def _samples(self, row: int) -> Samples:
        return np.asarray(self.audio[self.starts[row] : self.starts[row + 1]], np.float32) / np.float32(32768)

    def _seconds(self, row: int) -> float:
        return float(self.starts[row + 1] - self.starts[row]) / self.sample_rate

    def _somebody(self, count: int, generator: np.random.Generator) -> Samples:
        """`count` samples from anywhere in the dataset."""
        start = int(generator.integers(max(1, len(self.audio) - count)))
        return np.resize(np.asarray(self.audio[start : start + count], np.float32), count) / np.float32(32768)

    def _map(self, row: int) -> warping.Times:
        assert self.maps is not None
        times, offsets = self.maps
        return times[offsets[row] : offsets[row + 1]].astype(np.float64)

    def _maps(self, rows: Dataset, cache: Path) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """The time map of each row (see `warping`), concatenated, and the offsets of the rows."""
        timed = {"phones", "phone_ends_s"} <= set(rows.column_names)
        phones: list[tuple[Any, Any]] = [(None, None)] * len(rows)
        if timed:
            phones = list(zip(rows["phones"], rows["phone_ends_s"], strict=True))

        numbers = iter(range(len(rows)))

        def times(row: Mapping[str, Any]) -> np.ndarray[Any, Any]:
            number = next(numbers)  # rows come in order
            first = self.same.get(number, [number])[0]
            found = None
            if all(phones[number]) and all(phones[first]):
                found = warping.by_phones(phones[first], phones[number], self._seconds(first))
            if found is None:
                found = warping.by_sound(self._samples(first), self._samples(number), self.sample_rate)
            return found.astype(np.float32)

        return packed(rows, cache, f"times-{warping.RATE}-{self.sample_rate}", times, doing="comparing utterances")


def at_level(audio: Audio) -> Audio:
    """The speech at the loudness of all models of speech to speech."""
    return replace(audio, samples=leveled(audio.samples, audio.sample_rate))
