"""The contract of a ModalityEncoder."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mmzoo.composition import Part
from mmzoo.interfaces import Latents, ModalityEncoder
from mmzoo.testing.common import (
    ConformanceError,
    built,
    check_building,
    check_determinism,
    check_gradients,
    check_latents,
    check_storage,
    close,
    declared,
    planned,
    port,
    require,
    stirred,
)

SAMPLES, FEWER_SAMPLES = 4800, 3100
SYMBOLS, FEWER_SYMBOLS = 19, 12
PIXELS = 32


def check_encoder(name: str, **config: Any) -> None:
    """Hold the encoder of this name and config to its contract; raises ConformanceError.

    Speech is fed 0.3 s at 16 kHz, text ids below the `codebook_size` of the port `raw`, images 32 by 32 pixels.
    """
    part = planned("encoder", name, config)
    port(part, "outputs", "latents")
    check_building(part)
    raw, mask = batch_of(part)
    check_determinism(part, lambda encoder: _outputs(encoder, raw, mask))
    check_storage(part, lambda encoder: _outputs(encoder, raw, mask))
    _check_encoding(part, raw, mask)
    if part.cls.decode is not ModalityEncoder.decode:  # type: ignore[attr-defined]
        _check_decoding(part, raw, mask)
    encoder = stirred(built(part)).train()
    _check_training(part, encoder, raw, mask)


def batch_of(part: Part) -> tuple[Tensor, Tensor | None]:
    """A raw batch of two items in the encoder's modality, the second shorter where items can be, and its mask."""
    modality = getattr(part.cls, "modality", None)
    generator = torch.Generator().manual_seed(0)
    if modality == "speech":
        return _masked(torch.randn(2, SAMPLES, generator=generator) * 0.1, FEWER_SAMPLES)
    if modality == "text":
        raw = declared(part).inputs.get("raw")
        count = raw.codebook_size if raw is not None and raw.codebook_size is not None else 256
        return _masked(torch.randint(count, (2, SYMBOLS), generator=generator), FEWER_SYMBOLS)
    if modality in ("codes", "vectors"):
        return _features(part, generator)
    if modality == "image":
        return torch.rand(2, PIXELS, PIXELS, 3, generator=generator), None
    raise ConformanceError(
        f"{part.label} has the modality {modality!r}; set it to speech, image, text, codes or vectors."
    )


def _features(part: Part, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """What another model would have made: codes `[B, N, Q]` where the port `raw` tells codebooks, else vectors."""
    raw, mask = port(part, "inputs", "raw"), torch.ones(2, SYMBOLS, dtype=torch.bool)
    mask[1, FEWER_SYMBOLS:] = False
    if raw.codebooks is not None:
        return torch.randint(raw.codebook_size or 2, (2, SYMBOLS, raw.codebooks), generator=generator), mask
    return torch.randn(2, SYMBOLS, raw.width or 1, generator=generator), mask


def _masked(raw: Tensor, length: int) -> tuple[Tensor, Tensor]:
    mask = torch.ones(raw.shape, dtype=torch.bool)
    mask[1, length:] = False
    return raw, mask


@torch.no_grad()
def _outputs(encoder: nn.Module, raw: Tensor, mask: Tensor | None) -> list[Tensor]:
    assert isinstance(encoder, ModalityEncoder)
    return [encoder.encode(raw, mask).x]


def _single(encoder: ModalityEncoder, raw: Tensor, mask: Tensor | None) -> Latents:
    """The second item alone, without its padding."""
    return encoder.encode(raw[1:] if mask is None else raw[1:, : int(mask[1].sum())])


@torch.no_grad()
def _check_encoding(part: Part, raw: Tensor, mask: Tensor | None) -> None:
    encoder: Any = stirred(built(part))
    wanted = port(part, "outputs", "latents")
    together, alone = encoder.encode(raw, mask), _single(encoder, raw, mask)
    check_latents(part, together, mask, wanted)
    check_latents(part, alone, None, wanted)
    require(
        together.modality in (None, part.cls.modality),  # type: ignore[attr-defined]
        f"{part.label} returns latents of the modality {together.modality!r}.",
    )
    count = alone.x.shape[1]
    if together.mask is not None:
        require(
            int(together.mask[1].sum()) == count,
            f"{part.label} marks {int(together.mask[1].sum())} latents of an item as real that has {count} alone.",
        )
    require(
        close(together.x[1:, :count], alone.x),
        f"{part.label} encodes an item differently when it is padded in a batch; respect the mask.",
    )
    if mask is not None:
        padding = ~mask if raw.dim() == mask.dim() else ~mask.unsqueeze(-1)
        other = encoder.encode(raw.masked_fill(padding, 1), mask)
        real = together.mask
        require(
            close(other.x[real], together.x[real]),
            f"{part.label}: what stands in the padding changes the latents of real positions.",
        )


@torch.no_grad()
def _check_decoding(part: Part, raw: Tensor, mask: Tensor | None) -> None:
    encoder: Any = stirred(built(part))
    together, alone = encoder.encode(raw, mask), _single(encoder, raw, mask)
    outputs, output = encoder.decode(together), encoder.decode(alone)
    dims = raw.dim() + (part.cls.modality == "text")  # type: ignore[attr-defined]
    require(
        outputs.dim() == dims and outputs.shape[1] >= raw.shape[1] and bool(torch.isfinite(outputs).all()),
        f"{part.label} decodes to {list(outputs.shape)}; {dims} dimensions and at least the raw batch's"
        f" {list(raw.shape)} were expected.",
    )
    length = output.shape[1] if mask is None else int(mask[1].sum())
    require(
        close(outputs[1:, :length], output[:, :length]),
        f"{part.label} decodes an item differently when it is padded in a batch; respect the mask.",
    )


def _check_training(part: Part, encoder: Any, raw: Tensor, mask: Tensor | None) -> None:
    latents = encoder.encode(raw, mask)
    total = latents.x.square().mean()
    if part.cls.decode is not ModalityEncoder.decode:  # type: ignore[attr-defined]
        total = total + encoder.decode(latents).square().mean()
    check_gradients(part, encoder, total)
