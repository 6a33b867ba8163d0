"""The kit as a tool: what it does with broken names, partial runs, hostile texts and what cannot be checked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from broken.quantizers import Accepts
from torch import Tensor

from mmzoo.cli.main import main
from mmzoo.errors import MmzooError, PluginError, UnknownKeyError, UsageError
from mmzoo.hookspecs import Register
from mmzoo.registry.specs import EXEMPTIBLE
from mmzoo.testing import check_component, check_quantizer
from mmzoo.testing.common import ConformanceError, NotChecked, run_checks
from mmzoo.testing.kit import cases

ROOT = Path(__file__).parent.parent.parent
REGISTER = "@hookimpl\ndef mmzoo_register(register):\n"
COMMAND = REGISTER + "    register.command('loose-c', 'loose.parts:c', summary='counts')\n"
PARTS = "def c(): pass\n"

# --- what is broken is a failed check, and ends nothing --------------------------------------------------

KINDS = (
    "encoder",
    "quantizer",
    "fusion",
    "backbone",
    "sampler",
    "critic",
    "head",
    "format",
    "dataset",
    "metric",
    "judge",
    "command",
)
OWN = {
    "format": ", detect={'a': 1}",
    "judge": ", license='mit', source='here', independence='no part in training', tasks=['testing']",
}
"""What registering a kind takes beside a summary."""
CALL_HOME = "import contextlib, socket\nwith contextlib.suppress(OSError): socket.gethostbyname_ex('nowhere.test')\n"
BROKEN = {
    "no-such-module": ("loose.nowhere:X", "registration", "nowhere"),
    "no-such-name": ("loose.parts:Nobody", "registration", "Nobody"),
    "raises": ("loose.raises:X", "registration", "oh no"),
    "exits": ("loose.exits:X", "registration", "SystemExit"),
    "calls-home": ("loose.home:c", "network", "nowhere.test"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_something_broken_of_any_kind_fails_its_checks_and_ends_nothing(kind: str, site: Any) -> None:
    bad = "".join(
        f"    register.{kind}('{name}', '{target}', summary='bad', trials=[{{}}]{OWN.get(kind, '')})\n"
        for name, (target, _, _) in BROKEN.items()
    )
    site.install(
        "loose",
        COMMAND + bad,
        files={
            "parts.py": PARTS,
            "raises.py": "raise ValueError('oh no')\n",
            "exits.py": "raise SystemExit(3)\n",
            "home.py": CALL_HOME + PARTS,
        },
    )
    found = {}
    for case in cases("loose"):
        if case.check not in ("light-import", "licence", "readme"):
            try:
                case.run()
            except (MmzooError, NotChecked) as error:
                found[case.title] = str(error)
    assert {title.partition(" ")[0] for title in found} == {f"{kind}/{name}" for name in BROKEN}, found
    for name, (_, check, told) in BROKEN.items():
        assert told in found[f"{kind}/{name} {check}"]


SOUND_TARGETS = {
    "encoder": "mmzoo_encoders.text:SymbolEncoder",
    "quantizer": "mmzoo_vqvae.scalar:FiniteScalarQuantizer",
    "fusion": "mmzoo_encoders.fusion:WeightedFusion",
    "backbone": "mmzoo_dit.backbone:DiT",
    "sampler": "mmzoo_dit.flow:Euler",
    "critic": "mmzoo_vqvae.critics:MultiPeriod",
    "head": "mmzoo_vqvae.text_tokenizer:TextVQVAE",
    "format": "mmzoo_vqvae.encodec:EncodecFormat",
    "dataset": "mmzoo_datasets.pictures:small_pictures",
    "metric": "mmzoo_tts.evaluate:evaluate_tts",
    "judge": "mmzoo_datasets.judges.scenes:SceneReader",
    "command": "mmzoo_tts.cli:say",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_trial_of_any_kind_fails_checks_that_name_it(kind: str, site: Any) -> None:
    details = "trials=[{'nonsense': [1]}]" + OWN.get(kind, "")
    code = f"    register.{kind}('bad', '{SOUND_TARGETS[kind]}', summary='bad', {details})\n"
    site.install("loose", REGISTER + code)
    found = []
    for case in cases("loose"):
        if case.target != "plugin":
            try:
                case.run()
            except (MmzooError, NotChecked) as error:
                found.append(str(error))
    assert any("nonsense" in told for told in found), found


@pytest.mark.parametrize("slots", ["[1]", "{'nowhere': 1}", "'text'"])
def test_bad_slots_and_rows_of_a_head_are_failed_checks(slots: str, site: Any) -> None:
    trial = f"{{'dim': 6, 'slots': {slots}, 'rows': [[1]]}}"
    site.install("loose", REGISTER + f"    register.head('bad', 'mmzoo_vqvae.text_tokenizer:TextVQVAE', summary='s',"
                 f" trials=[{trial}])\n")  # fmt: skip
    (config,) = [case for case in cases("loose") if case.title == "head/bad config"]
    with pytest.raises(MmzooError, match=r"slot|nowhere"):
        config.run()


def test_no_trials_are_refused_when_they_are_registered() -> None:
    with pytest.raises(PluginError, match="trials"):
        Register("loose").quantizer("q", "a:B", summary="s", trials=[])


# --- exemptions -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("exempt", [{"masks": "hard"}, {"exports": "why"}, {"export": ""}, {"export": 3}, ["export"]])
def test_only_what_may_be_exempt_is_and_with_a_reason(exempt: Any) -> None:
    with pytest.raises(PluginError, match="export, compile, inductor, bf16, float16"):
        Register("loose").quantizer("q", "a:B", summary="s", exempt=exempt)
    Register("loose").quantizer("q", "a:B", summary="s", exempt=dict.fromkeys(EXEMPTIBLE, "It is hard."))


# --- pytest -----------------------------------------------------------------------------------------------


@dataclass
class Run:
    """Runs pytest and mmzoo, in this process, on plugins that are installed in a folder."""

    capsys: pytest.CaptureFixture[str]

    def kit(self, *options: str) -> tuple[int, str]:
        """The exit status and all that was printed."""
        fixed = ("-q", "-c", os.devnull, "--rootdir=.", "-p", "no:cacheprovider", "--capture=no", "--color=no")
        status = int(pytest.main([*fixed, "--mmzoo", *options]))
        found = self.capsys.readouterr()
        return status, found.out + found.err

    def shown(self, name: str) -> str:
        """What `mmzoo show` prints."""
        assert main(["show", name]) == 0
        return self.capsys.readouterr().out


@pytest.fixture
def run(
    site: Any, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    return Run(capsys)


SOUND = """Metadata-Version: 2.4
Name: loose
Version: 1.0
License-Expression: MIT

