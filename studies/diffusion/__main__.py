"""Fill the tables of recognition by diffusion and print them as Markdown.

Finished cells are kept in mmzoo's cache folder, so an interrupted run resumes. With the trained models at hand, the
classes take about half an hour on one core, and the masks as long.
"""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from mmzoo.system import cpu_name
from studies.diffusion.classes import classes
from studies.diffusion.masks import SEEDS, STEPS, masks

PAGE = Path(__file__).with_name("results.md")
TABLES: Mapping[str, Callable[[], str]] = {"classes": classes, "masks": masks}
TITLES = {
    "classes": "Classes: 400 real digits, clean, with noise, and with a gray square; means over seeds",
    "masks": f"Masks: 400 held-out pictures, {STEPS} steps of training, {len(SEEDS)} seed",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Fill the tables, print them, and optionally write them to the page."""
    parser = argparse.ArgumentParser(
        prog="python -m studies.diffusion", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"any of {', '.join(TABLES)} (default: all)")
    parser.add_argument("--write", action="store_true", help=f"write all tables to {PAGE.name}")
    options = parser.parse_args(arguments)
    if unknown := set(options.tables) - set(TABLES):
        parser.error(f"there is no table {sorted(unknown)[0]!r}; choose from {', '.join(TABLES)}")
    if options.write and options.tables:
        parser.error("--write writes all tables; name none")
    shown = [f"## {TITLES[name]}\n\n{TABLES[name]()}" for name in options.tables or TABLES]
    text = "\n\n".join(shown)
    print(text)
    if options.write:
        about = (
            f"Written by `python -m studies.diffusion --write` on {datetime.date.today().isoformat()}:"
            f" {cpu_name()}, {torch.get_num_threads()} threads, torch {torch.__version__}."
        )
        PAGE.write_text(f"# Recognition by diffusion\n\n{about}\n\n{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
