"""A safetensors file, distrusted: the header is checked here before anything else reads the file.

Format: 8 bytes of header length (little endian), a JSON header of `name: {dtype, shape, data_offsets}`,
then the data, which the tensors must cover exactly.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmzoo.errors import CorruptFileError, HeaderTooLargeError

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
    """A checked, opened safetensors file. `entries`: data type and shape by name; `read` gives one tensor."""

    label: str
    entries: Mapping[str, tuple[torch.dtype, tuple[int, ...]]]
    handle: Any = field(repr=False)

    def read(self, name: str) -> Tensor:
        """The values of one tensor on the CPU, backed by the mapped file. Raises CorruptFileError."""
        try:
            tensor: Tensor = self.handle.get_tensor(name)
        except Exception as error:
            raise CorruptFileError(
                f"{self.label}: the tensor {name} cannot be read ({_reason(error)}); get a sound copy of the file."
            ) from error
        return tensor


@contextmanager
def open_tensors(path: Path) -> Iterator[OpenTensors]:
    """Check the header of a safetensors file and open it.

    Raises HeaderTooLargeError, CorruptFileError (truncated, overlapping or trailing data, bad names).
    """
    from safetensors import safe_open

    entries = read_header(path)
    try:
        opened = safe_open(path, framework="pt", device="cpu")
    except Exception as error:
        raise _corrupt(path, _reason(error)) from error
    with opened as handle:
        yield OpenTensors(str(path), entries, handle)


@dataclass(frozen=True)
class Layout:
    """What the header of a safetensors file says: data type and shape by name, and where the bytes of each lie.

    spans: first byte and the one after the last, counted from the beginning of the file.
    """

    entries: Mapping[str, tuple[torch.dtype, tuple[int, ...]]]
    spans: Mapping[str, tuple[int, int]]


def read_header(path: Path) -> Mapping[str, tuple[torch.dtype, tuple[int, ...]]]:
    """Data type and shape of every tensor, from the header alone, checked against the file's size."""
    return read_layout(path).entries


def read_layout(path: Path) -> Layout:
    """As `read_header`, and where the bytes lie. Raises HeaderTooLargeError, CorruptFileError."""
    try:
        with path.open("rb") as stream:

            def read(begin: int, end: int) -> bytes:
                stream.seek(begin)
                return stream.read(end - begin)

            return layout_of(path, read, path.stat().st_size)
    except OSError as error:
        raise CorruptFileError(f"{path} cannot be read: {error.strerror or error}; check that it is there.") from error


def layout_of(path: Path | str, read: Callable[[int, int], bytes], size: int) -> Layout:
    """The layout of a file that is read by `read(begin, end)`; path: as messages name it; size: in bytes."""
    start = read(0, 8)
    if len(start) < 8:
        raise _corrupt(path, "it is shorter than a header")
    (length,) = struct.unpack("<Q", start)
    if length > MAX_HEADER_BYTES:
        raise HeaderTooLargeError(
            f"{path} claims a header of {length} bytes, but mmzoo reads at most {MAX_HEADER_BYTES};"
            " it is no safetensors file or a hostile one."
        )
    if 8 + length > size:
        raise _corrupt(path, f"its header should be {length} bytes, but the file ends after {size}")
    return _checked(path, _parsed(path, read(8, 8 + length)), 8 + length, size - 8 - length)


def _parsed(path: Path | str, text: bytes) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a name occurs twice")
        return dict(pairs)

    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise _corrupt(path, f"its header is not valid JSON: {_reason(error)}") from error
    if not isinstance(header, dict):
        raise _corrupt(path, "its header is no JSON object")
    return header


def _checked(path: Path | str, header: dict[str, Any], data_start: int, data_bytes: int) -> Layout:
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _corrupt(path, "its metadata are not text")
    entries: dict[str, tuple[torch.dtype, tuple[int, ...]]] = {}
    spans: list[tuple[int, int, str]] = []
    for name, entry in header.items():
        if not TENSOR_NAME.fullmatch(name):
            raise _corrupt(path, f"{name[:60]!r} is no tensor name")
        dtype, shape, begin, end = _entry(path, name, entry)
        count = 1
        for extent in shape:
            count *= extent
        if end - begin != count * dtype.itemsize:
            raise _corrupt(path, f"tensor {name} has {end - begin} bytes for shape {list(shape)[:8]}")
        entries[name] = (dtype, shape)
        spans.append((begin, end, name))
    position = 0
    for begin, end, name in sorted(spans):
        if begin != position:
            raise _corrupt(
                path, f"tensor {name} {'overlaps another' if begin < position else 'leaves a gap before it'}"
            )
        position = end
    if position > data_bytes:
        raise _corrupt(path, f"it is truncated: {position} bytes of data are declared and {data_bytes} are there")
    if position < data_bytes:
        raise _corrupt(path, f"{data_bytes - position} bytes trail after the last tensor")
    return Layout(entries, {name: (data_start + begin, data_start + end) for begin, end, name in spans})


def _entry(path: Path | str, name: str, entry: Any) -> tuple[torch.dtype, tuple[int, ...], int, int]:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _corrupt(path, f"the entry of tensor {name} is malformed")
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    dtype = DTYPES.get(kind) if isinstance(kind, str) else None
    if dtype is None:
        raise _corrupt(path, f"tensor {name} has the unknown data type {str(kind)[:20]!r}")
    if not _naturals(shape) or len(shape) > 16 or not _naturals(offsets) or len(offsets) != 2:
        raise _corrupt(path, f"the entry of tensor {name} is malformed")
    begin, end = offsets
    if end < begin:
        raise _corrupt(path, f"tensor {name} ends before it begins")
    return dtype, tuple(shape), begin, end


def _naturals(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 1 << 48 for value in values)


def _corrupt(path: Path | str, reason: str) -> CorruptFileError:
    return CorruptFileError(f"{path} is not a sound safetensors file: {reason}; get a sound copy of it.")


def _reason(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__).rstrip(".")
