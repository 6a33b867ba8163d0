"""Tests that take too long for CI: many more generated cases, and processes killed again and again.

    make soak                                  runs everything and writes benchmarks/soak.md
    python benchmarks/soak.py --rounds 1       runs everything once, in minutes, and writes nothing

The tests are those of `make test-slow`, repeated; generated cases differ in every run.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = Path(__file__).with_suffix(".md")
CASES_OF_CI = 1_250


@dataclass(frozen=True)
class Soak:
    """Tests to run in every round.

    Attributes:
        name: Shown in the table.
        more: Arguments of pytest.
        cases: Cases per generated test and round.
    """

    name: str
    more: tuple[str, ...]
    cases: int = CASES_OF_CI


SOAKS = (
    Soak("untrusted files and texts: generated cases", ("tests/security", "-m", "slow"), cases=2 * CASES_OF_CI),
    Soak("trainings killed or signaled, and resumed", ("tests/training/test_training_processes.py", "-m", "")),
    Soak("pulls and pushes killed", ("tests/hub", "-m", "", "-k", "killed or interrupted or two_processes")),
    Soak("corpus builds killed", ("plugins/mmzoo-datasets/tests", "-m", "", "-k", "killed")),
)


def run(soak: Soak, rounds: int) -> dict[str, int]:
    """Run the tests `rounds` times and print failures; returns the numbers passed and failed, and the seconds."""
    count, start = {"passed": 0, "failed": 0}, time.perf_counter()
    environment = {**os.environ, "MMZOO_TEST_CASES": str(soak.cases)}
    for _ in range(rounds):
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *soak.more]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        for outcome in count:
            count[outcome] += sum(map(int, re.findall(rf"(\d+) {outcome}", done.stdout.splitlines()[-1])))
        if done.returncode:
            count["failed"] = max(count["failed"], 1)
            print(done.stdout[-5000:], done.stderr[-2000:], file=sys.stderr)
    return {**count, "seconds": round(time.perf_counter() - start)}


def page(rounds: int, results: dict[str, dict[str, int]]) -> str:
    """The table as Markdown."""
    today, cores, python = datetime.date.today().isoformat(), os.cpu_count(), platform.python_version()
    lines = [
        "# Soak",
        "",
        f"Written by `make soak` on {today}: {rounds} rounds, {cores} cores, Python {python}.",
        "",
        "| what | passed | failed | minutes |",
        "|---|---|---|---|",
    ]
    for name, count in results.items():
        lines.append(f"| {name} | {count['passed']} | {count['failed']} | {count['seconds'] / 60:.1f} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10, help="how often everything runs (default 10)")
    parser.add_argument("--write", action="store_true", help="write the table to benchmarks/soak.md")
    options = parser.parse_args()
    results = {soak.name: run(soak, options.rounds) for soak in SOAKS}
    text = page(options.rounds, results)
    print(text)
    if options.write:
        PAGE.write_text(text, encoding="utf-8")
    return int(any(count["failed"] for count in results.values()))


if __name__ == "__main__":
    sys.exit(main())
