"""Parsers of what strangers write, fed with nearly sound and with senseless things."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
import yaml
from fuzzing import CASES, changed, fuzz, scalars, text, values, words
from hypothesis import strategies as st

from mmzoo.composition import check, read_config
from mmzoo.description import describe
from mmzoo.errors import ConfigError
from mmzoo.hub.cards import BEGIN, END, merged_card
from mmzoo.hub.lock import read_lock
from mmzoo.hub.published import find_model
from mmzoo.hub.sources import is_source, parse_source
from mmzoo.hub.tensor_file import open_tensors
from mmzoo.hub.tree import ResolvedModel
from mmzoo.model_folder import ModelFolder
from mmzoo.registry import settings
from mmzoo.registry.names import split_qualifier, split_tag, suggestions
from mmzoo.testing.records import NEUTRAL, conformity
from mmzoo.training.recipe import apply_override, load_recipe, parse_yaml
from mmzoo.yaml_text import front_matter

pytestmark = pytest.mark.slow

TEXT_MODEL = {
    "head": {"name": "text-vqvae", "dim": 6},
    "encoder": {"name": "text-autoencoder", "dim": 6, "width": 16, "depth": 1},
    "quantizer": {"name": "vq", "dim": 6, "codebook_size": 16, "groups": 2},
}
CONFIG = {
    "format_version": 1, "mmzoo_version": "0.1.0", "name": "x", "task": "text-tokenization", "modalities": ["text"],
    "recipe": TEXT_MODEL, "components": {"encoder": "0" * 64},
}  # fmt: skip


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_at_least_ten_thousand_cases() -> None:
    """SECURITY.md promises them: so many in each test of this file and of test_fuzz_foreign.py."""
    files = [Path(__file__), Path(__file__).with_name("test_fuzz_foreign.py")]
    assert sum(file.read_text().count("    fuzz(") for file in files) * CASES >= 10_000


def test_configs(tmp_path: Path) -> None:
    def read(content: bytes) -> None:
        (tmp_path / "config.json").write_bytes(content)
        config = read_config(tmp_path)
        assert isinstance(config.recipe, dict) and config.format_version == 1
        assert all(isinstance(item, str) for item in (config.name, config.task, *config.modalities))

    fuzz((changed(CONFIG) | changed(CONFIG) | values).map(as_json) | st.binary(max_size=300), read)


def test_recipes() -> None:
    def read(recipe: Any) -> None:
        assert check(ResolvedModel(recipe)).recipe().keys() >= {"head"}

    small = changed(TEXT_MODEL, put=st.integers(1, 16))
    fuzz(small | changed(TEXT_MODEL, most=1) | changed(TEXT_MODEL, most=5) | values, read)


KEPT = "gated: true\n"
fronts = (
    st.just("license: mit\n" + KEPT)
    | st.dictionaries(st.just("license") | text, values, max_size=4).map(yaml.safe_dump)
    | st.text(max_size=400)
    | st.text(alphabet="license: [{&*!|>-\n\t'\"#mit", max_size=60)
)


def test_cards(tmp_path: Path) -> None:
    mine = f"---\nlicense: mit\n---\n{BEGIN}\nnew\n{END}\n"

    def read(card: tuple[str, str]) -> None:
        front, rest = card
        theirs = f"---\n{front}---\n{rest}"
        (tmp_path / "README.md").write_text(theirs, encoding="utf-8", errors="surrogatepass")
        license = ModelFolder(tmp_path).license
        assert license is None or isinstance(license, str)
        merged = merged_card(mine, theirs)
        assert BEGIN in merged or merged == theirs
        if BEGIN in rest:
            assert front_matter(merged)[0]["license"] == "mit"
        assert ("By hand" in merged) == ("By hand" in rest)
        if license is None:
            raise ConfigError("There is no licence.")

    rests = st.sampled_from(["", "# By hand\n", f"{BEGIN}\nold\n{END}\n\nBy hand.\n"]) | st.text(max_size=40)
    fuzz(st.tuples(fronts, rests), read)


LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789-_.:/"
KNOWN = ("vqvae-speech", "vqvae-words", "mmzoo-vqvae:vqvae-words", "quantizer/fsq", "hf-hub:org/name", "local-dir:x")
edited = st.builds(
    lambda name, at, put: name[:at] + put + name[at:], st.sampled_from(KNOWN), st.integers(0, 30), st.text(max_size=1)
)


@pytest.mark.parametrize("look_up", [describe, find_model, parse_source], ids=lambda function: function.__name__)
def test_names(look_up: Any) -> None:
    def read(name: str) -> None:
        distribution, bare = split_qualifier(name)
        assert name == (bare if distribution is None else f"{distribution}:{bare}")
        base, tag = split_tag(name)
        assert name == (base if tag is None else f"{base}.{tag}")
        close = suggestions(name, KNOWN)
        assert len(close) <= 3 and set(close) <= set(KNOWN)
        look_up(name)
        assert (
            is_source(name) or set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.:/") or look_up is parse_source
        )

    fuzz(
        st.sampled_from(KNOWN) | edited | text | st.text(alphabet="acme:/.-_@*[]~\\ 0vqae\n\x00", max_size=40),
        read,
        least=0.02,
    )


tensor = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}


@st.composite
def tensor_files(draw: Any) -> bytes:
    """A sound file of tensors of no values or a few, sometimes with one thing changed or with a wrong length."""
    names = draw(st.lists(st.sampled_from(["a", "b.c", "d-e", "f_0"]) | text, max_size=3, unique=True))
    header: dict[str, Any] = {}
    end = 0
    for name in names:
        shape = draw(st.lists(st.integers(0, 3), max_size=3))
        size = 4
        for side in shape:
            size *= side
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    if header and draw(st.booleans()):
        header = draw(changed(header))
    written = json.dumps(header).encode()
    lie = draw(st.just(0) | st.just(0) | st.integers(-9, 9))
    return struct.pack("<Q", max(0, len(written) + lie)) + written + bytes(end)


def test_safetensors_headers(tmp_path: Path) -> None:
    def read(content: bytes) -> None:
        (tmp_path / "t.safetensors").write_bytes(content)
        with open_tensors(tmp_path / "t.safetensors"):
            pass

    fuzz(tensor_files() | tensor_files() | st.binary(max_size=200), read)


ENTRY = {"source": "bundled", "license": "mit", "recipe": "0" * 64, "files": {"config.json": "0" * 64}}
LOCK = {
    "lock_version": 1,
    "plugins": {"mmzoo": "0.1.0", "acme": "1"},
    "models": {"vqvae-words": ENTRY, "hf-hub:org/name": {**ENTRY, "source": f"hf-hub:org/name@{'0' * 40}"}},
}


def test_locks(tmp_path: Path) -> None:
    def read(content: bytes) -> None:
        (tmp_path / "mmzoo.lock").write_bytes(content)
        for name, entry in read_lock(tmp_path / "mmzoo.lock")["models"].items():
            source = parse_source(entry["source"])
            assert source.scheme == "bundled" or (source.scheme == "hf-hub" and len(source.revision or "") == 40)
            assert name.isascii() and name.isprintable() and (name.startswith("hf-hub:") or "/" not in name)
            assert all((tmp_path / file).resolve().parent == tmp_path.resolve() for file in entry["files"])

    fuzz((changed(LOCK) | changed(LOCK, most=4) | values).map(as_json) | st.binary(max_size=200), read)


outcomes = st.sampled_from(["passed", "failed: x", "exempt: y"]) | values
RESULTS = {"plugin": {"loads": "passed"}, "quantizer/fsq": {"a": "passed"}}
RECORD = {"plugin": "acme", "version": "1.0", "kit": "1.0", "date": "2026-05-01", "results": RESULTS}
records = changed(RECORD) | st.dictionaries(text, outcomes, min_size=1, max_size=3).map(
    lambda checks: {**RECORD, "results": {**RESULTS, "quantizer/fsq": checks}}
)


def test_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.HOME, str(tmp_path))
    (tmp_path / "conformance").mkdir()

    def read(content: bytes) -> None:
        (tmp_path / "conformance" / "acme.json").write_bytes(content)
        told = conformity("acme", "1.0", "quantizer/fsq")
        if told is None:
            raise ConfigError("It was not tried.")
        results = json.loads(content)["results"]
        said = [
            str(outcome) for subject in ("plugin", "quantizer/fsq") for outcome in results.get(subject, {}).values()
        ]
        done = all(outcome == "passed" or outcome.startswith(NEUTRAL) for outcome in said) and results.get("plugin")
        failed = any(outcome.startswith("failed") for outcome in said)
        verdict = "does not conform: " if failed else "conforms (kit " if done else "incomplete ("
        assert told.startswith(verdict) and results["quantizer/fsq"]
        assert conformity("acme", "2.0", "quantizer/fsq") is None

    fuzz((records | records | values).map(as_json) | st.binary(max_size=200), read)


def test_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.HOME, str(tmp_path))
    path = tmp_path / settings.SWITCHED_OFF

    def read(content: bytes) -> None:
        path.write_bytes(content)
        off = settings.switched_off()
        assert all(isinstance(name, str) for name in off)
        if settings.unreadable():
            assert not off
            raise ConfigError("It is no JSON object.")

    disabled = st.fixed_dictionaries({"disabled": st.lists(text | values, max_size=4) | values})
    fuzz((disabled | changed({"disabled": ["acme"]}) | values).map(as_json) | st.binary(max_size=200), read)


RECIPE = {
    "name": "x", "model": {"name": "vqvae-words", "overrides": {"quantizer": "fsq"}}, "data": {"name": "flite-speech"},
    "steps": 10, "batch_size": 4, "optimizer": {"lr": 1e-3, "betas": [0.9, 0.99]}, "ema": {"decay": 0.9},
}  # fmt: skip
TAGS = ("int", "float", "bool", "timestamp", "binary", "set", "omap", "python/name:os.system", "x")
yaml_texts = (
    values.map(yaml.safe_dump)
    | st.builds(lambda tag, word: f"a: !!{tag} {word}", st.sampled_from(TAGS), text)
    | st.text(alphabet="a: [{}],&*!|>-?%@\n\t'\"#0123456789.e+_xT~", max_size=60)
    | st.sampled_from(["a: 2020-13-45", "[" * 20_000, "0x" + "f" * 5_000, "a: 1:99:99", "? ? ? a", "%YAML 9.9\n---\na"])
    | st.text(max_size=60)
)


def test_yaml() -> None:
    fuzz(yaml_texts, lambda content: parse_yaml(content, where="The recipe"))


paths = st.sampled_from(["steps", "model.overrides.quantizer", "model.overrides.quantizer.levels", "optimizer.lr"])


def test_overrides() -> None:
    def read(override: str) -> None:
        tree: dict[str, Any] = json.loads(json.dumps(RECIPE))
        apply_override(tree, override)
        node: Any = tree
        for key in override.partition("=")[0].strip().split("."):
            node = node[key]

    keys = paths | st.lists(words | st.text(max_size=5), min_size=1, max_size=4).map(".".join)
    overrides = st.builds(lambda key, value: f"{key}={value}", keys, yaml_texts)
    fuzz(overrides | st.text(max_size=30), read)


def test_training_recipes() -> None:
    sound = changed(RECIPE, most=1) | changed(RECIPE)
    odd = st.dictionaries(scalars, values, min_size=1, max_size=3).map(lambda more: {**RECIPE, **more})
    fuzz(sound | odd, lambda recipe: load_recipe(recipe).model_dump())
