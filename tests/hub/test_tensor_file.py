"""safetensors files are distrusted."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save, save_file

from mmzoo import errors
from mmzoo.hub.tensor_file import MAX_HEADER_BYTES, open_tensors


def write(path: Path, header: Any, data: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def entry(begin: int = 0, end: int = 8, shape: Any = (2,), dtype: Any = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape if isinstance(shape, str) else list(shape), "data_offsets": [begin, end]}


def read(path: Path) -> None:
    with open_tensors(path):
        pass


def test_reads_what_safetensors_writes(tmp_path: Path) -> None:
    tensors = {
        "a.weight": torch.randn(3, 4),
        "b": torch.arange(5),
        "c": torch.tensor(True),
        "d": torch.zeros(0, 3, dtype=torch.float16),
        "e": torch.randn(2).to(torch.bfloat16),
        "f": torch.ones(2).to(torch.float8_e4m3fn),
    }
    save_file(tensors, tmp_path / "t.safetensors", metadata={"format": "pt"})
    with open_tensors(tmp_path / "t.safetensors") as file:
        assert file.label == str(tmp_path / "t.safetensors")
        assert file.entries == {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in tensors.items()}
        for name, tensor in tensors.items():
            assert torch.equal(file.read(name).float(), tensor.float())
        with pytest.raises(errors.CorruptFileError, match=r"\bz\b"):
            file.read("z")


@pytest.mark.parametrize(
    ("header", "data"),
    [
        ({"a": entry()}, b"1234567"),  # truncated
        ({"a": entry()}, b"1234567890"),  # trailing bytes
        ({"a": entry(), "b": entry(4, 12)}, b"123456789012"),  # overlap
        ({"a": entry(), "b": entry(12, 20)}, b"1" * 20),  # gap
        ({"a": entry(4, 12)}, b"1" * 12),
        ({"a": entry(shape=(3,))}, b"12345678"),  # more values than bytes
        ({"a": entry(8, 0)}, b"12345678"),
        ({"a": entry(shape=(1 << 33, 1 << 33))}, b"12345678"),  # a size that overflows
        ({"../a": entry()}, b"12345678"),
        ({"": entry()}, b"12345678"),
        ({"a\nb": entry()}, b"12345678"),
        ({"\x1b[2J" * 1000: entry(4, 12)}, b"1" * 12),  # the library quotes the name
        ({"a": entry(dtype="F33")}, b"12345678"),
        ({"a": entry(dtype="U16", shape=(4,))}, b"12345678"),  # known to the library, not to us
        ({"a": entry(dtype=[1])}, b"12345678"),
        ({"a": entry(shape="22")}, b"12345678"),
        ({"a": entry(shape=(-2, -1))}, b"12345678"),
        ({"a": entry(shape=(True, 2))}, b"12345678"),
        ({"a": entry(shape=(2.0,))}, b"12345678"),
        ({"a": entry(shape=(10**30,))}, b"12345678"),
        ({"a": 3}, b"12345678"),
        ({"__metadata__": {"a": 1}}, b""),
        ({"__metadata__": 1}, b""),
        ([1], b""),
        (b"", b""),
        (b"{", b""),
        (b"\xff\xfe", b""),
        (b"[" * 100_000, b""),
        (b'{"a":' * 100_000, b""),
        (b'{"a": 1, "a": 2}', b""),
        (
            b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},'
            b' "a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}',
            b"12345678",
        ),
    ],
)
def test_malformed_files(tmp_path: Path, header: Any, data: bytes) -> None:
    path = write(tmp_path / "t.safetensors", header, data)
    with pytest.raises(errors.CorruptFileError) as caught, open_tensors(path):
        pass
    text = str(caught.value)
    assert str(path) in text and text.isprintable() and text.endswith(".") and len(text) < 500


def test_short_files_and_large_headers(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    with pytest.raises(errors.CorruptFileError, match="cannot be read: No such file"):
        read(path)
    path.write_bytes(b"1234")
    with pytest.raises(errors.CorruptFileError, match="shorter than a header"):
        read(path)
    path.write_bytes(struct.pack("<Q", 100) + b"{}")
    with pytest.raises(errors.CorruptFileError, match="header"):
        read(path)
    for length in (MAX_HEADER_BYTES + 1, 2**64 - 1):
        path.write_bytes(struct.pack("<Q", length) + b"{}")
        with pytest.raises(errors.HeaderTooLargeError, match=f"claims a header of {length} bytes"):
            read(path)


SOUND = save({"a": torch.arange(4.0), "b": torch.ones(3, dtype=torch.int16)})


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(SOUND) - 1), st.integers(0, 255), st.integers(0, len(SOUND)))
def test_any_damage_is_survived(tmp_path: Path, place: int, byte: int, length: int) -> None:
    damaged = (SOUND[:place] + bytes([byte]) + SOUND[place + 1 :])[: max(length, len(SOUND) - 4)]
    (tmp_path / "t.safetensors").write_bytes(damaged)
    try:
        with open_tensors(tmp_path / "t.safetensors") as file:
            assert {name: tuple(file.read(name).shape) for name in file.entries} == {
                name: shape for name, (_, shape) in file.entries.items()
            }
    except errors.CorruptFileError as error:
        assert "\n" not in str(error) and str(error).endswith(".")
