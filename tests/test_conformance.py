"""The first-party components hold their contracts, and the kit notices components that do not."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from torch import Tensor, nn

from mmzoo import registry
from mmzoo.data import encode_audio, encode_image, make_row, row_features
from mmzoo.errors import UnknownKeyError, UsageError
from mmzoo.interfaces import (
    Audio,
    Condition,
    DiffusionBackbone,
    Image,
    Latents,
    Losses,
    ModalityEncoder,
    Port,
    Ports,
    Quantized,
    Quantizer,
    Sampler,
    TaskHead,
)
from mmzoo.registry import Catalog
from mmzoo.registry.register import Register
from mmzoo.registry.specs import PART_KINDS
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
    ("encoder", "picture-autoencoder", {"dim": 6, "widths": [8, 12], "depth": 1}),
    ("encoder", "text-autoencoder", {"dim": 6, "width": 16, "depth": 1}),
    ("encoder", "speech-transformer", {"width": 16, "depth": 1, "heads": 2, "bands": 20}),
    ("encoder", "image-conv", {"widths": [8, 12], "depth": 1}),
    ("encoder", "vit", {"width": 16, "depth": 1, "heads": 2}),
    ("encoder", "codes", {"codebook_sizes": [8, 8, 8], "width": 16, "depth": 1, "heads": 2}),
    ("encoder", "vectors", {"channels": 7, "width": 16, "depth": 1, "heads": 2}),
    ("encoder", "timm", {"model": "resnet10t", "width": 12}),
    *(
        ("fusion", name, {"widths": {"image": 6, "speech": 5, "text": 4}, "width": 16})
        for name in ("concat", "weighted", "late", "cnn", "rnn", "cross-attention")
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
    ("backbone", "joint-dit", {"channels": {"speech": 6}, "width": 32, "depth": 2, "heads": 2}),
    ("sampler", "euler", {}),
    ("sampler", "euler", {"shift": 3.0, "training_times": "logit-normal"}),
    ("sampler", "heun", {"sway": -1.0}),
    ("sampler", "ddim", {}),
    ("sampler", "dpm-solver", {}),
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
        if spec.kind in PART_KINDS and spec.plugin.startswith("mmzoo-")
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


@pytest.fixture(scope="module")
def rows() -> Dataset:
    noise = np.random.default_rng(0).standard_normal((2, 20000)).astype(np.float32) * 0.1
    return Dataset.from_list(
        [
            make_row(
                id=f"row-{index}",
                text="ah",
                audio=encode_audio(Audio(samples[: 20000 - 4000 * index], 16000)),
                speaker="slt",
                phones=["pau", "aa", "pau"],
                phone_ends_s=[0.2, 0.8, 1.25 - 0.25 * index],
                phone_set="flite",
                split="train",
            )
            for index, samples in enumerate(noise)
        ],
        features=row_features(),
    )


def test_the_speech_vqvae_head_holds_its_contract(rows: Dataset) -> None:
    check_component("head", "speech-vqvae", {"dim": 6, "crop_seconds": 0.5}, slots=SPEECH_SLOTS, rows=rows)


def test_the_speech_synthesis_head_holds_its_contract(rows: Dataset) -> None:
    slots = {
        "phonemizer": {"model": "phonemizer-en", "pretrained": False},
        "tokenizer": {"model": "vqvae-speech", "pretrained": False},
        "text": {"name": "symbols", "vocabulary": 41, "width": 32, "depth": 1},
        "backbone": {
            "name": "dit",
            "width": 32,
            "depth": 1,
            "heads": 2,
            "in_channels": 36,
            "vector_channels": {"voice": 32},
            "aligned_channels": {"text": 32, "prior": 36},
        },
        "sampler": "euler",
    }
    config = {"dim": 36, "width": 32, "voices": ["slt"]}
    check_component("head", "tts", config, slots=slots, rows=rows)


PICTURE_SLOTS = {
    "encoder": {"name": "picture-autoencoder", "dim": 6, "widths": [8, 12], "depth": 1},
    "quantizer": {"name": "vq", "dim": 6, "codebook_size": 16, "groups": 2},
}


@pytest.fixture(scope="module")
def pictures() -> Dataset:
    noise = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    return Dataset.from_list(
        [
            make_row(id=f"row-{i}", text="a red circle", image=encode_image(Image(pixels)), label="0", split="train")
            for i, pixels in enumerate(noise)
        ],
        features=row_features(),
    )


def test_the_picture_vqvae_head_holds_its_contract(pictures: Dataset) -> None:
    check_component("head", "picture-vqvae", {"dim": 6}, slots=PICTURE_SLOTS, rows=pictures)


def test_the_text_vqvae_head_holds_its_contract(pictures: Dataset) -> None:
    slots = {
        "encoder": {"name": "text-autoencoder", "dim": 6, "width": 16, "depth": 1},
        "quantizer": {"name": "vq", "dim": 6, "codebook_size": 16, "groups": 2},
    }
    check_component("head", "text-vqvae", {"dim": 6}, slots=slots, rows=pictures)


def test_the_picture_head_holds_its_contract(pictures: Dataset) -> None:
    slots = {
        "tokenizer": {"model": "vqvae-image", "pretrained": False},
        "text": {"name": "symbols", "vocabulary": 32, "width": 32, "depth": 1},
        "backbone": {
            "name": "dit",
            "width": 32,
            "depth": 1,
            "heads": 2,
            "in_channels": 32,
            "vector_channels": {"text": 32},
            "aligned_channels": {"place": 32, "picture": 36},
            "sequence_channels": {"words": 32},
            "position": "rope-2d",
        },
        "sampler": "euler",
    }
    config = {"dim": 32, "width": 32, "vocabulary": 32, "side": 32}
    check_component("head", "text-to-image", config, slots=slots, rows=pictures)


def test_the_speech_to_image_head_holds_its_contract(rows: Dataset) -> None:
    slots = {
        "speech": {"name": "speech-transformer", "width": 16, "depth": 1, "heads": 2, "bands": 20},
        "artist": {"model": "vqvae-dit-text2image", "pretrained": False},
    }
    check_component("head", "speech-to-image", {"width": 16, "vocabulary": 8}, slots=slots, rows=rows)


def test_the_image_to_speech_head_holds_its_contract(pictures: Dataset) -> None:
    slots = {
        "tokenizer": {"model": "vqvae-image", "pretrained": False},
        "voice": {"model": "vqvae-dit-tts", "pretrained": False},
        "picture": {"name": "vectors", "channels": 32, "width": 32, "depth": 1, "heads": 2},
    }
    check_component("head", "image-to-speech", {"width": 32, "side": 32}, slots=slots, rows=pictures)


def test_the_recognition_head_holds_its_contract(rows: Dataset) -> None:
    slots = {
        "speech": {"name": "speech-transformer", "width": 16, "depth": 1, "heads": 2, "bands": 20},
        "text": {"name": "bytes", "width": 16, "depth": 1},
        "fusion": {"name": "weighted", "widths": {"speech": 16, "text": 16}, "width": 16},
    }
    labelled = rows.remove_columns("label").add_column("label", ["0", "1"])
    check_component("head", "recognition", {"width": 16, "classes": 2}, slots=slots, rows=labelled)


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


COUNT = itertools.count()


class Forgetful(Grid):
    def __init__(self, *, dim: int = 4, levels: int = 5) -> None:
        super().__init__(dim=dim, levels=levels)
        self.hidden = next(COUNT)

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


class Mixer(DiffusionBackbone):
    """A backbone in miniature, sound unless it is told to read the padding or to use another table."""

    def __init__(self, *, channels: int = 3, respect: bool = True, delay: float = 0.0) -> None:
        super().__init__()
        self.linear, self.respect, self.delay = nn.Linear(channels, channels), respect, delay

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        port = Port(width=config["channels"])
        return Ports(inputs={"x": port}, outputs={"prediction": port})

    def precompute(self, t: Tensor, condition: Condition) -> Tensor:
        return t + self.delay

    def forward(
        self, x_t: Latents, t: Tensor | None, condition: Condition, *, table: Any = None, step: int | None = None
    ) -> Tensor:
        time = table[step].view(1) if t is None else t
        weight = torch.ones(x_t.x.shape[:2]) if x_t.mask is None or not self.respect else x_t.mask.float()
        mean = (x_t.x * weight.unsqueeze(-1)).sum(1, keepdim=True) / weight.sum(1).view(-1, 1, 1)
        prediction: Tensor = self.linear(x_t.x + mean) * (1 + time.view(-1, 1, 1))
        return prediction


class Reader(TaskHead):
    """A head with a file beside its weights, which it forgets to read unless it is told to."""

    def __init__(self, *, reads: bool = True) -> None:
        super().__init__()
        self.linear, self.reads, self.words = nn.Linear(2, 2), reads, b""

    def connect(self) -> None:
        self.words = self.words or str(next(COUNT)).encode()

    def files(self) -> Mapping[str, bytes]:
        return {"words.txt": self.words}

    def load_files(self, folder: Path) -> None:
        if self.reads:
            self.words = (folder / "words.txt").read_bytes()

    def training_step(self, batch: Mapping[str, Tensor], generator: torch.Generator) -> Losses:
        raise AssertionError


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    catalog, module, register = Catalog(candidates=()), ModuleType("conformance_parts"), Register("acme", "1.0")
    kinds = {
        "quantizer": (Grid, Forgetful, *BROKEN),
        "sampler": (Reversed,),
        "encoder": (Leaky,),
        "backbone": (Mixer,),
        "head": (Reader,),
    }
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
def test_what_is_not_stored_is_noticed() -> None:
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
def test_a_backbone_that_reads_padding_or_has_another_table_is_noticed() -> None:
    check_component("backbone", "mixer")
    with pytest.raises(ConformanceError, match="respect the masks"):
        check_component("backbone", "mixer", {"respect": False})
    with pytest.raises(ConformanceError, match="precomputed table"):
        check_component("backbone", "mixer", {"delay": 0.1})


@pytest.mark.usefixtures("parts")
def test_a_head_that_does_not_read_its_files_is_noticed() -> None:
    check_component("head", "reader")
    with pytest.raises(ConformanceError, match="load_files"):
        check_component("head", "reader", {"reads": False})


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


LOOSE_PLUGIN = """
from mmzoo import hookimpl

