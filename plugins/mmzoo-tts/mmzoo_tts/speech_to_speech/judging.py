"""What evaluations of speech to speech share: held-out speech, what judges make of sounds, and samples."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mmzoo.data import decode_audio, load_dataset_component
from mmzoo.evaluation.speech import SAMPLE_FORMAT, Listener, spectrograms
from mmzoo.evaluation.words import ErrorRate, Scores, difference, interval, plain
from mmzoo.interfaces import Audio

SHOWN = 2
"""Samples to write."""


@dataclass(frozen=True, slots=True)
class Said:
    """A held-out sentence, said by a voice."""

    text: str
    audio: Audio


@dataclass(frozen=True, slots=True)
class Row:
    """What the judges made of some sounds.

    Attributes:
        words: Errors of the words heard.
        scores: Scores by name.
    """

    words: ErrorRate
    scores: Mapping[str, Scores]

    def of(self, chosen: Sequence[int]) -> Row:
        """The same for some of the sounds only."""
        indices = np.asarray(chosen, np.int64)
        scores = {name: Scores(each.values[indices]) for name, each in self.scores.items()}
        return Row(ErrorRate(self.words.counts[indices]), scores)

    def table(self) -> dict[str, Any]:
        """The figures, with 95 % intervals."""
        wrong = interval(self.words)
        figures: dict[str, Any] = {"wer": wrong["rate"], "wer_low": wrong["low"], "wer_high": wrong["high"]}
        return figures | {name: each.rate for name, each in self.scores.items()}

    def against(self, base: Row) -> dict[str, Any]:
        """Differences from another row of the same sounds, with 95 % intervals."""
        scores = {name: difference(each, base.scores[name]) for name, each in self.scores.items()}
        return {"wer": difference(self.words, base.words), **scores}


def held_out(voices: Sequence[str], count: int, model: Any) -> dict[str, list[Said]]:
    """What each voice says of `count` held-out sentences, at the model's sample rate."""
    counts = dict.fromkeys(dict.fromkeys(voices), 0)
    # Test sentences only: the voices need not say any for training.
    rows = load_dataset_component("natural-speech", voices=counts, validation=1, test=count)["test"]
    said = [Said(row["text"], decode_audio(row["audio"], sample_rate=model.sample_rate)) for row in rows]
    return {voice: said[number * count : (number + 1) * count] for number, voice in enumerate(counts)}


def heard(listener: Listener, texts: Sequence[str], sounds: Sequence[Audio], name: str) -> ErrorRate:
    """Errors of the words that a listener heard; `name` is shown in progress bars."""
    transcripts = listener.listen(sounds, description=f"judging {name}")
    return ErrorRate.of([plain(text) for text in texts], [plain(one.words) for one in transcripts])


def words_wrong(errors: ErrorRate) -> dict[str, float]:
    """The figures of word errors."""
    return Row(errors, {}).table() | errors.parts()


def bar(items: Sequence[Any], name: str) -> Any:
    """The items with a progress bar."""
    return tqdm(items, desc=name, unit="sentence", disable=None, leave=False)


def write_samples(folder: Path, shown: Sequence[tuple[str, Mapping[str, Audio]]]) -> None:
    """Numbered sounds with a text for each number, and the spectrograms of the first ones."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (_, sounds) in enumerate(shown, 1):
        for name, sound in sounds.items():
            sound.save(folder / f"{number}-{name}.{SAMPLE_FORMAT}")
    texts = {str(number): text for number, (text, _) in enumerate(shown, 1)}
    (folder / "texts.json").write_text(json.dumps(texts, indent=2) + "\n", encoding="utf-8")
    spectrograms(folder / "spectrogram.png", shown[0][1])
