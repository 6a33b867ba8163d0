"""`mmzoo plugins new`: what it writes is a plugin that passes its own tests and mmzoo's contract, untouched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from mmzoo.cli.main import main
from mmzoo.cli.new_plugin import PIECES, plugin_files
from mmzoo.cli.plugins import KINDS

ROOT = Path(__file__).parent.parent.parent
MADE_UP = ("acme-part", "acme_part", "AcmePart", "newkind", "newlisted")
BUILD = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"


def run(command: list[str], cwd: Path, *paths: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    search = [*map(str, paths), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, search)), **environment}
    return subprocess.run([sys.executable, *command], cwd=cwd, env=environment, capture_output=True, text=True)


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
        assert not any(
            word in path + content for word in ("acme-part", "acme_part", "AcmePart", "newkind", "newlisted")
        )
        if path.endswith(".py"):
            compile(content, path, "exec")


def test_the_written_code_is_formatted(tmp_path: Path) -> None:
    for kind in KINDS:
        for path, content in plugin_files(f"acme-{kind}", kind).items():
            (tmp_path / kind / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / kind / path).write_text(content)
    done = run(["-m", "ruff", "format", "--check", "--line-length", "120", "."], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    done = run(["-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), "--ignore", "I", "."], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "name", ["Acme", "acme_fsq", "-acme", "../acme", "acme.fsq", "mmzoo-fsq", "a" * 80, "acme fsq"]
)
def test_names_that_are_none_are_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "new", "--into", str(tmp_path), "--", name]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1 and not list(tmp_path.iterdir())


def test_nothing_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["plugins", "new", "acme-fsq", "--into", str(tmp_path)]
    assert main(command) == 0
    (tmp_path / "acme-fsq" / "README.md").write_text("mine")
    assert main(command) == 2 and "is there already" in capsys.readouterr().err
    assert (tmp_path / "acme-fsq" / "README.md").read_text() == "mine"


def install(folder: Path, site: Path) -> None:
    """Build the wheel that pip would build, and unpack it."""
    built = run(["-c", BUILD, str(site.parent)], folder)
    assert built.returncode == 0, built.stderr
    with zipfile.ZipFile(site.parent / built.stdout.split()[-1]) as wheel:
        wheel.extractall(site)


def check(kind: str, tmp_path: Path, **environment: str) -> dict[str, dict[str, str]]:
    """Write, test, install and hold to the contract; the outcome of every check by subject. environment: of the kit."""
    pytest.importorskip("hatchling")
    name, home, site = f"acme-{kind}", tmp_path / "home", tmp_path / "site"
    assert main(["plugins", "new", name, "--kind", kind, "--into", str(tmp_path)]) == 0
    folder = tmp_path / name
    done = run(["-m", "pytest", "-q", "-p", "no:cacheprovider"], folder, folder, MMZOO_HOME=str(home))
    assert done.returncode == 0, done.stdout + done.stderr
    install(folder, site)
    kit = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--mmzoo", name, "--mmzoo-json", "out.json"]
    done = run(kit, folder, site, MMZOO_HOME=str(home), **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((folder / "out.json").read_text())
    assert record["plugin"] == name and record["version"] == "0.1.0" and record["kit"] == "1.0"
    outcomes = {outcome.partition(":")[0] for checks in record["results"].values() for outcome in checks.values()}
    assert "passed" in outcomes <= {"passed", "not applicable"}, record["results"]
    shown = run(
        ["-m", "mmzoo", "show", name if kind == "model" else f"{kind}/{name}"], folder, site, MMZOO_HOME=str(home)
    )
    assert f"conforms (kit 1.0, {record['date']})" in shown.stdout, shown.stdout + shown.stderr
    results: dict[str, dict[str, str]] = record["results"]
    return results


def test_a_new_quantizer_passes_and_is_shown_to_conform(tmp_path: Path) -> None:
    results = check("quantizer", tmp_path, PATH="")  # without a compiler nobody expects inductor, which takes minutes
    assert set(results) == {"plugin", "quantizer/acme-quantizer"}
    assert {"masks", "batch", "gradients", "bf16", "export", "compile"} <= set(results["quantizer/acme-quantizer"])


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "quantizer"])
def test_a_new_plugin_of_any_kind_passes(kind: str, tmp_path: Path) -> None:
    results = check(kind, tmp_path)
    assert f"{kind}/acme-{kind}" in results
    if kind == "model":
        assert {"head/acme-model", "encoder/acme-model-encoder", "dataset/acme-model-pictures"} <= set(results)


@pytest.mark.slow
def test_a_new_plugin_is_installed_by_pip(tmp_path: Path) -> None:
    assert main(["plugins", "new", "acme-fsq", "--into", str(tmp_path)]) == 0
    folder, site = tmp_path / "acme-fsq", tmp_path / "site"
    pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", str(site), "."]
    done = run(pip, folder)
    assert done.returncode == 0, done.stderr
    done = run(["-m", "mmzoo", "which", "acme-fsq"], folder, site)
    assert done.stdout.startswith("quantizer/acme-fsq\tacme-fsq\t0.1.0\tloaded\t"), done.stdout + done.stderr
    assert run(["-m", "pytest", "-q"], folder, site).returncode == 0
