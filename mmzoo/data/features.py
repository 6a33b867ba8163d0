"""Features of a dataset's rows, computed once and kept on disk, so that a dataset need not fit in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmzoo.data.audio import decode_audio
from mmzoo.data.fit import fit_image, training_size
from mmzoo.data.image import decode_image
from mmzoo.errors import DataError
from mmzoo.system import whole_file

if TYPE_CHECKING:
    from datasets import Dataset
    from numpy.typing import NDArray


def packed(
    rows: Dataset, cache: Path, name: str, make: Callable[[Mapping[str, Any]], NDArray[Any]], *, doing: str
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """One array per row, concatenated; built once per fingerprint of the rows and name.

    An interrupted build leaves nothing behind.

    Args:
        rows: The rows.
        cache: The folder that a head's `examples` gets.
        name: Of the features; it must change with whatever `make` depends on besides the row.
        make: A row to an array `[T, ...]`; T may differ, the other axes and the type may not.
        doing: What a progress bar says.

    Returns:
        A memory map `[total T, ...]`, and the offsets of the rows, int64 `[rows + 1]`.

    Raises:
        DataError: There are no rows.
    """
    if len(rows) == 0:
        raise DataError("The dataset has no rows to train on.")
    folder = cache / f"{name}-{rows._fingerprint}"
    data, index = folder / "data.npy", folder / "offsets.npy"
    if not index.exists():
        folder.mkdir(parents=True, exist_ok=True)
        offsets = np.zeros(len(rows) + 1, np.int64)
        with whole_file(data) as staged:
            _write(staged, rows, make, offsets, doing)
        with whole_file(index) as staged, staged.open("wb") as stream:
            np.save(stream, offsets, allow_pickle=False)
    return np.load(data, mmap_mode="r", allow_pickle=False), np.load(index, allow_pickle=False)


def _write(
    path: Path, rows: Dataset, make: Callable[[Mapping[str, Any]], NDArray[Any]], offsets: NDArray[np.int64], doing: str
) -> None:
    from numpy.lib import format as npy
    from tqdm import tqdm

    def header(stream: Any, length: int) -> int:
        """Write the header of an array of this length; numpy leaves room for any first axis."""
        shape = (length, *first.shape[1:])
        description = {"descr": npy.dtype_to_descr(first.dtype), "fortran_order": False, "shape": shape}
        npy.write_array_header_2_0(stream, description)
        return int(stream.tell())

    with path.open("wb") as stream:
        for number, row in enumerate(tqdm(rows, desc=doing, disable=None, leave=False)):
            piece = np.ascontiguousarray(make(row))
            if number == 0:
                first = piece
                begin = header(stream, 0)
            stream.write(piece.tobytes())
            offsets[number + 1] = offsets[number] + len(piece)
        stream.seek(0)
        if header(stream, int(offsets[-1])) != begin:
            raise DataError(f"Cannot write {path}: numpy's header has another length than before.")
        stream.seek(0, os.SEEK_END)


def packed_images(rows: Dataset, cache: Path, side: int | None = None, patch: int = 1) -> NDArray[np.uint8]:
    """The pictures of a dataset at one size.

    Args:
        rows: Rows with a column `image`.
        cache: The folder that a head's `examples` gets.
        side: As for `mmzoo.data.fit.training_size`.
        patch: As for `mmzoo.data.fit.training_size`.

    Returns:
        A memory map `[rows, H, W, 3]`.

    Raises:
        DataError: There are no rows, or a picture cannot be read.
    """
    size = training_size(rows["image"], side, patch)
    name = f"images-{size[0]}x{size[1]}"

    def pixels(row: Mapping[str, Any]) -> NDArray[np.uint8]:
        return fit_image(decode_image(row["image"]), size).pixels[None]

    return packed(rows, cache, name, pixels, doing="reading pictures")[0]


def packed_audio(rows: Dataset, cache: Path, sample_rate: int) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
    """The sounds of a dataset at one rate.

    Args:
        rows: Rows with a column `audio`.
        cache: The folder that a head's `examples` gets.
        sample_rate: Hz.

    Returns:
        A memory map `[total T]`, and the offsets of the rows, int64 `[rows + 1]`.

    Raises:
        DataError: There are no rows, or a sound cannot be read.
    """

    def samples(row: Mapping[str, Any]) -> NDArray[np.int16]:
        audio = decode_audio(row["audio"], sample_rate=sample_rate)
        return np.asarray(np.clip(audio.samples, -1, 1) * 32767).astype(np.int16)

    return packed(rows, cache, f"audio-{sample_rate}", samples, doing="reading speech")
