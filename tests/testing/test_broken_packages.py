"""Plugins that are broken as packages, models and functions: each is caught by the check that is there for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mmzoo.errors import MmzooError, UnknownNameError
from mmzoo.testing.kit import cases, report

REGISTER = "@hookimpl\ndef mmzoo_register(register):\n"
COMMAND = "    register.command('loose-c', 'loose.parts:c', summary='counts')\n"
METADATA = "Metadata-Version: 2.4\nName: loose\nVersion: 1.0\n"
SOUND = METADATA + "License-Expression: MIT\n\nA plugin that counts, and says so at some length here.\n"
PARTS = "def c(): pass\n"


def failures(site: Any, code: str = REGISTER + COMMAND, parts: str = PARTS, metadata: str = SOUND) -> dict[str, str]:
    """What the kit finds wrong with the plugin `loose`."""
    site.install("loose", code, files={"parts.py": parts})
    (site.folder / "loose-1.0.dist-info" / "METADATA").write_text(metadata)
    found = {}
    for case in cases("loose"):
        try:
            case.run()
        except MmzooError as error:
            found[case.title] = str(error)
    return found


def test_a_sound_package_passes(site: Any) -> None:
    assert failures(site) == {}


CALL_HOME = "import socket\ntry: socket.create_connection(('192.0.2.1', 9))\nexcept OSError: pass\n"
HEAVY, SLOW = "import numpy\n", "import time\ntime.sleep(0.4)\n"
UNLICENSED = METADATA + "\nA plugin that counts, and says so at some length.\n"
UNTOLD = METADATA + "License-Expression: MIT\n\nShort.\n"
ANYTHING = "def d(**anything): ...\n"
NO_COLUMNS = "from datasets import *\ndef d(*, n: int): return DatasetDict(a=Dataset.from_list([{'x': n}]))\n"
DATASET = REGISTER + "    register.dataset('d', 'loose.parts:d', summary='s')\n"
TRIED = REGISTER + "    register.dataset('d', 'loose.parts:d', summary='s', trials=[{'n': 2}])\n"
METRIC = REGISTER + "    register.metric('m', 'loose.parts:m', summary='s')\n"
BROKEN: dict[str, tuple[dict[str, str], str, str]] = {
    "does not load": ({"code": "raise ValueError('no')\n"}, "plugin loads", "is broken"),
    "registers nothing": ({"code": REGISTER + "    pass\n"}, "plugin loads", "registers nothing"),
    "imports a heavy package": ({"code": HEAVY + REGISTER + COMMAND}, "plugin light-import", "imports numpy"),
    "takes its time": ({"code": SLOW + REGISTER + COMMAND}, "plugin light-import", "ms"),
    "calls home": ({"code": CALL_HOME + REGISTER + COMMAND}, "plugin network", "network"),
    "has no licence": ({"metadata": UNLICENSED}, "plugin licence", "licence"),
    "has no README": ({"metadata": UNTOLD}, "plugin readme", "README"),
    "names what is not there": ({"parts": ""}, "command/loose-c registration", "has no attribute"),
    "a dataset takes anything": ({"code": DATASET, "parts": ANYTHING}, "dataset/d unknown-keys", "unknown key"),
    "a dataset lacks columns": ({"code": TRIED, "parts": NO_COLUMNS}, "dataset/d rows", "make_row"),
    "a metric without a model": (
        {"code": METRIC, "parts": "def m(): ...\n"},
        "metric/m signature",
        "the model it judges",
    ),
}
WAKE = {
    "does not load": {"plugin light-import", "plugin network"},
    "names what is not there": {"command/loose-c signature"},
    "a dataset takes anything": {"dataset/d signature"},
}
"""What fails beside the check that is there for it, and cannot but fail."""


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_package_is_caught(how: str, site: Any) -> None:
    arguments, check, told = BROKEN[how]
    found = failures(site, **arguments)
    assert check in found and told in found[check], found
    assert set(found) - {check} == WAKE.get(how, set()), found


MODEL = """
    from mmzoo.registry.specs import Weights
    register.model("loose-m", task={task!r}, summary="s", recipe={recipe}, modalities={modalities}, weights=[{weights}])
"""
PHONEMIZER = '{"head": {"name": "phonemizer"}}'


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"task": ""}, "registration"),
        ({"modalities": "()"}, "registration"),
        ({"recipe": '{"head": {"name": "phonemizer", "no_key": 1}}'}, "config"),
        ({"recipe": '{"head": {"name": "tts", "dim": 8}}'}, "config"),
        ({"weights": "Weights('a')"}, "licence"),
    ],
)
def test_a_broken_model_is_caught(changes: dict[str, str], check: str, site: Any) -> None:
    told = {"task": "t", "recipe": PHONEMIZER, "modalities": "('text',)", "weights": "", **changes}
    assert f"model/loose-m {check}" in failures(site, REGISTER + COMMAND + MODEL.format(**told))


def test_a_model_without_a_card_or_with_another_licence_is_caught(
    site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmzoo.hub.sources.bundled_folder", lambda name: tmp_path)
    told = {"task": "t", "recipe": PHONEMIZER, "modalities": "('text',)", "weights": "Weights('a', license='mit')"}
    assert "model/loose-m card" in failures(site, REGISTER + COMMAND + MODEL.format(**told))
    (tmp_path / "README.md").write_text("---\nlicense: gpl-3.0\n---\n# Model\n")
    (wrong,) = [case for case in cases("loose") if case.title == "model/loose-m card"]
    with pytest.raises(MmzooError, match=r"'gpl-3.0' on its card and 'mit'"):
        wrong.run()


def test_a_plugin_that_is_not_installed_gets_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'mmzoo-tts'"):
        cases("mmzoo-ttz")


def test_of_several_trials_the_worst_counts(site: Any) -> None:
    site.install("loose", REGISTER + COMMAND)
    results = [("a/b", "masks", "passed"), ("a/b", "masks", "failed: why"), ("a/b", "masks", "passed")]
    assert report("loose", results)["results"] == {"a/b": {"masks": "failed: why"}}


def test_pytest_tells_failures_in_a_sentence_and_the_record_says_so(site: Any, tmp_path: Path) -> None:
    site.install("loose", "import numpy\n" + REGISTER + COMMAND, files={"parts.py": PARTS})
    path = os.pathsep.join([str(site.folder), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "MMZOO_HOME": str(tmp_path)}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", *words]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    done = run("pytest", "-q", "-c", os.devnull, "--rootdir=.", "--mmzoo", "loose", "--mmzoo-json", "out.json")
    assert done.returncode == 1 and "Traceback" not in done.stdout and "imports numpy when it is listed" in done.stdout
    assert "failed: light-import" in done.stdout
    results = json.loads((tmp_path / "out.json").read_text())["results"]
    assert results["plugin"]["light-import"].startswith("failed: plugin loose imports numpy")
    assert results["command/loose-c"] == {"registration": "passed", "signature": "passed"}
    assert "conforms (kit 1.0" in run("mmzoo", "show", "loose-c").stdout
    absent = run("pytest", "-c", os.devnull, "--mmzoo", "absent")
    assert absent.returncode != 0 and "No plugin 'absent' is installed" in absent.stdout + absent.stderr
