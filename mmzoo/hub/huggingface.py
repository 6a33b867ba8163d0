"""Model folders from the Hugging Face Hub. `huggingface_hub` is imported only for a download."""

from __future__ import annotations

import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from mmzoo.errors import ChecksumError
from mmzoo.hub.sources import without_weights
from mmzoo.hub.trouble import hub_errors, unanswered
from mmzoo.model_folder import GOLDEN_NAME, WEIGHTS_NAME, ModelFolder
from mmzoo.system import git_blob_hash, sha256_of

COMMIT = re.compile(r"[0-9a-f]{40}")
TEXTS = ("*.json", "*.md", "*.yaml")
MEDIA = ("txt", "wav", "flac", "ogg", "mp3", "png", "jpg", "jpeg", "webp", "gif")
PATTERNS = {
    "texts": TEXTS,
    "weights": (*TEXTS, WEIGHTS_NAME),
    "proof": (*TEXTS, WEIGHTS_NAME, GOLDEN_NAME),
    "all": (*TEXTS, "*.safetensors", *(f"samples/*.{ending}" for ending in MEDIA)),
}
"""Patterns of the files to fetch. Nothing else is ever fetched: no code, no pickles, no archives."""
ANSWER_SECONDS = 30.0
"""Timeout of requests to the Hub; huggingface_hub sets none on most of its requests."""
TRIES = 4


def api() -> Any:
    """A client of the Hub at the current HF_ENDPOINT. Its `trouble` is the error of the last request about a repo."""
    from huggingface_hub import HfApi

    class Api(HfApi):
        trouble: Exception | None = None

        def repo_info(self, *arguments: Any, **details: Any) -> Any:
            self.trouble = None
            try:
                return super().repo_info(*arguments, **{"timeout": ANSWER_SECONDS, **details})
            except Exception as error:
                self.trouble = error
                raise

    return Api(endpoint=os.environ.get("HF_ENDPOINT"), library_name="mmzoo")


def resolve_revision(repo: str, revision: str | None) -> str:
    """The commit that a revision of a repo points to now.

    A commit is returned without a request. If the Hub does not answer, the commit in the cache is returned, with a
    warning that names it.

    Args:
        repo: `org/name`.
        revision: A branch, tag or commit; None is the main branch.

    Raises:
        HubError: The Hub rejects the request, or does not answer and nothing is cached.
    """
    if revision is not None and COMMIT.fullmatch(revision):
        return revision
    from huggingface_hub.errors import HfHubHTTPError, RevisionResolutionError

    def ask() -> Any:
        try:
            return client.resolve_revision(repo, revision=revision)
        except (RevisionResolutionError, HfHubHTTPError) as error:
            cached = _remembered(client, repo, revision) if unanswered(error) else None
            if cached is None:
                raise
            return cached

    client = api()
    with hub_errors(repo, revision), answers_in_time():
        commit = str(_patiently(ask).resolved)
    if client.trouble is not None:
        warnings.warn(
            f"The Hub did not answer for {repo} at {revision or 'main'}; using commit {commit} from the cache.",
            stacklevel=2,
        )
    return commit


def _remembered(client: Any, repo: str, revision: str | None) -> Any:
    from huggingface_hub.errors import RevisionResolutionError

    try:
        return client.resolve_revision(repo, revision=revision, local_files_only=True)
    except RevisionResolutionError:
        return None


def _patiently(request: Callable[[], Any]) -> Any:
    """The answer to a request, which is repeated while the Hub is busy or failing."""
    from huggingface_hub.errors import HfHubHTTPError, RevisionResolutionError

    for attempt in range(TRIES - 1):
        try:
            return request()
        except (RevisionResolutionError, HfHubHTTPError) as error:
            wait = _worth_waiting(error, attempt)
            if wait is None:
                raise
        time.sleep(wait)
    return request()


def _worth_waiting(error: Exception, attempt: int) -> float | None:
    """Seconds to wait before asking a busy or failing Hub again; None to give up, at once if there is no network."""
    from huggingface_hub.errors import HfHubHTTPError

    cause = error if isinstance(error, HfHubHTTPError) else error.__cause__
    if not isinstance(cause, HfHubHTTPError) or not unanswered(cause):
        return None
    retry_after = cause.response.headers.get("Retry-After", "")
    seconds = float(retry_after) + 1 if retry_after.isdigit() else 2.0**attempt
    return seconds if seconds <= 60 else None


