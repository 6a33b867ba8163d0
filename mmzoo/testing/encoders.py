"""The contract of a ModalityEncoder."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from mmzoo.composition import Part
from mmzoo.interfaces import Latents, ModalityEncoder
from mmzoo.testing.common import (
    Checks,
    ConformanceError,
    applicable,
    check_latents,
    close,
    declared,
    port,
    probe_loss,
    require,
    run_checks,
    seeded,
)
from mmzoo.testing.target import check_passing_back
from mmzoo.testing.trial import Trial

SAMPLES, FEWER_SAMPLES = 4800, 3100
SYMBOLS, FEWER_SYMBOLS = 19, 12
PIXELS = 32


def check_encoder(name: str, **config: Any) -> None:
    """Check a registered encoder against the contract of its kind.

    Inputs are 4800 audio samples, text ids below the `codebook_size` of the port `raw`, or 32 x 32 pixel images.

    Args:
        name: The registered name.
        **config: The encoder's config.

    Raises:
        ConformanceError: One or more checks failed.
    """
    trial = EncoderTrial(name, config)
    run_checks(trial.label, trial.checks())


class EncoderTrial(Trial):
    """An encoder and a raw batch of two items, the second shorter where lengths can differ."""

    kind = "encoder"

    def cast_inputs(self, dtype: torch.dtype) -> tuple[Tensor, ...]:
        return self.inputs if self.part.cls.modality == "speech" else super().cast_inputs(dtype)  # type: ignore[attr-defined]

    @cached_property
    def batch(self) -> tuple[Tensor, Tensor | None]:
        """The raw batch and its mask."""
        port(self.part, "outputs", "latents")
        return batch_of(self.part)

    @cached_property
    def inputs(self) -> tuple[Tensor, ...]:
        raw, mask = self.batch
        return (raw,) if mask is None else (raw, mask)

    @property
    def decodes(self) -> bool:
        """Whether the encoder can also decode."""
        return self.part.cls.decode is not ModalityEncoder.decode  # type: ignore[attr-defined, no-any-return]

    def call(self, component: Any, *inputs: Tensor) -> tuple[Tensor, ...]:
        return (component.encode(*inputs).x,)

    def loss(self, component: Any) -> Tensor:
        latents = component.encode(*self.inputs)
        return probe_loss(latents.x, *([component.decode(latents)] if self.decodes else []))

    def kind_checks(self) -> Checks:
        return {"decoding": self.check_decoding}

    def _single(self, encoder: ModalityEncoder) -> Latents:
        """The second item alone, without its padding."""
        raw, mask = self.batch
        return encoder.encode(raw[1:] if mask is None else raw[1:, : int(mask[1].sum())])

    @torch.no_grad()
    def check_ports(self) -> None:
        encoder: Any = self.component()
        wanted = port(self.part, "outputs", "latents")
        together = encoder.encode(*self.inputs)
        check_latents(self.part, together, self.batch[1], wanted)
        check_latents(self.part, self._single(encoder), None, wanted)
        require(
            together.modality in (None, self.part.cls.modality),  # type: ignore[attr-defined]
            f"{self.label} returns latents of the modality {together.modality!r}, which is not its own.",
        )

    @torch.no_grad()
    def check_masks(self) -> None:
        raw, mask = self.batch
        applicable(mask is not None, "all pictures in a batch have the same size, so there is no padding")
        assert mask is not None
        encoder: Any = self.component()
        padding = ~mask if raw.dim() == mask.dim() else ~mask.unsqueeze(-1)
        one, other = encoder.encode(raw, mask), encoder.encode(raw.masked_fill(padding, 1), mask)
        require(
            close(other.x[one.mask], one.x[one.mask]),
            f"{self.label}: the contents of padding affect the latents of real positions; respect the mask.",
        )

    @torch.no_grad()
    def check_batch(self) -> None:
        encoder: Any = self.component()
        together, alone = encoder.encode(*self.inputs), self._single(encoder)
        count = alone.x.shape[1]
        if together.mask is not None:
            real = int(together.mask[1].sum())
            require(
                real == count,
                f"{self.label} marks {real} latents of a padded item as real; the item alone has {count}.",
            )
        require(
            close(together.x[1:, :count], alone.x),
            f"{self.label} encodes an item differently when it is padded in a batch; respect the mask.",
        )

    def check_decoding(self) -> None:
        """Decoding returns a raw batch, does not depend on padding, and passes gradients back."""
        applicable(self.decodes, "it only encodes")
        self._check_decoded()
        encoder: Any = self.component().train()
        with seeded(3), torch.no_grad():
            latents = encoder.encode(*self.inputs)
        x = latents.x.clone().requires_grad_()
        with seeded(3):
            check_passing_back(self.label, (encoder.decode(latents.with_x(x)),), {"the decoded latents": x})

    @torch.no_grad()
    def _check_decoded(self) -> None:
        encoder: Any = self.component()
        raw, mask = self.batch
        together, alone = encoder.encode(raw, mask), self._single(encoder)
        outputs, output = encoder.decode(together), encoder.decode(alone)
        dims = raw.dim() + (self.part.cls.modality == "text")  # type: ignore[attr-defined]
        require(
            outputs.dim() == dims and outputs.shape[1] >= raw.shape[1] and bool(torch.isfinite(outputs).all()),
            f"{self.label} decodes to {list(outputs.shape)}; finite values of {dims} dimensions, at least as long as"
            f" the raw batch {list(raw.shape)}, were expected.",
        )
        length = output.shape[1] if mask is None else int(mask[1].sum())
        require(
            close(outputs[1:, :length], output[:, :length]),
            f"{self.label} decodes an item differently when it is padded in a batch; respect the mask.",
        )


def batch_of(part: Part) -> tuple[Tensor, Tensor | None]:
    """A raw batch of two items in the encoder's modality, the second shorter where lengths can differ; and its mask."""
    modality = getattr(part.cls, "modality", None)
    if modality in ("codes", "vectors"):
        return _features(part)
    if modality not in ("speech", "text", "image"):
        raise ConformanceError(
            f"{part.label} has the modality {modality!r}; set it to speech, image, text, codes or vectors."
        )
    raw = declared(part).inputs.get("raw")
    return raw_batch(modality, raw.codebook_size if raw is not None and raw.codebook_size is not None else 256)


