"""The judge `whisper`: OpenAI's Whisper base, run by faster-whisper, a listener that knows everyday English."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version
from typing import Any

from mmzoo.data import cache_dir, resample
from mmzoo.evaluation.speech import Heard
from mmzoo.interfaces import Audio

SAMPLE_RATE = 16000
SIZE = "base"


class Whisper:
    """Transcribes words; it knows no phones.

    The weights are read from the folder `judge/whisper-base` of mmzoo's cache (CTranslate2's layout) if it exists;
    otherwise faster-whisper downloads them from the Hub.
    """

    @property
    def name(self) -> str:
        """The judge and its version, as reported with every number."""
        return f"Whisper {SIZE} (faster-whisper {version('faster-whisper')}, int8)"

    @cached_property
    def _model(self) -> Any:
        from faster_whisper import WhisperModel

        folder = cache_dir() / "judge" / f"whisper-{SIZE}"
        where = str(folder) if (folder / "model.bin").is_file() else SIZE
        return WhisperModel(where, device="cpu", compute_type="int8", cpu_threads=os.cpu_count() or 1)

    @cached_property
    def _digits(self) -> list[int]:
        """Tokens with a digit or a currency, which are suppressed so that numbers are written in words."""
        words = self._model.hf_tokenizer.get_vocab()
        return [
            token for text, token in words.items() if not text.startswith("<|") and set(text) & set("0123456789$%£€")
        ]

    def listen(self, sounds: Sequence[Audio], *, description: str = "listening") -> list[Heard]:
        """Transcribe every sound by itself, with a beam of 5 and without timestamps."""
        from tqdm import tqdm

        heard = []
        for sound in tqdm(sounds, desc=description, unit="sound", disable=None, leave=False):
            segments, _ = self._model.transcribe(
                resample(sound.samples, sound.sample_rate, SAMPLE_RATE), language="en", beam_size=5, temperature=0.0,
                condition_on_previous_text=False, without_timestamps=True, suppress_tokens=[-1, *self._digits],
            )  # fmt: skip
            heard.append(Heard(" ".join(segment.text.strip() for segment in segments).lower(), ()))
        return heard

    def phones_in(self, phones: Sequence[str], phone_set: str | None) -> list[str]:
        """Nothing: it transcribes no phones."""
        return []

    def fit(
        self, sounds: Sequence[Audio], texts: Sequence[Sequence[str]], *, description: str = "aligning"
    ) -> list[list[float]]:
        """Unknown for every text: it aligns no words."""
        return [[] for _ in sounds]
