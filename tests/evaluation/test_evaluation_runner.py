"""`evaluate`: what is refused before anything runs, and that a partial result never replaces a full one."""

from __future__ import annotations

import inspect
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from mmzoo import registry
from mmzoo.errors import InputError, MissingDependencyError, UnknownNameError
from mmzoo.evaluation import runner
from mmzoo.evaluation.judges import load_judge
from mmzoo.registry import targets

CARD = Path(__file__).parents[2] / "model_cards" / "phonemizer-en"


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_is_at_least_one(limit: int) -> None:
    with pytest.raises(InputError, match=r"limit.*\b1\b"):
        runner.evaluate("phonemizer-en", limit=limit)


def test_a_report_that_cannot_be_written_is_refused_first(tmp_path: Path) -> None:
    for out in (tmp_path, tmp_path / "missing" / "report.json"):
        with pytest.raises(InputError, match=re.escape(str(out))):
            runner.evaluate("no-such-model", out=out)


@pytest.mark.parametrize("complete", [True, False])
def test_only_a_complete_report_takes_the_place_of_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, complete: bool
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(CARD, folder)
    before = (folder / "evaluation.json").read_bytes()

    def metric(model: Any, *, limit: int | None, samples: Path | None) -> dict[str, Any]:
        return {"complete": complete, "protocol": {}, "figure": 0.123456}

    load = registry.load_target
    monkeypatch.setattr(registry, "load_target", lambda spec: metric if spec.kind == "metric" else load(spec))
    report = runner.evaluate(f"local-dir:{folder}")
    assert report["figure"] == 0.1235 and list(report["sha256"]) == ["model"]
    after = (folder / "evaluation.json").read_bytes()
    assert (json.loads(after)["figure"] == 0.1235) if complete else (after == before)


def test_stored_tables_are_shown_and_outlive_a_new_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pocketsphinx")
    folder, tables = tmp_path / "model", {"arms": {"a": 1}}
    shutil.copytree(CARD, folder)
    with pytest.raises(InputError):
        runner.evaluate(f"local-dir:{folder}", tables=True)
    report = json.loads((folder / "evaluation.json").read_text())
    (folder / "evaluation.json").write_text(json.dumps(report | {"tables": tables}))

    def metric(model: Any, *, limit: int | None, samples: Path | None) -> dict[str, Any]:
        return {"protocol": {}}

    load = registry.load_target
    monkeypatch.setattr(registry, "load_target", lambda spec: metric if spec.kind == "metric" else load(spec))
    assert runner.evaluate(f"local-dir:{folder}", tables=True) == {"model": "phonemizer-en", "tables": tables}
    assert runner.evaluate(f"local-dir:{folder}")["tables"] == tables
    assert json.loads((folder / "evaluation.json").read_text())["tables"] == tables


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No package that any judge or metric requires is installed."""
    monkeypatch.setattr(targets, "_installed", lambda requirement: False)


@pytest.mark.usefixtures("bare")
def test_a_model_is_evaluated_without_packages_that_only_other_judges_need(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("pocketsphinx", "pystoi", "matplotlib", "sklearn"):
        monkeypatch.setitem(sys.modules, package, None)
    report = runner.evaluate("vqvae-text", limit=2)
    assert report["protocol"]["sentences"] == 2 and report["copies"]["cer"] < 0.5


@pytest.mark.usefixtures("bare")
def test_a_package_that_the_judge_requires_is_named() -> None:
    with pytest.raises(MissingDependencyError, match="digit-reader") as told:
        runner.evaluate("vqvae-image", limit=1)
    assert "scikit-learn" in str(told.value)
    with pytest.raises(MissingDependencyError, match="pystoi"):
        runner.evaluate("vqvae-speech", limit=1)


def test_a_judge_is_chosen_among_those_of_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def metric(model: Any, *, judge: str = "pocketsphinx", limit: int | None, samples: Path | None) -> dict[str, Any]:
        asked.append(judge)
        return {"protocol": {}}

    load = registry.load_target
    monkeypatch.setattr(registry, "load_target", lambda spec: metric if spec.kind == "metric" else load(spec))
    for given in (None, "pocketsphinx"):
        report = runner.evaluate("fsqvae-speech", judge=given, limit=1)
        assert report["command"] == "mmzoo evaluate fsqvae-speech" + (" --judge pocketsphinx" if given else "") + (
            " --limit 1"
        )
    assert asked == ["pocketsphinx"] * 2
    with pytest.raises(InputError, match=r"cannot judge speech-tokenization; choose one of: pocketsphinx, whisper\."):
        runner.evaluate("fsqvae-speech", judge="scene-reader", limit=1)
    with pytest.raises(UnknownNameError):
        runner.evaluate("fsqvae-speech", judge="nobody", limit=1)


def test_a_judge_is_refused_where_the_metric_takes_none() -> None:
    with pytest.raises(InputError, match="--judge"):
        runner.evaluate("phonemizer-en", judge="pocketsphinx", limit=1)


def test_every_default_judge_is_one_of_its_task() -> None:
    """What a metric names as its judge is registered, and says that it judges this task."""
    checked = 0
    for spec in registry.catalog().components("metric"):
        metric: Any = registry.load_target(spec)
        if (judge := inspect.signature(metric).parameters.get("judge")) is not None:
            runner.check_judge(judge.default, spec.name)
            assert load_judge(judge.default).name
            checked += 1
    assert checked >= 5
