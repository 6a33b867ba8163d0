"""The contract of a Quantizer."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from mmzoo.errors import InputError
from mmzoo.interfaces import PADDING_CODE, Quantized
from mmzoo.testing.common import (
    Checks,
    ConformanceError,
    close,
    declared,
    port,
    probe_loss,
    require,
    run_checks,
    seeded,
)
from mmzoo.testing.trial import Trial

ITEMS, POSITIONS, SHORTER = 2, 24, 17


def check_quantizer(name: str, **config: Any) -> None:
    """Check a registered quantizer against the contract of its kind.

    Args:
        name: The registered name.
        **config: The quantizer's config.

    Raises:
        ConformanceError: One or more checks failed.
    """
    trial = QuantizerTrial(name, config)
    run_checks(trial.label, trial.checks())


class QuantizerTrial(Trial):
    """A quantizer and random vectors z `[2, 24, D]`; the second item ends early."""

    kind = "quantizer"

    @cached_property
    def z(self) -> Tensor:
        """The vectors to quantize."""
        width = port(self.part, "inputs", "z").width
        if width is None:
            raise ConformanceError(f"{self.label} must declare the width of its port z, so that `create` can check it.")
        return torch.randn(ITEMS, POSITIONS, width, generator=torch.Generator().manual_seed(0))

    @property
    def mask(self) -> Tensor:
        """The second item ends early."""
        mask = torch.ones(ITEMS, POSITIONS, dtype=torch.bool)
        mask[1, SHORTER:] = False
        return mask

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return self.z, self.mask

    def call(self, component: Any, *inputs: Tensor) -> tuple[Tensor, ...]:
        quantized = component(*inputs)
        return quantized.z_q, quantized.loss, quantized.codes

    def loss(self, component: Any) -> Tensor:
        z, mask = self.inputs
        quantized = component(z.masked_fill(~mask.unsqueeze(-1), 0.0), mask)
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
        quantized = quantizer(self.z)
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
        outputs = declared(self.part).outputs
        if "z" in outputs and outputs["z"].width is not None:
            width = outputs["z"].width
            actual = quantized.z_q.shape[-1]
            require(actual == width, f"{self.label} declares z of width {width} but returns {actual}.")
        if "codes" in outputs:
            wanted_codes = outputs["codes"]
            require(
                wanted_codes.codebooks in (None, len(sizes)) and wanted_codes.codebook_size in (None, *sizes),
                f"{self.label} declares codes as {wanted_codes}, but its codebooks have the sizes {sizes}.",
            )

    @torch.no_grad()
    def check_codes(self) -> None:
        """encode, decode and forward agree, and codes are within their codebooks."""
        quantizer: Any = self.component()
        z = self.z
        quantized = quantizer(z)
        limits = torch.tensor(quantizer.codebook_sizes)
        require(
            bool(((quantized.codes >= 0) & (quantized.codes < limits)).all()),
            f"{self.label} returns codes outside its codebooks.",
        )
        require(
            torch.equal(quantizer.encode(z), quantized.codes), f"{self.label}: encode and forward give different codes."
        )
        require(
            close(quantizer.decode(quantized.codes), quantized.z_q),
            f"{self.label}: in eval mode decode(codes) must be z_q.",
        )
        total = torch.as_tensor(sum(quantized.losses.values(), torch.zeros(())))
        require(
            quantized.loss.dim() == 0 and close(quantized.loss, total),
            f"{self.label}: loss must be a scalar, the sum of losses.",
        )

    def check_refusals(self) -> None:
        """`decode` rejects padding and codes out of range."""
        quantizer: Any = self.fresh()
        codes = quantizer.encode(self.z)
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
        """Padding gets code -1, and its contents affect neither codes nor loss."""
        results = []
        for fill in (0.0, 100.0):
            x = self.z.masked_fill(~self.mask.unsqueeze(-1), fill)
            with torch.no_grad():
                evaluated = self.component()(x, self.mask)
            with seeded(3):
                trained = self.component().train()(x, self.mask)
            results.append((evaluated, trained.loss.detach()))
        (first, first_loss), (second, second_loss) = results
        require(
            bool((first.codes[~self.mask] == PADDING_CODE).all()),
            f"{self.label} must mark padding with the code {PADDING_CODE}.",
        )
        require(
            torch.equal(first.codes, second.codes) and close(first.z_q[self.mask], second.z_q[self.mask]),
            f"{self.label}: the contents of padding affect real positions; read only positions inside the mask.",
        )
        require(close(first_loss, second_loss), f"{self.label}: its loss depends on the contents of padding.")

    @torch.no_grad()
    def check_batch(self) -> None:
        """A padded item gets the same codes as alone."""
        quantizer: Any = self.component()
        z = self.z
        padded, alone = quantizer(z, self.mask), quantizer(z[1:, :SHORTER])
        require(
            torch.equal(padded.codes[1:, :SHORTER], alone.codes),
            f"{self.label} gives an item other codes when it is padded in a batch; quantize each item on its own.",
        )
        require(
            close(padded.z_q[1:, :SHORTER], alone.z_q),
            f"{self.label} gives an item another z_q when it is padded in a batch.",
        )
        require(
            torch.equal(quantizer.encode(z, self.mask), padded.codes),
            f"{self.label}: encode with a mask and forward with a mask give different codes.",
        )
