"""The contract of a Fusion."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from mmzoo.interfaces import Fusion, Latents
from mmzoo.testing.common import Checks, applicable, require
from mmzoo.testing.trial import Trial
from mmzoo.testing.values import close, probe_loss

LENGTHS = (5, 3)


class FusionTrial(Trial):
    """A fusion and two items of every modality, the second shorter."""

    @cached_property
    def names(self) -> list[str]:
        """The declared modalities, sorted."""
        return sorted(self.ports.inputs)

    @cached_property
    def inputs(self) -> tuple[Tensor, ...]:
        generator = torch.Generator().manual_seed(0)
        inputs: list[Tensor] = []
        require(bool(self.names), f"{self.label} must declare an input port with its width for each modality.")
        for index, name in enumerate(self.names):
            x = torch.randn(2, LENGTHS[0] + index, self.width(name), generator=generator)
            inputs += x, torch.arange(x.shape[1]) < torch.tensor([[x.shape[1]], [LENGTHS[1]]])
        return tuple(inputs)

    def parts(self, *inputs: Tensor) -> dict[str, Latents]:
        """The latents of each modality."""
        pairs = zip(self.names, inputs[::2], inputs[1::2], strict=True)
        return {name: Latents(x, mask) for name, x, mask in pairs}

    def call(self, component: Any, *inputs: Tensor) -> tuple[Tensor, ...]:
        return (component(self.parts(*inputs)),)

    def loss(self, component: Any, step: int = 0) -> Tensor:
        # One item lacks the first modality, so that parameters representing an absent one receive gradients too.
        parts, first = self.parts(*self.inputs), self.names[0]
        return probe_loss(component({**parts, first: _without(parts[first], 1)}))

    def kind_checks(self) -> Checks:
        return {"absence": self.check_absence, "gates": self.check_gates}

    @torch.no_grad()
    def check_ports(self) -> None:
        (together,) = self.call(self.component(), *self.inputs)
        width = self.port("outputs", "features").width
        require(
            together.dim() == 2 and len(together) == 2 and width in (None, together.shape[1]),
            f"{self.label} returns {list(together.shape)}; it declares [2, {width or 'D'}].",
        )

    @torch.no_grad()
    def check_absence(self) -> None:
        """A modality that is fully masked, for the batch or for one item, is treated as left out."""
        fusion: Any = self.component()
        parts = self.parts(*self.inputs)
        together = fusion(parts)
        for name in parts if len(parts) > 1 else ():
            masked = fusion({**parts, name: _without(_without(parts[name], 0), 1)})
            left_out = fusion({other: latents for other, latents in parts.items() if other != name})
            require(
                masked.isfinite().all(),
                f"{self.label} returns values that are not finite if {name} is fully masked.",
            )
            require(
                close(masked, left_out),
                f"{self.label} treats a fully masked {name} differently from leaving {name} out.",
            )
            one = fusion({**parts, name: _without(parts[name], 1)})
            require(
                close(one[1:], left_out[1:]) and close(one[:1], together[:1]),
                f"{self.label}: masking {name} for one item affects another, or differs from leaving it out; decide for"
                " each item separately.",
            )

    @torch.no_grad()
    def check_gates(self) -> None:
        """Gates sum to 1, and the gate of an absent modality is 0."""
        weighs = self.part.cls.gates is not Fusion.gates  # type: ignore[attr-defined]
        applicable(weighs, "it does not weigh modalities, so it has no gates")
        fusion: Any = self.component()
        parts = self.parts(*self.inputs)
        first, *others = self.names
        gates = fusion.gates({**parts, first: _without(parts[first], 1)} if others else parts)
        total = torch.stack(list(gates.values())).sum(0)
        require(
            close(total, torch.ones_like(total)),
            f"{self.label}: the gates of an item sum to {float(total[0]):.3f}, not 1.",
        )
        require(not others or gates[first][1] == 0, f"{self.label} gives an absent modality a nonzero gate.")


def _without(latents: Latents, item: int) -> Latents:
    """The latents with one item fully masked."""
    assert latents.mask is not None
    mask = latents.mask.clone()
    mask[item] = False
    return Latents(latents.x, mask)
