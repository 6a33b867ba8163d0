"""Model folders from the Hugging Face Hub. `huggingface_hub` is imported only when a download is asked for."""

from __future__ import annotations

import os
import re
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmzoo.errors import ChecksumError, WeightsError
from mmzoo.hub.trouble import hub_errors, unanswered
from mmzoo.model_folder import GOLDEN_NAME, WEIGHTS_NAME, ModelFolder, is_pickle
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
"""Nothing else is ever fetched: no code, no pickles, no archives."""
ANSWER_SECONDS = 30.0
"""How long the Hub may be silent; huggingface_hub itself sets no limit on most of its requests."""
TRIES = 4


def api() -> Any:
    """The Hub's client, at HF_ENDPOINT as it is now. It remembers in `trouble` why it could not ask."""
    from huggingface_hub import HfApi

    class Api(HfApi):
        trouble: Exception | None = None

        def repo_info(self, *arguments: Any, **details: Any) -> Any:
            try:
                return super().repo_info(*arguments, **{"timeout": ANSWER_SECONDS, **details})
            except Exception as error:
                self.trouble = error
                raise

    return Api(endpoint=os.environ.get("HF_ENDPOINT"), library_name="mmzoo")


def resolve_revision(repo: str, revision: str | None) -> str:
    """The commit that a revision stands for now; a commit stands for itself, and nobody is asked.

    When the Hub does not answer, the commit that was last seen in the cache is used, with a warning that names it.
    Raises HubError.
    """
    if revision is not None and COMMIT.fullmatch(revision):
        return revision
    from huggingface_hub.errors import HfHubHTTPError, RevisionResolutionError

    with hub_errors(repo, revision), answers_in_time():
        for attempt in range(TRIES):
            client = api()
            try:
                found = client.resolve_revision(repo, revision=revision)
                break
            except (RevisionResolutionError, HfHubHTTPError) as error:
                cached = _remembered(client, repo, revision) if unanswered(error) else None
                if cached is not None:
                    found = cached
                    break
                wait = _worth_waiting(error, attempt)
                if wait is None:
                    raise
                time.sleep(wait)
    commit = str(found.resolved)
    if client.trouble is not None:
        asked = f"{repo} at {revision or 'main'}"
        warnings.warn(
            f"The Hub did not answer for {asked}; the copy in the cache is used, of commit {commit}.", stacklevel=2
        )
    return commit


def _remembered(client: Any, repo: str, revision: str | None) -> Any:
    from huggingface_hub.errors import RevisionResolutionError

    try:
        return client.resolve_revision(repo, revision=revision, local_files_only=True)
    except RevisionResolutionError:
        return None


def _worth_waiting(error: Exception, attempt: int) -> float | None:
    """Seconds until the Hub may answer: it was busy or in trouble. No network at all is told at once."""
    from huggingface_hub.errors import HfHubHTTPError

    cause = error if isinstance(error, HfHubHTTPError) else error.__cause__
    if attempt == TRIES - 1 or not isinstance(cause, HfHubHTTPError) or not unanswered(cause):
        return None
    asked = cause.response.headers.get("Retry-After", "")
    seconds = float(asked) + 1 if asked.isdigit() else 2.0**attempt
    return seconds if seconds <= 60 else None


def download(repo: str, revision: str | None, *, what: str = "weights") -> Path:
    """The cached snapshot of a repo at one commit.

    what: `texts` (card, config and the like), `weights` (and `model.safetensors`), `proof` (and golden outputs) or
    `all` (and samples and any other safetensors). Of several processes that ask at once, one transfers and the others
    read its cache. New files are compared with the checksums the Hub gives; a wrong one is thrown away.

    Raises HubError for every kind of Hub trouble, ChecksumError for wrong bytes, WeightsError for a repo with pickles
    only.
    """
    commit = resolve_revision(repo, revision)
    with hub_errors(repo, revision), answers_in_time(), _one_at_a_time(repo):
        folder = snapshot_folder(repo, commit)
        before = set(ModelFolder(folder).files())
        try:
            _transfer(repo, commit, PATTERNS[what])
        finally:
            broken = [
                name for name in ModelFolder(folder).files() if name not in before and not _is_whole(folder / name)
            ]
            for name in broken:
                forget_file(folder / name)
        if broken:
            raise ChecksumError(
                f"{broken[0]} of {repo} arrived with other bytes than the Hub has, and was thrown away; try again, and"
                " suspect a proxy if it happens twice."
            )
        if not folder.is_dir() or (what != "texts" and not (folder / WEIGHTS_NAME).is_file()):
            _refuse(repo, api().list_repo_files(repo, revision=commit))
    return folder


