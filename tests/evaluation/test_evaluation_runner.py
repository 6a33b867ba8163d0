"""`evaluate`: what is refused before anything runs, and that a partial result never replaces a full one."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from mmzoo import registry
from mmzoo.errors import InputError, MissingDependencyError
from mmzoo.evaluation import runner

CARD = Path(__file__).parents[2] / "model_cards" / "phonemizer-en"


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_is_at_least_one(limit: int) -> None:
    with pytest.raises(InputError, match=r"limit.*\b1\b"):
        runner.evaluate("phonemizer-en", limit=limit)


def test_a_report_that_cannot_be_written_is_refused_first(tmp_path: Path) -> None:
    for out in (tmp_path, tmp_path / "missing" / "report.json"):
        with pytest.raises(InputError, match=re.escape(str(out))):
            runner.evaluate("no-such-model", out=out)


def test_missing_packages_are_named_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "find_spec", lambda name: None if name == "pystoi" else object())
    with pytest.raises(MissingDependencyError, match=r"pystoi.*pip install"):
        runner.evaluate("no-such-model")


@pytest.mark.parametrize("complete", [True, False])
def test_only_a_complete_report_takes_the_place_of_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, complete: bool
) -> None:
    pytest.importorskip("pocketsphinx")
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


def test_tables_are_asked_for_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pocketsphinx")
    folder = tmp_path / "model"
    shutil.copytree(CARD, folder)

    def metric(model: Any, *, limit: int | None, samples: Path | None, tables: bool = False) -> dict[str, Any]:
        return {"protocol": {}} | ({"tables": {"arms": {"a": 1}}} if tables else {})

    load = registry.load_target
    monkeypatch.setattr(registry, "load_target", lambda spec: metric if spec.kind == "metric" else load(spec))
    assert "tables" not in runner.evaluate(f"local-dir:{folder}")
    for tables in (True, False):
        assert runner.evaluate(f"local-dir:{folder}", tables=tables)["tables"] == {"arms": {"a": 1}}
        assert json.loads((folder / "evaluation.json").read_text())["tables"] == {"arms": {"a": 1}}


def test_tables_that_a_task_lacks_are_refused() -> None:
    pytest.importorskip("pocketsphinx")
    with pytest.raises(InputError, match="phonemization"):
        runner.evaluate("phonemizer-en", tables=True)


def test_what_evaluating_lacks_is_named_with_an_extra_that_exists(monkeypatch):
    import re
    import tomllib
    from pathlib import Path

    from mmzoo.evaluation import runner

    monkeypatch.setattr(runner, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="pocketsphinx") as told:
        runner.evaluate("vqvae-speech")
    project = tomllib.loads((Path(__file__).parent.parent.parent / "pyproject.toml").read_text())["project"]
    extra = re.search(r"mmzoo\[(\w+)\]", str(told.value))
    assert extra is not None and extra.group(1) in project["optional-dependencies"]
