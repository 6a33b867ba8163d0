"""Training examples of priors: the codes of rows, and what they are conditioned on."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mmzoo.data import decode_audio, packed, stored_codes
from mmzoo.data.tokens import CODES
from mmzoo.data.words import trimmed
from mmzoo.errors import DataError
from mmzoo.interfaces import PADDING_CODE, Tokenizer

if TYPE_CHECKING:
    from datasets import Dataset

_log = logging.getLogger("mmzoo.prior")


class Coded:
    """The codes of rows, and for each row the values of its conditions.

    Args:
        codes: Int64 `[n, Q]` of each row.
        conditions: By batch key, one int64 row per example: word ids `[examples, M]`, or voices `[examples]`.
        longest: Most positions of an example; longer ones are left out, with a warning. None for no limit.
        key: The key of the head that sets it.

    Raises:
        DataError: All rows are longer than that.
    """

    def __init__(
        self, codes: list[Tensor], conditions: Mapping[str, Tensor], longest: int | None = None, key: str = "longest"
    ) -> None:
        kept = [index for index, one in enumerate(codes) if longest is None or len(one) <= longest]
        if not kept:
            raise DataError(f"All {len(codes)} rows have more than {longest} codes; increase head.{key}.")
        if len(kept) < len(codes):
            _log.warning(
                "%d of %d rows have more than %s codes and are left out.", len(codes) - len(kept), len(codes), longest
            )
        self.codes = [codes[index] for index in kept]
        self.conditions = {key: values[kept] for key, values in conditions.items()}
        self.keys = ("codes", *conditions)
        self.lengths = [len(one) for one in self.codes]

    def __len__(self) -> int:
        return len(self.codes)

    def example(self, index: int, generator: torch.Generator) -> int:
        """The index itself; `collate` looks everything up."""
        return index

    def collate(self, examples: list[int]) -> Mapping[str, Tensor]:
        """`codes` `[B, N, Q]`, padded with -1, and the conditions `[B]` or `[B, M]`."""
        codes = pad_sequence([self.codes[index] for index in examples], batch_first=True, padding_value=PADDING_CODE)
        chosen = {key: values[examples] for key, values in self.conditions.items()}
        return {"codes": codes, **{key: trimmed(one) if one.dim() == 2 else one for key, one in chosen.items()}}


def row_codes(rows: Dataset, cache: Path, tokenizer: Tokenizer) -> list[Tensor]:
    """The codes `[n, Q]` of spoken or written rows; cached, or those that the rows hold.

    Raises:
        DataError: There are no rows, or the codes are those of another tokenizer.
    """
    stored = stored_codes(rows, tokenizer)

    def codes(row: Mapping[str, Any]) -> np.ndarray[Any, Any]:
        if stored:
            return np.asarray(row[CODES], np.int64)
        spoken = tokenizer.modality == "speech"
        raw = decode_audio(row["audio"], sample_rate=tokenizer.sample_rate) if spoken else row["text"]
        return np.asarray(tokenizer.tokenize(raw)[0].cpu().numpy(), np.int64)

    values, offsets = packed(rows, cache, f"codes-{tokenizer.fingerprint()}", codes, doing="encoding")
    everything = torch.from_numpy(np.array(values))
    return [everything[start:end] for start, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)]
