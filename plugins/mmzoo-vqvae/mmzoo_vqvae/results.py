"""Results of tokenizers, as shown in a README."""

from __future__ import annotations

from mmzoo.evaluation.tables import (
    Report,
    line,
    percent,
    ratings_table,
    recognition_results,
    recognition_table,
    table,
    words,
)
from mmzoo_vqvae.tasks import PICTURE_LINES, SPEECH_LINES


def speech_numbers(evaluation: Report) -> list[str]:
    """Recognition by the judge, and all other measurements."""
    return [
        recognition_table(evaluation),
        ratings_table(evaluation),
        _by_voice(evaluation),
        *(line(title, evaluation.get(key, {})) for key, title in SPEECH_LINES.items()),
    ]


def speech_tables(evaluation: Report) -> str:
    """The tables of the card."""
    return "\n\n".join(filter(None, (recognition_results(evaluation), _by_voice(evaluation))))


def _by_voice(evaluation: Report) -> str:
    """Distances of copies by voice."""
    rows = {voice: report["distances"] for voice, report in evaluation.get("voices", {}).items()}
    names = list(next(iter(rows.values()), {}))
    cells = ([voice, *(f"{row[name]:.3g}" for name in names)] for voice, row in rows.items())
    return table(["copy against original", *map(words, names)], cells) if rows else ""


def picture_numbers(evaluation: Report) -> list[str]:
    """Originals and reconstructions as read by the judges, and all other measurements."""
    scenes, digits = evaluation.get("scenes_right", {}), evaluation.get("digits_right", {})
    names = list(next(iter(scenes.values()), {}))
    rows = [[row, *(percent(rates, name) for name in names), percent(digits, row)] for row, rates in scenes.items()]
    return [
        table(["read right %", *names, "digits"], rows) if rows else "",
        *(line(title, evaluation.get(key, {})) for key, title in PICTURE_LINES.items()),
    ]
