"""The text tokenizer: a VQ-VAE from text to codes and back, its training and its evaluation."""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from mmzoo.data import as_batch, as_text, load_dataset_component
from mmzoo.errors import DataError, InputError
from mmzoo.evaluation.words import ErrorRate
from mmzoo.interfaces import ALONE, PADDING_CODE, Examples, Latents, Losses, Size, TrainingState
from mmzoo_vqvae.losses import code_perplexity, code_statistics
from mmzoo_vqvae.patch_autoencoder import PatchAutoencoder
from mmzoo_vqvae.text_autoencoder import BYTES, PADDING, TextAutoencoder, to_bytes, to_text
from mmzoo_vqvae.text_patches import Patches, cut, laid_out, pieces
from mmzoo_vqvae.vqvae import VQVAE, require_no_mask

if TYPE_CHECKING:
    from datasets import Dataset

UNREADABLE = re.compile("[\0\ud800-\udfff]")
"""Padding, and halves of surrogate pairs, which UTF-8 cannot encode."""
MAX_BYTES = 20_000
AT_ONCE = 4096
"""Patches that are encoded at once."""
MAX_TABLE = 1 << 17
"""Up to this many combinations of codes are all decoded once, to know the patches that they give back."""
SCRIPTS = (
    "well-known (and/or) 50 %", "R&D #1 <me@x.org>", 'C:\\x_1*[2^3]{~|`}+="\'', "one\ttwo\nthree", "café, naïve Zoë",
    "Привет, мир!", "こんにちは世界", "안녕하세요", "שלום", "नमस्ते", "αβγ ≠ ∞", "😀👍🏽",
)  # fmt: skip
"""Signs and scripts that the sentences of the evaluation have few of."""
LEARNED = 0.5
"""Number of different patches of several bytes to learn, as a fraction of the number of codes."""
MAX_RANDOM = 0.5
"""Upper bound on the fraction of training bytes that are replaced at random."""
_log = logging.getLogger("mmzoo.vqvae")


