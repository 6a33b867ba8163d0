"""Training examples of speech to speech: speech as a model will hear it, and the codes of what it should become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mmzoo.data import packed_audio
from mmzoo.errors import ConfigError, DataError
from mmzoo.interfaces import Audio, Tokenizer
from mmzoo_tts.examples import encoded_speech, speakers
from mmzoo_tts.speech_to_speech import noises
from mmzoo_tts.speech_to_speech.level import Samples, leveled
from mmzoo_tts.text.phones import phone_ids

if TYPE_CHECKING:
    from datasets import Dataset

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


def spoiling(spread: float, snr_db: Sequence[float] | None) -> Spoiling:
    """What a config says. ConfigError if the ratios are not the lowest and the highest."""
    if snr_db is None:
        return Spoiling(spread)
    if len(snr_db) != 2 or snr_db[0] > snr_db[1]:
        raise ConfigError(f"head: snr_db is {snr_db}; give the lowest and the highest ratio.", path="snr_db")
    return Spoiling(spread, (snr_db[0], snr_db[1]))


class _Sounds:
    """The sounds of a dataset, which are spoiled each time they are drawn.

    Args:
        rows: A dataset with the column `audio`.
        sample_rate: In Hz.
        cache: Folder in which they are kept.
        spoiling: How they are changed.
    """

    def __init__(self, rows: Dataset, sample_rate: int, cache: Path, spoiling: Spoiling) -> None:
        self.sample_rate, self.spoiling = sample_rate, spoiling
        self.audio, self.starts = packed_audio(rows, cache, sample_rate)

    def samples(self, row: int) -> Samples:
        """Those of a row, float32 `[T]`."""
        return np.asarray(self.audio[self.starts[row] : self.starts[row + 1]], np.float32) / np.float32(32768)

    def drawn(self, row: int, generator: np.random.Generator) -> tuple[Tensor, float]:
        """The samples of a row as a model hears them, `[T]`, and how much faster than it they are."""
        speech, factor = self.samples(row), 1.0
        if self.spoiling.spread:
            factor = (1 + self.spoiling.spread) ** generator.uniform(-1, 1)
            places = np.arange(0, len(speech) - 1, factor)
            speech = np.interp(places, np.arange(len(speech)), speech).astype(np.float32)
        spoiled = self.spoiling.spoiled(speech, self.sample_rate, generator, self._somebody)
        return torch.from_numpy(leveled(spoiled, self.sample_rate)), factor

    def _somebody(self, count: int, generator: np.random.Generator) -> Samples:
        """`count` samples from anywhere in the dataset."""
        start = int(generator.integers(max(1, len(self.audio) - count)))
        return np.resize(np.asarray(self.audio[start : start + count], np.float32), count) / np.float32(32768)


class HeardPhones:
    """Speech as a model hears it, and its phones with times.

    Args:
        rows: A dataset with the columns `audio`, `phones` and `phone_ends_s`.
        phones: The model's phones; every phone must be one of them.
        sample_rate: In Hz.
        rate: Latents per second.
        cache: Folder in which the audio is kept.
        spoiling: How the speech is changed.

    Raises:
        DataError: There are no rows, or a phone is unknown.
    """

    keys = ("speech", "speech_mask", "phones", "ends", "phone_mask")

    def __init__(
        self, rows: Dataset, phones: Sequence[str], sample_rate: int, rate: float, cache: Path, spoiling: Spoiling
    ) -> None:
        self.sounds = _Sounds(rows, sample_rate, cache, spoiling)
        try:
            self.phones = [torch.tensor(phone_ids(spoken, phones)) for spoken in rows["phones"]]
        except KeyError as error:
            raise DataError(
                f"The dataset has the phone {error}, which the model lacks; add it to head.phones."
            ) from error
        self.ends = [torch.tensor(ends, dtype=torch.float32) for ends in rows["phone_ends_s"]]
        self.labels = speakers(rows)
        self.lengths = np.ceil(np.diff(self.sounds.starts) * rate / sample_rate).astype(int).tolist()

    def __len__(self) -> int:
        return len(self.phones)

    def example(self, index: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Samples of speech `[T]`; its phones and their ends in seconds `[P]`."""
        speech, factor = self.sounds.drawn(index, _numpy(generator))
        return {"speech": speech, "phones": self.phones[index], "ends": self.ends[index] / factor}

    def collate(self, examples: list[dict[str, Tensor]]) -> Mapping[str, Tensor]:
        """speech and its mask `[B, T]`; phones, ends and phone_mask `[B, P]`."""
        speech, speech_mask = _padded([one["speech"] for one in examples])
        phones, phone_mask = _padded([one["phones"] for one in examples])
        ends, _ = _padded([one["ends"] for one in examples])
        return {
            "speech": speech, "speech_mask": speech_mask, "phones": phones, "ends": ends, "phone_mask": phone_mask
        }  # fmt: skip


class NoisySpeech:
    """Speech with noise, and the codes of the same speech without it.

    Args:
        rows: A dataset with the column `audio`.
        tokenizer: Makes the codes.
        cache: Folder in which audio and codes are kept.
        spoiling: How noise is added.

    Raises:
        DataError: There are no rows.
    """

    keys = ("speech", "speech_mask", "codes", "codes_mask")

    def __init__(self, rows: Dataset, tokenizer: Tokenizer, cache: Path, spoiling: Spoiling) -> None:
        assert tokenizer.sample_rate is not None
        self.sounds = _Sounds(rows, tokenizer.sample_rate, cache, spoiling)
        self.codes, self.offsets = encoded_speech(rows, tokenizer, cache, prepare=at_level, name="codes-leveled")
        self.lengths = np.diff(self.offsets).tolist()
        self.labels = speakers(rows)

    def __len__(self) -> int:
        return len(self.lengths)

    def example(self, index: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Samples of noisy speech `[T]`, and codes of the clean speech `[N, Q]`."""
        codes = self.codes[self.offsets[index] : self.offsets[index + 1]].astype(np.int64)
        return {"speech": self.sounds.drawn(index, _numpy(generator))[0], "codes": torch.from_numpy(codes)}

    def collate(self, examples: list[dict[str, Tensor]]) -> Mapping[str, Tensor]:
        """speech `[B, T]` and codes `[B, N, Q]`, each with its mask `[B, T]` and `[B, N]`."""
        speech, speech_mask = _padded([one["speech"] for one in examples])
        codes, codes_mask = _padded([one["codes"] for one in examples])
        return {"speech": speech, "speech_mask": speech_mask, "codes": codes, "codes_mask": codes_mask}


def _numpy(generator: torch.Generator) -> np.random.Generator:
    return np.random.default_rng(int(torch.randint(1 << 62, (), generator=generator)))


def _padded(items: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Items of different lengths as a batch, and what is not padding `[B, N]`."""
    lengths = torch.tensor([len(item) for item in items])
    padded = pad_sequence(items, batch_first=True)
    return padded, torch.arange(padded.shape[1]) < lengths.unsqueeze(1)


def at_level(audio: Audio) -> Audio:
    """The speech at the loudness of all models of speech to speech."""
    return replace(audio, samples=leveled(audio.samples, audio.sample_rate))
