"""Writes the numbers in README.md from the evaluation.json of every model card.

    python docs/readme_numbers.py            rewrites the part of README.md between its two marks
    python docs/readme_numbers.py --check    exit code 1 if that part is not what the cards say

Of an evaluation.json it reads `rows` (name of a row: metrics), `speed` (name: number) and `measured_on` (text).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
README, CARDS = ROOT / "README.md", ROOT / "model_cards"
START, END = "<!-- numbers: written by `python docs/readme_numbers.py` -->", "<!-- /numbers -->"
NOTHING = "No model has been measured yet: there is no `evaluation.json` in `model_cards/`."

COLUMNS = {
    "wer": ("WER %", 100, 1),
    "cer": ("CER %", 100, 1),
    "per": ("PER %", 100, 1),
    "unseen_wer": ("unseen words, WER %", 100, 1),
    "stoi": ("STOI", 1, 3),
    "estoi": ("ESTOI", 1, 3),
    "mcd": ("MCD dB", 1, 2),
    "log_f0_rmse": ("log-F0 RMSE", 1, 3),
}
"""Metric to (heading, factor, decimals), in the order of the table; a column that no row has is left out."""


def numbers(cards: Path = CARDS) -> str:
    """The Markdown between the marks."""
    blocks = [
        section(path.parent.name, json.loads(path.read_text())) for path in sorted(cards.glob("*/evaluation.json"))
    ]
    return "\n\n".join(blocks) if blocks else NOTHING


def section(model: str, evaluation: Mapping[str, Any]) -> str:
    """One model: its rows as a table, then its speed in a line."""
    rows: Mapping[str, Mapping[str, Any]] = evaluation["rows"]
    shown = [key for key in COLUMNS if any(number(row.get(key)) is not None for row in rows.values())]
    lines = [
        f"**[{model}](model_cards/{model})**",
        "",
        f"| | {' | '.join(COLUMNS[key][0] for key in shown)} |",
        f"|---|{'---:|' * len(shown)}",
    ]
    for name, row in rows.items():
        lines.append(f"| {name} | {' | '.join(cell(row.get(key), *COLUMNS[key][1:]) for key in shown)} |")
    facts = [f"{name.replace('_', ' ')} {value:g}" for name, value in (evaluation.get("speed") or {}).items()]
    if evaluation.get("measured_on"):
        facts.append(f"measured on {evaluation['measured_on']}")
    return "\n".join([*lines, "", f"{'; '.join(facts)}."] if facts else lines)


def number(value: Any) -> float | None:
    """A metric as a number: itself, or the `value` of a mapping that has its interval too."""
    if isinstance(value, Mapping):
        value = value.get("value")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def cell(value: Any, factor: float, decimals: int) -> str:
    """A number, and its 95 % interval if it has one."""
    found = number(value)
    if found is None:
        return "-"
    text = f"{found * factor:.{decimals}f}"
    if isinstance(value, Mapping) and "low" in value and "high" in value:
        text += f" ({value['low'] * factor:.{decimals}f} to {value['high'] * factor:.{decimals}f})"
    return text


def updated(page: str, text: str) -> str:
    """The page with this text between its marks."""
    before, start, rest = page.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise SystemExit(f"README.md lacks the marks {START} and {END}; put them where the numbers belong.")
    return f"{before}{START}\n\n{text}\n\n{END}{after}"


def main() -> int:
    """Write or check."""
    page = README.read_text(encoding="utf-8")
    now = updated(page, numbers())
    if sys.argv[1:] == ["--check"]:
        if page != now:
            print("README.md has other numbers than the cards; run: python docs/readme_numbers.py", file=sys.stderr)
        return int(page != now)
    README.write_text(now, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
