"""Plugins are switched off for good, whether or not they can be imported; `which` tells who supplies a name."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mmzoo.cli.main import main
from mmzoo.errors import MissingPluginError
from mmzoo.registry import Catalog

FSQ = "@hookimpl\ndef mmzoo_register(register):\n    register.quantizer('fsq', 'acme.parts:Q', summary='mine')\n"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, installed: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MMZOO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def states() -> dict[str, str]:
    return {record.distribution: record.state for record in Catalog().plugins()}


def test_a_plugin_stays_off_until_it_is_enabled(site: Any, home: Path) -> None:
    module = site.install("bad-plugin", "raise SystemExit(3)")
    assert main(["plugins", "disable", "Bad_Plugin"]) == 0
    assert states()["bad-plugin"] == "disabled" and module not in sys.modules
    assert json.loads((home / "plugins.json").read_text()) == {"disabled": ["bad-plugin"]}
    assert main(["plugins", "enable", "bad-plugin"]) == 0
    assert states()["bad-plugin"] == "broken"


def test_what_a_disabled_plugin_supplies_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    main(["plugins", "disable", "tts"])
    with pytest.raises(MissingPluginError, match="`mmzoo plugins enable mmzoo-tts`"):
        Catalog().model("vqvae-dit-tts")


def test_the_environment_decides_alone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MMZOO_PLUGINS", "mmzoo-tts")
    assert main(["plugins", "disable", "mmzoo-tts"]) == 0 and "overrides" in capsys.readouterr().err
    assert states()["mmzoo-tts"] == "loaded" and states()["mmzoo-dit"] == "disabled"


def test_unknown_plugins_get_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "disable", "mmzoo-ttz"]) == 2
    assert "did you mean 'mmzoo-tts'" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "{", "[]", '{"disabled": 3}', '{"disabled": [1, null]}', "[" * 10_000])
def test_settings_that_cannot_be_read_count_as_none(
    content: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.mkdir()
    (home / "plugins.json").write_text(content)
    assert states()["mmzoo-tts"] == "loaded"
    main(["doctor"])
    assert ("cannot be read as JSON" in capsys.readouterr().out) is not content.startswith('{"')


def test_settings_that_cannot_be_written_are_one_sentence(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home.write_text("a file where the folder should be")
    assert main(["plugins", "disable", "mmzoo-tts"]) == 2
    told = capsys.readouterr().err
    assert "MMZOO_HOME" in told and len(told.strip().splitlines()) == 1


def which(name: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["which", name, "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_which_tells_every_rival(site: Any, capsys: pytest.CaptureFixture[str]) -> None:
    site.install("acme", FSQ, files={"parts.py": "raise AssertionError('imported')"})
    site.install("failing", FSQ + "    1 / 0\n")
    found = which("fsq", capsys)
    assert [(s["written"], s["plugin"], s["version"], s["state"]) for s in found][0::2] == [
        ("quantizer/acme:fsq", "acme", "1.0", "loaded"),
        ("quantizer/fsq", "failing", "1.0", "broken"),
    ]
    assert found[1]["plugin"] == "mmzoo-vqvae" and found[1]["file"].endswith("scalar.py")
    assert found[0]["file"] == str(site.folder / "acme" / "parts.py") and "acme.parts" not in sys.modules
    assert main(["which", "quantizer/fsq"]) == 0 and "acme:fsq or" in capsys.readouterr().err
    assert [s["plugin"] for s in which("acme:fsq", capsys)] == ["acme"]


def test_which_of_models_and_unknown_names(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = which("vqvae-dit-tts.english", capsys)
    assert (found["kind"], found["plugin"]) == ("model", "mmzoo-tts") and found["file"].endswith("plugin.py")
    assert main(["which", "vqvae-dit-ttz"]) == 2 and "did you mean 'vqvae-dit-tts'" in capsys.readouterr().err
    assert main(["which", "quantiser/fsq"]) == 2 and "quantizer" in capsys.readouterr().err
