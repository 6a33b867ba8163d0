"""What a card says of an evaluation: tables for readers, the figures that matter most for the Hub."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

SECTIONS = (
    "held_out_words", "unseen_words", "steps", "seeds", "judge_control", "distances", "prosody", "scenes_right",
    "scenes_lost", "attributes_right", "artist_told_the_words", "words_wrong", "attributes_heard", "attributes_written",
    "captions_word_by_word", "round_trip", "digits_right", "variety", "edits", "recognised",
    "all_against_best_single_on_degraded", "tables", "psnr_db", "copies", "codes", "speed",
)  # fmt: skip


HEADLINES = {
    "text-to-speech": {"rows.tts.wer": "wer", "rows.tts.per": "per"},
    "speech-tokenization": {"rows.copy.wer": "wer", "rows.copy.per": "per", "distances.estoi": "estoi"},
    "phonemization": {"held_out_words.phone_error_rate": "per", "held_out_words.words_with_an_error": "wer"},
    "text-tokenization": {"copies.cer": "cer", "copies.exact": "exact_match"},
    "image-tokenization": {"digits_right.copy": "accuracy", "psnr_db.scenes": "psnr", "psnr_db.digits": "psnr"},
    "text-to-image": {
        "attributes_right.one.all.share": "accuracy",
        "attributes_right.two.all.share": "accuracy",
        "edits.inpaint.model_told.psnr_db": "psnr",
        "edits.denoise.model.psnr_db": "psnr",
        "edits.upscale.model.psnr_db": "psnr",
    },
    "class-to-image": {"digits_right.drawn.share": "accuracy", "edits.denoise.model.psnr_db": "psnr"},
    "speech-to-image": {
        "attributes_right.test.all.share": "accuracy",
        "attributes_right.unseen_voice.all.share": "accuracy",
        "words_wrong.test.rate": "wer",
        "words_wrong.unseen_voice.rate": "wer",
    },
    "image-to-speech": {"attributes_heard.model.all.share": "accuracy", "round_trip.model.all.share": "accuracy"},
    "recognition": {
        "recognised.whole.image.accuracy": "accuracy",
        "recognised.whole.image+speech+text.accuracy": "accuracy",
        "recognised.degraded.image+speech+text.accuracy": "accuracy",
    },
}
"""By task, the figures of an evaluation that the Hub is told, each with the type of its metric."""
BESIDE = ("protocol", "sha256", "machine", "seconds", "speed", "tables", "codes", "complete")
MOST = 10
CENTRES = ("share", "rate", "difference", "mean")
"""What `low` and `high` beside it are the bounds of: 95 % intervals."""


def headlines(task: str, evaluation: Mapping[str, Any] | None) -> list[tuple[str, str, float]]:
    """(type of metric, name, value) of what matters most in an evaluation; of a task that is not known here, of the
    first figures that it has.
    """
    found = dict(_figures({key: value for key, value in (evaluation or {}).items() if key not in BESIDE}))
    chosen = HEADLINES.get(task) or {path: path.rpartition(".")[2] for path in list(found)[:MOST]}
    return [(kind, re.sub(r"[._]", " ", path), found[path]) for path, kind in chosen.items() if path in found]


def _figures(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _figures(value, f"{prefix}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool) and not _is_bound(key):
            yield f"{prefix}{key}", value


def _is_bound(key: str) -> bool:
    return key in ("low", "high", "spread") or key.endswith(("_low", "_high", "_spread"))


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
    more = "\n".join(["| figure | value (95 %) |", "|---|---|", *others]) if others else ""
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


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Name and value of each figure; one with an interval is one line of both."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key} ")
        elif _is_bound(key) and len(values) > 1:
            continue
        elif key in CENTRES and "low" in values:
            yield (prefix or f"{key} ").rstrip(), f"{_told(value)} ({_told(values['low'])} to {_told(values['high'])})"
        elif f"{key}_low" in values:
            low, high = values[f"{key}_low"], values[f"{key}_high"]
            yield f"{prefix}{key}", f"{_told(value)} ({_told(low)} to {_told(high)})"
        elif f"{key}_spread" in values:
            yield f"{prefix}{key}", f"{_told(value)} ± {_told(values[f'{key}_spread'])}"
        else:
            yield f"{prefix}{key}", value
