"""Variants of training crops: another pitch, level and frequency response, and nothing else."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from mmzoo_vqvae import variation
from mmzoo_vqvae.speech_tokenizer import SpeechCrops
from mmzoo_vqvae.variation import FACTORS, MARGIN, Variation
from torch import Tensor

from mmzoo.composition import compose
from mmzoo.testing.rows import sample_rows

RATE, CROP = 24_000, 12_000


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tone(hertz: float, samples: int) -> Tensor:
    return 0.5 * torch.sin(2 * torch.pi * hertz * torch.arange(samples) / RATE)


@pytest.fixture
def flat(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same level and frequency response for all."""
    monkeypatch.setattr(variation, "LEVELS_DB", (0.0, 0.0))
    monkeypatch.setattr(variation, "RESPONSE_DB", 0.0)
    monkeypatch.setattr(variation, "NARROW", 0.0)


@pytest.mark.parametrize("seed", range(6))
def test_a_tone_moves_by_the_factor_and_is_otherwise_the_same(seed: int, flat: None) -> None:
    change = Variation(CROP, RATE, seeded(seed))
    factor = change.source / (CROP + 2 * MARGIN)
    varied = change(tone(1000, change.source))
    assert varied.shape == (CROP,)
    inside = slice(1000, -1000)  # the ends ring a little
    wanted = 0.5 * torch.sin(2 * torch.pi * 1000 * factor * (MARGIN + torch.arange(CROP)) / RATE)
    torch.testing.assert_close(varied[inside], wanted[inside], atol=5e-3, rtol=0)


def test_factors_are_spread_over_their_range() -> None:
    factors = [Variation(CROP, RATE, seeded(seed)).source / (CROP + 2 * MARGIN) for seed in range(100)]
    assert FACTORS[0] - 0.01 < min(factors) < 0.85 and 1.18 < max(factors) < FACTORS[1] + 0.01
    assert 30 < sum(factor > 1 for factor in factors) < 70


def test_levels_and_responses_vary_and_nothing_clips() -> None:
    noise = torch.randn(20_000, generator=seeded(0)) * 0.2
    made = []
    for seed in range(60):
        change = Variation(CROP, RATE, seeded(seed))
        made.append(change(noise[: change.source]))
    levels = torch.stack([20 * each.square().mean().sqrt().log10() for each in made])
    assert all(each.abs().max() <= 1.0001 and each.isfinite().all() for each in made)
    assert levels.max() - levels.min() > 10
    power = torch.stack([torch.fft.rfft(each).abs().square() for each in made])
    high = power[:, 5000:].mean(1) / power[:, :1000].mean(1)
    assert 0.05 < (high < 1e-3).float().mean() < 0.6, "some, not all, are of limited bandwidth"


@pytest.fixture
def crops(tmp_path: Path) -> Any:
    rows = sample_rows(2)

    def make(varied: float, crop: int = 4000) -> SpeechCrops:
        return SpeechCrops(rows, 16_000, crop, tmp_path, varied)

    return make


def test_crops_say_who_speaks(tmp_path: Path) -> None:
    rows = sample_rows(2)
    names = rows.remove_columns([c for c in rows.column_names if c == "speaker"])
    assert SpeechCrops(names, 16_000, 4000, tmp_path).labels is None
    named = names.add_column("speaker", ["ann", "bob"])
    assert SpeechCrops(named, 16_000, 4000, tmp_path).labels == ["ann", "bob"]


def test_without_variation_crops_are_pieces_of_the_recording(crops: Any) -> None:
    sound, _ = soundfile.read(io.BytesIO(sample_rows(2)[0]["audio"]["bytes"]), dtype="float32")
    piece = crops(0.0).example(0, seeded(0)).numpy()
    start = int(torch.randint(len(sound) - 4000 + 1, (), generator=seeded(0)))
    np.testing.assert_allclose(piece, sound[start : start + 4000], atol=1e-4)


@pytest.mark.parametrize("crop", [400, 4000, 30_000])
def test_crops_have_their_length_and_depend_on_the_generator_only(crop: int, crops: Any) -> None:
    varied = crops(1.0, crop)
    one, again, other = (varied.example(0, seeded(seed)) for seed in (1, 1, 2))
    assert one.shape == (crop,) and one.isfinite().all()
    assert torch.equal(one, again) and not torch.equal(one, other)


def test_a_fraction_of_the_crops_is_varied(crops: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []

    class Counted(Variation):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr("mmzoo_vqvae.speech_tokenizer.Variation", Counted)
    half = crops(0.5)
    for seed in range(40):
        half.example(0, seeded(seed))
    assert 10 < len(made) < 30


def test_latents_are_measured_on_crops_that_are_not_varied(tmp_path: Path) -> None:
    model: Any = compose(
        {
            "head": {"name": "speech-vqvae", "dim": 4, "crop_seconds": 0.1},
            "encoder": {"name": "source-filter-autoencoder", "dim": 4, "sample_rate": 16000, "width": 8, "depth": 0,
                        "latent_depth": 0, "decoder_width": 8, "decoder_depth": 0},
            "quantizer": {"name": "vq", "dim": 4, "codebook_size": 8},
        },
        device="cpu",
    )  # fmt: skip
    means = []
    for varied in (0.0, 1.0):
        model.varied = varied
        examples = model.examples(sample_rows(2), tmp_path)
        with torch.no_grad():
            model.eval().finish(examples)
        assert examples.varied == varied
        means.append(model.latent_mean.clone())
    assert torch.equal(*means)