class TextVQVAE(VQVAE):
    """Text to codes and back to a string; calling it does both.

    Args:
        dim: Width of the latents.
        crop: Maximum bytes of a training example; longer texts are cropped at random.

    An autoencoder of patches makes a text exact: it is cut into the fewest patches that their codes give back.
    """

    modality = "text"
    batch_keys = ("text",)
    columns = ("text",)
    encoder: TextAutoencoder | PatchAutoencoder

    def __init__(self, *, dim: Size, crop: Size = 192) -> None:
        super().__init__(dim=dim)
        self.crop = crop
        self._known: tuple[tuple[tuple[int, int], ...], dict[bytes, Tensor]] | None = None

    # --- use ---------------------------------------------------------------------------------------------

    @torch.no_grad()
    def tokenize(self, text: Any) -> Tensor:
        """Encode text, or a dataset row with one, as codes int64 `[1, N, Q]`, or a list of B as `[B, N, Q]`.

        The shorter ones of a list are padded with -1.
        """
        items = as_batch(text)
        texts = [as_text(one) for one in ([text] if items is None else items)]
        if not texts or not all(texts):
            raise InputError("tokenize takes a text or a list of texts, none of them empty.")
        for one in texts:
            if UNREADABLE.search(one) or len(one.encode()) > MAX_BYTES:
                raise InputError(
                    f"A text to tokenize must be valid Unicode of at most {MAX_BYTES:,} bytes, without NUL;"
                    f" {one[:40]!r} is not."
                )
        if isinstance(self.encoder, PatchAutoencoder):
            rows = [self._fewest(one.encode()) for one in texts]
            return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PADDING_CODE)
        latents = self.encoder.encode(to_bytes(texts, self.device))
        return self.quantizer.encode(latents.x, latents.mask)

    def _fewest(self, text: bytes) -> Tensor:
        """The codes `[N, Q]` of the fewest patches that give the text back."""
        stride = self.encoder.stride
        few = math.prod(self.quantizer.codebook_sizes) <= MAX_TABLE
        known = self._table() if few else self._returned(pieces(text, stride))
        patches = cut(text, known, stride)
        unknown = self._encoded(sorted({patch for patch in patches if patch not in known}))
        return torch.stack([(known if patch in known else unknown)[patch] for patch in patches])

    def _table(self) -> dict[bytes, Tensor]:
        """Every patch that some codes `[Q]` give back, by the encoder's codes if these do.

        It is kept until a weight changes.
        """
        tensors = [*self.parameters(), *self.buffers()]
        state = tuple((one.data_ptr(), 0 if one.is_inference() else one._version) for one in tensors)
        if self._known is None or self._known[0] != state:
            sizes = [torch.arange(size, device=self.device) for size in self.quantizer.codebook_sizes]
            codes = torch.cartesian_prod(*sizes).view(-1, len(sizes))
            found = dict(zip(self._decoded(codes), codes, strict=True))
            found = {patch: one for patch, one in found.items() if patch and b"\0" not in patch}
            self._known = state, found | self._returned([*found])
        return self._known[1]

    def _returned(self, parts: Sequence[bytes]) -> dict[bytes, Tensor]:
        """The parts that the encoder's codes `[Q]` give back."""
        encoded = self._encoded(parts)
        back = self._decoded(torch.stack([*encoded.values()])) if encoded else []
        return {part: codes for (part, codes), same in zip(encoded.items(), back, strict=True) if part == same}

    def _encoded(self, parts: Sequence[bytes]) -> dict[bytes, Tensor]:
        """The encoder's codes `[Q]` of each part."""
        stride = self.encoder.stride
        codes: dict[bytes, Tensor] = {}
        for start in range(0, len(parts), AT_ONCE):
            some = parts[start : start + AT_ONCE]
            latents = self.encoder.encode(laid_out(some, stride).view(len(some), stride).to(self.device))
            codes |= dict(zip(some, self.quantizer.encode(latents.x, latents.mask)[:, 0], strict=True))
        return codes

    def _decoded(self, codes: Tensor) -> list[bytes]:
        """What each row of codes `[N, Q]` stands for, without the padding at its end."""
        bytes_of: list[bytes] = []
        for start in range(0, len(codes), AT_ONCE):
            some = codes[start : start + AT_ONCE].unsqueeze(1)
            logits = self.encoder.decode(Latents(self.quantizer.decode(some)))
            bytes_of += [bytes(row).rstrip(b"\0") for row in logits.argmax(-1).tolist()]
        return bytes_of

    def _items(self, latents: Latents) -> list[str]:
        return [to_text(logits.argmax(-1)) for logits in self.encoder.decode(latents)]

    def __call__(self, text: Any, mask: Tensor | None = None) -> Any:
        """Reconstruct a text from its codes; a raw batch `[B, N]` and its mask take the path of `forward`."""
        if isinstance(text, Tensor):
            return super().__call__(text, mask)
        require_no_mask(mask)
        return self.reconstruct(self.tokenize(as_text(text)))

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """Latents of a sentence, and the logits for random codes."""
        if inputs is None:
            generator = torch.Generator().manual_seed(0)
            codes = [torch.randint(size, (1, 12), generator=generator) for size in self.quantizer.codebook_sizes]
            inputs = {"text": to_bytes(["Sphinx of black quartz, judge my vow."]), "codes": torch.stack(codes, -1)}
        latents = self.encoder.encode(inputs["text"]).x
        decoded = self.encoder.decode(Latents(self.quantizer.decode(inputs["codes"])))
        return inputs, {"latents": latents, "decoded": decoded}

    # --- training ----------------------------------------------------------------------------------------

    def examples(self, rows: Dataset, cache: Path) -> Examples:
        """Random crops of the rows' texts."""
        if isinstance(self.encoder, PatchAutoencoder):
            stride, pairs = self.encoder.stride, math.prod(self.quantizer.codebook_sizes)
            return Patches(rows["text"], max(1, self.crop // stride), stride, size=round(LEARNED * pairs))
        return Texts(rows["text"], self.crop)

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        """Cross-entropy of the bytes, padding included, plus the quantizer's loss.

        A latent counts in inverse proportion to its bytes without padding, and one more for the end. `doubtful` is the
        fraction of bytes with a probability below one half.
        """
        raw = batch["text"]
        latents, quantized = self.quantize(raw)
        logits = self.encoder.decode(latents.with_x(quantized.z_q)).float()
        assert latents.mask is not None
        target = F.pad(raw, (0, logits.shape[1] - raw.shape[1])).view(*latents.mask.shape, -1)
        errors = F.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="none").view(target.shape)
        weights = latents.mask / (1 + (target != PADDING).sum(-1))  # or short patches would be learned last
        parts = {"bytes": (errors.mean(-1) * weights).sum() / weights.sum()}
        total = parts["bytes"] + quantized.loss
        parts |= dict(quantized.losses)
        with torch.no_grad():
            parts["doubtful"] = (errors[latents.mask] > math.log(2)).float().mean()
            parts["perplexity"] = code_perplexity(quantized.codes).mean()
        return Losses(total, {name: value.detach() for name, value in parts.items()})

    def finish(self, examples: Examples) -> None:
        """Measure the mean and std of latents on about 512 training texts."""
        generator = torch.Generator().manual_seed(0)
        chosen = [examples.example(i, generator) for i in range(0, len(examples), max(1, len(examples) // 512))]
        self.measure_latents([(examples.collate(chosen)["text"].to(self.device), None)])


class Texts:
    """Texts as bytes, cropped to at most `crop`; empty ones are left out, with a warning."""

    keys = ("text",)

    def __init__(self, texts: Sequence[str | None], crop: int) -> None:
        self.bytes = [one for text in texts if (one := (text or "").encode().replace(b"\0", b""))]
        if not self.bytes:
            raise DataError(f"All of the dataset's {len(texts)} texts are empty; there is nothing to train on.")
        if len(self.bytes) < len(texts):
            _log.warning("%d of %d texts are empty and are left out.", len(texts) - len(self.bytes), len(texts))
        self.crop = crop
        self.lengths = [min(len(one), crop) for one in self.bytes]

    def __len__(self) -> int:
        return len(self.lengths)

    def example(self, index: int, generator: torch.Generator) -> Tensor:
        """A random crop of text `index`, int64 `[at most crop]`."""
        one = self.bytes[index]
        start = int(torch.randint(len(one) - self.crop + 1, (), generator=generator)) if len(one) > self.crop else 0
        crop = torch.tensor(list(one[start : start + self.crop]), dtype=torch.int64)
        # Replace some bytes at random, so that the codes can also represent names, digits and other scripts.
        probability = MAX_RANDOM * torch.rand((), generator=generator) ** 2
        random_bytes = torch.randint(1, BYTES, crop.shape, generator=generator)
        return torch.where(torch.rand(crop.shape, generator=generator) < probability, random_bytes, crop)

    def collate(self, examples: list[Tensor]) -> Mapping[str, Tensor]:
        """`text`: int64 `[B, longest]`, padded with 0."""
        return {"text": torch.nn.utils.rnn.pad_sequence(examples, batch_first=True, padding_value=PADDING)}


def evaluate_text_tokenizer(model: Any, *, limit: int | None = None, samples: Path | None = None) -> dict[str, Any]:
    """Character and word error rates of reconstructed held-out sentences, code usage and speed."""
    rows = load_dataset_component("heldout-texts")["test"]
    texts = list(rows["text"])[:limit]
    start = time.perf_counter()
    codes = [model.tokenize(text) for text in tqdm(texts, desc="copying", unit="text", disable=None, leave=False)]
    copies = [model.reconstruct(one) for one in codes]
    seconds = time.perf_counter() - start
    if samples is not None:
        samples.mkdir(parents=True, exist_ok=True)
        pairs = "".join(f"{text}\n{copy}\n\n" for text, copy in zip(texts[:20], copies, strict=False))
        (samples / "copies.txt").write_text(pairs, encoding="utf-8")
    return {
        "protocol": {"data": "the held-out sentences of flite-speech", "sentences": len(texts)},
        "copies": {
            "cer": ErrorRate.of(texts, copies).rate,
            "wer": ErrorRate.of([t.split() for t in texts], [c.split() for c in copies]).rate,
            "exact": sum(a == b for a, b in zip(texts, copies, strict=True)) / len(texts),
            "scripts_exact": sum(text == model(text) for text in SCRIPTS) / len(SCRIPTS),
        },
        "codes": {
            "bits_per_byte": sum(one.shape[1] for one in codes)
            * model.quantizer.bits_per_step
            / sum(len(text.encode()) for text in texts),
            **code_statistics(torch.cat([one[0] for one in codes]).unsqueeze(0), model.quantizer.codebook_sizes),
        },
        "speed": {"texts_per_second": len(texts) / seconds},
    }