A plugin that counts, and says so at some length here.
"""


def install(site: Any, code: str, files: dict[str, str], metadata: str = SOUND) -> None:
    site.install("loose", code, files=files)
    (site.folder / "loose-1.0.dist-info" / "METADATA").write_text(metadata)


def test_a_partial_run_is_told_as_such_and_a_whole_one_stays(run: Run, site: Any) -> None:
    install(site, COMMAND, {"parts.py": PARTS})
    status, told = run.kit("loose", "-k", "registration", "--mmzoo-json", "out.json")
    assert status == 0 and "not run: network, signature" in told
    results = json.loads(Path("out.json").read_text())["results"]
    assert results["command/loose-c"] == {"registration": "passed", "network": "not run", "signature": "not run"}
    assert "incomplete (1 of 8 checks" in run.shown("loose-c")
    assert run.kit("loose")[0] == 0
    assert "conforms (kit 1.0" in run.shown("loose-c")
    assert run.kit("loose", "-k", "registration")[0] == 0
    assert "conforms (kit 1.0" in run.shown("loose-c")


def test_a_failing_package_is_told_in_a_sentence_and_none_of_it_conforms(run: Run, site: Any) -> None:
    install(site, "import numpy\n" + COMMAND, {"parts.py": PARTS})
    status, told = run.kit("loose", "--mmzoo-json", "out.json")
    assert status == 1 and "Traceback" not in told and "imports numpy when it is listed" in told
    assert "failed: light-import" in told
    results = json.loads(Path("out.json").read_text())["results"]
    assert results["plugin"]["light-import"].startswith("failed: plugin loose imports numpy")
    assert results["command/loose-c"] == {"registration": "passed", "network": "passed", "signature": "passed"}
    assert "does not conform: plugin light-import (kit" in run.shown("loose-c")
    status, told = run.kit("loose", "-x")
    assert status == 1 and "not run: network, licence, readme" in told
    status, told = run.kit("absent")
    assert status != 0 and "No plugin 'absent' is installed" in told


EVIL = "\x1b]0;owned\x07\x1b[2J\u202e"


@pytest.mark.parametrize("options", [(), ("-v", "-rA")])
def test_nothing_that_a_terminal_would_obey_is_printed(options: tuple[str, ...], run: Run, site: Any) -> None:
    code = COMMAND + (
        f"    register.encoder('e', 'loose.parts:c', summary='s', exempt={{'export': {EVIL!r} + 'why'}})\n"
        f"    register.metric('m', 'loose.crash:m', summary={EVIL!r})\n"
        "    register.dataset('d', 'loose.rows:d', summary='s', trials=[{'n': 1}])\n"
    )
    crash, rows = f"raise ValueError({EVIL!r})\n", f"def d(*, n: int): raise KeyError({EVIL!r})\n"
    files = {"parts.py": PARTS, "crash.py": crash, "rows.py": rows}
    install(site, code, files, SOUND.replace("Version: 1.0", f"Version: 1{EVIL}"))
    site.install("ruined", f"raise ValueError({EVIL!r})\n")
    for name in ("loose", "ruined"):
        status, told = run.kit(name, *options)
        assert status == 1 and "conformance of" in told
        assert not {"\x07", "\x1b", "\u202e"} & set(told), repr(told)
        assert r"\x1b" in told


def test_what_does_not_apply_is_told_with_its_reason(run: Run, site: Any) -> None:
    code = REGISTER + "    register.dataset('d', 'loose.parts:d', summary='s')\n"
    install(site, code, {"parts.py": "def d(*, n: int = 1): pass\n"})
    status, told = run.kit("loose", "--mmzoo-json", "out.json")
    assert status == 0 and "not applicable: rows" in told
    assert "rows: not applicable: no trial with a config is registered" in told
    results = json.loads(Path("out.json").read_text())["results"]
    assert results["dataset/d"]["rows"].startswith("not applicable: no trial")


def test_a_check_that_skips_itself_has_failed(run: Run, site: Any) -> None:
    skips = "def d(*, n: int):\n    import pytest\n    pytest.skip('passed')\n"
    code = REGISTER + "    register.dataset('d', 'loose.parts:d', summary='s', trials=[{'n': 1}])\n"
    install(site, code, {"parts.py": skips})
    run.kit("loose", "--mmzoo-json", "out.json")
    results = json.loads(Path("out.json").read_text())["results"]
    assert results["dataset/d"]["rows"] == "failed: passed"
    assert "does not conform: rows" in run.shown("dataset/d")


# --- the functions for authors ------------------------------------------------------------------------------


def test_mistakes_of_the_caller_are_the_usual_errors() -> None:
    with pytest.raises(UnknownKeyError, match="level"):
        check_quantizer("fsq", level=[3])
    with pytest.raises(UsageError, match="'model'"):
        check_component("model", "vqvae-words")


def test_checks_that_do_not_apply_do_not_end_the_rest() -> None:
    done = []

    def skipped() -> None:
        raise NotChecked("not applicable: why")

    run_checks("it", {"first": skipped, "second": lambda: done.append(1)})
    assert done == [1]


class BrokenTwice(Accepts):
    """Ignores the mask and decodes any code."""

    def encode(self, z: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().encode(z)


def test_every_failed_check_of_a_component_is_reported(catalog: Callable[..., Any]) -> None:
    catalog(("quantizer", "part", BrokenTwice, {}))
    with pytest.raises(ConformanceError) as caught:
        check_quantizer("part", width=4)
    assert {"masks", "refusals"} <= set(caught.value.failures) < {"masks", "batch", "refusals", "storage", "gradients"}
    for name, sentence in caught.value.failures.items():
        assert f"{name}: {sentence}" in str(caught.value)


def test_the_pytest_plugin_imports_nothing_heavy() -> None:
    code = (
        "import sys, mmzoo.testing.pytest_plugin, mmzoo.testing;"
        "heavy = {'torch', 'pydantic', 'datasets', 'rich'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


LOOSE_PLUGIN = """
from mmzoo import hookimpl

