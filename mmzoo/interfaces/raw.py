"""The layout rule: a raw batch that enters an encoder has the axes and dtype of its modality."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from mmzoo.errors import InputError

LAYOUTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "speech": ("floats", ("B", "T")),
    "image": ("floats in 0..1", ("B", "H", "W", "3")),
    "text": ("integers", ("B", "N")),
    "codes": ("integers", ("B", "N", "Q")),
    "vectors": ("floats", ("B", "N", "D")),
}
"""By modality, what a raw batch holds and its axes; batches of other modalities are not checked."""
CHANNELS = ("3", "Q", "D")
"""Axes that a mask lacks."""


def raw_checked(encode: Callable[..., Any]) -> Callable[..., Any]:
    """The `encode` of a ModalityEncoder, which raises InputError for a raw batch or mask of the wrong layout."""

    @functools.wraps(encode)
    def checked(self: Any, raw: Any, mask: Any = None) -> Any:
        return encode(self, check_raw(self.modality, raw, mask, finite=not self.training), mask)

    return checked


def check_raw(modality: str, raw: Any, mask: Any, *, finite: bool = True) -> Tensor:
    """The raw batch, with integers as int64.

    Args:
        modality: speech, image, text, codes or vectors; a batch of any other is returned as it is.
        raw: The batch.
        mask: Bool, the shape of `raw` without channels; None if there is no padding.
        finite: Refuse NaN and infinity inside the mask.

    Raises:
        InputError: The shape or dtype is wrong, the batch is empty, or a value is not finite.
    """
    if modality not in LAYOUTS:
        return raw  # type: ignore[no-any-return]
    kind, axes = LAYOUTS[modality]
    whole = kind == "integers"
    if (
        not isinstance(raw, Tensor)
        or raw.dim() != len(axes)
        or ("3" in axes and raw.shape[-1] != 3)
        or (whole and (raw.is_floating_point() or raw.is_complex() or raw.dtype is torch.bool))
        or (not whole and not raw.is_floating_point())
    ):
        shape = ", ".join(axes)
        raise InputError(f"A raw {modality} batch must be a tensor of {kind} [{shape}], not {shown(raw)}.")
    expected = raw.shape[:-1] if axes[-1] in CHANNELS else raw.shape
    if mask is not None and (not isinstance(mask, Tensor) or mask.dtype is not torch.bool or mask.shape != expected):
        raise InputError(
            f"The mask of the {modality} batch {list(raw.shape)} must be a bool tensor {list(expected)}, not"
            f" {shown(mask)}."
        )
    if not torch.compiler.is_compiling():  # a graph cannot branch on values
        if raw.numel() == 0:
            raise InputError(f"The raw {modality} batch {list(raw.shape)} is empty.")
        if finite and not whole and not bool((raw if mask is None else raw[mask]).isfinite().all()):
            raise InputError(f"The raw {modality} batch holds NaN or infinity.")
    return raw.long() if whole else raw


def check_symbols(raw: Tensor, count: int) -> Tensor:
    """Ids of symbols, if all are from 0 to `count` - 1. Raises InputError."""
    if not torch.compiler.is_compiling() and raw.numel():
        low, high = int(raw.min()), int(raw.max())
        if low < 0 or high >= count:
            raise InputError(f"Symbol id {high if low >= 0 else low} is out of range; there are {count} symbols.")
    return raw


def shown(value: Any) -> str:
    """A tensor by dtype and shape, anything else by type, for messages."""
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}"
    return type(value).__name__
