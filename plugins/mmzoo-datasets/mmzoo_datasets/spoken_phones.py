"""Adds the phones of spoken texts, with their times, to a dataset: any English text, on all cores, cached by file."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import mmzoo
from mmzoo.data import cache_dir, decode_audio, fingerprinted
from mmzoo.errors import DataError, InputError, MmzooError
from mmzoo.system import write_whole
from mmzoo_datasets.align import Aligner as PocketSphinx
from mmzoo_datasets.align import CannotAlign, Said
from mmzoo_datasets.learned_times import LearnedTimes, Task, task_of
from mmzoo_datasets.phones import phone_columns, phone_features, phone_set_of
from mmzoo_datasets.processes import in_processes

if TYPE_CHECKING:
    from datasets import Dataset

VERSION = 2
FEW = 8
"""So many rows are aligned in this process."""
_log = logging.getLogger("mmzoo.datasets")
Entry = dict[str, Any]
"""What is known of a row: its phones with ends, or `why` it has none."""
Align = Callable[[Iterator[Task], int], Iterator[Entry]]
"""Makes the entries of rows, given them and their number."""
Aligner = Literal["pocketsphinx", "learned"]


def with_phones(
    splits: Mapping[str, Dataset], source: str, phonemizer: str | None, aligner: Aligner = "pocketsphinx"
) -> dict[str, Dataset]:
    """The rows with the columns `phones`, `phone_ends_s` and `phone_set`, unless they have them already.

    Rows whose speech differs from their text are left out, counted in a
    warning and listed in a file with the reasons.

    Args:
        splits: Rows with `audio` and `text`; phones without times may be in a column `phones`.
        source: What they were read from, for messages.
        phonemizer: A model from a text to words with their phones. pocketsphinx needs it only for texts with words that
            its dictionary lacks, and with None leaves these rows out.
        aligner: `pocketsphinx` for English, or `learned`, which learns the times from the training rows.

    Raises:
        DataError: pocketsphinx is missing, no row has a text, none can be aligned, or there are too few to learn from.
    """
    if all({"phones", "phone_ends_s"} <= set(rows.column_names) for rows in splits.values()):
        return dict(splits)
    given = all("phones" in rows.column_names for rows in splits.values())
    keys = {split: _keys(rows, phonemizer) for split, rows in splits.items()}
    align: Align
    if aligner == "learned" or given:
        first = "train" if "train" in splits else next(iter(splits))
        align = LearnedTimes(splits[first], keys[first], phonemizer, source)
        keys = {split: [f"{align.name[:12]}-{key}" for key in part] for split, part in keys.items()}
    else:
        align = partial(_by_pocketsphinx, phonemizer=phonemizer)
    return {split: _split_with_phones(rows, keys[split], source, align) for split, rows in splits.items()}


def _split_with_phones(rows: Dataset, keys: Sequence[str], source: str, align: Align) -> Dataset:
    if not any(rows["text"]) and "phones" not in rows.column_names:
        raise DataError(
            f"No recording of {source} has a text, so there are no phones to learn; put the text of NAME.wav into"
            " NAME.txt beside it, or all texts into a metadata.csv with the columns file_name and text."
        )
    cache = cache_dir() / "alignments"
    paths = [cache / f"{key}.json" for key in keys]
    entries: dict[int, Entry] = {}
    for index, path in enumerate(paths):
        if path.is_file():
            entries[index] = json.loads(path.read_text("utf-8"))
    todo = [index for index in range(len(rows)) if index not in entries]
    if todo:
        from tqdm import tqdm

        cache.mkdir(parents=True, exist_ok=True)
        made = align((task_of(rows[index]) for index in todo), len(todo))
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
    name = phone_set_of(phone for index in kept for phone in entries[index]["phones"])
    columns = [phone_columns(entries[i]["phones"], entries[i]["ends_s"], name) for i in kept]
    rows = rows.select(kept).flatten_indices() if skipped else rows
    rows = rows.remove_columns([name for name in phone_features() if name in rows.column_names])
    for name, feature in phone_features().items():
        rows = rows.add_column(name, [column[name] for column in columns], feature=feature)
    return fingerprinted(rows)


def _keys(rows: Dataset, phonemizer: str | None) -> list[str]:
    """A key of each row, which changes with its sound and its text."""
    names = [name for name in ("audio", "text", "phones") if name in rows.column_names]
    return [_key(row, phonemizer) for row in rows.select_columns(names)]


def _key(row: Mapping[str, Any], phonemizer: str | None) -> str:
    cell = row["audio"] or {}
    digest = hashlib.sha256(json.dumps([VERSION, task_of(row)[1], phonemizer]).encode())
    if cell.get("bytes"):
        digest.update(cell["bytes"])
    elif cell.get("path"):
        state = Path(cell["path"]).stat()
        digest.update(f"{cell['path']} {state.st_size} {state.st_mtime_ns}".encode(errors="surrogateescape"))
    return digest.hexdigest()[:32]


def _by_pocketsphinx(tasks: Iterable[Task], count: int, *, phonemizer: str | None) -> Iterator[Entry]:
    """The entries of rows in order."""
    given = list(tasks)
    said = _said([str(text) for _, text in given], phonemizer)
    work = [(cell, str(text), words) for (cell, text), words in zip(given, said, strict=True)]
    return in_processes(_align, work, count, few=FEW)


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


@lru_cache(maxsize=1)
def _aligner() -> PocketSphinx:
    return PocketSphinx()


def _align(task: tuple[Mapping[str, Any], str, list[Said] | str]) -> Entry:
    cell, text, said = task
    if isinstance(said, str):
        return {"why": said}
    try:
        found = _aligner().align(decode_audio(cell), text, said)
    except DataError as reason:  # CannotAlign among others
        return {"why": str(reason)}
    return {"phones": list(found.phones), "ends_s": list(found.ends_s)}
