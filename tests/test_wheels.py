"""The packages as users install them: wheels, built and put on the path, with no checkout beside them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = """
import sys
from pathlib import Path
import mmzoo
site = Path(sys.argv[1])
assert Path(mmzoo.__file__).is_relative_to(site), mmzoo.__file__
from mmzoo.registry import catalog
records = catalog().plugins()
first_party = {record.distribution for record in records if record.distribution.startswith("mmzoo-")}
assert all(record.state == "loaded" for record in records), records
assert first_party == set(sys.argv[2].split(",")), first_party
tts = mmzoo.create("vqvae-dit-tts")
assert tts.folder.is_relative_to(site), tts.folder
speech = tts("Packed and shipped.")
assert speech.duration > 0.5
print(mmzoo.create("vqvae-speech").tokenize(speech).shape[0])
"""


@pytest.mark.slow
def test_wheels_speak_without_the_checkout(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    plugins = sorted(path for path in (ROOT / "plugins").iterdir() if (path / "pyproject.toml").exists())
    wheels, site = tmp_path / "wheels", tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    quiet = {**os.environ, "PIP_NO_INDEX": "1"}
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", wheels, ROOT, *plugins], check=True, env=quiet
    )
    built = sorted(wheels.glob("*.whl"))
    assert len(built) == 1 + len(plugins)
    subprocess.run([*pip, "install", "--no-deps", "--target", site, *built], check=True, env=quiet)
    away = {**os.environ, "PYTHONPATH": str(site), "HF_HUB_OFFLINE": "1", "MMZOO_CACHE": str(tmp_path / "cache")}
    names = ",".join(path.name for path in plugins)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(site), names], cwd=tmp_path, env=away, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "1"
