"""Parsers of what strangers write, fed with anything: they read it or raise one of our errors, in one sentence."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmzoo import errors
from mmzoo.composition import make_plan, read_config
from mmzoo.hub.lock import read_lock
from mmzoo.hub.published import find_model
from mmzoo.hub.sources import card_license, parse_source
from mmzoo.hub.tensor_file import read_header
from mmzoo.registry.conformance import conformity
from mmzoo.registry.listing import describe
from mmzoo.registry.names import did_you_mean, split_qualifier, split_tag, suggestions

CASES = 2_000
QUIET = settings(
    max_examples=CASES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
pytestmark = pytest.mark.slow

words = st.sampled_from(["name", "head", "recipe", "tts", "fsq", "vq", "model", "os.system", "a:b", "\x1b[2J"])
text = words | st.text(max_size=12)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | text
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4), max_leaves=12
)


def sentence(error: Exception) -> None:
    """One line that ends like a sentence and holds nothing that a terminal obeys."""
    told = str(error)
    assert "\n" not in told and told.rstrip(")")[-1] in ".?!" and len(told) < 2000, told


@QUIET
@given(st.binary(max_size=300) | values.map(lambda value: json.dumps(value).encode()))
def test_configs(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.json").write_bytes(content)
    try:
        config = read_config(tmp_path)
    except errors.MmzooError as error:
        sentence(error)
    else:
        assert isinstance(config.recipe, dict)


slots = st.sampled_from(["head", "encoder", "quantizer", "tokenizer", "text", "backbone", "sampler", "odd"])
parts = text | st.fixed_dictionaries({"name": words}, optional={"dim": values, "model": text, "levels": values})


@QUIET
@given(st.dictionaries(slots | text, parts | values, max_size=5) | values)
def test_recipes(recipe: Any) -> None:
    try:
        make_plan(recipe)
    except errors.MmzooError as error:
        sentence(error)


fronts = st.text(max_size=400) | st.lists(text, max_size=8).map(lambda lines: "license: " + "\n".join(lines))


@QUIET
@given(fronts, st.booleans())
def test_cards(tmp_path: Path, front: str, fenced: bool) -> None:
    content = f"---\n{front}\n---\n# x\n" if fenced else front
    (tmp_path / "README.md").write_text(content, encoding="utf-8", errors="surrogatepass")
    found = card_license(tmp_path)
    assert found is None or isinstance(found, str)


@QUIET
@given(text | st.text(alphabet="acme:/.-_@*[]~\\ 0vqae\n\x00", max_size=40))
def test_names(name: str) -> None:
    split_tag(name), split_qualifier(name)
    assert did_you_mean(suggestions(name, ["vqvae-speech", "fsq"])) == "" or suggestions(name, ["vqvae-speech", "fsq"])
    for look_up in (describe, find_model, parse_source):
        try:
            look_up(name)
        except errors.MmzooError as error:
            sentence(error)


tensor = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F16", "I64", "BOOL", "F33"]) | scalars,
        "shape": st.lists(st.integers(-2, 4) | scalars, max_size=4) | scalars,
        "data_offsets": st.lists(st.integers(0, 64) | scalars, max_size=3) | scalars,
    }
)
headers = st.dictionaries(text, tensor | values, max_size=4).map(lambda value: json.dumps(value).encode())


@QUIET
@given(headers | st.binary(max_size=200), st.integers(-9, 9), st.binary(max_size=64))
def test_safetensors_headers(tmp_path: Path, header: bytes, lie: int, data: bytes) -> None:
    length = max(0, len(header) + (lie if abs(lie) > 6 else 0))
    (tmp_path / "t.safetensors").write_bytes(struct.pack("<Q", length) + header + data)
    try:
        read_header(tmp_path / "t.safetensors")
    except errors.MmzooError as error:
        sentence(error)


entries = st.fixed_dictionaries(
    {"files": st.dictionaries(text, text, max_size=2) | values, "source": text, "recipe": text}
)
locks = st.fixed_dictionaries(
    {"lock_version": st.just(1) | scalars, "models": st.dictionaries(text, entries | values, max_size=2) | values},
    optional={"plugins": st.dictionaries(text, text, max_size=2) | values},
)


@QUIET
@given(st.binary(max_size=200) | (locks | values).map(lambda value: json.dumps(value).encode()))
def test_manifests(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mmzoo.lock").write_bytes(content)
    try:
        found = read_lock(tmp_path / "mmzoo.lock")
    except errors.MmzooError as error:
        sentence(error)
    else:
        for entry in found["models"].values():
            assert all((tmp_path / name).resolve().parent == tmp_path.resolve() for name in entry["files"])


@QUIET
@given(st.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode()))
def test_settings_and_records(tmp_path: Path, content: bytes) -> None:
    from mmzoo.registry.settings import switched_off

    os.environ["MMZOO_HOME"] = str(tmp_path)
    try:
        (tmp_path / "conformance").mkdir(exist_ok=True)
        (tmp_path / "plugins.json").write_bytes(content)
        (tmp_path / "conformance" / "acme.json").write_bytes(content)
        assert isinstance(switched_off(), frozenset)
        assert conformity("acme", "1.0", "quantizer/fsq") is None or b"1.0" in content
    finally:
        del os.environ["MMZOO_HOME"]
