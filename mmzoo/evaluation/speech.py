"""Shared parts of speech evaluations: held-out sentences, what judges make of sounds, and differences between rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mmzoo.data import decode_audio
from mmzoo.errors import InputError
from mmzoo.evaluation.judges import judge_label, load_judge
from mmzoo.evaluation.words import Counts, ErrorRate, Scores, difference, interval, language_of, plain, repeats
from mmzoo.interfaces.values import Audio

COLORS = 32
"""Colors of a spectrogram."""
ENGLISH = "en"
SAMPLE_FORMAT = "ogg"
"""Of the sounds beside a card: lossy, with a third of the bytes of FLAC."""
GARBLED = 0.01
"""The fraction of the reference's words that count as garbled, which sets the threshold."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a judge heard: words in lowercase, and phones of the judge's set without silences."""

    words: str
    phones: tuple[str, ...]


class Listener(Protocol):
    """The interface of a judge that transcribes speech.

    One that knows other languages than English has an attribute `languages`, a collection of codes such as "ru", and
    its `listen` then takes a keyword `language`.
    """

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


class Rater(Protocol):
    """The interface of a judge that rates the quality of speech."""

    @property
    def name(self) -> str:
        """The judge and its version, as reported with every number."""

    def rate(self, sounds: Sequence[Audio], *, description: str = ...) -> list[dict[str, float]]:
        """Scores of each sound by name, the same names for every sound; more is better."""


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
    """The first `limit` rows of a dataset of speech with texts, and perhaps with phones and their times."""
    return [
        Sentence(
            row.get("id") or str(index), row["text"] or "", decode_audio(row["audio"]), tuple(row.get("phones") or ()),
            tuple(row.get("phone_ends_s") or ()), row.get("phone_set"), row.get("target") or "",
        )
        for index, row in enumerate(rows.select(range(min(limit or len(rows), len(rows)))))
    ]  # fmt: skip


def by_speaker(tables: Sequence[Any], most: int, of_others: int, main: str | None = None) -> dict[str, list[Sentence]]:
    """Sentences of each speaker, in the order in which the speakers occur; "" stands for rows that name none.

    Args:
        tables: Datasets of speech.
        most: Number of sentences of the main speaker.
        of_others: Number of sentences of each other speaker.
        main: The main speaker; None for the first.
    """
    rows_of: dict[str, list[Any]] = {}
    for rows in tables:
        named = rows["speaker"] if "speaker" in rows.column_names else [None] * len(rows)
        speakers = [speaker or "" for speaker in named]
        for speaker in dict.fromkeys(speakers):
            chosen = [index for index, other in enumerate(speakers) if other == speaker]
            rows_of.setdefault(speaker, []).append(rows.select(chosen))
    main = main if main in rows_of else next(iter(rows_of))
    found: dict[str, list[Sentence]] = {}
    for speaker, parts in rows_of.items():
        room, sentences = most if speaker == main else of_others, found.setdefault(speaker, [])
        for rows in parts:
            sentences += sentences_of(rows.select(range(min(len(rows), room - len(sentences)))))
    return found


@dataclass(frozen=True, slots=True)
class Recognized:
    """What a listener made of one sound per sentence.

    Attributes:
        words: Word errors.
        letters: Errors of letters.
        phones: Errors of phones; without any phones if the listener knows none.
        stutters: Repeated words `[sentences]`.
        fits: How well each word of each text fits its sound; empty where the listener does not say.
    """

    words: ErrorRate
    letters: ErrorRate
    phones: ErrorRate
    stutters: Counts
    fits: tuple[tuple[float, ...], ...]

    @property
    def all_fits(self) -> list[float]:
        """The fits of the words of all sentences."""
        return [fit for fits in self.fits for fit in fits]

    @classmethod
    def pooled(cls, parts: Sequence[Recognized]) -> Recognized:
        """Several rows as one."""
        words, letters, phones = (
            ErrorRate(np.concatenate([rate.counts for rate in rates]))
            for rates in zip(*((part.words, part.letters, part.phones) for part in parts), strict=True)
        )
        stutters = np.concatenate([part.stutters for part in parts])
        return cls(words, letters, phones, stutters, tuple(fits for part in parts for fits in part.fits))

    def first(self, count: int) -> Recognized:
        """The same of the first sentences only."""
        words, letters, phones = (ErrorRate(rate.counts[:count]) for rate in (self.words, self.letters, self.phones))
        return Recognized(words, letters, phones, self.stutters[:count], self.fits[:count])

    def table(self) -> dict[str, Any]:
        """The figures of a row."""
        wrong = interval(self.words)
        return {
            "wer": wrong["rate"],
            "wer_low": wrong["low"],
            "wer_high": wrong["high"],
            "cer": self.letters.rate,
            **({"per": self.phones.rate} if self.phones.counts[:, 3].any() else {}),
            **{f"words_{name}": value for name, value in self.words.parts().items()},
            "words_repeated": int(self.stutters.sum()) / max(1, int(self.words.counts[:, 3].sum())),
        }

    def against(self, base: Recognized) -> dict[str, Any]:
        """Differences from another row of the same sentences.

        `words_garbled` is the fraction of words that fit their sound worse, by forced alignment, than 99 % of the
        other row's words do.
        """
        changes: dict[str, Any] = {"wer": difference(self.words, base.words)}
        if self.phones.counts[:, 3].any():
            changes["per"] = difference(self.phones, base.phones)
        if base.all_fits:
            bar = float(np.quantile(base.all_fits, GARBLED, method="lower"))
            changes["words_garbled"] = sum(fit < bar for fit in self.all_fits) / max(1, len(self.all_fits))
        return changes


@dataclass(frozen=True, slots=True)
class Judged:
    """What the judges made of one row of sounds.

    Attributes:
        heard: What each listener recognized.
        ratings: The scores of all raters by name.
    """

    heard: Mapping[str, Recognized]
    ratings: Mapping[str, Scores]

    @property
    def lead(self) -> Recognized:
        """What the first listener recognized."""
        return next(iter(self.heard.values()))

    @classmethod
    def pooled(cls, parts: Sequence[Judged]) -> Judged:
        """Several rows, judged by the same judges, as one."""
        heard = {name: Recognized.pooled([part.heard[name] for part in parts]) for name in parts[0].heard}
        scores = {
            name: Scores(np.concatenate([part.ratings[name].values for part in parts])) for name in parts[0].ratings
        }
        return cls(heard, scores)

    def first(self, count: int) -> Judged:
        """The same of the first sentences only."""
        heard = {name: one.first(count) for name, one in self.heard.items()}
        return Judged(heard, {name: Scores(scores.values[:count]) for name, scores in self.ratings.items()})

    def table(self) -> dict[str, Any]:
        """The figures: those of the first listener, of the other `listeners`, and `ratings`."""
        return _figures(
            {name: one.table() for name, one in self.heard.items()},
            {name: _mean(scores) for name, scores in self.ratings.items()},
        )

    def against(self, base: Judged) -> dict[str, Any]:
        """Differences from another row of the same sentences, with 95 % intervals."""
        return _figures(
            {name: one.against(base.heard[name]) for name, one in self.heard.items()},
            {name: difference(scores, base.ratings[name]) for name, scores in self.ratings.items()},
        )


def _figures(heard: Mapping[str, Mapping[str, Any]], ratings: Mapping[str, Any]) -> dict[str, Any]:
    figures: dict[str, Any] = dict(next(iter(heard.values()), {}))
    if others := dict(list(heard.items())[1:]):
        figures["listeners"] = others
    return figures | ({"ratings": dict(ratings)} if ratings else {})


def _mean(scores: Scores) -> dict[str, float]:
    bounds = interval(scores)
    return {"mean": bounds["rate"], "low": bounds["low"], "high": bounds["high"]}


def judge(listener: Listener, sentences: Sequence[Sentence], sounds: Sequence[Audio], name: str) -> Recognized:
    """Have a listener hear one sound per sentence; `name` of the row is shown in progress bars."""
    language = language_of(s.text for s in sentences)
    options = {} if language == ENGLISH else {"language": language}
    heard = listener.listen(sounds, description=f"judging {name}", **options)
    texts = [plain(s.text) for s in sentences]
    transcripts = [plain(h.words) for h in heard]
    phones = [listener.phones_in(s.phones, s.phone_set) for s in sentences]
    stutters = [repeats(text, words) for text, words in zip(texts, transcripts, strict=True)]
    return Recognized(
        ErrorRate.of(texts, transcripts),
        ErrorRate.of([" ".join(t) for t in texts], [" ".join(t) for t in transcripts]),
        ErrorRate.of(phones, [h.phones if known else () for h, known in zip(heard, phones, strict=True)]),
        np.array(stutters, np.int64),
        tuple(map(tuple, listener.fit(sounds, texts, description=f"aligning {name}"))),
    )


@dataclass(frozen=True, slots=True)
class Panel:
    """The judges of an evaluation, by the names under which reports mention them.

    Attributes:
        listeners: Judges that transcribe; a report's leading figures are those of the first.
        raters: Judges that rate quality.
    """

    listeners: Mapping[str, Listener]
    raters: Mapping[str, Rater]

    @classmethod
    def of(cls, names: Sequence[str]) -> Panel:
        """Load judges by name.

        Raises:
            InputError: None of them transcribes.
            MissingDependencyError: A package that one requires is not installed.
        """
        judges = {judge_label(name): load_judge(name) for name in names}
        listeners = {name: judge for name, judge in judges.items() if hasattr(judge, "listen")}
        if not listeners:
            raise InputError(
                f"{', '.join(judges) or 'No judge'} cannot transcribe speech; add --judge with one that can."
            )
        return cls(listeners, {name: judge for name, judge in judges.items() if hasattr(judge, "rate")})

    @property
    def lead(self) -> Listener:
        """The first listener."""
        return next(iter(self.listeners.values()))

    @property
    def names(self) -> dict[str, str]:
        """Each judge and its version."""
        listening = {key: listener.name for key, listener in self.listeners.items()}
        return listening | {key: rater.name for key, rater in self.raters.items()}

    def rate(self, sounds: Sequence[Audio], name: str) -> dict[str, Scores]:
        """The scores of all raters by name."""
        ratings: dict[str, Scores] = {}
        for key, rater in self.raters.items():
            rows = rater.rate(sounds, description=f"rating {name}")
            for score in rows[0] if rows else ():
                values = Scores(np.array([row[score] for row in rows], np.float64))
                ratings[score if score not in ratings else f"{score}_{key}"] = values
        return ratings

    def knowing(self, language: str) -> Panel:
        """The same without the listeners that do not know a language, and perhaps without any."""
        able = {
            key: listener
            for key, listener in self.listeners.items()
            if language in getattr(listener, "languages", (ENGLISH,))
        }
        return Panel(able, self.raters)

    def judge(self, sentences: Sequence[Sentence], sounds: Sequence[Audio], name: str) -> Judged:
        """Have all judges that know the language hear one sound per sentence."""
        listeners = self.knowing(language_of(s.text for s in sentences)).listeners
        heard = {key: judge(listener, sentences, sounds, name) for key, listener in listeners.items()}
        return Judged(heard, self.rate(sounds, name))


def compare(rows: Mapping[str, Judged], base: str) -> dict[str, Any]:
    """Differences of each other row from the base row, with 95 % intervals."""
    return {name: row.against(rows[base]) for name, row in rows.items() if name != base}


def order(rows: Mapping[str, Judged]) -> dict[str, Any]:
    """How the listeners order rows of the same sentences, from the fewest wrong words to the most.

    Returns:
        `by`: the order of each listener. With several listeners also `pairs` of rows, the fraction `alike` that the
        others order as the first does, and how many are `contradicted`: both differences are significant (their 95 %
        intervals exclude 0), with opposite signs.
    """
    names = list(next(iter(rows.values())).heard)
    by = {name: sorted(rows, key=lambda row: rows[row].heard[name].words.rate) for name in names}
    pairs = list(combinations(rows, 2))
    if len(names) < 2 or not pairs:
        return {"by": by}
    alike = contradicted = 0
    for one, other in pairs:
        gaps = [difference(rows[one].heard[name].words, rows[other].heard[name].words) for name in names]
        alike += sum(gap["difference"] * gaps[0]["difference"] >= 0 for gap in gaps[1:])
        signs = [(gap["low"] > 0) - (gap["high"] < 0) for gap in gaps]
        contradicted += sum(sign * signs[0] < 0 for sign in signs[1:])
    compared = len(pairs) * (len(names) - 1)
    return {"by": by, "pairs": len(pairs), "alike": alike / compared, "contradicted": contradicted}


def target_error(sentences: Sequence[Sentence], heard: Sequence[Heard]) -> ErrorRate:
    """One reference word per sentence: an error unless the transcript contains the target word."""
    counts = [(int(s.target not in plain(h.words)), 0, 0, 1) for s, h in zip(sentences, heard, strict=True)]
    return ErrorRate(np.array(counts, np.int64).reshape(-1, 4))


def protocol(panel: Panel, sentences: Sequence[Sentence], data: str) -> dict[str, Any]:
    """What every report says about how it was made; `data` describes the sentences."""
    return {
        "judges": panel.names,
        "sentences": len(sentences),
        "data": data,
        "seconds_of_speech": round(sum(s.audio.duration for s in sentences), 1),
    }


def write_samples(
    folder: Path, sentences: Sequence[Sentence], rows: Mapping[str, Sequence[Audio]], count: int = 3
) -> None:
    """Write sounds of the first sentences of every row, their texts, and one picture of spectrograms."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(min(count, len(sentences))):
        for name, sounds in rows.items():
            sounds[index].save(folder / f"{index + 1}-{name}.{SAMPLE_FORMAT}")
    texts = {str(i + 1): s.text for i, s in enumerate(sentences[:count])}
    (folder / "texts.json").write_text(json.dumps(texts, indent=2) + "\n", encoding="utf-8")
    spectrograms(folder / "spectrogram.png", {name: sounds[0] for name, sounds in rows.items()})


def spectrograms(path: Path, sounds: Mapping[str, Audio]) -> None:
    """Write the spectrograms of several sounds, one below the other on the same scales.

    The window of 1024 samples is narrow-band, so that the harmonics of a voice are resolved. The picture has few colors
    and is therefore small.
    """
    import matplotlib as mpl
    from PIL import Image

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
    with Image.open(path) as picture:
        few = picture.convert("RGB").quantize(COLORS)
    few.save(path, optimize=True)
