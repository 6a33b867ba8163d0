"""The critics of speech: what they see, and what a model learns from them."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import pytest
import torch
from mmzoo_vqvae.critics import MultiPeriod, MultiResolution
from safetensors.torch import load_file
from torch import Tensor, nn

from mmzoo.composition import compose
from mmzoo.errors import ConfigError
from mmzoo.hookspecs import Register, hookimpl
from mmzoo.interfaces import Adversary, Critic
from mmzoo.testing.rows import sample_rows
from mmzoo.training import Trainer, load_recipe

RATE = 24_000


def voices(count: int = 2, seconds: float = 0.05) -> Tensor:
    """Harmonic tones of various pitches."""
    time = torch.arange(round(seconds * RATE)) / RATE
    pitches = torch.linspace(110, 220, count).unsqueeze(1)
    return sum(torch.cos(2 * torch.pi * k * pitches * time) / k for k in range(1, 20)) * 0.1  # type: ignore[return-value]


def buzzing(real: Tensor) -> Tensor:
    """The same spectrum with other phases above 1 kHz, as codecs without critics produce them."""
    spectrum = torch.fft.rfft(real)
    phases = 2 * torch.pi * torch.rand(spectrum.shape, generator=torch.Generator().manual_seed(0))
    phases[:, : round(1000 * real.shape[1] / RATE)] = 0
    return torch.fft.irfft(spectrum * torch.polar(torch.ones_like(phases), phases), n=real.shape[1])


CRITICS: dict[str, Callable[[], Critic]] = {
    "resolutions": lambda: MultiResolution(windows=(256, 512), channels=(8, 8)),
    "bands": lambda: MultiResolution(windows=(256,), cuts=(0.25, 0.5), channels=(8, 8)),
    "periods": lambda: MultiPeriod(periods=(2, 3), channels=(8, 16, 16)),
}


BLIND = {"hinge": 2.0, "least-squares": 0.5}
"""The least that a critic reaches which sees no difference."""


@pytest.mark.parametrize(
    ("name", "loss"),
    [("resolutions", "hinge"), ("bands", "hinge"), ("periods", "hinge"), ("periods", "least-squares")],
)
def test_a_critic_learns_what_a_codec_gets_wrong_and_a_codec_learns_from_it(
    name: str, loss: Literal["hinge", "least-squares"]
) -> None:
    torch.manual_seed(0)
    adversary = Adversary([CRITICS[name]()], loss)
    real = voices()
    output = buzzing(real).requires_grad_()
    optimizer = torch.optim.AdamW(adversary.parameters(), lr=1e-2, betas=(0.8, 0.99))
    losses = []
    for _ in range(60):
        verdict = adversary(real, output)
        losses.append(verdict.critics.detach())
        optimizer.zero_grad()
        verdict.critics.backward()
        optimizer.step()
    assert output.grad is None, "what the critics minimize does not reach the model"
    assert losses[-1] < 0.9 * BLIND[loss]
    for part in ("adversarial", "features"):
        output = buzzing(real).requires_grad_()
        optimizer = torch.optim.AdamW([output], lr=1e-4, weight_decay=0.0)
        before = getattr(adversary(real, output), part)
        for _ in range(15):
            optimizer.zero_grad()
            getattr(adversary(real, output), part).backward()
            optimizer.step()
        assert getattr(adversary(real, output), part) < before, part
    assert adversary(real, real).features == 0


@pytest.mark.parametrize("samples", [2400, 2401, 2777])
def test_maps_are_of_each_scale_and_cover_the_crop(samples: int) -> None:
    raw = torch.randn(3, samples)
    scales = MultiPeriod()(raw)
    assert [scale[0].shape[:3] for scale in scales] == [(3, period, 8) for period in (2, 3, 5, 7, 11)]
    for scale, period in zip(scales, (2, 3, 5, 7, 11), strict=True):
        assert [each.shape[2] for each in scale] == [8, 16, 32, 64, 1]
        assert scale[0].shape[3] == math.ceil(math.ceil(samples / period) / 3), "no sample is left out"
    scales = MultiResolution(cuts=(0.5,))(raw)
    assert len(scales) == 6 and all(scale[-1].shape[:2] == (3, 1) for scale in scales)
    below, above = scales[0][0], scales[1][0]
    assert below.shape[2] == above.shape[2] == samples // 256
    assert below.shape[3] + above.shape[3] == -(-257 // 4), "no bin is left out"


def test_a_band_is_seen_by_its_own_layers_only() -> None:
    critic = MultiResolution(windows=(512,), cuts=(0.5,), channels=(4,)).eval()
    time = torch.arange(4800) / RATE
    low = torch.sin(2 * torch.pi * 500 * time).unsqueeze(0)
    both = low + torch.sin(2 * torch.pi * 9000 * time)
    with torch.no_grad():
        (below, _), (above, _) = critic(low)
        (below_too, _), (above_too, _) = critic(both)
    assert (above - above_too).abs().max() > 0.1
    assert (below - below_too).abs().max() < 0.25 * (above - above_too).abs().max()


@pytest.mark.parametrize("critic", [MultiResolution(channels=(4, 4)), MultiPeriod(channels=(4, 4))])
def test_silence_has_finite_scores_and_gradients(critic: Critic) -> None:
    silence = torch.zeros(1, 4800, requires_grad=True)
    verdict = Adversary([critic])(torch.zeros(1, 4800), silence)
    (verdict.adversarial + verdict.features).backward()
    assert silence.grad is not None and bool(silence.grad.isfinite().all())


class Loudness(Critic):
    """Judges samples one by one."""

    modality = "speech"

    def __init__(self, *, width: int = 2) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Linear(width, 1))

    def forward(self, raw: Tensor) -> list[list[Tensor]]:
        return [[self.layers(raw.unsqueeze(-1))]]


class Colors(Loudness):
    modality = "image"


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch, mmzoo_plugins: Callable[..., Any]) -> None:
    """A plugin with two critics of its own."""

    @hookimpl
    def mmzoo_register(register: Register) -> None:
        register.critic("loudness", "stranger_critics:Loudness", summary="Samples one by one")
        register.critic("colors", "stranger_critics:Colors", summary="Colors one by one")

    module = ModuleType("stranger_critics")
    vars(module).update(Loudness=Loudness, Colors=Colors, mmzoo_register=mmzoo_register)
    monkeypatch.setitem(sys.modules, "stranger_critics", module)
    mmzoo_plugins("stranger_critics")


MODEL = {
    "head": {"name": "speech-vqvae", "dim": 4, "crop_seconds": 0.2},
    "encoder": {"name": "source-filter-autoencoder", "dim": 4, "sample_rate": 16000, "width": 8, "depth": 0,
                "latent_depth": 0, "decoder_width": 8, "decoder_depth": 1},
    "quantizer": {"name": "vq", "dim": 4, "codebook_size": 8},
}  # fmt: skip


def train(out: Path, **changes: Any) -> dict[str, Tensor]:
    """A training of three steps; the tensors of its last checkpoint's adversary, if it has one."""
    torch.manual_seed(0)
    recipe = load_recipe(
        {"name": "codec", "model": {"name": "codec"}, "data": {"name": "rows"}, "steps": 3, "batch_size": 2,
         "device": "cpu", "num_threads": 1, "checkpoint_every": 1, **changes}
    )  # fmt: skip
    Trainer(recipe, compose(MODEL, device="cpu"), sample_rows(4), out=out, cache=out / "cache").run()
    path = out / "checkpoints" / f"step-{recipe.steps:08d}" / "adversary.safetensors"
    return load_file(path) if path.exists() else {}


