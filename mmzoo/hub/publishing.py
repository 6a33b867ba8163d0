"""`publish`: a model folder becomes one commit and one tag on the Hub, or nothing at all."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mmzoo.errors import HubError, UsageError
from mmzoo.hub.cards import merged_card, read_card
from mmzoo.hub.huggingface import answers_in_time, api
from mmzoo.hub.published import find_model
from mmzoo.hub.sources import is_repo, is_revision, is_source
from mmzoo.hub.staging import Staged, prove, stage
from mmzoo.hub.trouble import LOGIN, hub_errors
from mmzoo.model_folder import CARD_NAME, CONFIG_NAME, WEIGHTS_NAME
from mmzoo.system import git_blob_hash, sha256_of

SECONDS = 120.0
"""How long the Hub may take over an answer while it stores something."""
TRIES = 5
MOVED = (409, 412)
"""The branch moved or is held by another commit: read again, merge, try again."""


@dataclass(frozen=True)
class Published:
    """What was published, or with a dry run would be.

    commit: where the model is now; None after a dry run. created: whether this made a new commit. visibility:
    `private` or `public`. files: bytes by name. sha256: by name. notes: what the author should know.
    """

    repo: str
    license: str
    visibility: str
    files: Mapping[str, int]
    sha256: Mapping[str, str]
    commit: str | None = None
    tag: str | None = None
    created: bool = False
    notes: tuple[str, ...] = field(default=())

    def registration(self) -> str:
        """The `Weights(...)` that pins it in a plugin; empty after a dry run."""
        if self.commit is None:
            return ""
        pins = {name: digest for name, digest in self.sha256.items() if name in (CONFIG_NAME, CARD_NAME)}
        return (
            f'Weights("{self.tag or "v1"}", "hf-hub:{self.repo}@{self.commit}", license="{self.license}",'
            f' sha256="{self.sha256[WEIGHTS_NAME]}", files={pins})'
        )


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
    """Publish a model on the Hugging Face Hub, after a fresh process has proven that what is published works.

    model: a model folder, or the name of a model. repo: `org/name`, made if it is not there. private: for a new
    repository the default is private; of one that is there, whether it may be what it is. revision: the branch,
    `main` by default. tag: the default is the next of v1, v2, ...; the same files twice make no second commit and no
    second tag. license: of the weights, if the card does not say it. dry_run: prove it, and send nothing.

    A card that was written by hand on the Hub is kept. Raises UsageError, WeightsError, GoldenError before anything is
    sent, and HubError.
    """
    if not is_repo(repo):
        raise UsageError(
            f"{repo[:120]!r} is no name of a Hub repository; write org/name, and give a branch as revision."
        )
    for said, what in ((revision, "branch"), (tag, "tag")):
        if said is not None and not is_revision(said):
            raise UsageError(f"{said[:120]!r} is no name of a {what}; write letters, digits, '.', '-', '_' and '/'.")
    source = _folder(model)
    with TemporaryDirectory(prefix="mmzoo-publish-") as place:
        staged = stage(source, Path(place), repo, license)
        prove(staged)
        if dry_run:
            return _told(staged, repo, "public" if private is False else "private")
        with hub_errors(repo, revision, sending=True), answers_in_time(SECONDS):
            return _Push(staged, repo, revision or "main").run(private, tag)


def _folder(model: str | Path) -> Path:
    if isinstance(model, Path) or (not is_source(model) and Path(model).is_dir()):
        return Path(model)
    return find_model(model).at_commit().folder("all").path


def _told(staged: Staged, repo: str, visibility: str, **more: Any) -> Published:
    notes = [f"{name} is not published" for name in staged.skipped]
    notes += [f"{count} paths, names or tokens were taken out of {name}" for name, count in staged.scrubbed.items()]
    digests = {name: sha256_of(staged.folder / name) for name in staged.files}
    notes += more.pop("notes", ())
    return Published(repo, staged.license, visibility, staged.files, digests, notes=tuple(notes), **more)


class _Push:
    """One publication to one branch."""

    def __init__(self, staged: Staged, repo: str, branch: str) -> None:
        self.staged, self.repo, self.branch = staged, repo, branch
        self.client = api()
        self.notes: list[str] = []

    def run(self, private: bool | None, tag: str | None) -> Published:
        """Make the repository, the commit and the tag, as far as they are not there."""
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
        tagged = self._tag(tag, commit)
        created = commit != head
        notes = tuple(self.notes)
        return _told(self.staged, self.repo, visibility, commit=commit, tag=tagged, created=created, notes=notes)

    def _check_login(self) -> None:
        from huggingface_hub import get_token

        if get_token() is None:
            raise HubError(
                f"Nobody is logged in, so {self.repo} cannot be published; {LOGIN} (a token that may write)."
            )

    def _repository(self, private: bool | None) -> str:
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

        try:
            found = bool(self.client.repo_info(self.repo).private)
        except GatedRepoError:
            raise
        except RepositoryNotFoundError:
            found = private is not False
            self.client.create_repo(self.repo, private=found, exist_ok=True)
        told = "private" if found else "public"
        if private is not None and private != found:
            asked = "private" if private else "public"
            raise UsageError(f"{self.repo} is {told} and should be {asked}; change that on its settings page first.")
        return told

    def _head(self) -> str:
        from huggingface_hub.errors import RevisionNotFoundError

        try:
            return str(self.client.repo_info(self.repo, revision=self.branch).sha)
        except RevisionNotFoundError:
            self.client.create_branch(self.repo, branch=self.branch, exist_ok=True)
            return str(self.client.repo_info(self.repo, revision=self.branch).sha)

    def _merge_card(self, head: str) -> None:
        from huggingface_hub.errors import RemoteEntryNotFoundError

        path = self.staged.folder / CARD_NAME
        own = self.staged.folder / f".{CARD_NAME}.own"
        if not own.exists():
            own.write_bytes(path.read_bytes())
        try:
            there = read_card(Path(self.client.hf_hub_download(self.repo, CARD_NAME, revision=head)))
        except RemoteEntryNotFoundError:
            there = None
        mine = own.read_text("utf-8")
        merged = merged_card(mine, there)
        path.write_text(merged, "utf-8")
        if merged != mine:
            self.notes.append(f"what was written by hand into {CARD_NAME} on the Hub is kept")

    def _changed(self, head: str) -> list[str]:
        """The files that differ from those at this commit."""
        from huggingface_hub.hf_api import RepoFile

        there = {}
        for entry in self.client.list_repo_tree(self.repo, recursive=True, revision=head):
            if isinstance(entry, RepoFile):
                there[entry.path] = entry.lfs.sha256 if entry.lfs is not None else entry.blob_id
        # The Hub calls a large file's content by its sha256, a small one's by git's SHA-1.
        own = {name: self.staged.folder / name for name in self.staged.files}
        return [name for name, path in own.items() if there.get(name) not in (sha256_of(path), git_blob_hash(path))]

    def _commit(self, names: list[str], head: str) -> str:
        from huggingface_hub import CommitOperationAdd

        operations = [CommitOperationAdd(name, str(self.staged.folder / name)) for name in names]
        message = f"Publish {self.staged.name or self.repo} with mmzoo"
        done = self.client.create_commit(
            self.repo, operations, commit_message=message, revision=self.branch, parent_commit=head
        )
        return str(done.oid)

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
