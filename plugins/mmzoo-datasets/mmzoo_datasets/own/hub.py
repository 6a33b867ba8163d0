"""The dataset `hub`: any dataset of the Hugging Face Hub, or a local folder, that `datasets` reads without a script."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmzoo.data import cache_dir
from mmzoo.data.shards import quiet_datasets
from mmzoo.errors import ConfigError, DataError
from mmzoo.interfaces import Size
from mmzoo_datasets.own.files import SPLITS, SUFFIXES
from mmzoo_datasets.own.finish import Part, Rate, Seconds, Settings, Side, finished
from mmzoo_datasets.own.folders import folder_splits
from mmzoo_datasets.own.metadata import TABLES
from mmzoo_datasets.own.recognize import kind_of
from mmzoo_datasets.own.tables import FOLDER, rows_of

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

PACKED = frozenset({".parquet", ".arrow", ".tar", ".zip", ".gz", ".7z"})
"""Suffixes of files that hold many rows."""
ANSWER_SECONDS = 10.0
"""Timeout of the request that asks whether the Hub has a dataset."""


def hub(
    *,
    path: str,
    split: str | None = None,
    subset: str | None = None,
    revision: str | None = None,
    columns: Mapping[str, str] | None = None,
    streaming: bool = False,
    limit: Size | None = None,
    size: Side | None = None,
    sample_rate: Rate | None = None,
    clip_seconds: Seconds | None = 30.0,
    validation: Part = 0.05,
    max_unreadable: Part = 0.05,
    seed: int = 0,
) -> DatasetDict:
    """A dataset of the Hugging Face Hub, or a local folder, as the library `datasets` reads it; its code is never run.

    Args:
        path: `org/name` on the Hub, or a folder of parquet, arrow, csv, json, pictures, sounds or webdataset files.
            Write `./name` for a folder in the current one.
        split: The split to train on, or a part of it, such as `train[:10%]`; null takes the splits named like train,
            validation and test.
        subset: The dataset's configuration, if it has several.
        revision: A commit, tag or branch; a commit makes the training reproducible.
        columns: Our names of columns to the table's, such as `{image: img, text: caption}`; usual names are recognized.
        streaming: Whether to download only the first `limit` rows.
        limit: Number of rows to use, from the start of each split; null uses all.
        size: Side in pixels to which all pictures are fitted; null leaves that to the model.
        sample_rate: In Hz, to which all sounds are resampled; null leaves that to the model.
        clip_seconds: Longer sounds without a transcript are cut into clips of this length; null keeps them.
        validation: Fraction of the rows for the split validation, if there is none.
        max_unreadable: Largest fraction of files that may be unreadable; these are named in a warning and left out.
        seed: Seed of the choice of validation rows.

    Raises:
        DataError: The dataset does not exist, cannot be reached, needs a script, or is in a layout of its own.
        ConfigError: An argument is out of range, or names a column that does not exist.
    """
    settings = Settings(
        validation=validation, seed=seed, max_unreadable=max_unreadable, size=size, sample_rate=sample_rate,
        clip_seconds=clip_seconds,
    )  # fmt: skip
    if streaming and limit is None:
        raise ConfigError("hub streams only with a limit, the number of rows to download.", path="limit")
    local = Path(path).expanduser()
    if local.is_file():
        raise DataError(f"{local} is a file, and hub reads folders; give the file itself as the data.")
    if not local.exists() and (path.startswith((".", "/", "~")) or path.count("/") > 1):
        raise DataError(f"There is no folder {local}.")
    names = None if local.exists() else _file_names(path, revision)
    if names and _are_sounds(names):
        local = _downloaded_sounds(path, revision)
    if local.is_dir() and (kind := kind_of(local)) in ("image", "audio"):
        # `datasets` would take split names from the names of files, and decode sounds with a package of its own.
        made = folder_splits(local.resolve(), str(kind), columns or {})
        if split is not None and split not in made:
            raise DataError(f"The folder {local} has no split {split!r}; it has {', '.join(made)}.")
        made = {"train": made[split]} if split is not None else made
        chosen = {name: rows.select(range(min(limit or len(rows), len(rows)))) for name, rows in made.items()}
        return finished(path, chosen, settings)
    answers = names is not None or local.exists()
    tables = _tables(path, split=split, subset=subset, revision=revision, streaming=streaming, answers=answers)
    if streaming:
        tables = {name: _downloaded(rows, limit) for name, rows in tables.items()}
    elif limit is not None:
        tables = {name: rows.select(range(min(limit, len(rows)))) for name, rows in tables.items()}
    if local.is_dir():  # what its paths are relative to
        tables = {name: table.add_column(FOLDER, [str(local.resolve())] * len(table)) for name, table in tables.items()}
    rows = {name: rows_of(table, name, path, columns or {}) for name, table in tables.items()}
    return finished(path, rows, settings)


def _tables(
    path: str, *, split: str | None, subset: str | None, revision: str | None, streaming: bool, answers: bool
) -> dict[str, Any]:
    """The table of each of our splits; only from the cache unless the Hub answers or the path is a folder."""
    from datasets import Dataset, DatasetDict, load_dataset, load_from_disk

    local = Path(path).expanduser()
    saved = any((local / name).is_file() for name in ("dataset_dict.json", "state.json"))
    try:
        with quiet_datasets(), nullcontext() if answers else _offline():
            if saved:
                loaded: Any = load_from_disk(str(local))
            else:
                loaded = load_dataset(
                    str(local.resolve()) if local.exists() else path, subset, split=split, revision=revision,
                    streaming=streaming, cache_dir=str(cache_dir() / "hub"),
                )  # fmt: skip
    except Exception as error:  # datasets and huggingface_hub raise many kinds
        if not answers:
            raise DataError(
                f"The Hub cannot be reached, and the dataset {path} is not in the cache; check the network and"
                " HF_ENDPOINT, or give a folder on this machine as the data."
            ) from error
        raise DataError(f"Cannot load the dataset {path}: {_reason(error)}") from error
    if not isinstance(loaded, Mapping):
        if saved and split is not None:
            raise DataError(
                f"The dataset {path} has only one split; leave `split` out, and set `limit` for fewer rows."
            )
        return {"train": loaded}
    if split is not None and isinstance(loaded, DatasetDict):  # of load_from_disk, which takes no split
        if split not in loaded:
            raise DataError(f"The dataset {path} has no split {split!r}; it has {', '.join(loaded)}.")
        return {"train": loaded[split]}
    named = {SPLITS.get(name.lower(), name): rows for name, rows in loaded.items()}
    if "train" not in named:
        raise DataError(f"The dataset {path} has no split train; choose one of {', '.join(loaded)} with `split`.")
    assert isinstance(named["train"], Dataset) or streaming
    return {name: named[name] for name in ("train", "validation", "test") if name in named}


def _file_names(path: str, revision: str | None) -> list[str] | None:
    """The files of a dataset, or None if the Hub does not answer; asked once, since `datasets` would ask for long.

    Raises:
        DataError: The Hub does not have the dataset, or does not give it to this user.
    """
    from huggingface_hub import HfApi, errors
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]

    at = f" at revision {revision!r}" if revision else ""
    try:
        api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
        found = api.dataset_info(path, revision=revision, timeout=ANSWER_SECONDS)
        return [file.rfilename for file in found.siblings or ()]
    except errors.GatedRepoError as error:
        raise DataError(
            f"The dataset {path} is gated; ask for access on its page on the Hub, and log in with `hf auth login`."
        ) from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.HFValidationError) as error:
        raise DataError(
            f"There is no dataset {path}{at} on the Hub, or it is private; check the name, or log in with"
            " `hf auth login`. A folder on this machine is written ./NAME."
        ) from error
    except (errors.OfflineModeIsEnabled, httpx.TransportError):
        return None
    except errors.HfHubHTTPError as error:
        return [] if error.response.status_code < 500 else None


def _are_sounds(names: list[str]) -> bool:
    """Whether a dataset is sounds as files of their own, for which `datasets` would need another package."""
    suffixes = {Path(name).suffix.lower() for name in names}
    return bool(suffixes & SUFFIXES["audio"]) and not suffixes & PACKED


def _downloaded_sounds(path: str, revision: str | None) -> Path:
    """A folder with the sounds of a dataset and what describes them. Raises DataError."""
    from huggingface_hub import snapshot_download

    wanted = [f"*{suffix}" for suffix in (*SUFFIXES["audio"], *TABLES, ".txt")]
    wanted += [pattern.upper() for pattern in wanted]
    try:
        return Path(
            snapshot_download(
                path, repo_type="dataset", revision=revision, allow_patterns=wanted,
                endpoint=os.environ.get("HF_ENDPOINT"),
            )
        )  # fmt: skip
    except Exception as error:  # whatever the transport raises
        raise DataError(f"Cannot load the dataset {path}: {_reason(error)}") from error


@contextmanager
def _offline() -> Iterator[None]:
    """Let `datasets` read its cache only."""
    from datasets import config

    before, config.HF_HUB_OFFLINE = config.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        config.HF_HUB_OFFLINE = before


def _downloaded(rows: Any, limit: int | None) -> Dataset:
    """The first rows of a stream, with files as they are stored."""
    from datasets import Audio, Dataset, Features, Image, Value

    types = dict(rows.features or {})
    for name, feature in types.items():
        if isinstance(feature, Image | Audio):
            rows = rows.cast_column(name, type(feature)(decode=False))
            types[name] = {"bytes": Value("binary"), "path": Value("string")}  # `datasets` decodes to encode the others
    try:
        first = list(islice(rows, limit))
    except Exception as error:  # whatever the transport raises
        raise DataError(f"The stream of rows broke off: {_reason(error)}") from error
    return Dataset.from_list(first, features=Features(types) if types else None)


def _reason(error: BaseException) -> str:
    """The first line of an error, or that of its cause if that says more."""
    while error.__cause__ is not None and "error occurred while generating" in str(error):
        error = error.__cause__
    return f"{type(error).__name__}: {(str(error).strip() or 'no reason given').splitlines()[0][:300]}"
