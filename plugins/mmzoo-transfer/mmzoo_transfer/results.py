"""The results of transfer between speech and pictures for the README."""

from __future__ import annotations

from mmzoo.evaluation.tables import Report, accuracy_table, line

TABLES = {
    "attributes_right": "right in pictures %",
    "attributes_heard": "heard right %",
    "round_trip": "right in the picture drawn from the speech %",
}


def numbers(evaluation: Report) -> list[str]:
    """Accuracy in pictures and in speech, and the speed."""
    return [
        *(accuracy_table(title, evaluation.get(key, {})) for key, title in TABLES.items()),
        line("Speed", evaluation.get("speed", {})),
    ]
