"""Classification by denoising errors: pruning, paired noise, probabilities, training, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmzoo_recognition.diffusion import DiffusionClassifier, evaluations, excess, pruned, van_der_corput
from mmzoo_recognition.evaluate_diffusion import evaluate_diffusion_classification
from mmzoo_recognition.explain import explain
from mmzoo_recognition.robustness import BINS, calibration_error, occluded, reliability, with_noise

from mmzoo.data import encode_image, make_row, to_dataset
from mmzoo.errors import ConfigError, DataError, InputError
from mmzoo.interfaces import Image, TaskHead

SIDE = 8
CLASSES = {"dark": "a dark one", "light": "a light one", "middle": "a middle one"}
BRIGHTNESS = {"a dark one": 0.1, "a light one": 0.9, "a middle one": 0.5}


class Generator(TaskHead):
    """Denoises best under the prompt whose brightness is the picture's; its errors are very noisy, but paired."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[tuple[str, ...], int]] = []
        self.scale = torch.nn.Parameter(torch.ones(()))

    def hidden_states(self, raw, *, depths, times):
        raise AssertionError

    def denoising_errors(self, raw, prompts, *, times, seeds):
        assert raw.shape == (1, SIDE, SIDE, 3) and len(times) == len(seeds)
        self.calls.append((tuple(prompts), len(seeds)))
        noise = [float(torch.randn((), generator=torch.Generator().manual_seed(seed))) for seed in seeds]
        gaps = [abs(float(raw.mean()) - BRIGHTNESS[prompt]) for prompt in prompts]
        return torch.tensor([[10 * draw + 0.1 * gap for draw in noise] for gap in gaps])


def classifier(**config) -> DiffusionClassifier:
    head = DiffusionClassifier(**{"classes": CLASSES, "side": SIDE, "draws": 4, **config})
    head.generator = Generator()
    return head


def picture(brightness: float) -> Image:
    return Image(np.full((SIDE, SIDE, 3), round(255 * brightness), np.uint8))


def test_the_best_denoised_class_wins_although_noise_is_far_larger():
    head = classifier()
    found = head.recognize(image=[picture(0.1), picture(0.52), picture(0.9)])
    assert [labels.best for labels in found] == ["dark", "middle", "light"]
    assert found[1] == head.recognize(image=picture(0.52))  # the same in a batch and alone
    assert sum(found[1].probabilities) == pytest.approx(1)
    gap = math.log(found[1].probabilities[0] / found[1].probabilities[1])
    assert gap == pytest.approx(0.1 * (0.38 - 0.02) / 0.01, rel=0.02)  # errors over the temperature


def test_identical_classes_tie_because_noise_is_paired():
    head = classifier(classes={"one": "a dark one", "two": "a dark one", "three": "a light one"})
    for budget in (None, 6):
        labels = head.recognize(image=picture(0.2), budget=budget)
        assert set(labels.names[:2]) == {"one", "two"}
        assert labels.probabilities[0] == labels.probabilities[1] > labels.probabilities[2]


tables = st.integers(2, 9).flatmap(
    lambda classes: st.integers(1, 9).flatmap(
        lambda draws: st.lists(
            st.lists(st.floats(0, 1, width=32), min_size=draws, max_size=draws), min_size=classes, max_size=classes
        )
    )
)


@settings(deadline=None)
@given(tables, st.integers(1, 100))
def test_pruning(rows, budget):
    full = torch.tensor(rows)
    classes, draws = full.shape
    table = pruned(lambda kept, start, end: full[kept, start:end], classes, draws, budget)
    counts = table.isfinite().sum(1)
    assert counts.min() >= 1 and torch.equal(table.nan_to_num(-1), full.where(table.isfinite(), torch.tensor(-1.0)))
    least = sum(math.ceil(classes / 2**stage) for stage in range(math.ceil(math.log2(classes))))
    assert evaluations(table) <= max(budget, least)
    above = excess(table)
    assert (above >= -1e-6).all() and above.min().abs() < 1e-6  # no pruned class is ahead of the winner
    assert counts[above.argmin()] == counts.max()
    if budget >= classes * draws:
        assert table.isfinite().all()
        assert full.mean(1)[above.argmin()] == pytest.approx(float(full.mean(1).min()), abs=1e-6)


def test_the_budget_limits_what_the_network_computes():
    head = classifier(draws=16, budget=24)
    head.recognize(image=picture(0.1))
    asked = head.generator.calls
    assert sum(len(prompts) * draws for prompts, draws in asked) <= 24
    assert asked[0][0] == tuple(CLASSES.values()) and "a light one" not in asked[1][0]
    head.generator.calls.clear()
    head.recognize(image=picture(0.1), budget=48)
    assert head.generator.calls == [(tuple(CLASSES.values()), 16)]


def test_the_first_draws_cover_the_times():
    head = classifier(draws=8, earliest=0.2, latest=0.6)
    times = head.times()
    assert times.min() >= 0.2 and times.max() <= 0.6
    assert van_der_corput(3).tolist() == [0.5, 0.25, 0.75]
    for count in (2, 4, 7):
        assert sorted((van_der_corput(count) * (count + 1)).int().tolist())[0] <= 1
        assert abs(float(van_der_corput(count).mean()) - 0.5) < 0.13


