"""The first-party components hold their contracts, and the kit notices components that do not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mmzoo import registry
from mmzoo.errors import UnknownKeyError, UsageError
from mmzoo.interfaces import Latents, ModalityEncoder, Port, Ports, Quantized, Quantizer, Sampler
from mmzoo.registry import Catalog
from mmzoo.registry.register import Register
from mmzoo.testing import ConformanceError, check_component, check_quantizer

FIRST_PARTY: list[tuple[str, str, dict[str, Any]]] = [
    ("quantizer", "vq", {"dim": 8, "codebook_size": 16, "groups": 2}),
    ("quantizer", "vq", {"dim": 8, "codebook_size": 16, "estimator": "rotation"}),
    ("quantizer", "rvq", {"dim": 8, "codebook_size": 16, "levels": 3}),
    ("quantizer", "fsq", {"levels": [8, 5, 5, 5]}),
    ("quantizer", "fsq", {"levels": [4, 4, 3, 3], "dim": 10, "per_codebook": 2}),
    ("encoder", "symbols", {"vocabulary": 11, "width": 16, "depth": 1}),
    ("encoder", "bytes", {"width": 16, "depth": 1}),
    ("encoder", "log-mel", {"bands": 20}),
    ("encoder", "log-mel", {"bands": 20, "width": 12}),
    (
        "encoder",
        "speech-autoencoder",
        {"dim": 6, "width": 16, "depth": 1, "latent_depth": 1, "decoder_width": 16, "decoder_depth": 1},
    ),
    ("backbone", "dit", {"width": 32, "depth": 2, "heads": 2, "in_channels": 6}),
    (
        "backbone",
        "dit",
        {
            "width": 32,
            "depth": 2,
            "heads": 2,
            "in_channels": 6,
            "vector_channels": {"voice": 5},
            "aligned_channels": {"text": 7},
            "sequence_channels": {"caption": 9},
            "conv_position": 3,
            "shared_modulation": True,
        },
    ),
    ("backbone", "dit", {"width": 32, "depth": 1, "heads": 2, "in_channels": 6, "position": "rope-2d"}),
    ("sampler", "euler", {}),
    ("sampler", "euler", {"shift": 3.0, "training_times": "logit-normal"}),
    ("sampler", "heun", {"sway": -1.0}),
]


@pytest.mark.parametrize(
    ("kind", "name", "config"), FIRST_PARTY, ids=[f"{kind}-{name}-{i}" for i, (kind, name, _) in enumerate(FIRST_PARTY)]
)
def test_a_first_party_component_holds_its_contract(kind: str, name: str, config: dict[str, Any]) -> None:
    check_component(kind, name, config)


def test_every_first_party_part_is_checked() -> None:
    checked = {f"{kind}/{name}" for kind, name, _ in FIRST_PARTY}
    registered = {
        f"{spec.kind}/{spec.name}"
        for spec in registry.catalog().components()
        if spec.kind in ("encoder", "quantizer", "backbone", "sampler") and spec.plugin.startswith("mmzoo-")
    }
    assert registered == checked


SPEECH_SLOTS = {
    "encoder": {
        "name": "speech-autoencoder",
        "dim": 6,
        "width": 16,
        "depth": 1,
        "latent_depth": 1,
        "decoder_width": 16,
        "decoder_depth": 1,
    },
    "quantizer": {"name": "vq", "dim": 6, "codebook_size": 16, "groups": 2},
}


def test_the_speech_vqvae_head_holds_its_contract() -> None:
    import numpy as np
    from datasets import Dataset

    from mmzoo.data import encode_audio, speech_features, speech_row
    from mmzoo.interfaces import Audio

    noise = np.random.default_rng(0).standard_normal((2, 20000)).astype(np.float32) * 0.1
    rows = Dataset.from_list(
        [
            speech_row(id=f"row-{index}", text="noise", audio=encode_audio(Audio(samples, 16000)), split="train")
            for index, samples in enumerate(noise)
        ],
        features=speech_features(),
    )
    check_component("head", "speech-vqvae", {"dim": 6, "crop_seconds": 0.5}, slots=SPEECH_SLOTS, rows=rows)


def test_the_phonemizer_head_holds_its_contract() -> None:
    check_component("head", "phonemizer")


# --- the kit itself ----------------------------------------------------------------------------------


class Grid(Quantizer):
    """A sound quantizer, of which the tests below break one thing at a time."""

    def __init__(self, *, dim: int = 4, levels: int = 5) -> None:
        super().__init__()
        self.dim, self.levels = dim, levels
        self.scale = nn.Parameter(torch.ones(dim))

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        z = Port(width=config["dim"])
        return Ports(inputs={"z": z}, outputs={"z": z, "codes": Port(codebooks=config["dim"])})

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        return (self.levels,) * self.dim

    def round(self, z: Tensor) -> Tensor:
        return ((z * self.scale).tanh() * (self.levels - 1) / 2 + (self.levels - 1) / 2).round()

    def encode(self, z: Tensor, mask: Tensor | None = None) -> Tensor:
        codes = self.round(z).long()
        return codes if mask is None else codes.masked_fill(~mask.unsqueeze(-1), -1)

    def decode(self, codes: Tensor) -> Tensor:
        from mmzoo.errors import InputError

        if bool(((codes < 0) | (codes >= self.levels)).any()):
            raise InputError("Codes out of range.")
        return codes * 2 / (self.levels - 1) - 1

    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        bounded = (z * self.scale).tanh()
        z_q = bounded + (self.round(z) * 2 / (self.levels - 1) - 1 - bounded).detach()
        return Quantized(z_q, self.encode(z, mask), z_q.new_zeros(()), {}, torch.ones(self.dim))


class NoMask(Grid):
    def encode(self, z: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().encode(z)


class Accepts(Grid):
    def decode(self, codes: Tensor) -> Tensor:
        return codes * 2 / (self.levels - 1) - 1


class Stuck(Grid):
    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        found = super().forward(z, mask)
        return Quantized(found.z_q.detach() * self.scale / self.scale, found.codes, found.loss, {}, found.usage)


class Noisy(Grid):
    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        return super().forward(z + torch.rand_like(z), mask)


class WrongCodes(Grid):
    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        found = super().forward(z, mask)
        return Quantized(found.z_q, found.codes.int(), found.loss, {}, found.usage)


class WrongPort(Grid):
    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        return Ports(inputs={"z": Port(width=config["dim"])}, outputs={"codes": Port(codebooks=1)})


class Forgetful(Grid):
    def __init__(self, *, dim: int = 4, levels: int = 5) -> None:
        super().__init__(dim=dim, levels=levels)
        self.hidden = float(torch.rand(()))

    def round(self, z: Tensor) -> Tensor:
        return super().round(z * (1 + self.hidden))


class UnseededQuantizer(Grid):
    def __init__(self, *, dim: int = 4, levels: int = 5) -> None:
        super().__init__(dim=dim, levels=levels)
        generator = torch.Generator()
        generator.seed()
        self.scale = nn.Parameter(1 + torch.rand(dim, generator=generator))


BROKEN = {
    NoMask: "padding",
    Accepts: "decode accepted",
    Stuck: "no finite gradient passes",
    Noisy: "two results for one input",
    WrongCodes: "int64",
    WrongPort: "declares codes",
    UnseededQuantizer: "two builds under one torch seed",
}


class Reversed(Sampler):
    """Runs from data to noise, the wrong way round."""

    def times(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        return torch.rand(count, generator=generator)

    def corrupt(self, data: Tensor, noise: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        t = t.view(-1, 1, 1)
        return (1 - t) * data + t * noise, noise - data

    def schedule(self, num_steps: int) -> Tensor:
        return torch.linspace(0, 1, num_steps + 1)[:-1]

    def sample(self, predict: Any, noise: Tensor, num_steps: int) -> Tensor:
        return noise


class Leaky(ModalityEncoder):
    """Reads the padding."""

    modality = "text"

    def __init__(self, *, width: int = 4) -> None:
        super().__init__()
        self.embed = nn.Embedding(9, width)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        return Ports(
            inputs={"raw": Port(modality="text", codebook_size=9)}, outputs={"latents": Port(width=config["width"])}
        )

    def encode(self, raw: Any, mask: Tensor | None = None) -> Latents:
        x = self.embed(raw)
        return Latents(x - x.mean(1, keepdim=True), mask)


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    catalog, module, register = Catalog(candidates=()), ModuleType("conformance_parts"), Register("acme", "1.0")
    kinds = {"quantizer": (Grid, Forgetful, *BROKEN), "sampler": (Reversed,), "encoder": (Leaky,)}
    for kind, classes in kinds.items():
        for cls in classes:
            setattr(module, cls.__name__, cls)
            getattr(register, kind)(cls.__name__.lower(), f"conformance_parts:{cls.__name__}", summary="a test part")
    catalog._components += register.components
    monkeypatch.setitem(sys.modules, "conformance_parts", module)
    monkeypatch.setattr(registry, "catalog", lambda: catalog)


@pytest.mark.usefixtures("parts")
def test_a_sound_quantizer_passes() -> None:
    check_quantizer("grid", dim=3)


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize("cls", BROKEN)
def test_a_broken_quantizer_is_told_what_is_wrong(cls: type) -> None:
    with pytest.raises(ConformanceError, match=BROKEN[cls]):
        check_quantizer(cls.__name__.lower())


@pytest.mark.usefixtures("parts")
def test_what_is_not_stored_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConformanceError, match="after saving and loading"):
        check_quantizer("forgetful")


@pytest.mark.usefixtures("parts")
def test_a_sampler_that_runs_backwards_is_noticed() -> None:
    with pytest.raises(ConformanceError, match="must be the noise"):
        check_component("sampler", "reversed")


@pytest.mark.usefixtures("parts")
def test_an_encoder_that_reads_padding_is_noticed() -> None:
    with pytest.raises(ConformanceError, match="padded in a batch"):
        check_component("encoder", "leaky")


@pytest.mark.usefixtures("parts")
def test_mistakes_of_the_caller_are_the_usual_errors() -> None:
    with pytest.raises(UnknownKeyError, match="dims"):
        check_quantizer("grid", dims=3)
    with pytest.raises(UsageError, match="dataset"):
        check_component("dataset", "grid")


def test_the_pytest_plugin_imports_nothing_heavy() -> None:
    code = (
        "import sys, mmzoo.testing.pytest_plugin, mmzoo.testing;"
        "heavy = {'torch', 'pydantic', 'datasets', 'rich'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
