"""Writes the numbers in README.md from the evaluation.json of every model card.

python docs/readme_numbers.py            rewrites README.md between the two markers
python docs/readme_numbers.py --check    exit code 1 if that part is out of date
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

Report = Mapping[str, Any]


def numbers(cards: Path = CARDS) -> str:
    """The Markdown between the markers."""
    reports = [(path.parent.name, json.loads(path.read_text())) for path in sorted(cards.glob("*/evaluation.json"))]
    return "\n\n".join(section(model, report) for model, report in reports) or NOTHING


def section(model: str, report: Report) -> str:
    """One model: how it was measured, then its results in the layout of its task."""
    from mmzoo.evaluation.tables import blocks

    protocol, machine = report.get("protocol", {}), report.get("machine", {})
    judges = protocol.get("judges")
    facts = [
        f"{protocol['sentences']} sentences" if "sentences" in protocol else "",
        str(protocol.get("data", "")),
        ", ".join(judges.values()) if isinstance(judges, Mapping) else str(protocol.get("judge", "")),
        f"{machine['cpu']}, {machine['threads']} thread{'s' * (machine['threads'] > 1)}" if machine else "",
    ]
    head = f"**[{model}](model_cards/{model})**: {'; '.join(fact for fact in facts if fact)}."
    return "\n\n".join(block for block in (head, *blocks(report)) if block)


def updated(page: str, text: str) -> str:
    """The page with this text between its markers."""
    before, start, rest = page.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise SystemExit(f"README.md lacks the markers {START} and {END}; put them where the numbers belong.")
    return f"{before}{START}\n\n{text}\n\n{END}{after}"


def main() -> int:
    """Write or check."""
    page = README.read_text(encoding="utf-8")
    updated_page = updated(page, numbers())
    if sys.argv[1:] == ["--check"]:
        if page != updated_page:
            print("The numbers in README.md differ from the cards; run: python docs/readme_numbers.py", file=sys.stderr)
        return int(page != updated_page)
    README.write_text(updated_page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
