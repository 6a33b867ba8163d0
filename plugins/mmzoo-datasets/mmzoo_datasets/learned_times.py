"""Phone times by a model that is learned from the recordings to be aligned: of any language and set of phones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import groupby, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import mmzoo
from mmzoo.data import cache_dir, decode_audio
from mmzoo.data.marks import bare, begun, remarked
from mmzoo.errors import DataError, InputError, MmzooError
from mmzoo.system import whole_file
from mmzoo_datasets import phone_hmm
from mmzoo_datasets.phone_hmm import PAUSE, Array, PhoneModel, Words
from mmzoo_datasets.processes import in_processes

VERSION = 2
"""Of this file and `phone_hmm`; alignments of another are not used."""
ENOUGH = 600
"""Recordings that are learned from; more do not help."""
FEWEST = 30
"""With fewer, the times are wrong by more than a phone."""
PART = phone_hmm.AT_ONCE
LONGEST_S = 120.0
"""Seconds of a recording; the memory that a path takes grows with the square."""
WORST_FIT = 7.0
"""Nats. Right texts reach 5, also with a mispronounced word, and the texts of other recordings begin at 10."""
Task = tuple[Mapping[str, Any], str | Sequence[str]]
"""The cell of a sound, and its text or its phones."""


class Prepared(NamedTuple):
    """A recording that can be aligned.

    Args:
        frames: Its features.
        words: The phones of each word, without marks.
        seconds: Its length.
        marked: All phones, with marks.
    """

    frames: Array
    words: Words
    seconds: float
    marked: Sequence[str]


class LearnedTimes:
    """Aligns recordings by a model learned from some of them; the model is cached.

    Args:
        training: Recordings to learn from.
        keys: Of the recordings.
        phonemizer: The model that pronounces texts.
        source: Where the recordings come from, for messages.
    """

    def __init__(self, training: Any, keys: Sequence[str], phonemizer: str | None, source: str) -> None:
        chosen = range(0, len(keys), -(-len(keys) // ENOUGH))
        self._tasks = (task_of(training[index]) for index in chosen)
        self._count, self._phonemizer, self._source = len(chosen), phonemizer, source
        named = json.dumps([VERSION, [keys[index] for index in chosen]])
        self.name = hashlib.sha256(named.encode()).hexdigest()[:32]
        self._path = cache_dir() / "alignments" / f"model-{self.name}.npz"

    def __call__(self, tasks: Iterator[Task], count: int) -> Iterator[dict[str, Any]]:
        """The phones of recordings with their ends, or why there are none.

        Raises:
            DataError: There are too few recordings, or the phonemizer cannot be loaded.
        """
        if not self._path.is_file():
            self._learn()
        parts = iter(lambda: list(islice(tasks, PART)), [])
        align = partial(_align, phonemizer=self._phonemizer, path=self._path)
        for entries in in_processes(align, parts, -(-count // PART)):
            yield from entries

    def _learn(self) -> None:
        from tqdm import tqdm

        prepare = partial(_prepared, phonemizer=self._phonemizer)
        bar = tqdm(total=self._count, desc="reading speech", unit="row", disable=None, leave=False)
        utterances: list[tuple[Array, Words]] = []
        why = ""
        with bar:
            for made in in_processes(prepare, self._tasks, self._count, few=FEWEST):
                if isinstance(made, str):
                    why = why or made
                else:
                    utterances.append((made.frames, made.words))
                bar.update()
        if len(utterances) < FEWEST:
            raise DataError(
                f"{self._source} has {len(utterances)} recordings whose phones are known, too few to learn their times"
                f" from; at least {FEWEST} are needed, or, for English, aligner: pocketsphinx."
                + (f" The first of the others: {why}" if why else "")
            )
        bar = tqdm(total=len(phone_hmm.ROUNDS), desc="learning phone times", unit="round", disable=None, leave=False)
        with bar:
            model = phone_hmm.learn(utterances, bar.update)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(self._path) as staged, staged.open("wb") as stream:
            np.savez(
                stream, phones=np.array(model.phones), means=model.means, precisions=model.precisions,
                weights=model.weights,
            )  # fmt: skip


def task_of(row: Mapping[str, Any]) -> Task:
    """The sound of a row, and its phones if it has some, or else its text."""
    given = row.get("phones")
    return row["audio"], given.split() if isinstance(given, str) else given or row["text"]


def shown(task: Task) -> str:
    """The start of a task's text, for messages."""
    said = task[1] if isinstance(task[1], str) else " ".join(task[1])
    return f"the text {said[:60]!r}"


