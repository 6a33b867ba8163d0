"""What the protocols for tokenizers and synthesisers share: held-out rows, the teacher's row, judged rows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmzoo.data import decode_audio, load_dataset_component
from mmzoo.errors import DataError
from mmzoo.evaluation.recogniser import Heard, fit, judge_name, listen
from mmzoo.evaluation.words import ErrorRate, difference, plain, repeats
from mmzoo.interfaces.values import Audio

PHONES = {
    "ax": "AH", "aa": "AA", "ae": "AE", "ah": "AH", "ao": "AO", "aw": "AW", "ay": "AY", "eh": "EH", "er": "ER",
    "ey": "EY", "ih": "IH", "iy": "IY", "ow": "OW", "oy": "OY", "uh": "UH", "uw": "UW",
}  # fmt: skip
"""flite's vowels in the judge's set; consonants are the same in capitals."""
GARBLED = 0.01
"""The share of the teacher's own words that the bar for a garbled word leaves below it."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One held-out row: its text, the teacher's sound, phones and the second each ends; target: a word or ''."""

    id: str
    text: str
    audio: Audio
    phones: tuple[str, ...]
    ends: tuple[float, ...]
    target: str


def teacher_can_speak() -> bool:
    """Whether flite, whose voice the models were taught by, is installed."""
    return shutil.which("flite") is not None


def stored_report(folder: Path | None) -> dict[str, Any]:
    """The evaluation.json beside a model. Raises DataError when there is none."""
    path = None if folder is None else folder / "evaluation.json"
    if path is None or not path.is_file():
        raise DataError(
            "flite is not installed and the model has no evaluation.json to take the teacher's row from;"
            " install Debian's package flite."
        )
    report: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return report


def held_out_texts(split: str, limit: int | None) -> list[tuple[str, str]]:
    """(text, target word) of the first `limit` held-out rows; needs no flite."""
    rows = load_dataset_component("heldout-texts")[split]
    return [(row["text"], row["target"]) for row in rows.select(range(min(limit or len(rows), len(rows))))]


def held_out(split: str, limit: int | None) -> list[Sentence]:
    """The first `limit` rows of a held-out split of `flite-speech`. Raises DataError where flite is absent."""
    if not teacher_can_speak():
        raise DataError(
            "The teacher's speech needs flite, which is not installed; install Debian's package flite to evaluate."
        )
    # The held-out texts are fixed, so they need not wait for the training sentences to be spoken.
    rows = load_dataset_component("flite-speech", sentences=1, validation=1)[split]
    rows = rows.select(range(min(limit or len(rows), len(rows))))
    return [
        Sentence(
            row["id"], row["text"], decode_audio(row["audio"]), tuple(row["phones"]), tuple(row["phone_ends_s"]),
            row.get("target") or "",
        )
        for row in rows
    ]  # fmt: skip


def control(limit: int) -> dict[str, Any]:
    """How the judge hears a synthesiser that shares nothing with the teacher: it must not be flite's friend alone."""
    if shutil.which("espeak-ng") is None:
        return {"note": "espeak-ng is not installed; install Debian's package espeak-ng for the judge's control"}
    rows = load_dataset_component("heldout-texts", voice="espeak:en-us", limit=limit)["test"]
    heard = listen([decode_audio(row["audio"]) for row in rows], description="judging the control")
    words = ErrorRate.of([plain(row["text"]) for row in rows], [plain(h.words) for h in heard])
    return {"voice": "espeak-ng en-us", "sentences": len(rows), "wer": words.rate}


@dataclass(frozen=True, slots=True)
class Judged:
    """The judge's verdicts on one row of the table."""

    words: ErrorRate
    letters: ErrorRate
    phones: ErrorRate
    repeated: float
    heard: tuple[Heard, ...]
    fits: tuple[float, ...]

    def table(self) -> dict[str, Any]:
        """The row's figures."""
        return {
            "wer": self.words.rate,
            "cer": self.letters.rate,
            "per": self.phones.rate,
            **{f"words_{name}": value for name, value in self.words.parts().items()},
            "words_repeated": self.repeated,
        }


def judge(sentences: Sequence[Sentence], sounds: Sequence[Audio], name: str) -> Judged:
    """Have the recogniser hear one sound for each sentence."""
    heard = listen(sounds, description=f"judging {name}")
    texts = [plain(s.text) for s in sentences]
    transcripts = [plain(h.words) for h in heard]
    phones = [[PHONES.get(p, p.upper()) for p in s.phones if p != "pau"] for s in sentences]
    stutters = sum(repeats(text, words) for text, words in zip(texts, transcripts, strict=True))
    return Judged(
        ErrorRate.of(texts, transcripts),
        ErrorRate.of([" ".join(t) for t in texts], [" ".join(t) for t in transcripts]),
        ErrorRate.of(phones, [h.phones for h in heard]),
        stutters / max(1, sum(len(text) for text in texts)),
        tuple(heard),
        tuple(score for scores in fit(sounds, texts, description=f"aligning {name}") for score in scores),
    )


def compare(rows: Mapping[str, Judged], base: str) -> dict[str, Any]:
    """Differences of word and phone error rates to the base row, with 95 % intervals.

    words_garbled: words that fit their sound worse, by forced alignment, than all but 1 % of the base row's words.
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
    """One reference word a sentence: an error unless the transcript has the target word."""
    counts = [(int(s.target not in plain(h.words)), 0, 0, 1) for s, h in zip(sentences, heard, strict=True)]
    return ErrorRate(np.array(counts, np.int64).reshape(-1, 4))


def protocol(sentences: Sequence[Sentence]) -> dict[str, Any]:
    """What every report says about how it was made."""
    return {
        "judge": judge_name(),
        "sentences": len(sentences),
        "data": "held-out sentences of flite-speech, voice slt (a synthetic voice)",
        "seconds_of_speech": round(sum(s.audio.duration for s in sentences), 1),
    }


def write_samples(
    folder: Path, sentences: Sequence[Sentence], rows: Mapping[str, Sequence[Audio]], count: int = 3
) -> None:
    """WAVs of the first sentences of every row, their texts, and one spectrogram picture."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(min(count, len(sentences))):
        for name, sounds in rows.items():
            sounds[index].save(folder / f"{index + 1}-{name}.wav")
    texts = {str(i + 1): s.text for i, s in enumerate(sentences[:count])}
    (folder / "texts.json").write_text(json.dumps(texts, indent=2) + "\n", encoding="utf-8")
    spectrograms(folder / "spectrogram.png", {name: sounds[0] for name, sounds in rows.items()})


def spectrograms(path: Path, sounds: Mapping[str, Audio]) -> None:
    """Spectrograms of several sounds above one another, on the same scales, 0 Hz to half the sample rate.

    A window of 64 ms, narrow-band, so that the harmonics of a voice stand apart and one sees whether they are crisp.
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
