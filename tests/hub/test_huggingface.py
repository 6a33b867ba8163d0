"""Downloads from a Hub that runs in this process, through the real client."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hub_client import model_files
from hub_server import TOKEN, HubServer
from huggingface_hub import close_session

from mmzoo import errors
from mmzoo.hub.huggingface import broken_files, download, remove_leftovers, resolve_revision, snapshot_folder
from mmzoo.model_folder import ModelFolder

GOOD = {
    "README.md": b"---\nlicense: mit\n---\n",
    "config.json": b"{}",
    "model.safetensors": b"weights" * 100,
    "golden.safetensors": b"golden",
    "pytorch_model.bin": b"pickle",
    "samples/a.wav": b"sound",
    "other/b.wav": b"sound",
    "run.py": b"code",
    "notes.txt": b"notes",
    "data.zip": b"archive",
}


@pytest.fixture
def commit(hub: HubServer) -> str:
    return hub.add("org/good", GOOD)


def refuse(kind: type[Exception], match: str, repo: str = "org/good", revision: str | None = None) -> str:
    with pytest.raises(kind, match=match) as caught:
        download(repo, revision)
    assert type(caught.value) is kind
    text = str(caught.value)
    assert "\n" not in text and text.endswith(".") and "http_get" not in text
    return text


# --- what is fetched ---------------------------------------------------------------------------------


def test_downloads_only_what_is_needed(hub: HubServer, commit: str) -> None:
    folder = download("org/good", None, what="texts")
    assert ModelFolder(folder).files() == ["README.md", "config.json"] and folder.name == commit
    assert download("org/good", None) == folder
    assert ModelFolder(folder).files() == ["README.md", "config.json", "model.safetensors"]
    assert download("org/good", commit, what="all") == folder
    assert ModelFolder(folder).files() == [
        *("README.md", "config.json", "golden.safetensors", "model.safetensors", "samples/a.wav"),
    ]
    assert not hub.count(r"pytorch_model\.bin|run\.py|notes\.txt|data\.zip|other/")


def test_a_cached_commit_makes_no_request(hub: HubServer, commit: str) -> None:
    folder = download("org/good", commit)
    hub.requests.clear()
    assert download("org/good", commit) == download("org/good", commit, what="texts") == folder
    assert hub.requests == []
    assert download("org/good", None) == folder and len(hub.requests) == 1  # a branch may have moved


def test_a_repo_with_pickles_only_is_refused(hub: HubServer, tmp_path: Path) -> None:
    canary = tmp_path / "ran"
    hub.add(
        "org/pickle", {"config.json": b"{}", "pytorch_model.bin": f"cposix\nsystem\n(S'touch {canary}'\ntR.".encode()}
    )
    refuse(errors.WeightsError, "pytorch_model.bin.*model.safetensors", "org/pickle")
    assert not canary.exists() and not hub.count(r"pytorch_model")
    hub.add("org/bare", {"config.json": b"{}"})
    refuse(errors.WeightsError, r"org/bare.*model\.safetensors", "org/bare")
    hub.add("org/code", {"run.py": b"code"})
    refuse(errors.WeightsError, r"org/code.*model\.safetensors", "org/code")


def test_names_that_leave_the_folder_are_never_written(hub: HubServer, tmp_path: Path) -> None:
    hub.add("org/evil", {**GOOD, "../../../evil.json": b"{}"})
    with pytest.raises((errors.MmzooError, ValueError, OSError)):
        download("org/evil", None)
    assert not list(tmp_path.rglob("evil.json"))


# --- trouble -----------------------------------------------------------------------------------------

LISTING, FILE = r"GET /api/models/", r"GET /objects/"
FAULTS: list[tuple[str, Mapping[str, Any], str]] = [
    (LISTING, {"status": 401, "headers": {"X-Error-Message": "Invalid credentials in Authorization header"}},
     "token.*org/good.*`hf auth login`"),
    (LISTING, {"status": 401}, "org/good.*private"),
    (LISTING, {"status": 403}, "permission.*org/good"),
    (LISTING, {"status": 404, "headers": {"X-Error-Code": "RepoNotFound"}}, "org/good.*private"),
    (LISTING, {"status": 429, "headers": {"Retry-After": "7"}}, r"requests.*\b7 seconds"),
    (LISTING, {"status": 429}, "requests.*minutes"),
    (LISTING, {"status": 503}, r"status 503"),
    (LISTING, {"kind": "hang"}, "in time"),
    (LISTING, {"kind": "drop"}, "connection"),
    (r"HEAD ", {"status": 503}, "status 503"),
    (FILE, {"status": 503}, "status 503"),
    (FILE, {"status": 429, "headers": {"Retry-After": "7"}}, "requests"),
    (FILE, {"kind": "hang"}, "in time"),
    (FILE, {"kind": "drop"}, "connection"),
]  # fmt: skip


@pytest.mark.parametrize(("match", "details", "told"), FAULTS, ids=lambda value: str(value)[:40])
def test_each_fault_has_its_sentence(
    hub: HubServer, commit: str, match: str, details: Mapping[str, Any], told: str
) -> None:
    hub.fail(match, **details)
    refuse(errors.HubError, told)
    hub.faults.clear()
    assert (download("org/good", None) / "model.safetensors").read_bytes() == GOOD["model.safetensors"]


def test_refusals_of_the_repo_itself(hub: HubServer, commit: str) -> None:
    hub.add("org/gated", GOOD, gated=True)
    refuse(errors.HubError, "org/gated.*gated.*`hf auth login`", "org/gated")
    hub.add("org/off", GOOD, disabled=True)
    refuse(errors.HubError, "org/off.*disabled", "org/off")
    refuse(errors.HubError, "org/none.*private", "org/none")
    refuse(errors.HubError, "org/good.*'v9'", revision="v9")
    refuse(errors.HubError, "org/good.*'ffff", revision="f" * 40)


def test_a_token_opens_what_is_private(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("org/mine", GOOD, private=True)
    refuse(errors.HubError, "org/mine", "org/mine")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert download("org/mine", None).is_dir()
    monkeypatch.setenv("HF_TOKEN", TOKEN[:-1] + "1")
    text = refuse(errors.HubError, "token", "org/mine")
    assert "hf_" not in text


@pytest.mark.parametrize("details", [{"status": 503}, {"status": 429, "headers": {"Retry-After": "1"}}])
@pytest.mark.parametrize("match", [r"/revision/|models/org/good$", r"HEAD .*config", FILE])
def test_trouble_that_passes_is_waited_for(hub: HubServer, commit: str, match: str, details: Mapping[str, Any]) -> None:
    fault = hub.fail(match, **details, times=2)
    assert (download("org/good", None) / "model.safetensors").is_file()
    assert fault.hits == 2


@pytest.mark.parametrize(("after", "waited"), [("5", [6.0, 6.0, 6.0]), ("", [1.0, 2.0, 4.0]), ("3600", [])])
def test_a_file_is_asked_for_again_when_the_hub_says(
    hub: HubServer, commit: str, after: str, waited: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    asleep: list[float] = []
    monkeypatch.setattr("time.sleep", asleep.append)
    fault = hub.fail(FILE, status=503, headers={"Retry-After": after} if after else {})
    refuse(errors.HubError, "status 503")
    assert asleep == waited and fault.hits == len(waited) + 1
    assert hub.count("GET .*resolve.*config.json") == 1  # what was finished is not fetched again


def test_a_broken_transfer_is_taken_up_again(hub: HubServer, commit: str) -> None:
    fault = hub.fail(FILE, "truncate", times=2)
    assert (download("org/good", None) / "model.safetensors").read_bytes() == GOOD["model.safetensors"]
    assert fault.hits == 2


def test_finished_files_are_kept_when_a_download_breaks(hub: HubServer, commit: str) -> None:
    hub.fail(FILE, status=503)
    refuse(errors.HubError, "status 503")
    assert {"README.md", "config.json"} <= set(ModelFolder(snapshot_folder("org/good", commit)).files())
    hub.faults.clear()
    hub.requests.clear()
    download("org/good", commit)
    assert hub.count("resolve") == hub.count("GET /objects/") == 1 and not hub.count("config.json")
    assert not list(snapshot_folder("org/good", commit).parent.parent.rglob("*.incomplete"))


def test_wrong_bytes_are_noticed_and_thrown_away(hub: HubServer, commit: str) -> None:
    hub.fail(FILE, "corrupt")
    refuse(errors.ChecksumError, r"model\.safetensors.*org/good")
    assert "model.safetensors" not in ModelFolder(snapshot_folder("org/good", commit)).files()
    hub.faults.clear()
    hub.fail(r"GET .*/resolve/.*config\.json", "corrupt")
    download("org/good", commit)
    assert broken_files(snapshot_folder("org/good", commit)) == []


def test_wrong_bytes_of_a_small_file(hub: HubServer, commit: str) -> None:
    hub.fail(r"GET .*/resolve/.*config\.json", "corrupt")
    refuse(errors.ChecksumError, r"config\.json.*org/good")


# --- a Hub that does not answer, with a copy in the cache ---------------------------------------------


@pytest.mark.parametrize("details", [{"status": 503}, {"status": 429}, {"kind": "hang"}, {"kind": "drop"}])
def test_a_cached_copy_is_used_aloud(hub: HubServer, commit: str, details: Mapping[str, Any]) -> None:
    folder = download("org/good", None)
    hub.fail(".", **details)
    with pytest.warns(UserWarning, match=rf"org/good.*main.*{commit}"):
        assert download("org/good", None) == folder


def test_no_hub_at_all(hub: HubServer, commit: str) -> None:
    folder = download("org/good", None)
    hub.shutdown()
    hub.server_close()
    close_session()
    with pytest.warns(UserWarning, match=commit):
        assert download("org/good", None) == folder
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert download("org/good", commit) == folder  # nobody had to be asked
    refuse(errors.HubError, "org/other.*connection", "org/other")
    refuse(errors.HubError, "connection", revision="v2")


def test_switched_off(hub: HubServer, commit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    refuse(errors.HubError, "HF_HUB_OFFLINE")
    refuse(errors.HubError, "HF_HUB_OFFLINE", revision=commit)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    folder = download("org/good", None)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.requests.clear()
    assert download("org/good", commit) == folder
    with pytest.warns(UserWarning, match=commit):
        assert resolve_revision("org/good", None) == commit
    assert hub.requests == []


# --- several processes -------------------------------------------------------------------------------

PULL = "from mmzoo.hub.huggingface import download; print(download('org/good', None))"


def test_two_processes_make_one_transfer(hub: HubServer, environment: dict[str, str]) -> None:
    hub.add("org/good", {**GOOD, "model.safetensors": b"x" * 3_000_000})
    command = [sys.executable, "-c", PULL]
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = {process.communicate(timeout=60)[0] for process in both}
    assert len(told) == 1 and all(process.returncode == 0 for process in both)
    assert hub.count("GET /objects/") == 1 and hub.count("tree") == 1


def test_killed_in_the_middle_of_a_pull(hub: HubServer, commit: str, environment: dict[str, str]) -> None:
    hang = hub.fail(FILE, "hang")
    process = subprocess.Popen([sys.executable, "-c", PULL], env=environment)
    for _ in range(600):
        if hang.hits:
            break
        process.poll()
        hub.stopping.wait(0.05)
    process.kill()
    process.wait()
    assert hang.hits
    hub.faults.clear()
    folder = download("org/good", None)
    assert broken_files(folder) == [] and (folder / "model.safetensors").read_bytes() == GOOD["model.safetensors"]


def leftovers(commit: str) -> list[Path]:
    return sorted(snapshot_folder("org/good", commit).parent.parent.glob("blobs/*.incomplete"))


def test_a_pull_removes_what_a_killed_one_left(
    hub: HubServer, environment: dict[str, str], mmzoo_command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = hub.add("org/good", model_files("vqvae-words"))
    hang = hub.fail(FILE, "hang")
    process = subprocess.Popen([sys.executable, "-c", PULL], env=environment)
    for _ in range(600):
        if hang.hits and leftovers(commit):
            break
        hub.stopping.wait(0.05)
    process.kill()
    process.wait()
    hub.faults.clear()
    assert leftovers(commit)
    done = mmzoo_command("pull", "hf-hub:org/good")
    assert done.returncode == 0 and leftovers(commit) == [], done.stderr


def test_what_another_process_writes_is_left(hub: HubServer, commit: str) -> None:
    from huggingface_hub import constants
    from huggingface_hub.utils import WeakFileLock

    blobs = download("org/good", None).parent.parent / "blobs"
    stale, busy = blobs / "aa.0123.incomplete", blobs / "bb.4567.incomplete"
    for path in (stale, busy):
        path.write_bytes(b"half")
    lock = Path(constants.HF_HUB_CACHE) / ".locks" / blobs.parent.name / "bb.lock"
    with WeakFileLock(lock):
        assert remove_leftovers("org/good") == [stale]
    assert remove_leftovers("org/good") == [busy] and leftovers(commit) == []
