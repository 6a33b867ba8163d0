"""What components and complete models share: they are built, saved, and called with tensors."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mmzoo.composition import load_weights, own_tensors
from mmzoo.hub.tensor_file import open_tensors
from mmzoo.testing.common import Checks, perturbed, probe_loss, require, seeded

LARGE = 1 << 16
"""A skeleton's tensors of at least this many values must be on the meta device; smaller ones may be computed."""


class Target(ABC):
    """The component or model under test: takes tensors and returns tensors, floats first.

    This lets every kind be saved, cast, exported and compiled in the same way.
    """

    label: str

    @property
    @abstractmethod
    def inputs(self) -> tuple[Tensor, ...]:
        """The tensors that it is called with."""

    @abstractmethod
    def call(self, component: Any, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The outputs for inputs of the form of `inputs`."""

    @abstractmethod
    def fresh(self) -> Any:
        """A new instance with parameters drawn under a fixed seed, in eval mode."""

    @abstractmethod
    def skeleton(self) -> Any:
        """A new instance on the meta device."""

    @abstractmethod
    def checks(self) -> Checks:
        """All checks by name, prerequisites first. Nothing is looked up or imported yet."""

    def component(self) -> Any:
        """A new instance whose zero-initialized parameters have been perturbed."""
        return perturbed(self.fresh())

    def cast_inputs(self, dtype: torch.dtype) -> tuple[Tensor, ...]:
        """The inputs cast to the precision of the parameters; audio samples stay float32."""
        return tuple(x.to(dtype) if x.is_floating_point() else x for x in self.inputs)

    def copy_files(self, component: Any, loaded: Any, folder: Path) -> None:  # noqa: B027 - components have none
        """Write the component's extra files to the folder and load them into the other instance, if it has any."""


def check_building(target: Target) -> None:
    """Fresh parameters are finite and determined by the seed."""
    first, second = own_tensors(target.fresh()), own_tensors(target.fresh())
    for name, tensor in first.items():
        if tensor.is_floating_point():
            require(bool(torch.isfinite(tensor).all()), f"{target.label}: the initial values of {name} are not finite.")
        require(
            torch.equal(tensor, second[name]),
            f"{target.label}: {name} differs between two builds under one torch seed; draw from torch's generator.",
        )


def check_meta(target: Target) -> None:
    """Built on the meta device, large tensors have no storage, and every shape is the real one."""
    tensors = own_tensors(target.skeleton())
    require(
        all(tensor.is_meta or tensor.numel() < LARGE for tensor in tensors.values()),
        f"{target.label} fills large tensors when built on the meta device.",
    )
    meta = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    real = {name: tuple(tensor.shape) for name, tensor in own_tensors(target.fresh()).items()}
    require(
        meta == real,
        f"{target.label} has other tensors when built on the meta device; create all of them in the constructor.",
    )


@torch.no_grad()
def check_storage(target: Target) -> None:
    """Saving and loading into a skeleton changes neither tensors nor outputs."""
    component = target.component()
    tensors = {name: tensor.detach().contiguous().clone() for name, tensor in own_tensors(component).items()}
    loaded = target.skeleton() if tensors else target.fresh()
    with tempfile.TemporaryDirectory() as folder:
        if tensors:
            from safetensors.torch import save_file

            path = Path(folder) / "model.safetensors"
            save_file(tensors, path)
            with open_tensors(path) as file:
                load_weights(loaded, file)
        target.copy_files(component, loaded, Path(folder))
    loaded.eval()
    for name, tensor in own_tensors(loaded).items():
        require(
            torch.equal(tensor, tensors[name]), f"{target.label}: {name} has different values after saving and loading."
        )
    mine, theirs = target.call(component, *target.inputs), target.call(loaded, *target.inputs)
    require(
        all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True)),
        f"{target.label} computes something else after saving and loading; whatever it needs must be a parameter,"
        " a buffer, or recomputed in reset_parameters.",
    )


@torch.no_grad()
def check_repeats(target: Target) -> None:
    """In eval mode, equal inputs give equal outputs, and no tensor changes."""
    component = target.component()
    before = {name: tensor.clone() for name, tensor in own_tensors(component).items()}
    with seeded(1):
        first = target.call(component, *target.inputs)
    with seeded(2):
        second = target.call(component, *target.inputs)
    for mine, theirs in zip(first, second, strict=True):
        require(torch.equal(mine, theirs), f"{target.label} in eval mode gives two results for one input.")
    for name, tensor in own_tensors(component).items():
        require(torch.equal(tensor, before[name]), f"{target.label} in eval mode changes its tensor {name}.")


def check_passing_back(label: str, outputs: tuple[Tensor, ...], inputs: dict[str, Tensor]) -> None:
    """The gradient of the outputs reaches each of these inputs, finite and not all zero."""
    total = probe_loss(*outputs)
    if total.requires_grad:
        total.backward()  # type: ignore[no-untyped-call]
    for name, x in inputs.items():
        require(
            x.grad is not None and bool(x.grad.isfinite().all() and x.grad.any()),
            f"{label}: no finite gradient passes back to {name} {list(x.shape)}; use a gradient estimator where values"
            " are rounded, and do not detach.",
        )


def trainable(module: nn.Module, foreign: set[int] | None = None) -> dict[str, nn.Parameter]:
    """The parameters that training updates: not frozen, and not in `foreign` (ids of other models' parameters)."""
    return {n: p for n, p in module.named_parameters() if p.requires_grad and id(p) not in (foreign or ())}
