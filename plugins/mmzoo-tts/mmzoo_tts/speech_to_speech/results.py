"""The results of voice conversion and speech enhancement for cards and the README."""

from __future__ import annotations

from collections.abc import Mapping

from mmzoo.evaluation.tables import Report, line, percent, points, table, with_interval, words

SCORES = {"overall": "DNSMOS overall", "p808": "P.808", "speaker_similarity": "speaker", "si_sdr_db": "SI-SDR dB"}
COMPARED = ("words wrong against noisy", "DNSMOS against gating", "P.808 against gating")


def conversion_tables(evaluation: Report) -> str:
    """Words wrong before and after, and whether the speaker is the one asked for, by source."""
    return "\n\n".join(block for block in (_conversion(evaluation), _sources(evaluation)) if block)


def conversion_numbers(evaluation: Report) -> list[str]:
    """The tables and the speed."""
    return [_conversion(evaluation), _sources(evaluation), line("Speed", evaluation.get("speed", {}))]


def enhancement_tables(evaluation: Report) -> str:
    """Quality and words wrong, in all and by ratio and noise."""
    return "\n\n".join(block for block in _enhancement(evaluation) if block)


def enhancement_numbers(evaluation: Report) -> list[str]:
    """The tables and the speed."""
    return [*_enhancement(evaluation), line("Speed", evaluation.get("speed", {}))]


def _conversion(evaluation: Report) -> str:
    rows = evaluation.get("rows", {})
    shown = [
        [
            f"{words(group)} voices",
            percent(rows.get(f"{group}_input", {}), "wer"),
            percent(rows.get(group, {}), "wer"),
            points(evaluation.get("differences", {}).get(group, {}).get("wer")),
            with_interval(told),
        ]
        for group, told in evaluation.get("target_told", {}).items()
    ]
    header = ["source", "words wrong before %", "after %", "difference (95 %)", "target recognized % (95 %)"]
    return table(header, shown) if shown else ""


def _sources(evaluation: Report) -> str:
    rows = [
        [voice, *(percent(row, key) for key in ("wer_input", "wer", "target_told"))]
        for voice, row in evaluation.get("by_source", {}).items()
    ]
    return table(["source", "words wrong before %", "after %", "target recognized %"], rows) if rows else ""


def _enhancement(evaluation: Report) -> list[str]:
    parts = {"all": evaluation} | {
        f"{name} {unit}".strip(): part
        for key, unit in (("by_ratio_db", "dB"), ("by_noise", ""))
        for name, part in evaluation.get(key, {}).items()
    }
    scored = [
        [words(name), percent(row, "wer"), *(f"{row[key]:.2f}" if key in row else "-" for key in SCORES)]
        for name, row in evaluation.get("rows", {}).items()
    ]
    compared = [[title, *_against(part.get("differences", {}))] for title, part in parts.items()]
    header = ["noise", *(f"{figure} (95 %)" for figure in COMPARED)]
    return [
        table(["", "words wrong %", *SCORES.values()], scored) if scored else "",
        table(header, compared) if evaluation.get("differences") else "",
    ]


def _against(differences: Report) -> list[str]:
    noisy, gating = (differences.get(f"model_against_{base}", {}) for base in ("noisy", "spectral_gating"))
    return [points(noisy.get("wer")), *(_gap(gating.get(key)) for key in ("overall", "p808"))]


def _gap(change: Mapping[str, float] | None) -> str:
    return f"{change['difference']:+.2f} ({change['low']:+.2f} to {change['high']:+.2f})" if change else "-"
