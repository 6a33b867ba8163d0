"""What plugins and model repos say is shown, never obeyed: summaries, versions and errors are strangers' text."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmzoo.cli.main import main
from mmzoo.cli.output import one_line, plain

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31mred \u202etxt.exe \x9b31m \u2028 \x7f"
PLUGIN = f"""
@hookimpl
def mmzoo_register(register):
    register.quantizer("loud", "loud.parts:Q", summary={ESCAPES!r}, modalities=[{ESCAPES!r}], deprecated=None)
    recipe = {{"head": {{"name": "tts", "a": {ESCAPES!r}}}}}
    register.model("loud-m", task={ESCAPES!r}, summary={ESCAPES!r}, recipe=recipe)
    register.command("loud-c", "loud.parts:c", summary={ESCAPES!r})
"""
OBEYED = ("\x1b", "\x07", "\u202e", "\x9b", "\u2028", "\x7f")


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "loud*"],
        ["list", "--json", "loud*"],
        ["list", "--components", "loud*"],
        ["list", "--components", "--json", "loud*"],
        ["show", "loud-m"],
        ["show", "--json", "loud-m"],
        ["show", "quantizer/loud"],
        ["which", "loud"],
        ["plugins"],
        ["plugins", "--json"],
        ["doctor"],
        ["--help"],
        ["show", ESCAPES],
        ["create-" + ESCAPES],
    ],
    ids=str,
)
def test_no_command_passes_on_what_a_terminal_obeys(
    arguments: list[str], site: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    site.install("loud", PLUGIN)
    site.install("broken-loud", f"raise ValueError({ESCAPES!r})")
    main(arguments)
    told = capsys.readouterr()
    assert told.out + told.err and not [c for c in OBEYED if c in told.out + told.err]
    if "--json" in arguments:
        assert "owned" in json.dumps(json.loads(told.out))


@given(st.text())
def test_plain_text_keeps_what_can_be_printed(text: str) -> None:
    shown = plain(text)
    controls = [c for c in shown if unicodedata.category(c)[0] == "C" or unicodedata.category(c) in ("Zl", "Zp")]
    assert not set(controls) - {"\n", "\t"}
    if all(character.isprintable() for character in text):
        assert shown == text
    assert "\n" not in one_line(text) and "\t" not in one_line(text)


@pytest.mark.parametrize("name", ["<b>", "<script>alert(1)</script>", "a b", "a\x1b[2J", "../a", "a.b", "a/b", ""])
def test_a_name_is_letters_digits_and_dashes(name: str, site: Any) -> None:
    from mmzoo.registry import Catalog

    code = f"@hookimpl\ndef mmzoo_register(register):\n    register.quantizer({name!r}, 'odd.parts:Q', summary='s')\n"
    site.install("odd", code)
    (record,) = [record for record in Catalog().plugins() if record.distribution == "odd"]
    assert record.state == "broken" and "a name is letters, digits" in (record.error or "")


def test_markup_is_text(site: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    markup = "<img src=x onerror=alert(1)> [bold red]shout[/] [link=http://example.org]x[/link]"
    code = (
        f"@hookimpl\ndef mmzoo_register(register):\n    register.quantizer('odd', 'odd.parts:Q', summary={markup!r})\n"
    )
    site.install("odd", code)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "300")
    assert main(["list", "--components", "odd"]) == 0
    assert markup in capsys.readouterr().out
