"""The judge `whisper`: OpenAI's Whisper base, run by faster-whisper, a listener that knows everyday English."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mmzoo.data import cache_dir, resample
from mmzoo.errors import DataError, InputError
from mmzoo.evaluation.speech import Heard
from mmzoo.interfaces import Audio
from mmzoo.safe_text import one_line
from mmzoo_datasets.judges.verdicts import kept

SAMPLE_RATE = 16000
WEIGHTS_NAME = "model.bin"


class Whisper:
    """Transcribes words; it knows no phones.

    Args:
        weights: A folder with weights in CTranslate2's layout, or a size such as `base` or `small`. A size is read from
            the folder `judge/whisper-SIZE` of mmzoo's cache if it exists; otherwise faster-whisper downloads it from
            the Hub.

    Raises:
        InputError: The folder has no weights, or there is no such size.
    """

    languages = ("en", "ru")

    def __init__(self, weights: str = "base") -> None:
        from faster_whisper import available_models

        folder = Path(weights).expanduser()
        own = cache_dir() / "judge" / f"whisper-{weights}"
        self._given = next((path for path in (folder, own) if (path / WEIGHTS_NAME).is_file()), None)
        if self._given is None and weights not in available_models():
            raise InputError(
                f"whisper:{weights[:200]} is neither a folder with {WEIGHTS_NAME} nor one of the sizes"
                f" {', '.join(available_models())}."
            )
        self._size = folder.resolve().name.removeprefix("whisper-") if self._given == folder else weights

    @property
    def name(self) -> str:
        """The judge and its version, as reported with every number."""
        return f"Whisper {self._size} (faster-whisper {version('faster-whisper')}, int8)"

    def fetch(self) -> None:
        """Download the weights unless they are here. Raises DataError."""
        _ = self._folder

    @cached_property
    def _folder(self) -> Path:
        if self._given is not None:
            return self._given
        from faster_whisper import download_model

        try:
            return Path(download_model(self._size))
        except Exception as error:  # of the Hub's library, of its HTTP library, or of the system
            raise DataError(
                f"The weights of Whisper {self._size} are not on this machine and cannot be downloaded"
                f" ({one_line(str(error))[:200]}); name a folder that has them, as in --judge whisper:FOLDER."
            ) from error

    @cached_property
    def _model(self) -> Any:
        from faster_whisper import WhisperModel

        threads = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
        return WhisperModel(str(self._folder), device="cpu", compute_type="int8", cpu_threads=threads)

    @cached_property
    def _digits(self) -> list[int]:
        """Tokens with a digit or a currency, which are suppressed so that numbers are written in words."""
        words = self._model.hf_tokenizer.get_vocab()
        return [
            token for text, token in words.items() if not text.startswith("<|") and set(text) & set("0123456789$%£€")
        ]

    def listen(self, sounds: Sequence[Audio], *, description: str = "listening", language: str = "en") -> list[Heard]:
        """Transcribe every sound by itself, with a beam of 5 and without timestamps; earlier verdicts are cached."""
        heard = [resample(sound.samples, sound.sample_rate, SAMPLE_RATE) for sound in sounds]

        def transcribe(todo: list[int]) -> Iterator[str]:
            for index in todo:
                segments, _ = self._model.transcribe(
                    heard[index], language=language, beam_size=5, temperature=0.0, condition_on_previous_text=False,
                    without_timestamps=True, suppress_tokens=[-1, *self._digits],
                )  # fmt: skip
                yield " ".join(segment.text.strip() for segment in segments).lower()

        settings = [
            self.name,
            str((self._folder / WEIGHTS_NAME).stat().st_size),
            *([language] if language != "en" else []),
        ]
        texts = kept(" ".join(settings), [samples.tobytes() for samples in heard], transcribe, description)
        return [Heard(text, ()) for text in texts]

    def phones_in(self, phones: Sequence[str], phone_set: str | None) -> list[str]:
        """Nothing: it transcribes no phones."""
        return []

    def fit(
        self, sounds: Sequence[Audio], texts: Sequence[Sequence[str]], *, description: str = "aligning"
    ) -> list[list[float]]:
        """Unknown for every text: it aligns no words."""
        return [[] for _ in sounds]
