"""Letter to sound: a small network that reads words which no lexicon has.

Convolutions over the letters, two output steps for each letter, and connectionist temporal classification
(Graves et al., 2006) over phones, so that one letter may give none, one or two phones and decoding is one pass.
That criterion takes the steps for independent; later blocks therefore see what earlier ones would answer
(self-conditioning: Nozaki and Komatsu, "Relaxing the Conditional Independence Assumption of CTC-based ASR by
Conditioning on Intermediate Predictions", arXiv 2104.02724).
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

    def __init__(self, width: int = 160, depth: int = 6, dropout: float = 0.15) -> None:
        super().__init__()
        self.dropout = dropout
        self.embed = nn.Embedding(len(LETTERS) + 1, width)
        self.letters = ConvNeXtStack(width, depth - depth // 2)
        self.spread = nn.Linear(width, STEPS_PER_LETTER * width)
        self.steps = ConvNeXtStack(width, depth // 2)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.out = nn.Linear(width, len(PHONES))
        self.answers = nn.Linear(len(PHONES), width, bias=False)

    def forward(self, letters_BL: Tensor) -> Tensor:
        """Scores `[B, 2 L, 41]`; steps of padding letters mean nothing."""
        return self._scores(letters_BL)[-1]

    def _scores(self, letters_BL: Tensor) -> list[Tensor]:
        """The scores after each block over steps; the last are the result."""
        mask = letters_BL > 0
        x = self.letters(self._drop(self.embed(letters_BL)), mask)
        x = self._drop(self.spread(x).unflatten(2, (STEPS_PER_LETTER, -1)).flatten(1, 2))
        mask, scores = mask.repeat_interleave(STEPS_PER_LETTER, dim=1), []
        for block in self.steps.blocks:
            if scores:
                x = x + self.answers(scores[-1].softmax(-1))
            x = block(x, mask)
            scores.append(self.out(self._drop(self.norm(x))))
        return scores

    def _drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)

    def loss(self, letters_BL: Tensor, phones_BP: Tensor) -> Tensor:
        """CTC loss per phone, mean over all blocks that answer; both inputs are padded with 0."""
        counts = (phones_BP > 0).sum(1)
        steps = (letters_BL > 0).sum(1) * STEPS_PER_LETTER
        total = torch.zeros((), device=letters_BL.device)
        answers = self._scores(letters_BL)
        for scores in answers:
            logs = F.log_softmax(scores.float(), dim=-1).transpose(0, 1)
            each = F.ctc_loss(logs, phones_BP, steps, counts, blank=BLANK, reduction="none", zero_infinity=True)
            total = total + each.sum() / counts.sum()
        return total / len(answers)

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
