"""The results of text to speech, for the card and the README."""

from __future__ import annotations

from collections.abc import Mapping

from mmzoo.evaluation.tables import (
    Report,
    columns_table,
    line,
    percent,
    points,
    ratings_table,
    recognition_results,
    recognition_table,
    table,
    words,
)
from mmzoo_tts.tasks import LINES

BY_VOICE = {
    "prosody.log_f0_correlation": "log F0 correlation",
    "prosody.mcd_mfcc13": "MCD",
    "speaking_rate_ratio": "rate",
}
"""Figures of each voice, and the titles of their columns."""
RATES = ("wer", "per", "rtf")
"""Figures by number of steps that are no ratings."""


def numbers(evaluation: Report) -> list[str]:
    """The judges' figures, unseen words, sampling steps, and everything else that was measured."""
    return [
        recognition_table(evaluation),
        ratings_table(evaluation),
        _order(evaluation.get("order", {})),
        _by_voice(evaluation),
        _unseen(evaluation.get("unseen_words", {})),
        _by_steps(evaluation.get("steps", {})),
        *(line(title, evaluation.get(key, {})) for key, title in LINES.items()),
    ]


def tables(evaluation: Report) -> str:
    """The tables of the card."""
    shown = (recognition_results(evaluation), _order(evaluation.get("order", {})), _by_voice(evaluation))
    return "\n\n".join(filter(None, shown))


def _order(report: Report) -> str:
    """The order of the rows by each listener."""
    lines = [f"Order by {name}, from the fewest wrong words: {', '.join(map(words, rows))}." for name, rows in
             report.get("by", {}).items()]  # fmt: skip
    if "pairs" in report:
        lines.append(
            f"Of {report['pairs']} pairs, the listeners order {report['alike'] * 100:.0f} % alike; in"
            f" {report['contradicted']}, both differences are significant and contradict each other."
        )
    return " ".join(lines) if "pairs" in report else ""


def _by_voice(evaluation: Report) -> str:
    """Prosody and intonation of each voice against its teacher's; the slopes are in semitones per second."""
    voices: dict[str, Report] = {
        evaluation.get("protocol", {}).get("voice", "first voice"): evaluation,
        **evaluation.get("voices", {}),
    }
    if not any("questions" in report for report in voices.values()):
        return ""
    header = ["voice", *BY_VOICE.values(), "end of questions, teacher", "tts", "rising %, teacher", "tts"]
    return table(header, ([voice, *_prosody(report), *_questions(report)] for voice, report in voices.items()))


def _prosody(report: Report) -> list[str]:
    cells = []
    for path in BY_VOICE:
        value: object = report
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        cells.append(f"{value:.2f}" if isinstance(value, float) else "-")
    return cells


def _questions(report: Report) -> list[str]:
    asked = report.get("questions")
    if asked is None:
        return ["-"] * 4
    slopes = [
        f"{asked[row]['mean']:+.0f} ({asked[row]['low']:+.0f} to {asked[row]['high']:+.0f})" for row in asked["rising"]
    ]
    return [*slopes, *(f"{share * 100:.0f}" for share in asked["rising"].values())]


def _unseen(report: Report) -> str:
    """How often the judge missed words that were not in the training data."""
    if not report:
        return ""
    differences = report.get("difference", {})
    rows = [[words(n), percent(report["error"], n), points(differences.get(n))] for n in report["error"]]
    return table([f"{report['words']} unseen words", "missed %", "above the teacher's (95 %)"], rows)


def _by_steps(report: Report) -> str:
    """Quality and speed by the number of sampling steps."""
    rows = {steps: row for steps, row in report.items() if isinstance(row, Mapping)}
    ratings = [key for key in dict.fromkeys(key for row in rows.values() for key in row) if key not in RATES]
    columns = {"sampling steps": list(rows)}
    columns |= {f"{key.upper()} %": [percent(row, key) for row in rows.values()] for key in ("wer", "per")}
    columns |= {words(key): [f"{row[key]:.2f}" if key in row else "-" for row in rows.values()] for key in ratings}
    columns["times real time"] = [f"{1 / row['rtf']:.0f}" for row in rows.values()]
    return columns_table(columns) if rows else ""
