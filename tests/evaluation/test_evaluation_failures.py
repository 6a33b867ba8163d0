"""What a plugin's metric or judge does wrong is said in one sentence that names it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmzoo import registry
from mmzoo.errors import PluginError
from mmzoo.evaluation import runner
from mmzoo.evaluation.judges import load_judge


def raises(model: Any, *, limit: int | None, samples: Path | None) -> dict[str, Any]:
    raise ValueError("a bad thing")


def lists(model: Any, *, limit: int | None, samples: Path | None) -> Any:
    return [1, 2]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Any:
    load = registry.load_target

    def replace(kind: str, target: Any) -> None:
        monkeypatch.setattr(registry, "load_target", lambda spec: target if spec.kind == kind else load(spec))
        monkeypatch.setattr("mmzoo.evaluation.judges.load_target", lambda spec: target)

    return replace


@pytest.mark.parametrize("metric", [raises, lists])
def test_a_metric_that_fails_is_named(use: Any, metric: Any) -> None:
    use("metric", metric)
    with pytest.raises(PluginError, match=r"phonemization.*mmzoo-tts"):
        runner.evaluate("phonemizer-en", limit=1)


def test_a_judge_that_cannot_be_created_is_named(use: Any) -> None:
    use("judge", lambda needed: needed)
    with pytest.raises(PluginError, match=r"digit-reader.*mmzoo-datasets"):
        load_judge("digit-reader")


def test_odd_numbers_of_a_metric_lose_no_evaluation(tmp_path: Path, use: Any) -> None:
    figures = {"array": np.arange(2), "scalar": np.float32(0.5), "nothing": float("nan"), "path": tmp_path}
    use("metric", lambda model, *, limit, samples: {"figures": figures})
    report = runner.evaluate("phonemizer-en", limit=1, out=tmp_path / "report.json")
    assert report["figures"] == {"array": [0, 1], "scalar": 0.5, "nothing": None, "path": str(tmp_path)}
    assert (tmp_path / "report.json").is_file()
