"""Names that no repository on the Hub can have are refused here, in our words, and nobody is asked."""

from __future__ import annotations

import pytest
from hub_client import MODEL_CARDS, Mmzoo
from hub_server import HubServer
from huggingface_hub.utils import HFValidationError, validate_repo_id

from mmzoo.errors import UsageError
from mmzoo.hub.publishing import publish
from mmzoo.hub.sources import is_repo

NONE = (
    *("..", "../..", "org/..", "../name", "org/na..me", "o..g/name", "org/name/more", "/name", "org/", "/", "name", ""),
    *("org/-name", "org/name-", "org/.name", "org/name.", "org/na--me", "org/name.git", "or g/name", "org/n\name"),
    *("org/" + "x" * 97, "x" * 97 + "/name", "org/na\\me", "org/name?", "órg/name", "org/\x1b[2J", "org/name@v1@v2"),
)
FOLDER = str(MODEL_CARDS / "vqvae-words")


@pytest.mark.parametrize("name", NONE, ids=repr)
def test_no_such_repository(name: str, hub: HubServer, mmzoo_command: Mmzoo) -> None:
    commands = [("push", FOLDER, f"--repo={name}"), ("pull", f"hf-hub:{name}"), ("verify", f"hf-hub:{name}")]
    if not is_bare(name):
        commands.append(("pull", "--", name))
    for command in commands:
        done = mmzoo_command(*command)
        line = done.stderr.strip()
        assert done.returncode == 2 and line.startswith("error: ") and line.isprintable(), done
        assert "org/name" in line and "HFValidation" not in line and "repo_id" not in line.lower()
    assert hub.requests == []


def is_bare(name: str) -> bool:
    """Whether it could be the name of a registered model, so that another sentence is told."""
    return name.isalnum()


@pytest.mark.parametrize("name", ["org/name", "a/b", "0/1", "_o/n_", "o.r-g/n.a-m_e", "x" * 96 + "/" + "y" * 96])
def test_what_the_hub_accepts_is_accepted(name: str) -> None:
    validate_repo_id(name)
    assert is_repo(name)


@pytest.mark.parametrize("name", [name for name in NONE if name.count("/") == 1 and "@" not in name], ids=repr)
def test_what_the_hub_refuses_is_refused(name: str) -> None:
    assert not is_repo(name)
    with pytest.raises(HFValidationError):
        validate_repo_id(name)


@pytest.mark.parametrize("word", ["..", "a b", "../main", "-x", "", "a\nb", "\x1b[2J"])
@pytest.mark.parametrize("which", ["revision", "tag"])
def test_no_such_branch_or_tag(which: str, word: str, hub: HubServer) -> None:
    with pytest.raises(UsageError, match=r"branch|tag") as caught:
        publish(FOLDER, "org/name", **{which: word})
    assert str(caught.value).isprintable() and hub.requests == []
