"""The contract of a ModalityEncoder."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from mmzoo.interfaces import Latents, ModalityEncoder, Port
from mmzoo.testing.common import Checks, ConformanceError, applicable, require
from mmzoo.testing.target import check_passing_back
from mmzoo.testing.trial import Trial
from mmzoo.testing.values import close, probe_loss, seeded

SAMPLES, FEWER_SAMPLES = 4800, 3100
SYMBOLS, FEWER_SYMBOLS = 19, 12
PIXELS = 32


class EncoderTrial(Trial):
    """An encoder and a raw batch of two items, the second shorter where lengths can differ."""

    @property
    def modality(self) -> Any:
        """The modality that the encoder takes."""
        return getattr(self.part.cls, "modality", None)

    def cast_inputs(self, dtype: torch.dtype) -> tuple[Tensor, ...]:
        return self.inputs if self.modality == "speech" else super().cast_inputs(dtype)

    @cached_property
    def inputs(self) -> tuple[Tensor, ...]:
        self.port("outputs", "latents")
        if self.modality in ("codes", "vectors"):
            return raw_batch(self.modality, self.port("inputs", "raw"))
        if self.modality not in ("speech", "text", "image"):
            raise ConformanceError(
                f"{self.label} has the modality {self.modality!r}; set it to speech, image, text, codes or vectors."
            )
        return raw_batch(self.modality, self.ports.inputs.get("raw", Port()))

    @property
    def decodes(self) -> bool:
        """Whether the encoder can also decode."""
        return self.part.cls.decode is not ModalityEncoder.decode  # type: ignore[attr-defined, no-any-return]

    def call(self, component: Any, *inputs: Tensor) -> tuple[Tensor, ...]:
        return (component.encode(*inputs).x,)

    def loss(self, component: Any, step: int = 0) -> Tensor:
        latents = component.encode(*self.inputs)
        return probe_loss(latents.x, *([component.decode(latents)] if self.decodes else []))

    def kind_checks(self) -> Checks:
        return {"decoding": self.check_decoding}

    @torch.no_grad()
    def check_ports(self) -> None:
        encoder: Any = self.component()
        together = encoder.encode(*self.inputs)
        self._check_latents(together, masked=bool(self.masks))
        self._check_latents(encoder.encode(*self.alone()), masked=False)
        require(
            together.modality in (None, self.modality),
            f"{self.label} returns latents of the modality {together.modality!r}, which is not its own.",
        )

    def _check_latents(self, latents: Any, *, masked: bool) -> None:
        """Require float latents `[B, N, D]` as the port declares, with a mask `[B, N]` if the input had one."""
        require(isinstance(latents, Latents), f"{self.label} returns {type(latents).__name__}; Latents were expected.")
        x, mask, declared = latents.x, latents.mask, self.port("outputs", "latents")
        require(
            x.dim() == 3 and x.is_floating_point(),
            f"{self.label} returns latents of {x.dtype} {list(x.shape)}; float [B, N, D] was expected.",
        )
        require(
            declared.width in (None, x.shape[-1]),
            f"{self.label} declares latents of width {declared.width} but returns {x.shape[-1]}.",
        )
        require(
            declared.rate in (None, latents.rate),
            f"{self.label} declares {declared.rate} latents per second but returns {latents.rate}.",
        )
        require(
            not masked or (mask is not None and mask.dtype is torch.bool and mask.shape == x.shape[:2]),
            f"{self.label} was given a mask, so its latents must have one, bool {list(x.shape[:2])}.",
        )

    @torch.no_grad()
    def check_batch(self) -> None:
        super().check_batch()
        encoder: Any = self.component()
        mask, count = encoder.encode(*self.inputs).mask, encoder.encode(*self.alone()).x.shape[1]
        real = count if mask is None else int(mask[1].sum())
        require(
            real == count,
            f"{self.label} marks {real} latents of a padded item as real; the item alone has {count}.",
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
        raw, single = self.inputs[0], self.alone()
        outputs = encoder.decode(encoder.encode(*self.inputs))
        output = encoder.decode(encoder.encode(*single))
        dims = raw.dim() + (self.modality == "text")
        require(
            outputs.dim() == dims and outputs.shape[1] >= raw.shape[1] and bool(outputs.isfinite().all()),
            f"{self.label} decodes to {list(outputs.shape)}; finite values of {dims} dimensions, at least as long as"
            f" the raw batch {list(raw.shape)}, were expected.",
        )
        length = single[0].shape[1] if self.masks else output.shape[1]
        require(
            close(outputs[1:, :length], output[:, :length]),
            f"{self.label} decodes an item differently when it is padded in a batch; respect the mask.",
        )


def raw_batch(modality: str, port: Port) -> tuple[Tensor, ...]:
    """Two items of a modality as the port `raw` declares it; unless they are images, also a mask for the second's end.

    The features of another model are codes `[B, N, Q]` if the port declares codebooks, else vectors.
    """
    generator = torch.Generator().manual_seed(0)
    if modality == "image":
        return (torch.rand(2, PIXELS, PIXELS, 3, generator=generator),)
    length, shorter = (SAMPLES, FEWER_SAMPLES) if modality == "speech" else (SYMBOLS, FEWER_SYMBOLS)
    mask = torch.ones(2, length, dtype=torch.bool)
    mask[1, shorter:] = False
    if modality == "speech":
        return torch.randn(2, length, generator=generator) * 0.1, mask
    if modality == "text":
        return torch.randint(port.codebook_size or 256, (2, length), generator=generator), mask
    if port.codebooks is not None:
        return torch.randint(port.codebook_size or 2, (2, length, port.codebooks), generator=generator), mask
    return torch.randn(2, length, port.width or 1, generator=generator), mask
