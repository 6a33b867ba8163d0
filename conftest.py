"""What every test here is protected from: other people's plugins, and the settings and caches of whoever runs it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
FIRST_PARTY = sorted(folder.name for folder in (ROOT / "plugins").iterdir() if (folder / "pyproject.toml").is_file())
FIXED = {
    "MMZOO_PLUGINS": ",".join(FIRST_PARTY),
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",  # with one process a core, more threads only wait for each other
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "COLUMNS": "100",
    "LINES": "40",
}
FOLDERS = ("MMZOO_HOME", "MMZOO_CACHE", "HF_HOME")
"""Each is a folder of this run. Datasets that tests render are cached there once, for all processes."""
UNSET = ("HF_TOKEN", "HF_ENDPOINT", "HF_HUB_CACHE", "MMZOO_ALLOW_LICENSES", "LANGUAGE", "NO_COLOR", "FORCE_COLOR")
WORKER = "PYTEST_XDIST_WORKER"

# Nothing has read the environment yet when this is imported; the workers of xdist and all subprocesses inherit it.
if WORKER in os.environ:
    os.environ["MMZOO_HOME"] += os.environ[WORKER]  # settings that one process writes are not another's
else:
    run = tempfile.mkdtemp(prefix="mmzoo-tests-")
    os.environ.update(FIXED, **{name: f"{run}/{name.lower()}" for name in FOLDERS})
    for name in UNSET:
        os.environ.pop(name, None)


def pytest_unconfigure() -> None:
    if WORKER not in os.environ:
        shutil.rmtree(Path(os.environ["MMZOO_HOME"]).parent, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _working_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests run in an empty folder, wherever pytest was started."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("cwd"))
        yield
