"""Plugins that are really installed on the path, for tests that need some that the repository does not have."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
FIRST_PARTY = os.environ["MMZOO_PLUGINS"].split(",")
STRANGERS = {found.name for found in metadata.distributions() if found.entry_points.select(group="mmzoo")} - {
    *FIRST_PARTY
}
BUILD = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
HEADER = "from mmzoo import hookimpl\n"


class Site:
    """A folder on the import path into which a test installs distributions: a package and its .dist-info each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(
        self,
        distribution: str,
        code: str,
        *,
        points: Mapping[str, str] | None = None,
        version: str = "1.0",
        files: Mapping[str, str] | None = None,
        metadata: bool = True,
    ) -> str:
        """Install `distribution`, whose plugin module has this code, and return the module's name.

        points: entry points of the group mmzoo; by default one of the package's name to its `plugin` module.
        files: more files of the package.
        """
        package = distribution.replace("-", "_").replace(".", "_")
        home = self.folder / package
        home.mkdir()
        (home / "__init__.py").write_text("")
        (home / "plugin.py").write_text(HEADER + textwrap.dedent(code))
        for name, text in (files or {}).items():
            (home / name).write_text(textwrap.dedent(text))
        points = {package: f"{package}.plugin"} if points is None else points
        lines = "".join(f"{name} = {target}\n" for name, target in points.items())
        self.dist_info(distribution, f"[mmzoo]\n{lines}", version=version, metadata=metadata)
        return f"{package}.plugin"

    def dist_info(self, distribution: str, entry_points: str, *, version: str = "1.0", metadata: bool = True) -> None:
        """Write only the .dist-info folder, with this entry_points.txt."""
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        if metadata:
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(entry_points)
        importlib.invalidate_caches()

    def good(self, distribution: str = "good-plugin") -> str:
        """Install a plugin without fault: a quantizer and a model, both named after it."""
        package = distribution.replace("-", "_")
        return self.install(
            distribution,
            f"""
            @hookimpl
            def mmzoo_register(register):
                register.quantizer("{distribution}-q", "{package}.parts:Q", summary="a good part")
                register.model("{distribution}-m", task="testing", summary="a good model", recipe={{"head": "tts"}})
            """,
            files={"parts.py": "class Q: pass\n"},
        )


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """MMZOO_PLUGINS is unset, and yet only mmzoo's own plugins are found, and those that the test installs."""
    from mmzoo.registry import index, plugins

    candidates = plugins._candidates
    monkeypatch.setattr(plugins, "_candidates", lambda name: () if name in STRANGERS else candidates(name))
    monkeypatch.setattr(index, "_catalog", None)
    monkeypatch.delenv("MMZOO_PLUGINS")


@pytest.fixture
def site(tmp_path: Path, installed: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An empty `Site` on sys.path; the catalog is made anew in the test, and what it imported is forgotten after it."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield Site(folder)
    for name in set(sys.modules) - before:
        if (path := getattr(sys.modules[name], "__file__", None)) and Path(path).is_relative_to(folder):
            del sys.modules[name]


# --- packages as they are built, installed and used by other processes -------------------------------

Python = Callable[..., str]


@pytest.fixture(scope="session")
def python() -> Python:
    """`python(arguments, cwd, *paths, **environment)` returns what that process printed, and fails if it does.

    paths: come first on its import path, then this checkout; what is installed there is used, beside mmzoo's own.
    """

    def run(arguments: list[str], cwd: Path, *paths: Path, **more: Any) -> str:
        search = [*map(str, paths), str(ROOT), os.environ.get("PYTHONPATH", "")]
        chosen = [*FIRST_PARTY, *(found.name for found in metadata.distributions(path=[*map(str, paths)]))]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, search)), **more}
        environment["MMZOO_PLUGINS"] = ",".join(chosen)
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="session")
def install(python: Python) -> Callable[[Path, Path], None]:
    """`install(source, site)` builds the wheel that pip would build, and unpacks it into a folder."""
    pytest.importorskip("hatchling")

    def built(source: Path, site: Path) -> None:
        name = python(["-c", BUILD, str(site.parent)], source).split()[-1]
        with zipfile.ZipFile(site.parent / name) as wheel:
            wheel.extractall(site)

    return built
