"""The results of recognition and of its studies, on the card and in a README."""

from __future__ import annotations

from mmzoo.evaluation.tables import Report, line, percent, table, words


def tables(evaluation: Report) -> str:
    """The table of the few-labels study for the card."""
    shown = _few_labels(evaluation.get("tables", {}).get("few_labels", {}))
    explanation = (
        "Single words (`spoken-words`) of voices that training lacks, learned by a small speech recognizer from labels"
        " for a fraction of the training words: error rates, mean ± std over seeds."
    )
    return f"{explanation}\n\n{shown}" if shown else ""


def numbers(evaluation: Report) -> list[str]:
    """Accuracy by subset of modalities, the tables of the studies, and the speed."""
    studies = evaluation.get("tables", {})
    return [
        _recognized(evaluation.get("recognised", {})),
        _arms(studies.get("arms", {})),
        _rare(studies.get("imbalance", {})),
        _few_labels(studies.get("few_labels", {})),
        line("Speed", evaluation.get("speed", {})),
    ]


def diffusion_tables(evaluation: Report) -> str:
    """Scores of a diffusion classifier by degradation, and by budget."""
    return "\n\n".join(filter(None, diffusion_numbers(evaluation)[:2]))


def diffusion_numbers(evaluation: Report) -> list[str]:
    """Scores by degradation, scores by budget, and the cost."""
    return [
        _reliability("digits", evaluation.get("scores", {})),
        _reliability("evaluations of the network at most, clean digits", evaluation.get("budgets", {})),
        line("Cost", evaluation.get("cost", {})),
    ]


def _reliability(title: str, report: Report) -> str:
    """Accuracy with its interval, calibration error and log-likelihood."""
    rows = [
        [
            name,
            f"{percent(row, 'accuracy')} ({percent(row, 'accuracy_low')} to {percent(row, 'accuracy_high')})",
            percent(row, "ece"),
            f"{row['nll']:.3f}",
        ]
        for name, row in report.items()
    ]
    return table([title, "accuracy % (95 %)", "ECE %", "NLL"], rows) if rows else ""


def segmentation_tables(evaluation: Report) -> str:
    """The intersection over union of each class."""
    return segmentation_numbers(evaluation)[0]


def segmentation_numbers(evaluation: Report) -> list[str]:
    """The intersection over union of each class, right pixels and the speed."""
    scores = evaluation.get("iou", {})
    rows = [
        [name, f"{percent(row, 'iou')} ({percent(row, 'low')} to {percent(row, 'high')})"]
        for name, row in scores.items()
    ]
    return [
        table(["intersection over union", "% (95 %)"], rows) if rows else "",
        line("Pixels", evaluation.get("pixels", {})),
        line("Speed", evaluation.get("speed", {})),
    ]


def _recognized(report: Report) -> str:
    """Accuracy by test and subset of modalities."""
    subsets = list(next(iter(report.values()), {}))
    rows = [[test, *(percent(row[name], "accuracy") for name in subsets)] for test, row in report.items()]
    return table(["accuracy %", *subsets], rows) if rows else ""


def _arms(report: Report) -> str:
    """The table of all arms: means over seeds."""
    rows = [
        [name, f"{row['parameters']:,}", str(row["seeds"]), *(_scores(row[test]) for test in ("whole", "degraded"))]
        for name, row in report.items()
    ]
    header = ["arm", "parameters", "seeds", "whole: accuracy, macro recall, macro F1 %", "degraded: the same"]
    return table(header, rows) if rows else ""


def _scores(row: Report) -> str:
    means = ", ".join(percent(row, key) for key in ("accuracy", "macro_recall", "macro_f1"))
    return f"{means} (±{percent(row, 'accuracy_spread')})"


def _rare(report: Report) -> str:
    """Remedies for classes with few examples."""
    keys = ("rare_recall", "macro_recall", "macro_f1", "accuracy")
    rows = [[name, *(percent(row, key) for key in keys)] for name, row in report.items()]
    return table(["remedy for rare classes, %", *map(words, keys)], rows) if rows else ""


def _few_labels(study: Report) -> str:
    """Error rates by arm and fraction of labels, with the change of errors against equal compute."""
    rates, changes = study.get("error", {}), study.get("change", {})
    budgets = list(dict.fromkeys(budget for row in rates.values() for budget in row))
    if not budgets:
        return ""
    rows = []
    for name, row in rates.items():
        cells = [
            f"{percent(row[key], 'mean')} (±{percent(row[key], 'spread')})" if key in row else "-" for key in budgets
        ]
        gap = changes.get(name)
        change = f"{gap['share'] * 100:+.0f} ({gap['low'] * 100:+.0f} to {gap['high'] * 100:+.0f})" if gap else ""
        rows.append([name, *cells, change])
    header = ["word errors %, unseen voices; labels for", *budgets]
    return table([*header, "change of errors at 5% against equal compute, % (95 %)"], rows)
