"""One component under one config, and the checks shared by components of every kind."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mmzoo.composition import Part, construct_part
from mmzoo.testing import registration, running
from mmzoo.testing.common import STEPS, Checks, ConformanceError, applicable, built, probe_loss, require, seeded
from mmzoo.testing.offline import offline
from mmzoo.testing.target import (
    Target,
    check_building,
    check_meta,
    check_passing_back,
    check_repeats,
    check_storage,
    trainable,
)

STEP_SIZE = 0.01


class Trial(Target):
    """What the checks need from each kind: inputs, how to call the component, and checks of its own."""

    kind: ClassVar[str]

    def __init__(self, name: str, config: Mapping[str, Any]) -> None:
        self.name, self.config = name, dict(config)
        self.label = f"{self.kind} {name!r}"

    @cached_property
    def part(self) -> Part:
        """The component's class with its checked config."""
        return registration.part_of(self.kind, self.name, self.config)

    def fresh(self) -> Any:
        return built(self.part)

    def skeleton(self) -> Any:
        return construct_part(self.part, device="meta")

    def loss(self, component: Any) -> Tensor:
        """A scalar training loss whose gradient must reach every trainable parameter."""
        return probe_loss(*self.call(component, *self.inputs))

    @abstractmethod
    def check_ports(self) -> None:
        """Outputs have the shapes and dtypes that the ports declare."""

    @abstractmethod
    def check_masks(self) -> None:
        """The contents of padding do not affect real positions."""

    @abstractmethod
    def check_batch(self) -> None:
        """An item padded in a batch gives the same outputs as alone."""

    def kind_checks(self) -> Checks:
        """Checks for this kind only."""
        return {}

    def checks(self) -> Checks:
        return {
            "registration": lambda: registration.check_summary(self.kind, self.name),
            "unknown-keys": lambda: registration.check_unknown_keys(self.kind, self.name, self.config),
            "config": lambda: registration.check_config(self.kind, self.name, self.config),
            "network": self.check_offline,
            "build": lambda: check_building(self),
            "meta": lambda: check_meta(self),
            "ports": self.check_ports,
            "backward": self.check_backward,
            "determinism": self.check_determinism,
            "masks": self.check_masks,
            "batch": self.check_batch,
            **self.kind_checks(),
            "gradients": self.check_gradients,
            "storage": lambda: check_storage(self),
            **running.checks(self),
        }

    def check_offline(self) -> None:
        """The module is imported, and the component built and used, without a network."""
        registration.check_offline_import(self.kind, self.name)
        with offline() as tried:
            try:
                with torch.no_grad():
                    self.call(self.fresh(), *self.inputs)
            except Exception:
                if not tried:  # left to another check
                    return
        registration.refuse_reaching(self.label, tried, "it is built or used")

    def check_backward(self) -> None:
        """The gradient of the outputs reaches every float input."""
        inputs = [x.clone().requires_grad_() if x.is_floating_point() else x for x in self.inputs]
        applicable(any(x.requires_grad for x in inputs), "its raw input is not float, so it has no gradient")
        component = self.component().train()
        with seeded(3):
            outputs = self.call(component, *inputs)
        named = {f"input {index}": x for index, x in enumerate(inputs) if x.requires_grad}
        check_passing_back(self.label, outputs, named)

    def check_determinism(self) -> None:
        """In eval mode equal inputs give equal outputs; in training mode equal seeds give equal losses."""
        check_repeats(self)
        losses = []
        for _ in range(2):
            twin = self.component().train()
            with seeded(3):
                losses.append(self.loss(twin).detach())
        require(
            torch.equal(*losses),
            f"{self.label} in training mode gives two losses under one seed; draw from torch's generator.",
        )

    def check_gradients(self) -> None:
        """Within a few training steps, a finite nonzero gradient reaches every trainable parameter.

        Zero-initialized layers (adaLN-zero) block gradients to earlier layers until their first update.
        """
        component: nn.Module = self.fresh().train()
        waiting = trainable(component)
        for step in range(STEPS):
            with seeded(step):
                loss = self.loss(component)
            require(bool(torch.isfinite(loss)), f"{self.label}: the loss on random inputs is not finite.")
            if loss.requires_grad:
                loss.backward()  # type: ignore[no-untyped-call]
            for name, parameter in component.named_parameters():
                gradient, parameter.grad = parameter.grad, None
                if gradient is None:
                    continue
                require(bool(torch.isfinite(gradient).all()), f"{self.label}: the gradient of {name} is not finite.")
                if bool(gradient.any()):
                    waiting.pop(name, None)
                with torch.no_grad():
                    parameter.sub_(gradient.sign(), alpha=STEP_SIZE)
        if waiting:
            raise ConformanceError(
                f"{self.label}: no gradient reaches the parameter {next(iter(waiting))} in {STEPS} steps; use it, or"
                " freeze it with requires_grad=False."
            )
