"""Codes as users hold them: tensors of any integer dtype, arrays of any library, nested lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmzoo.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

Codes = np.ndarray[Any, np.dtype[np.int64]]


def as_codes(given: Any) -> Tensor:
    """Codes as int64, on the device of a given tensor.

    Floats are refused even if they are whole, because they are usually something else, such as latents.

    Args:
        given: A tensor of any integer dtype, an array (NumPy, JAX, or anything with `__array__` or `__dlpack__`), or
            nested lists of ints.

    Raises:
        InputError: It is something else, or holds floats or bools.
    """
    import torch  # only here, because exported models run without it

    if hasattr(given, "__dlpack__") and not hasattr(given, "__array__"):
        try:
            given = torch.utils.dlpack.from_dlpack(given)
        except (TypeError, ValueError, RuntimeError, BufferError) as error:
            raise _unusable(given, error) from error
    if not isinstance(given, torch.Tensor):
        return torch.from_numpy(code_array(given))
    if given.layout is not torch.strided or given.is_meta:
        raise InputError("Codes must be an ordinary dense tensor, neither sparse nor on the meta device.")
    if given.dtype is torch.int64:
        return given
    if given.is_floating_point() or given.is_complex() or given.dtype is torch.bool:
        raise InputError(f"Codes must be integers, not {str(given.dtype).removeprefix('torch.')}.")
    return given.to(torch.int64)


def code_array(given: Any) -> Codes:
    """Codes as an int64 array; see `as_codes`."""
    try:
        array = np.asarray(given.detach().cpu() if hasattr(given, "detach") else given)
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        raise _unusable(given, error) from error
    if array.dtype.kind not in "iu":
        raise InputError(f"Codes must be an array of integers, not {array.dtype} from {type(given).__name__}.")
    return array.astype(np.int64)


def _unusable(given: Any, error: Exception) -> InputError:
    return InputError(f"Codes must be an array of integers, not this {type(given).__name__}: {error}.")


def check_one(shape: Sequence[int]) -> None:
    """Raise InputError unless codes of this shape are those of one item, `[1, N, Q]`."""
    if len(shape) != 3 or shape[0] != 1 or shape[1] == 0:
        raise InputError(f"reconstruct takes the codes of one item, [1, N, Q], not {list(shape)}.")


def check_width(shape: Sequence[int], codebooks: int) -> None:
    """Raise InputError unless codes of this shape are `[B, N, codebooks]`."""
    if len(shape) != 3 or shape[-1] != codebooks:
        raise InputError(f"Codes must be integers of shape [B, N, {codebooks}], not {list(shape)}.")


def check_range(codes: Any, limits: Any) -> None:
    """Raise InputError if a code is negative or not below the size of its codebook.

    Args:
        codes: A tensor or an array `[B, N, Q]`.
        limits: The sizes of the codebooks, `[Q]`, as a tensor on the same device or as an array.
    """
    if bool(((codes < 0) | (codes >= limits)).any()):
        raise InputError(
            f"Codes must lie in 0..{int(limits.max()) - 1}; -1 marks padding and cannot be decoded, remove it first."
        )
