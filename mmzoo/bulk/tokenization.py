"""Encodes the rows of a dataset as codes, in parquet shards that trainings can read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmzoo.bulk.running import FAILED, loaded, manifest_of
from mmzoo.composition import check
from mmzoo.data import decode_audio, decode_image, load_dataset_for, require_columns
from mmzoo.data.jobs import Advance, Job, Outcome, Shard, shards_of
from mmzoo.data.shards import Row, write_shard
from mmzoo.data.tokens import CODES, ERROR, GRID, KIND, RAW, TOKENIZER
from mmzoo.errors import InputError
from mmzoo.interfaces import PADDING_CODE, Tokenizer
from mmzoo.resolve import resolve
from mmzoo.schema import check as checked
from mmzoo.training.api import rows_of
from mmzoo.training.derive import data_section
from mmzoo.training.recipe import DataConfig, apply_override

if TYPE_CHECKING:
    from datasets import Dataset, Features


def tokenize_all(
    name: str,
    data: str,
    output: Path,
    *,
    overrides: Sequence[str] = (),
    splits: Sequence[str] = (),
    keep: Sequence[str] = (),
    batch: int = 1,
    shard_rows: int = 256,
    device: str = "cpu",
    command: str = "",
) -> Outcome:
    """Encode the rows of a dataset; what is there already is kept.

    Each row keeps its other columns and gets `codes`, N lists of Q integers; `grid`, the rows and columns of a
    picture's codes; `tokenizer`, the model's fingerprint; and `error` if the model refused it.

    Args:
        name: A tokenizer's name or folder.
        data: A file or folder, or the name of a registered dataset, as `mmzoo train --data` takes it.
        output: The folder to write to.
        overrides: Changes to the `data` section of a recipe: `data.config.KEY=VALUE`, `data.limit=N`.
        splits: The splits to encode; all by default.
        keep: Columns to keep, or to have made, besides those kept anyway: `audio`, `image`, `phones`.
        batch: Rows to encode at once. More is faster on a GPU, and may change codes where two are equally near.
        shard_rows: Rows in a shard.
        device: Where the model runs.
        command: The command, for messages.

    Returns:
        What became of the rows.

    Raises:
        InputError: The model is not a tokenizer, or the folder holds something else.
        ConfigError: An argument of the dataset is wrong.
        DataError: The data cannot be read.
    """
    cls = check(resolve(name)).head.cls
    if not (isinstance(cls, type) and issubclass(cls, Tokenizer)):
        raise InputError(
            f"{name} is not a tokenizer; `mmzoo list` shows models with a task that ends in -tokenization."
        )
    raw = RAW.get(cls.modality, cls.modality)
    section, rows = _rows(data, overrides, splits, [raw, *keep])
    for some in rows.values():
        require_columns(some, [raw, *keep], name)
    model = loaded(name, device)
    assert isinstance(model, Tokenizer)
    manifest = manifest_of(KIND, name, model, command) | {
        "tokenizer": {
            "modality": model.modality,
            "codebook_sizes": list(model.codebook_sizes),
            "rate": model.rate,
            "sample_rate": model.sample_rate,
            "patch": model.patch,
        },
        "data": {**section, "rows": {split: _digest(some) for split, some in rows.items()}},
        "options": {"keep": sorted(keep), "batch": batch, "shard_rows": shard_rows},
    }
    shards = shards_of({split: len(some) for split, some in rows.items()}, shard_rows, ".parquet")
    job, encoder = Job(output, manifest, shards), _Encoder(model, raw, keep, batch)

    def make(shard: Shard, path: Path, advance: Advance) -> Outcome:
        some = rows[shard.split]
        made, outcome = encoder.rows(some.select(shard.rows), advance)
        write_shard(path, made, encoder.features(some))
        return outcome

    return job.run(make, "tokenizing")


def _rows(
    data: str, overrides: Sequence[str], splits: Sequence[str], needs: Sequence[str]
) -> tuple[dict[str, Any], dict[str, Dataset]]:
    """The `data` section of a recipe, without what only trainings need, and the rows of each split to encode."""
    changes: dict[str, Any] = {}
    for override in overrides:
        apply_override(changes, override)
    if wrong := next((key for key in changes if key != "data"), None):
        raise InputError(f"{wrong} is not a setting of the data; settings begin with `data.`, as in data.limit=100.")
    section = data_section(data, changes.get("data") or {})
    config = checked(DataConfig, section, path="data", label="the data")
    loaded = load_dataset_for(lambda: needs, config.name, config.config)
    given = list(splits) or [section[key] for key in ("split", "validation_split") if section.get(key)]
    chosen = given or [split for split, some in loaded.items() if len(some)]
    rows = {split: rows_of(loaded, config.model_copy(update={"split": split}))[0] for split in chosen}
    return {"name": config.name, "config": config.config, "limit": config.limit}, rows


class _Encoder:
    """Turns rows into rows with codes."""

    def __init__(self, model: Tokenizer, raw: str, keep: Sequence[str], batch: int) -> None:
        self.model, self.raw, self.keep, self.batch = model, raw, keep, batch
        self.fingerprint = model.fingerprint()

    def features(self, rows: Dataset) -> Features:
        from datasets import Features, List, Value

        kept = {name: rows.features[name] for name in self._kept(rows)}
        codes = {CODES: List(List(Value("int32"))), GRID: List(Value("int32"))}
        return Features({**kept, **codes, TOKENIZER: Value("string"), ERROR: Value("string")})

    def _kept(self, rows: Dataset) -> list[str]:
        own = (CODES, GRID, TOKENIZER, ERROR)
        dropped = {"audio", "image"} - {*self.keep}
        return [name for name in rows.column_names if name not in own and name not in dropped]

    def rows(self, rows: Dataset, advance: Advance) -> tuple[list[Row], Outcome]:
        kept = rows.select_columns(self._kept(rows))
        made: list[Row] = []
        outcome = Outcome()
        for row, (codes, grid, error) in zip(kept, self._encoded(rows.select_columns([self.raw])), strict=True):
            name = row.get("id") or len(made)
            outcome += Outcome(1) if error is None else Outcome(1, 1, f"row {name}: {error}")
            made.append(
                {
                    **{column: _with_content(value) for column, value in row.items()},
                    CODES: codes,
                    GRID: grid,
                    TOKENIZER: self.fingerprint,
                    ERROR: error,
                }
            )
            advance(1)
        return made, outcome

    def _encoded(self, rows: Dataset) -> Iterator[tuple[list[list[int]] | None, list[int] | None, str | None]]:
        """The codes, the grid of a picture's codes and the error of each row."""
        for start in range(0, len(rows), self.batch):
            decoded = [
                self._decoded(row[self.raw]) for row in rows.select(range(start, min(start + self.batch, len(rows))))
            ]
            good = [item for item in decoded if not isinstance(item, Exception)]
            codes = iter(self._codes(good))
            for item in decoded:
                found = item if isinstance(item, Exception) else next(codes)
                if isinstance(found, Exception):
                    yield None, None, str(found)
                else:
                    yield found, self._grid(item), None

    def _decoded(self, cell: Any) -> Any:
        """What `tokenize` takes, or the exception that says why a cell cannot be read."""
        try:
            if self.raw == "audio":
                return decode_audio(cell, sample_rate=self.model.sample_rate)
            return decode_image(cell) if self.raw == "image" else cell
        except FAILED as error:
            return error

    def _codes(self, items: Sequence[Any]) -> list[Any]:
        """The codes of each item, or the exception that says why the model refuses it."""
        if not items:
            return []
        try:
            batch = self.model.tokenize(list(items)).cpu()
            return [codes[codes[:, 0] != PADDING_CODE].tolist() for codes in batch]
        except FAILED as error:
            if len(items) == 1:
                return [error]
            return [one for item in items for one in self._codes([item])]  # sizes differ, or one of them is wrong

    def _grid(self, item: Any) -> list[int] | None:
        if self.raw != "image" or not (patch := self.model.patch):
            return None
        height, width = item.pixels.shape[:2]
        return [-(-height // patch), -(-width // patch)]


def _with_content(value: Any) -> Any:
    """The cell of a file with the file's content, so that shards are complete."""
    if isinstance(value, Mapping) and {*value} == {"bytes", "path"} and value["bytes"] is None and value["path"]:
        try:
            return {"bytes": Path(value["path"]).read_bytes(), "path": value["path"]}
        except OSError:
            return value  # unreadable, which the row's error says
    return value


def _digest(rows: Dataset) -> str:
    """What tells the rows of a split from others: their number, ids and texts."""
    digest = hashlib.sha256(str(len(rows)).encode())
    for column in ("id", "text"):
        if column in rows.column_names:
            for value in rows[column]:
                digest.update(f"{value}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]
