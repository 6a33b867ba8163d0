"""The worked example of a third-party plugin: built, installed, held to its contract, trained, pushed and pulled."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "mmzoo-acme"
sys.path.insert(0, str(ROOT / "tests" / "hub"))
BUILD = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
USE = """
import sys
import mmzoo, numpy as np
from mmzoo.hub.golden import check_golden, write_golden
model = mmzoo.create(f"local-dir:{sys.argv[1]}")
write_golden(model, model.folder)
again = mmzoo.create(f"local-dir:{sys.argv[1]}")
assert check_golden(again, again.folder)["decoded"] == 0
picture = mmzoo.Image(np.full((16, 16, 3), (200, 30, 60), np.uint8))
copy = again(picture)
assert np.array_equal(copy.pixels, model.reconstruct(model.tokenize(picture)).pixels)
print(float(np.abs(copy.pixels.astype(float) - picture.pixels).mean()))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example as pip would install it."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("example")
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(folder)], cwd=EXAMPLE, capture_output=True, text=True, check=True
    )
    with zipfile.ZipFile(folder / done.stdout.split()[-1]) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


def run(site: Path, cwd: Path, *command: str, **more: str) -> str:
    paths = [str(site), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "MMZOO_HOME": str(site.parent / "home"),
        "MMZOO_CACHE": str(site.parent / "cache"),
        "HF_HUB_OFFLINE": "1",
        **more,
    }
    environment.pop("MMZOO_PLUGINS", None)
    done = subprocess.run([sys.executable, *command], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_it_is_trained_a_few_steps_and_loaded_again(site: Path, tmp_path: Path) -> None:
    recipe = site / "mmzoo_acme" / "recipes" / "acme-pictures.yaml"
    command = ("-m", "mmzoo", "train", str(recipe), "steps=60", "num_threads=1", "--out", str(tmp_path / "run"))
    folder = Path(run(site, tmp_path, *command).strip().splitlines()[-1])
    folder = folder if folder.is_absolute() else tmp_path / folder
    config = json.loads((folder / "config.json").read_text())
    assert config["name"] == "acme-pictures" and config["recipe"]["quantizer"]["levels"] == 5
    off = float(run(site, tmp_path, "-c", USE, str(folder)))
    assert off < 40, "60 steps bring the copy nearer than grey, which is 68 off"
    pushed_and_pulled(site, tmp_path, folder)


def pushed_and_pulled(site: Path, tmp_path: Path, folder: Path) -> None:
    """Published to a Hub on loopback and created from it by a process that has never seen the folder."""
    from hub_server import TOKEN, running

    run(site, tmp_path, "-m", "mmzoo", "card", str(folder), "--license", "apache-2.0")
    with running() as hub:
        online = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1", "HF_TOKEN": TOKEN}
        here, there = {**online, "HF_HOME": str(tmp_path / "hf-a")}, {**online, "HF_HOME": str(tmp_path / "hf-b")}
        pushed = run(site, tmp_path, "-m", "mmzoo", "push", str(folder), "--repo", "tester/acme", "--public", **here)
        assert "tag v1" in pushed and TOKEN not in pushed
        code = (
            "import mmzoo, numpy as np; p = mmzoo.Image(np.full((16, 16, 3), (200, 30, 60), np.uint8));"
            "import sys; print(mmzoo.create(sys.argv[1])(p).pixels.sum())"
        )
        pulled = run(site, tmp_path, "-c", code, "hf-hub:tester/acme", **there)
    assert pulled.split()[-1] == run(site, tmp_path, "-c", code, f"local-dir:{folder}").split()[-1]


def test_its_parts_work_in_mmzoos_own_models(site: Path, tmp_path: Path) -> None:
    code = (
        "import mmzoo; grid = {'name': 'acme-grid', 'dim': 32};"
        "print(mmzoo.create('vqvae-image', quantizer=grid, pretrained=False).recipe['quantizer'])"
    )
    assert "'acme-grid'" in run(site, tmp_path, "-c", code)


def test_its_readme_names_everything_it_registers(site: Path, tmp_path: Path) -> None:
    listed = run(site, tmp_path, "-m", "mmzoo", "list", "--components", "--plugin", "mmzoo-acme")
    names = {line.partition("\t")[0].partition("/")[2] for line in listed.splitlines()} | {"acme-pictures"}
    assert len(names) == 5
    assert names == set(re.findall(r"^\| \w+ \| `([\w-]+)`", (EXAMPLE / "README.md").read_text(), re.MULTILINE))


@pytest.mark.slow
def test_it_holds_its_contract(site: Path, tmp_path: Path) -> None:
    told = run(
        site, tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--mmzoo", "acme", "--mmzoo-json", "o.json"
    )
    results = json.loads((tmp_path / "o.json").read_text())["results"]
    assert {"plugin", "quantizer/acme-grid", "head/acme-tokenizer", "model/acme-pictures"} <= set(results)
    assert {outcome for checks in results.values() for outcome in checks.values()} == {"passed"}, told


@pytest.mark.slow
def test_its_own_tests_pass(site: Path, tmp_path: Path) -> None:
    run(site, tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, str(EXAMPLE / "tests"))