def rows(count: int = 12, **others):
    names = list(CLASSES)
    return to_dataset(
        [
            make_row(
                id=str(i), text="", split="train", label=names[i % 3],
                image=encode_image(picture(BRIGHTNESS[CLASSES[names[i % 3]]] + 0.01 * (i % 5))), **others,
            )
            for i in range(count)
        ]
    )  # fmt: skip


def test_only_the_temperature_is_trained(tmp_path):
    head = classifier(temperature=1.0)
    examples = head.examples(rows(), tmp_path)
    batch = examples.collate([examples.example(i, torch.Generator()) for i in range(len(examples))])
    assert set(batch) == set(head.batch_keys) == set(examples.keys) and batch["errors"].shape == (12, 3, 4)
    calls = len(head.generator.calls)
    optimizer = torch.optim.Adam([head.log_temperature], lr=0.3)
    first = None
    for _ in range(30):
        losses = head.training_step(batch, torch.Generator())
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        first = losses.total.item() if first is None else first
    assert losses.total.item() < 0.5 * first and losses.parts["accuracy"] == 1
    assert losses.parts["temperature"].item() < 0.5
    head.examples(rows(), tmp_path)
    assert len(head.generator.calls) == calls  # errors of the same rows are kept
    other = classifier(draws=5)
    other.examples(rows(), tmp_path)
    assert len(other.generator.calls) == calls  # those of other draws are computed


def test_labels_that_are_no_classes(tmp_path):
    with pytest.raises(DataError, match="'dark'"):
        classifier(classes={"light": "a light one", "middle": "a middle one"}).examples(rows(), tmp_path)


def test_a_generator_that_does_not_know_the_classes(tmp_path, monkeypatch):
    monkeypatch.setattr(Generator, "denoising_errors", lambda self, raw, prompts, **_: torch.ones(len(prompts), 4))
    with pytest.raises(DataError, match="alike under all 3 classes"):
        classifier().examples(rows(), tmp_path)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"text": "dark"},
        {"image": picture(0.1), "text": "dark"},
        {"image": []},
        {"image": picture(0.1), "budget": 0},
    ],
)
def test_what_is_refused(given):
    with pytest.raises(InputError):
        classifier().recognize(**given)


def test_an_emphasis_weights_later_draws_more():
    plain, late = classifier(earliest=0.2, latest=0.8), classifier(earliest=0.2, latest=0.8, emphasis=2.0)
    pixels = torch.from_numpy(picture(0.3).pixels)
    ratio = late.errors(pixels) / plain.errors(pixels)
    assert ratio.mean(1).tolist() == pytest.approx([1.0] * 3, rel=1e-4)
    assert torch.equal(ratio[0].argsort(), plain.times().argsort())
    assert late.logits(late.errors(pixels)).argmax() == plain.logits(plain.errors(pixels)).argmax()


@pytest.mark.parametrize(
    "config",
    [{"classes": {"one": "a"}}, {"earliest": 0.8, "latest": 0.2}, {"latest": 1.0, "emphasis": 1.0}],
)
def test_configs_that_are_refused(config):
    with pytest.raises(ConfigError) as refused:
        classifier(**config)
    assert refused.value.path in config


def test_it_cannot_be_explained():
    with pytest.raises(InputError, match="recognition"):
        explain(classifier(), image=picture(0.1))


def test_degradations_and_calibration():
    pixels = torch.full((3, 16, 16, 3), 60, dtype=torch.uint8)
    noisy = with_noise(pixels, 0.1, 0)
    assert 20 < noisy.float().std() < 30 and torch.equal(noisy, with_noise(pixels, 0.1, 0))
    hidden = occluded(pixels, 0.25, 0)
    assert (hidden != pixels)[..., 0].sum((1, 2)).tolist() == [16, 16, 16]
    sure, half = np.array([[1.0, 0.0]] * 4), np.array([[0.5, 0.5]] * 4)
    assert calibration_error(sure, [0, 0, 0, 0]) == 0 and calibration_error(sure, [1, 1, 0, 0]) == 0.5
    assert calibration_error(half, [0, 1, 0, 1]) == 0 and BINS == 15
    scores = reliability(sure, [0, 0, 0, 1])
    assert scores["accuracy"] == 0.75 and scores["accuracy_low"] <= 0.75 <= scores["accuracy_high"]


def test_the_evaluation(monkeypatch, tmp_path):
    from mmzoo_recognition import evaluate_diffusion

    monkeypatch.setattr(evaluate_diffusion, "load_dataset_component", lambda name, **config: {"test": rows()})
    report = evaluate_diffusion_classification(classifier(draws=8), limit=9, samples=tmp_path)
    assert report["scores"]["clean"]["accuracy"] == 1 and report["protocol"]["digits"] == 9
    assert report["cost"]["evaluations"] == 24 and list(report["budgets"]) == ["3", "6", "12", "24"]
    assert report["budgets"]["24"]["accuracy"] == report["scores"]["clean"]["accuracy"]
    assert (tmp_path / "degraded.png").is_file()
