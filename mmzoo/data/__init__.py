"""Datasets for training and evaluation: the row schema, decoding, caching, and building a dataset by name."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmzoo.data.audio import decode_audio, encode_audio, resample
    from mmzoo.data.cache import cache_dir
    from mmzoo.data.image import decode_image, decode_images, encode_image, sheet
    from mmzoo.data.inputs import as_audio, as_batch, as_image, as_mask, as_text
    from mmzoo.data.loading import load_dataset_component
    from mmzoo.data.schema import COLUMNS, make_row, row_features
    from mmzoo.data.words import Words

_HOMES = {
    "audio": "decode_audio encode_audio resample",
    "cache": "cache_dir",
    "image": "decode_image decode_images encode_image sheet",
    "inputs": "as_audio as_batch as_image as_mask as_text",
    "loading": "load_dataset_component",
    "words": "Words",
    "schema": "COLUMNS row_features make_row",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "COLUMNS",
    "Words",
    "as_audio",
    "as_batch",
    "as_image",
    "as_mask",
    "as_text",
    "cache_dir",
    "decode_audio",
    "decode_image",
    "decode_images",
    "encode_audio",
    "encode_image",
    "load_dataset_component",
    "make_row",
    "resample",
    "row_features",
    "sheet",
]


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(importlib.import_module(f"mmzoo.data.{_HOME_OF[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
