"""`mmzoo lock` and `mmzoo sync --frozen`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hub_client import MODEL_CARDS, Mmzoo, model_files
from hub_server import HubServer, sha256

from mmzoo.hub import lock as locking
from mmzoo.hub.huggingface import snapshot_folder

HUB_NAME = "hf-hub:org/text"


@pytest.fixture
def written(hub: HubServer, tmp_path: Path, mmzoo_command: Mmzoo, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lock of a bundled model with two in its slots, and of a model on the Hub by a branch."""
    monkeypatch.chdir(tmp_path)
    hub.add("org/text", model_files("vqvae-words"))
    done = mmzoo_command("lock", "vqvae-dit-tts", HUB_NAME)
    assert done.returncode == 0, done.stderr
    return tmp_path / "mmzoo.lock"


def test_what_is_locked(hub: HubServer, written: Path) -> None:
    content = json.loads(written.read_text())
    commit = hub.repos["org/text"].branches["main"]
    assert list(content["models"]) == ["vqvae-dit-tts", HUB_NAME, "phonemizer-en", "vqvae-speech"]
    entry = content["models"][HUB_NAME]
    files = model_files("vqvae-words")
    assert entry["source"] == f"{HUB_NAME}@{commit}" and entry["license"] == "apache-2.0"
    assert entry["files"] == {name: sha256(data) for name, data in sorted(files.items()) if "/" not in name}
    assert content["models"]["phonemizer-en"]["source"] == "bundled"
    assert {"mmzoo", "mmzoo-tts", "mmzoo-vqvae", "mmzoo-dit"} <= set(content["plugins"])


def test_the_same_is_reproduced(hub: HubServer, written: Path, mmzoo_command: Mmzoo) -> None:
    hub.repos["org/text"].commit({**model_files("vqvae-words"), "README.md": b"newer"})
    hub.requests.clear()
    done = mmzoo_command("sync", "--frozen")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert hub.requests == [] and len(done.stdout.splitlines()) == 4


def test_a_name_that_moved_on_is_refused_when_frozen(written: Path, mmzoo_command: Mmzoo) -> None:
    content = json.loads(written.read_text())
    content["models"] = {"phonemizer-en": content["models"][HUB_NAME]}
    written.write_text(json.dumps(content))
    done = mmzoo_command("sync", "--frozen")
    assert done.returncode == 1 and f"phonemizer-en is bundled here, but {HUB_NAME}@" in done.stderr
    assert mmzoo_command("sync").returncode == 0


def test_every_difference_is_a_line(
    hub: HubServer, written: Path, mmzoo_command: Mmzoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = json.loads(written.read_text())
    content["models"].pop(HUB_NAME)
    content["models"]["vqvae-speech"]["files"]["model.safetensors"] = "0" * 64
    content["models"]["vqvae-speech"]["files"]["gone.json"] = "0" * 64
    content["plugins"]["mmzoo-tts"] = "9.9"
    content["plugins"]["acme"] = "1.0"
    written.write_text(json.dumps(content))
    done = mmzoo_command("sync", "--frozen")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0].startswith("model.safetensors of vqvae-speech has sha256 ") and "0000... in the lock" in lines[0]
    assert lines[1] == "gone.json of vqvae-speech is missing"
    assert "mmzoo-tts is " in lines[2] and lines[2].endswith("here, but 9.9 in mmzoo.lock")
    assert lines[3] == "acme is missing or disabled here, but 1.0 in mmzoo.lock"
    assert (
        lines[4].startswith("error: 4 lines differ from mmzoo.lock, as listed above; `mmzoo pull NAME`")
        and len(lines) == 5
    )
    content["models"].pop("vqvae-speech")
    written.write_text(json.dumps(content))
    loose = mmzoo_command("sync")
    assert loose.returncode == 0 and "acme is missing" in loose.stderr and "vqvae-dit-tts\tbundled" in loose.stdout
    assert mmzoo_command("sync", "--frozen").returncode == 1


def test_a_locked_model_is_fetched_at_its_commit(hub: HubServer, written: Path, mmzoo_command: Mmzoo) -> None:
    import shutil

    content = json.loads(written.read_text())
    entry = content["models"].pop(HUB_NAME)
    written.write_text(json.dumps({**content, "models": {entry["source"]: entry}}))
    commit = entry["source"].rpartition("@")[2]
    shutil.rmtree(snapshot_folder("org/text", commit).parent.parent)
    hub.repos["org/text"].commit({})
    done = mmzoo_command("sync", "--frozen")
    assert done.returncode == 0, done.stderr
    assert (snapshot_folder("org/text", commit) / "model.safetensors").is_file()
    hub.requests.clear()
    assert mmzoo_command("sync", "--frozen").returncode == 0 and hub.requests == []


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"lock_version": 2}', '{"lock_version": 1, "models": {"a": 1}, "plugins": {}}',
             '{"lock_version": 1, "models": {"a": {"source": 1, "recipe": "", "files": {}}}, "plugins": {}}'],
)  # fmt: skip
def test_what_is_no_lock(tmp_path: Path, mmzoo_command: Mmzoo, text: str) -> None:
    (tmp_path / "x.lock").write_text(text)
    done = mmzoo_command("sync", "--file", str(tmp_path / "x.lock"))
    assert done.returncode == 2 and "`mmzoo lock MODEL...`" in done.stderr
    assert mmzoo_command("sync", "--file", str(tmp_path / "none.lock")).returncode == 2


def test_a_folder_cannot_be_locked(tmp_path: Path, mmzoo_command: Mmzoo) -> None:
    done = mmzoo_command("lock", f"local-dir:{MODEL_CARDS / 'vqvae-words'}", "--file", str(tmp_path / locking.FILE))
    assert done.returncode == 2 and "cannot be locked; publish it with `mmzoo push`" in done.stderr
    assert not (tmp_path / locking.FILE).exists()
