"""Texts as patches of bytes: how they are cut, laid out and drawn for training."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Container, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mmzoo.errors import DataError
from mmzoo_vqvae.text_autoencoder import BYTES, PADDING

INSIDE_A_WORD, UNFIT = 0.01, 16.0
"""What a cut inside a word costs, and a byte whose codes do not give it back; a patch costs 1."""
COMMON = 0.9
"""Fraction of the training patches that come from texts; the others are drawn from all different words alike."""
SHORT = 1
"""Patches of one random byte in an example, from which any text can be made."""
_SPACE = ord(" ")
_WORD = re.compile(rb" ?[^ ]+| +")
_log = logging.getLogger("mmzoo.vqvae")


def laid_out(patches: Sequence[bytes], stride: int) -> Tensor:
    """Patches of at most `stride` bytes as one row of bytes int64 `[patches * stride]`, each padded with 0."""
    return torch.tensor(list(b"".join(patch.ljust(stride, b"\0") for patch in patches)), dtype=torch.int64)


def pieces(text: bytes, longest: int) -> list[bytes]:
    """All different parts of a text of at most `longest` bytes, shortest first."""
    found = {text[i : i + n] for n in range(1, longest + 1) for i in range(len(text) - n + 1)}
    return sorted(found, key=lambda part: (len(part), part))


def cut(text: bytes, fit: Container[bytes], longest: int) -> list[bytes]:
    """The text as the fewest patches that fit, cut between words where that costs no patch (a shortest path).

    Args:
        text: The bytes.
        fit: Has the patches whose codes give them back.
        longest: Bytes of the longest patch.
    """
    best = [(0.0, 0)]  # for each end, the least cost and where its last patch begins
    for end in range(1, len(text) + 1):
        inside = 0.0 if end == len(text) or text[end] == _SPACE else INSIDE_A_WORD
        choices = [(best[end - 1][0] + (1.0 if text[end - 1 : end] in fit else UNFIT) + inside, end - 1)]
        choices += [
            (best[start][0] + 1.0 + inside, start)
            for start in range(max(0, end - longest), end - 1)
            if text[start:end] in fit
        ]
        best.append(min(choices))
    patches, end = [], len(text)
    while end:
        start = best[end][1]
        patches.append(text[start:end])
        end = start
    return patches[::-1]


def words_of(text: bytes, longest: int) -> list[bytes]:
    """Patches for training: as many words as fit into each, each with the space before it."""
    patches: list[bytes] = []
    for word in _WORD.findall(text):
        parts = [word[i : i + longest] for i in range(0, len(word), longest)]
        if patches and len(patches[-1]) + len(word) <= longest:
            patches[-1] += word
        else:
            patches += parts
    return patches


class Patches:
    """Texts as patches; some are split at random, since rare ones will be. Empty texts are left out, with a warning.

    Args:
        texts: The texts.
        count: Patches in an example.
        stride: Bytes of the longest patch.
    """

    keys = ("text",)

    def __init__(self, texts: Sequence[str | None], count: int, stride: int) -> None:
        read = [one for text in texts if (one := (text or "").encode().replace(b"\0", b""))]
        if not read:
            raise DataError(f"All of the dataset's {len(texts)} texts are empty; there is nothing to train on.")
        if len(read) < len(texts):
            _log.warning("%d of %d texts are empty and are left out.", len(texts) - len(read), len(texts))
        self.texts = [words_of(text, stride) for text in read]
        self.words = sorted({word[:stride] for text in read for word in _WORD.findall(text)})
        self.count, self.stride = count, stride
        self.lengths = [count * stride] * len(self.texts)

    def __len__(self) -> int:
        return len(self.lengths)

    def example(self, index: int, generator: torch.Generator) -> Tensor:
        """Patches of text `index` and of others, words, and random bytes, int64 `[count * stride]`."""

        def below(limit: int) -> int:
            return int(torch.randint(limit, (), generator=generator))

        rest, text = max(1, self.count - SHORT), self.texts[index]
        first = below(len(text))
        chosen, common = text[first:], max(1, round(COMMON * rest))
        while len(chosen) < common:
            chosen = chosen + self.texts[below(len(self.texts))]
        chosen = [part for patch in chosen[:common] for part in self._split(patch, below)][:rest]
        chosen += [self.words[below(len(self.words))] for _ in range(rest - len(chosen))]
        chosen += [bytes([1 + below(BYTES - 1)]) for _ in range(self.count - len(chosen))]
        return laid_out(chosen, self.stride)

    @staticmethod
    def _split(patch: bytes, below: Callable[[int], int]) -> list[bytes]:
        """The patch, or in one of four cases two parts of it."""
        if len(patch) < 2 or below(4):
            return [patch]
        at = patch.rfind(b" ")
        at = at if at > 0 else 1 + below(len(patch) - 1)
        return [patch[:at], patch[at:]]

    def collate(self, examples: list[Tensor]) -> Mapping[str, Tensor]:
        """`text`: int64 `[B, count * stride]`."""
        return {"text": pad_sequence(examples, batch_first=True, padding_value=PADDING)}
