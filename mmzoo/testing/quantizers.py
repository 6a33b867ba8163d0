"""The contract of a Quantizer."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from mmzoo.errors import InputError
from mmzoo.interfaces import PADDING_CODE, Quantized
from mmzoo.testing.common import Checks, ConformanceError, require
from mmzoo.testing.trial import PADDING, Trial
from mmzoo.testing.values import close, normal, probe_loss, seeded

ITEMS, POSITIONS, SHORTER = 2, 24, 17


class QuantizerTrial(Trial):
    """A quantizer and random vectors z `[2, 24, D]`; the second item ends early."""

    @cached_property
    def inputs(self) -> tuple[Tensor, ...]:
        z = normal(ITEMS, POSITIONS, self.width("z"))
        mask = torch.ones(ITEMS, POSITIONS, dtype=torch.bool)
        mask[1, SHORTER:] = False
        return z, mask

    def call(self, component: Any, *inputs: Tensor) -> tuple[Tensor, ...]:
        quantized = component(*inputs)
        return quantized.z_q, quantized.loss, quantized.codes

    def loss(self, component: Any, step: int = 0) -> Tensor:
        z, mask = self.padded(0.0)
        quantized = component(z, mask)
        loss: Tensor = quantized.loss + probe_loss(quantized.z_q * mask.unsqueeze(-1))
        return loss

    def kind_checks(self) -> Checks:
        return {"codes": self.check_codes, "refusals": self.check_refusals}

    @torch.no_grad()
    def check_ports(self) -> None:
        """Outputs have the declared shapes and dtypes."""
        quantizer: Any = self.component()
        sizes = quantizer.codebook_sizes
        require(
            bool(sizes) and all(size >= 2 for size in sizes),
            f"{self.label} has the codebook sizes {sizes}; at least one, each 2 or more, was expected.",
        )
        quantized = quantizer(self.inputs[0])
        require(
            isinstance(quantized, Quantized),
            f"{self.label} returns {type(quantized).__name__}; Quantized was expected.",
        )
        codes, wanted = quantized.codes, (ITEMS, POSITIONS, len(sizes))
        require(
            codes.dtype is torch.int64 and codes.shape == wanted,
            f"{self.label} returns codes {codes.dtype} {list(codes.shape)}; int64 {list(wanted)} was expected.",
        )
        usage = quantized.usage
        require(
            usage.shape == (len(sizes),) and bool(((usage >= 0) & (usage <= 1)).all()),
            f"{self.label}: usage must be one fraction per codebook, [{len(sizes)}].",
        )
        outputs = self.ports.outputs
        if "z" in outputs:
            width, actual = outputs["z"].width, quantized.z_q.shape[-1]
            require(width in (None, actual), f"{self.label} declares z of width {width} but returns {actual}.")
        if "codes" in outputs:
            declared = outputs["codes"]
            require(
                declared.codebooks in (None, len(sizes)) and declared.codebook_size in (None, *sizes),
                f"{self.label} declares codes as {declared}, but its codebooks have the sizes {sizes}.",
            )

    @torch.no_grad()
    def check_codes(self) -> None:
        """encode, decode and forward agree, and codes are within their codebooks."""
        quantizer: Any = self.component()
        z, _ = self.inputs
        quantized = quantizer(z)
        codes, limits = quantized.codes, torch.tensor(quantizer.codebook_sizes)
        require(((codes >= 0) & (codes < limits)).all(), f"{self.label} returns codes outside its codebooks.")
        require(torch.equal(quantizer.encode(z), codes), f"{self.label}: encode and forward give different codes.")
        require(close(quantizer.decode(codes), quantized.z_q), f"{self.label}: in eval mode decode(codes) must be z_q.")
        total = torch.as_tensor(sum(quantized.losses.values(), torch.zeros(())))
        require(
            quantized.loss.dim() == 0 and close(quantized.loss, total),
            f"{self.label}: loss must be a scalar, the sum of losses.",
        )

    def check_refusals(self) -> None:
        """`decode` rejects padding and codes out of range."""
        quantizer: Any = self.fresh()
        codes = quantizer.encode(self.inputs[0])
        for wrong, what in (
            (PADDING_CODE, "the padding code -1"),
            (max(quantizer.codebook_sizes), "a code out of range"),
        ):
            broken = codes.clone()
            broken[0, 0, 0] = wrong
            try:
                quantizer.decode(broken)
            except InputError:
                continue
            except Exception as error:
                raise ConformanceError(
                    f"{self.label}: decode raised {type(error).__name__} for {what}; it must raise InputError."
                ) from error
            raise ConformanceError(f"{self.label}: decode accepted {what}; it must raise InputError.")

    def check_masks(self) -> None:
        """Padding gets code -1, and its contents affect neither real positions nor the loss."""
        super().check_masks()
        _, mask = self.inputs
        codes = self.component()(*self.inputs).codes
        require((codes[~mask] == PADDING_CODE).all(), f"{self.label} must mark padding with the code {PADDING_CODE}.")
        losses = []
        for value in (0.0, PADDING):
            with seeded(3):
                losses.append(self.component().train()(*self.padded(value)).loss.detach())
        require(close(*losses), f"{self.label}: its loss depends on the contents of padding.")

    @torch.no_grad()
    def check_batch(self) -> None:
        """A padded item gets the same codes as alone, from encode too."""
        super().check_batch()
        quantizer: Any = self.component()
        require(
            torch.equal(quantizer.encode(*self.inputs), quantizer(*self.inputs).codes),
            f"{self.label}: encode with a mask and forward with a mask give different codes.",
        )
