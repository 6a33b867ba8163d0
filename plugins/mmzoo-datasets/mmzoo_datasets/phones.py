"""The columns of speech whose phones are known: `phones`, `phone_ends_s` and `phone_set`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mmzoo.data.marks import bare
from mmzoo.errors import DataError
from mmzoo_datasets.flite import PHONE_SET
from mmzoo_datasets.phone_map import ARPABET_OF, PAUSE


def phone_features() -> dict[str, Any]:
    """The columns as `datasets` types.

    - phones, phone_ends_s: one entry per phone, pauses included, perhaps with marks
      (see `mmzoo.data.marks`), and its end in seconds from the start of the audio.
    - phone_set: the inventory that the phones belong to.
    """
    from datasets import List, Value

    return {"phones": List(Value("string")), "phone_ends_s": List(Value("float32")), "phone_set": Value("string")}


def phone_columns(phones: Sequence[str], ends_s: Sequence[float], phone_set: str) -> dict[str, Any]:
    """The values of these columns in one row.

    Raises:
        DataError: There is not one end time per phone, or the times do not increase.
    """
    if len(phones) != len(ends_s):
        raise DataError(f"There are {len(phones)} phones but {len(ends_s)} end times; each phone needs one.")
    if any(later <= earlier for earlier, later in zip((0.0, *ends_s), ends_s, strict=False)):
        raise DataError(f"The end times of phones must increase, unlike {list(ends_s)}.")
    return {"phones": list(phones), "phone_ends_s": [float(end) for end in ends_s], "phone_set": phone_set}


def phone_set_of(phones: Iterable[str]) -> str:
    """The name of the set that phones belong to: flite's, or `own`."""
    return PHONE_SET if set(map(bare, phones)) <= {PAUSE, *ARPABET_OF} else "own"