def test_a_strangers_critic_takes_part_beside_ours_and_leaves_no_trace_in_the_model(
    tmp_path: Path, stranger: None
) -> None:
    critics = ["loudness", {"name": "multi-period", "periods": [2], "channels": [4]}]
    adversary = {"critics": critics, "start_step": 1, "lr": 0.01}
    whole = train(tmp_path / "whole", adversary=adversary)
    assert train(tmp_path / "part", adversary=adversary, stop_after_minutes=1e-9) == {}
    part = train(tmp_path / "part", adversary=adversary)
    assert whole.keys() == part.keys() and all(torch.equal(whole[name], part[name]) for name in whole)
    names = {name.split("/")[1] for name in whole if name.startswith("model/")}
    assert {"critics.0.layers.0.weight", "critics.1.stacks.0.0.weight"} <= names
    train(tmp_path / "alone", adversary=None)
    folders = [tmp_path / name / "model" for name in ("whole", "alone")]
    configs = [json.loads((folder / "config.json").read_text()) for folder in folders]
    assert configs[0]["recipe"] == configs[1]["recipe"] and "critic" not in json.dumps(configs[0])
    with_critics, without = (load_file(folder / "model.safetensors") for folder in folders)
    assert with_critics.keys() == without.keys()
    assert any(not torch.equal(with_critics[name], without[name]) for name in without)


def test_a_critic_of_pictures_is_refused_for_speech(tmp_path: Path, stranger: None) -> None:
    with pytest.raises(ConfigError, match=r"colors.*image.*speech") as refused:
        train(tmp_path, adversary={"critics": ["multi-period", "colors"]})
    assert refused.value.path == "adversary.critics[1]"
