"""The tutorials work: every block of every page is run in order, in one folder, as a reader would."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from mmzoo.cli.main import main

ROOT = Path(__file__).parent.parent
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_every_block_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if "flite" in page.read_text(encoding="utf-8") and shutil.which("flite") is None:
        pytest.skip("flite, which this tutorial trains with, is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MMZOO_CACHE", str(tmp_path / "cache"))
    for recipe in ROOT.glob("plugins/*/*/recipes/*.yaml"):
        shutil.copy(recipe, tmp_path)
    names: dict[str, object] = {}
    for language, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "python":
            exec(compile(block, f"{page.name}: {block.splitlines()[0]}", "exec"), names)
            continue
        for line in block.replace("\\\n", " ").splitlines():
            prompt, command, *arguments = shlex.split(line)
            assert (prompt, command) == ("$", "mmzoo"), line
            assert main(arguments) == 0, f"{line}\n{capsys.readouterr().err}"