def _transfer(repo: str, commit: str, patterns: Sequence[str]) -> None:
    """Have the files of a commit in the cache. A Hub that is busy or in trouble is asked again, for what is missing."""
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError

    for attempt in range(TRIES):
        try:
            huggingface_hub.snapshot_download(
                repo,
                revision=commit,
                allow_patterns=list(patterns),
                endpoint=os.environ.get("HF_ENDPOINT"),
                library_name="mmzoo",
                tqdm_class=_bars(),
            )
            return
        except HfHubHTTPError as error:
            wait = _worth_waiting(error, attempt)
            if wait is None:
                raise
            time.sleep(wait)


def remove_leftovers(repo: str) -> list[Path]:
    """Delete what transfers that were killed have left of a repo's files in the cache; returns what was deleted.

    Nothing can go on from them. A file that another process is writing now is locked, and stays.
    """
    from filelock import Timeout
    from huggingface_hub import constants
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

    storage = snapshot_folder(repo, "").parent
    removed = []
    with _one_at_a_time(repo):
        for path in sorted(storage.glob("blobs/*.incomplete")):
            lock = Path(constants.HF_HUB_CACHE) / ".locks" / storage.name / f"{path.name.partition('.')[0]}.lock"
            try:
                lock.parent.mkdir(parents=True, exist_ok=True)
                with WeakFileLock(lock, timeout=0.1):
                    path.unlink()
            except (OSError, Timeout):  # a cache that can only be read, or a transfer that goes on
                continue
            removed.append(path)
    return removed


def _bars() -> Any:
    """The class of progress bars: the Hub's own on a terminal, otherwise one that shows nothing."""
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]

    class Silent(tqdm):
        def __init__(self, *arguments: Any, **details: Any) -> None:
            super().__init__(*arguments, **{**details, "disable": True})  # type: ignore[no-untyped-call]

    return tqdm if sys.stderr.isatty() else Silent


def snapshot_folder(repo: str, commit: str) -> Path:
    """Where huggingface_hub keeps the files of a commit, whether or not they are there."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    return Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repo, repo_type="model") / "snapshots" / commit


def expected_checksum(path: Path) -> str | None:
    """What the Hub said of a cached file: sha256 of a large one, git's sha1 of a small one; None if it is not known.

    The cache names the file's content by it.
    """
    name = path.resolve().name
    return name if path.is_symlink() and re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", name) else None


def _is_whole(path: Path) -> bool:
    expected = expected_checksum(path)
    if expected is None:
        return True
    return (sha256_of(path) if len(expected) == 64 else git_blob_hash(path)) == expected


def broken_files(folder: Path) -> list[str]:
    """The files of a cached snapshot that are no longer what the Hub gave."""
    return [name for name in ModelFolder(folder).files() if not _is_whole(folder / name)]


def forget_file(path: Path) -> None:
    """Take a file and its content out of the cache, so that it is fetched again."""
    path.resolve().unlink(missing_ok=True)
    path.unlink(missing_ok=True)


@contextmanager
def _one_at_a_time(repo: str) -> Iterator[None]:
    """Processes that want the same repo wait for the first one and then find its files in the cache."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

    place = Path(constants.HF_HUB_CACHE) / ".locks" / f"mmzoo-{repo_folder_name(repo_id=repo, repo_type='model')}.lock"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError:  # a cache that can only be read needs no lock
        yield
        return
    with WeakFileLock(place):
        yield


@contextmanager
def answers_in_time(seconds: float = ANSWER_SECONDS) -> Iterator[None]:
    """Give requests without a limit of their own one, so that a Hub that never answers is an error and not a hang."""
    from huggingface_hub.utils import get_session, httpx  # type: ignore[attr-defined]

    client = get_session()
    before, client.timeout = client.timeout, httpx.Timeout(seconds)
    try:
        yield
    finally:
        client.timeout = before


def _refuse(repo: str, names: list[str]) -> None:
    pickles = sorted(name for name in names if is_pickle(name))
    if pickles:
        raise WeightsError(
            f"{repo} on the Hub has {pickles[0]} but no {WEIGHTS_NAME}, and mmzoo never reads pickles;"
            " ask its authors for safetensors."
        )
    raise WeightsError(f"{repo} on the Hub has no {WEIGHTS_NAME}; it is not the repo of an mmzoo model.")
