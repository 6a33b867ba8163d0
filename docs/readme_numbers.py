"""Writes the numbers in README.md from the evaluation.json of every model card.

python docs/readme_numbers.py            rewrites the part of README.md between its two marks
python docs/readme_numbers.py --check    exit code 1 if that part is not what the cards say
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
README, CARDS = ROOT / "README.md", ROOT / "model_cards"
START, END = "<!-- numbers: written by `python docs/readme_numbers.py` -->", "<!-- /numbers -->"
NOTHING = "No model has been measured yet: there is no `evaluation.json` in `model_cards/`."

Report = Mapping[str, Any]


def numbers(cards: Path = CARDS) -> str:
    """The Markdown between the marks."""
    reports = [(path.parent.name, json.loads(path.read_text())) for path in sorted(cards.glob("*/evaluation.json"))]
    return "\n\n".join(section(model, report) for model, report in reports) or NOTHING


def section(model: str, report: Report) -> str:
    """One model: how it was measured, what the recogniser heard, then everything else that was measured."""
    protocol = report.get("protocol", {})
    facts = [
        f"{protocol['sentences']} sentences" if "sentences" in protocol else "",
        str(protocol.get("data", "")),
        str(protocol.get("judge", "")),
        machine(report.get("machine", {})),
    ]
    blocks = [
        f"**[{model}](model_cards/{model})**: {'; '.join(fact for fact in facts if fact)}.",
        heard(report.get("rows", {}), report.get("differences", {})),
        unseen(report.get("unseen_words", {})),
        by_steps(report.get("steps", {})),
        read_off(report.get("scenes_right", {}), report.get("digits_right", {})),
        *(shares(title, report.get(key, {})) for key, title in SHARES.items()),
        drawn_digits(report),
        edits(report.get("edits", {})),
        recognised(report.get("recognised", {})),
        arms(report.get("tables", {}).get("arms", {})),
        rare(report.get("tables", {}).get("imbalance", {})),
        few_labels(report.get("tables", {}).get("few_labels", {})),
        *(line(title, report.get(key, {})) for key, title in LINES.items()),
    ]
    return "\n\n".join(block for block in blocks if block)


LINES = {
    "psnr_db": "PSNR of copies in dB",
    "copies": "Copies of sentences",
    "held_out_words": "Words that neither it nor its lexicon has met",
    "distances": "Copy against original",
    "codes": "Codes",
    "prosody": "Speech against the teacher's",
    "judge_control": "The judge on a synthesiser that shares nothing with the teacher (espeak-ng)",
    "speed": "Speed",
}


SHARES = {
    "attributes_right": "right in pictures %",
    "attributes_heard": "heard right %",
    "round_trip": "right in the picture drawn from the speech %",
}


def machine(told: Report) -> str:
    """Where it was measured."""
    return f"{told['cpu']}, {told['threads']} threads" if told else ""


def heard(rows: Mapping[str, Report], differences: Mapping[str, Report]) -> str:
    """Error rates of each row, and its difference to the teacher's with the 95 % interval."""
    if not rows:
        return ""
    lines = [
        "| | WER % | CER % | PER % | words skipped, added, repeated % | garbled % | WER above the teacher's (95 %) |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row in rows.items():
        rates = " | ".join(f"{row[key] * 100:.1f}" if key in row else "-" for key in ("wer", "cer", "per"))
        slips = ", ".join(
            f"{row[key] * 100:.1f}" if key in row else "-" for key in ("words_skipped", "words_added", "words_repeated")
        )
        against = differences.get(name, {})
        garbled = f"{against['words_garbled'] * 100:.1f}" if "words_garbled" in against else "-"
        lines.append(f"| {words(name)} | {rates} | {slips} | {garbled} | {above(against.get('wer'))} |")
    return "\n".join(lines)


def above(found: Report | None) -> str:
    """A difference of rates in points, with its interval."""
    if found is None:
        return ""
    return f"{found['difference'] * 100:+.1f} ({found['low'] * 100:+.1f} to {found['high'] * 100:+.1f})"


def unseen(report: Report) -> str:
    """Words that training never had: how often the recogniser missed them."""
    if not report:
        return ""
    lines = [f"| {report['words']} unseen words | missed % | above the teacher's (95 %) |", "|---|---:|---:|"]
    for name, rate in report["error"].items():
        lines.append(f"| {words(name)} | {rate * 100:.1f} | {above(report.get('difference', {}).get(name))} |")
    return "\n".join(lines)


def by_steps(report: Report) -> str:
    """Quality and speed by the number of sampling steps."""
    rows = {steps: row for steps, row in report.items() if isinstance(row, Mapping)}
    if not rows:
        return ""
    if all("share" in row for row in rows.values()):
        told = [f"{steps} {with_interval(row)}" for steps, row in rows.items()]
        return f"Right by sampling steps, one thing, %: {', '.join(told)}."
    lines = ["| sampling steps | WER % | PER % | times real time |", "|---|---:|---:|---:|"]
    for steps, row in rows.items():
        lines.append(f"| {steps} | {row['wer'] * 100:.1f} | {row['per'] * 100:.1f} | {1 / row['rtf']:.0f} |")
    return "\n".join(lines)


def read_off(scenes: Mapping[str, Report], digits: Report) -> str:
    """What judges read off true pictures and copies."""
    if not scenes:
        return ""
    names = list(next(iter(scenes.values())))
    lines = [f"| read right % | {' | '.join(names)} | digits |", "|---|" + "---:|" * (len(names) + 1)]
    for row, rates in scenes.items():
        cells = [f"{rates[name] * 100:.1f}" for name in names] + [f"{digits[row] * 100:.1f}" if row in digits else "-"]
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return "\n".join(lines)


def shares(title: str, report: Mapping[str, Report]) -> str:
    """Shares right by row and attribute, all of them together with a 95 % interval."""
    rows = {name: row for name, row in report.items() if isinstance(row, Mapping)}
    if not rows:
        return ""
    names = [name for name in dict.fromkeys(chain.from_iterable(rows.values())) if name != "all"]
    lines = [f"| {title} | {' | '.join(names)} | all (95 %) |", "|---|" + "---:|" * (len(names) + 1)]
    for name, row in rows.items():
        cells = " | ".join(f"{row[key] * 100:.1f}" if key in row else "-" for key in names)
        lines.append(f"| {words(name)} | {cells} | {with_interval(row['all'])} |")
    return "\n".join(lines)


def with_interval(found: Report) -> str:
    """A share in percent with its interval."""
    return f"{found['share'] * 100:.1f} ({found['low'] * 100:.1f} to {found['high'] * 100:.1f})"


def drawn_digits(report: Report) -> str:
    """Digits recognised as what was asked for, and how various they are."""
    found = report.get("digits_right", {})
    if "drawn" not in found:
        return ""
    told = f"Digits recognised: drawn {with_interval(found['drawn'])} %, real ones {with_interval(found['real'])} %."
    return f"{told} {line('Variety', report['variety'])}"


def edits(report: Mapping[str, Report]) -> str:
    """Edits beside their baselines."""
    if not report:
        return ""
    lines = [
        "| edit | by | PSNR dB | judged right % | wrong against the baseline, points |",
        "|---|---|---:|---:|---:|",
    ]
    for task, arms in report.items():
        for arm, row in arms.items():
            by = row["method"] if arm == "baseline" else words(arm)
            against = above(row.get("wrong_against_baseline"))
            lines.append(f"| {task} | {by} | {row['psnr_db']:.1f} | {row['right'] * 100:.1f} | {against} |")
    return "\n".join(lines)


def recognised(report: Mapping[str, Mapping[str, Report]]) -> str:
    """Accuracy by test and subset of modalities."""
    if not report:
        return ""
    subsets = list(next(iter(report.values())))
    lines = [f"| accuracy % | {' | '.join(subsets)} |", "|---|" + "---:|" * len(subsets)]
    for test, rows in report.items():
        lines.append(f"| {test} | " + " | ".join(f"{rows[name]['accuracy'] * 100:.1f}" for name in subsets) + " |")
    return "\n".join(lines)


def arms(report: Mapping[str, Report]) -> str:
    """The table of all arms: means over seeds."""
    if not report:
        return ""
    keys = ("accuracy", "macro_recall", "macro_f1")
    lines = [
        "| arm | parameters | seeds | whole: accuracy, macro recall, macro F1 % | degraded: the same |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, row in report.items():
        cells = [
            ", ".join(f"{row[test][key] * 100:.1f}" for key in keys) + f" (±{row[test]['accuracy_spread'] * 100:.1f})"
            for test in ("whole", "degraded")
        ]
        lines.append(f"| {name} | {row['parameters']:,} | {row['seeds']} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def rare(report: Mapping[str, Report]) -> str:
    """What helps classes of which few examples are known."""
    if not report:
        return ""
    keys = ("rare_recall", "macro_recall", "macro_f1", "accuracy")
    lines = [f"| against rare classes, % | {' | '.join(map(words, keys))} |", "|---|" + "---:|" * len(keys)]
    for name, row in report.items():
        lines.append(f"| {name} | {' | '.join(f'{row[key] * 100:.1f}' for key in keys)} |")
    return "\n".join(lines)


def few_labels(report: Mapping[str, Mapping[str, Report]]) -> str:
    """Errors by the share of labels, and their change against equal compute."""
    rows, changes = report.get("error", {}), report.get("change", {})
    budgets = list(dict.fromkeys(chain.from_iterable(rows.values())))
    if not budgets:
        return ""
    lines = [
        f"| words of unseen voices: errors % at labels for | {' | '.join(budgets)} | errors at 5% against equal"
        " compute, % (95 %) |",
        "|---|" + "---:|" * (len(budgets) + 1),
    ]
    for name, row in rows.items():
        cells = [
            f"{row[key]['mean'] * 100:.1f} (±{row[key]['spread'] * 100:.1f})" if key in row else "-" for key in budgets
        ]
        gap = changes.get(name)
        told = f"{gap['share'] * 100:+.0f} ({gap['low'] * 100:+.0f} to {gap['high'] * 100:+.0f})" if gap else ""
        lines.append(f"| {name} | {' | '.join(cells)} | {told} |")
    return "\n".join(lines)


def line(title: str, report: Report) -> str:
    """Plain numbers in one sentence."""
    numbers = {name: value for name, value in report.items() if isinstance(value, int | float)}
    told = [
        f"{words(name)} {value:,}" if isinstance(value, int) else f"{words(name)} {value:.4g}"
        for name, value in numbers.items()
    ]
    return f"{title}: {', '.join(told)}." if told else ""


def words(name: str) -> str:
    """A key as it is read."""
    return name.replace("_", " ")


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
