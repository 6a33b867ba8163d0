"""Generates an item from each row of a prompts file: files and their metadata, in a folder for each shard."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmzoo.bulk.prompts import Prompt, generator_class, read_prompts
from mmzoo.bulk.running import FAILED, loaded, manifest_of
from mmzoo.command_line import input_file
from mmzoo.data.jobs import Advance, Job, Outcome, Shard, shards_of
from mmzoo.errors import InputError
from mmzoo.interfaces import Audio, Image
from mmzoo.interfaces.options import row_seed

METADATA, ERRORS = "metadata.jsonl", "errors.jsonl"
SUFFIXES: Mapping[type, tuple[str, ...]] = {
    Audio: ("wav", "flac", "ogg", "mp3"),
    Image: ("png", "webp", "jpg"),
    str: ("txt",),
}
"""The formats of each kind of result; the first is the default."""


def generate_all(
    name: str,
    prompts: Path,
    output: Path,
    *,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    format: str | None = None,
    shard_rows: int = 256,
    device: str = "cpu",
    command: str = "",
) -> Outcome:
    """Make what the rows of a prompts file ask for; what is there already is kept.

    Each shard becomes a folder with a file for each row, named after its id, and `metadata.jsonl` with a line for each:
    `file_name`, `id`, the keys of the prompt with the seed, and the notes of the result. Rows that the model refused
    are in `errors.jsonl` instead.

    Args:
        name: A model's name or folder.
        prompts: The JSONL file.
        output: The folder to write to.
        options: Keys for rows that do not give them, such as `steps`.
        seed: With a row's id, it determines the row's seed, unless the row gives one.
        format: The format of the files; None for the default of what the model makes.
        shard_rows: Rows in a shard.
        device: Where the model runs.
        command: The command, for messages.

    Returns:
        What became of the rows.

    Raises:
        InputError: A row is wrong, the model does not generate, or the folder holds something else.
    """
    cls: Any = generator_class(name)
    given = dict(options or {})
    rows = read_prompts(input_file(prompts), cls, name, given, prompts.parent)
    suffix = _suffix(cls.generates, name, format)
    model = loaded(name, device)
    digest = hashlib.sha256(json.dumps([[row.id, row.keys] for row in rows], sort_keys=True).encode()).hexdigest()
    manifest = manifest_of("generated", name, model, command) | {
        "prompts": {"rows": len(rows), "sha256": digest},
        "options": {**given, "seed": seed, "format": suffix, "shard_rows": shard_rows},
    }
    job = Job(output, manifest, shards_of({"items": len(rows)}, shard_rows))

    def make(shard: Shard, folder: Path, advance: Advance) -> Outcome:
        lines: dict[str, list[str]] = {METADATA: [], ERRORS: []}
        outcome = Outcome()
        for row in rows[shard.rows.start : shard.rows.stop]:
            line, one = _made(model, row, folder, suffix, seed)
            lines[ERRORS if one.failed else METADATA].append(json.dumps(line, ensure_ascii=False) + "\n")
            outcome += one
            advance(1)
        for file, content in lines.items():
            if content:
                (folder / file).write_text("".join(content), encoding="utf-8")
        return outcome

    return job.run(make, "generating")


def _suffix(kind: type, name: str, format: str | None) -> str:
    formats = SUFFIXES[kind]
    if format is not None and format.lower().removeprefix(".") not in formats:
        raise InputError(f"{name} makes {', '.join(formats)}, not {format[:40]!r}; choose one of them with --format.")
    return formats[0] if format is None else format.lower().removeprefix(".")


def _made(model: Any, row: Prompt, folder: Path, suffix: str, seed: int) -> tuple[dict[str, Any], Outcome]:
    """Write the item of one row; the line of the metadata, and the outcome."""
    keys = {"seed": row_seed(seed, row.id), **row.keys}
    line = {"id": row.id, **keys}
    try:
        result = model.generate_item(**{**keys, **row.files})
    except FAILED as error:
        return line | {"error": str(error)}, Outcome(1, 1, f"row {row.id}: {error}")
    file = f"{row.id}.{suffix}"
    (folder / file).write_bytes(content_of(result, suffix))
    notes = {} if isinstance(result, str) or not result.notes else {"notes": list(result.notes)}
    return {"file_name": file} | line | notes, Outcome(1)


def content_of(result: Audio | Image | str, suffix: str) -> bytes:
    """A result as a file of a format."""
    if isinstance(result, str):
        return result.encode("utf-8", "backslashreplace") + b"\n"
    content = io.BytesIO()
    result.save(content, format=suffix)
    return content.getvalue()