def raw_batch(modality: str, symbols: int = 256) -> tuple[Tensor, Tensor | None]:
    """Two items of speech, text (ids below `symbols`) or pictures, and their mask."""
    generator = torch.Generator().manual_seed(0)
    if modality == "speech":
        return _masked(torch.randn(2, SAMPLES, generator=generator) * 0.1, FEWER_SAMPLES)
    if modality == "text":
        return _masked(torch.randint(symbols, (2, SYMBOLS), generator=generator), FEWER_SYMBOLS)
    return torch.rand(2, PIXELS, PIXELS, 3, generator=generator), None


def _features(part: Part) -> tuple[Tensor, Tensor]:
    """Another model's features: codes `[B, N, Q]` if the port `raw` declares codebooks, else vectors."""
    generator = torch.Generator().manual_seed(0)
    raw, mask = port(part, "inputs", "raw"), torch.ones(2, SYMBOLS, dtype=torch.bool)
    mask[1, FEWER_SYMBOLS:] = False
    if raw.codebooks is not None:
        return torch.randint(raw.codebook_size or 2, (2, SYMBOLS, raw.codebooks), generator=generator), mask
    return torch.randn(2, SYMBOLS, raw.width or 1, generator=generator), mask


def _masked(raw: Tensor, length: int) -> tuple[Tensor, Tensor]:
    mask = torch.ones(raw.shape, dtype=torch.bool)
    mask[1, length:] = False
    return raw, mask
