"""The speech tokenizer on exported graphs, without torch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mmzoo.data import as_audio, as_batch
from mmzoo.errors import InputError
from mmzoo.interfaces import PADDING_CODE, Audio, Exported, Runner
from mmzoo.interfaces.codes import Codes, check_one, check_range, check_width, code_array
from mmzoo_vqvae.waveform import SourceFilter

Array = np.ndarray[Any, np.dtype[Any]]


class SpeechCodec(Runner):
    """Speech to codes and back; see `mmzoo_vqvae.speech_tokenizer.SpeechVQVAE`. Codes are int64 arrays."""

    modality = "speech"

    def __init__(self, exported: Exported) -> None:
        super().__init__(exported)
        settings = exported.settings
        self.dim: int = settings["dim"]
        self.codebook_sizes = tuple(settings["codebook_sizes"])
        self.sample_rate: int = settings["sample_rate"]
        self.samples_per_latent: int = settings["samples_per_latent"]
        source = settings["source"]
        self._source = None if source is None else SourceFilter(self.sample_rate, **source)

    @property
    def rate(self) -> float:
        """Latents per second."""
        return self.sample_rate / self.samples_per_latent

    @property
    def bits_per_latent(self) -> float:
        """Bits per latent: the sum of log2 of the codebook sizes."""
        return sum(math.log2(size) for size in self.codebook_sizes)

    def tokenize(self, audio: Any) -> Codes:
        """Encode speech as codes int64 `[1, N, Q]`, or a list of B items as `[B, N, Q]`, padded with -1.

        Raises:
            InputError: There is no audio, or an item is unreadable, empty, too long or has samples that are not finite.
        """
        items = as_batch(audio)
        codes = [self._encode(self._audio(item).samples) for item in ([audio] if items is None else items)]
        if not codes:
            raise InputError("Cannot tokenize an empty list of audio.")
        longest = max(len(one) for one in codes)
        padded = [np.pad(one, ((0, longest - len(one)), (0, 0)), constant_values=PADDING_CODE) for one in codes]
        return np.stack(padded)

    def reconstruct(self, codes: Any) -> Audio:
        """Decode the codes of one item, integers `[1, N, Q]`. Raises InputError for any others."""
        given = code_array(codes)
        check_one(given.shape)
        check_width(given.shape, len(self.codebook_sizes))
        check_range(given, np.array(self.codebook_sizes))
        results = self.graphs["decode"](codes=given)
        samples = results[0][0] if self._source is None else self._source.synthesize(results[0][0], results[1][0])
        return Audio(samples, self.sample_rate)

    def __call__(self, audio: Any) -> Audio:
        """Reconstruct audio from its codes."""
        audio = self._audio(audio)
        copy = self.reconstruct(self.tokenize(audio))
        return Audio(copy.samples[: len(audio.samples)], copy.sample_rate, audio.segments)

    def quantize_latents(self, latents: Array) -> Codes:
        """The codes `[1, N, Q]` nearest to standardized latents `[1, N, D]`."""
        codes: Codes = self.graphs["quantize"](latents=latents)[0]
        return codes

    def specimen(self, number: int) -> Audio:
        """A copy of a synthetic sound."""
        return self(buzz(self.sample_rate, number))

    def _audio(self, source: Any) -> Audio:
        return as_audio(source, self.sample_rate, allow_silence=True)

    def _encode(self, samples: Array) -> Codes:
        if self._source is None:
            return np.asarray(self.graphs["encode"](samples=samples[None])[0][0])
        samples = np.pad(samples, (0, -len(samples) % self.samples_per_latent))
        return np.asarray(self.graphs["encode"](features=self._source.features(samples)[None])[0][0])


def buzz(sample_rate: int, number: int) -> Audio:
    """Three seconds of a gliding, pulsing tone with harmonics and noise."""
    time = np.arange(3 * sample_rate) / sample_rate
    phase = 2 * np.pi * ((100 + 20 * number) * time + 15 * time**2)
    tone = sum(np.sin(k * phase) / k for k in range(1, 20)) * np.sin(np.pi * 2 * time) ** 2
    noise = np.random.RandomState(number).standard_normal(len(time))
    return Audio((0.1 * tone + 0.01 * noise).astype(np.float32), sample_rate)
