"""Shared parts of speech evaluations: held-out sentences, judged rows of sounds, and their differences."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mmzoo.data import decode_audio
from mmzoo.evaluation.words import ErrorRate, difference, plain, repeats
from mmzoo.interfaces.values import Audio

GARBLED = 0.01
"""The fraction of the reference's words that count as garbled, which sets the threshold."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a judge heard: words in lowercase, and phones of the judge's set without silences."""

    words: str
    phones: tuple[str, ...]


class Listener(Protocol):
    """The interface of a judge of speech."""

    @property
    def name(self) -> str:
        """The judge and its version, as reported with every number."""

    def listen(self, sounds: Sequence[Audio], *, description: str = ...) -> list[Heard]:
        """Transcribe each sound."""

    def phones_in(self, phones: Sequence[str], phone_set: str | None) -> list[str]:
        """Phones as `listen` writes them, without pauses; empty if the judge does not know the phone set."""

    def fit(
        self, sounds: Sequence[Audio], texts: Sequence[Sequence[str]], *, description: str = ...
    ) -> list[list[float]]:
        """How well each word of a known text fits its sound (0 is best), or an empty list if unknown."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One held-out row: text, reference sound, phones with their end times in seconds, and the target word or ''."""

    id: str
    text: str
    audio: Audio
    phones: tuple[str, ...]
    ends: tuple[float, ...]
    phone_set: str | None
    target: str


def sentences_of(rows: Any, limit: int | None = None) -> list[Sentence]:
    """The first `limit` rows of a dataset that has speech, phones and their times."""
    return [
        Sentence(
            row["id"], row["text"], decode_audio(row["audio"]), tuple(row["phones"]), tuple(row["phone_ends_s"]),
            row["phone_set"], row.get("target") or "",
        )
        for row in rows.select(range(min(limit or len(rows), len(rows))))
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Judged:
    """A judge's results for one row of the table."""

    words: ErrorRate
    letters: ErrorRate
    phones: ErrorRate
    repeated: float
    fits: tuple[float, ...]

    def table(self) -> dict[str, Any]:
        """The row's figures."""
        return {
            "wer": self.words.rate,
            "cer": self.letters.rate,
            **({"per": self.phones.rate} if self.phones.counts[:, 3].any() else {}),
            **{f"words_{name}": value for name, value in self.words.parts().items()},
            "words_repeated": self.repeated,
        }


def judge(listener: Listener, sentences: Sequence[Sentence], sounds: Sequence[Audio], name: str) -> Judged:
    """Have the judge hear one sound per sentence; `name` of the row is shown in progress bars."""
    heard = listener.listen(sounds, description=f"judging {name}")
    texts = [plain(s.text) for s in sentences]
    transcripts = [plain(h.words) for h in heard]
    phones = [listener.phones_in(s.phones, s.phone_set) for s in sentences]
    stutters = sum(repeats(text, words) for text, words in zip(texts, transcripts, strict=True))
    return Judged(
        ErrorRate.of(texts, transcripts),
        ErrorRate.of([" ".join(t) for t in texts], [" ".join(t) for t in transcripts]),
        ErrorRate.of(phones, [h.phones if known else () for h, known in zip(heard, phones, strict=True)]),
        stutters / max(1, sum(len(text) for text in texts)),
        tuple(score for scores in listener.fit(sounds, texts, description=f"aligning {name}") for score in scores),
    )


def compare(rows: Mapping[str, Judged], base: str) -> dict[str, Any]:
    """Differences of word and phone error rates from the base row, with 95 % intervals.

    `words_garbled` is the fraction of words that fit their sound worse, by forced alignment, than 99 % of the base
    row's words do.
    """
    bar = float(np.quantile(rows[base].fits, GARBLED, method="lower")) if rows[base].fits else -np.inf
    return {
        name: {
            "wer": difference(row.words, rows[base].words),
            "per": difference(row.phones, rows[base].phones),
            "words_garbled": sum(score < bar for score in row.fits) / max(1, len(row.fits)),
        }
        for name, row in rows.items()
        if name != base
    }


def target_error(sentences: Sequence[Sentence], heard: Sequence[Heard]) -> ErrorRate:
    """One reference word per sentence: an error unless the transcript contains the target word."""
    counts = [(int(s.target not in plain(h.words)), 0, 0, 1) for s, h in zip(sentences, heard, strict=True)]
    return ErrorRate(np.array(counts, np.int64).reshape(-1, 4))


def protocol(listener: Listener, sentences: Sequence[Sentence], data: str) -> dict[str, Any]:
    """What every report says about how it was made; `data` describes the sentences."""
    return {
        "judge": listener.name,
        "sentences": len(sentences),
        "data": data,
        "seconds_of_speech": round(sum(s.audio.duration for s in sentences), 1),
    }


def write_samples(
    folder: Path, sentences: Sequence[Sentence], rows: Mapping[str, Sequence[Audio]], count: int = 3
) -> None:
    """Write WAVs of the first sentences of every row, their texts, and one picture of spectrograms."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(min(count, len(sentences))):
        for name, sounds in rows.items():
            sounds[index].save(folder / f"{index + 1}-{name}.wav")
    texts = {str(i + 1): s.text for i, s in enumerate(sentences[:count])}
    (folder / "texts.json").write_text(json.dumps(texts, indent=2) + "\n", encoding="utf-8")
    spectrograms(folder / "spectrogram.png", {name: sounds[0] for name, sounds in rows.items()})


def spectrograms(path: Path, sounds: Mapping[str, Audio]) -> None:
    """Write the spectrograms of several sounds, one below the other on the same scales.

    The window of 1024 samples is narrow-band, so that the harmonics of a voice are resolved.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(len(sounds), 1, figsize=(12, 3.2 * len(sounds)), squeeze=False, sharex=True)
    for axis, (name, sound) in zip(axes[:, 0], sounds.items(), strict=True):
        axis.specgram(
            sound.samples + 1e-6, NFFT=1024, Fs=sound.sample_rate, noverlap=928, vmin=-120, vmax=-30, cmap="magma"
        )
        axis.set_ylabel(f"{name}\nHz")
    axes[-1, 0].set_xlabel("seconds")
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    pyplot.close(figure)
