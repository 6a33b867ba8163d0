"""How long `mmzoo list` takes in a fresh process, compared with timm's listing and with Python alone.

    python benchmarks/list_speed.py            prints a table
    python benchmarks/list_speed.py --write    also writes it to benchmarks/list_speed.md

The comparison needs timm (`pip install timm`); without it, its row says so.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

from mmzoo.system import cpu_name

PAGE = Path(__file__).with_suffix(".md")
LIST = ["-m", "mmzoo", "list"]
TIMM = ["-c", "import timm; timm.list_models()"]
FLOOR = ["-c", "pass"]


def seconds(arguments: list[str], repeats: int) -> list[float]:
    """Wall-clock seconds of fresh processes, after one that fills the file and bytecode caches."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return times[1:]


def version(package: str) -> str | None:
    """The installed version of a package, if any."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def table(repeats: int) -> str:
    """The measurements as a Markdown table, with a line on the machine."""
    rows = [("Python alone, `python -c pass`", FLOOR), ("`mmzoo list`", LIST)]
    if version("timm"):
        rows.append(("`import timm; timm.list_models()`", TIMM))
    # One command at a time, so that a disturbance shows in the range of one row.
    measured = {name: seconds(arguments, repeats) for name, arguments in rows}
    mine = statistics.median(measured["`mmzoo list`"])
    lines = ["| command, in a fresh process | median s | range s | times `mmzoo list` |", "|---|---:|---:|---:|"]
    for name, times in measured.items():
        median = statistics.median(times)
        lines.append(f"| {name} | {median:.3f} | {min(times):.3f}-{max(times):.3f} | {median / mine:.2f} |")
    if not version("timm"):
        lines.append("| timm | not installed: pip install timm | | |")
    packages = ", ".join(f"{name} {version(name) or 'not installed'}" for name in ("mmzoo", "timm", "torch"))
    lines += [
        "",
        f"Median of {repeats} runs after a warm-up. Python {platform.python_version()}, {packages}; {cpu_name()}.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and print; with --write, also write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7, help="fresh processes per row (default: 7)")
    parser.add_argument("--write", action="store_true", help=f"also write {PAGE.name}")
    options = parser.parse_args()
    text = table(options.repeats)
    print(text, end="")
    if options.write:
        command = "Written by `python benchmarks/list_speed.py --write`."
        PAGE.write_text(f"# `mmzoo list` against `timm.list_models()`\n\n{command}\n\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()
