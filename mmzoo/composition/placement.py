"""Checks of the `device` and `dtype` that a caller asks for."""

from __future__ import annotations

import torch

from mmzoo.errors import ConfigError, UsageError

DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64)


def device_of(device: str | torch.device | None) -> torch.device:
    """A usable device; None is the CPU. Raises ConfigError if it is not on this machine."""
    try:
        chosen = torch.device("cpu" if device is None else device)
        torch.empty(0, device=chosen)
        usable = chosen.type != "meta"  # it holds no values
    except Exception:  # torch raises many kinds of errors, also from the drivers
        usable = False
    if not usable:
        raise ConfigError(
            f"There is no device {str(device)[:40]!r} here; there is {', '.join(devices())}.", path="device"
        )
    return chosen


def devices() -> list[str]:
    """The devices of this machine by name."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if accelerator is None:
        return ["cpu"]
    count = torch.accelerator.device_count()
    return ["cpu", *([accelerator.type] if count == 1 else (f"{accelerator.type}:{i}" for i in range(count)))]


def dtype_of(dtype: str | torch.dtype | None) -> torch.dtype | None:
    """A floating-point dtype, given as such or by name; None stays None. Raises UsageError for any other."""
    if dtype is None:
        return None
    chosen = getattr(torch, dtype.removeprefix("torch."), None) if isinstance(dtype, str) else dtype
    if chosen not in DTYPES:
        raise UsageError(f"dtype must be float32, float16, bfloat16 or float64, not {str(dtype)!r}.")
    return chosen
