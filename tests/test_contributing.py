"""CONTRIBUTING.md, tried as a new contributor would: its snippets are built as a distribution, installed and run."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SNIPPET = re.compile(r"^```(?:python|toml)\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
Python = Callable[..., str]


def snippets() -> dict[str, str]:
    """File name to content, for every code block that starts with its file name."""
    return dict(SNIPPET.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory, install: Callable[[Path, Path], None]) -> Path:
    """The snippets as files; `site` beside them has the wheel that was built from them."""
    folder = tmp_path_factory.mktemp("contributing")
    source = folder / "source"
    for name, content in snippets().items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    install(source, folder / "site")
    return source


def test_the_component_has_at_most_30_lines() -> None:
    lines = [line for line in snippets()["acme_sign/sign.py"].splitlines() if line.strip()]
    assert 20 < len(lines) <= 30


def test_the_component_is_listed(package: Path, python: Python) -> None:
    command = ["-m", "mmzoo", "list", "--components", "--kind", "quantizer"]
    listed = python(command, package, package.parent / "site")
    assert re.search(r"^quantizer/sign\t.*\tacme-sign\tOne bit per channel", listed, re.MULTILINE)


def test_the_component_works_alone_and_in_a_model(package: Path, python: Python) -> None:
    code = "exec(open('use.py').read()); print(sign.codebook_sizes, tokenizer.recipe['quantizer'])"
    told = python(["-c", code], package, package.parent / "site")
    assert "torch.Size([1, 50, 36]) 1.0" in told
    assert "(2, 2, 2, 2, 2, 2, 2, 2) {'name': 'acme-sign:sign', 'dim': 36}" in told


@pytest.mark.slow
def test_the_component_passes_its_own_test(package: Path, python: Python) -> None:
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=.", "-c", os.devnull, "tests"]
    assert "1 passed" in python(command, package, package.parent / "site")


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
    commands = road()
    assert [command.split()[0] for command in commands].count("mmzoo") >= 6 and "python -m pytest" in commands
    assert any("push" in command and "--dry-run" in command for command in commands)


@pytest.mark.slow
def test_the_road_can_be_walked(tmp_path: Path, python: Python) -> None:
    """As a newcomer would, but for where pip puts the package: a folder of the test."""
    pytest.importorskip("hatchling")
    site, cwd = tmp_path / "site", tmp_path
    told: dict[str, str] = {}
    places = {"MMZOO_HOME": str(tmp_path / "home"), "MMZOO_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    for command in road():
        words = shlex.split(command)
        if words[0] == "cd":
            cwd = cwd / words[1]
            continue
        if words[0] == "pip":
            options = [word for word in words[2:] if word not in ("-e", ".")]
            words = ["python", "-m", "pip", "install", "--quiet", "--target", str(site), *options, "."]
        if words[0] == "mmzoo":
            words = ["python", "-m", *words]
        assert words[0] == "python"
        told[command] = python(words[1:], cwd, site, HF_HUB_OFFLINE="1", **places)
    assert "conforms (kit 1.0" in told["mmzoo show acme-pictures"]
    assert "you/acme-pictures\tprivate" in next(text for command, text in told.items() if "--dry-run" in command)
    assert any("(16, 16, 3)" in text for command, text in told.items() if "runs/first/model" in command)
    model = cwd / "runs" / "first" / "model"
    assert {"README.md", "config.json", "model.safetensors", "training.json", "golden.safetensors"} <= {
        path.name for path in model.iterdir()
    }
