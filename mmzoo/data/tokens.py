"""Rows that hold the codes of a tokenizer beside or instead of the data, as `mmzoo tokenize` writes them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmzoo.data.features import packed_images
from mmzoo.errors import DataError
from mmzoo.interfaces.values import Image

if TYPE_CHECKING:
    from datasets import Dataset
    from torch import Tensor

    from mmzoo.interfaces import Tokenizer

KIND = "codes"
"""The kind of the job that wrote them, in its manifest."""
CODES = "codes"
"""The column of codes: for each row a list of N lists of Q integers."""
TOKENIZER = "tokenizer"
"""The column with the fingerprint of the tokenizer that made them."""
GRID, ERROR = "grid", "error"
"""The columns of the rows and columns of a picture's codes, and of why a row could not be encoded."""
AT_ONCE = 64
"""Pictures that are encoded at once."""
RAW = {"speech": "audio", "image": "image", "text": "text"}
"""The column that a tokenizer of each modality encodes."""


def has_codes(rows: Dataset) -> bool:
    """Whether rows hold codes."""
    return CODES in rows.column_names and TOKENIZER in rows.column_names


def stored_codes(rows: Dataset, tokenizer: Tokenizer) -> bool:
    """Whether rows hold the codes of this tokenizer, so that nothing has to be encoded.

    Raises:
        DataError: They hold those of another.
    """
    if not has_codes(rows):
        return False
    others = set(rows.unique(TOKENIZER)) - {tokenizer.fingerprint()}
    if others:
        raise DataError(
            f"The rows hold codes of another tokenizer than {tokenizer.name or 'the one in the model'}: its fingerprint"
            f" is {tokenizer.fingerprint()}, theirs {', '.join(sorted(map(str, others)))}; run mmzoo tokenize with the"
            " model that fills the slot."
        )
    return True


def picture_codes(rows: Dataset, cache: Path, tokenizer: Tokenizer, side: int) -> Tensor:
    """The codes of pictures fitted to one size, int64 `[rows, N, Q]`; those that the rows hold, if they do.

    Args:
        rows: Rows with a column `image`, or with codes.
        cache: The folder that a head's `examples` gets.
        tokenizer: The tokenizer of pictures.
        side: Pixels of each side.

    Raises:
        DataError: The codes are those of another tokenizer, or of pictures of another size.
    """
    import torch
    from tqdm import tqdm

    if not stored_codes(rows, tokenizer):
        pixels = packed_images(rows, cache, side)
        steps = tqdm(range(0, len(pixels), AT_ONCE), desc="encoding pictures", disable=None, leave=False)
        return torch.cat([tokenizer.tokenize([*map(Image, pixels[i : i + AT_ONCE])]).cpu() for i in steps])
    across = -(-side // (tokenizer.patch or 1))
    if wrong := next((grid for grid in rows[GRID] if list(grid or ()) != [across, across]), None):
        raise DataError(
            f"The rows hold {' x '.join(map(str, wrong))} codes of a picture, and pictures of {side} x {side} pixels"
            f" have {across} x {across}; tokenize pictures of that size, as with data.config.size={side}."
        )
    return torch.from_numpy(np.asarray(rows[CODES][:], np.int64))
