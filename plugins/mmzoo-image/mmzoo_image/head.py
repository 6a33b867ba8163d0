"""Words to pictures, and spoiled pictures to whole ones: a diffusion transformer over a picture tokenizer's latents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from mmzoo.data import as_image, decode_image
from mmzoo.data.words import PADDING, Words
from mmzoo.errors import ConfigError, InputError
from mmzoo.interfaces import (
    ALONE,
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
    Tokenizer,
    TrainingState,
)
from mmzoo.interfaces.guidance import prediction
from mmzoo.nn.sines import grid_sines
from mmzoo_image.examples import Captioned
from mmzoo_image.spoil import FACTOR, HINTS, TASKS, enlarge, hide, hints, spoil

if TYPE_CHECKING:
    from datasets import Dataset

LARGEST_SIDE = 1024
FEATURE_TIME = 0.9
EDIT_DROP = 0.5
"""Share of captions left out of training edits: most people give a picture and no words."""


class TextToImage(TaskHead):
    """A caption, or the name of a class, to a picture; and pictures with holes, small or noisy ones, to whole ones.

    `text` encodes the caption's words; `backbone` attends to them, gets their mean beside the time, and knows where
    each latent stands by a fixed code of row and column. It flows from noise to the tokenizer's standardised latents.
    A picture to edit goes beside the noise as latents of its own, with hints of what is asked for (see
    `mmzoo_image.spoil`); for drawing from words alone they are zeros. So one network draws and edits, and an edit can
    follow words as well.

    dim: width of the tokenizer's latents. width: of the word vectors. vocabulary: most words, padding included. side:
    pixels of the pictures it is trained on, and the default. num_steps, guidance: defaults of sampling. edit_steps: the
    same for edits that no words tell of: with few steps a result tends to the mean of all that could be, which is
    nearest to the truth, with more it is one of them, and sharper. drop: share of captions left out in training,
    which guidance needs. edits: share of training pictures that are given spoiled.
    plain_weight: of latents over a patch of one colour, beside 1 for the rest: most of a simple picture is background,
    and would drown what is drawn on it. feature_depth: after how many blocks `features` looks. through: whether the
    flow's gradient reaches a tokenizer that trains along (straight through its codes); otherwise each learns from its
    own loss.
    """

    slots: ClassVar[Mapping[str, Slot]] = {
        "tokenizer": Slot("head", model=True, contract=Tokenizer),
        "text": Slot("encoder"),
        "backbone": Slot("backbone"),
        "sampler": Slot("sampler"),
    }
    links = (
        Link("text.latents", "head.text"),
        Link("tokenizer.latents", "head.latents"),
        Link("head.latents", "backbone.x"),
        Link("head.picture", "backbone.picture"),
        Link("head.words", "text.raw"),
    )
    batch_keys = ("words", "image", "codes", "plain")
    tokenizer: Tokenizer
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
        num_steps: int = 10,
        edit_steps: int = 3,
        guidance: float = 2.0,
        drop: float = 0.1,
        edits: float = 0.25,
        plain_weight: float = 0.25,
        feature_depth: int = 3,
        through: bool = False,
    ) -> None:
        super().__init__()
        self.dim, self.width, self.vocabulary, self.side = dim, width, vocabulary, side
        self.num_steps, self.edit_steps, self.guidance = num_steps, edit_steps, guidance
        self.drop, self.edits, self.plain_weight = drop, edits, plain_weight
        self.feature_depth, self.through = feature_depth, through
        self.words = Words()
        self.pooled = nn.Linear(width, width)

    def connect(self) -> None:
        """The tokenizer must be one of pictures."""
        if self.tokenizer.patch is None:
            raise ConfigError(
                f"The tokenizer of text-to-image must be one of pictures, not of {self.tokenizer.modality}.",
                path="tokenizer",
            )

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Word vectors and latents in; words and latents out."""
        latent = Port(width=config["dim"])
        return Ports(
            inputs={"text": Port(width=config["width"]), "latents": latent},
            outputs={
                "words": Port(modality="text", codebook_size=config["vocabulary"]),
                "latents": latent,
                "image": Port(modality="image"),
                "picture": Port(width=config["dim"] + HINTS),
            },
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
        if isinstance(prompts, str) or not prompts or not all(isinstance(prompt, str) for prompt in prompts):
            raise InputError("generate takes a non-empty list of prompts, each a string.")
        size = (self.side, self.side) if size is None else size
        ids, unknown = self.words.ids(prompts)
        for prompt, row, others in zip(prompts, ids, unknown, strict=True):
            if not row.any():
                raise InputError(
                    f"No word of the prompt {prompt[:60]!r} is known to {self.name or 'this model'} (unknown:"
                    f" {', '.join(others) or 'nothing else'}); it knows: {', '.join(self.words.words)}."
                )
        return self._draw(ids, None, size, steps=steps, guidance=guidance, interval=interval, seed=seed)

    @torch.inference_mode()
    def inpaint(
        self, pictures: Sequence[Any], masks: Sequence[Any], prompts: Sequence[str] | None = None, **manner: Any
    ) -> list[Image]:
        """Pictures with what is hidden drawn anew; every other pixel stays as it is.

        pictures: whatever `mmzoo.data.as_image` takes, of one size. masks: bool `[H, W]`, True where hidden. prompts:
        what the whole picture shows; '' for nothing known. manner: steps, guidance, interval, seed as for `generate`.
        """
        pixels = self._pixels(pictures)
        height, width = pixels.shape[1:3]
        if not isinstance(masks, list | tuple):
            raise InputError("masks must be a list of arrays [height, width], True where hidden, one for each picture.")
        hidden = [np.asarray(mask, dtype=bool) for mask in masks]
        if len(hidden) != len(pixels) or any(mask.shape != (height, width) for mask in hidden):
            raise InputError(
                f"inpaint got {len(pixels)} pictures of {height} x {width} and masks of"
                f" {', '.join(str(list(mask.shape)) for mask in hidden) or 'nothing'}; give each one [height, width]."
            )
        mask = torch.from_numpy(np.stack(hidden)).to(self.device)
        drawn = self._edited("inpaint", hide(pixels, mask), prompts, mask, manner)
        return [
            Image(np.where(where[..., None], new.pixels, as_image(old).pixels))
            for new, old, where in zip(drawn, pictures, hidden, strict=True)
        ]

    @torch.inference_mode()
    def upscale(self, pictures: Sequence[Any], prompts: Sequence[str] | None = None, **manner: Any) -> list[Image]:
        """Pictures four times as wide and high; the other arguments are those of `inpaint`."""
        pixels = self._pixels(pictures)
        size = (FACTOR * pixels.shape[1], FACTOR * pixels.shape[2])
        _check_size(size)
        return self._edited("upscale", enlarge(pixels, size), prompts, None, manner)

    @torch.inference_mode()
    def denoise(self, pictures: Sequence[Any], prompts: Sequence[str] | None = None, **manner: Any) -> list[Image]:
        """Pictures without their noise; the other arguments are those of `inpaint`."""
        return self._edited("denoise", self._pixels(pictures), prompts, None, manner)

    def _pixels(self, pictures: Sequence[Any]) -> Tensor:
        """Float `[B, H, W, 3]` of 0 to 1."""
        if not isinstance(pictures, list | tuple) or not pictures:
            raise InputError("Editing takes a non-empty list of pictures.")
        found = [as_image(one).pixels for one in pictures]
        if len({pixels.shape for pixels in found}) > 1:
            raise InputError("Pictures of one call must have one size; edit those of other sizes by themselves.")
        _check_size(found[0].shape[:2])
        return torch.from_numpy(np.stack(found)).to(self.device).float() / 255

    def _edited(
        self,
        task: str,
        pixels: Tensor,
        prompts: Sequence[str] | None,
        mask: Tensor | None,
        manner: Mapping[str, Any],
    ) -> list[Image]:
        prompts = [""] * len(pixels) if prompts is None else prompts
        strings = isinstance(prompts, list | tuple) and all(isinstance(prompt, str) for prompt in prompts)
        if not strings or len(prompts) != len(pixels):
            raise InputError(f"Editing {len(pixels)} pictures takes as many prompts in a list, or none.")
        size = (pixels.shape[1], pixels.shape[2])
        known = self._known(pixels, hints(task, len(pixels), self._grid(size), self._patch, mask))
        ids = self.words.ids(prompts)[0]
        told = ids.any(1).tolist()
        if manner.get("steps") is not None or all(told):
            return self._draw(ids, known, size, **manner)
        untold = self._draw(ids, known, size, **{**manner, "steps": self.edit_steps})
        if not any(told):
            return untold
        both = zip(told, self._draw(ids, known, size, **manner), untold, strict=True)  # nothing depends on its batch
        return [mine if words else other for words, mine, other in both]

    def _draw(
        self,
        ids: Tensor,
        known: Tensor | None,
        size: tuple[int, int],
        *,
        steps: int | None = None,
        guidance: float | None = None,
        interval: tuple[float, float] = (0.0, 1.0),
        seed: int = 0,
    ) -> list[Image]:
        """Pictures of words `[B, M]` and, for edits, `_known` latents."""
        steps, guidance = self._manner(steps, guidance, seed)
        _check_size(size)
        grid, ids = self._grid(size), ids.to(self.device)
        noise = torch.stack(
            [
                torch.randn(grid[0] * grid[1], self.dim, generator=torch.Generator().manual_seed(seed + index))
                for index in range(len(ids))
            ]
        ).to(self.device)
        condition = self._condition(ids, grid, known)
        null = self._condition(torch.zeros_like(ids), grid, known) if ids.any() else None
        predict = prediction(
            self.backbone,
            self.sampler,
            Latents(noise, grid=grid),
            condition,
            null,
            num_steps=steps,
            scale=guidance,
            interval=interval,
        )
        latents = self.sampler.sample(predict, noise, steps)
        codes = self.tokenizer.quantize_latents(Latents(latents.float(), grid=grid))
        drawn: Sequence[Image] = self.tokenizer.decode_latents(Latents(self.tokenizer.embed_codes(codes), grid=grid))
        return [Image(image.pixels[: size[0], : size[1]]) for image in drawn]

    @property
    def _patch(self) -> int:
        """Side of the square of pixels that one latent stands for."""
        assert self.tokenizer.patch is not None  # `connect` has checked that it is a tokenizer of pictures
        return self.tokenizer.patch

    def _grid(self, size: tuple[int, int]) -> tuple[int, int]:
        return -(-size[0] // self._patch), -(-size[1] // self._patch)

    def _manner(self, steps: int | None, guidance: float | None, seed: int) -> tuple[int, float]:
        steps = self.num_steps if steps is None else steps
        guidance = self.guidance if guidance is None else guidance
        if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
            raise InputError(f"steps must be a whole number of at least 1, not {steps!r}.")
        if isinstance(guidance, bool) or not isinstance(guidance, int | float) or not 0 <= guidance <= 100:
            raise InputError(f"guidance must be a number from 0 to 100, not {guidance!r}; 1 is none.")
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**62:
            raise InputError(f"seed must be a whole number from 0 to 2 ** 62, not {seed!r}.")
        return steps, float(guidance)

    # --- the parts of a forward pass, shared by training and sampling ----------------------------------------

    def _known(self, pixels: Tensor, hints: Tensor) -> Tensor:
        """A spoiled picture as the backbone gets it: its latents, not quantized, and the hints, `[B, N, dim + 4]`."""
        latents = self.tokenizer.encode_latents(pixels).x
        return torch.cat((latents.float(), hints.to(latents.device)), dim=-1)

    def _condition(self, ids_BN: Tensor, grid: tuple[int, int], known: Tensor | None) -> Condition:
        """Captions of words `[B, M]`; one without words is the null condition."""
        mask = ids_BN != PADDING
        encoded = self.text.encode(ids_BN, mask)
        count = mask.sum(1, keepdim=True)
        mean = (encoded.x * mask.unsqueeze(-1)).sum(1) / count.clamp_min(1)
        pooled = self.pooled(mean) * (count > 0)
        place = grid_sines(*grid, self.width, device=ids_BN.device).to(encoded.x.dtype)
        if known is None:
            known = place.new_zeros(len(ids_BN), grid[0] * grid[1], self.dim + HINTS)
        return Condition(
            vectors={"text": pooled},
            aligned={"place": place.expand(len(ids_BN), -1, -1), "picture": known},
            sequences={"words": replace(encoded, mask=mask)},
        )

    @torch.no_grad()
    def features(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """What the backbone makes of pictures `[B, H, W, 3]`, for recognition, without words.

        There is a little noise in them, the same for every picture (Xiang et al., arXiv 2303.09769).
        """
        latents = self.tokenizer.encode_latents(raw)
        assert latents.grid is not None
        data = latents.x.float()
        noise = torch.randn(data.shape[1:], generator=torch.Generator().manual_seed(0)).to(data).expand_as(data)
        t = data.new_full((len(data),), FEATURE_TIME)
        x_t, _ = self.sampler.corrupt(data, noise, t)
        condition = self._condition(
            torch.zeros(len(data), 1, dtype=torch.int64, device=data.device), latents.grid, None
        )
        return latents.with_x(self.backbone.hidden(latents.with_x(x_t), t, condition, depth=self.feature_depth))

    # --- files -------------------------------------------------------------------------------------------

    def files(self) -> Mapping[str, bytes]:
        """`words.json`, the words in order of their ids."""
        return self.words.file()

    def load_files(self, folder: Path) -> None:
        """Read `words.json`."""
        self.words = Words.load(folder)

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """The backbone's prediction half way for fixed words, noise and picture."""
        if inputs is None:
            generator = torch.Generator().manual_seed(0)
            known = len(self.words.words) or self.vocabulary - 1  # a model that is not trained yet has no words
            words = torch.randint(1, known + 1, (1, 6), generator=generator)
            inputs = {
                "words": words,
                "x": torch.randn(1, 16, self.dim, generator=generator),
                "picture": torch.randn(1, 16, self.dim + HINTS, generator=generator),
            }
        half = torch.full((1,), 0.5, device=inputs["x"].device)
        condition = self._condition(inputs["words"], (4, 4), inputs["picture"])
        return inputs, {"prediction": self.backbone(Latents(inputs["x"], grid=(4, 4)), half, condition)}

    # --- training ----------------------------------------------------------------------------------------

    def examples(self, rows: Dataset, cache: Path) -> Examples:
        """The rows' captions as words, and their pictures as codes."""
        if not self.words.words:
            self.words = Words.of(rows["text"], self.vocabulary)
        return Captioned(rows, self.words, self.tokenizer, self._patch)

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        """The flow's loss of one batch, with some captions dropped and some pictures given spoiled."""
        data = self._latents(batch, joint="tokenizer" in state.joint)
        edited = torch.rand(len(data), generator=generator) < self.edits
        drop = torch.where(edited, EDIT_DROP, self.drop)
        kept = (torch.rand(len(data), generator=generator) >= drop).unsqueeze(1).to(data.device)
        grid = self._grid((batch["image"].shape[1], batch["image"].shape[2]))
        known = self._spoiled(batch["image"].float() / 255, edited, grid, generator)
        condition = self._condition(batch["words"] * kept, grid, known)
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

    def _latents(self, batch: Mapping[str, Tensor], *, joint: bool) -> Tensor:
        """Standardized latents of a batch's pictures; from the pixels if the tokenizer is trained jointly."""
        tokenizer = self.tokenizer
        if not joint:
            with torch.no_grad():
                return tokenizer.embed_codes(batch["codes"]).float()
        with torch.set_grad_enabled(self.through and torch.is_grad_enabled()):
            z = tokenizer.encode_latents(batch["image"].float() / 255)
            quantized = tokenizer.embed_codes(tokenizer.quantize_latents(z))
            return (z.x + (quantized - z.x).detach()).float()  # straight-through

    @torch.no_grad()
    def _spoiled(self, pixels: Tensor, edited: Tensor, grid: tuple[int, int], generator: torch.Generator) -> Tensor:
        """`_known` of the edited pictures `[B]`, each for one of TASKS; zeros for the others."""
        known = pixels.new_zeros(len(pixels), grid[0] * grid[1], self.dim + HINTS)
        chosen = edited.nonzero().flatten()
        for index, task in enumerate(TASKS):
            some = chosen[index :: len(TASKS)].to(pixels.device)
            if len(some):
                known[some] = self._known(*spoil(task, pixels[some], self._patch, generator))
        return known

    def previews(self, rows: Dataset) -> Iterator[tuple[str, Any]]:
        """Each row's picture beside one drawn from its caption."""
        for row in rows:
            drawn = self.generate([row["text"]])[0]
            yield row["id"], Image(np.concatenate((decode_image(row["image"]).pixels, drawn.pixels), axis=1))


def _check_size(size: Any) -> None:
    sides = tuple(size) if isinstance(size, Sequence) else ()
    whole = all(isinstance(side, int) and not isinstance(side, bool) for side in sides)
    if len(sides) != 2 or not whole or not all(1 <= side <= LARGEST_SIDE for side in sides):
        raise InputError(f"size must be (height, width) of 1 to {LARGEST_SIDE} whole pixels, not {size!r}.")
