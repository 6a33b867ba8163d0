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
    functional,
    hold,
    port,
    require,
    seeded,
)
from mmzoo.testing.trial import Trial

ITEMS, POSITIONS, SHORTER = 2, 24, 17


def check_quantizer(name: str, **config: Any) -> None:
    """Hold the quantizer of this name and config to its contract; raises ConformanceError."""
    trial = QuantizerTrial(name, config)
    hold(trial.label, trial.checks())


class QuantizerTrial(Trial):
    """A quantizer and random vectors z `[2, 24, D]`, of which the second item ends early."""

    kind = "quantizer"

    @cached_property
    def z(self) -> Tensor:
        """What is quantized."""
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
        found = component(*inputs)
        return found.z_q, found.loss, found.codes

    def loss(self, component: Any) -> Tensor:
        z, mask = self.inputs
        found = component(z.masked_fill(~mask.unsqueeze(-1), 0.0), mask)
        loss: Tensor = found.loss + functional(found.z_q * mask.unsqueeze(-1))
        return loss

    def special(self) -> Checks:
        return {"codes": self.check_codes, "refusals": self.check_refusals}

    @torch.no_grad()
    def check_ports(self) -> None:
        """Shapes and types of what comes out."""
        quantizer: Any = self.component()
        sizes = quantizer.codebook_sizes
        require(bool(sizes) and all(size >= 2 for size in sizes), f"{self.label} has codebook sizes {sizes}.")
        found = quantizer(self.z)
        require(
            isinstance(found, Quantized), f"{self.label} returns {type(found).__name__} where Quantized is expected."
        )
        codes, wanted = found.codes, (ITEMS, POSITIONS, len(sizes))
        require(
            codes.dtype is torch.int64 and codes.shape == wanted,
            f"{self.label} gives codes {codes.dtype} {list(codes.shape)}; int64 {list(wanted)} was expected.",
        )
        usage = found.usage
        require(
            usage.shape == (len(sizes),) and bool(((usage >= 0) & (usage <= 1)).all()),
            f"{self.label}: usage must be a fraction for each of the {len(sizes)} codebooks.",
        )
        outputs = declared(self.part).outputs
        if "z" in outputs and outputs["z"].width is not None:
            width = outputs["z"].width
            require(found.z_q.shape[-1] == width, f"{self.label} declares z of width {width}.")
        if "codes" in outputs:
            told = outputs["codes"]
            require(
                told.codebooks in (None, len(sizes)) and told.codebook_size in (None, *sizes),
                f"{self.label} declares codes with {told}, but its codebooks have the sizes {sizes}.",
            )

    @torch.no_grad()
    def check_codes(self) -> None:
        """encode, decode and forward agree, and codes lie in their codebooks."""
        quantizer: Any = self.component()
        z = self.z
        found = quantizer(z)
        limits = torch.tensor(quantizer.codebook_sizes)
        require(
            bool(((found.codes >= 0) & (found.codes < limits)).all()),
            f"{self.label} gives codes outside its codebooks.",
        )
        require(
            torch.equal(quantizer.encode(z), found.codes), f"{self.label}: encode and forward give different codes."
        )
        require(
            close(quantizer.decode(found.codes), found.z_q),
            f"{self.label}: in eval mode decode(codes) must be z_q, and it is not.",
        )
        require(
            found.loss.dim() == 0 and close(found.loss, torch.as_tensor(sum(found.losses.values(), torch.zeros(())))),
            f"{self.label}: loss must be a scalar, the sum of losses.",
        )

    def check_refusals(self) -> None:
        """`decode` refuses padding and codes that no codebook has."""
        quantizer: Any = self.fresh()
        codes = quantizer.encode(self.z)
        for wrong, what in ((PADDING_CODE, "the padding code -1"), (max(quantizer.codebook_sizes), "a code too high")):
            broken = codes.clone()
            broken[0, 0, 0] = wrong
            try:
                quantizer.decode(broken)
            except InputError:
                continue
            except Exception as error:
                raise ConformanceError(
                    f"{self.label}: decode met {what} and raised {type(error).__name__}; it must raise InputError."
                ) from error
            raise ConformanceError(f"{self.label}: decode accepted {what}; it must raise InputError.")

    def check_masks(self) -> None:
        """Padding is marked with -1; what stands in it changes neither codes nor loss."""
        results = []
        for filling in (0.0, 100.0):
            x = self.z.masked_fill(~self.mask.unsqueeze(-1), filling)
            with torch.no_grad():
                quiet = self.component()(x, self.mask)
            with seeded(3):
                trained = self.component().train()(x, self.mask)
            results.append((quiet, trained.loss.detach()))
        (first, first_loss), (second, second_loss) = results
        require(
            bool((first.codes[~self.mask] == PADDING_CODE).all()),
            f"{self.label} must mark padding with the code {PADDING_CODE}.",
        )
        require(
            torch.equal(first.codes, second.codes) and close(first.z_q[self.mask], second.z_q[self.mask]),
            f"{self.label}: what stands in the padding changes real positions; read no position outside the mask.",
        )
        require(close(first_loss, second_loss), f"{self.label}: its loss depends on what stands in the padding.")

    @torch.no_grad()
    def check_batch(self) -> None:
        """A padded item gets the codes it gets alone."""
        quantizer: Any = self.component()
        z = self.z
        padded, alone = quantizer(z, self.mask), quantizer(z[1:, :SHORTER])
        require(
            torch.equal(padded.codes[1:, :SHORTER], alone.codes),
            f"{self.label} gives an item other codes when it is padded in a batch; treat every item by itself.",
        )
        require(
            close(padded.z_q[1:, :SHORTER], alone.z_q),
            f"{self.label} gives an item another z_q when it is padded in a batch.",
        )
        require(
            torch.equal(quantizer.encode(z, self.mask), padded.codes),
            f"{self.label}: encode with a mask and forward with a mask give different codes.",
        )
