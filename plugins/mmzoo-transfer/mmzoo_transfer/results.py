"""The numbers of transfer between speech and pictures as a README shows them."""

from __future__ import annotations

from mmzoo.evaluation.tables import Report, accuracy_table, line

TABLES = {
    "attributes_right": "right in pictures %",
    "attributes_heard": "heard right %",
    "round_trip": "right in the picture drawn from the speech %",
}


def numbers(evaluation: Report) -> list[str]:
    """What is right in pictures and speech, and the speed."""
    return [
        *(accuracy_table(title, evaluation.get(key, {})) for key, title in TABLES.items()),
        line("Speed", evaluation.get("speed", {})),
    ]
