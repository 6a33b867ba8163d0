"""A model repo as it will be published: a folder of its own, scrubbed, complete, and proven in a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from mmzoo.errors import ChecksumError, CorruptFileError, GoldenError, UsageError, WeightsError
from mmzoo.hub.card_schema import check_front_matter
from mmzoo.hub.cards import BEGIN, render_card
from mmzoo.hub.components import KEY, check_components, write_components
from mmzoo.hub.huggingface import PATTERNS, files_of
from mmzoo.hub.scrub import betrays, scrubbed, scrubbed_json
from mmzoo.hub.sources import WEIGHTS_NAME, card_license
from mmzoo.hub.tensor_file import MAX_HEADER_BYTES
from mmzoo.yaml_text import front_matter

CARD, CONFIG, GOLDEN = "README.md", "config.json", "golden.safetensors"
RECORDS = ("training.json", "evaluation.json")
"""Written for people; what they say of a machine may be taken out. Other data files are part of the model."""


@dataclass(frozen=True)
class Staged:
    """A folder ready to be published.

    files: bytes by name. skipped: files of the source that are never published. scrubbed: by name, how many paths,
    names and tokens were taken out.
    """

    folder: Path
    name: str
    license: str
    files: dict[str, int] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    scrubbed: dict[str, int] = field(default_factory=dict)


def stage(source: Path, into: Path, repo: str, license: str | None = None) -> Staged:
    """Copy what may be published of a model folder, scrub it, and complete its config and card.

    license: of the weights, if the card does not say it. Raises UsageError without a licence, WeightsError or
    GoldenError for an incomplete folder, or one whose data files hold a token or a path of this machine.
    """
    config = _config(source)
    names = [name for name in files_of(source) if not any(part.startswith(".") for part in name.split("/"))]
    wanted = [name for name in names if any(fnmatchcase(name, pattern) for pattern in PATTERNS["all"])]
    _complete(source, wanted, config)
    changes = {}
    for name in wanted:
        data = (source / name).read_bytes()
        if name in (*RECORDS, CARD) or name.endswith(".yaml"):
            text, count = _clean(source / name, data, name)
            data, changes[name] = text.encode(), count
        else:
            _check(name, data)
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        (into / name).write_bytes(data)
    write_components(into)
    stated = _card(into, config, repo, license)
    files = {name: (into / name).stat().st_size for name in files_of(into)}
    told = {name: count for name, count in changes.items() if count}
    return Staged(into, str(config.get("name", "")), stated, files, sorted({*names} - {*wanted}), told)


def prove(staged: Staged) -> None:
    """Load the staged folder strictly in a fresh process and have it reproduce its golden outputs.

    Raises GoldenError with the reason that process gave.
    """
    command = [sys.executable, "-m", "mmzoo", "verify", f"local-dir:{staged.folder}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
        reason = lines[-1].removeprefix("error: ").replace(str(staged.folder), "the folder").rstrip(".")
        raise GoldenError(f"{staged.name or 'The model'} is not published, as a fresh process cannot use it: {reason}.")


def _config(source: Path) -> dict[str, object]:
    try:
        config = json.loads((source / CONFIG).read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{source} has no {CONFIG}; publish the folder of a saved model.") from error
    except ValueError as error:
        raise CorruptFileError(f"{source / CONFIG} is not valid JSON: {error}.") from error
    if not isinstance(config, dict):
        raise CorruptFileError(f"{source / CONFIG} holds no JSON object.")
    if "recipe" not in config:
        raise UsageError(
            f"{source} is no model folder as mmzoo writes it; if another library did, `mmzoo convert` makes it one."
        )
    return config


def _complete(source: Path, names: list[str], config: dict[str, object]) -> None:
    if WEIGHTS_NAME not in names:
        raise WeightsError(f"{source} has no {WEIGHTS_NAME}; publish the folder of a saved model.")
    if GOLDEN not in names:
        raise GoldenError(
            f"{source} has no {GOLDEN}, so nobody could check a copy of it; `mmzoo card {source}` writes it."
        )
    stated = config.get(KEY)
    if isinstance(stated, dict):
        try:
            check_components(source / WEIGHTS_NAME, {str(part): str(digest) for part, digest in stated.items()})
        except ChecksumError as error:
            raise ChecksumError(
                f"{str(error).rstrip('.')}; if they were changed on purpose, `mmzoo card {source}` says so."
            ) from error
    recipe = config.get("recipe")
    for slot, value in recipe.items() if isinstance(recipe, dict) else ():
        if isinstance(value, dict) and str(value.get("model", "")).startswith("local-dir:"):
            raise WeightsError(
                f"The slot {slot} of {source} names a folder of this machine; publish that model first and write its"
                f" name into {CONFIG}."
            )


def _clean(path: Path, data: bytes, name: str) -> tuple[str, int]:
    try:
        text = data.decode("utf-8")
        return scrubbed_json(text, people=True) if name in RECORDS else scrubbed(text)
    except ValueError as error:
        raise CorruptFileError(f"{path} is not valid {'JSON' if name in RECORDS else 'text'}: {error}.") from error


def _check(name: str, data: bytes) -> None:
    """A file that may not be changed is refused if it gives something away; of weights only the header is text."""
    found = betrays(data[: MAX_HEADER_BYTES + 8] if not name.endswith(".safetensors") else _header(data))
    if found:
        raise WeightsError(f"{name} holds {found} and is part of the model; take it out before publishing.")


def _header(data: bytes) -> bytes:
    return data[8 : 8 + min(int.from_bytes(data[:8], "little"), MAX_HEADER_BYTES)]


def _card(folder: Path, config: dict[str, object], repo: str, license: str | None) -> str:
    """Write the card where it is generated or missing; a hand-written one is left. Returns the licence it states."""
    path, stated = folder / CARD, card_license(folder)
    if None not in (license, stated) and license != stated:
        raise UsageError(f"The card is under {stated!r}, and --license says {license!r}; make them agree.")
    if not path.is_file() or BEGIN in path.read_text("utf-8"):
        path.write_text(render_card(folder, license=license, called=f"hf-hub:{repo}"), "utf-8")
    stated = card_license(folder)
    if stated is None:
        raise UsageError(
            "The card names no licence, and mmzoo invents none; pass --license, or write `license:` into the front"
            f" matter of {CARD}."
        )
    check_front_matter(front_matter(path.read_text("utf-8"))[0], CARD)
    return stated
