"""What plugins and model repos say is shown, never obeyed: summaries, versions and errors are strangers' text."""

from __future__ import annotations

import json
import shutil
import textwrap
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mmzoo
from mmzoo import errors
from mmzoo.cli.main import main
from mmzoo.cli.output import one_line, plain
from mmzoo.hub.cache import CachedModel
from mmzoo.hub.cards import render_card
from mmzoo.hub.lock import Differences
from mmzoo.hub.publishing import Published
from mmzoo.interfaces import Audio, Labels
from mmzoo.model_folder import ModelFolder

ROOT = Path(__file__).parent.parent.parent

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


# --- commands that tell of models, their repos and records ---------------------------------------------

FORGED = f"{ESCAPES}\nforged\ttext\r\nforged: nothing is wrong"
PUBLISHED = Published(
    FORGED, FORGED, "private", {"model.safetensors": 1, FORGED: 2}, {"model.safetensors": FORGED}, FORGED, FORGED,
    notes=(FORGED,),
)  # fmt: skip
REPORT = {"complete": False, "protocol": {"note": FORGED}, FORGED: {FORGED: FORGED}}
TOLD: list[tuple[list[str], str, Any]] = [
    (["evaluate", "vqvae-words"], "mmzoo.evaluation.runner.evaluate", REPORT),
    (["evaluate", "--json", "vqvae-words"], "mmzoo.evaluation.runner.evaluate", REPORT),
    (["lock", "vqvae-words"], "mmzoo.hub.lock.lock", {"models": {FORGED: {"source": FORGED, "files": {}}}}),
    (["sync"], "mmzoo.hub.lock.sync", Differences([FORGED], [FORGED])),
    (["verify", "--files-only", "vqvae-words"], "mmzoo.hub.verify.verify_files", {FORGED: FORGED}),
    (["verify", "--files-only", "--json", "vqvae-words"], "mmzoo.hub.verify.verify_files", {FORGED: FORGED}),
    (["pull", "vqvae-words"], "mmzoo.hub.verify.fetch_all", ModelFolder(Path(FORGED))),
    (["cache", "list"], "mmzoo.hub.cache.cached_models", [CachedModel(FORGED, (FORGED,), 1, Path(FORGED))]),
    (["cache", "remove", f"org/{ESCAPES}"], "mmzoo.hub.cache.remove", 1),
    (["push", "x", "--repo", "org/x"], "mmzoo.hub.publishing.publish", PUBLISHED),
    (["push", "x", "--repo", "org/x", "--dry-run"], "mmzoo.hub.publishing.publish", PUBLISHED),
]


@pytest.mark.parametrize(("arguments", "source", "given"), TOLD, ids=[plain(" ".join(case[0]))[:30] for case in TOLD])
def test_no_command_passes_on_or_lets_forge_a_line(
    arguments: list[str], source: str, given: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, lambda *_, **__: given)
    main(arguments)
    told = capsys.readouterr()
    quiet(told.out + told.err)


def quiet(told: str) -> None:
    """It was told, a terminal shows all of it, and no line of it begins with what a stranger said."""
    assert "owned" in told and plain(told) == told
    assert not [line for line in told.splitlines() if line.startswith("forged")]


def test_a_forged_line_is_part_of_its_own_in_show_and_doctor(site: Any, capsys: pytest.CaptureFixture[str]) -> None:
    code = f"""
    @hookimpl
    def mmzoo_register(register):
        register.quantizer("loud", "loud.parts:Q", summary={FORGED!r}, modalities=[{FORGED!r}], requires=[{FORGED!r}])
        register.format("loud", "loud.parts:F", summary="s", detect={{{FORGED!r}: 1}}, repos={{{FORGED!r}: {FORGED!r}}})
        weights = [Weights("v1", "bundled", license={FORGED!r})]
        recipe = {{"head": {{"name": "tts", {FORGED!r}: {FORGED!r}}}, {FORGED!r}: {FORGED!r}}}
        register.model("loud", task={FORGED!r}, summary={FORGED!r}, recipe=recipe, weights=weights)
    """
    site.install("loud", f"from mmzoo.registry.specs import Weights\n{textwrap.dedent(code)}", version="1.0")
    site.install("broken-loud", f"raise ValueError({FORGED!r})")
    for arguments in (["show", "loud"], ["show", "quantizer/loud"], ["show", "format/loud"]):
        assert main(arguments) == 0
        quiet(capsys.readouterr().out)
    assert main(["doctor"]) == 1
    quiet(capsys.readouterr().out)


