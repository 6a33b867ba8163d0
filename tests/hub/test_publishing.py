"""Publishing to a Hub on loopback: what is refused before anything leaves, one commit, one tag, and what is kept."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hub_client import Mmzoo, model_files
from hub_server import TOKEN, HubServer, Repo

import mmzoo
from mmzoo import errors
from mmzoo.hub import publishing
from mmzoo.hub.cards import BEGIN, END, merged_card
from mmzoo.hub.components import write_components
from mmzoo.hub.scrub import scrubbed
from mmzoo.hub.staging import prove, stage
from mmzoo.model_folder import ModelFolder

NAME = "phonemizer-en"
REPO = "tester/phones"
HOME = "/home" + "/alice"  # in two pieces, as no file of this repository names a path of a machine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of a model repo to publish, as if it had just been trained on somebody's machine."""
    home = tmp_path / "made"
    for name, data in model_files(NAME).items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(data)
    return home


@pytest.fixture
def unproven(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the fresh process, which costs seconds and is tested by itself."""
    monkeypatch.setattr(publishing, "prove", lambda staged: None)


@pytest.fixture
def logged_in(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> HubServer:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    return hub


def refuse(kind: type[Exception], match: str, folder: Path, **details: Any) -> None:
    with pytest.raises(kind, match=match) as caught:
        mmzoo.publish(folder, REPO, **details)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")
    assert TOKEN not in str(caught.value)


# --- before anything leaves --------------------------------------------------------------------------


def test_incomplete_folders_are_refused(logged_in: HubServer, unproven: None, folder: Path, tmp_path: Path) -> None:
    refuse(errors.UsageError, r"config\.json", tmp_path)
    (folder / "golden.safetensors").rename(tmp_path / "kept")
    refuse(errors.GoldenError, r"golden\.safetensors.*`mmzoo card .*`", folder)
    (tmp_path / "kept").rename(folder / "golden.safetensors")
    (folder / "model.safetensors").rename(folder / "model.bin")
    refuse(errors.WeightsError, r"model\.safetensors", folder)
    assert logged_in.requests == []


def test_a_licence_is_never_invented(logged_in: HubServer, unproven: None, folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "name": "my-own"}))
    (folder / "README.md").unlink()
    refuse(errors.UsageError, "--license", folder)
    assert logged_in.requests == []
    assert mmzoo.publish(folder, REPO, license="cc-by-4.0").license == "cc-by-4.0"
    card = logged_in.repos[REPO].files["README.md"].decode()
    assert "license: cc-by-4.0" in card and "cc-by-4.0, weights included" in card and f'"hf-hub:{REPO}"' in card
    (folder / "README.md").write_text(card)
    refuse(errors.UsageError, "'cc-by-4.0'.*--license.*'mit'", folder, license="mit")


def test_a_slot_that_names_a_folder_is_refused(logged_in: HubServer, unproven: None, folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["recipe"]["tokenizer"] = {"model": "local-dir:runs/a/model"}
    (folder / "config.json").write_text(json.dumps(config))
    refuse(errors.WeightsError, "tokenizer", folder)
    assert logged_in.requests == []


def test_a_model_that_does_not_do_what_it_did_is_refused(hub: HubServer, folder: Path, tmp_path: Path) -> None:
    """In a fresh process: the weights of a copy are changed, and its golden outputs are not."""
    import torch
    from safetensors.torch import load_file, save_file

    staged = stage(folder, tmp_path / "sound", REPO)
    prove(staged)
    tensors = load_file(folder / "model.safetensors")
    save_file({name: t * 1.5 if t.dtype is torch.float16 else t for name, t in tensors.items()},
              folder / "model.safetensors", metadata={"format": "pt"})  # fmt: skip
    with pytest.raises(errors.ChecksumError, match=r"model\.safetensors"):
        stage(folder, tmp_path / "damaged", REPO)
    write_components(folder)  # as if they were changed on purpose
    with pytest.raises(errors.GoldenError):
        prove(stage(folder, tmp_path / "changed", REPO))
    assert hub.requests == []


def test_a_dry_run_sends_nothing(hub: HubServer, unproven: None, folder: Path, mmzoo_command: Mmzoo) -> None:
    (folder / "optimizer.pt").write_bytes(b"state")
    done = mmzoo_command("push", str(folder), "--repo", REPO, "--dry-run")
    assert done.returncode == 0, done.stderr
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert {row[0] for row in rows[:-1]} == set(model_files(NAME))
    assert rows[-1][:3] == [REPO, "private (if new)", "license apache-2.0"]
    assert all(row[1].split()[1] in ("B", "kB", "MB") for row in rows[:-1])
    assert "optimizer.pt is not published" in done.stderr and hub.requests == []


def test_paths_names_and_tokens_are_taken_out(
    logged_in: HubServer, unproven: None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmzoo.hub.scrub.getpass.getuser", lambda: "alice")
    training = json.loads((folder / "training.json").read_text())
    secret = "hf_" + "abcdefghijklmnop" * 2
    training["command"] = f"mmzoo train {HOME}/runs/a.yaml --token {secret}"
    training["notes"] = [
        "C:\\Users\\alice\\model",
        "by alice",
        "alicent stays",
        "see https://a.org/b/c, 3/4 of it",
    ]
    (folder / "training.json").write_text(json.dumps(training))
    done = mmzoo.publish(folder, REPO)
    files = logged_in.repos[REPO].files
    told = json.loads(files["training.json"])
    assert told["command"] == "mmzoo train a.yaml --token ***"
    assert told["notes"] == ["model", "by user", "alicent stays", "see https://a.org/b/c, 3/4 of it"]
    for data in files.values():
        assert b"alice/" not in data and secret.encode() not in data and TOKEN.encode() not in data
    assert any("removed from training.json" in note for note in done.notes)
    assert "`mmzoo train a.yaml --token ***`" in files["README.md"].decode()  # the card is made anew


def test_data_that_gives_something_away_is_refused(logged_in: HubServer, unproven: None, folder: Path) -> None:
    (folder / "words.json").write_text(json.dumps([TOKEN]))
    refuse(errors.WeightsError, r"words\.json holds a token and is part of the model", folder)
    (folder / "words.json").write_text(json.dumps([f"{Path.home()}/secret"]))
    if len(str(Path.home())) > 3:
        refuse(errors.WeightsError, r"words\.json holds the path of a home folder", folder)
    assert logged_in.requests == []


@pytest.mark.parametrize("text", ["a/b", "1/2 and 3/4", "https://a.org/b/c", "</div>", "runs/a/b.yaml", "and/or", "/"])
def test_what_is_no_absolute_path_stays(text: str) -> None:
    assert scrubbed(text) == (text, 0)


# --- one commit and one tag --------------------------------------------------------------------------


def test_one_commit_one_tag_and_the_same_again_makes_neither(
    logged_in: HubServer, unproven: None, folder: Path
) -> None:
    done = mmzoo.publish(folder, REPO)
    repo = logged_in.repos[REPO]
    assert repo.private and done.visibility == "private" and done.created and done.tag == "v1"
    assert len(repo.commits) == 2 and repo.tags == {"v1": done.commit} and repo.branches["main"] == done.commit
    assert logged_in.count("POST .*/commit/") == 1
    assert set(repo.files) == {*model_files(NAME), ".gitattributes"}
    again = mmzoo.publish(folder, REPO)
    assert (again.commit, again.tag, again.created) == (done.commit, "v1", False)
    assert len(repo.commits) == 2 and logged_in.count("POST .*/commit/") == 1 and list(repo.tags) == ["v1"]
    (folder / "notes.yaml").write_text("a: 1\n")
    third = mmzoo.publish(folder, REPO)
    assert third.created and third.tag == "v2" and repo.parents[str(third.commit)] == done.commit
    call = ast.parse(third.registration(), mode="eval").body
    assert isinstance(call, ast.Call) and ast.unparse(call.func) == "Weights"
    assert ast.literal_eval(call.args[1]) == f"hf-hub:{REPO}@{third.commit}"
    more = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    assert set(more["files"]) == {"config.json", "README.md"}


@pytest.mark.slow
def test_what_was_pushed_is_pulled_and_computes_the_same(
    logged_in: HubServer, folder: Path, environment: dict[str, str]
) -> None:
    """Push, proof in a fresh process included; then a fresh process pulls and is compared with this one."""
    done = mmzoo.publish(folder, REPO, private=False)
    code = "import mmzoo, sys; print(mmzoo.create(sys.argv[1])(sys.argv[2]).phrases)"
    text = "Doctor Smith paid for a glimmerish of zorp."
    words = [sys.executable, "-c", code, f"hf-hub:{REPO}@{done.tag}", text]
    there = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout
    assert there.strip() == str(mmzoo.create(NAME)(text).phrases)


def test_a_branch_that_moves_is_read_again_and_merged(
    logged_in: HubServer, unproven: None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mmzoo.publish(folder, REPO)
    repo = logged_in.repos[REPO]
    (folder / "notes.yaml").write_text("a: 1\n")
    original, moved = publishing._Push._commit, []

    def commit(self: Any, names: list[str], head: str) -> str:
        if not moved:
            moved.append(
                repo.commit({**repo.files, "README.md": repo.files["README.md"] + b"\nBy hand.\n", "x.md": b"x"})
            )
        return original(self, names, head)

    monkeypatch.setattr(publishing._Push, "_commit", commit)
    done = mmzoo.publish(folder, REPO)
    assert logged_in.count("POST .*/commit/") == 3 and repo.parents[str(done.commit)] == moved[0]
    assert repo.files["x.md"] == b"x" and repo.files["README.md"].endswith(b"By hand.\n")
    assert any("by hand" in note for note in done.notes)


def test_a_branch_that_never_stands_still(logged_in: HubServer, unproven: None, folder: Path) -> None:
    logged_in.fail("POST .*/commit/", status=412)
    refuse(errors.HubError, "tester/phones.*status 412", folder)
    assert logged_in.count("POST .*/commit/") == publishing.TRIES
    assert len(logged_in.repos[REPO].commits) == 1 and logged_in.repos[REPO].tags == {}


def test_a_lost_tag_is_made_by_the_next_push(logged_in: HubServer, unproven: None, folder: Path) -> None:
    logged_in.fail("POST .*/tag/", status=503)
    refuse(errors.HubError, "status 503", folder)
    logged_in.faults.clear()
    done = mmzoo.publish(folder, REPO)
    assert done.tag == "v1" and not done.created and len(logged_in.repos[REPO].commits) == 2


def test_tags_and_branches_that_are_asked_for(logged_in: HubServer, unproven: None, folder: Path) -> None:
    done = mmzoo.publish(folder, REPO, tag="release", revision="next")
    repo = logged_in.repos[REPO]
    assert repo.tags == {"release": done.commit} and repo.branches["next"] == done.commit
    assert list(repo.files) == [".gitattributes"]  # main is as it was
    (folder / "notes.yaml").write_text("a: 1\n")
    refuse(errors.UsageError, "already has the tag 'release'", folder, tag="release", revision="next")
    assert repo.branches["next"] == done.commit


def test_visibility_is_never_changed_silently(logged_in: HubServer, unproven: None, folder: Path) -> None:
    mmzoo.publish(folder, REPO, private=False)
    refuse(errors.UsageError, "public.*private", folder, private=True)
    assert mmzoo.publish(folder, REPO).visibility == "public"


@pytest.mark.parametrize(
    ("match", "details", "told"),
    [
        ("GET /api/models/", {"status": 403}, "permission.*tester/phones"),
        ("POST .*/commit/", {"status": 403}, "permission.*tester/phones"),
        ("PUT /objects/", {"status": 403}, "permission.*tester/phones"),
        ("PUT /objects/", {"status": 503}, "status 503"),
        ("POST .*/commit/", {"kind": "drop"}, "connection"),
    ],
)
def test_an_interrupted_push_leaves_main_as_it_was(
    logged_in: HubServer, unproven: None, folder: Path, match: str, details: dict[str, Any], told: str
) -> None:
    logged_in.repos[REPO] = Repo(private=True)
    before = logged_in.repos[REPO].commit({"README.md": b"---\nlicense: apache-2.0\n---\n"})
    logged_in.fail(match, **details)
    refuse(errors.HubError, told, folder)
    assert logged_in.repos[REPO].branches == {"main": before} and logged_in.repos[REPO].tags == {}
    logged_in.faults.clear()
    assert mmzoo.publish(folder, REPO).created and len(logged_in.repos[REPO].commits) == 2


@pytest.mark.slow
def test_killed_in_the_middle_of_a_push(hub: HubServer, folder: Path, environment: dict[str, str]) -> None:
    code = (
        "import sys, mmzoo; from mmzoo.hub import publishing; publishing.prove = lambda staged: None;"
        "mmzoo.publish(sys.argv[1], sys.argv[2])"
    )
    words = [sys.executable, "-c", code, str(folder), REPO]
    told = {**environment, "HF_TOKEN": TOKEN}
    hang = hub.fail("PUT /objects/", "hang")
    process = subprocess.Popen(words, env=told)
    while process.poll() is None and not hang.hits:
        hub.stopping.wait(0.05)
    process.kill()
    process.wait()
    assert hang.hits and list(hub.repos[REPO].files) == [".gitattributes"] and hub.repos[REPO].tags == {}
    hub.faults.clear()
    subprocess.run(words, env=told, check=True)
    assert len(hub.repos[REPO].commits) == 2 and list(hub.repos[REPO].tags) == ["v1"]


def test_without_a_login(hub: HubServer, unproven: None, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(errors.HubError, "`hf auth login`", folder)
    assert hub.requests == []
    monkeypatch.setenv("HF_TOKEN", TOKEN[:-1] + "1")
    refuse(errors.HubError, "token", folder)


# --- cards -------------------------------------------------------------------------------------------

MINE = f"---\nlicense: mit\n---\n{BEGIN}\n\n# New\n\n{END}\n"
OLD = f"---\nlicense: mit\n---\n{BEGIN}\n\n# Old\n\n{END}\n"


@pytest.mark.parametrize(
    ("mine", "theirs", "merged"),
    [
        (MINE, None, MINE),
        (MINE, OLD, MINE),
        (MINE, f"{OLD}\nBy hand.\n", f"{MINE}\nBy hand.\n"),
        (f"{MINE}\nMine.\n", f"{OLD}\nBy hand.\n", f"{MINE}\nBy hand.\n"),
        (f"{MINE}\nBy hand.\n\nAnd more.\n", f"{OLD}\nBy hand.\n", f"{MINE}\nBy hand.\n\nAnd more.\n"),
        (MINE, "---\nlicense: mit\n---\n# All by hand\n", "---\nlicense: mit\n---\n# All by hand\n"),
        (MINE, "# No front matter\n", "# No front matter\n"),
        (MINE, "---\nlicense: mit\n---\n", MINE),
        ("# Mine by hand\n", f"{OLD}\nBy hand.\n", "---\nlicense: mit\n---\n# Mine by hand\n\nBy hand.\n"),
        (MINE, "---\nlicense: cc0-1.0\ntags:\n- a\n---\n", MINE.replace("mit\n", "mit\ntags:\n- a\n")),
    ],
)
def test_cards_are_merged(mine: str, theirs: str | None, merged: str) -> None:
    assert merged_card(mine, theirs) == merged
    assert merged_card(merged, theirs) == merged


def test_a_hand_written_card_on_the_hub_is_kept(logged_in: HubServer, unproven: None, folder: Path) -> None:
    by_hand = b"---\nlicense: apache-2.0\n---\n# My model\n\nWritten with love.\n"
    logged_in.add(REPO, {"README.md": by_hand}, private=True)
    done = mmzoo.publish(folder, REPO)
    assert logged_in.repos[REPO].files["README.md"] == by_hand and done.created
    assert any("written by hand into README.md on the Hub is kept" in note for note in done.notes)
    assert not mmzoo.publish(folder, REPO).created


def test_a_hand_written_card_in_the_folder_is_published(logged_in: HubServer, unproven: None, folder: Path) -> None:
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# Mine\n")
    assert mmzoo.publish(folder, REPO).license == "mit"
    assert logged_in.repos[REPO].files["README.md"] == b"---\nlicense: mit\n---\n# Mine\n"
    assert ModelFolder(folder).license == "mit" and os.environ["HF_TOKEN"] == TOKEN
