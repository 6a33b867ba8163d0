"""Registered weights on the Hub are pinned; one component is fetched by its bytes alone; licences are asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hub_client import MODEL_CARDS, model_files
from hub_server import HubServer, sha256

import mmzoo
from mmzoo import errors
from mmzoo.hookspecs import Register
from mmzoo.hub.components import check_components, component_digests, write_components
from mmzoo.hub.huggingface import snapshot_folder
from mmzoo.registry import Catalog, catalog, index
from mmzoo.registry.specs import ModelSpec, Weights

NAME = "vqvae-words"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    """A small model's repo, whose config carries the digests of its components."""
    folder = tmp_path / "staged"
    folder.mkdir()
    for name, data in model_files(NAME).items():
        if "/" not in name:
            (folder / name).write_bytes(data)
    write_components(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def registered(hub: HubServer, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """`pinned`, the same model registered with weights on this Hub; changes may be made to its pins."""
    commit = hub.add("org/text", files)
    spec = catalog().model(NAME)
    pins = {name: sha256(files[name]) for name in ("config.json", "README.md")}
    told: dict[str, Any] = {
        "tag": "hub",
        "source": f"hf-hub:org/text@{commit}",
        "license": "apache-2.0",
        "sha256": sha256(files["model.safetensors"]),
        "files": pins,
    }
    original = Catalog.model

    def model(self: Catalog, name: str) -> ModelSpec:
        if name.partition(".")[0] != "pinned":
            return original(self, name)
        register = Register("acme", "1.0")
        register.model("pinned", task=spec.task, recipe=spec.recipe, summary="x", weights=[Weights(**told)])
        return register.models[0]

    monkeypatch.setattr(Catalog, "model", model)
    monkeypatch.setattr(index, "_catalog", catalog())
    yield told


def test_a_pinned_cached_model_makes_no_request(hub: HubServer, registered: dict[str, Any]) -> None:
    first = mmzoo.create("pinned")
    assert not hub.count("GET /api/models/org/text$|/revision/")  # the commit is known
    hub.requests.clear()
    again = mmzoo.create("pinned", allow_licenses={"apache-2.0"})
    assert hub.requests == []
    assert first.state_dict().keys() == again.state_dict().keys()
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in first.state_dict().items())


def test_one_resolution_for_config_weights_and_card(hub: HubServer, files: dict[str, bytes]) -> None:
    old = hub.add("org/text", files)
    fault = hub.fail("GET /api/models/org/text$", "status", status=503, times=0)
    mmzoo.create("hf-hub:org/text", allow_licenses={"apache-2.0"})
    assert hub.count(r"GET /api/models/org/text$") == 1 and fault.hits == 0
    # A commit that lands between config and weights changes nothing: everything is of the commit found first.
    from mmzoo.hub.published import find_model

    model = find_model("hf-hub:org/text").at_commit()
    assert model.folder().path.name == old
    hub.repos["org/text"].commit({**files, "model.safetensors": b"newer"})
    assert model.weights_file().parent.name == old


def test_bytes_that_are_not_pinned_are_refused(hub: HubServer, registered: dict[str, Any]) -> None:
    registered["files"]["config.json"] = "0" * 64
    with pytest.raises(errors.ChecksumError, match=r"config\.json.*`mmzoo pull pinned`"):
        mmzoo.create("pinned")
    del registered["files"]["config.json"]
    with pytest.raises(errors.PluginError, match=r"sha256.*config\.json.*`mmzoo push`"):
        mmzoo.create("pinned")


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"source": "hf-hub:org/text@main"}, "commit.*\\b40\\b"),
        ({"source": "hf-hub:org/text"}, "commit.*\\b40\\b"),
        ({"sha256": None}, r"sha256.*model\.safetensors"),
        ({"sha256": "12"}, "'12'.*sha256"),
    ],
)
def test_registrations_on_the_hub_are_pinned(registered: dict[str, Any], changed: dict[str, Any], match: str) -> None:
    registered |= changed
    with pytest.raises(errors.PluginError, match=match):
        mmzoo.create("pinned")


# --- one component -----------------------------------------------------------------------------------


