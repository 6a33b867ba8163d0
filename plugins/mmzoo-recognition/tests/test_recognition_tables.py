"""What is made of a recognition report: scores, and the tables of its studies on the card and in the README."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from mmzoo_recognition.evaluate import scores

from mmzoo.hub.cards import render_card

ROOT = Path(__file__).parents[3]


def test_scores_are_those_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    guessed, labels = [0, 1, 1, 2, 0, 2, 1], [0, 1, 2, 2, 1, 2, 0]
    found = scores(guessed, labels, 3)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(labels, guessed))
    assert found["macro_recall"] == pytest.approx(metrics.recall_score(labels, guessed, average="macro"))
    assert found["macro_f1"] == pytest.approx(metrics.f1_score(labels, guessed, average="macro"))


REPORT = {
    "task": "recognition",
    "protocol": {"judge": "labels"},
    "command": "mmzoo evaluate a",
    "tables": {
        "imbalance": {"none": {"rare_recall": 0.1, "accuracy": 0.7, "macro_recall": 0.6, "macro_f1": 0.5}},
        "few_labels": {
            "error": {
                "scratch": {"5%": {"mean": 0.4, "spread": 0.02, "seeds": 5}},
                "trunk": {"1%": {"mean": 0.5, "spread": 0.0, "seeds": 1}},
            },
            "change": {"scratch": {"share": 0.25, "low": 0.1, "high": 0.4}, "trunk": {}},
        },
    },
}


def card(folder, report):
    (folder / "config.json").write_text(
        json.dumps({"format_version": 1, "recipe": {}, "name": "a", "task": "recognition"})
    )
    (folder / "evaluation.json").write_text(json.dumps(report))
    return render_card(folder)


def test_the_card_has_the_table(tmp_path):
    told = card(tmp_path, REPORT)
    assert "| word errors %, unseen voices; labels for | 5% | 1% |" in told
    assert "| scratch | 40.0 (±2.0) | - | +25 (+10 to +40) |" in told and "| trunk | - | 50.0 (±0.0) |  |" in told
    assert "few_labels" not in told and "few labels" not in told and "| Rare classes: none rare recall | 0.1 |" in told
    without = card(tmp_path, {key: REPORT[key] for key in ("protocol", "command")})
    assert "## Results" in without and "labels for" not in without


def test_the_readme_has_the_tables():
    spec = importlib.util.spec_from_file_location("docs_readme_numbers", ROOT / "docs" / "readme_numbers.py")
    numbers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(numbers)
    told = numbers.section("a", REPORT)
    assert "| remedy for rare classes, % | rare recall | macro recall | macro f1 | accuracy |" in told
    assert "| none | 10.0 | 60.0 | 50.0 | 70.0 |" in told
    assert "| scratch | 40.0 (±2.0) | - | +25 (+10 to +40) |" in told and "| trunk | - | 50.0 (±0.0) |  |" in told
    assert "labels for" not in numbers.section("a", {"task": "recognition", "tables": {"arms": {}}})
