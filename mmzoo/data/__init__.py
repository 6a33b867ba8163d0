"""Datasets for training and evaluation: the row schema, decoding, caching, and building a dataset by name."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmzoo.data.audio import decode_audio, encode_audio, resample
    from mmzoo.data.cache import cache_dir
    from mmzoo.data.checking import fingerprinted, readable
    from mmzoo.data.columns import require_columns
    from mmzoo.data.features import packed, packed_audio, packed_images
    from mmzoo.data.fit import decode_images, fit_image
    from mmzoo.data.guessing import DataGuess, guess
    from mmzoo.data.image import decode_image, encode_image, sheet
    from mmzoo.data.inputs import as_audio, as_batch, as_image, as_mask, as_text, read_text
    from mmzoo.data.loading import load_dataset_component, load_dataset_for
    from mmzoo.data.schema import COLUMNS, make_row, row_features, to_dataset
    from mmzoo.data.shards import build_split, open_shards, settings_folder
    from mmzoo.data.tokens import has_codes, picture_codes, stored_codes
    from mmzoo.data.words import Words

_HOMES = {
    "audio": "decode_audio encode_audio resample",
    "cache": "cache_dir",
    "columns": "require_columns",
    "features": "packed packed_audio packed_images",
    "fit": "decode_images fit_image",
    "guessing": "DataGuess guess",
    "image": "decode_image encode_image sheet",
    "inputs": "as_audio as_batch as_image as_mask as_text read_text",
    "loading": "load_dataset_component load_dataset_for",
    "checking": "fingerprinted readable",
    "shards": "build_split open_shards settings_folder",
    "tokens": "has_codes picture_codes stored_codes",
    "words": "Words",
    "schema": "COLUMNS row_features make_row to_dataset",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "COLUMNS",
    "DataGuess",
    "Words",
    "as_audio",
    "as_batch",
    "as_image",
    "as_mask",
    "as_text",
    "build_split",
    "cache_dir",
    "decode_audio",
    "decode_image",
    "decode_images",
    "encode_audio",
    "encode_image",
    "fingerprinted",
    "fit_image",
    "guess",
    "has_codes",
    "load_dataset_component",
    "load_dataset_for",
    "make_row",
    "open_shards",
    "packed",
    "packed_audio",
    "packed_images",
    "picture_codes",
    "read_text",
    "readable",
    "require_columns",
    "resample",
    "row_features",
    "settings_folder",
    "sheet",
    "stored_codes",
    "to_dataset",
]


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(importlib.import_module(f"mmzoo.data.{_HOME_OF[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
