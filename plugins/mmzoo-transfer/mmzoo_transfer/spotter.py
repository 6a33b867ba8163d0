"""Words from latents without times: what both directions of transfer have in common."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.data import Words
from mmzoo.interfaces import Latents, Losses, TaskHead

BLANK = 0
"""The class that is no word: the id that pads captions."""


class Spotter(TaskHead):
    """Base of heads that put latents into words.

    A linear layer tells at every position which word there is, or none; it learns that from captions alone, by
    connectionist temporal classification (Graves et al., ICML 2006). width: of the latents. vocabulary: most words, the
    blank included. The words are a file of the model.
    """

    def __init__(self, *, width: int, vocabulary: int) -> None:
        super().__init__()
        self.width, self.vocabulary = width, vocabulary
        self.words = Words()
        self.spot = nn.Linear(width, vocabulary)

    def scores(self, latents: Latents) -> Tensor:
        """Latents to logits of the words, `[B, N, vocabulary]`; class 0 is none."""
        out: Tensor = self.spot(latents.x)
        return out

    def read(self, latents: Latents) -> list[str]:
        """The words of each item, '' where there are none: the best class of every position, repetitions once."""
        best = self.scores(latents).argmax(-1)
        if latents.mask is not None:
            best = best.masked_fill(~latents.mask, BLANK)
        found = []
        for row in best:
            ids = torch.unique_consecutive(row).tolist()
            found.append(" ".join(self.words.words[i - 1] for i in ids if 0 < i <= len(self.words.words)))
        return found

    def spotting(self, latents: Latents, words_BM: Tensor) -> Losses:
        """The negative log likelihood of captions `[B, M]` padded with 0, by word."""
        scores = self.scores(latents)
        batch, count = scores.shape[:2]
        mask = scores.new_ones(batch, count, dtype=torch.bool) if latents.mask is None else latents.mask
        told = (words_BM != BLANK).sum(1)
        with torch.autocast(scores.device.type, enabled=False):
            shares = scores.float().log_softmax(-1).transpose(0, 1)
            loss = F.ctc_loss(shares, words_BM, mask.sum(1), told, blank=BLANK, zero_infinity=True)
        with torch.no_grad():
            best = scores.argmax(-1).masked_fill(~mask, BLANK)
            starts = F.pad(best[:, 1:] != best[:, :-1], (1, 0), value=True) & (best != BLANK)
            off = (starts.sum(1) - told).abs().sum() / told.sum()
        return Losses(loss, {"ctc": loss.detach(), "words_too_many_or_few": off.float()})

    def files(self) -> Mapping[str, bytes]:
        """`words.json`, the words in order of their ids."""
        return self.words.file()

    def load_files(self, folder: Path) -> None:
        """Read `words.json`."""
        self.words = Words.load(folder)