@hookimpl
def mmzoo_register(register):
    register.quantizer("loose", "nowhere:Loose", summary="Not installed")
"""
LOOSE_TESTS = """
import mmzoo

def test_with(mmzoo_plugins):
    assert mmzoo_plugins("loose_plugin")[0].state == "loaded"
    assert "quantizer/loose" in mmzoo.list_components()

def test_without():
    assert "quantizer/loose" not in mmzoo.list_components()

def test_a_plugin_that_fails(mmzoo_plugins):
    mmzoo_plugins("no_such_plugin")
"""


def test_the_fixture_adds_a_plugin_that_is_not_installed(tmp_path: Path) -> None:
    (tmp_path / "loose_plugin.py").write_text(LOOSE_PLUGIN)
    (tmp_path / "test_loose.py").write_text(LOOSE_TESTS)
    # Without the entry points, as this plugin may or may not be installed where the tests run.
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "pytest", "-p", "mmzoo.testing.pytest_plugin", "-c", os.devnull, "--rootdir=."]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert "1 failed, 2 passed" in done.stdout, done.stdout + done.stderr
    assert "the plugin no_such_plugin is broken: ModuleNotFoundError" in done.stdout


def test_the_pytest_plugin_is_an_entry_point() -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"mmzoo": "mmzoo.testing.pytest_plugin"}
