"""Letter to sound: a small network that pronounces words the lexicon lacks.

An encoder-decoder Transformer from letters to phones (Vaswani et al., arXiv 1706.03762): the sound of a vowel depends
on the stress of the word, so every letter attends to all letters. Encoder blocks also have a ConvNeXt block, because
most spelling is local. Layers are skipped at random in training (stochastic depth, Huang et al., arXiv 1603.09382),
because a lexicon is small enough to be memorized.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.interfaces import Graph
from mmzoo.nn.attention import CrossAttention, SelfAttention, key_mask
from mmzoo.nn.convnext import ConvNeXtBlock
from mmzoo.nn.rope import rotations
from mmzoo.nn.sines import sines
from mmzoo_tts.inventory import PHONES
from mmzoo_tts.spelling import END, LETTERS, PHONES_PER_LETTER, Reader

_LONGEST = 100.0  # longest wavelength of the position encodings; words are short

Memory = tuple[tuple[Tensor, Tensor], Tensor | None]
"""Keys and values of the letters, and their mask for attention."""


class EncoderBlock(nn.Module):
    """Self-attention, then a ConvNeXt block; each is skipped with probability `skip` in training."""

    def __init__(self, width: int, heads: int, scale: float, skip: float) -> None:
        super().__init__()
        self.skip = skip
        self.norm = nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads, qk_norm=False)
        self.local = ConvNeXtBlock(width, 3 * width, kernel_size=5, layer_scale=scale)

    def forward(self, x_BLD: Tensor, rotation: Tensor, mask_BL: Tensor) -> Tensor:
        """`[B, L, D]` to `[B, L, D]`."""
        x_BLD = x_BLD + _skipped(self.attention(self.norm(x_BLD), rotation, key_mask(mask_BL)), self)
        return x_BLD + _skipped(self.local(x_BLD, mask_BL) - x_BLD, self)


class DecoderBlock(nn.Module):
    """Causal self-attention, cross-attention to the letters, two linear layers."""

    def __init__(self, width: int, heads: int, skip: float) -> None:
        super().__init__()
        self.skip = skip
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.attention = SelfAttention(width, heads, qk_norm=False)
        self.letters = CrossAttention(width, heads, qk_norm=False)
        self.up = nn.Linear(width, 3 * width)
        self.down = nn.Linear(3 * width, width)

    def forward(
        self, x_BPD: Tensor, rotation: Tensor, keys_values: tuple[Tensor, Tensor], mask_B11L: Tensor | None
    ) -> Tensor:
        """`[B, P, D]` to `[B, P, D]`; keys_values as `self.letters.keys_values` returns them."""
        length = x_BPD.shape[1]
        before = torch.ones(1, 1, length, length, dtype=torch.bool, device=x_BPD.device).tril()
        x_BPD = x_BPD + _skipped(self.attention(self.norms[0](x_BPD), rotation, before), self)
        x_BPD = x_BPD + _skipped(self.letters(self.norms[1](x_BPD), keys_values, mask_B11L), self)
        return x_BPD + _skipped(self.down(F.gelu(self.up(self.norms[2](x_BPD)), approximate="tanh")), self)


def _skipped(residual: Tensor, block: EncoderBlock | DecoderBlock) -> Tensor:
    """Stochastic depth: in training, zero for some words of the batch, scaled up for the others."""
    if not block.training or block.skip == 0:
        return residual
    return residual * F.dropout(residual.new_ones(len(residual), 1, 1), block.skip)


class LetterToSound(Reader, nn.Module):
    """Letter ids `[B, L]` and previous phones `[B, P]` to logits of the next phone `[B, P + 1, phones]`; 0 is the end.

    Args:
        width: Channels.
        depth: Encoder blocks; the decoder has one.
        heads: Attention heads.
        skip: Probability of skipping a layer in training, and of dropping a channel of a letter or phone.
        letters: The letters that it reads; id 0 is padding.
        phones: The phones that it predicts, the first of which is the pause.
    """

    def __init__(
        self,
        width: int = 160,
        depth: int = 4,
        *,
        heads: int = 4,
        skip: float = 0.1,
        letters: str = LETTERS,
        phones: Sequence[str] = PHONES,
    ) -> None:
        super().__init__(letters, phones)
        self.skip, self.head_dim = skip, width // heads
        self.embed = nn.Embedding(len(letters) + 1, width)
        self.encoder = nn.ModuleList(EncoderBlock(width, heads, 1 / depth, skip) for _ in range(depth))
        self.encoded = nn.LayerNorm(width)
        self.embed_phones = nn.Embedding(len(phones) + 1, width)  # the last one starts a word
        self.decoder = DecoderBlock(width, heads, skip)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, len(phones))

    def forward(self, letters_BL: Tensor, phones_BP: Tensor) -> Tensor:
        """Logits `[B, P + 1, phones]` of each phone given those before it, and of the end after the last."""
        return self._say(self._read(letters_BL), F.pad(phones_BP, (1, 0), value=self.start))

    def _read(self, letters_BL: Tensor) -> Memory:
        x = F.dropout(self._placed(self.embed(letters_BL)), self.skip, self.training)
        rotation = self._rotation(letters_BL)
        for block in self.encoder:
            x = block(x, rotation, letters_BL > 0)
        return self.decoder.letters.keys_values(self.encoded(x)), key_mask(letters_BL > 0)

    def _say(self, memory: Memory, said_BP: Tensor) -> Tensor:
        x = F.dropout(self._placed(self.embed_phones(said_BP)), self.skip, self.training)
        scores: Tensor = self.out(self.norm(self.decoder(x, self._rotation(said_BP), *memory)))
        return scores

    @staticmethod
    def _placed(x_BND: Tensor) -> Tensor:
        """Add absolute positions: with relative ones alone, decoding "bathtub" would start over at the last b."""
        return x_BND + sines(x_BND.shape[1], x_BND.shape[2], longest=_LONGEST, device=x_BND.device).to(x_BND.dtype)

    def _rotation(self, ids_BN: Tensor) -> Tensor:
        positions = torch.arange(ids_BN.shape[1], dtype=torch.float32, device=ids_BN.device)
        return rotations(positions[None, :, None], self.head_dim, _LONGEST)

    def loss(self, letters_BL: Tensor, phones_BP: Tensor, *, smoothing: float = 0.1) -> Tensor:
        """Mean cross-entropy per phone (and end) in nats.

        Args:
            letters_BL: Letter ids, padded with 0.
            phones_BP: Phone ids, padded with 0.
            smoothing: Label smoothing.
        """
        scores = self.forward(letters_BL, phones_BP).float()
        target = F.pad(phones_BP, (0, 1), value=END)
        real = torch.arange(target.shape[1], device=target.device) <= (phones_BP > 0).sum(1, keepdim=True)
        return F.cross_entropy(scores[real], target[real], label_smoothing=smoothing)

    def graphs(self) -> Mapping[str, Graph]:
        """Letters to keys and values; and these, with the phones so far, to the scores of the next phone."""
        generator = torch.Generator().manual_seed(0)
        sizes = ((3, 7, 4), (4, 9, 6), (1, 2, 1))  # words, letters, phones
        given = []
        for words, letters, phones in sizes:
            ids = torch.randint(1, len(self.alphabet) + 1, (words, letters), generator=generator)
            ids[-1, 1:] = 0  # padding
            said = torch.randint(1, self.start, (words, phones), generator=generator)
            (keys, values), _ = self._read(ids)
            given.append({"letters": ids, "keys": keys, "values": values, "said": said})

        def read(letters: Tensor) -> tuple[Tensor, Tensor]:
            return self._read(letters)[0]

        def say(letters: Tensor, keys: Tensor, values: Tensor, said: Tensor) -> Tensor:
            return self._say(((keys, values), key_mask(letters > 0)), said)[:, -1]

        return {
            "read": Graph(read, [{"letters": one["letters"]} for one in given], ["keys", "values"], int8=False),
            "say": Graph(say, given, ["scores"], int8=False),
        }

    @torch.inference_mode()
    def _greedy(self, letters: list[list[int]]) -> list[list[int]]:
        letters_BL = pad(letters).to(self.embed.weight.device)
        memory = self._read(letters_BL)
        most = PHONES_PER_LETTER * (letters_BL > 0).sum(1)
        said = letters_BL.new_full((len(letters_BL), 1), self.start)
        for count in range(PHONES_PER_LETTER * letters_BL.shape[1]):
            best = self._say(memory, said)[:, -1].argmax(-1)
            best = best * (said[:, -1] != END) * (count < most)
            said = torch.cat([said, best[:, None]], dim=1)
            if not best.any():
                break
        rows: list[list[int]] = said[:, 1:].tolist()
        return rows


def pad(rows: Sequence[Sequence[int]]) -> Tensor:
    """Rows as int64 `[B, longest]`, padded with 0."""
    longest = max((len(row) for row in rows), default=0)
    return torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows], dtype=torch.int64).view(
        len(rows), longest
    )


def phone_errors(predicted: Sequence[Sequence[str]], true: Sequence[Sequence[str]]) -> tuple[float, float]:
    """Phone error rate and word error rate of pronunciations against the true ones."""
    errors = [_distance(p, t) for p, t in zip(predicted, true, strict=True)]
    return sum(errors) / max(1, sum(map(len, true))), sum(error > 0 for error in errors) / max(1, len(errors))


def _distance(predicted: Sequence[str], true: Sequence[str]) -> int:
    """Levenshtein distance."""
    row = list(range(len(true) + 1))
    for i, phone in enumerate(predicted, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(true, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (phone != other))
    return row[-1]
