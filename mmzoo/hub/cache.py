"""The mmzoo models in huggingface_hub's cache: list them, with their sizes, and delete them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmzoo.errors import ConfigError, UnknownNameError
from mmzoo.model_folder import ModelFolder


@dataclass(frozen=True, slots=True)
class CachedModel:
    """A model repo in the cache.

    Args:
        repo: `org/name`.
        commits: The commits with cached files.
        size: In bytes, including single components fetched by byte ranges.
        path: The repo's folder in the cache.
    """

    repo: str
    commits: tuple[str, ...]
    size: int
    path: Path


def cached_models() -> list[CachedModel]:
    """The mmzoo models in the cache, sorted by name; other libraries' models are left out."""
    models, scan = [], _scan()
    for repo in scan.repos if scan else ():
        commits = sorted(revision.commit_hash for revision in repo.revisions if _is_ours(revision.snapshot_path))
        if repo.repo_type == "model" and commits:
            parts = sum(path.stat().st_size for path in (repo.repo_path / "parts").rglob("*") if path.is_file())
            models.append(CachedModel(repo.repo_id, tuple(commits), repo.size_on_disk + parts, repo.repo_path))
    return sorted(models, key=lambda model: model.repo)


def remove(repo: str) -> int:
    """Delete all files of a model repo from the cache.

    Args:
        repo: `org/name`.

    Returns:
        The number of bytes freed.

    Raises:
        UnknownNameError: The repo is not in the cache.
    """
    model = next((model for model in cached_models() if model.repo == repo), None)
    if model is None:
        raise UnknownNameError(
            f"{repo[:80]!r} is not in the cache; `mmzoo cache list` shows the models in it.", name=repo
        )
    scan = _scan()
    entry = next(entry for entry in scan.repos if entry.repo_id == repo and entry.repo_type == "model")
    scan.delete_revisions(*(revision.commit_hash for revision in entry.revisions)).execute()
    return model.size


def _scan() -> Any:
    """What huggingface_hub finds in the cache; None if there is no cache."""
    from huggingface_hub import constants
    from huggingface_hub.errors import CacheNotFound
    from huggingface_hub.utils import scan_cache_dir  # type: ignore[attr-defined]

    try:
        return scan_cache_dir(constants.HF_HUB_CACHE)
    except CacheNotFound:
        return None


def _is_ours(folder: Path) -> bool:
    try:
        return {"format_version", "recipe"} <= ModelFolder(folder).content.keys()
    except ConfigError:
        return False
