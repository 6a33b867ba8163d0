"""Fill the tables of the recognition studies and print them as JSON.

Every cell of a table trains one small model from scratch, so a whole table takes hours on two cores. Finished cells
are kept in mmzoo's cache folder: an interrupted run resumes where it stopped, and several processes may fill different
seeds at the same time.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from mmzoo.evaluation.runner import tidy
from studies.recognition.arms import table
from studies.recognition.few_labels import few_labels
from studies.recognition.imbalance import imbalance
from studies.recognition.training import SEEDS

TABLES = {"arms": table, "imbalance": imbalance, "few_labels": few_labels}
REPORT = Path(__file__).parents[2] / "model_cards" / "vqvae-dit-recognition" / "evaluation.json"


def main(arguments: Sequence[str] | None = None) -> None:
    """Fill the tables, print them, and optionally write them into the model's evaluation.json."""
    parser = argparse.ArgumentParser(
        prog="python -m studies.recognition", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"any of {', '.join(TABLES)} (default: all)")
    parser.add_argument("--seed", type=int, action="append", choices=SEEDS, help="only this seed; may be repeated")
    parser.add_argument("--write", action="store_true", help="replace these tables in the model's evaluation.json")
    options = parser.parse_args(arguments)
    if unknown := set(options.tables) - set(TABLES):
        parser.error(f"there is no table {sorted(unknown)[0]!r}; choose from {', '.join(TABLES)}")
    if options.write and options.seed:
        parser.error("--write needs the cells of all seeds; omit --seed")
    filled = tidy({name: TABLES[name](options.seed or SEEDS) for name in options.tables or TABLES})
    print(json.dumps(filled, indent=2))
    if options.write:
        report = json.loads(REPORT.read_text("utf-8"))
        report["tables"] = report.get("tables", {}) | filled
        REPORT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        print(f"{REPORT}: tables written; now run: mmzoo card {REPORT.parent} and python docs/readme_numbers.py")


if __name__ == "__main__":
    main()
