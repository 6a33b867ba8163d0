"""The contract of a Fusion."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mmzoo.composition import Part
from mmzoo.interfaces import Fusion, Latents
from mmzoo.testing.common import (
    ConformanceError,
    built,
    check_building,
    check_determinism,
    check_gradients,
    check_storage,
    close,
    declared,
    planned,
    port,
    require,
    stirred,
)

LENGTHS = (5, 3)


def check_fusion(name: str, **config: Any) -> None:
    """Hold the fusion of this name and config to its contract; raises ConformanceError.

    It is fed two items with sequences of different lengths for each of its input ports.
    """
    part = planned("fusion", name, config)
    parts = batch_of(part)
    check_building(part)
    check_determinism(part, lambda fusion: _outputs(fusion, parts))
    check_storage(part, lambda fusion: _outputs(fusion, parts))
    _check_absence(part, parts)
    fusion = stirred(built(part)).train()
    # One item lacks the first modality, so that what stands for an absent one gets its gradient too.
    first, *_ = sorted(parts)
    check_gradients(part, fusion, fusion({**parts, first: _without(parts[first], 1)}).square().mean())


def batch_of(part: Part) -> dict[str, Latents]:
    """Two items of every modality, the second shorter."""
    generator = torch.Generator().manual_seed(0)
    inputs = declared(part).inputs
    if not inputs or any(found.width is None for found in inputs.values()):
        raise ConformanceError(f"{part.label} must declare an input port with its width for each modality.")
    found = {}
    for index, (modality, wanted) in enumerate(sorted(inputs.items())):
        x = torch.randn(2, LENGTHS[0] + index, wanted.width or 1, generator=generator)
        mask = torch.arange(x.shape[1]) < torch.tensor([[x.shape[1]], [LENGTHS[1]]])
        found[modality] = Latents(x, mask)
    return found


def _without(latents: Latents, item: int) -> Latents:
    """The same with one item's mask all False."""
    assert latents.mask is not None
    mask = latents.mask.clone()
    mask[item] = False
    return Latents(latents.x, mask)


@torch.no_grad()
def _outputs(fusion: nn.Module, parts: dict[str, Latents]) -> list[Tensor]:
    assert isinstance(fusion, Fusion)
    return [fusion(parts)]


@torch.no_grad()
def _check_absence(part: Part, parts: dict[str, Latents]) -> None:
    fusion: Any = stirred(built(part))
    wanted, together = port(part, "outputs", "features").width, fusion(parts)
    require(
        together.dim() == 2 and len(together) == 2 and wanted in (None, together.shape[1]),
        f"{part.label} gives {list(together.shape)}; [2, {wanted or 'D'}] was expected.",
    )
    alone = {name: Latents(latents.x[1:, : LENGTHS[1]]) for name, latents in parts.items()}
    require(
        close(together[1:], fusion(alone)),
        f"{part.label} fuses an item differently when it is padded in a batch; respect the masks.",
    )
    noisy = {name: Latents(torch.where(p.mask.unsqueeze(-1), p.x, 9.0), p.mask) for name, p in parts.items()}  # type: ignore[union-attr]
    require(close(fusion(noisy), together), f"{part.label}: what stands in the padding changes the result.")
    for name in parts if len(parts) > 1 else ():
        masked = fusion({**parts, name: _without(_without(parts[name], 0), 1)})
        left_out = fusion({other: latents for other, latents in parts.items() if other != name})
        require(bool(torch.isfinite(masked).all()), f"{part.label} gives values that are not finite without {name}.")
        require(
            close(masked, left_out),
            f"{part.label} takes {name} without any real position for something else than {name} left out.",
        )
        one = fusion({**parts, name: _without(parts[name], 1)})
        require(
            close(one[1:], left_out[1:]) and close(one[:1], together[:1]),
            f"{part.label}: {name} absent from one item changes another, or is not absent there; decide for each item.",
        )
    if part.cls.gates is not Fusion.gates:  # type: ignore[attr-defined]
        _check_gates(part, fusion, parts)


def _check_gates(part: Part, fusion: Fusion, parts: dict[str, Latents]) -> None:
    first, *others = sorted(parts)
    found = fusion.gates({**parts, first: _without(parts[first], 1)} if others else parts)
    total = torch.stack(list(found.values())).sum(0)
    require(
        close(total, torch.ones_like(total)),
        f"{part.label}: the gates of an item add up to {float(total[0]):.3f}, not 1.",
    )
    absent = found[first][1] == 0 if others else torch.tensor(True)
    require(bool(absent), f"{part.label} gives an absent modality a gate above 0.")
