"""A small world of components to compose: registered through a fake catalog, with no plugin installed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Literal

import pytest
import torch
from torch import Tensor, nn

from mmzoo import registry
from mmzoo.hookspecs import Register
from mmzoo.interfaces.components import ModalityEncoder, Quantizer, Sampler
from mmzoo.interfaces.heads import TaskHead
from mmzoo.interfaces.ports import Link, Port, Ports, Slot
from mmzoo.interfaces.values import ALONE, Latents, Losses, Quantized, TrainingState
from mmzoo.registry import Catalog
from mmzoo.registry.specs import Weights


class Encoder(ModalityEncoder):
    modality = "speech"

    def __init__(self, *, dim: int = 4, bias: bool = True, window: int = 8) -> None:
        super().__init__()
        self.linear = nn.Linear(window, dim, bias=bias)
        self.norm = nn.BatchNorm1d(dim)
        self.register_buffer("hann", torch.hann_window(window), persistent=False)
        self.window = window

    def reset_parameters(self) -> None:
        super().reset_parameters()
        self.hann = torch.hann_window(self.window, device=self.hann.device)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        return Ports(outputs={"latents": Port(modality="speech", width=config["dim"])})

    def encode(self, raw: Any, mask: Tensor | None = None) -> Latents:
        return Latents(self.linear(raw * self.hann))


class _Quantizer(Quantizer):
    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        return (2,)

    def encode(self, z: Tensor, mask: Tensor | None = None) -> Tensor:
        return torch.zeros(*z.shape[:2], 1, dtype=torch.long)

    def decode(self, codes: Tensor) -> Tensor:
        return torch.zeros(*codes.shape[:2], 4)

    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        raise AssertionError


class VQ(_Quantizer):
    def __init__(
        self,
        *,
        dim: int = 4,
        size: int = 16,
        decay: float = 0.9,
        style: Literal["plain", "rotated"] = "plain",
        groups: list[int] | None = None,
        pair: tuple[int, float] = (1, 2.0),
        names: dict[str, int] | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("codebook", torch.empty(size, dim).normal_())
        self.register_buffer("counts", torch.zeros(size, dtype=torch.long))
        self.pair = pair

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        return Ports(inputs={"z": Port(width=config["dim"])})


class FSQ(_Quantizer):
    def __init__(self, *, levels: list[int]) -> None:
        super().__init__()
        if any(level < 2 for level in levels):
            raise ValueError("levels\nmust be at least 2")
        self.levels = levels

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        return Ports(inputs={"z": Port(width=len(config["levels"]))})


class Euler(Sampler):
    def __init__(self, *, shift: float = 1.0) -> None:
        self.shift = shift

    def times(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        return torch.linspace(0, 1, count)

    def corrupt(self, data: Tensor, noise: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        return data, noise

    def schedule(self, num_steps: int) -> Tensor:
        return torch.linspace(0, 1, num_steps)

    def sample(self, predict: Any, noise: Tensor, num_steps: int) -> Tensor:
        return noise


class Heun(Euler):
    pass


class Tokenizer(TaskHead):
    slots: ClassVar = {"encoder": Slot("encoder"), "quantizer": Slot("quantizer")}
    links = (Link("encoder.latents", "quantizer.z"),)

    def __init__(self, *, scale: float = 1.0, steps: int = 8) -> None:
        super().__init__()
        self.scale, self.steps = scale, steps
        self.gain = nn.Parameter(torch.empty(1).normal_())
        self.words: bytes | None = None

    def connect(self) -> None:
        self.out = nn.Linear(self.encoder.linear.out_features, 3)

    def files(self) -> Mapping[str, bytes]:
        return {"words.json": b'["a"]'}

    def load_files(self, folder: Path) -> None:
        self.words = (folder / "words.json").read_bytes()

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        raise AssertionError


class Speaker(TaskHead):
    slots: ClassVar = {"tokenizer": Slot("head", model=True), "sampler": Slot("sampler")}
    links = (Link("tokenizer.latents", "head.latents"),)

    def __init__(self, *, dim: int = 4) -> None:
        super().__init__()
        self.net = nn.Linear(dim, dim)

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        raise AssertionError


class World:
    """A catalog with one plugin, `acme`, whose components live in a module that exists only in the test."""

    def __init__(self) -> None:
        self.catalog = Catalog(candidates=())
        self.module = ModuleType("acme_parts")

    def add(self, kind: str, name: str, cls: type) -> None:
        register = Register("acme", "1.0")
        getattr(register, kind)(name, f"acme_parts:{cls.__name__}", summary="a test part")
        setattr(self.module, cls.__name__, cls)
        others = [spec for spec in self.catalog._components if (spec.kind, spec.name) != (kind, name)]
        self.catalog._components[:] = others + register.components

    def model(self, name: str, recipe: Mapping[str, Any], **details: Any) -> None:
        register = Register("acme", "1.0")
        register.model(name, task="a task", recipe=recipe, summary="a test model", **details)
        self.catalog._models[:] = [spec for spec in self.catalog._models if spec.name != name] + register.models

    def publish(self, name: str, recipe: Mapping[str, Any], folder: Path, **weights: Any) -> Path:
        """A model with fresh parameters, saved in a folder and registered with these weights."""
        from mmzoo.composition import check, save_model
        from mmzoo.factory import build
        from mmzoo.resolve import resolve_recipe

        save_model(build(check(resolve_recipe(recipe, name))), folder)
        self.model(name, recipe, weights=[Weights("v1", f"local-dir:{folder}", **weights)], modalities=["speech"])
        return folder


TOKENIZER = {"head": "tokenizer", "encoder": {"name": "encoder", "dim": 4}, "quantizer": "vq"}
SPEAKER = {"head": "speaker", "tokenizer": {"model": "tok"}, "sampler": "euler"}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    found = World()
    for kind, name, cls in [
        ("encoder", "encoder", Encoder),
        ("quantizer", "vq", VQ),
        ("quantizer", "fsq", FSQ),
        ("sampler", "euler", Euler),
        ("sampler", "heun", Heun),
        ("head", "tokenizer", Tokenizer),
        ("head", "speaker", Speaker),
    ]:
        found.add(kind, name, cls)
    found.model("tok", TOKENIZER)
    found.model("speaker", SPEAKER)
    monkeypatch.setitem(sys.modules, "acme_parts", found.module)
    monkeypatch.setattr(registry, "catalog", lambda: found.catalog)
    return found


@pytest.fixture
def tok(world: World, tmp_path: Path) -> Path:
    """The folder of the model `tok`, saved and published."""
    torch.manual_seed(1)
    return world.publish("tok", TOKENIZER, tmp_path / "tok")


@pytest.fixture
def speaker(world: World, tok: Path, tmp_path: Path) -> Path:
    """The folder of the model `speaker`, which has `tok` in a slot."""
    return world.publish("speaker", SPEAKER, tmp_path / "speaker")
