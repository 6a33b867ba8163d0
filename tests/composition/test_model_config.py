"""config.json: strict, and harmless whatever it holds."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmzoo import errors
from mmzoo.composition import read_config
from mmzoo.factory import create

GOOD = {"format_version": 1, "recipe": {"head": "tokenizer"}, "name": "n", "modalities": ["speech"]}


def test_reads_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(GOOD))
    config = read_config(tmp_path)
    assert config.recipe == {"head": "tokenizer"} and config.modalities == ("speech",) and config.task == ""


def changed(**changes: Any) -> str:
    return json.dumps({**GOOD, **changes})


@pytest.mark.parametrize(
    ("kind", "match", "text"),
    [
        (
            errors.ConfigError,
            "format_version.*2.*1",
            changed(format_version=2, new=1),
        ),
        (errors.ConfigError, "format_version.*0", changed(format_version=0)),
        (errors.ConfigTypeError, "format_version.*int.*True", changed(format_version=True)),
        (errors.ConfigTypeError, "recipe", changed(recipe=[])),
        (errors.ConfigTypeError, r"modalities\[0\].*str", changed(modalities=[1])),
        (errors.UnknownKeyError, "recipes.*'recipe'", changed(recipes=1)),
        (errors.ConfigError, "recipe", '{"format_version": 1}'),
        (errors.ConfigError, "format_version", '{"recipe": {}}'),
        (errors.ConfigTypeError, r"JSON.*\b3\b", "3"),
        (errors.ConfigError, "JSON", "{"),
        (errors.ConfigError, "JSON", ""),
        (errors.ConfigError, "JSON|twice", '{"format_version": 1, "recipe": {"head": "a", "head": "b"}}'),
        (errors.ConfigError, "NaN", '{"format_version": NaN}'),
        (errors.ConfigError, "1e999", '{"format_version": 1e999}'),
        (errors.ConfigError, "JSON", "[" * 100_000),
        (errors.ConfigError, "JSON", "1" * 10_000),
        (errors.ConfigError, None, " " * (1 << 21)),
    ],
)
def test_mistakes(tmp_path: Path, kind: type[Exception], match: str | None, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(kind, match=match) as caught:
        read_config(tmp_path)
    assert type(caught.value) is kind and str(tmp_path / "config.json") in str(caught.value)
    assert "\n" not in str(caught.value) and str(caught.value)[-1] in ".?" and len(str(caught.value)) < 500


def test_no_file_and_no_text(tmp_path: Path) -> None:
    with pytest.raises(errors.ConfigError, match=r"config\.json"):
        read_config(tmp_path)
    (tmp_path / "config.json").write_bytes(b"\xff\xfe")
    with pytest.raises(errors.ConfigError, match="JSON"):
        read_config(tmp_path)


words = st.sampled_from(
    [
        "tokenizer",
        "speaker",
        "encoder",
        "vq",
        "fsq",
        "euler",
        "tok",
        "os.system",
        "torch.nn:Linear",
        "__import__",
        "acme:vq",
    ]
) | st.text(max_size=6)
small = st.none() | st.booleans() | st.integers(-2, 9) | st.floats() | words
values = st.recursive(small, lambda inner: st.lists(inner, max_size=3), max_leaves=4)
part = (
    words
    | st.fixed_dictionaries(
        {"name": words},
        optional=dict.fromkeys(
            ("dim", "size", "levels", "groups", "pair", "bias", "window", "_target_", "shift"), values
        ),
    )
    | values
)
recipes = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("head", "encoder", "quantizer", "tokenizer", "sampler", "odd"), part),
) | st.fixed_dictionaries({"head": st.just("tokenizer"), "encoder": part, "quantizer": part})
configs = st.fixed_dictionaries(
    {"format_version": st.just(1) | small, "recipe": recipes | values},
    optional={"name": small, "task": words, "modalities": values, "import": words},
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(config=configs)
def test_any_config_gives_a_model_or_one_of_our_errors(world: Any, tmp_path: Path, config: Any) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    before = set(sys.modules)
    try:
        model = create(f"local-dir:{tmp_path}", pretrained=False)
    except errors.MmzooError as error:
        assert "\n" not in str(error) and str(error)[-1] in ".?", str(error)
    else:
        assert set(model.recipe) == {"head", *model.slots}
    loaded = {
        name for name in set(sys.modules) - before if name.partition(".")[0] not in ("mmzoo", "torch", "hypothesis")
    }
    assert not loaded & {"antigravity", "os.system"} and not any("nn:Linear" in name for name in loaded)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=40) | st.text(alphabet='{}[]",:0123456789.eE-nultrfas \n', max_size=40).map(str.encode)
)
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(errors.ConfigError):
        read_config(tmp_path)
