"""CONTRIBUTING.md, tried as a new contributor would: its snippets are built as a distribution, installed and run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SNIPPET = re.compile(r"^```(?:python|toml)\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BUILD = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"


def snippets() -> dict[str, str]:
    """File name to content, for every code block that starts with its file name."""
    return dict(SNIPPET.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The snippets as files; `site` beside them has the wheel that was built from them."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("contributing")
    source, site = folder / "source", folder / "site"
    for name, content in snippets().items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    built = run([sys.executable, "-c", BUILD, str(folder)], source, site)
    with zipfile.ZipFile(folder / built.stdout.split()[-1]) as wheel:
        wheel.extractall(site)
    return source


def run(command: list[str], cwd: Path, site: Path) -> subprocess.CompletedProcess[str]:
    paths = [str(site), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    environment.pop("MMZOO_PLUGINS", None)
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def test_the_component_has_at_most_30_lines() -> None:
    lines = [line for line in snippets()["acme_sign/sign.py"].splitlines() if line.strip()]
    assert 20 < len(lines) <= 30


def test_the_component_is_listed(package: Path) -> None:
    command = [sys.executable, "-m", "mmzoo", "list", "--components", "--kind", "quantizer"]
    listed = run(command, package, package.parent / "site").stdout
    assert re.search(r"^quantizer/sign\t.*\tacme-sign\tOne bit a channel", listed, re.MULTILINE)


def test_the_component_works_alone_and_in_a_model(package: Path) -> None:
    code = "exec(open('use.py').read()); print(sign.codebook_sizes, tokenizer.recipe['quantizer'])"
    told = run([sys.executable, "-c", code], package, package.parent / "site").stdout
    assert "torch.Size([1, 50, 36]) 1.0" in told
    assert "(2, 2, 2, 2, 2, 2, 2, 2) {'name': 'sign', 'dim': 36}" in told


def test_the_component_passes_its_own_test(package: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=.", "-c", os.devnull, "tests"]
    assert "1 passed" in run(command, package, package.parent / "site").stdout


# --- from an idea to a published plugin and model -----------------------------------------------------

COMMAND = re.compile(r"^\$ (.+)$", re.MULTILINE)


def road() -> list[str]:
    """The commands of the section, in order."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = page.partition("## From an idea")[2].partition("\n## ")[0]
    return [
        command
        for block in re.findall(r"```console\n(.*?)```", section, re.DOTALL)
        for command in COMMAND.findall(block)
    ]


def test_the_road_is_made_of_commands() -> None:
    assert [command.split()[0] for command in road()].count("mmzoo") >= 5 and "python -m pytest" in road()


@pytest.mark.slow
def test_the_road_can_be_walked(tmp_path: Path) -> None:
    """As a newcomer would, but for where pip puts the package: a folder of the test."""
    pytest.importorskip("hatchling")
    site, cwd = tmp_path / "site", tmp_path
    told: dict[str, str] = {}
    environment = {"MMZOO_HOME": str(tmp_path / "home"), "MMZOO_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        for command in road():
            words = command.split()
            if words[0] == "cd":
                cwd = cwd / words[1]
                continue
            if words[0] == "pip":
                options = [word for word in words[2:] if word not in ("-e", ".")]
                words = ["python", "-m", "pip", "install", "--quiet", "--target", str(site), *options, "."]
            if words[0] == "mmzoo":
                words = ["python", "-m", *words]
            told[command] = run([sys.executable, *words[1:]], cwd, site).stdout
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    assert "conforms (kit 1.0" in told["mmzoo show acme-pictures"]
    model = cwd / "runs" / "first" / "model"
    assert {"README.md", "config.json", "model.safetensors", "training.json", "golden.safetensors"} <= {
        path.name for path in model.iterdir()
    }