def download(repo: str, revision: str | None, *, what: str = "weights") -> Path:
    """Download a repo at one commit into the cache.

    Of several processes that ask at once, one downloads and the others then read the cache. New files are compared with
    the Hub's checksums; files that differ are deleted.

    Args:
        repo: `org/name`.
        revision: A branch, tag or commit; None is the main branch.
        what: `texts` (card, config and the like), `weights` (plus `model.safetensors`), `proof` (plus golden outputs)
            or `all` (plus samples and any other safetensors).

    Returns:
        The folder of the cached snapshot.

    Raises:
        HubError: The download failed.
        ChecksumError: A file arrived with wrong bytes.
        WeightsError: The repo has no `model.safetensors`.
    """
    commit = resolve_revision(repo, revision)
    with hub_errors(repo, revision), answers_in_time(), _one_at_a_time(repo):
        folder = snapshot_folder(repo, commit)
        before = ModelFolder(folder).files()
        try:
            _patiently(partial(_transfer, repo, commit, PATTERNS[what]))
        finally:
            broken = broken_files(folder, known=before)
            for name in broken:
                forget_file(folder / name)
        if broken:
            raise ChecksumError(
                f"{broken[0]} of {repo} arrived with a wrong checksum and was deleted; try again, and check for a proxy"
                " if it happens twice."
            )
        if not folder.is_dir() or (what != "texts" and not (folder / WEIGHTS_NAME).is_file()):
            names = api().list_repo_files(repo, revision=commit)
            raise without_weights(
                f"{repo} on the Hub", names, "ask its authors for safetensors", "a repo of an mmzoo model"
            )
    return folder


def _transfer(repo: str, commit: str, patterns: Sequence[str]) -> None:
    """Download the files of a commit into the cache."""
    import huggingface_hub

    huggingface_hub.snapshot_download(
        repo,
        revision=commit,
        allow_patterns=list(patterns),
        endpoint=os.environ.get("HF_ENDPOINT"),
        library_name="mmzoo",
        tqdm_class=_bars(),
    )


def remove_leftovers(repo: str) -> list[Path]:
    """Delete the partial files that killed downloads of a repo left in the cache; returns their paths.

    They cannot be resumed. A file that another process is writing is locked and stays.
    """
    from filelock import Timeout
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

    storage = repo_folder(repo)
    removed = []
    with _one_at_a_time(repo):
        for path in sorted(storage.glob("blobs/*.incomplete")):
            lock = storage.parent / ".locks" / storage.name / f"{path.name.partition('.')[0]}.lock"
            try:
                lock.parent.mkdir(parents=True, exist_ok=True)
                with WeakFileLock(lock, timeout=0.1):
                    path.unlink()
            except (OSError, Timeout):  # a read-only cache, or a download in progress
                continue
            removed.append(path)
    return removed


def _bars() -> Any:
    """The class of progress bars: the Hub's own on a terminal, otherwise a silent one."""
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]

    class Silent(tqdm):
        def __init__(self, *arguments: Any, **details: Any) -> None:
            super().__init__(*arguments, **{**details, "disable": True})  # type: ignore[no-untyped-call]

    return tqdm if sys.stderr.isatty() else Silent


def repo_folder(repo: str) -> Path:
    """The folder of a repo in huggingface_hub's cache, whether or not it exists."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    return Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repo, repo_type="model")


def snapshot_folder(repo: str, commit: str) -> Path:
    """The folder where huggingface_hub keeps the files of a commit, whether or not it exists."""
    return repo_folder(repo) / "snapshots" / commit


def broken_files(folder: Path, *, known: Collection[str] = ()) -> list[str]:
    """The files of a cached snapshot that do not have the Hub's checksum. known: Files that are not examined."""
    return [name for name in ModelFolder(folder).files() if name not in known and not _is_whole(folder / name)]


def _is_whole(path: Path) -> bool:
    """Whether a cached file has the Hub's checksum: sha256 of a large file, git's SHA-1 of a small one.

    The cache uses the checksum as the name of the file that holds the content.
    """
    checksum = path.resolve().name
    if not path.is_symlink() or not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", checksum):
        return True
    return checksum == (sha256_of(path) if len(checksum) == 64 else git_blob_hash(path))


def forget_file(path: Path) -> None:
    """Delete a file and its content from the cache, so that it is fetched again."""
    path.resolve().unlink(missing_ok=True)
    path.unlink(missing_ok=True)


@contextmanager
def _one_at_a_time(repo: str) -> Iterator[None]:
    """Make processes that want the same repo wait for the first one, whose files they then find in the cache."""
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

    storage = repo_folder(repo)
    place = storage.parent / ".locks" / f"mmzoo-{storage.name}.lock"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError:  # a read-only cache needs no lock
        yield
        return
    with WeakFileLock(place):
        yield


@contextmanager
def answers_in_time(seconds: float = ANSWER_SECONDS) -> Iterator[None]:
    """Set a timeout for requests that have none, so that a Hub that never answers raises an error."""
    from huggingface_hub.utils import get_session, httpx  # type: ignore[attr-defined]

    client = get_session()
    before, client.timeout = client.timeout, httpx.Timeout(seconds)
    try:
        yield
    finally:
        client.timeout = before
