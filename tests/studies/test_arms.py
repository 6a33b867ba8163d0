"""The table of arms: cells are kept, resumed and summed up; scores are the usual ones."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

pytest.importorskip("sklearn", reason="scikit-learn, which brings the digits, is not installed")
import mmzoo
from studies.recognition import arms as study
from studies.recognition.arms import SmallCNN, arms, table
from studies.recognition.training import MODEL


def test_every_arm_can_be_built():
    sizes = {}
    for arm in arms():
        assert set(arm.modalities) <= {"image", "speech", "text"}
        if arm.overrides and "image_model" not in {k for k, v in arm.overrides.items() if v}:
            model = mmzoo.create(MODEL, pretrained=False, **arm.overrides)
            assert model.modalities == arm.modalities
            sizes[arm.name] = sum(p.numel() for p in model.parameters())
    cnn = sum(p.numel() for p in SmallCNN().parameters())
    assert 0.5 < cnn / sizes["image alone"] < 2


def test_cells_are_kept_and_summed_up(tmp_path, monkeypatch):
    seen = []

    def trained(arm, seed):
        seen.append((arm.name, seed))
        if seed == 1 and len(seen) == 2:
            raise KeyboardInterrupt
        result = {"accuracy": 0.5 + seed / 10, "macro_recall": 0.5, "macro_f1": 0.5}
        return {"whole": result, "degraded": result, "parameters": 7}

    monkeypatch.setattr(study, "_trained", trained)
    some = [arm for arm in arms() if arm.name == "image alone"]
    with pytest.raises(KeyboardInterrupt):
        table((0, 1, 2), tmp_path, some)
    found = table((0, 1, 2), tmp_path, some)["image alone"]
    assert seen == [("image alone", seed) for seed in (0, 1, 1, 2)]
    assert found["whole"]["accuracy"] == pytest.approx(0.6) and found["seeds"] == 3 and found["parameters"] == 7
    assert found["whole"]["accuracy_spread"] == pytest.approx(0.0816, abs=1e-3)
    assert all(json.loads(path.read_text())["arm"]["name"] == "image alone" for path in tmp_path.glob("*.json"))
    table((0,), tmp_path, [replace(some[0], steps=3)])
    assert len(seen) == 5  # other settings are another cell


@pytest.mark.slow
def test_a_cell_trains_and_the_support_vector_machine_judges(tmp_path, monkeypatch):
    real = study.load_dataset_component
    monkeypatch.setattr(study, "load_dataset_component", lambda name, **kw: real(name, **{**kw, "speech": False}))
    chosen = [
        replace(arm, steps=min(arm.steps, 60)) for arm in arms() if arm.modalities == ("image",) and arm.side == 32
    ]
    found = table((0,), tmp_path, chosen)
    assert found["RBF SVM (image)"]["whole"]["accuracy"] > 0.95
    assert all(row["whole"]["accuracy"] > 0.5 for row in found.values())
    assert all(row["degraded"]["accuracy"] < row["whole"]["accuracy"] for row in found.values())
