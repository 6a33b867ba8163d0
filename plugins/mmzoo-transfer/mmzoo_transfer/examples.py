"""Training examples of transfer: speech with captions, and pictures with captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm

from mmzoo.data import Words, decode_audio
from mmzoo.data.words import trimmed
from mmzoo.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset


class SpokenCaptions:
    """The speech and captions of a dataset, in memory as 16-bit samples.

    Args:
        rows: A dataset with the columns `audio` and `text`.
        words: The vocabulary.
        sample_rate: Of speech, in Hz.
        spread: Each time an utterance is drawn, its speed and pitch change by a random fraction of at most this.
        tilt: The spectrum is tilted too, by adding the previous sample times a random factor in [-tilt, tilt].

    Raises:
        DataError: There are no rows, a row has no audio, or a caption has an unknown word.
    """

    keys = ("speech", "speech_mask", "words")

    def __init__(self, rows: Dataset, words: Words, sample_rate: int, spread: float = 0.0, tilt: float = 0.0) -> None:
        if len(rows) == 0:
            raise DataError("The dataset has no rows to train on.")
        if any(cell is None for cell in rows["audio"]):
            raise DataError("The dataset has rows without audio; build it with `speech: true`.")
        self.ids = words.known_ids(rows["text"])
        self.sounds = [
            _int16(decode_audio(cell, sample_rate=sample_rate).samples)
            for cell in tqdm(rows["audio"], desc="reading speech", disable=None, leave=False)
        ]
        self.spread, self.tilt = spread, tilt
        self.lengths = [len(sound) for sound in self.sounds]

    def __len__(self) -> int:
        return len(self.lengths)

    def example(self, index: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Samples float32 `[T]`, augmented, and word ids int64 `[M]`, padded to the longest caption of the dataset."""
        sound = self.sounds[index].astype(np.float32) / 32768
        factor = 1 + self.spread * (2 * float(torch.rand((), generator=generator)) - 1)
        places = np.arange(0, len(sound) - 1, factor, dtype=np.float64)
        played = np.interp(places, np.arange(len(sound)), sound).astype(np.float32) if self.spread else sound
        weight = self.tilt * (2 * float(torch.rand((), generator=generator)) - 1)
        tilted = played + np.float32(weight) * np.concatenate((played[:1], played[:-1])) if self.tilt else played
        return torch.from_numpy(tilted), self.ids[index]

    def collate(self, examples: list[tuple[Tensor, Tensor]]) -> Mapping[str, Tensor]:
        """`speech` and `speech_mask` `[B, T]`, and `words` `[B, M]`, padded with 0."""
        lengths = torch.tensor([len(sound) for sound, _ in examples])
        speech = pad_sequence([sound for sound, _ in examples], batch_first=True)
        return {
            "speech": speech,
            "speech_mask": torch.arange(speech.shape[1]) < lengths.unsqueeze(1),
            "words": trimmed(torch.stack([ids for _, ids in examples])),
        }


def _int16(samples: Any) -> Any:
    return (np.clip(samples, -1, 1) * 32767).astype(np.int16)


class DescribedPictures:
    """Codes of pictures and their captions, in memory.

    Args:
        pictures: Codes of the pictures, int64 `[N, L, Q]`.
        texts: Their captions.
        words: The vocabulary.

    Raises:
        DataError: A caption has an unknown word.
    """

    keys = ("picture", "words")

    def __init__(self, pictures: Tensor, texts: Sequence[str], words: Words) -> None:
        self.ids = words.known_ids(texts)
        self.pictures = pictures
        self.lengths = [1] * len(pictures)

    def __len__(self) -> int:
        return len(self.lengths)

    def example(self, index: int, generator: torch.Generator) -> int:
        """The index itself: everything is in memory."""
        return index

    def collate(self, examples: list[int]) -> Mapping[str, Tensor]:
        """`picture`: codes `[B, N, Q]`; `words` `[B, M]`, padded with 0."""
        chosen = torch.tensor(examples)
        return {"picture": self.pictures[chosen], "words": trimmed(self.ids[chosen])}
