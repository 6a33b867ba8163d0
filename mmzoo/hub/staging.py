"""Prepares a model repo for publishing: a scrubbed, complete copy, verified in a fresh process."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from mmzoo.errors import ChecksumError, CorruptFileError, GoldenError, UsageError, WeightsError
from mmzoo.hub.card_schema import check_front_matter
from mmzoo.hub.cards import BEGIN, render_card
from mmzoo.hub.components import check_components, write_components
from mmzoo.hub.huggingface import PATTERNS
from mmzoo.hub.scrub import betrays, scrubbed, scrubbed_json
from mmzoo.hub.tensor_file import MAX_HEADER_BYTES
from mmzoo.model_folder import (
    CARD_NAME,
    CONFIG_NAME,
    EVALUATION_NAME,
    GOLDEN_NAME,
    TRAINING_NAME,
    WEIGHTS_NAME,
    ModelConfig,
    ModelFolder,
)

RECORDS = (TRAINING_NAME, EVALUATION_NAME)
"""Files written for people, from which facts about a machine may be removed. Other data files are part of the model."""


@dataclass(frozen=True)
class Staged:
    """A folder ready to be published.

    Args:
        folder: The copy.
        name: The model's name.
        license: The license of the weights.
        files: Size in bytes by file name.
        skipped: Files of the source that are never published.
        scrubbed: By file name, the number of paths, names and tokens removed.
    """

    folder: Path
    name: str
    license: str
    files: dict[str, int] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    scrubbed: dict[str, int] = field(default_factory=dict)


def stage(source: Path, into: Path, repo: str, license: str | None = None) -> Staged:
    """Copy the files of a model folder that may be published, scrub them, and complete config and card.

    Args:
        source: The model folder.
        into: An empty folder for the copy.
        repo: `org/name`, for the example on the card.
        license: The license of the weights, if the card does not state it.

    Returns:
        The staged copy.

    Raises:
        UsageError: There is no license, or `source` is not a model folder.
        WeightsError, GoldenError: The folder is incomplete, or a data file holds a token or a home folder's path.
    """
    model = ModelFolder(source)
    if not model.is_own:
        raise UsageError(
            f"{source} is not a model folder written by mmzoo; if another library wrote it, run `mmzoo convert` first."
        )
    config = model.config
    names = [name for name in model.files() if not any(part.startswith(".") for part in name.split("/"))]
    wanted = [name for name in names if any(fnmatchcase(name, pattern) for pattern in PATTERNS["all"])]
    _complete(source, wanted, config)
    changes = {}
    for name in wanted:
        data = (source / name).read_bytes()
        if name in (*RECORDS, CARD_NAME) or name.endswith(".yaml"):
            text, count = _clean(source / name, data, name)
            data, changes[name] = text.encode(), count
        else:
            _check(name, data)
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        (into / name).write_bytes(data)
    write_components(into)
    stated = _card(into, repo, license)
    files = {name: (into / name).stat().st_size for name in ModelFolder(into).files()}
    changed = {name: count for name, count in changes.items() if count}
    return Staged(into, config.name, stated, files, sorted({*names} - {*wanted}), changed)


def prove(staged: Staged) -> None:
    """Load the staged folder strictly in a fresh process and reproduce its golden outputs.

    Raises:
        GoldenError: The process failed; the message gives its reason.
    """
    command = [sys.executable, "-m", "mmzoo", "verify", f"local-dir:{staged.folder}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
        reason = lines[-1].removeprefix("error: ").replace(str(staged.folder), "the folder").rstrip(".")
        raise GoldenError(
            f"{staged.name or 'The model'} was not published because a fresh process cannot use it: {reason}."
        )


def _complete(source: Path, names: list[str], config: ModelConfig) -> None:
    if WEIGHTS_NAME not in names:
        raise WeightsError(f"{source} has no {WEIGHTS_NAME}; publish the folder of a saved model.")
    if GOLDEN_NAME not in names:
        raise GoldenError(f"{source} has no {GOLDEN_NAME} to verify a copy with; `mmzoo card {source}` writes it.")
    try:
        check_components(source / WEIGHTS_NAME, config.components)
    except ChecksumError as error:
        raise ChecksumError(
            f"{str(error).rstrip('.')}; if you changed them on purpose, run `mmzoo card {source}`."
        ) from error
    for slot, value in config.recipe.items():
        if isinstance(value, dict) and str(value.get("model", "")).startswith("local-dir:"):
            raise WeightsError(
                f"The slot {slot} of {source} names a local folder; publish that model first and write its name into"
                f" {CONFIG_NAME}."
            )


def _clean(path: Path, data: bytes, name: str) -> tuple[str, int]:
    try:
        text = data.decode("utf-8")
        return scrubbed_json(text, people=True) if name in RECORDS else scrubbed(text)
    except ValueError as error:
        raise CorruptFileError(f"{path} is not valid {'JSON' if name in RECORDS else 'text'}: {error}.") from error


def _check(name: str, data: bytes) -> None:
    """Raise WeightsError if a file that may not be changed leaks something; of weights only the header is searched."""
    leak = betrays(data[: MAX_HEADER_BYTES + 8] if not name.endswith(".safetensors") else _header(data))
    if leak:
        raise WeightsError(f"{name} holds {leak} and is part of the model; remove it before publishing.")


def _header(data: bytes) -> bytes:
    return data[8 : 8 + min(int.from_bytes(data[:8], "little"), MAX_HEADER_BYTES)]


def _card(folder: Path, repo: str, license: str | None) -> str:
    """Write the card if it is generated or missing, not if handwritten. Returns the license that it states."""
    path, stated = folder / CARD_NAME, ModelFolder(folder).license
    if None not in (license, stated) and license != stated:
        raise UsageError(f"The card states the license {stated!r}, but --license is {license!r}; change one of them.")
    if not path.is_file() or BEGIN in path.read_text("utf-8"):
        path.write_text(render_card(folder, license=license, called=f"hf-hub:{repo}"), "utf-8")
    stated = ModelFolder(folder).license
    if stated is None:
        raise UsageError(
            f"The card states no license; pass --license, or write `license:` into the front matter of {CARD_NAME}."
        )
    check_front_matter(ModelFolder(folder).front_matter(), CARD_NAME)
    return stated
