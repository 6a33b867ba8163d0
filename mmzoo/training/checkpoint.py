"""Checkpoints: folders of safetensors and JSON, written atomically and verified when read."""

from __future__ import annotations

import json
import os
import re
import shutil
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from mmzoo.composition.save import write_weights
from mmzoo.errors import CheckpointError
from mmzoo.system import sha256_of

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
_NAME = re.compile(r"^step-(\d{8})$")


def checkpoint_name(step: int) -> str:
    """The name of the checkpoint folder of a step."""
    return f"step-{step:08d}"


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_checkpoint(
    root: Path, step: int, tensors: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any], *, keep: int
) -> Path:
    """Write the checkpoint `root/step-<step>`, then delete all but the newest `keep`.

    The files are written to a folder `.staging-*`, the manifest with their sizes and sha256 last. Everything is
    synced to disk before the folder is renamed.

    Args:
        root: The folder of all checkpoints.
        step: The step that was just finished.
        tensors: Named tensors by file stem.
        state: The contents of state.json.
        keep: How many checkpoints to keep, including this one.

    Raises:
        OSError: Writing failed; the staging folder has been deleted.
    """
    root.mkdir(parents=True, exist_ok=True)
    final = root / checkpoint_name(step)
    staging = root / f".staging-{step:08d}-{uuid.uuid4().hex[:8]}"
    staging.mkdir()
    try:
        for stem, named in tensors.items():
            write_weights(staging / f"{stem}.safetensors", _unshared(named))
        (staging / "state.json").write_text(json.dumps(state, indent=1), encoding="utf-8")
        files = {
            path.name: {"size": path.stat().st_size, "sha256": sha256_of(path)} for path in sorted(staging.iterdir())
        }
        for path in staging.iterdir():
            _fsync(path)
        manifest = {"format_version": FORMAT_VERSION, "step": step, "files": files}
        (staging / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        _fsync(staging / MANIFEST)
        _fsync(staging)
        if final.exists():  # left by a run that was resumed from an older checkpoint
            shutil.rmtree(final)
        os.rename(staging, final)  # noqa: PTH104 - the call that makes the checkpoint exist
        _fsync(root)
    except OSError:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    prune(root, keep, newest=step)
    return final


def _unshared(named: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors with their own storage: safetensors rejects shared memory, as with tied weights."""
    seen: set[int] = set()
    result: dict[str, Tensor] = {}
    for name, tensor in named.items():
        tensor = tensor.detach()
        compact = tensor.is_contiguous() and tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
        if tensor.numel() and (not compact or tensor.data_ptr() in seen):
            tensor = tensor.clone().contiguous()
        seen.add(tensor.data_ptr())
        result[name] = tensor
    return result


def list_checkpoints(root: Path) -> list[Path]:
    """All finished checkpoint folders, oldest step first."""
    if not root.is_dir():
        return []
    steps = [(int(match[1]), path) for path in root.iterdir() if (match := _NAME.match(path.name)) and path.is_dir()]
    return [path for _, path in sorted(steps)]


def prune(root: Path, keep: int, *, newest: int) -> None:
    """Delete all but the last `keep` checkpoints up to step `newest`; folders that cannot be deleted are kept.

    Checkpoints of later steps are deleted too: they are broken, or the run was resumed from before them.
    """
    paths = list_checkpoints(root)
    current = [path for path in paths if path.name <= checkpoint_name(newest)]
    for path in set(paths) - set(current[-keep:]):
        shutil.rmtree(path, ignore_errors=True)


def remove_staging(root: Path) -> None:
    """Delete what interrupted saves left behind; call this only while holding the run's lock."""
    for path in root.glob(".staging-*") if root.is_dir() else ():
        shutil.rmtree(path, ignore_errors=True)


def verify_checkpoint(path: Path) -> dict[str, Any]:
    """Compare the size and sha256 of every file with the manifest, and return the manifest.

    Raises:
        CheckpointError: The manifest is unreadable, or a file is missing or differs.
    """
    try:
        manifest: dict[str, Any] = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        files = dict(manifest["files"])
        version = manifest["format_version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is not a checkpoint: its {MANIFEST} is missing or unreadable.") from error
    if version != FORMAT_VERSION:
        raise CheckpointError(f"{path} has checkpoint format {version}; this mmzoo reads format {FORMAT_VERSION}.")
    for name, expected in files.items():
        file = path / name
        if Path(name).name != name or not file.is_file():
            raise CheckpointError(f"Checkpoint {path} is missing its file {name}.")
        if not isinstance(expected, dict) or {"size", "sha256"} - set(expected):
            raise CheckpointError(f"Checkpoint {path}: its {MANIFEST} lacks the size or sha256 of {name}.")
        size = file.stat().st_size
        if size != expected["size"]:
            raise CheckpointError(f"Checkpoint {path}: {name} has {size} bytes instead of {expected['size']}.")
        if sha256_of(file) != expected["sha256"]:
            raise CheckpointError(f"Checkpoint {path}: the sha256 of {name} is not the one in its manifest.")
    return manifest


def newest_checkpoint(root: Path, warn: Callable[[str], None]) -> Path | None:
    """The newest valid checkpoint, if any; `warn` is called for each broken one."""
    for path in reversed(list_checkpoints(root)):
        try:
            verify_checkpoint(path)
        except CheckpointError as error:
            warn(f"{error} Trying an older one.")
        else:
            return path
    return None


def read_state(path: Path) -> dict[str, Any]:
    """state.json of a verified checkpoint."""
    try:
        state: dict[str, Any] = json.loads((path / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"Checkpoint {path} has no readable state.json.") from error
    return state


def read_tensors(path: Path, stem: str) -> dict[str, Tensor]:
    """The tensors of one file of a verified checkpoint, on the CPU."""
    try:
        return load_file(path / f"{stem}.safetensors")
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"Checkpoint {path} has no readable {stem}.safetensors: {error}.") from error
