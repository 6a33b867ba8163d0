"""What components and complete models share: they are built, saved, and called with tensors."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from mmzoo.composition import load_weights, own_tensors
from mmzoo.hub.tensor_file import open_tensors
from mmzoo.model_folder import WEIGHTS_NAME
from mmzoo.testing.common import Checks, require
from mmzoo.testing.values import probe_loss, seeded

LARGE = 1 << 16
"""A skeleton's tensors of at least this many values must be on the meta device; smaller ones may be computed."""
STEPS = 3
"""Number of training steps within which every parameter must receive a gradient."""


class Target(ABC):
    """The component or model under test: takes tensors and returns tensors, floats first.

    This lets every kind be saved, cast, exported and compiled in the same way.
    """

    label: str
    step_size = 0.01
    """By how much the gradient check moves each parameter in a step."""

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
    def loss(self, component: Any, step: int = 0) -> Tensor:
        """A scalar training loss whose gradient must reach every trainable parameter within some steps."""

    @abstractmethod
    def checks(self) -> Checks:
        """All checks by name, prerequisites first. Nothing is looked up or imported yet."""

    @torch.no_grad()
    def component(self) -> Any:
        """A new instance with noise added to its own parameters, so that those initialized to zero are tested too."""
        component = self.fresh()
        generator = torch.Generator().manual_seed(1)
        own = _own_ids(component)
        for parameter in component.parameters():
            if parameter.is_floating_point() and id(parameter) in own:
                parameter.add_(torch.randn(parameter.shape, generator=generator).to(parameter), alpha=0.02)
        return component

    def cast_inputs(self, dtype: torch.dtype) -> tuple[Tensor, ...]:
        """The inputs cast to the precision of the parameters; audio samples stay float32."""
        return tuple(x.to(dtype) if x.is_floating_point() else x for x in self.inputs)

    def copy_files(self, component: Any, loaded: Any, folder: Path) -> None:  # noqa: B027 - components have none
        """Write the component's extra files to the folder and load them into the other instance, if it has any."""

    def check_build(self) -> None:
        """Fresh parameters are finite and determined by the seed."""
        first, second = own_tensors(self.fresh()), own_tensors(self.fresh())
        for name, tensor in first.items():
            if tensor.is_floating_point():
                require(tensor.isfinite().all(), f"{self.label}: the initial values of {name} are not finite.")
            require(
                torch.equal(tensor, second[name]),
                f"{self.label}: {name} differs between two builds under one torch seed; draw from torch's generator.",
            )

    def check_meta(self) -> None:
        """Built on the meta device, large tensors have no storage, and every shape is the real one."""
        meta, real = own_tensors(self.skeleton()), own_tensors(self.fresh())
        require(
            all(tensor.is_meta or tensor.numel() < LARGE for tensor in meta.values()),
            f"{self.label} fills large tensors when built on the meta device.",
        )
        require(
            {name: tensor.shape for name, tensor in meta.items()} == {name: t.shape for name, t in real.items()},
            f"{self.label} has other tensors when built on the meta device; create all of them in the constructor.",
        )

    @torch.no_grad()
    def check_storage(self) -> None:
        """Saving and loading into a skeleton changes neither tensors nor outputs."""
        component = self.component()
        tensors = {name: tensor.detach().contiguous().clone() for name, tensor in own_tensors(component).items()}
        loaded = self.skeleton() if tensors else self.fresh()
        with tempfile.TemporaryDirectory() as folder:
            if tensors:
                path = Path(folder) / WEIGHTS_NAME
                save_file(tensors, path)
                with open_tensors(path) as file:
                    load_weights(loaded, file)
            self.copy_files(component, loaded, Path(folder))
        loaded.eval()
        for name, tensor in own_tensors(loaded).items():
            require(
                torch.equal(tensor, tensors[name]),
                f"{self.label}: {name} has different values after saving and loading.",
            )
        mine, theirs = self.call(component, *self.inputs), self.call(loaded, *self.inputs)
        require(
            all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True)),
            f"{self.label} computes something else after saving and loading; whatever it needs must be a parameter,"
            " a buffer, or recomputed in reset_parameters.",
        )

    @torch.no_grad()
    def check_repeats(self) -> None:
        """In eval mode, equal inputs give equal outputs, and no tensor changes."""
        component = self.component()
        before = {name: tensor.clone() for name, tensor in own_tensors(component).items()}
        with seeded(1):
            first = self.call(component, *self.inputs)
        with seeded(2):
            second = self.call(component, *self.inputs)
        for mine, theirs in zip(first, second, strict=True):
            require(torch.equal(mine, theirs), f"{self.label} in eval mode gives two results for one input.")
        for name, tensor in own_tensors(component).items():
            require(torch.equal(tensor, before[name]), f"{self.label} in eval mode changes its tensor {name}.")

    def check_gradients(self) -> None:
        """Within a few training steps, a finite nonzero gradient reaches every trainable parameter of its own.

        Zero-initialized layers (adaLN-zero) block gradients to earlier layers until their first update.
        """
        component = self.fresh().train()
        own = _own_ids(component)
        waiting = {name for name, p in component.named_parameters() if p.requires_grad and id(p) in own}
        waiting = {name for name in waiting if name.partition(".")[0] not in getattr(component, "trained_by_head", ())}
        for step in range(STEPS):
            with seeded(step):
                loss = self.loss(component, step)
            require(loss.isfinite(), f"{self.label}: the loss on random inputs is not finite.")
            if loss.requires_grad:
                loss.backward()  # type: ignore[no-untyped-call]
            for name, parameter in component.named_parameters():
                gradient, parameter.grad = parameter.grad, None
                if gradient is None:
                    continue
                require(gradient.isfinite().all(), f"{self.label}: the gradient of {name} is not finite.")
                if gradient.any():
                    waiting.discard(name)
                with torch.no_grad():
                    parameter.sub_(gradient.sign(), alpha=self.step_size)
        require(
            not waiting,
            f"{self.label}: no gradient reaches {', '.join(sorted(waiting)[:3])} in {STEPS} steps; use it, or freeze it"
            " with requires_grad=False.",
        )


def _own_ids(component: nn.Module) -> set[int]:
    """The ids of the tensors that are stored for a component, which those of models in its slots are not."""
    return {id(tensor) for tensor in own_tensors(component).values()}


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
