"""The worked example of a third-party plugin: built, installed, held to its contract, trained, pushed and pulled."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "mmzoo-acme"
sys.path.insert(0, str(ROOT / "tests" / "hub"))
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


Run = Callable[..., str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, install: Callable[[Path, Path], None]) -> Path:
    """A folder with the example as pip would install it."""
    folder = tmp_path_factory.mktemp("example")
    install(EXAMPLE, folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def run(site: Path, python: Callable[..., str]) -> Run:
    """`run(cwd, *command)` of a process that has the example installed, its own settings and cache, and no Hub."""
    own = {"MMZOO_HOME": str(site.parent / "home"), "MMZOO_CACHE": str(site.parent / "cache"), "HF_HUB_OFFLINE": "1"}
    return lambda cwd, *command, **more: python([*command], cwd, site, **{**own, **more})


@pytest.mark.slow
def test_it_is_trained_a_few_steps_and_loaded_again(site: Path, tmp_path: Path, run: Run) -> None:
    recipe = site / "mmzoo_acme" / "recipes" / "acme-pictures.yaml"
    command = ("-m", "mmzoo", "train", str(recipe), "steps=60", "num_threads=1", "--out", str(tmp_path / "run"))
    folder = Path(run(tmp_path, *command).strip().splitlines()[-1])
    folder = folder if folder.is_absolute() else tmp_path / folder
    config = json.loads((folder / "config.json").read_text())
    assert config["name"] == "acme-pictures" and config["recipe"]["quantizer"]["levels"] == 5
    off = float(run(tmp_path, "-c", USE, str(folder)))
    assert off < 40, "60 steps bring the copy nearer than grey, which is 68 off"
    pushed_and_pulled(run, tmp_path, folder)


def pushed_and_pulled(run: Run, tmp_path: Path, folder: Path) -> None:
    """Published to a Hub on loopback and created from it by a process that has never seen the folder."""
    from hub_server import TOKEN, running

    run(tmp_path, "-m", "mmzoo", "card", str(folder), "--license", "apache-2.0")
    with running() as hub:
        online = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1", "HF_TOKEN": TOKEN}
        here, there = {**online, "HF_HOME": str(tmp_path / "hf-a")}, {**online, "HF_HOME": str(tmp_path / "hf-b")}
        pushed = run(tmp_path, "-m", "mmzoo", "push", str(folder), "--repo", "tester/acme", "--public", **here)
        assert "tag v1" in pushed and TOKEN not in pushed
        code = (
            "import mmzoo, numpy as np; p = mmzoo.Image(np.full((16, 16, 3), (200, 30, 60), np.uint8));"
            "import sys; print(mmzoo.create(sys.argv[1])(p).pixels.sum())"
        )
        pulled = run(tmp_path, "-c", code, "hf-hub:tester/acme", **there)
    assert pulled.split()[-1] == run(tmp_path, "-c", code, f"local-dir:{folder}").split()[-1]


def test_its_parts_work_in_mmzoos_own_models(run: Run, tmp_path: Path) -> None:
    code = (
        "import mmzoo; grid = {'name': 'acme-grid', 'dim': 32};"
        "print(mmzoo.create('vqvae-image', quantizer=grid, pretrained=False).recipe['quantizer'])"
    )
    assert "'mmzoo-acme:acme-grid'" in run(tmp_path, "-c", code)


def test_its_readme_names_everything_it_registers(run: Run, tmp_path: Path) -> None:
    listed = run(tmp_path, "-m", "mmzoo", "list", "--components", "--plugin", "mmzoo-acme")
    names = {line.partition("\t")[0].partition("/")[2] for line in listed.splitlines()} | {"acme-pictures"}
    assert len(names) == 5
    assert names == set(re.findall(r"^\| \w+ \| `([\w-]+)`", (EXAMPLE / "README.md").read_text(), re.MULTILINE))


@pytest.mark.slow
def test_it_holds_its_contract(run: Run, tmp_path: Path) -> None:
    told = run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--mmzoo", "acme", "--mmzoo-json", "o.json")
    results = json.loads((tmp_path / "o.json").read_text())["results"]
    assert {"plugin", "quantizer/acme-grid", "head/acme-tokenizer", "model/acme-pictures"} <= set(results)
    outcomes = {outcome.partition(":")[0] for checks in results.values() for outcome in checks.values()}
    assert "passed" in outcomes <= {"passed", "not applicable"}, told


@pytest.mark.slow
def test_its_own_tests_pass(run: Run, tmp_path: Path) -> None:
    run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, str(EXAMPLE / "tests"))


RENAMED = {
    "quantizer": ("parts/quantizer.py", {"AcmePart": "Grid"}),
    "encoder": ("parts/encoder.py", {"AcmePart": "Squares"}),
    "dataset": ("parts/dataset.py", {"acme_part": "halves"}),
    "recipes/acme-pictures.yaml": ("recipe.yaml", {"acme-part-pictures": "acme-halves", "acme-part": "acme-pictures"}),
}


@pytest.mark.parametrize("file", RENAMED)
def test_its_files_are_those_of_a_new_plugin_but_for_names(file: str) -> None:
    """As its README says of all but the head, and what is said of the whole."""
    scaffold, names = RENAMED[file]
    written = (ROOT / "mmzoo" / "cli" / "scaffold" / scaffold).read_text()
    for made_up, own in names.items():
        written = written.replace(made_up, own)
    assert (EXAMPLE / "mmzoo_acme" / (file if "." in file else f"{file}.py")).read_text() == written
