"""The tutorials and the page on bulk work: every block is run in order, in one folder, as a reader would."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mmzoo.cli.main import main

ROOT = Path(__file__).parent.parent
TUTORIALS = [*sorted((ROOT / "docs" / "tutorials").glob("*.md")), ROOT / "docs" / "scale.md"]
LAUNCHERS = {"torchrun": "torch.distributed.run", "accelerate": "accelerate.commands.accelerate_cli"}
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
        if language == "python" and "import ray" in block and importlib.util.find_spec("ray") is None:
            continue
        if language == "python":
            exec(compile(block, f"{page.name}: {block.splitlines()[0]}", "exec"), names)
            continue
        for line in block.replace("\\\n", " ").splitlines():
            prompt, command, *arguments = shlex.split(line)
            assert prompt == "$" and command in ("mmzoo", *LAUNCHERS), line
            if command in LAUNCHERS:
                started = [sys.executable, "-m", LAUNCHERS[command], *arguments]
                search = os.pathsep.join(
                    [str(ROOT), *map(str, ROOT.glob("plugins/*")), os.environ.get("PYTHONPATH", "")]
                )
                done = subprocess.run(started, env={**os.environ, "PYTHONPATH": search}, capture_output=True, text=True)
                assert done.returncode == 0, f"{line}\n{done.stderr}"
                continue
            assert main(arguments) == 0, f"{line}\n{capsys.readouterr().err}"
