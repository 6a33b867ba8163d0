"""`evaluate`: what is refused before anything runs, and that a partial result never replaces a full one."""

from __future__ import annotations

import contextlib
import inspect
import json
import re
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mmzoo import registry
from mmzoo.cli.main import main
from mmzoo.errors import DataError, InputError, MissingDependencyError, UnknownNameError
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
    report = runner.evaluate("vqvae-words", limit=2)
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
        report = runner.evaluate("vqvae-speech", judge=given, limit=1)
        assert report["command"] == "mmzoo evaluate vqvae-speech" + (" --judge pocketsphinx" if given else "") + (
            " --limit 1"
        )
    assert asked == ["pocketsphinx"] * 2
    with pytest.raises(InputError, match=r"speech-tokenization.*\bpocketsphinx\b.*\bwhisper\b"):
        runner.evaluate("vqvae-speech", judge="scene-reader", limit=1)
    with pytest.raises(UnknownNameError):
        runner.evaluate("vqvae-speech", judge="nobody", limit=1)


def test_a_judge_is_refused_where_the_metric_takes_none() -> None:
    with pytest.raises(InputError, match="--judge"):
        runner.evaluate("phonemizer-en", judge="pocketsphinx", limit=1)


def test_every_default_judge_is_one_of_its_task() -> None:
    """What a metric names as its judge is registered, and says that it judges this task."""
    checked = 0
    for spec in registry.catalog().components("metric"):
        metric: Any = registry.load_target(spec)
        arguments = inspect.signature(metric).parameters
        own = [arguments["judge"].default] if "judge" in arguments else []
        for judge in arguments["judges"].default if "judges" in arguments else own:
            runner.check_judge(judge, spec.name)
            with contextlib.suppress(MissingDependencyError):
                assert load_judge(judge).name
            checked += 1
    assert checked >= 5


class Judge:
    """A judge by name: `whisper` is not installed, and `distill-mos` cannot get its weights."""

    def __init__(self, name: str) -> None:
        self.name = f"{name} 1.0"

    def fetch(self) -> None:
        if self.name.startswith("distill-mos"):
            raise DataError("no weights")


@pytest.fixture
def several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model's folder whose metric takes several judges, with a report that does not name its own."""
    folder = tmp_path / "model"
    shutil.copytree(CARD.parent / "vqvae-speech", folder)
    (folder / "evaluation.json").write_text(json.dumps({"protocol": {"judge": "one of them"}}))
    own = ("whisper", "distill-mos", "dnsmos", "pocketsphinx")

    def metric(
        model: Any, *, judges: Any = own, data: Any = (), limit: int | None, samples: Path | None
    ) -> dict[str, Any]:
        return {"protocol": {"judges": {name: f"{name} 1.0" for name in judges}, "data": list(data)}}

    original = registry.load_target

    def load(spec: Any) -> Any:
        if spec.kind == "judge" and spec.name == "whisper":
            raise MissingDependencyError("pip install whisper")
        return {"metric": metric, "judge": partial(Judge, spec.name)}.get(spec.kind) or original(spec)

    monkeypatch.setattr(registry, "load_target", load)
    monkeypatch.setattr("mmzoo.evaluation.judges.load_target", load)
    monkeypatch.setattr("mmzoo.evaluation.judges.check_requirements", lambda spec: None)
    monkeypatch.setattr("mmzoo.registry.targets.check_requirements", lambda spec: None)
    return folder


def test_the_judges_that_can_be_used_are_used_and_the_others_named(several: Path) -> None:
    report = runner.evaluate(f"local-dir:{several}")
    assert list(report["protocol"]["judges"]) == ["dnsmos", "pocketsphinx"]
    assert list(report["without"]) == ["whisper", "distill-mos"] and "no weights" in report["without"]["distill-mos"]
    assert json.loads((several / "evaluation.json").read_text())["without"] == report["without"]


@pytest.mark.parametrize("given", ["whisper", ["dnsmos", "distill-mos"], ["distill-mos"]])
def test_a_judge_that_is_asked_for_and_cannot_be_used_is_an_error(several: Path, given: Any) -> None:
    with pytest.raises((MissingDependencyError, DataError)):
        runner.evaluate(f"local-dir:{several}", judge=given)


def test_a_report_of_fewer_judges_never_replaces_one_of_more(several: Path) -> None:
    stored, name = several / "evaluation.json", f"local-dir:{several}"
    before = stored.read_bytes()
    report = runner.evaluate(name, judge="pocketsphinx")  # the old report does not say which judges it has
    assert "whisper" in report["not_stored"] and stored.read_bytes() == before
    runner.evaluate(name)
    before = stored.read_bytes()
    assert "dnsmos" in runner.evaluate(name, judge=["pocketsphinx"])["not_stored"] and stored.read_bytes() == before
    report = runner.evaluate(name, judge=["pocketsphinx", "dnsmos"])
    assert "not_stored" not in report and json.loads(stored.read_text())["command"] == report["command"]
    assert report["command"].endswith(" --judge pocketsphinx --judge dnsmos")


def test_a_report_on_other_data_is_not_stored(several: Path) -> None:
    before = (several / "evaluation.json").read_bytes()
    report = runner.evaluate(f"local-dir:{several}", data=["mine,voice=a", "theirs"])
    assert report["protocol"]["data"] == ["mine,voice=a", "theirs"]
    assert report["command"].endswith("--data mine,voice=a --data theirs")
    assert (several / "evaluation.json").read_bytes() == before


def test_data_are_refused_where_the_metric_has_its_own() -> None:
    with pytest.raises(InputError, match="--data"):
        runner.evaluate("vqvae-dit-digits", data=["mine"])


def test_judges_are_given_one_by_one_or_by_commas(several: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argument = ["evaluate", f"local-dir:{several}", "--judge", "pocketsphinx, dnsmos", "--judge", "caption-listener"]
    assert main(argument) == 2 and "caption-listener" in capsys.readouterr().err
    assert main(argument[:-2]) == 0
    shown = capsys.readouterr()
    assert "judge pocketsphinx\tpocketsphinx 1.0\njudge dnsmos\tdnsmos 1.0\n" in shown.out
    assert "unchanged" in shown.err and "whisper" in shown.err


def test_one_judge_where_the_metric_takes_one() -> None:
    with pytest.raises(InputError, match="one judge, not 2"):
        runner.evaluate("vqvae-dit-image2speech", judge=["caption-listener", "caption-listener"], limit=1)
