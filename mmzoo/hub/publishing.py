"""`publish`: a model folder becomes one commit and one tag on the Hub, or nothing at all."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mmzoo.errors import HubError, UsageError
from mmzoo.hub.cards import merged_card, read_card
from mmzoo.hub.huggingface import answers_in_time, api
from mmzoo.hub.published import find_model
from mmzoo.hub.sources import is_repo, is_revision
from mmzoo.hub.staging import Staged, prove, stage
from mmzoo.hub.trouble import LOGIN, hub_errors
from mmzoo.interfaces.keywords import hinted
from mmzoo.model_folder import CARD_NAME, CONFIG_NAME, WEIGHTS_NAME
from mmzoo.system import git_blob_hash, sha256_of

SECONDS = 120.0
"""Timeout of requests while the Hub stores something."""
TRIES = 5
MOVED = (409, 412)
"""Statuses for a branch that has moved or that another commit holds: read again, merge, retry."""


@dataclass(frozen=True)
class Published:
    """What was published, or would be without `dry_run`.

    Args:
        repo: `org/name`.
        license: The license of the weights.
        visibility: `private` or `public`.
        files: Size in bytes by file name.
        sha256: Digest by file name.
        commit: The commit that holds the model; None after a dry run.
        tag: The tag of that commit; None after a dry run.
        created: Whether a new commit was made.
        notes: Messages for the author.
    """

    repo: str
    license: str
    visibility: str
    files: Mapping[str, int]
    sha256: Mapping[str, str]
    commit: str | None = None
    tag: str | None = None
    created: bool = False
    notes: tuple[str, ...] = ()

    def registration(self) -> str:
        """The `Weights(...)` that pins the model in a plugin; empty after a dry run."""
        if self.commit is None:
            return ""
        pins = {name: digest for name, digest in self.sha256.items() if name in (CONFIG_NAME, CARD_NAME)}
        return (
            f'Weights("{self.tag or "v1"}", "hf-hub:{self.repo}@{self.commit}", license="{self.license}",'
            f' sha256="{self.sha256[WEIGHTS_NAME]}", files={pins})'
        )


@hinted
def publish(
    model: str | Path,
    repo: str,
    *,
    private: bool | None = None,
    revision: str | None = None,
    tag: str | None = None,
    license: str | None = None,
    dry_run: bool = False,
) -> Published:
    """Publish a model on the Hugging Face Hub after a fresh process has verified the files to be published.

    Publishing the same files again makes no second commit and no second tag. Text that was written by hand into the
    card on the Hub is kept.

    Args:
        model: A model folder, or the name of a model.
        repo: `org/name`; created if it does not exist.
        private: Whether the repository is private. None makes a new one private and accepts an existing one as it is.
        revision: The branch, `main` by default.
        tag: By default the next of v1, v2, ...
        license: The license of the weights, if the card does not state it.
        dry_run: Verify the files and send nothing.

    Returns:
        What was published.

    Raises:
        UsageError, WeightsError, GoldenError: The model cannot be published; nothing was sent.
        HubError: The Hub did not accept it.
    """
    if not is_repo(repo):
        raise UsageError(f"{repo[:120]!r} is not a Hub repository; write org/name, and give a branch as revision.")
    for name, what in ((revision, "branch"), (tag, "tag")):
        if name is not None and not is_revision(name):
            raise UsageError(f"{name[:120]!r} is not a valid {what}; write letters, digits, '.', '-', '_' and '/'.")
    source = _folder(model)
    with TemporaryDirectory(prefix="mmzoo-publish-") as place:
        staged = stage(source, Path(place), repo, license)
        prove(staged)
        if dry_run:
            return _published(staged, repo, "public" if private is False else "private")
        with hub_errors(repo, revision, sending=True), answers_in_time(SECONDS):
            return _Push(staged, repo, revision or "main").run(private, tag)


def _folder(model: str | Path) -> Path:
    found = find_model(model).at_commit()
    found.folder().content  # noqa: B018 - a folder without a config is refused before one without weights
    return found.folder("all").path


def _published(staged: Staged, repo: str, visibility: str, *, notes: Sequence[str] = (), **more: Any) -> Published:
    skipped = [f"{name} is not published" for name in staged.skipped]
    removed = [f"{count} paths, names or tokens were removed from {name}" for name, count in staged.scrubbed.items()]
    digests = {name: sha256_of(staged.folder / name) for name in staged.files}
    all_notes = (*skipped, *removed, *notes)
    return Published(repo, staged.license, visibility, staged.files, digests, notes=all_notes, **more)


class _Push:
    """One attempt to publish to a branch."""

    def __init__(self, staged: Staged, repo: str, branch: str) -> None:
        self.staged, self.repo, self.branch = staged, repo, branch
        self.client = api()
        self.own_card = (staged.folder / CARD_NAME).read_text("utf-8")
        self.notes: list[str] = []

    def run(self, private: bool | None, tag: str | None) -> Published:
        """Create the repository, the commit and the tag where they do not exist."""
        from huggingface_hub.errors import HfHubHTTPError

        self._check_login()
        visibility = self._repository(private)
        for attempt in range(TRIES):
            self.notes.clear()
            head = self._head()
            self._merge_card(head)
            changed = self._changed(head)
            self._check_tag(tag, head, bool(changed))
            if not changed:
                commit = head
                break
            try:
                commit = self._commit(changed, head)
                break
            except HfHubHTTPError as error:
                if error.response.status_code not in MOVED or attempt == TRIES - 1:
                    raise
                time.sleep(2.0**attempt)
        facts = {"commit": commit, "tag": self._tag(tag, commit), "created": commit != head}
        return _published(self.staged, self.repo, visibility, notes=self.notes, **facts)

    def _check_login(self) -> None:
        from huggingface_hub import get_token

        if get_token() is None:
            raise HubError(
                f"You are not logged in, so {self.repo} cannot be published; {LOGIN} (with a token that can write)."
            )

    def _repository(self, private: bool | None) -> str:
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

        try:
            is_private = bool(self.client.repo_info(self.repo).private)
        except GatedRepoError:
            raise
        except RepositoryNotFoundError:
            is_private = private is not False
            self.client.create_repo(self.repo, private=is_private, exist_ok=True)
        visibility = "private" if is_private else "public"
        if private is not None and private != is_private:
            wanted = "private" if private else "public"
            raise UsageError(
                f"{self.repo} is {visibility} and should be {wanted}; change that on its settings page first."
            )
        return visibility

    def _head(self) -> str:
        from huggingface_hub.errors import RevisionNotFoundError

        try:
            return str(self.client.repo_info(self.repo, revision=self.branch).sha)
        except RevisionNotFoundError:
            self.client.create_branch(self.repo, branch=self.branch, exist_ok=True)
            return str(self.client.repo_info(self.repo, revision=self.branch).sha)

    def _merge_card(self, head: str) -> None:
        from huggingface_hub.errors import RemoteEntryNotFoundError

        try:
            theirs = read_card(Path(self.client.hf_hub_download(self.repo, CARD_NAME, revision=head)))
        except RemoteEntryNotFoundError:
            theirs = None
        merged = merged_card(self.own_card, theirs)
        (self.staged.folder / CARD_NAME).write_text(merged, "utf-8")
        if merged != self.own_card:
            self.notes.append(f"text written by hand into {CARD_NAME} on the Hub is kept")

    def _changed(self, head: str) -> list[str]:
        """The files that differ from those in this commit."""
        from huggingface_hub.hf_api import RepoFile

        tree = self.client.list_repo_tree(self.repo, recursive=True, revision=head)
        # The Hub identifies a large file by its sha256, a small one by git's SHA-1.
        published = {e.path: e.lfs.sha256 if e.lfs is not None else e.blob_id for e in tree if isinstance(e, RepoFile)}
        paths = {name: self.staged.folder / name for name in self.staged.files}
        return [
            name for name, path in paths.items() if published.get(name) not in (sha256_of(path), git_blob_hash(path))
        ]

    def _commit(self, names: list[str], head: str) -> str:
        from huggingface_hub import CommitOperationAdd

        operations = [CommitOperationAdd(name, str(self.staged.folder / name)) for name in names]
        message = f"Publish {self.staged.name or self.repo} with mmzoo"
        commit = self.client.create_commit(
            self.repo, operations, commit_message=message, revision=self.branch, parent_commit=head
        )
        return str(commit.oid)

    def _tags(self) -> dict[str, str]:
        return {ref.name: ref.target_commit for ref in self.client.list_repo_refs(self.repo).tags}

    def _check_tag(self, tag: str | None, head: str, changes: bool) -> None:
        at = self._tags().get(tag) if tag is not None else None
        if at is not None and (changes or at != head):
            raise UsageError(f"{self.repo} already has the tag {tag!r} at {at[:12]}; choose another tag.")

    def _tag(self, tag: str | None, commit: str) -> str:
        tags = self._tags()
        if tag is None:
            here = sorted(name for name, at in tags.items() if at == commit)
            if here:
                return here[0]
            tag = f"v{1 + max((int(name[1:]) for name in tags if re.fullmatch(r'v[0-9]+', name)), default=0)}"
        if tag not in tags:
            self.client.create_tag(self.repo, tag=tag, revision=commit)
        return tag
