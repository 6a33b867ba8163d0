"""What a source tells of itself before anything of its weights is fetched."""

from __future__ import annotations

import json

import pytest
from hub_client import Mmzoo, model_files
from hub_server import HubServer

import mmzoo
from mmzoo import errors


def test_a_source_is_described_by_its_texts(hub: HubServer, mmzoo_command: Mmzoo) -> None:
    commit = hub.add("org/tts", model_files("vqvae-dit-tts"))
    told = mmzoo.describe("hf-hub:org/tts")
    assert told.name == f"hf-hub:org/tts@{commit}" and told.task == "text-to-speech"
    assert told.licenses == dict.fromkeys((told.name, "phonemizer-en", "vqvae-speech"), "apache-2.0")
    assert told.parts["backbone"] == "backbone/dit" and told.parts["tokenizer"] == "model/vqvae-speech"
    assert not hub.count("safetensors")
    done = mmzoo_command("show", "hf-hub:org/tts")
    assert done.returncode == 0 and f"hf-hub:org/tts@{commit}, license apache-2.0" in done.stdout
    assert json.loads(mmzoo_command("show", "hf-hub:org/tts", "--json").stdout)["licenses"] == told.licenses
    assert not hub.count("safetensors")


def test_a_card_without_a_licence_and_strange_names(hub: HubServer, mmzoo_command: Mmzoo) -> None:
    files = model_files("vqvae-words")
    files["README.md"] = b"---\nbase_model: [vqvae-image, acme/base]\n---\n# Of licences nothing is said\n"
    config = json.loads(files["config.json"])
    config["name"] = "\x1b[31mred"
    hub.add("org/text", {**files, "config.json": json.dumps(config).encode()})
    told = mmzoo.describe("hf-hub:org/text")
    assert told.licenses == {told.name: None, "vqvae-image": "apache-2.0", "acme/base": None}
    done = mmzoo_command("show", "hf-hub:org/text")
    assert "licenses    not stated" in done.stdout and "\x1b" not in done.stdout


def test_a_model_that_contains_itself_is_asked_once(hub: HubServer) -> None:
    files = model_files("vqvae-dit-tts")
    config = json.loads(files["config.json"])
    config["recipe"]["tokenizer"] = {"model": "hf-hub:org/snake"}
    hub.add("org/snake", {**files, "config.json": json.dumps(config).encode()})
    told = mmzoo.describe("hf-hub:org/snake")
    assert told.licenses == dict.fromkeys((told.name, "phonemizer-en"), "apache-2.0")


def test_what_cannot_be_described(hub: HubServer) -> None:
    with pytest.raises(errors.HubError, match="org/none"):
        mmzoo.describe("hf-hub:org/none")
    with pytest.raises(errors.UsageError, match="hf-hub:none"):
        mmzoo.describe("hf-hub:none")
    with pytest.raises(errors.UnknownNameError, match="vqvae-image"):
        mmzoo.describe("vqvae-imag")
