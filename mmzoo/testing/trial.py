"""One component under one config, and the checks shared by components of every kind."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from mmzoo.composition import Part, construct_part
from mmzoo.testing.common import Checks, applicable, require
from mmzoo.testing.registration import RegisteredTrial, staying_offline
from mmzoo.testing.running import RunningTarget
from mmzoo.testing.target import check_passing_back
from mmzoo.testing.values import close, padding_of, probe_loss, seeded

PADDING = 50.0
"""A value of padding that an output would show."""


class Trial(RegisteredTrial, RunningTarget):
    """What the checks need from each kind: inputs, how to call the component, and checks of its own.

    The inputs are a batch of two items. A mask follows the input that it masks, and ends the second item early.
    """

    def fresh(self) -> Any:
        return built(self.part)

    def skeleton(self) -> Any:
        return construct_part(self.part, device="meta")

    def loss(self, component: Any, step: int = 0) -> Tensor:
        return probe_loss(*self.call(component, *self.inputs))

    @property
    def masks(self) -> dict[int, Tensor]:
        """The masks by the index of the input that each masks."""
        return {index - 1: x for index, x in enumerate(self.inputs) if x.dtype is torch.bool}

    def padded(self, value: float) -> list[Tensor]:
        """The inputs with this value in padding, or 1 in the padding of integers."""
        inputs = list(self.inputs)
        for index, mask in self.masks.items():
            x = inputs[index]
            inputs[index] = x.masked_fill(padding_of(x, mask), value if x.is_floating_point() else bool(value))
        return inputs

    def alone(self) -> list[Any]:
        """The second item without its padding, and so with None for masks."""
        inputs: list[Any] = [x[1:] for x in self.inputs]
        for index, mask in self.masks.items():
            inputs[index], inputs[index + 1] = inputs[index][:, : int(mask[1].sum())], None
        return inputs

    def values(self, component: Any, inputs: list[Any]) -> list[Tensor]:
        """The outputs that have values of each item, as a loss has not."""
        return [x for x in self.call(component, *inputs) if x.dim()]

    @abstractmethod
    def check_ports(self) -> None:
        """Outputs have the shapes and dtypes that the ports declare."""

    def kind_checks(self) -> Checks:
        """Checks for this kind only."""
        return {}

    def checks(self) -> Checks:
        return {
            "registration": self.check_registration,
            "unknown-keys": self.check_unknown_keys,
            "config": self.check_config,
            "network": self.check_offline,
            "build": self.check_build,
            "meta": self.check_meta,
            "ports": self.check_ports,
            "backward": self.check_backward,
            "determinism": self.check_determinism,
            "masks": self.check_masks,
            "batch": self.check_batch,
            **self.kind_checks(),
            "gradients": self.check_gradients,
            "storage": self.check_storage,
            **self.running_checks(),
        }

    def check_offline(self) -> None:
        """The module is imported, and the component built and used, without a network."""
        self.check_import()
        with staying_offline(self.label), torch.no_grad():
            self.call(self.fresh(), *self.inputs)

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
        self.check_repeats()
        losses = []
        for _ in range(2):
            twin = self.component().train()
            with seeded(3):
                losses.append(self.loss(twin).detach())
        require(
            torch.equal(*losses),
            f"{self.label} in training mode gives two losses under one seed; draw from torch's generator.",
        )

    @torch.no_grad()
    def check_masks(self) -> None:
        """The contents of padding do not affect real positions."""
        applicable(bool(self.masks), "all pictures in a batch have the same size, so there is no padding")
        component = self.component()
        given = (self.padded(0.0), self.padded(PADDING), self.alone())
        for first, second, alone in zip(*(self.values(component, inputs) for inputs in given), strict=True):
            length = alone.shape[1]
            require(
                close(second[:1], first[:1]) and close(second[1:, :length], first[1:, :length]),
                f"{self.label}: the contents of padding affect real positions; respect the masks.",
            )

    @torch.no_grad()
    def check_batch(self) -> None:
        """An item padded in a batch gives the same outputs as alone."""
        component = self.component()
        given = (list(self.inputs), self.alone())
        for together, alone in zip(*(self.values(component, inputs) for inputs in given), strict=True):
            require(
                close(together[1:, : alone.shape[1]], alone),
                f"{self.label} gives an item other outputs when it is padded in a batch; respect the masks.",
            )


def built(part: Part) -> Any:
    """The component with fresh parameters drawn under a seed, in eval mode."""
    with seeded(0):
        component = construct_part(part, device="cpu")
    return component.eval() if isinstance(component, nn.Module) else component
