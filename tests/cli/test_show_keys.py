"""`mmzoo show KIND/NAME --keys`: what a config may say, from the code itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mmzoo.cli.main import main


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main(["show", *words, "--keys", "--json"]) == 0
    return json.loads(capsys.readouterr().out)["keys"]


def test_keys_have_types_and_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    keys = shown(capsys, "quantizer/fsq")
    assert keys["levels"] == {"type": "list[int]"}
    assert keys["dim"] == {"type": "int or null", "default": None}
    assert shown(capsys, "dataset/spoken-digits")["speech"] == {"type": "bool", "default": True}
    assert shown(capsys, "format/encodec")["norm_type"] == {"type": "'weight_norm'", "default": "weight_norm"}
    assert main(["show", "quantizer/fsq", "--keys"]) == 0
    assert "    levels        list[int], required\n" in capsys.readouterr().out


def test_a_model_has_a_recipe_instead(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "vqvae-image", "--keys"]) == 2
    assert capsys.readouterr().err.startswith("error: --keys is for components; 'vqvae-image' is a model")
