"""Trainings that are killed, signaled, starved of disk or memory, and damaged: how many lose nothing.

    python benchmarks/faults.py                 prints a table, in about 20 minutes
    python benchmarks/faults.py --fraction 0.1  a tenth of the cases
    python benchmarks/faults.py --write         also writes it to benchmarks/faults.md

The cases are those of tests/training/training_faults.py.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from mmzoo.hardware import used_instructions
from mmzoo.system import cpu_name

PAGE = Path(__file__).with_suffix(".md")
TESTS = Path(__file__).parent.parent / "tests" / "training"
sys.path.insert(0, str(TESTS))


def measured(fraction: float) -> dict[str, dict[str, Any]]:
    """The outcome of each kind, with the seconds it took."""
    from training_faults import KINDS

    found = {}
    for kind, (_, most) in KINDS.items():
        with tempfile.TemporaryDirectory(prefix="mmzoo-faults-") as folder:
            cases = {kind: math.ceil(most * fraction)}
            command = [sys.executable, str(TESTS / "training_faults.py"), folder, json.dumps(cases)]
            start = time.perf_counter()
            environment = os.environ | {"OMP_NUM_THREADS": "1"}
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
        found[kind] = json.loads(done.stdout)[kind] | {"seconds": time.perf_counter() - start}
        print(f"{kind}: {found[kind]['cases']} cases, {len(found[kind]['failures'])} failed", file=sys.stderr)
    return found


def page(found: dict[str, dict[str, Any]]) -> str:
    """The table as Markdown."""
    machine = f"{cpu_name()}, {used_instructions()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    lines = [
        "# Faults in training",
        "",
        f"Written by `python benchmarks/faults.py --write` on {datetime.date.today().isoformat()}: {machine}, torch"
        f" {torch.__version__}.",
        "",
        "A case passes if the same command, run again, continues from the newest valid checkpoint and ends with the"
        " same tensors as an uninterrupted run, bit for bit: weights, averages, moments, critics, exported model.",
        "",
        "| fault | what happens | cases | passed | minutes |",
        "|---|---|---:|---:|---:|",
    ]
    for kind, one in found.items():
        passed = one["cases"] - len(one["failures"])
        lines.append(f"| {kind} | {one['about']} | {one['cases']} | {passed} | {one['seconds'] / 60:.1f} |")
    failures = [f"- {kind}: {failure}" for kind, one in found.items() for failure in one["failures"]]
    return "\n".join([*lines, *([""] if failures else []), *failures]) + "\n"


def main() -> int:
    """Run, print and, with --write, write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--fraction", type=float, default=1.0, help="of the cases to run (default all)")
    parser.add_argument("--write", action="store_true", help=f"also write {PAGE.name}")
    options = parser.parse_args()
    found = measured(options.fraction)
    text = page(found)
    print(text, end="")
    if options.write:
        PAGE.write_text(text, encoding="utf-8")
    return int(any(one["failures"] for one in found.values()))


if __name__ == "__main__":
    sys.exit(main())
