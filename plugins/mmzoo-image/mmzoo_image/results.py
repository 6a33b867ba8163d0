"""Results of models that draw, as shown in a README."""

from __future__ import annotations

from mmzoo.evaluation.tables import Report, accuracy_table, line, percent, points, table, with_interval, words


def scene_numbers(evaluation: Report) -> list[str]:
    """Attributes right in drawn scenes, also by number of sampling steps, and edits."""
    steps = ", ".join(f"{steps} {with_interval(row)}" for steps, row in evaluation.get("steps", {}).items())
    return [
        f"Right by sampling steps, one thing, %: {steps}." if steps else "",
        accuracy_table("right in pictures %", evaluation.get("attributes_right", {})),
        *_edits(evaluation),
    ]


def digit_numbers(evaluation: Report) -> list[str]:
    """Drawn digits recognized as the requested ones, their variety, and edits."""
    right = evaluation["digits_right"]
    drawn = f"Digits recognized: drawn {with_interval(right['drawn'])} %, real ones {with_interval(right['real'])} %."
    return [f"{drawn} {line('Variety', evaluation['variety'])}", *_edits(evaluation)]


def mask_numbers(evaluation: Report) -> list[str]:
    """What a judge finds again of the masks, in drawn pictures, real ones, and those of other masks."""
    shown = ", ".join(
        f"{name} {percent(row, 'iou')} ({percent(row, 'low')} to {percent(row, 'high')})"
        for name, row in evaluation["iou"].items()
    )
    return [f"Mean IoU of the masks with what the judge finds, %: {shown}.", line("Speed", evaluation["speed"])]


def _edits(evaluation: Report) -> list[str]:
    """Edits compared with their baselines, and speed."""
    rows = [
        [
            task,
            row["method"] if arm == "baseline" else words(arm),
            f"{row['psnr_db']:.1f}",
            percent(row, "right"),
            points(row.get("wrong_against_baseline")),
        ]
        for task, arms in evaluation.get("edits", {}).items()
        for arm, row in arms.items()
    ]
    header = ["edit", "by", "PSNR dB", "judged right %", "wrong against the baseline, points"]
    return [table(header, rows) if rows else "", line("Speed", evaluation.get("speed", {}))]
