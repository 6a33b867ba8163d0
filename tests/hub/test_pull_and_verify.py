"""`mmzoo pull`, `verify` and `cache`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hub_client import Mmzoo, model_files
from hub_server import HubServer

from mmzoo.hub.huggingface import snapshot_folder
from mmzoo.model_folder import ModelFolder

NAME = "hf-hub:org/text"


@pytest.fixture
def commit(hub: HubServer) -> str:
    return hub.add("org/text", {**model_files("vqvae-words"), "pytorch_model.bin": b"pickle"})


@pytest.fixture
def folder(commit: str, mmzoo_command: Mmzoo) -> Path:
    done = mmzoo_command("pull", NAME)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{NAME}\t{snapshot_folder('org/text', commit)}\n"
    return snapshot_folder("org/text", commit)


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.resolve().chmod(0o644)
    path.resolve().write_bytes(data)


def test_what_was_pulled_works_without_a_network(
    hub: HubServer, commit: str, folder: Path, mmzoo_command: Mmzoo, mmzoo_process: Mmzoo
) -> None:
    assert set(ModelFolder(folder).files()) == set(model_files("vqvae-words")) - {"pytorch_model.bin"}
    hub.requests.clear()
    done = mmzoo_process("verify", f"{NAME}@{commit}", HF_HUB_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    rows = [line.split("\t")[1:] for line in done.stdout.splitlines()]
    assert ["model.safetensors", "matches the Hub's checksum"] in rows and "reproduced to" in done.stdout
    again = mmzoo_command("pull", f"{NAME}@{commit}")
    assert again.returncode == 0 and hub.requests == []


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "golden.safetensors"])
def test_a_flipped_bit_is_named_and_pulled_anew(folder: Path, commit: str, mmzoo_command: Mmzoo, name: str) -> None:
    flip_a_bit(folder / name)
    done = mmzoo_command("verify", "--files-only", f"{NAME}@{commit}")
    assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1
    assert f"{name} of {NAME}@{commit} in " in done.stderr and "; `mmzoo pull" in done.stderr
    assert mmzoo_command("pull", f"{NAME}@{commit}").returncode == 0
    assert mmzoo_command("verify", "--files-only", f"{NAME}@{commit}").returncode == 0
    assert (folder / name).read_bytes() == model_files("vqvae-words")[name]


def test_a_bundled_model_is_verified_and_pulled(mmzoo_command: Mmzoo) -> None:
    done = mmzoo_command("verify", "--json", "phonemizer-en")
    assert done.returncode == 0, done.stderr
    outputs = json.loads(done.stdout)["phonemizer-en"]["outputs"]
    assert outputs and all(error < 1e-4 for error in outputs.values())
    rows = mmzoo_command("pull", "vqvae-dit-tts").stdout.splitlines()
    assert [row.split("\t")[0] for row in rows] == ["vqvae-dit-tts", "phonemizer-en", "vqvae-speech"]


def test_trouble_is_one_line_and_exit_code_three(hub: HubServer, mmzoo_command: Mmzoo) -> None:
    for words, told in (
        (("pull", "hf-hub:org/none"), "There is no model org/none"),
        (("verify", "hf-hub:org/none"), "There is no model org/none"),
    ):
        done = mmzoo_command(*words)
        assert done.returncode == 3 and told in done.stderr and "Traceback" not in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert mmzoo_command("pull", "a", "b", "--revision", "x").returncode == 2


def test_a_hub_that_is_away_is_told_on_the_standard_error(
    hub: HubServer, commit: str, folder: Path, mmzoo_process: Mmzoo
) -> None:
    hub.fail(".", status=503)
    done = mmzoo_process("pull", NAME)
    assert done.returncode == 0 and done.stdout == f"{NAME}\t{folder}\n"
    assert "warning: The Hub did not answer for org/text at main" in done.stderr and commit in done.stderr
    assert len([line for line in done.stderr.splitlines() if commit in line]) == 1


def test_the_cache_is_listed_measured_and_emptied(folder: Path, commit: str, mmzoo_command: Mmzoo) -> None:
    listed = json.loads(mmzoo_command("cache", "list", "--json").stdout)
    assert [(entry["repo"], entry["commits"]) for entry in listed] == [("org/text", [commit])]
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert abs(listed[0]["bytes"] - size) < 20_000
    assert mmzoo_command("cache", "size").stdout.startswith("models\t")
    assert "freed" in mmzoo_command("cache", "remove", "org/text").stdout and not folder.exists()
    assert mmzoo_command("cache", "list").stdout == ""
    done = mmzoo_command("cache", "remove", NAME)
    assert done.returncode == 2 and "'org/text' is not in the cache; `mmzoo cache list` shows" in done.stderr
