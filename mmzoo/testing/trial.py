"""One component under one config, and the checks that parts of every kind have in common."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mmzoo.composition import Part, build_part, load_weights, make_part, own_tensors
from mmzoo.hub.tensor_file import open_tensors
from mmzoo.testing import registration, running
from mmzoo.testing.common import Checks, ConformanceError, built, functional, require, seeded, stirred

STEPS = 2
STEP_SIZE = 0.01


class Trial(ABC):
    """What the checks ask of a kind: inputs, how they go through the component, and what is special about it.

    A component is called with tensors and gives tensors, floats first, so that it can be stored, cast, exported and
    compiled in the same way whatever it is.
    """

    kind: ClassVar[str]
    differentiable: ClassVar[bool] = True
    """Whether the gradient must pass through to the float inputs."""

    @property
    def halves(self) -> bool:
        """Whether float inputs come in the precision of the parameters; samples of sound are always float32."""
        return True

    def __init__(self, name: str, config: Mapping[str, Any]) -> None:
        self.name, self.config = name, dict(config)
        self.label = f"{self.kind} {name!r}"

    @cached_property
    def part(self) -> Part:
        """The component's class with its checked config."""
        return make_part(self.kind, self.kind, {**self.config, "name": self.name})

    @cached_property
    @abstractmethod
    def inputs(self) -> tuple[Tensor, ...]:
        """What the component is called with."""

    @abstractmethod
    def call(self, component: Any, *inputs: Tensor) -> tuple[Tensor, ...]:
        """What the component makes of inputs like `inputs`."""

    def loss(self, component: Any) -> Tensor:
        """A scalar of a training step, of which every trainable parameter must get a gradient."""
        return functional(*self.call(component, *self.inputs))

    @abstractmethod
    def check_ports(self) -> None:
        """What comes out has the shapes and types that the ports declare."""

    @abstractmethod
    def check_masks(self) -> None:
        """What stands in the padding changes nothing at real positions."""

    @abstractmethod
    def check_batch(self) -> None:
        """An item padded in a batch gives what it gives alone."""

    def special(self) -> Checks:
        """Checks that only this kind has."""
        return {}

    def checks(self) -> Checks:
        """All checks by name, in order: what later ones rely on comes first."""
        return {
            "registration": lambda: registration.check_summary(self.kind, self.name),
            "unknown-keys": lambda: registration.check_unknown_keys(self.kind, self.name, self.config),
            "config": lambda: registration.check_config(self.kind, self.name, self.config),
            "network": lambda: running.check_offline(self),
            "build": lambda: check_building(self.part),
            "meta": lambda: check_meta(self.part),
            "ports": self._check_ports,
            "determinism": lambda: check_determinism(self),
            "masks": self.check_masks,
            "batch": self.check_batch,
            **self.special(),
            "gradients": lambda: check_gradients(self),
            "storage": lambda: check_storage(self),
            "bf16": lambda: running.check_half(self, torch.bfloat16),
            "float16": lambda: running.check_half(self, torch.float16),
            "export": lambda: running.check_export(self),
            "compile": lambda: running.check_compile(self, "aot_eager"),
            **({"inductor": lambda: running.check_compile(self, "inductor")} if running.has_compiler() else {}),
        }

    def _check_ports(self) -> None:
        self.check_ports()
        if self.differentiable:
            check_passing(self)


# --- building and storing ----------------------------------------------------------------------------


def check_building(part: Part) -> None:
    """Fresh parameters are finite and those of the seed."""
    first, second = own_tensors(built(part)), own_tensors(built(part))
    for name, tensor in first.items():
        if tensor.is_floating_point():
            require(bool(torch.isfinite(tensor).all()), f"{part.label}: {name} starts with values that are not finite.")
        require(
            torch.equal(tensor, second[name]),
            f"{part.label}: {name} differs between two builds under one torch seed; draw from torch's own generator.",
        )


def check_meta(part: Part) -> None:
    """On the meta device nothing has values, all has shapes."""
    meta = {name: tuple(tensor.shape) for name, tensor in own_tensors(build_part(part, device="meta")).items()}
    real = {name: tuple(tensor.shape) for name, tensor in own_tensors(built(part)).items()}
    require(
        meta == real,
        f"{part.label} has other tensors when it is built on the meta device; create all of them in the constructor.",
    )