@lru_cache(maxsize=1)
def _model(path: Path) -> PhoneModel:
    with np.load(path, allow_pickle=False) as stored:
        phones = tuple(stored["phones"].tolist())
        return PhoneModel(phones, stored["means"], stored["precisions"], stored["weights"])


@lru_cache(maxsize=1)
def _phonemizer(name: str) -> Any:
    try:
        return mmzoo.create(name)
    except MmzooError as error:
        raise DataError(f"The phonemizer {name}, which gives the phones of texts, cannot be loaded: {error}") from error


def words_of(said: str | Sequence[str], phonemizer: str | None) -> Words:
    """The phones of each word of a text, with the pauses that a synthesizer makes of its punctuation, all with marks.

    Args:
        said: A text, or the phones themselves, which count as one word between two pauses.
        phonemizer: The model that pronounces texts.

    Raises:
        InputError: The text cannot be pronounced.
    """
    words: list[Sequence[str]] = []
    if not isinstance(said, str):
        quiet = groupby(said, lambda phone: bare(phone) == PAUSE)
        words += [tuple(part)[: 1 if pause else None] for pause, part in quiet]
    elif phonemizer is None:
        raise InputError(f"The phones of the text {said[:60]!r} are unknown; name a phonemizer.")
    else:
        for phrase in _phonemizer(phonemizer)(said).phrases:
            words += [begun(word.phones) for word in phrase.words if word.phones]
            words.append((PAUSE + phrase.end,))
    if not words or bare(words[0][0]) != PAUSE:
        words.insert(0, (PAUSE,))
    if bare(words[-1][0]) != PAUSE:
        words.append((PAUSE,))
    if len(words) < 3:
        raise InputError(f"There are no words in {said[:60]!r}.")
    return words


def _prepared(task: Task, phonemizer: str | None) -> Prepared | str:
    """Features, phones and seconds of a recording, or why there are none."""
    cell, said = task
    try:
        words = words_of(said, phonemizer)
    except InputError as reason:
        return str(reason)
    try:
        audio = decode_audio(cell, max_seconds=LONGEST_S)
    except DataError as reason:
        return str(reason)
    frames = phone_hmm.features(audio)
    plain = [[bare(phone) for phone in word] for word in words]
    if not phone_hmm.fits(frames, plain):
        return f"The audio of {audio.duration:.2f} s is too short for {shown(task)}."
    return Prepared(frames, plain, audio.duration, [phone for word in words for phone in word])


def _align(tasks: Sequence[Task], phonemizer: str | None, path: Path) -> list[dict[str, Any]]:
    model = _model(path)
    entries: list[dict[str, Any]] = []
    usable: list[tuple[int, Prepared]] = []
    for task in tasks:
        made = _prepared(task, phonemizer)
        if isinstance(made, str):
            entries.append({"why": made})
        elif strange := {phone for word in made.words for phone in word} - set(model.phones):
            entries.append({"why": f"No recording that was learned from has the phone {min(strange)!r}."})
        else:
            usable.append((len(entries), made))
            entries.append({})
    if usable:
        found = phone_hmm.align(model, [made[:3] for _, made in usable])
        for (index, made), one in zip(usable, found, strict=True):
            if one.fit > WORST_FIT:
                entries[index] = {"why": f"What is said differs from {shown(tasks[index])}."}
            else:
                phones = list(remarked(one.phones, made.marked))
                entries[index] = {"phones": phones, "ends_s": [round(end, 4) for end in one.ends_s]}
    return entries
