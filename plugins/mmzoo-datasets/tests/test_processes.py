"""Work in several processes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from mmzoo_datasets.processes import in_processes


@pytest.mark.slow
def test_results_of_processes_come_in_order() -> None:
    taken: list[int] = []

    def numbers() -> Any:
        for number in range(100):
            taken.append(number)
            yield -number

    results = in_processes(abs, numbers(), 100)
    assert next(results) == 0
    assert len(taken) < 100
    assert list(results) == list(range(1, 100))


PARENT = """
import os, time
from mmzoo_datasets.processes import pool_of
if __name__ == "__main__":
    with pool_of(1) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        time.sleep(60)
"""


def test_processes_end_when_the_one_that_started_them_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    assert _runs(worker)
    parent.kill()
    parent.wait()
    end = time.monotonic() + 20
    while _runs(worker) and time.monotonic() < end:
        time.sleep(0.05)
    assert not _runs(worker)


POOL = """
from mmzoo_datasets.processes import pool_of
with pool_of(1) as pool:
    print(pool.submit(abs, -1).result())
"""
RESULTS = """
import os
from mmzoo_datasets import processes
os.cpu_count = lambda: 2
print(sum(processes.in_processes(abs, range(-6, 0), 6)), "by", __name__)
"""


def unguarded(tmp_path: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Run a script that every process which it starts runs again."""
    script = tmp_path / "unguarded.py"
    script.write_text(text)
    return subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)


def test_a_pool_in_an_unguarded_script_is_explained(tmp_path: Path) -> None:
    done = unguarded(tmp_path, POOL)
    assert done.returncode and "EndedEarlyError" in done.stderr.splitlines()[-1]
    assert "__main__" in done.stderr.splitlines()[-1]


def test_an_unguarded_script_does_its_work_once_and_alone(tmp_path: Path) -> None:
    done = unguarded(tmp_path, RESULTS)
    assert done.stdout == "21 by __main__\n" and not done.returncode


def _runs(process: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return bool(psutil.Process(process).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
