"""The contract of a Fusion."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from mmzoo.interfaces import Fusion, Latents
from mmzoo.testing.common import (
    Checks,
    ConformanceError,
    applicable,
    close,
    declared,
    port,
    probe_loss,
    require,
    run_checks,
)
from mmzoo.testing.trial import Trial

LENGTHS = (5, 3)


def check_fusion(name: str, **config: Any) -> None:
    """Check a registered fusion against the contract of its kind.

    It is called with two items whose sequences differ in length, for each of its input ports.

    Args:
        name: The registered name.
        **config: The fusion's config.

    Raises:
        ConformanceError: One or more checks failed.
    """
    trial = FusionTrial(name, config)
    run_checks(trial.label, trial.checks())


class FusionTrial(Trial):
    """A fusion and two items of every modality, the second shorter."""

    kind = "fusion"

    @cached_property
    def names(self) -> list[str]:
        """The declared modalities, sorted."""
        return sorted(self.parts)

    @cached_property
    def parts(self) -> dict[str, Latents]:
        """Latents and mask of each modality."""
        generator = torch.Generator().manual_seed(0)
        inputs = declared(self.part).inputs
        if not inputs or any(declared_port.width is None for declared_port in inputs.values()):
            raise ConformanceError(f"{self.label} must declare an input port with its width for each modality.")
        parts = {}
        for index, (modality, wanted) in enumerate(sorted(inputs.items())):
            x = torch.randn(2, LENGTHS[0] + index, wanted.width or 1, generator=generator)
            mask = torch.arange(x.shape[1]) < torch.tensor([[x.shape[1]], [LENGTHS[1]]])
            parts[modality] = Latents(x, mask)
        return parts

    @cached_property
    def inputs(self) -> tuple[Tensor, ...]:
        return tuple(t for name in self.names for t in (self.parts[name].x, self._mask(name)))

    def _mask(self, name: str) -> Tensor:
        mask = self.parts[name].mask
        assert mask is not None
        return mask

    def call(self, component: Any, *inputs: Tensor) -> tuple[Tensor, ...]:
        pairs = zip(self.names, inputs[::2], inputs[1::2], strict=True)
        return (component({name: Latents(x, mask) for name, x, mask in pairs}),)

    def loss(self, component: Any) -> Tensor:
        # One item lacks the first modality, so that parameters representing an absent one receive gradients too.
        first = self.names[0]
        return probe_loss(component({**self.parts, first: _without(self.parts[first], 1)}))

    def kind_checks(self) -> Checks:
        return {"absence": self.check_absence, "gates": self.check_gates}

    @torch.no_grad()
    def check_ports(self) -> None:
        (together,), wanted = self.call(self.component(), *self.inputs), self._wanted()
        require(
            together.dim() == 2 and len(together) == 2 and wanted in (None, together.shape[1]),
            f"{self.label} returns {list(together.shape)}; it declares [2, {wanted or 'D'}].",
        )

    def _wanted(self) -> int | None:
        return port(self.part, "outputs", "features").width

    @torch.no_grad()
    def check_batch(self) -> None:
        fusion: Any = self.component()
        alone = {name: Latents(latents.x[1:, : LENGTHS[1]]) for name, latents in self.parts.items()}
        require(
            close(fusion(self.parts)[1:], fusion(alone)),
            f"{self.label} fuses an item differently when it is padded in a batch; respect the masks.",
        )

    @torch.no_grad()
    def check_masks(self) -> None:
        fusion: Any = self.component()
        noisy = {
            name: Latents(torch.where(self._mask(name).unsqueeze(-1), latents.x, 9.0), latents.mask)
            for name, latents in self.parts.items()
        }
        require(
            close(fusion(noisy), fusion(self.parts)),
            f"{self.label}: the contents of padding affect the result; respect the masks.",
        )

    @torch.no_grad()
    def check_absence(self) -> None:
        """A modality that is fully masked, for the batch or for one item, is treated as left out."""
        fusion: Any = self.component()
        parts, together = self.parts, fusion(self.parts)
        for name in parts if len(parts) > 1 else ():
            masked = fusion({**parts, name: _without(_without(parts[name], 0), 1)})
            left_out = fusion({other: latents for other, latents in parts.items() if other != name})
            require(
                bool(torch.isfinite(masked).all()),
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
        first, *others = self.names
        gates = fusion.gates({**self.parts, first: _without(self.parts[first], 1)} if others else self.parts)
        total = torch.stack(list(gates.values())).sum(0)
        require(
            close(total, torch.ones_like(total)),
            f"{self.label}: the gates of an item sum to {float(total[0]):.3f}, not 1.",
        )
        absent = gates[first][1] == 0 if others else torch.tensor(True)
        require(bool(absent), f"{self.label} gives an absent modality a nonzero gate.")


def _without(latents: Latents, item: int) -> Latents:
    """The latents with one item fully masked."""
    assert latents.mask is not None
    mask = latents.mask.clone()
    mask[item] = False
    return Latents(latents.x, mask)
