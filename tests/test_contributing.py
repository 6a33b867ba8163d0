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
