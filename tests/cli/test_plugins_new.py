"""`mmzoo plugins new`: what it writes is a plugin that passes its own tests and mmzoo's contract, untouched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from mmzoo.cli.main import main
from mmzoo.cli.new_plugin import PIECES, plugin_files
from mmzoo.cli.plugins import KINDS

ROOT = Path(__file__).parent.parent.parent
Python = Callable[..., str]
Results = dict[str, dict[str, str]]
MADE_UP = ("acme-part", "acme_part", "AcmePart", "newkind", "newlisted", "newsummary")


def test_every_kind_can_be_begun() -> None:
    assert set(KINDS) == set(PIECES)


@pytest.mark.parametrize("kind", KINDS)
def test_the_files_are_whole_and_carry_the_authors_name(kind: str) -> None:
    files = plugin_files("acme-fsq2", kind)
    project = tomllib.loads(files["pyproject.toml"])["project"]
    assert project["name"] == "acme-fsq2" and project["license"] == "Apache-2.0"
    assert project["entry-points"]["mmzoo"] == {"acme-fsq2": "acme_fsq2.plugin"}
    assert {"README.md", ".github/workflows/tests.yml", "acme_fsq2/plugin.py", "tests/test_acme_fsq2.py"} <= set(files)
    for path, content in files.items():
        assert not any(word in path + content for word in MADE_UP)
        if path.endswith(".py"):
            compile(content, path, "exec")


def test_the_written_code_is_formatted(tmp_path: Path, python: Python) -> None:
    for kind in KINDS:
        for path, content in plugin_files(f"acme-{kind}", kind).items():
            (tmp_path / kind / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / kind / path).write_text(content)
    python(["-m", "ruff", "format", "--check", "--line-length", "120", "."], tmp_path)
    python(["-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), "--ignore", "I", "."], tmp_path)


@pytest.mark.parametrize(
    "name", ["Acme", "acme_fsq", "-acme", "../acme", "acme.fsq", "mmzoo-fsq", "a" * 80, "acme fsq"]
)
def test_names_that_are_none_are_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "new", "--into", str(tmp_path), "--", name]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1 and not list(tmp_path.iterdir())


TAKEN = [
    ("none", "quantizer", "'None', which quantizer.py"),
    ("class", "dataset", "'class', which is a keyword of Python"),
    ("lambda", "quantizer", "keyword of Python"),
    ("null", "model", "'null', which YAML"),
    ("yes", "quantizer", "which YAML"),
    ("pictures", "model", "'Pictures', which head.py"),
    ("latents", "encoder", "'Latents', which encoder.py"),
    ("exception", "quantizer", "'Exception'"),
    ("sum", "command", "'sum', which command.py"),
    ("annotated", "command", None),
    ("mmzoo", "quantizer", "Python package mmzoo "),
    ("torch", "quantizer", "Python package torch "),
    ("typer", "command", "Python package typer "),
    ("json", "dataset", "Python package json "),
    ("pluggy", "quantizer", "already"),
    ("pillow", "encoder", "The distribution 'pillow'"),
    ("tests", "quantizer", "a folder of the package"),
    ("fsq", "quantizer", "The quantizer 'fsq' is already supplied by mmzoo-vqvae"),
    ("vqvae-image", "model", "The model 'vqvae-image' is already supplied by mmzoo-vqvae"),
    ("encodec", "format", "The format 'encodec' is already supplied by mmzoo-vqvae"),
    ("list", "command", "The command 'list' is already supplied by mmzoo"),
    ("help", "command", "The command 'help' is already supplied by mmzoo"),
    ("say", "command", "The command 'say' is already supplied by mmzoo-tts"),
]


@pytest.mark.parametrize(("name", "kind", "told"), TAKEN, ids=lambda value: str(value)[:20])
def test_names_with_which_the_package_cannot_work_are_refused(
    name: str, kind: str, told: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """None: such a name works for this kind, because only a class would clash."""
    done = main(["plugins", "new", name, "--kind", kind, "--into", str(tmp_path)])
    line = capsys.readouterr().err.strip()
    if told is None:
        assert done == 0 and line == ""
    else:
        assert done == 2 and told in line and line.endswith("; choose another name.") and "\n" not in line
        assert list(tmp_path.iterdir()) == []


def test_a_name_of_another_plugin_is_refused(site: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site.good("stranger")
    for name, kind in (("stranger-q", "quantizer"), ("stranger-m", "model")):
        assert main(["plugins", "new", name, "--kind", kind, "--into", str(tmp_path)]) == 2
        assert f"The {kind} '{name}' is already supplied by stranger" in capsys.readouterr().err
    assert main(["plugins", "new", "stranger-q", "--kind", "encoder", "--into", str(tmp_path)]) == 0


def test_nothing_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["plugins", "new", "acme-fsq", "--into", str(tmp_path)]
    assert main(command) == 0
    (tmp_path / "acme-fsq" / "README.md").write_text("mine")
    assert main(command) == 2 and "exists already" in capsys.readouterr().err
    assert (tmp_path / "acme-fsq" / "README.md").read_text() == "mine"


@pytest.fixture
def check(tmp_path: Path, python: Python, install: Callable[[Path, Path], None]) -> Callable[..., Results]:
    """Writes, tests, installs and holds to the contract; gives the outcome of every check by subject."""

    def run(kind: str, **environment: str) -> Results:
        name, site, home = f"acme-{kind}", tmp_path / "site", {"MMZOO_HOME": str(tmp_path / "home")}
        assert main(["plugins", "new", name, "--kind", kind, "--into", str(tmp_path)]) == 0
        folder = tmp_path / name
        python(["-m", "pytest", "-q", "-p", "no:cacheprovider"], folder, folder, **home)
        install(folder, site)
        kit = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--mmzoo", name, "--mmzoo-json", "out.json"]
        python(kit, folder, site, **home, **environment)
        record = json.loads((folder / "out.json").read_text())
        assert record["plugin"] == name and record["version"] == "0.1.0" and record["kit"] == "1.0"
        outcomes = {outcome.partition(":")[0] for checks in record["results"].values() for outcome in checks.values()}
        assert "passed" in outcomes <= {"passed", "not applicable"}, record["results"]
        shown = python(["-m", "mmzoo", "show", name if kind == "model" else f"{kind}/{name}"], folder, site, **home)
        assert f"conforms (kit 1.0, {record['date']})" in shown
        results: Results = record["results"]
        return results

    return run


def test_a_new_quantizer_passes_and_is_shown_to_conform(check: Callable[..., Results]) -> None:
    results = check("quantizer", PATH="")  # without a compiler nobody expects inductor, which takes minutes
    assert set(results) == {"plugin", "quantizer/acme-quantizer"}
    assert {"masks", "batch", "gradients", "bf16", "export", "compile"} <= set(results["quantizer/acme-quantizer"])


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "quantizer"])
def test_a_new_plugin_of_any_kind_passes(kind: str, check: Callable[..., Results]) -> None:
    results = check(kind)
    assert f"{kind}/acme-{kind}" in results
    if kind == "model":
        assert {"head/acme-model", "encoder/acme-model-encoder", "dataset/acme-model-pictures"} <= set(results)


@pytest.mark.slow
def test_a_new_plugin_is_installed_by_pip_and_tested_untouched(tmp_path: Path) -> None:
    """As its author would: `pip install -e . && python -m pytest`, in an environment that has mmzoo."""
    assert main(["plugins", "new", "acme-fsq", "--into", str(tmp_path)]) == 0
    folder, environment = tmp_path / "acme-fsq", tmp_path / "venv"
    venv.create(environment, with_pip=False, symlinks=True)
    (site,) = (environment / "lib").glob("python*/site-packages")
    here = [path for path in sys.path if path and Path(path).is_dir() and Path(path) != tmp_path]
    (site / "what-is-installed-here.pth").write_text("\n".join([str(ROOT), *here]) + "\n")
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MMZOO_PLUGINS")}

    def run(*arguments: str, cwd: Path = folder) -> str:
        command = [str(environment / "bin" / "python"), "-m", *arguments]
        done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "-e", ".")
    assert "1 passed" in run("pytest")
    which = run("mmzoo", "which", "acme-fsq", cwd=tmp_path)
    assert which.startswith("quantizer/acme-fsq\tacme-fsq\t0.1.0\tloaded\t")
    assert Path(which.split("\t")[-1].strip()).is_relative_to(folder)


def test_mmzoo_is_installed_from_its_repository() -> None:
    """A distribution called mmzoo on an index is not ours, so nothing written may fetch it from there."""
    files = plugin_files("acme-fsq", "quantizer")
    workflow = yaml.safe_load(files[".github/workflows/tests.yml"])
    (source,) = workflow["env"].values()
    assert source.startswith("git+https://") and ".invalid/" in source  # a host that nobody can own
    steps = [step["run"] for step in workflow["jobs"]["test"]["steps"] if "pip install" in step.get("run", "")]
    assert steps == ['pip install "mmzoo @ $MMZOO_SOURCE" -e ".[dev]"']
    commands = [line for line in files["README.md"].splitlines() if line.startswith("$ pip")]
    assert commands == ['$ pip install ../mmzoo -e ".[dev]"   # ../mmzoo: a checkout of mmzoo\'s repository']