def test_the_merged_recipe_is_shown_as_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = {"name": "x", "model": {"name": "vqvae-words"}, "data": {"name": FORGED}, "steps": 1, "batch_size": 1}
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe))
    assert main(["train", str(tmp_path / "recipe.yaml"), "--print-config"]) == 0
    quiet(capsys.readouterr().out)


def test_the_demo_shows_a_voice_as_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Speaker:
        voices = (FORGED,)

        def __call__(self, *_: Any, **__: Any) -> Audio:
            return Audio(np.zeros(1600, np.float32), 16000)

        def stream(self, *_: Any, **__: Any) -> Iterator[Audio]:
            yield self()

    monkeypatch.setattr("mmzoo.create", lambda _, **__: Speaker(), raising=False)
    monkeypatch.setattr("mmzoo_tts.demo.heard", lambda _: FORGED)
    assert main(["demo", "-o", str(tmp_path / "demo.wav")]) == 0
    quiet(capsys.readouterr().out)


def test_what_a_model_says_of_itself_is_text_in_the_commands_of_our_plugins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Judge:
        def recognize(self, **_: Any) -> Labels:
            return Labels((FORGED, "b"), (0.75, 0.25))

    class Speaker:
        voices = (FORGED,)

        def stream(self, *_: Any, **__: Any) -> Iterator[Audio]:
            yield Audio(np.zeros(1600, np.float32), 16000)

    monkeypatch.setattr("mmzoo.create", lambda _, device: Judge(), raising=False)
    assert main(["recognize", "x", "--text", "x"]) == 0
    quiet(capsys.readouterr().out)
    monkeypatch.setattr("mmzoo.create", lambda _, **__: Speaker(), raising=False)
    assert main(["say", "x", "-o", str(tmp_path / "x.wav")]) == 0
    quiet(capsys.readouterr().out)


# --- cards -------------------------------------------------------------------------------------------

HTML = "<img src=x onerror=alert(1)>"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A model repo without weights: what a card is made from."""
    folder = tmp_path / "repo"
    (folder / "samples").mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"format_version": 1, "name": "loud", "task": "t", "recipe": {}}))
    return folder


def test_a_card_quotes_what_files_say(repo: Path) -> None:
    hostile = f"{HTML} {FORGED}\n# forged"
    record = {
        "data": {"name": hostile, "examples": 1}, "parameters": 1, "notes": [hostile], "command": hostile, "steps": 1,
        "seconds": 1, "seed": 0, "precision": hostile,
        "hardware": {"gpu": "", "instructions": hostile, "threads": 1, "cpu": ""},
    }  # fmt: skip
    (repo / "training.json").write_text(json.dumps(record))
    (repo / "samples" / "texts.json").write_text(json.dumps({"1": hostile}))
    card = render_card(repo, license=hostile)
    body = card.partition("<!-- mmzoo:begin -->")[2]
    assert body.count("&lt;img src=x onerror=alert(1)&gt;") == 8 and "<img" not in body
    quiet(body)  # the front matter is quoted by YAML
    assert "\n# forged" not in card


@pytest.mark.parametrize("name", [HTML, FORGED, 'x"); import os; ("', "a b", "", "x`y", "[a](b)", "../x"])
def test_a_card_is_not_made_of_a_model_with_such_a_name(name: str, repo: Path) -> None:
    (repo / "config.json").write_text(json.dumps({"format_version": 1, "name": name, "recipe": {}}))
    with pytest.raises(errors.CorruptFileError) as caught:
        render_card(repo)
    told = str(caught.value)
    assert plain(told) == told and "\n" not in told


def test_the_licence_of_a_card_is_quoted_in_messages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "text"
    shutil.copytree(ROOT / "model_cards" / "vqvae-words", folder)
    license = json.dumps(f"{HTML} {FORGED}" + "x" * 5000)
    (folder / "README.md").write_text(f"---\nlicense: {license}\n---\n")
    with pytest.raises(errors.WeightsError, match="mit") as caught:
        mmzoo.create(f"local-dir:{folder}", allow_licenses=["mit"])
    told = str(caught.value)
    assert "owned" in told and plain(told) == told and "\n" not in told and len(told) < 1000


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
    assert record.state == "broken" and "letters, digits" in (record.error or "")


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
