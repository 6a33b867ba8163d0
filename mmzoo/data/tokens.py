"""Rows that hold the codes of a tokenizer beside or instead of the data, as `mmzoo tokenize` writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmzoo.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset

    from mmzoo.interfaces import Tokenizer

KIND = "codes"
"""The kind of the job that wrote them, in its manifest."""
CODES = "codes"
"""The column of codes: for each row a list of N lists of Q integers."""
TOKENIZER = "tokenizer"
"""The column with the fingerprint of the tokenizer that made them."""
GRID, ERROR = "grid", "error"
"""The columns of the rows and columns of a picture's codes, and of why a row could not be encoded."""
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
