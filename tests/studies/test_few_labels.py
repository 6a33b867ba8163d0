"""Few labels: which are drawn, what is cut, hidden and planted, and that a table is filled, kept and told."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset, DatasetDict
from hypothesis import given
from hypothesis import strategies as st

import mmzoo
from mmzoo.data import encode_audio, make_row, row_features
from mmzoo.errors import DataError, UnknownNameError
from mmzoo.hub.cards import render_card
from mmzoo.interfaces import Audio, Image
from mmzoo.interfaces.values import Segment
from studies.recognition import clips, spec_augment, trunks
from studies.recognition import few_labels as study
from studies.recognition.few_labels import ARMS, BUDGETS, change, few_labels, flops, sampled
from studies.recognition.trunks import MaskedCodes, plant, shuffled, trunk

ROOT = Path(__file__).parents[2]

RATE = 16000
WORDS = tuple("abcdefghijkl")
SIZES = [5, 7]


def tone(word, seconds=0.2, seed=0):
    """Every word is another tone that stops half-way."""
    time = np.arange(round(seconds * RATE)) / RATE
    wave = 0.3 * np.sin(2 * np.pi * (300 + 400 * WORDS.index(word)) * time) * (time < seconds / 2)
    return Audio((wave + 0.003 * np.random.default_rng(seed).standard_normal(len(time))).astype(np.float32), RATE)


def dataset(name, **config):
    assert name == "spoken-words"
    rows = [
        make_row(id=f"{word}{i}", text=word, label=word, split="train", audio=encode_audio(tone(word, seed=i)))
        for word in WORDS
        for i in range(4)
    ]
    made = {key: [row[key] for row in rows] for key in row_features()}
    split = Dataset.from_dict(made, features=row_features())
    return DatasetDict(train=split, test=split)


class FakeVoice:
    """Says a caption, each of its words for 0.2 s; pictures are numbered by their first pixel."""

    captions = ("a b", "", "b c", "the b")

    def __init__(self):
        self.asked = []

    def __call__(self, text, *, seed, speed):
        self.asked.append((text, seed, speed))
        said = text.split()
        samples = np.concatenate([tone(w if w in WORDS else "l").samples for w in said])
        segments = [Segment("word", w, 0.2 * i, 0.2 * (i + 1)) for i, w in enumerate(said)]
        return Audio(samples, RATE, (*segments, Segment("phone", "a", 0.0, 0.1)))

    def describe(self, pictures):
        return [self.captions[picture.pixels[0, 0, 0]] for picture in pictures]

    def transfer(self, picture, *, seed, speed):
        return self(self.describe([picture])[0], seed=seed, speed=speed)


def picture(number):
    return Image(np.full((8, 8, 3), number, np.uint8))


@pytest.fixture
def small(monkeypatch):
    """A study of seconds: few steps, a dataset of tones, codes drawn at random, and models that are not real."""
    codes = torch.randint(5, (20, 6, 2), generator=torch.Generator().manual_seed(0))
    real = mmzoo.create
    monkeypatch.setattr(
        mmzoo, "create", lambda name, **kw: FakeVoice() if name in (clips.TTS, clips.CAPTIONER) else real(name, **kw)
    )
    monkeypatch.setattr(clips, "_pictures", lambda: [picture(i) for i in (0, 1, 2, 3, 0)])
    monkeypatch.setattr(trunks, "_tokenized", lambda: {"codes": codes.int(), "sizes": torch.tensor(SIZES)})
    monkeypatch.setattr(trunks, "TRUNK_STEPS", 2)
    monkeypatch.setattr(study, "TRUNK_STEPS", 2)
    monkeypatch.setattr(study, "STEPS", 3)
    monkeypatch.setattr(study, "MOST_STEPS", 5)
    monkeypatch.setattr(study, "load_dataset_component", dataset)


# --- which labels ------------------------------------------------------------------------------------


@given(st.integers(2, 12), st.integers(1, 30), st.sampled_from(list(BUDGETS)), st.integers(0, 9))
def test_labels_are_drawn_evenly_and_by_the_seed(classes, each, budget, seed):
    labels = [str(i % classes) for i in range(classes * each)]
    kept = sampled(labels, budget, seed)
    counts = Counter(labels[i] for i in kept)
    assert len(kept) == len(set(kept)) == max(classes, round(budget * len(labels)))
    assert len(counts) == classes and max(counts.values()) - min(counts.values()) <= 1
    assert kept == sampled(labels, budget, seed) and set(kept) <= set(sampled(labels, min(1.0, 2 * budget), seed))


def test_another_seed_draws_others_and_a_rare_class_is_kept():
    labels = ["often"] * 99 + ["rare"]
    assert sampled(labels, 0.05, 0) != sampled(labels, 0.05, 1)
    assert all(99 in sampled(labels, 0.01, seed) for seed in range(5))
    assert sampled(labels, 1.0, 3) == list(range(100))


# --- clips -------------------------------------------------------------------------------------------


def test_words_are_cut_where_the_voice_says_they_are():
    voice = FakeVoice()
    found = clips.from_captions(voice, [picture(i) for i in (0, 1, 2, 3)], ("b", "c"))
    assert list(found) == ["b 00", "b 01", "c 00", "b 02"]
    margin, length = round(0.04 * RATE), round(0.2 * RATE)
    whole = voice("a b", seed=0, speed=1.0).samples
    assert np.array_equal(found["b 00"].samples, whole[length - margin :])  # there is nothing after the last word
    assert len(found["b 01"].samples) == length + margin and len(found["c 00"].samples) == length + margin
    assert [text for text, *_ in voice.asked[:-1]] == ["a b", "b c", "the b"]  # nothing was said of what was not seen


def test_no_more_clips_of_a_word_than_asked(monkeypatch):
    monkeypatch.setattr(clips, "CLIPS", 2)
    voice = FakeVoice()
    assert list(clips.from_captions(voice, [picture(0)] * 5, ("b",))) == ["b 00", "b 01"] and len(voice.asked) == 2
    alone = clips.alone(voice, ("b", "c"))
    assert list(alone) == ["b 00", "b 01", "c 00", "c 01"]
    assert len({seed for _, seed, _ in voice.asked[2:]}) == 4
    assert all(0.8 <= speed <= 1.25 for *_, speed in voice.asked)


def test_clips_are_made_once(tmp_path, monkeypatch, small):
    sounds, words = clips.clips(clips.TTS, ("c", "b"), tmp_path, RATE)
    assert Counter(words) == {"b": clips.CLIPS, "c": clips.CLIPS} and sounds[0].shape == (3200,)
    monkeypatch.setattr(mmzoo, "create", lambda name: pytest.fail("the clips were kept"))
    again, named = clips.clips(clips.TTS, ("c", "b"), tmp_path, RATE)
    assert named == words and all(torch.equal(a, b) for a, b in zip(again, sounds, strict=True))
    assert not list(tmp_path.glob("*.partial"))


def test_a_model_that_is_absent_or_says_nothing_is_named(tmp_path, small):
    with pytest.raises(DataError, match="vqvae-dit-image2speech"):
        clips.clips(clips.CAPTIONER, ("k",), tmp_path, RATE)
    with pytest.raises(UnknownNameError, match="'vqvae-dit-absent'"):
        clips.clips("vqvae-dit-absent", ("k",), tmp_path, RATE)


# --- SpecAugment -------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 40), min_size=1, max_size=5), st.integers(0, 99))
def test_spans_lie_inside_and_are_short(lengths, seed):
    found = spec_augment.spans(torch.tensor(lengths), 0.2, 40, torch.Generator().manual_seed(seed))
    for row, length in zip(found, lengths, strict=True):
        assert not row[length:].any() and row.sum() <= 2 * int(0.2 * length)


def test_spans_are_hidden_in_training_only():
    convolution = torch.nn.Conv2d(1, 1, 1)
    seen = []
    convolution.register_forward_pre_hook(spec_augment.SpecAugment(0))
    convolution.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    x = torch.ones(8, 1, 50, 64)
    x[:, :, 30:] = 0
    convolution(x)
    convolution.eval()
    convolution(x)
    assert torch.equal(seen[1], x) and torch.equal(seen[0][:, :, 30:], x[:, :, 30:])
    hidden = (seen[0] == 0)[:, 0, :30]
    assert 0.05 < hidden.float().mean() < 0.6
    assert (hidden.all(2).sum(1) <= 12).all() and (hidden.all(1).sum(1) <= 42).all()
    assert len({row.sum().item() for row in hidden}) > 1


# --- trunks ------------------------------------------------------------------------------------------


def test_shuffling_keeps_the_codes_of_a_position_together():
    codes = torch.arange(3 * 6 * 2).view(3, 6, 2)
    mixed = shuffled(codes, 1)
    assert not torch.equal(mixed, codes) and torch.equal(mixed, shuffled(codes, 1))
    assert all(
        sorted(map(tuple, a.tolist())) == sorted(map(tuple, b.tolist())) for a, b in zip(mixed, codes, strict=True)
    )
    assert not torch.equal(mixed[0] - codes[0], mixed[1] - codes[1])  # each picture has an order of its own


@pytest.mark.slow
def test_hidden_codes_are_learned_from_the_others():
    """Both codes of every position are the same all over a picture, so what is hidden stands beside it."""
    torch.manual_seed(0)
    model = MaskedCodes([4, 4])
    codes = torch.randint(4, (64, 1, 2)).expand(64, 8, 2)
    trunks.fit(model, trunks.Coded(codes), steps=40, seed=0)
    loss = model.training_step({"codes": codes}, torch.Generator().manual_seed(1)).total
    assert loss < 0.7 < np.log(4)


def test_a_trunk_arrives_in_the_encoder_of_speech(tmp_path, small):
    plain, mixed = (trunk(kind, 0, tmp_path) for kind in ("image tokens", "shuffled image tokens"))
    assert set(plain) == set(mixed) and {name.partition(".")[0] for name in plain} == {"blocks", "norm"}
    assert any(not torch.equal(plain[name], mixed[name]) for name in plain)
    assert any(not torch.equal(plain[name], other) for name, other in trunk("image tokens", 1, tmp_path).items())
    torch.manual_seed(0)
    model = mmzoo.create(study.MODEL, pretrained=False, **study.fused("late", ("speech",), classes=12))
    before = {name: value.clone() for name, value in model.speech.state_dict().items()}
    plant(plain, model.speech)
    after = model.speech.state_dict()
    assert all(torch.equal(after[name], value) for name, value in plain.items())
    assert all(torch.equal(after[name], value) for name, value in before.items() if name not in plain)
    with pytest.raises(RuntimeError, match="Missing"):
        plant({"norm.weight": plain["norm.weight"]}, model.speech)


def test_operations_are_counted_with_attention():
    model, codes = MaskedCodes(SIZES), torch.zeros(4, 16, 2, dtype=torch.int64)
    once, twice = flops(model, {"codes": codes}), flops(model, {"codes": codes.repeat(2, 1, 1)})
    longer = flops(model, {"codes": codes.repeat(1, 2, 1)})
    assert 1.9 * once < twice < longer  # attention grows with the square


# --- the study ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_small_study_from_end_to_end(tmp_path, monkeypatch, small):
    monkeypatch.setattr(study, "BUDGETS", {0.05: 2, 1.0: 1})
    found = few_labels(seeds=(0,), folder=tmp_path)
    assert list(found["error"]) == [arm.name for arm in ARMS]
    assert all(set(row) == {"5%", "100%"} for row in found["error"].values())
    assert all(
        0 <= cell["mean"] <= 1 and cell["seeds"] == 1 for row in found["error"].values() for cell in row.values()
    )
    cells = {
        (cell["arm"]["name"], cell["budget"]): cell["result"]
        for cell in (json.loads(path.read_text()) for path in tmp_path.glob("*.json"))
    }
    assert len(cells) == 2 * len(ARMS)
    assert {cell["labels"] for (_, budget), cell in cells.items() if budget == 0.05} == {12}
    assert cells["+ speech from TTS", 0.05]["clips"] == 12 * clips.CLIPS
    assert cells["+ speech from image->speech", 0.05]["clips"] == 7 and cells["scratch", 1.0]["clips"] == 0
    assert 3 < cells["equal compute", 0.05]["steps"] <= 5 and cells["scratch", 0.05]["steps"] == 3
    monkeypatch.setattr(study, "_trained", lambda *of: pytest.fail("the cells were kept"))
    assert few_labels(seeds=(0,), folder=tmp_path) == found


def test_seeds_are_filled_apart_and_summed_up_together(tmp_path, monkeypatch):
    done = []

    def trained(arm, budget, seed, folder):
        done.append((arm.name, budget, seed))
        return {"error": 0.1 + 0.1 * seed if arm.name != "scratch" else 0.2 + 0.2 * seed}

    monkeypatch.setattr(study, "_trained", trained)
    few_labels(seeds=(4, 1), folder=tmp_path)
    assert {(budget, seed) for _, budget, seed in done} == {(b, 1) for b in BUDGETS} | {(0.01, 4), (0.05, 4)}
    whole = few_labels(folder=tmp_path)
    assert len(done) == len(set(done)) == len(ARMS) * (5 + 5 + 3 + 3)
    assert whole["error"]["scratch"]["5%"] == {
        "mean": pytest.approx(0.6),
        "spread": pytest.approx(0.2828, abs=1e-4),
        "seeds": 5,
    }
    assert whole["error"]["scratch"]["100%"]["mean"] == pytest.approx(0.4)
    assert whole["change"]["scratch"] == {key: pytest.approx(1.0) for key in ("share", "low", "high")}
    assert whole["change"]["SpecAugment"]["share"] == pytest.approx(0.0) and "equal compute" not in whole["change"]


def test_the_change_is_paired_by_seed():
    found = change([0.09, 0.18, 0.36], [0.1, 0.2, 0.4])
    assert all(value == pytest.approx(-0.1) for value in found.values())
    wide = change([0.3, 0.1, 0.2], [0.1, 0.2, 0.3])
    assert wide["low"] < -0.2 and wide["share"] == pytest.approx(0.0) and wide["high"] > 0.2
    assert change([0.1, 0.2], [0.0, 0.1]) == {}


# --- what is told of it ------------------------------------------------------------------------------

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
    (folder / "config.json").write_text(json.dumps({"name": "a", "task": "recognition"}))
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
