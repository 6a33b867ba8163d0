"""Texts as patches of bytes: how they are cut, laid out and drawn for training."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Container, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mmzoo.errors import DataError
from mmzoo_vqvae.text_autoencoder import BYTES, PADDING

INSIDE_A_WORD, UNFIT = 0.01, 16.0
"""What a cut inside a word costs, and a byte whose codes do not give it back; a patch costs 1."""
COMMON = 0.3
"""Fraction of the training patches that come from texts; those that neither this nor SHORT counts are any patches."""
SHORT = 0.25
"""Fraction of the training patches that are one byte, from which any text can be made: half of them of ASCII."""
SIGNS = (*b"\t\n", *range(0x20, 0x7F))
OF_UTF8 = (*range(1, 0xC0), *range(0xC2, 0xF5))
"""The bytes of readable ASCII, and all bytes that occur in UTF-8, but for 0."""
SAMPLED, SHRINKING = 20_000, (8, 3, 2)
"""How many texts choose the vocabulary, and how many times as many patches it has at first."""
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


def vocabulary(texts: Sequence[bytes], size: int, longest: int) -> list[bytes]:
    """The patches worth learning: those that cut the texts into few parts, the most used first.

    Parts of words, and short phrases, are ranked by the bytes that they would cover. The texts are then cut with ever
    fewer of them, the most used ones each time, because many of the first ones overlap.

    Args:
        texts: The texts, which are sampled if there are many.
        size: Maximum number of patches of several bytes.
        longest: Bytes of the longest patch.
    """
    texts = texts[:: -(-len(texts) // SAMPLED)]
    counts: Counter[bytes] = Counter()
    for word, count in Counter(word for text in texts for word in _WORD.findall(text)).items():
        for start in range(len(word)):
            for end in range(start + 2, min(len(word), start + longest) + 1):
                counts[word[start:end]] += count
    for text in texts:
        words = _WORD.findall(text)
        for first, phrase in enumerate(words):
            for word in words[first + 1 :]:
                phrase += word
                if len(phrase) > longest:
                    break
                counts[phrase] += 1
    ranked = sorted(counts, key=lambda part: (-counts[part] * (len(part) - 1), part))
    kept, singles = ranked[: SHRINKING[0] * size], {bytes([byte]) for byte in range(1, BYTES)}
    for factor in (*SHRINKING[1:], 1):
        fit = singles.union(kept)
        used = Counter(patch for text in texts for patch in cut(text, fit, longest) if len(patch) > 1)
        kept = sorted(used, key=lambda part: (-used[part], part))[: factor * size]
    return kept


class Patches:
    """Texts as patches that cut them into few parts. Empty texts are left out, with a warning.

    Args:
        texts: The texts.
        count: Patches in an example.
        stride: Bytes of the longest patch.
        size: Number of different patches of several bytes.
    """

    keys = ("text",)

    def __init__(self, texts: Sequence[str | None], count: int, stride: int, size: int) -> None:
        read = [one for text in texts if (one := (text or "").encode().replace(b"\0", b""))]
        if not read:
            raise DataError(f"All of the dataset's {len(texts)} texts are empty; there is nothing to train on.")
        if len(read) < len(texts):
            _log.warning("%d of %d texts are empty and are left out.", len(texts) - len(read), len(texts))
        self.vocabulary = vocabulary(read, size, stride)
        fit = {*self.vocabulary, *(bytes([byte]) for byte in range(1, BYTES))}
        self.texts = [cut(text, fit, stride) for text in read]
        self.count, self.stride = count, stride
        self.lengths = [count * stride] * len(self.texts)

    def __len__(self) -> int:
        return len(self.lengths)

    def example(self, index: int, generator: torch.Generator) -> Tensor:
        """Patches of text `index` and of others, any patches, and single bytes, int64 `[count * stride]`."""

        def below(limit: int) -> int:
            return int(torch.randint(limit, (), generator=generator))

        text = self.texts[index]
        common, short = max(1, round(COMMON * self.count)), round(SHORT * self.count)
        chosen = text[below(len(text)) :]
        while len(chosen) < common:
            chosen = chosen + self.texts[below(len(self.texts))]
        rare = self.vocabulary or chosen
        chosen = chosen[:common] + [rare[below(len(rare))] for _ in range(self.count - 2 * (short // 2) - common)]
        chosen += [bytes([some[below(len(some))]]) for some in (SIGNS, OF_UTF8) for _ in range(short // 2)]
        return laid_out(chosen, self.stride)

    def collate(self, examples: list[Tensor]) -> Mapping[str, Tensor]:
        """`text`: int64 `[B, count * stride]`."""
        return {"text": pad_sequence(examples, batch_first=True, padding_value=PADDING)}
