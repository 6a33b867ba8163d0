"""Opens untrusted safetensors files.

The safetensors library checks data types, shapes, offsets and coverage before it returns a tensor. It accepts headers
of up to 100 MB and any text as a name. Both are checked here, because headers are parsed in memory and names appear in
messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmzoo.errors import CorruptFileError, HeaderTooLargeError
from mmzoo.safe_text import one_line

MAX_HEADER_BYTES = 4 << 20
TENSOR_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,255}")
DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


@dataclass
class OpenTensors:
    """A checked, opened safetensors file. `entries` holds data type and shape by name; `read` returns one tensor."""

    label: str
    entries: Mapping[str, tuple[torch.dtype, tuple[int, ...]]]
    handle: Any = field(repr=False)

    def read(self, name: str) -> Tensor:
        """The values of one tensor on the CPU, backed by the mapped file. Raises CorruptFileError."""
        try:
            tensor: Tensor = self.handle.get_tensor(name)
        except Exception as error:
            raise CorruptFileError(
                f"{self.label}: the tensor {name} cannot be read ({_reason(error)}); get another copy of the file."
            ) from error
        return tensor


@contextmanager
def open_tensors(path: Path) -> Iterator[OpenTensors]:
    """Check a safetensors file and open it.

    Raises:
        HeaderTooLargeError: The header is larger than mmzoo reads.
        CorruptFileError: The file is missing, malformed or truncated, or has an invalid name or data type.
    """
    from safetensors import safe_open

    try:
        with path.open("rb") as stream:
            header_length(stream.read(8), path)
        opened = safe_open(path, framework="pt", device="cpu")
    except OSError as error:
        raise CorruptFileError(f"{path} cannot be read: {error.strerror or error}; check that it is there.") from error
    except CorruptFileError:
        raise
    except Exception as error:
        raise corrupt(path, _reason(error)) from error
    with opened as handle:
        yield OpenTensors(str(path), {name: _entry(path, name, handle) for name in handle.keys()}, handle)  # noqa: SIM118


def header_length(start: bytes, path: Path | str) -> int:
    """The length of a file's header, from its first eight bytes. Raises HeaderTooLargeError, CorruptFileError."""
    if len(start) < 8:
        raise corrupt(path, "it is shorter than a header")
    length = int.from_bytes(start, "little")
    if length > MAX_HEADER_BYTES:
        raise HeaderTooLargeError(
            f"{path} claims a header of {length} bytes, but mmzoo reads at most {MAX_HEADER_BYTES};"
            " it is not a safetensors file, or a hostile one."
        )
    return length


def _entry(path: Path, name: str, handle: Any) -> tuple[torch.dtype, tuple[int, ...]]:
    if not TENSOR_NAME.fullmatch(name):
        raise corrupt(path, f"{name[:60]!r} is not a valid tensor name")
    tensor = handle.get_slice(name)
    if tensor.get_dtype() not in DTYPES:
        raise corrupt(path, f"tensor {name} has the data type {tensor.get_dtype()}, which mmzoo does not read")
    return DTYPES[tensor.get_dtype()], tuple(tensor.get_shape())


def corrupt(path: Path | str, reason: str) -> CorruptFileError:
    """The error for a malformed file. path: The file's name in the message."""
    return CorruptFileError(f"{path} is not a valid safetensors file: {reason}; get another copy of it.")


def _reason(error: BaseException) -> str:
    """The library's message on one line, cut: it may quote a name of any length."""
    return one_line(error)[:200].rstrip(".") or type(error).__name__
