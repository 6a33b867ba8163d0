"""Training examples of the TTS head: phones with times, and the codes of their speech."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from mmzoo.data import decode_audio, packed, stored_codes
from mmzoo.data.marks import bare
from mmzoo.data.tokens import CODES
from mmzoo.errors import DataError
from mmzoo.interfaces import Audio, Tokenizer
from mmzoo_tts.text.phones import phone_ids

if TYPE_CHECKING:
    from datasets import Dataset


NO_SPEAKER = "own"
"""The voice of rows that name none, as in a folder of recordings."""


class SpokenPhones:
    """Utterances with phone times, and their codes from a frozen tokenizer.

    Args:
        rows: A dataset with the columns `audio`, `phones`, `phone_ends_s` and `speaker`.
        tokenizer: Makes the codes.
        voices: The model's voices; every speaker must be one of them.
        phones: The model's phones; every phone must be one of them.
        cache: Folder in which the codes are kept, once per dataset and tokenizer.

    Raises:
        DataError: There are no rows, or a speaker or phone is unknown.
    """

    keys = ("codes", "frames", "phones", "ends", "phone_mask", "voice")

    def __init__(self, rows: Dataset, tokenizer: Tokenizer, voices: list[str], phones: list[str], cache: Path) -> None:
        if len(rows) == 0:
            raise DataError("The dataset has no rows to train on.")
        unknown = set(speakers(rows)) - set(voices)
        if unknown:
            raise DataError(
                f"The dataset has speakers {sorted(unknown)}, but the model has voices {voices}; set head.voices."
            )
        if strange := {bare(phone) for spoken in rows["phones"] for phone in spoken if phone not in phones} - set(
            phones
        ):
            raise DataError(
                f"The dataset has the phones {sorted(strange)}, which the model lacks; set head.phones and"
                " text.vocabulary, or fine-tune with `mmzoo train --from`, which does both."
            )
        self.codes, self.offsets = encoded_speech(rows, tokenizer, cache)
        self.lengths = np.diff(self.offsets).tolist()
        self.phones = [torch.tensor(phone_ids(spoken, phones)) for spoken in rows["phones"]]
        self.ends = [torch.tensor(ends, dtype=torch.float32) for ends in rows["phone_ends_s"]]
        self.labels = self.voices = [voices.index(speaker) for speaker in speakers(rows)]

    def __len__(self) -> int:
        return len(self.lengths)

    def example(self, index: int, generator: torch.Generator) -> dict[str, Tensor]:
        """One utterance: codes `[N, Q]`, phones and ends `[P]`, voice `[]`; nothing is random."""
        codes = self.codes[self.offsets[index] : self.offsets[index + 1]].astype(np.int64)
        return {
            "codes": torch.from_numpy(codes),
            "phones": self.phones[index],
            "ends": self.ends[index],
            "voice": torch.tensor(self.voices[index]),
        }

    def collate(self, examples: list[dict[str, Tensor]]) -> Mapping[str, Tensor]:
        """codes `[B, N, Q]`, frames `[B]`, phones and ends `[B, P]`, phone_mask `[B, P]`, voice `[B]`."""
        pad = nn.utils.rnn.pad_sequence
        phones = [e["phones"] for e in examples]
        counts = torch.tensor([len(p) for p in phones])
        padded = pad(phones, batch_first=True)
        return {
            "codes": pad([e["codes"] for e in examples], batch_first=True),
            "frames": torch.tensor([len(e["codes"]) for e in examples]),
            "phones": padded,
            "ends": pad([e["ends"] for e in examples], batch_first=True),
            "phone_mask": torch.arange(padded.shape[1]) < counts.unsqueeze(1),
            "voice": torch.stack([e["voice"] for e in examples]),
        }


def speakers(rows: Dataset) -> list[str]:
    """The voice of each row; NO_SPEAKER if it is not named."""
    named = rows["speaker"] if "speaker" in rows.column_names else [None] * len(rows)
    return [speaker or NO_SPEAKER for speaker in named]


def encoded_speech(
    rows: Dataset,
    tokenizer: Tokenizer,
    cache: Path,
    *,
    prepare: Callable[[Audio], Audio] | None = None,
    name: str = "codes",
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The codes of all rows, concatenated; cached. Rows may hold them, as `mmzoo tokenize` writes them.

    Args:
        rows: Rows with speech.
        tokenizer: Makes the codes.
        cache: The folder that a head's `examples` gets.
        prepare: Applied to the speech, at the tokenizer's rate, before it is encoded; stored codes are then not used.
        name: Of the features; another one for each `prepare`.

    Returns:
        Codes `[N, Q]`, and the offsets of the rows `[rows + 1]`.
    """
    stored = prepare is None and stored_codes(rows, tokenizer)
    kind = np.int16 if max(tokenizer.codebook_sizes) <= 1 << 15 else np.int64
    rate = tokenizer.sample_rate

    def codes(row: Mapping[str, Any]) -> np.ndarray[Any, Any]:
        if stored:
            return np.asarray(row[CODES], kind)
        speech = decode_audio(row["audio"], sample_rate=rate)
        one = tokenizer.tokenize(speech if prepare is None else prepare(speech))[0]
        return one.cpu().numpy().astype(kind)

    return packed(rows, cache, f"{name}-{tokenizer.fingerprint()}", codes, doing="encoding speech")