def test_a_part_reads_only_its_bytes(hub: HubServer, files: dict[str, bytes]) -> None:
    commit = hub.add("org/text", files)
    small = sum(len(data) for name, data in files.items() if name.endswith((".json", ".md")))
    hub.sent = 0
    part = mmzoo.create("hf-hub:org/text", part="quantizer")
    whole = mmzoo.create(NAME, part="quantizer")
    assert part.state_dict().keys() == whole.state_dict().keys()
    assert all(torch.equal(tensor, whole.state_dict()[name]) for name, tensor in part.state_dict().items())
    header = 8 + int.from_bytes(files["model.safetensors"][:8], "little")
    stored = snapshot_folder("org/text", commit).parent.parent / "parts" / commit / "quantizer.safetensors"
    assert hub.sent - small - header <= stored.stat().st_size < len(files["model.safetensors"]) / 4
    assert not (snapshot_folder("org/text", commit) / "model.safetensors").exists()
    hub.requests.clear()
    mmzoo.create(f"hf-hub:org/text@{commit}", part="quantizer")
    assert hub.requests == []


@pytest.mark.parametrize(
    ("kind", "kinds", "match"),
    [
        ("corrupt", (errors.ChecksumError, errors.CorruptFileError), "safetensors|org/text"),
        ("truncate", (errors.HubError,), "org/text"),
        ("drop", (errors.HubError,), "org/text"),
    ],
)
def test_wrong_bytes_of_a_part(
    hub: HubServer, files: dict[str, bytes], kind: str, kinds: tuple[type[Exception], ...], match: str
) -> None:
    hub.add("org/text", files)
    hub.fail("GET /objects/", kind)
    with pytest.raises(kinds, match=match):
        mmzoo.create("hf-hub:org/text", part="quantizer")
    hub.faults.clear()
    mmzoo.create("hf-hub:org/text", part="quantizer")


def test_a_part_that_is_not_what_the_config_says(hub: HubServer, files: dict[str, bytes]) -> None:
    config = json.loads(files["config.json"])
    config["components"]["quantizer"] = "0" * 64
    hub.add("org/text", {**files, "config.json": json.dumps(config).encode()})
    with pytest.raises(errors.ChecksumError, match=r"quantizer.*org/text"):
        mmzoo.create("hf-hub:org/text", part="quantizer")


ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    "header",
    [
        b"[]",
        b"[" * 100_000,
        {"quantizer.a": 3},
        {"quantizer.a": {**ENTRY, "data_offsets": ["x", 8]}},
        {"quantizer.a": {**ENTRY, "data_offsets": [0, 4, 8]}},
        {"quantizer.a": {**ENTRY, "data_offsets": [8, 0]}},
        {"quantizer.a": {**ENTRY, "data_offsets": [-8, 0]}},
        {"quantizer.a": {**ENTRY, "data_offsets": [0, 1 << 40]}},
        {f"quantizer.{i}": ENTRY for i in range(1000)},  # would be fetched a thousand times
        {"quantizer.a": {**ENTRY, "shape": [3]}},
        {"quantizer.\x1b[2J": ENTRY},
    ],
)
def test_a_hostile_header_is_refused_before_its_tensors_are_fetched(
    hub: HubServer, files: dict[str, bytes], header: Any
) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    weights = len(text).to_bytes(8, "little") + text + bytes(8)
    hub.add("org/text", {**files, "model.safetensors": weights})
    with pytest.raises(errors.WeightsError) as caught:
        mmzoo.create("hf-hub:org/text", part="quantizer")
    assert str(caught.value).isprintable() and len(str(caught.value)) < 500
    assert hub.count("GET /objects/") <= 3


def test_digests_of_components(tmp_path: Path, files: dict[str, bytes]) -> None:
    (tmp_path / "model.safetensors").write_bytes(files["model.safetensors"])
    (tmp_path / "config.json").write_bytes(files["config.json"])
    digests = component_digests(tmp_path / "model.safetensors")
    assert json.loads(files["config.json"])["components"] == digests and "quantizer" in digests
    assert not write_components(tmp_path)
    check_components(tmp_path / "model.safetensors", digests)
    damaged = bytearray(files["model.safetensors"])
    damaged[-1] ^= 1
    (tmp_path / "model.safetensors").write_bytes(damaged)
    with pytest.raises(errors.ChecksumError, match=r"model\.safetensors"):
        check_components(tmp_path / "model.safetensors", digests)


# --- licences ----------------------------------------------------------------------------------------


def test_licences_may_be_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMZOO_ALLOW_LICENSES", "mit, cc0-1.0")
    with pytest.raises(errors.WeightsError, match=r"'apache-2\.0'.*cc0-1\.0, mit.*MMZOO_ALLOW_LICENSES"):
        mmzoo.create(NAME)
    mmzoo.create(NAME, allow_licenses={"Apache-2.0"})
    monkeypatch.setenv("MMZOO_ALLOW_LICENSES", " , ")
    assert (MODEL_CARDS / NAME).is_dir() and mmzoo.create(NAME)
