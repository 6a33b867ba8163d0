"""Results of priors, as shown in a README."""

from __future__ import annotations

from mmzoo.evaluation.tables import Report, line, table, with_interval, words


def picture_numbers(evaluation: Report) -> list[str]:
    """Digits and scenes drawn by each model."""
    rows = [
        [
            kind,
            words(name),
            with_interval(one["right"].get("all", one["right"])),
            *(
                "" if one.get(key) is None else f"{one[key]:.3g}"
                for key in ("frechet", "nearest_training", "pairwise", "per_second")
            ),
        ]
        for kind in ("digits", "scenes")
        for name, one in evaluation.get(kind, {}).items()
    ]
    header = ["", "by", "judged right %", "Frechet distance", "to nearest training", "between pairs", "per second"]
    return [table(header, rows) if rows else ""]


def speech_numbers(evaluation: Report) -> list[str]:
    """Words recognized, and all other measurements."""
    right = ", ".join(f"{words(name)} {with_interval(one)} %" for name, one in evaluation.get("right", {}).items())
    keys = {"frechet": "Frechet distance", "variety": "Variety", "speed": "Speed"}
    return [f"Words recognized: {right}." if right else "", *(line(t, evaluation.get(k, {})) for k, t in keys.items())]


def text_numbers(evaluation: Report) -> list[str]:
    """All measurements, one per line."""
    from mmzoo_prior.tasks import TEXT_LINES

    return [line(title, evaluation.get(key, {})) for key, title in TEXT_LINES.items()]
