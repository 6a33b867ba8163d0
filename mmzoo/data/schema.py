"""The columns of a dataset row, the same for every corpus."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmzoo.errors import DataError

if TYPE_CHECKING:
    from datasets import Features

COLUMNS = (
    "id",
    "text",
    "audio",
    "image",
    "label",
    "speaker",
    "phones",
    "phone_ends_s",
    "phone_set",
    "split",
    "target",
)


def row_features() -> Features:
    """The columns as `datasets` types.

    - audio, image: `{bytes, path}` of an encoded file, decoded by `mmzoo.data`, never by `datasets`.
    - phones, phone_ends_s: one entry per phone, pauses included, and its end in seconds from the start of the audio;
      empty if unknown.
    - phone_set: the inventory that the phones belong to.
    - label: the class or content of the row, in the dataset's own terms.
    - target: for sentences that test unseen words, the word being tested.
    """
    from datasets import Features, List, Value

    text, blob = Value("string"), {"bytes": Value("binary"), "path": Value("string")}
    return Features(
        {
            "id": text,
            "text": text,
            "audio": dict(blob),
            "image": dict(blob),
            "label": text,
            "speaker": text,
            "phones": List(Value("string")),
            "phone_ends_s": List(Value("float32")),
            "phone_set": text,
            "split": text,
            "target": text,
        }
    )


def make_row(
    *,
    id: str,
    text: str,
    split: str,
    audio: bytes | Path | None = None,
    image: bytes | Path | None = None,
    label: str | None = None,
    speaker: str = "",
    phones: Sequence[str] = (),
    phone_ends_s: Sequence[float] = (),
    phone_set: str = "",
    target: str = "",
) -> dict[str, Any]:
    """Make one row of `row_features`. audio and image are an encoded file's bytes or its path.

    Raises:
        DataError: There is not one end time per phone, or the times do not increase.
    """
    if len(phones) != len(phone_ends_s):
        raise DataError(f"Row {id} has {len(phones)} phones but {len(phone_ends_s)} end times; each phone needs one.")
    if any(later <= earlier for earlier, later in zip((0.0, *phone_ends_s), phone_ends_s, strict=False)):
        raise DataError(f"Row {id} has phone end times that do not increase: {list(phone_ends_s)}.")
    return {
        "id": id,
        "text": text,
        "audio": _cell(audio),
        "image": _cell(image),
        "label": label,
        "speaker": speaker,
        "phones": list(phones),
        "phone_ends_s": [float(end) for end in phone_ends_s],
        "phone_set": phone_set,
        "split": split,
        "target": target,
    }


def _cell(file: bytes | Path | None) -> dict[str, Any] | None:
    if file is None:
        return None
    return {"bytes": None, "path": str(file)} if isinstance(file, Path) else {"bytes": file, "path": None}
