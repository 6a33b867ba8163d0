"""Transformer blocks pretrained on masked picture tokens, to initialize a speech encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

import mmzoo
from mmzoo.data import decode_images, load_dataset_component
from mmzoo.interfaces import ALONE, Losses, TrainingState
from studies.recognition.cells import tensors
from studies.recognition.training import ENCODERS, fit

TOKENIZER = "vqvae-image"
PICTURES = 2000
TRUNK_STEPS = 300
BATCH = 32
"""Examples in a step, both of a trunk and of the recognizers in the study of few labels."""
MASKED = 0.3
"""Probability that a position is masked."""
PARTS = ("blocks", "norm")
"""The submodules that the code encoder and the speech encoder share."""

Kind = Literal["image tokens", "shuffled image tokens"]


class MaskedCodes(nn.Module):
    """An encoder of codes that predicts masked codes from the others (BERT, Devlin et al., arXiv 1810.04805).

    Each codebook gets one more code for the mask. The blocks have the shape of those in the studies' speech encoder.

    Args:
        sizes: Sizes of the tokenizer's codebooks.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        shape = {key: ENCODERS["speech"][key] for key in ("width", "depth")}
        self.encoder: Any = mmzoo.create("encoder/codes", codebook_sizes=[size + 1 for size in sizes], heads=4, **shape)
        self.predict = nn.ModuleList(nn.Linear(shape["width"], size) for size in sizes)
        self.sizes = torch.tensor(sizes)

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        """Cross-entropy of the masked codes of `codes` `[B, N, Q]`, the mean over codebooks."""
        codes = batch["codes"]
        masked = torch.rand(codes.shape[:2], generator=generator) < MASKED
        x = self.encoder.encode(torch.where(masked.unsqueeze(-1), self.sizes, codes)).x[masked]
        each = [F.cross_entropy(predict(x).float(), codes[..., q][masked]) for q, predict in enumerate(self.predict)]
        return Losses(torch.stack(each).mean())


class Coded:
    """Codes `[P, N, Q]` of pictures as training examples."""

    keys = ("codes",)

    def __init__(self, codes: Tensor) -> None:
        self.codes = codes
        self.lengths: Sequence[int] = [1] * len(codes)

    def __len__(self) -> int:
        return len(self.codes)

    def example(self, index: int, generator: torch.Generator) -> int:
        """The index itself: everything is in memory."""
        return index

    def collate(self, examples: list[int]) -> Mapping[str, Tensor]:
        """`codes` `[B, N, Q]`."""
        return {"codes": self.codes[torch.tensor(examples)]}


def trunk(kind: Kind, seed: int, folder: Path) -> dict[str, Tensor]:
    """The parameters of PARTS after pretraining; computed once for each kind and seed.

    Args:
        kind: `shuffled image tokens` permutes the positions of each picture: a control that keeps the token statistics
            but destroys the pictures.
        seed: Seed of initialization, masks and order.
        folder: Where the parameters are kept.

    Raises:
        UnknownNameError: TOKENIZER is not installed.
    """
    name = f"trunk-{kind.replace(' ', '-')}-{TRUNK_STEPS}-{seed}.safetensors"
    return tensors(folder / name, lambda: _trained(kind, seed, folder))


def plant(trunk: Mapping[str, Tensor], encoder: nn.Module) -> None:
    """Load a trunk into the PARTS of an encoder, which must have the same shapes."""
    for part in PARTS:
        own = {name.removeprefix(f"{part}."): value for name, value in trunk.items() if name.startswith(f"{part}.")}
        encoder.get_submodule(part).load_state_dict(own)


def picture_codes(folder: Path) -> tuple[Tensor, list[int]]:
    """Codes int64 `[PICTURES, N, Q]` of training scenes, and the sizes of their codebooks."""
    kept = tensors(folder / f"codes-{PICTURES}.safetensors", _tokenized)
    return kept["codes"].long(), kept["sizes"].tolist()


def shuffled(codes_PNQ: Tensor, seed: int) -> Tensor:
    """Permute the positions of each picture at random."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(codes_PNQ.shape[:2], generator=generator).argsort(1)
    return codes_PNQ.gather(1, order.unsqueeze(-1).expand_as(codes_PNQ))


def _trained(kind: Kind, seed: int, folder: Path) -> dict[str, Tensor]:
    codes, sizes = picture_codes(folder)
    torch.manual_seed(seed)
    model = MaskedCodes(sizes)
    examples = Coded(shuffled(codes, seed) if kind == "shuffled image tokens" else codes)
    fit(model, examples, steps=TRUNK_STEPS, seed=seed, batch_size=BATCH)
    return {name: value for name, value in model.encoder.state_dict().items() if name.partition(".")[0] in PARTS}


@torch.inference_mode()
def _tokenized() -> dict[str, Tensor]:
    tokenizer: Any = mmzoo.create(TOKENIZER)
    scenes = load_dataset_component(
        "spoken-scenes", speech=False, train=PICTURES, validation=1, test=1, unseen_voice=1
    )  # any number of things, as the tokenizer was trained on
    pictures = decode_images(scenes["train"]["image"])
    starts = tqdm(range(0, len(pictures), BATCH), desc="encoding pictures", disable=None, leave=False)
    codes = torch.cat([tokenizer.tokenize(pictures[start : start + BATCH]).cpu() for start in starts])
    return {"codes": codes.to(torch.int32), "sizes": torch.tensor(tokenizer.codebook_sizes)}
