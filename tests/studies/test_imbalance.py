"""Rare classes: which examples are kept, how they are drawn, how cells are summed up; and the command."""

from __future__ import annotations

import json
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from mmzoo.interfaces import Losses

pytest.importorskip("sklearn", reason="scikit-learn, which brings the digits, is not installed")
from studies.recognition import __main__ as command
from studies.recognition import imbalance as study
from studies.recognition.__main__ import main
from studies.recognition.imbalance import REMEDIES, Remedy, long_tail
from studies.recognition.training import fit


@given(st.integers(2, 10), st.integers(1, 60), st.floats(1, 200))
def test_the_tail_falls_by_the_ratio(classes, most, ratio):
    labels = [str(k) for k in range(classes)] * most
    kept = long_tail(labels, ratio)
    counts = [Counter(labels[i] for i in kept)[str(k)] for k in range(classes)]
    assert counts == sorted(counts, reverse=True) and counts[0] == most
    assert counts[-1] == max(1, round(most / ratio)) and len(set(kept)) == len(kept)


def test_a_hundred_times_fewer():
    kept = long_tail([str(i % 10) for i in range(2000)])
    counts = Counter(i % 10 for i in kept)
    assert counts[0] == 200 and counts[9] == 2


class Counting(nn.Module):
    """Learns nothing; remembers which examples it was shown."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.seen = Counter()

    def training_step(self, batch, generator):
        self.seen.update(batch["index"].tolist())
        return Losses(self.weight.square())


class Numbered:
    lengths = (1,) * 10

    def __len__(self):
        return 10

    def example(self, index, generator):
        return index

    def collate(self, examples):
        return {"index": torch.tensor(examples)}


def test_examples_are_drawn_by_their_weights():
    shown = Counting()
    fit(shown, Numbered(), steps=20, seed=0, weights=torch.tensor([9.0, *[1 / 9] * 9]))
    assert 0.85 < shown.seen[0] / shown.seen.total() < 0.95
    evenly = Counting()
    fit(evenly, Numbered(), steps=20, seed=0)
    assert max(evenly.seen.values()) < 2 * min(evenly.seen.values())


def test_remedies_are_summed_up(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "_trained", lambda remedy, seed: {"rare_recall": seed / 10 + remedy.balanced})
    found = study.imbalance(seeds=(0, 2), folder=tmp_path)
    assert list(found) == [remedy.name for remedy in REMEDIES]
    assert found["none"]["rare_recall"] == pytest.approx(0.1)
    assert found["balanced drawing"]["rare_recall"] == pytest.approx(1.1)
    monkeypatch.setattr(study, "_trained", lambda remedy, seed: pytest.fail("the cell was kept"))
    assert study.imbalance(seeds=(0, 2), folder=tmp_path) == found


def test_the_command_fills_a_table(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MMZOO_CACHE", str(tmp_path))
    monkeypatch.setattr(study, "STEPS", 2)
    monkeypatch.setattr(study, "REMEDIES", (Remedy("none"), Remedy("balanced drawing", balanced=True)))
    main(["imbalance", "--seed", "1"])
    filled = json.loads(capsys.readouterr().out)
    assert list(filled) == ["imbalance"] and list(filled["imbalance"]) == ["none", "balanced drawing"]
    assert set(filled["imbalance"]["none"]) == {"rare_recall", "accuracy", "macro_recall", "macro_f1"}
    assert len(list((tmp_path / "studies" / "imbalance").glob("*.json"))) == 2


def test_the_command_writes_only_the_tables_asked_for(tmp_path, monkeypatch):
    report = tmp_path / "evaluation.json"
    report.write_text(json.dumps({"protocol": {}, "tables": {"arms": {"a": 1}, "imbalance": {"old": 1}}}))
    monkeypatch.setattr(command, "REPORT", report)
    monkeypatch.setitem(command.TABLES, "imbalance", lambda seeds: {"none": {"accuracy": 0.123456}})
    main(["imbalance", "--write"])
    tables = {"arms": {"a": 1}, "imbalance": {"none": {"accuracy": 0.1235}}}
    assert json.loads(report.read_text()) == {"protocol": {}, "tables": tables}


@pytest.mark.parametrize("wrong", [["armsy"], ["--write", "--seed", "0"], ["--seed", "9"]])
def test_the_command_refuses_what_it_cannot_do(wrong):
    with pytest.raises(SystemExit) as ended:
        main(wrong)
    assert ended.value.code == 2
