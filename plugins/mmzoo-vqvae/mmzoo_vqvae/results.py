"""Results of tokenizers, as shown in a README."""

from __future__ import annotations

from mmzoo.evaluation.tables import Report, line, percent, recognition_table, table
from mmzoo_vqvae.tasks import PICTURE_LINES, SPEECH_LINES


def speech_numbers(evaluation: Report) -> list[str]:
    """Recognition by the judge, and all other measurements."""
    return [
        recognition_table(evaluation),
        *(line(title, evaluation.get(key, {})) for key, title in SPEECH_LINES.items()),
    ]


def picture_numbers(evaluation: Report) -> list[str]:
    """Originals and reconstructions as read by the judges, and all other measurements."""
    scenes, digits = evaluation.get("scenes_right", {}), evaluation.get("digits_right", {})
    names = list(next(iter(scenes.values()), {}))
    rows = [[row, *(percent(rates, name) for name in names), percent(digits, row)] for row, rates in scenes.items()]
    return [
        table(["read right %", *names, "digits"], rows) if rows else "",
        *(line(title, evaluation.get(key, {})) for key, title in PICTURE_LINES.items()),
    ]
