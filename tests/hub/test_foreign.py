"""Model folders of other libraries: recognised by config.json, fetched, loaded whole and in part; nothing guessed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hub_client import Mmzoo
from hub_server import HubServer

import mmzoo
from mmzoo import errors
from mmzoo.composition import compose, read_config
from mmzoo.composition.foreign import opened, recognized, save_foreign
from mmzoo.registry import catalog
from mmzoo.training.start import Start

CONFIG = {
    "num_filters": 4,
    "hidden_size": 6,
    "upsampling_ratios": [5, 4, 2],
    "codebook_size": 16,
    "target_bandwidths": [9.6],
    "num_lstm_layers": 1,
}


@pytest.fixture
def encodec(tmp_path: Path) -> Path:
    """A small EnCodec folder as transformers would write it, with a pickle and a notebook beside it."""
    spec = catalog().component("format", "encodec")
    torch.manual_seed(0)
    head = compose(opened(spec, CONFIG, "here").recipe(), device="cpu")
    folder = save_foreign(head, tmp_path / "theirs", "encodec")
    told = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(
        json.dumps(told | {"architectures": ["EncodecModel"], "torch_dtype": "float32"})
    )
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# EnCodec\n")
    (folder / "preprocessor_config.json").write_text('{"sampling_rate": 24000}')
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04never opened")
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_foreign_model_is_fetched_and_loaded(hub: HubServer, encodec: Path, tmp_path: Path) -> None:
    commit = hub.add("facebook/encodec_24khz", files(encodec))
    local = mmzoo.create(f"local-dir:{encodec}")
    model = mmzoo.create("hf-hub:facebook/encodec_24khz", allow_licenses={"mit"})
    assert not hub.count("pytorch_model.bin")
    codes = torch.randint(16, (1, 9, 4))
    assert torch.equal(model.quantizer.decode(codes), local.quantizer.decode(codes))
    hub.requests.clear()
    part = mmzoo.create(f"hf-hub:facebook/encodec_24khz@{commit}", part="quantizer")
    assert torch.equal(part.decode(codes), local.quantizer.decode(codes)) and hub.requests == []
    with pytest.raises(errors.WeightsError, match="'mit'"):
        mmzoo.create(f"hf-hub:facebook/encodec_24khz@{commit}", allow_licenses={"apache-2.0"})


def test_training_starts_from_one_commit_and_names_its_base(hub: HubServer, encodec: Path) -> None:
    commit = hub.add("facebook/encodec_24khz", files(encodec))
    start = Start.of("hf-hub:facebook/encodec_24khz")
    assert start.found is not None and start.found.weights_source.revision == commit
    hub.repos["facebook/encodec_24khz"].commit({"README.md": b"---\nlicense: gpl-3.0\n---\n"})
    assert start.base() == {"name": "facebook/encodec_24khz", "license": "mit"}
    assert Start.of(str(encodec)).base() == {"name": "theirs", "license": "mit"}


def test_it_is_pulled_verified_and_locked(hub: HubServer, encodec: Path, tmp_path: Path, mmzoo_command: Mmzoo) -> None:
    commit = hub.add("facebook/encodec_24khz", files(encodec))
    name = f"hf-hub:facebook/encodec_24khz@{commit}"
    assert mmzoo_command("pull", name).returncode == 0
    assert mmzoo_command("verify", name).returncode == 0
    lock = tmp_path / "mmzoo.lock"
    assert mmzoo_command("lock", name, "--file", str(lock)).returncode == 0
    assert "mmzoo-vqvae" in json.loads(lock.read_text())["plugins"]
    assert mmzoo_command("sync", "--frozen", "--file", str(lock)).returncode == 0
    done = mmzoo_command("push", name, "--repo", "me/copy", "--dry-run", "--license", "mit")
    assert done.returncode != 0 and "mmzoo convert" in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_config_that_no_format_knows(encodec: Path) -> None:
    for content in ({"model_type": "bert"}, {}, {"model_type": ["encodec"]}, {"_class_name": "AutoencoderKL"}):
        (encodec / "config.json").write_text(json.dumps(content))
        with pytest.raises(errors.ConfigError, match=r"config\.json"):
            read_config(encodec)


@pytest.mark.parametrize(("detect", "claims"), [({"model_type": "encodec"}, True), ({"model_type": "encoder"}, False)])
def test_two_formats_that_claim_one_config_are_both_named(
    detect: dict[str, Any], claims: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = catalog().component("format", "encodec")
    rival = replace(spec, plugin="rival", name="theirs", target="rival.theirs:Theirs", detect=detect)
    monkeypatch.setattr(type(catalog()), "components", lambda self, kind=None: (spec, rival))
    if claims:
        with pytest.raises(errors.ConfigError, match=r"encodec.*rival:theirs"):
            recognized({"model_type": "encodec"}, Path("config.json"))
    else:  # and the rival, which does not exist, is not imported
        assert recognized({"model_type": "encodec", **CONFIG}, Path("config.json")) is not None
