"""Checks of the `device` and `dtype` that a caller asks for."""

from __future__ import annotations

import torch

from mmzoo.errors import UsageError
from mmzoo.schema import first_line

DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64)


def device_of(device: str | torch.device | None) -> torch.device:
    """A usable device; None is the CPU. Raises UsageError if it cannot be used."""
    try:
        chosen = torch.device("cpu" if device is None else device)
        torch.empty(0, device=chosen)
    except Exception as error:
        raise UsageError(
            f"The device {str(device)!r} cannot be used here ({first_line(error)}); pass device='cpu'."
        ) from error
    if chosen.type == "meta":
        raise UsageError("The device 'meta' holds no values; pass another device, such as 'cpu'.")
    return chosen


def dtype_of(dtype: str | torch.dtype | None) -> torch.dtype | None:
    """A floating-point dtype, given as such or by name; None stays None. Raises UsageError for any other."""
    if dtype is None:
        return None
    chosen = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if chosen not in DTYPES:
        raise UsageError(f"dtype must be float32, float16, bfloat16 or float64, not {str(dtype)!r}.")
    return chosen
