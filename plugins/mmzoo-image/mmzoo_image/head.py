"""Words to pictures: a diffusion transformer over a picture tokenizer's latents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from mmzoo.data import decode_image
from mmzoo.errors import DataError, InputError
from mmzoo.interfaces import (
    Condition,
    DiffusionBackbone,
    Examples,
    Image,
    Latents,
    Link,
    Losses,
    ModalityEncoder,
    Port,
    Ports,
    Sampler,
    Slot,
    TaskHead,
)
from mmzoo.interfaces.guidance import prediction
from mmzoo.nn.sines import grid_sines
from mmzoo_image.words import PADDING, Words

if TYPE_CHECKING:
    from datasets import Dataset

LARGEST_SIDE = 1024


class TextToImage(TaskHead):
    """A caption, or the name of a class, to a picture.

    `text` encodes the caption's words; `backbone` attends to them, gets their mean beside the time, and knows where
    each latent stands by a fixed code of row and column. It flows from noise to the tokenizer's standardised latents.

    dim: width of the tokenizer's latents. width: of the word vectors. vocabulary: most words, padding included. side:
    pixels of the pictures it is trained on, and the default. num_steps, guidance: defaults of sampling. drop: share of
    captions left out in training, which guidance needs. plain_weight: of latents over a patch of one colour, beside
    1 for the rest: most of a simple picture is background, and would drown what is drawn on it.
    """

    slots: ClassVar[Mapping[str, Slot]] = {
        "tokenizer": Slot("head", model=True),
        "text": Slot("encoder"),
        "backbone": Slot("backbone"),
        "sampler": Slot("sampler"),
    }
    links = (
        Link("text.latents", "head.text"),
        Link("tokenizer.latents", "head.latents"),
        Link("head.latents", "backbone.x"),
        Link("head.words", "text.raw"),
    )
    tokenizer: Any
    text: ModalityEncoder
    backbone: DiffusionBackbone
    sampler: Sampler

    def __init__(
        self,
        *,
        dim: int,
        width: int = 256,
        vocabulary: int = 128,
        side: int = 64,
        num_steps: int = 20,
        guidance: float = 2.0,
        drop: float = 0.1,
        plain_weight: float = 0.25,
    ) -> None:
        super().__init__()
        self.dim, self.width, self.vocabulary, self.side = dim, width, vocabulary, side
        self.num_steps, self.guidance, self.drop, self.plain_weight = num_steps, guidance, drop, plain_weight
        self.words = Words()
        self.pooled = nn.Linear(width, width)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Word vectors and latents in; words and latents out."""
        latent = Port(width=config["dim"])
        return Ports(
            inputs={"text": Port(width=config["width"]), "latents": latent},
            outputs={"words": Port(modality="text", codebook_size=config["vocabulary"]), "latents": latent},
        )

    # --- use ---------------------------------------------------------------------------------------------

    def __call__(self, prompt: Any, *args: Any, **kwargs: Any) -> Any:
        """One prompt to an Image, a list to a list; see `generate` for the arguments."""
        if isinstance(prompt, str):
            return self.generate([prompt], **kwargs)[0]
        return self.generate(prompt, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The same as calling the model."""
        return self(*args, **kwargs)

    def unknown_words(self, prompt: str) -> tuple[str, ...]:
        """The words of a prompt that the model never met and passes over."""
        return self.words.ids([prompt])[1][0]

    @torch.inference_mode()
    def generate(
        self,
        prompts: Sequence[str],
        *,
        steps: int | None = None,
        guidance: float | None = None,
        interval: tuple[float, float] = (0.0, 1.0),
        seed: int = 0,
        size: tuple[int, int] | None = None,
    ) -> list[Image]:
        """A picture for each prompt; prompt i has the noise of seed + i, whatever else is drawn with it.

        steps: of sampling; guidance: 1 for none; interval: the times in [0, 1] at which to guide. size: (height, width)
        in pixels. Raises InputError for a prompt without any known word and for bad numbers.
        """
        steps, guidance, grid = self._manner(prompts, steps, guidance, seed, size)
        ids, unknown = self.words.ids(prompts)
        for prompt, row, others in zip(prompts, ids, unknown, strict=True):
            if not row.any():
                raise InputError(
                    f"No word of the prompt {prompt[:60]!r} is known to {self.name or 'this model'} (unknown:"
                    f" {', '.join(others) or 'nothing else'}); it knows: {', '.join(self.words.words)}."
                )
        noise = torch.stack(
            [
                torch.randn(grid[0] * grid[1], self.dim, generator=torch.Generator().manual_seed(seed + index))
                for index in range(len(prompts))
            ]
        ).to(self.device)
        frame = Latents(noise, grid=grid)
        condition = self._condition(ids.to(self.device), grid)
        null = self._condition(torch.zeros_like(ids).to(self.device), grid)
        predict = prediction(
            self.backbone, self.sampler, frame, condition, null, num_steps=steps, scale=guidance, interval=interval
        )
        latents = self.sampler.sample(predict, noise, steps)
        codes = self.tokenizer.snap(self.tokenizer.unstandardise(latents.float()))
        drawn: list[Image] = self.tokenizer.decode_latents(self.tokenizer.quantizer.decode(codes), grid)
        height, width = size or (self.side, self.side)
        return [Image(image.pixels[:height, :width]) for image in drawn]

    def _manner(
        self,
        prompts: Sequence[str],
        steps: int | None,
        guidance: float | None,
        seed: int,
        size: tuple[int, int] | None,
    ) -> tuple[int, float, tuple[int, int]]:
        if isinstance(prompts, str) or not prompts or not all(isinstance(prompt, str) for prompt in prompts):
            raise InputError("generate takes a non-empty list of prompts, each a string.")
        steps = self.num_steps if steps is None else steps
        guidance = self.guidance if guidance is None else guidance
        if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
            raise InputError(f"steps must be a whole number of at least 1, not {steps!r}.")
        if isinstance(guidance, bool) or not isinstance(guidance, int | float) or not 0 <= guidance <= 100:
            raise InputError(f"guidance must be a number from 0 to 100, not {guidance!r}; 1 is none.")
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**62:
            raise InputError(f"seed must be a whole number from 0 to 2 ** 62, not {seed!r}.")
        height, width = size or (self.side, self.side)
        if not (1 <= height <= LARGEST_SIDE and 1 <= width <= LARGEST_SIDE):
            raise InputError(f"size must be (height, width) of 1 to {LARGEST_SIDE} pixels, not {size!r}.")
        square = self.tokenizer.encoder.square
        return steps, float(guidance), (-(-height // square), -(-width // square))

    # --- the parts of a forward pass, shared by training and sampling ----------------------------------------

    def _condition(self, ids_BN: Tensor, grid: tuple[int, int]) -> Condition:
        """Captions of words `[B, N]`; one without words is the null condition."""
        mask = ids_BN != PADDING
        encoded = self.text.encode(ids_BN, mask)
        count = mask.sum(1, keepdim=True)
        mean = (encoded.x * mask.unsqueeze(-1)).sum(1) / count.clamp_min(1)
        pooled = self.pooled(mean) * (count > 0)
        place = grid_sines(*grid, self.width, device=ids_BN.device).to(encoded.x.dtype)
        return Condition(
            vectors={"text": pooled},
            aligned={"place": place.expand(len(ids_BN), -1, -1)},
            sequences={"words": replace(encoded, mask=mask)},
        )

    # --- files -------------------------------------------------------------------------------------------

    def files(self) -> Mapping[str, bytes]:
        """`words.json`, the words in order of their ids."""
        return self.words.file()

    def load_files(self, folder: Path) -> None:
        """Read `words.json`."""
        self.words = Words.load(folder)

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """The backbone's prediction half way for fixed words and noise."""
        if inputs is None:
            generator = torch.Generator().manual_seed(0)
            words = torch.randint(1, len(self.words.words) + 1, (1, 6), generator=generator)
            inputs = {"words": words, "x": torch.randn(1, 16, self.dim, generator=generator)}
        half = torch.full((1,), 0.5, device=inputs["x"].device)
        condition = self._condition(inputs["words"], (4, 4))
        return inputs, {"prediction": self.backbone(Latents(inputs["x"], grid=(4, 4)), half, condition)}

    # --- training ----------------------------------------------------------------------------------------

    def examples(self, rows: Dataset, cache: Path) -> Examples:
        """The rows' captions as words, and their pictures as codes."""
        if not self.words.words:
            self.words = Words.of(rows["text"], self.vocabulary)
        return Captioned(rows, self.words, self.tokenizer)

    def training_step(self, batch: Mapping[str, Tensor], generator: torch.Generator) -> Losses:
        """The flow's loss of one batch, with some captions dropped."""
        with torch.no_grad():
            data = self.tokenizer.standardise(self.tokenizer.quantizer.decode(batch["codes"])).float()
        kept = torch.rand(len(data), 1, generator=generator).to(data.device) >= self.drop
        rows = int(batch["rows"][0])
        grid = (rows, data.shape[1] // rows)
        condition = self._condition(batch["words"] * kept, grid)
        noise = torch.randn(data.shape, generator=generator).to(data.device)
        t = self.sampler.times(len(data), generator).to(data.device)
        x_t, target = self.sampler.corrupt(data, noise, t)
        if torch.is_autocast_enabled(data.device.type):
            x_t = x_t.to(torch.get_autocast_dtype(data.device.type))
        found = self.backbone(Latents(x_t, grid=grid), t, condition)
        weight = torch.where(batch["plain"], self.plain_weight, 1.0)
        errors = (found.float() - target).square().mean(-1)
        flow = (errors * weight).sum() / weight.sum()
        return Losses(flow, {"flow": flow.detach(), "unweighted": errors.mean().detach()})

    def previews(self, rows: Dataset) -> Iterator[tuple[str, Any]]:
        """Each row's picture beside one drawn from its caption."""
        for row in rows:
            drawn = self.generate([row["text"]])[0]
            yield row["id"], Image(np.concatenate((decode_image(row["image"]).pixels, drawn.pixels), axis=1))


class Captioned:
    """Captions and codes of all pictures in memory; they are tokenized once."""

    def __init__(self, rows: Dataset, words: Words, tokenizer: Any) -> None:
        pictures = [decode_image(cell) for cell in rows["image"]]
        if not pictures:
            raise DataError("The dataset has no rows to train on.")
        if len({picture.pixels.shape for picture in pictures}) > 1:
            raise DataError("The dataset has pictures of different sizes; give it one size.")
        self.words, unknown = words.ids(rows["text"])
        if any(unknown):
            raise DataError(f"The captions have words the model lacks, such as {next(u for u in unknown if u)[0]!r}.")
        square = tokenizer.encoder.square
        self.rows = -(-pictures[0].pixels.shape[0] // square)
        self.codes = torch.cat([tokenizer.tokenize(pictures[i : i + 64]).cpu() for i in range(0, len(pictures), 64)])
        self.plain = torch.stack([plain(picture, square) for picture in pictures])
        self.lengths = [1] * len(pictures)

    def __len__(self) -> int:
        return len(self.lengths)

    def example(self, index: int, generator: torch.Generator) -> int:
        """The index itself: everything is in memory."""
        return index

    def collate(self, examples: list[int]) -> Mapping[str, Tensor]:
        """`words` `[B, M]`, `codes` `[B, N, Q]`, `plain` bool `[B, N]`, and `rows` of the grid `[B]`."""
        chosen = torch.tensor(examples)
        words = self.words[chosen]
        longest = max(1, int((words != PADDING).sum(1).max()))
        return {
            "words": words[:, :longest],
            "codes": self.codes[chosen],
            "plain": self.plain[chosen],
            "rows": torch.full((len(examples),), self.rows),
        }


def plain(picture: Image, square: int) -> Tensor:
    """Which patches of `square` pixels, in row-major order, have one colour; bool `[N]`. A part patch never has."""
    height, width = picture.pixels.shape[:2]
    found = torch.zeros(-(-height // square), -(-width // square), dtype=torch.bool)
    whole = picture.pixels[: height // square * square, : width // square * square]
    patches = whole.reshape(height // square, square, width // square, square, 3)
    spread = patches.max((1, 3)).astype(int) - patches.min((1, 3))
    found[: height // square, : width // square] = torch.from_numpy((spread <= 8).all(-1))
    return found.flatten()
