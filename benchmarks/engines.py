"""What a model costs on torch and on onnxruntime, in float32 and in 8 bits, and what quantization does to its sound.

    python benchmarks/engines.py [MODEL]            prints tables
    python benchmarks/engines.py [MODEL] --write    also writes them to benchmarks/engines.md

Needs the extra `export`; judges of quality whose packages are not installed are left out.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import mmzoo
from mmzoo.engines.comparing import comparison
from mmzoo.engines.exported import load_exported
from mmzoo.engines.writing import export_model
from mmzoo.errors import MmzooError
from mmzoo.evaluation.judges import load_judge
from mmzoo.system import cpu_name

PAGE = Path(__file__).with_suffix(".md")
JUDGES = ("distill-mos", "dnsmos")


def judges() -> dict[str, Any]:
    """The judges that are installed."""
    found = {}
    for name in JUDGES:
        try:
            found[name] = load_judge(name)
        except MmzooError as error:
            print(f"{name} is left out: {error}")
    return found


def table(model: str) -> str:
    """The measurements as a Markdown table, with a line for each export."""
    head, rated = mmzoo.create(model), judges()
    lines, notes = list[str](), list[str]()
    for name, int8 in (("onnx", False), ("onnx, 8 bits", True)):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "exported"
            export_model(head, folder, int8=int8)
            size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
            compared = comparison(model, head, folder, load_exported(folder, 1), rated)
        columns, rows = compared.table()
        if not lines:
            lines += [
                f"| {' | '.join(columns)} |",
                f"|---|{'---:|' * (len(columns) - 1)}",
                f"| {' | '.join(rows[0])} |",
            ]
        lines.append(f"| {' | '.join([name, *rows[1][1:]])} |")
        notes.append(f"- {name}: {size:.1f} MB; against torch, {compared.summary() or 'the results are not sound'}.")
    packages = ", ".join(f"{name} {metadata.version(name)}" for name in ("mmzoo", "torch", "onnxruntime"))
    machine = f"`{model}`, one thread. Python {platform.python_version()}, {packages}; {cpu_name()}."
    about = (
        "Times real time and milliseconds are of processor time, so other processes do not count; the other seconds are"
        " those on the clock, of a fresh process. Imports come before `create`, but torch is imported by it."
    )
    return "\n".join([machine, about, "", *lines, "", *notes]) + "\n"


def main() -> None:
    """Measure and print; with --write, also write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", default="vqvae-dit-tts")
    parser.add_argument("--write", action="store_true", help=f"also write {PAGE.name}")
    options = parser.parse_args()
    text = table(options.model)
    print(text, end="")
    if options.write:
        command = "Written by `python benchmarks/engines.py --write`."
        PAGE.write_text(f"# Models on onnxruntime\n\n{command}\n\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()
