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
    functional,
    hold,
    port,
    require,
)
from mmzoo.testing.trial import Trial

LENGTHS = (5, 3)


def check_fusion(name: str, **config: Any) -> None:
    """Hold the fusion of this name and config to its contract; raises ConformanceError.

    It is fed two items with sequences of different lengths for each of its input ports.
    """
    trial = FusionTrial(name, config)
    hold(trial.label, trial.checks())


class FusionTrial(Trial):
    """A fusion and two items of every modality, the second shorter."""

    kind = "fusion"

    @cached_property
    def names(self) -> list[str]:
        """The modalities that it declares, in order."""
        return sorted(self.parts)

    @cached_property
    def parts(self) -> dict[str, Latents]:
        """Latents and mask of each modality."""
        generator = torch.Generator().manual_seed(0)
        inputs = declared(self.part).inputs
        if not inputs or any(found.width is None for found in inputs.values()):
            raise ConformanceError(f"{self.label} must declare an input port with its width for each modality.")
        found = {}
        for index, (modality, wanted) in enumerate(sorted(inputs.items())):
            x = torch.randn(2, LENGTHS[0] + index, wanted.width or 1, generator=generator)
            mask = torch.arange(x.shape[1]) < torch.tensor([[x.shape[1]], [LENGTHS[1]]])
            found[modality] = Latents(x, mask)
        return found

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
        # One item lacks the first modality, so that what stands for an absent one gets its gradient too.
        first = self.names[0]
        return functional(component({**self.parts, first: _without(self.parts[first], 1)}))

    def special(self) -> Checks:
        return {"absence": self.check_absence, "gates": self.check_gates}

    @torch.no_grad()
    def check_ports(self) -> None:
        (together,), wanted = self.call(self.component(), *self.inputs), self._wanted()
        require(
            together.dim() == 2 and len(together) == 2 and wanted in (None, together.shape[1]),
            f"{self.label} gives {list(together.shape)} where [2, {wanted or 'D'}] is declared.",
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
            close(fusion(noisy), fusion(self.parts)), f"{self.label}: what stands in the padding changes the result."
        )

    @torch.no_grad()
    def check_absence(self) -> None:
        """A modality that is absent from a batch, or from one item, counts for nothing there."""
        fusion: Any = self.component()
        parts, together = self.parts, fusion(self.parts)
        for name in parts if len(parts) > 1 else ():
            masked = fusion({**parts, name: _without(_without(parts[name], 0), 1)})
            left_out = fusion({other: latents for other, latents in parts.items() if other != name})
            require(
                bool(torch.isfinite(masked).all()), f"{self.label} gives values that are not finite without {name}."
            )
            require(
                close(masked, left_out),
                f"{self.label} takes {name} without any real position for something else than {name} left out.",
            )
            one = fusion({**parts, name: _without(parts[name], 1)})
            require(
                close(one[1:], left_out[1:]) and close(one[:1], together[:1]),
                f"{self.label}: {name} absent from one item changes another, or is not absent there; decide for each"
                " item.",
            )

    @torch.no_grad()
    def check_gates(self) -> None:
        """Gates add up to 1, and an absent modality has none."""
        weighs = self.part.cls.gates is not Fusion.gates  # type: ignore[attr-defined]
        applicable(weighs, "it does not weigh modalities, so it has no gates")
        fusion: Any = self.component()
        first, *others = self.names
        found = fusion.gates({**self.parts, first: _without(self.parts[first], 1)} if others else self.parts)
        total = torch.stack(list(found.values())).sum(0)
        require(
            close(total, torch.ones_like(total)),
            f"{self.label}: the gates of an item add up to {float(total[0]):.3f}, not 1.",
        )
        absent = found[first][1] == 0 if others else torch.tensor(True)
        require(bool(absent), f"{self.label} gives an absent modality a gate above 0.")


def _without(latents: Latents, item: int) -> Latents:
    """The same with one item's mask all False."""
    assert latents.mask is not None
    mask = latents.mask.clone()
    mask[item] = False
    return Latents(latents.x, mask)
