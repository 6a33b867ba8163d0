"""The results section of a card: an evaluation as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SECTIONS = (
    "held_out_words", "unseen_words", "steps", "seeds", "judge_control", "distances", "prosody", "scenes_right",
    "scenes_lost", "attributes_right", "artist_told_the_words", "words_wrong", "attributes_heard", "attributes_written",
    "captions_word_by_word", "round_trip", "digits_right", "variety", "edits", "recognised",
    "all_against_best_single_on_degraded", "tables", "psnr_db", "copies", "codes", "speed",
)  # fmt: skip


def results(evaluation: Mapping[str, Any] | None) -> str:
    """The section, whatever the evaluation holds."""
    if evaluation is None:
        return "## Results\n\nThis model has not been evaluated yet."
    told = _judged(evaluation) if "rows" in evaluation else _protocol(evaluation)
    tables = dict(evaluation.get("tables", {}))
    labels = few_labels(tables.pop("few_labels", {}))
    evaluation = {**evaluation, "tables": tables}
    others = []
    if "speaking_rate_ratio" in evaluation:
        others.append(f"| speaking rate against the teacher's | {evaluation['speaking_rate_ratio']:,} |")
    for section in SECTIONS:
        if section in evaluation:
            name, values = section.replace("_", " "), evaluation[section]
            if not isinstance(values, Mapping):
                others.append(f"| {name} | {_told(values)} |")
                continue
            others += [f"| {name}: {n.replace('_', ' ')} | {_told(v)} |" for n, v in _flat(values)]
    more = "\n".join(["| figure | value |", "|---|---|", *others]) if others else ""
    return "\n\n".join(part for part in ("## Results", told, more, labels) if part)


def few_labels(study: Mapping[str, Any]) -> str:
    """Error rates by arm and share of labels, with the change of errors against equal compute."""
    rows, changes = study.get("error", {}), study.get("change", {})
    budgets = list(dict.fromkeys(budget for row in rows.values() for budget in row))
    if not budgets:
        return ""
    lines = [f"| arm | {' | '.join(budgets)} | errors at 5% against equal compute (95 %) |"]
    lines.append("|---|" + "---|" * (len(budgets) + 1))
    for name, row in rows.items():
        cells = [f"{row[key]['mean']:.1%} ± {row[key]['spread']:.1%}" if key in row else "" for key in budgets]
        gap = changes.get(name)
        against = f"{gap['share']:+.0%} ({gap['low']:+.0%} to {gap['high']:+.0%})" if gap else ""
        lines.append(f"| {name} | {' | '.join(cells)} | {against} |")
    told = (
        "Single words (`spoken-words`) of voices that training lacks, learned by a small recogniser of speech from"
        " labels for a share of the training words: the share taken for another word, mean ± spread over seeds."
    )
    return f"{told}\n\n" + "\n".join(lines)


def _judged(evaluation: Mapping[str, Any]) -> str:
    """The table of an evaluation by ear."""
    protocol = evaluation["protocol"]
    table = [
        "| heard | words wrong | letters wrong | phones wrong | skipped, added, repeated words | garbled |"
        " words wrong against the teacher (95 %) |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in evaluation["rows"].items():
        against = evaluation.get("differences", {}).get(name, {})
        gap = against.get("wer")
        told = f"{gap['difference']:+.1%} ({gap['low']:+.1%} to {gap['high']:+.1%})" if gap and "low" in gap else ""
        rates = " | ".join(f"{row[key]:.1%}" if key in row else "" for key in ("wer", "cer", "per"))
        slips = ", ".join(f"{row[f'words_{key}']:.1%}" for key in ("skipped", "added", "repeated"))
        garbled = f"{against['words_garbled']:.1%}" if "words_garbled" in against else ""
        table.append(f"| {name.replace('_', ' ')} | {rates} | {slips} | {garbled} | {told} |")
    judge = (
        f"Judge: {protocol['judge']}, which had no part in training; {protocol['sentences']} sentences,"
        f" {protocol['data']}. It mishears the teacher too: what counts is the difference. Garbled words fit"
        " their sound worse than 99 % of the teacher's words do, by forced alignment. Command:"
        f" `{evaluation['command']}`."
    )
    return "\n\n".join((judge, "\n".join(table)))


def _protocol(evaluation: Mapping[str, Any]) -> str:
    """How the figures of an evaluation without a judge were made."""
    told = "; ".join(f"{key.replace('_', ' ')}: {value}" for key, value in evaluation["protocol"].items())
    return f"{told[:1].upper()}{told[1:]}. Command: `{evaluation['command']}`."


def _told(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{prefix}{key} ")
        else:
            found.append((prefix + key, value))
    return found


def rates(evaluation: Mapping[str, Any] | None) -> list[tuple[str, float]]:
    """The word and phone error rates of an evaluation, by name."""
    rows = (evaluation or {}).get("rows", {})
    return [(f"{row} {key}", values[key]) for row, values in rows.items() for key in ("wer", "per") if key in values]
