"""What parts and whole models have in common: they are built, stored, and called with tensors."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mmzoo.composition import load_weights, own_tensors
from mmzoo.hub.tensor_file import open_tensors
from mmzoo.testing.common import Checks, functional, require, seeded, stirred

LARGE = 1 << 16
"""Values that a tensor may have on the meta device, where it is computed from settings alone."""


class Subject(ABC):
    """Something that is called with tensors and gives tensors, floats first.

    So it can be stored, cast, exported and compiled in the same way whatever it is.
    """

    label: str

    @property
    @abstractmethod
    def inputs(self) -> tuple[Tensor, ...]:
        """What it is called with."""

    @abstractmethod
    def call(self, component: Any, *inputs: Tensor) -> tuple[Tensor, ...]:
        """What it makes of inputs like `inputs`."""

    @abstractmethod
    def fresh(self) -> Any:
        """It with the fresh parameters of a seed, in eval mode."""

    @abstractmethod
    def skeleton(self) -> Any:
        """It on the meta device."""

    @abstractmethod
    def checks(self) -> Checks:
        """All checks by name, in order: what later ones rely on comes first. Nothing is looked up or imported."""

    def component(self) -> Any:
        """It with parameters of which none is zero only because it starts so."""
        return stirred(self.fresh())

    def cast_inputs(self, dtype: torch.dtype) -> tuple[Tensor, ...]:
        """The inputs in the precision of parameters; samples of sound stay float32."""
        return tuple(x.to(dtype) if x.is_floating_point() else x for x in self.inputs)

    def carry_files(self, component: Any, loaded: Any, folder: Path) -> None:  # noqa: B027 - parts have none
        """Let what was loaded read the files beside the weights, if there are any."""


def check_building(subject: Subject) -> None:
    """Fresh parameters are finite and those of the seed."""
    first, second = own_tensors(subject.fresh()), own_tensors(subject.fresh())
    for name, tensor in first.items():
        if tensor.is_floating_point():
            require(
                bool(torch.isfinite(tensor).all()), f"{subject.label}: {name} starts with values that are not finite."
            )
        require(
            torch.equal(tensor, second[name]),
            f"{subject.label}: {name} differs between two builds under one torch seed; draw from torch's generator.",
        )


def check_meta(subject: Subject) -> None:
    """On the meta device nothing large has values, all has shapes."""
    tensors = own_tensors(subject.skeleton())
    require(
        all(tensor.is_meta or tensor.numel() < LARGE for tensor in tensors.values()),
        f"{subject.label} fills large tensors when it is built on the meta device.",
    )
    meta = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    real = {name: tuple(tensor.shape) for name, tensor in own_tensors(subject.fresh()).items()}
    require(
        meta == real,
        f"{subject.label} has other tensors when it is built on the meta device; create all in the constructor.",
    )


@torch.no_grad()
def check_storage(subject: Subject) -> None:
    """Saved and loaded into a skeleton, every tensor is the same, and so is what is computed."""
    component = subject.component()
    tensors = {name: tensor.detach().contiguous().clone() for name, tensor in own_tensors(component).items()}
    loaded = subject.skeleton() if tensors else subject.fresh()
    with tempfile.TemporaryDirectory() as folder:
        if tensors:
            from safetensors.torch import save_file

            path = Path(folder) / "model.safetensors"
            save_file(tensors, path)
            with open_tensors(path) as file:
                load_weights(loaded, file)
        subject.carry_files(component, loaded, Path(folder))
    loaded.eval()
    for name, tensor in own_tensors(loaded).items():
        require(
            torch.equal(tensor, tensors[name]), f"{subject.label}: {name} has other values after saving and loading."
        )
    mine, theirs = subject.call(component, *subject.inputs), subject.call(loaded, *subject.inputs)
    require(
        all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True)),
        f"{subject.label} computes something else after saving and loading; what it needs must be a parameter,"
        " a buffer, or recomputed in reset_parameters.",
    )


@torch.no_grad()
def check_repeats(subject: Subject) -> None:
    """In eval mode one input gives one output, and no tensor changes."""
    component = subject.component()
    before = {name: tensor.clone() for name, tensor in own_tensors(component).items()}
    with seeded(1):
        first = subject.call(component, *subject.inputs)
    with seeded(2):
        second = subject.call(component, *subject.inputs)
    for mine, theirs in zip(first, second, strict=True):
        require(torch.equal(mine, theirs), f"{subject.label} in eval mode gives two results for one input.")
    for name, tensor in own_tensors(component).items():
        require(torch.equal(tensor, before[name]), f"{subject.label} in eval mode changes its tensor {name}.")


def check_passing_back(label: str, outputs: tuple[Tensor, ...], inputs: dict[str, Tensor]) -> None:
    """The gradient of the outputs reaches every one of these inputs, finite and not all zero."""
    total = functional(*outputs)
    if total.requires_grad:
        total.backward()  # type: ignore[no-untyped-call]
    for name, x in inputs.items():
        require(
            x.grad is not None and bool(x.grad.isfinite().all() and x.grad.any()),
            f"{label}: no finite gradient passes back to {name} {list(x.shape)}; use an estimator where something is"
            " rounded, and detach nothing.",
        )


def trainable(module: nn.Module, foreign: set[int] | None = None) -> dict[str, nn.Parameter]:
    """The parameters that training moves: neither frozen nor another model's."""
    return {n: p for n, p in module.named_parameters() if p.requires_grad and id(p) not in (foreign or ())}
