"""The models that are in huggingface_hub's cache: what there is, how large, and how to be rid of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmzoo.errors import ConfigError, UnknownNameError
from mmzoo.model_folder import ModelFolder


@dataclass(frozen=True, slots=True)
class CachedModel:
    """A model repo in the cache. commits: those of which there are files. size: bytes, with fetched parts."""

    repo: str
    commits: tuple[str, ...]
    size: int
    path: Path


def cached_models() -> list[CachedModel]:
    """The mmzoo models in the cache, by name; what other libraries keep there is left out."""
    found = []
    for repo in _scan().repos:
        commits = sorted(revision.commit_hash for revision in repo.revisions if _is_ours(revision.snapshot_path))
        if repo.repo_type == "model" and commits:
            parts = sum(path.stat().st_size for path in (repo.repo_path / "parts").rglob("*") if path.is_file())
            found.append(CachedModel(repo.repo_id, tuple(commits), repo.size_on_disk + parts, repo.repo_path))
    return sorted(found, key=lambda model: model.repo)


def remove(repo: str) -> int:
    """Delete all files of a model repo (`org/name`) from the cache; returns the bytes freed.

    Raises UnknownNameError if it is not in the cache.
    """
    model = next((model for model in cached_models() if model.repo == repo), None)
    if model is None:
        raise UnknownNameError(f"{repo[:80]!r} is not in the cache; `mmzoo cache list` shows what is.", name=repo)
    known = next(entry for entry in _scan().repos if entry.repo_id == repo and entry.repo_type == "model")
    _scan().delete_revisions(*(revision.commit_hash for revision in known.revisions)).execute()
    return model.size


def _scan() -> Any:
    from huggingface_hub import constants
    from huggingface_hub.errors import CacheNotFound
    from huggingface_hub.utils import scan_cache_dir  # type: ignore[attr-defined]

    try:
        return scan_cache_dir(constants.HF_HUB_CACHE)
    except CacheNotFound:
        return _Nothing()


class _Nothing:
    repos: tuple[Any, ...] = ()


def _is_ours(folder: Path) -> bool:
    try:
        return {"format_version", "recipe"} <= ModelFolder(folder).content.keys()
    except ConfigError:
        return False
