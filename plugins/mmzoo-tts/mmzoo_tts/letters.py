"""Letter to sound: a small network that reads words which no lexicon has.

Convolutions over the letters, two output steps for each letter, and connectionist temporal classification
(Graves et al., 2006) over phones, so that one letter may give none, one or two phones and decoding is one pass.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.nn.convnext import ConvNeXtStack
from mmzoo_tts.text.phones import PHONES

LETTERS = "abcdefghijklmnopqrstuvwxyz'"
LETTER_IDS = {letter: index for index, letter in enumerate(LETTERS, 1)}  # 0 is padding
BLANK = 0  # the pause's id: no word holds a pause, so CTC's blank takes its place
STEPS_PER_LETTER = 2


class LetterToSound(nn.Module):
    """Letter ids `[B, L]` to scores of phones `[B, 2 L, 41]`; class 0 is CTC's blank."""

    def __init__(self, width: int = 160, depth: int = 6) -> None:
        super().__init__()
        self.embed = nn.Embedding(len(LETTERS) + 1, width)
        self.letters = ConvNeXtStack(width, depth - depth // 3)
        self.spread = nn.Linear(width, STEPS_PER_LETTER * width)
        self.steps = ConvNeXtStack(width, depth // 3)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.out = nn.Linear(width, len(PHONES))

    def forward(self, letters_BL: Tensor) -> Tensor:
        """Scores `[B, 2 L, 41]`; steps of padding letters mean nothing."""
        mask = letters_BL > 0
        x = self.letters(self.embed(letters_BL), mask)
        x = self.spread(x).unflatten(2, (STEPS_PER_LETTER, -1)).flatten(1, 2)
        x = self.steps(x, mask.repeat_interleave(STEPS_PER_LETTER, dim=1))
        scores: Tensor = self.out(self.norm(x))
        return scores

    def loss(self, letters_BL: Tensor, phones_BP: Tensor) -> Tensor:
        """Mean CTC loss per phone; both inputs are padded with 0."""
        scores = F.log_softmax(self.forward(letters_BL).float(), dim=-1).transpose(0, 1)
        counts = (phones_BP > 0).sum(1)
        steps = (letters_BL > 0).sum(1) * STEPS_PER_LETTER
        each = F.ctc_loss(scores, phones_BP, steps, counts, blank=BLANK, reduction="none", zero_infinity=True)
        return each.sum() / counts.sum()

    @torch.inference_mode()
    def pronounce(self, words: Sequence[str], *, batch_size: int = 256) -> list[tuple[str, ...]]:
        """The phones of each word, read letter by letter from left to right; other characters are passed over.

        A word's phones do not depend on the other words of its batch. A word for which the network finds no
        sound gives an empty tuple.
        """
        said: list[tuple[str, ...]] = [()] * len(words)
        device = self.embed.weight.device
        order = sorted((index for index, word in enumerate(words) if word), key=lambda index: len(words[index]))
        for start in range(0, len(order), batch_size):
            chunk = order[start : start + batch_size]
            ids = pad([encode(words[index]) for index in chunk]).to(device)
            best = self.forward(ids).argmax(-1).cpu()
            for row, index in zip(best.tolist(), chunk, strict=True):
                said[index] = _collapse(row[: STEPS_PER_LETTER * len(encode(words[index]))])
        return said


def _collapse(steps: list[int]) -> tuple[str, ...]:
    """CTC's reading of the best class of each step: repeats merge, blanks vanish."""
    kept = (step for step, before in zip(steps, [BLANK, *steps], strict=False) if step != before and step != BLANK)
    return tuple(PHONES[step] for step in kept)


def encode(word: str) -> list[int]:
    """Letter ids of a word; characters other than a-z and the apostrophe are passed over."""
    return [LETTER_IDS[letter] for letter in word.lower() if letter in LETTER_IDS]


def pad(rows: Sequence[Sequence[int]]) -> Tensor:
    """Int64 `[B, longest]`, filled with 0."""
    longest = max((len(row) for row in rows), default=0)
    return torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows], dtype=torch.int64).view(
        len(rows), longest
    )


def phone_errors(found: Sequence[Sequence[str]], wanted: Sequence[Sequence[str]]) -> tuple[float, float]:
    """(phone error rate, share of words with any error) of pronunciations against the true ones."""
    errors = [_distance(f, w) for f, w in zip(found, wanted, strict=True)]
    return sum(errors) / max(1, sum(map(len, wanted))), sum(error > 0 for error in errors) / max(1, len(errors))


def _distance(found: Sequence[str], wanted: Sequence[str]) -> int:
    row = list(range(len(wanted) + 1))
    for i, phone in enumerate(found, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(wanted, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (phone != other))
    return row[-1]
