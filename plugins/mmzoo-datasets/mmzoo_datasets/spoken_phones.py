"""Adds the phones of spoken texts, with their times, to a dataset: any English text, on all cores, cached by file."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mmzoo
from mmzoo.data import cache_dir, decode_audio, fingerprinted
from mmzoo.errors import DataError, InputError, MmzooError
from mmzoo.system import write_whole
from mmzoo_datasets.align import Aligner, CannotAlign, Said
from mmzoo_datasets.flite import PHONE_SET
from mmzoo_datasets.phones import phone_columns, phone_features

if TYPE_CHECKING:
    from datasets import Dataset

VERSION = 2
FEW = 8
"""So many rows are aligned in this process."""
_log = logging.getLogger("mmzoo.datasets")
Entry = dict[str, Any]
"""What is known of a row: its phones with ends, or `why` it has none."""


def with_phones(rows: Dataset, source: str, phonemizer: str | None) -> Dataset:
    """The rows with the columns `phones`, `phone_ends_s` and `phone_set`, by forced alignment.

    Rows whose speech differs from their text are left out, counted in a
    warning and listed in a file with the reasons.

    Args:
        rows: Rows with `audio` and `text`.
        source: What they were read from, for messages.
        phonemizer: A model from an English text to words with flite's phones; it is asked about texts with words that
            the recognizer's dictionary lacks. None leaves these rows out.

    Raises:
        DataError: pocketsphinx is missing, no row has a text, or none can be aligned.
    """
    if not any(rows["text"]):
        raise DataError(
            f"No recording of {source} has a text, so there are no phones to learn; put the text of NAME.wav into"
            " NAME.txt beside it, or all texts into a metadata.csv with the columns file_name and text."
        )
    cache = cache_dir() / "alignments"
    paths = [cache / f"{_key(row, phonemizer)}.json" for row in rows.select_columns(["audio", "text"])]
    entries: dict[int, Entry] = {}
    for index, path in enumerate(paths):
        if path.is_file():
            entries[index] = json.loads(path.read_text("utf-8"))
    todo = [index for index in range(len(rows)) if index not in entries]
    if todo:
        from tqdm import tqdm

        cache.mkdir(parents=True, exist_ok=True)
        texts = [rows[index]["text"] for index in todo]
        made = _aligned(
            [(rows[i]["audio"], rows[i]["text"], s) for i, s in zip(todo, _said(texts, phonemizer), strict=True)]
        )
        bar = tqdm(made, total=len(rows), initial=len(entries), desc="aligning", unit="row", disable=None, leave=False)
        for index, entry in zip(todo, bar, strict=True):
            write_whole(paths[index], json.dumps(entry))
            entries[index] = entry
    skipped = {str(rows[index]["id"]): entry["why"] for index, entry in sorted(entries.items()) if "why" in entry}
    if skipped:
        listed = cache / f"skipped-{rows._fingerprint}.json"
        write_whole(listed, json.dumps(skipped, indent=1, ensure_ascii=False) + "\n")
        first = next(iter(skipped.values()))
        if len(skipped) == len(rows):
            raise DataError(f"No row of {source} could be aligned; the reasons are in {listed}, the first: {first}")
        _log.warning(
            "%d of %d rows of %s could not be aligned and are left out, see %s; the first: %s",
            len(skipped), len(rows), source, listed, first,
        )  # fmt: skip
    kept = [index for index in range(len(rows)) if "why" not in entries[index]]
    columns = [phone_columns(entries[i]["phones"], entries[i]["ends_s"], PHONE_SET) for i in kept]
    rows = rows.select(kept).flatten_indices() if skipped else rows
    for name, feature in phone_features().items():
        rows = rows.add_column(name, [column[name] for column in columns], feature=feature)
    return fingerprinted(rows)


def _key(row: Mapping[str, Any], phonemizer: str | None) -> str:
    cell = row["audio"] or {}
    digest = hashlib.sha256(json.dumps([VERSION, row["text"], phonemizer]).encode())
    if cell.get("bytes"):
        digest.update(cell["bytes"])
    elif cell.get("path"):
        state = Path(cell["path"]).stat()
        digest.update(f"{cell['path']} {state.st_size} {state.st_mtime_ns}".encode(errors="surrogateescape"))
    return digest.hexdigest()[:32]


def _said(texts: Sequence[str], phonemizer: str | None) -> list[list[Said] | str]:
    """For each text the words to align, or why there are none."""
    aligner, model = _aligner(), None
    said: list[list[Said] | str] = []
    for text in texts:
        try:
            said.append([Said(word) for word in aligner.words(text)])
            continue
        except CannotAlign as reason:
            if phonemizer is None or not text.strip():
                said.append(str(reason))
                continue
        if model is None:
            try:
                model = mmzoo.create(phonemizer)
            except MmzooError as error:
                raise DataError(
                    f"The text {text[:60]!r} has words that the recognizer's dictionary lacks, and the phonemizer"
                    f" {phonemizer} cannot be loaded: {error} Set phonemizer to null to leave such rows out."
                ) from error
        try:
            phrases = model(text).phrases
            said.append([Said(word.spoken, tuple(word.phones)) for phrase in phrases for word in phrase.words])
        except InputError as error:
            said.append(str(error))
    return said


Task = tuple[Mapping[str, Any], str, list[Said] | str]


def _aligned(tasks: Sequence[Task]) -> Iterator[Entry]:
    """The entries of rows in order; in several processes if there are many."""
    done = 0
    if len(tasks) > FEW and (workers := min(len(tasks) // 4, os.cpu_count() or 1)) > 1:
        try:
            with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
                for entry in pool.map(_align, tasks, chunksize=4):
                    done += 1
                    yield entry
        except BrokenProcessPool:  # a script without `if __name__ == "__main__"` cannot start others
            _log.warning("The processes that align speech ended early; going on in this one.")
    yield from map(_align, tasks[done:])


@lru_cache(maxsize=1)
def _aligner() -> Aligner:
    return Aligner()


def _align(task: Task) -> Entry:
    cell, text, said = task
    if isinstance(said, str):
        return {"why": said}
    try:
        found = _aligner().align(decode_audio(cell), text, said)
    except DataError as reason:  # CannotAlign among others
        return {"why": str(reason)}
    return {"phones": list(found.phones), "ends_s": list(found.ends_s)}