@hookimpl
def mmzoo_register(register):
    register.quantizer("loose", "nowhere:Loose", summary="Not installed")
"""
LOOSE_TESTS = """
import mmzoo

def test_with(mmzoo_plugins):
    assert mmzoo_plugins("loose_plugin")[0].state == "loaded"
    assert "quantizer/loose" in mmzoo.list_components()

def test_without():
    assert "quantizer/loose" not in mmzoo.list_components()

def test_a_plugin_that_fails(mmzoo_plugins):
    mmzoo_plugins("no_such_plugin")
"""


def test_the_fixture_adds_a_plugin_that_is_not_installed(tmp_path: Path) -> None:
    (tmp_path / "loose_plugin.py").write_text(LOOSE_PLUGIN)
    (tmp_path / "test_loose.py").write_text(LOOSE_TESTS)
    # Without the entry points, as this plugin may or may not be installed where the tests run.
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": path}
    command = [sys.executable, "-m", "pytest", "-p", "mmzoo.testing.pytest_plugin", "-c", os.devnull, "--rootdir=."]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert "1 failed, 2 passed" in done.stdout, done.stdout + done.stderr
    assert "the plugin no_such_plugin is broken: ModuleNotFoundError" in done.stdout


def test_the_pytest_plugin_is_an_entry_point() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"mmzoo": "mmzoo.testing.pytest_plugin"}