@torch.no_grad()
def check_storage(trial: Trial) -> None:
    """Saved and loaded into a skeleton, every tensor is the same, and so is what the component computes."""
    part = trial.part
    component = stirred(built(part))
    tensors = {name: tensor.detach().contiguous().clone() for name, tensor in own_tensors(component).items()}
    loaded = build_part(part, device="meta")
    if tensors:
        from safetensors.torch import save_file

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.safetensors"
            save_file(tensors, path)
            with open_tensors(path) as file:
                load_weights(loaded, file)
    else:
        loaded = build_part(part, device="cpu")
    loaded.eval()
    for name, tensor in own_tensors(loaded).items():
        require(torch.equal(tensor, tensors[name]), f"{part.label}: {name} has other values after saving and loading.")
    mine, theirs = trial.call(component, *trial.inputs), trial.call(loaded, *trial.inputs)
    require(
        all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True)),
        f"{part.label} computes something else after saving and loading; what it needs must be a parameter,"
        " a buffer, or recomputed in reset_parameters.",
    )


# --- computing ---------------------------------------------------------------------------------------


def check_determinism(trial: Trial) -> None:
    """In eval mode one input gives one output and no tensor changes; in training mode one seed gives one loss."""
    component = stirred(built(trial.part))
    before = {name: tensor.clone() for name, tensor in own_tensors(component).items()}
    with torch.no_grad():
        with seeded(1):
            first = trial.call(component, *trial.inputs)
        with seeded(2):
            second = trial.call(component, *trial.inputs)
    for mine, theirs in zip(first, second, strict=True):
        require(torch.equal(mine, theirs), f"{trial.label} in eval mode gives two results for one input.")
    for name, tensor in own_tensors(component).items():
        require(torch.equal(tensor, before[name]), f"{trial.label} in eval mode changes its tensor {name}.")
    losses = []
    for _ in range(2):
        twin = stirred(built(trial.part)).train()
        with seeded(3):
            losses.append(trial.loss(twin).detach())
    require(
        torch.equal(*losses),
        f"{trial.label} in training mode gives two losses under one seed; draw from torch's own generator.",
    )


def check_gradients(trial: Trial) -> None:
    """A finite gradient that is not all zeros reaches every trainable parameter within two steps of training.

    What starts at zero (adaLN-zero) keeps gradients from what lies before it, but only until it has moved.
    """
    component: nn.Module = built(trial.part).train()
    trainable = {name: p for name, p in component.named_parameters() if p.requires_grad}
    reached: set[str] = set()
    for step in range(STEPS + 1):
        with seeded(step):
            loss = trial.loss(component)
        require(bool(torch.isfinite(loss)), f"{trial.label}: the loss of random input is not finite.")
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
        for name, parameter in trainable.items():
            gradient = parameter.grad
            if gradient is None:
                continue
            require(bool(torch.isfinite(gradient).all()), f"{trial.label}: the gradient of {name} is not finite.")
            if bool(gradient.any()):
                reached.add(name)
            with torch.no_grad():
                parameter.sub_(gradient.sign(), alpha=STEP_SIZE)
            parameter.grad = None
    for name in trainable:
        if name not in reached:
            raise ConformanceError(
                f"{trial.label}: no gradient reaches the parameter {name} in {STEPS + 1} steps; use it, or freeze it"
                " with requires_grad=False."
            )


def check_passing(trial: Trial) -> None:
    """The gradient of what comes out reaches every float input, in its shape."""
    inputs = [x.clone().requires_grad_() if x.is_floating_point() else x for x in trial.inputs]
    component = stirred(built(trial.part)).train()
    with seeded(3):
        outputs = trial.call(component, *inputs)
    total = functional(*outputs)
    if total.requires_grad:
        total.backward()  # type: ignore[no-untyped-call]
    for index, x in enumerate(inputs):
        if x.is_floating_point() and (x.grad is None or not bool(x.grad.isfinite().all() and x.grad.any())):
            raise ConformanceError(
                f"{trial.label}: no finite gradient passes back to its input {index} {list(x.shape)}; use an estimator"
                " where something is rounded, and detach nothing."
            )
