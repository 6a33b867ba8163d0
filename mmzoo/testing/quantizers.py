"""The contract of a Quantizer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mmzoo.composition import Part
from mmzoo.errors import InputError
from mmzoo.interfaces import PADDING_CODE, Quantized
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
    seeded,
    stirred,
)

ITEMS, POSITIONS, SHORTER = 2, 24, 17


def check_quantizer(name: str, **config: Any) -> None:
    """Hold the quantizer of this name and config to its contract; raises ConformanceError."""
    part = planned("quantizer", name, config)
    width = port(part, "inputs", "z").width
    if width is None:
        raise ConformanceError(f"{part.label} must declare the width of its port z, so that `create` can check it.")
    z = torch.randn(ITEMS, POSITIONS, width, generator=torch.Generator().manual_seed(0))
    check_building(part)
    check_determinism(part, lambda quantizer: _outputs(quantizer, z))
    check_storage(part, lambda quantizer: _outputs(quantizer, z))
    _check_values(part, z)
    _check_refusals(part, z)
    _check_masks(part, z)
    _check_training(part, z)


@torch.no_grad()
def _outputs(quantizer: nn.Module, z: Tensor) -> list[Tensor]:
    found: Quantized = quantizer(z)
    return [found.z_q, found.codes, found.loss]


@torch.no_grad()
def _check_values(part: Part, z: Tensor) -> None:
    """Shapes and types of what comes out, and that encode, decode and forward agree."""
    quantizer: Any = stirred(built(part))
    sizes = quantizer.codebook_sizes
    require(bool(sizes) and all(size >= 2 for size in sizes), f"{part.label} has codebook sizes {sizes}; at least 2.")
    found = quantizer(z)
    require(isinstance(found, Quantized), f"{part.label} returns {type(found).__name__} where Quantized is expected.")
    codes, wanted = found.codes, (ITEMS, POSITIONS, len(sizes))
    require(
        codes.dtype is torch.int64 and codes.shape == wanted,
        f"{part.label} gives codes {codes.dtype} {list(codes.shape)}; int64 {list(wanted)} was expected.",
    )
    limits = torch.tensor(sizes)
    require(bool(((codes >= 0) & (codes < limits)).all()), f"{part.label} gives codes outside its codebooks.")
    require(torch.equal(quantizer.encode(z), codes), f"{part.label}: encode and forward give different codes.")
    require(
        close(quantizer.decode(codes), found.z_q),
        f"{part.label}: in eval mode decode(codes) must be z_q, and it is not.",
    )
    require(
        found.loss.dim() == 0 and close(found.loss, torch.as_tensor(sum(found.losses.values(), torch.zeros(())))),
        f"{part.label}: loss must be a scalar, the sum of losses.",
    )
    usage = found.usage
    require(
        usage.shape == (len(sizes),) and bool(((usage >= 0) & (usage <= 1)).all()),
        f"{part.label}: usage must be a fraction for each of the {len(sizes)} codebooks.",
    )
    _check_ports(part, found.z_q, sizes)


def _check_ports(part: Part, z_q: Tensor, sizes: tuple[int, ...]) -> None:
    outputs = declared(part).outputs
    if "z" in outputs and outputs["z"].width is not None:
        require(z_q.shape[-1] == outputs["z"].width, f"{part.label} declares z of width {outputs['z'].width}.")
    if "codes" in outputs:
        codes = outputs["codes"]
        require(
            codes.codebooks in (None, len(sizes)) and codes.codebook_size in (None, *sizes),
            f"{part.label} declares codes with {codes}, but its codebooks have the sizes {sizes}.",
        )


def _check_refusals(part: Part, z: Tensor) -> None:
    """`decode` refuses padding and codes that no codebook has."""
    quantizer: Any = built(part)
    codes = quantizer.encode(z)
    for wrong, what in ((PADDING_CODE, "the padding code -1"), (max(quantizer.codebook_sizes), "a code out of range")):
        broken = codes.clone()
        broken[0, 0, 0] = wrong
        try:
            quantizer.decode(broken)
        except InputError:
            continue
        except Exception as error:
            raise ConformanceError(
                f"{part.label}: decode met {what} and raised {type(error).__name__}; it must raise InputError."
            ) from error
        raise ConformanceError(f"{part.label}: decode accepted {what}; it must raise InputError.")


@torch.no_grad()
def _check_masks(part: Part, z: Tensor) -> None:
    """A padded item gets the codes it gets alone, padding gets -1, and what stands in the padding never matters."""
    quantizer: Any = stirred(built(part))
    mask = torch.ones(ITEMS, POSITIONS, dtype=torch.bool)
    mask[1, SHORTER:] = False
    padded = quantizer(z.masked_fill(~mask.unsqueeze(-1), 100.0), mask)
    alone = quantizer(z[1:, :SHORTER])
    require(
        torch.equal(padded.codes[1:, :SHORTER], alone.codes),
        f"{part.label} gives an item other codes when it is padded in a batch; read no position outside the mask.",
    )
    require(
        close(padded.z_q[1:, :SHORTER], alone.z_q),
        f"{part.label} gives an item another z_q when it is padded in a batch.",
    )
    require(
        bool((padded.codes[~mask] == PADDING_CODE).all()),
        f"{part.label} must mark padding with the code {PADDING_CODE}.",
    )
    require(
        torch.equal(quantizer.encode(z, mask), padded.codes),
        f"{part.label}: encode with a mask and forward with a mask give different codes.",
    )


def _check_training(part: Part, z: Tensor) -> None:
    """In training mode the gradient reaches the input and the parameters, and padding has no influence on the loss."""
    mask = torch.ones(ITEMS, POSITIONS, dtype=torch.bool)
    mask[1, SHORTER:] = False
    losses = []
    for filling in (0.0, 100.0):
        quantizer = built(part).train()
        x = z.masked_fill(~mask.unsqueeze(-1), filling).requires_grad_()
        with seeded(3):
            found = quantizer(x, mask)
        losses.append(found.loss.detach())
        total = found.loss + (found.z_q * mask.unsqueeze(-1)).square().sum()
        check_gradients(part, quantizer, total)
        gradient = x.grad
        if gradient is None or not bool(torch.isfinite(gradient).all()) or not bool(gradient[mask].any()):
            raise ConformanceError(f"{part.label}: no finite gradient passes from z_q to z; use an estimator.")
    require(close(losses[0], losses[1]), f"{part.label}: its loss depends on what stands in the padding.")
