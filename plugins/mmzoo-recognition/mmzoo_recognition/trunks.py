"""Transformer blocks that have learned to tell the hidden tokens of pictures, to begin an encoder of speech with."""

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
from mmzoo_recognition.kept import kept
from mmzoo_recognition.study import ENCODERS, fit

TOKENIZER = "vqvae-image"
PICTURES = 2000
TRUNK_STEPS = 300
BATCH = 32
"""Examples of a step, of a trunk's training as of all that the study trains."""
HIDDEN = 0.3
"""Share of the positions that are hidden."""
PARTS = ("blocks", "norm")
"""What an encoder of codes and one of speech have in common."""

Kind = Literal["image tokens", "shuffled image tokens"]


class MaskedCodes(nn.Module):
    """An encoder of codes that tells the hidden ones from the others (BERT, Devlin et al., arXiv 1810.04805).

    sizes: of the tokenizer's codebooks. Each gets one code more, whose embedding is learned and stands for what is
    hidden. The blocks are those of the study's encoder of speech.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        shape = {key: ENCODERS["speech"][key] for key in ("width", "depth")}
        self.encoder: Any = mmzoo.create("encoder/codes", codebook_sizes=[size + 1 for size in sizes], heads=4, **shape)
        self.tell = nn.ModuleList(nn.Linear(shape["width"], size) for size in sizes)
        self.sizes = torch.tensor(sizes)

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        """The cross-entropy of the hidden codes of `codes` `[B, N, Q]`, the mean over codebooks."""
        codes = batch["codes"]
        hidden = torch.rand(codes.shape[:2], generator=generator) < HIDDEN
        x = self.encoder.encode(torch.where(hidden.unsqueeze(-1), self.sizes, codes)).x[hidden]
        each = [F.cross_entropy(tell(x).float(), codes[..., q][hidden]) for q, tell in enumerate(self.tell)]
        return Losses(torch.stack(each).mean())


class Coded:
    """Codes `[P, N, Q]` of pictures as training examples."""

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
    """The parameters of PARTS after TRUNK_STEPS steps; trained once for each kind and seed and kept in the folder.

    `shuffled image tokens` are the same tokens, those of each picture in an order drawn at random: what they hold
    without what pictures are. Raises what `mmzoo.create` does where TOKENIZER is absent.
    """
    name = f"trunk-{kind.replace(' ', '-')}-{TRUNK_STEPS}-{seed}.safetensors"
    return kept(folder / name, lambda: _trained(kind, seed, folder))


def plant(trunk: Mapping[str, Tensor], encoder: nn.Module) -> None:
    """Begin an encoder's PARTS with a trunk's parameters, of the same shapes."""
    for part in PARTS:
        own = {name.removeprefix(f"{part}."): value for name, value in trunk.items() if name.startswith(f"{part}.")}
        encoder.get_submodule(part).load_state_dict(own)


def picture_codes(folder: Path) -> tuple[Tensor, list[int]]:
    """Codes int64 `[PICTURES, N, Q]` of training scenes, and the sizes of their codebooks."""
    found = kept(folder / f"codes-{PICTURES}.safetensors", _tokenized)
    return found["codes"].long(), found["sizes"].tolist()


def shuffled(codes_PNQ: Tensor, seed: int) -> Tensor:
    """The positions of every picture in an order of its own."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(codes_PNQ.shape[:2], generator=generator).argsort(1)
    return codes_PNQ.gather(1, order.unsqueeze(-1).expand_as(codes_PNQ))


def _trained(kind: Kind, seed: int, folder: Path) -> dict[str, Tensor]:
    codes, sizes = picture_codes(folder)
    torch.manual_seed(seed)
    model = MaskedCodes(sizes)
    seen = Coded(shuffled(codes, seed) if kind == "shuffled image tokens" else codes)
    fit(model, seen, steps=TRUNK_STEPS, seed=seed, batch_size=BATCH)
    return {name: value for name, value in model.encoder.state_dict().items() if name.partition(".")[0] in PARTS}


@torch.inference_mode()
def _tokenized() -> dict[str, Tensor]:
    tokenizer: Any = mmzoo.create(TOKENIZER)
    scenes = load_dataset_component(
        "spoken-scenes", speech=False, train=PICTURES, validation=1, test=1, unseen_voice=1
    )  # any number of things, as the tokenizer knows them
    pictures = decode_images(scenes["train"]["image"])
    starts = tqdm(range(0, len(pictures), BATCH), desc="encoding pictures", disable=None, leave=False)
    codes = torch.cat([tokenizer.tokenize(pictures[start : start + BATCH]).cpu() for start in starts])
    return {"codes": codes.to(torch.int32), "sizes": torch.tensor(tokenizer.quantizer.codebook_sizes)}
