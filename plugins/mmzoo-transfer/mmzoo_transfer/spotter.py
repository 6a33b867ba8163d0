"""Recognition of words in latents by CTC: the base of both directions of transfer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.data import Words
from mmzoo.errors import InputError
from mmzoo.interfaces import Latents, Losses, TaskHead
from mmzoo.nn.precise import linear_float32
from mmzoo.nn.rows import copy_leading_rows

if TYPE_CHECKING:
    from datasets import Dataset

BLANK = 0
"""The CTC blank; also the id that pads captions."""


class Spotter(TaskHead):
    """Base of heads that recognize words in latents.

    A linear layer classifies every position as a word or the blank. It is trained on captions without alignment, by
    connectionist temporal classification (CTC, Graves et al., ICML 2006). The words are a file in the model's folder.

    Args:
        width: Channels of the latents.
        vocabulary: Largest number of words, including the blank.
    """

    def __init__(self, *, width: int, vocabulary: int) -> None:
        super().__init__()
        self.width, self.vocabulary = width, vocabulary
        self.words = Words()
        self.spot = nn.Linear(width, vocabulary)

    def scores(self, latents: Latents) -> Tensor:
        """Logits of the words, `[B, N, vocabulary]`; class 0 is the blank."""
        return linear_float32(self.spot, latents.x)

    def read(self, latents: Latents) -> list[str]:
        """The words of each item by greedy CTC decoding, "" if there are none."""
        best = self.scores(latents).argmax(-1)
        if latents.mask is not None:
            best = best.masked_fill(~latents.mask, BLANK)
        texts = []
        for row in best:
            ids = torch.unique_consecutive(row).tolist()
            texts.append(" ".join(self.words.words[i - 1] for i in ids if 0 < i <= len(self.words.words)))
        return texts

    def require_words(self, texts: Sequence[str], what: str) -> None:
        """Raise InputError unless there are texts of `read`, and each has a word; `what` each was read from."""
        if not texts:
            raise InputError(f"The list of {what}s is empty; give at least one.")
        if "" in texts:
            raise InputError(
                f"No word was recognized in {what} {texts.index('') + 1} of {len(texts)}; {self.name or 'this model'}"
                f" knows: {', '.join(self.words.words)}."
            )

    def spotting(self, latents: Latents, words_BM: Tensor) -> Losses:
        """The CTC loss per word, and the relative error of the number of words.

        Args:
            latents: `[B, N, width]`.
            words_BM: Word ids of the captions, padded with 0.
        """
        scores = self.scores(latents)
        batch, count = scores.shape[:2]
        mask = scores.new_ones(batch, count, dtype=torch.bool) if latents.mask is None else latents.mask
        lengths = (words_BM != BLANK).sum(1)
        with torch.autocast(scores.device.type, enabled=False):
            log_probabilities = scores.float().log_softmax(-1).transpose(0, 1)
            loss = F.ctc_loss(log_probabilities, words_BM, mask.sum(1), lengths, blank=BLANK, zero_infinity=True)
        with torch.no_grad():
            best = scores.argmax(-1).masked_fill(~mask, BLANK)
            starts = F.pad(best[:, 1:] != best[:, :-1], (1, 0), value=True) & (best != BLANK)
            off = (starts.sum(1) - lengths).abs().sum() / lengths.sum()
        return Losses(loss, {"ctc": loss.detach(), "words_too_many_or_few": off.float()})

    def adapt(self, rows: Dataset) -> Mapping[str, Any]:
        """A larger vocabulary if the captions' words do not fit."""
        vocabulary = self.words.vocabulary_for(rows["text"], self.vocabulary)
        return {} if vocabulary == self.vocabulary else {"vocabulary": vocabulary}

    def inherit(self, trained: Spotter, rows: Dataset) -> None:
        """The words of the trained model with their parameters, and after them the new words of the rows."""
        self.words = trained.words.extended(rows["text"])
        for name, tensor in self.spot.state_dict().items():
            copy_leading_rows(tensor, trained.spot.state_dict()[name])

    def files(self) -> Mapping[str, bytes]:
        """`words.json`: the words in the order of their ids."""
        return self.words.file()

    def load_files(self, folder: Path) -> None:
        """Read `words.json`."""
        self.words = Words.load(folder)
