"""Codes as users hold them: tensors of any integer dtype, arrays of any library, nested lists."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmzoo.errors import InputError


def as_codes(given: Any) -> Tensor:
    """Codes as int64, on the device of a given tensor.

    Floats are refused even if they are whole, because they are usually something else, such as latents.

    Args:
        given: A tensor of any integer dtype, an array (NumPy, JAX, or anything with `__array__` or `__dlpack__`), or
            nested lists of ints.

    Raises:
        InputError: It is something else, or holds floats or bools.
    """
    if isinstance(given, Tensor):
        if given.layout is not torch.strided or given.is_meta:
            raise InputError("Codes must be an ordinary dense tensor, neither sparse nor on the meta device.")
        if given.dtype is torch.int64:
            return given
        if given.is_floating_point() or given.is_complex() or given.dtype is torch.bool:
            raise InputError(f"Codes must be integers, not {str(given.dtype).removeprefix('torch.')}.")
        return given.to(torch.int64)
    try:
        if hasattr(given, "__dlpack__") and not hasattr(given, "__array__"):
            return as_codes(torch.utils.dlpack.from_dlpack(given))
        array = np.asarray(given)
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        raise InputError(f"Codes must be an array of integers, not this {type(given).__name__}: {error}.") from error
    if array.dtype.kind not in "iu":
        raise InputError(f"Codes must be an array of integers, not {array.dtype} from {type(given).__name__}.")
    return torch.from_numpy(array.astype(np.int64))
