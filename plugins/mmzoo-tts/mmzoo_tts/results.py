"""The results of text to speech for the README."""

from __future__ import annotations

from collections.abc import Mapping

from mmzoo.evaluation.tables import Report, line, percent, points, recognition_table, table, words
from mmzoo_tts.tasks import LINES


def numbers(evaluation: Report) -> list[str]:
    """The judge's error rates, unseen words, sampling steps, and everything else that was measured."""
    return [
        recognition_table(evaluation),
        _unseen(evaluation.get("unseen_words", {})),
        _by_steps(evaluation.get("steps", {})),
        *(line(title, evaluation.get(key, {})) for key, title in LINES.items()),
    ]


def _unseen(report: Report) -> str:
    """How often the judge missed words that were not in the training data."""
    if not report:
        return ""
    differences = report.get("difference", {})
    rows = [[words(n), percent(report["error"], n), points(differences.get(n))] for n in report["error"]]
    return table([f"{report['words']} unseen words", "missed %", "above the teacher's (95 %)"], rows)


def _by_steps(report: Report) -> str:
    """Quality and speed by the number of sampling steps."""
    rows = [
        [steps, percent(row, "wer"), percent(row, "per"), f"{1 / row['rtf']:.0f}"]
        for steps, row in report.items()
        if isinstance(row, Mapping)
    ]
    return table(["sampling steps", "WER %", "PER %", "times real time"], rows) if rows else ""
