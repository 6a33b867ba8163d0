"""Text-to-image and picture editing: a diffusion transformer over a picture tokenizer's latents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.data import as_batch, as_image, as_text, decode_image, fit_image, packed_images, picture_codes
from mmzoo.data.words import PADDING, Words
from mmzoo.errors import ConfigError, InputError
from mmzoo.interfaces import (
    ALONE,
    Condition,
    Count,
    DiffusionBackbone,
    Examples,
    Fraction,
    Image,
    Latents,
    Link,
    Losses,
    ModalityEncoder,
    Port,
    Ports,
    Sampler,
    Size,
    Slot,
    TaskHead,
    Tokenizer,
    TrainingState,
    Weight,
)
from mmzoo.interfaces.guidance import prediction
from mmzoo.interfaces.options import seed_note
from mmzoo.nn.rows import copy_leading_rows
from mmzoo.nn.sines import grid_sines
from mmzoo_image.examples import Captioned
from mmzoo_image.inputs import (
    Sampling,
    blended,
    checked_prompts,
    checked_sampling,
    checked_size,
    stack_masks,
    stack_pictures,
    unknown_note,
)
from mmzoo_image.masks import class_fractions, fitted_mask, packed_masks
from mmzoo_image.spoil import FACTOR, HINTS, TASKS, enlarge, hide, hints, spoil

if TYPE_CHECKING:
    from datasets import Dataset

FEATURE_TIME = 0.9
AT_ONCE = 256
"""Pairs of a prompt and a noise that are denoised at once."""
EDIT_DROP = 0.5
"""Caption dropout for training edits; high, because most edits come without a prompt."""


class TextToImage(TaskHead):
    """Draws pictures from captions or class names, and edits pictures: inpainting, upscaling and denoising.

    `text` encodes the words of the caption. `backbone` maps noise to the tokenizer's standardized latents. It attends
    to the words, gets their mean as a vector with the time, and gets fixed sinusoidal codes of row and column. For an
    edit, the latents of the degraded picture and hints about the task (see `mmzoo_image.spoil`) are a further input,
    which is zero when drawing. So one network draws and edits, and edits can follow a prompt too.

    Args:
        dim: Width of the tokenizer's latents.
        width: Width of the word vectors.
        vocabulary: Maximum number of words, including padding.
        side: Side of the training pictures in pixels, and the default size to draw.
        num_steps: Default number of sampling steps.
        edit_steps: Default for edits without a prompt. Few steps tend to the mean of all plausible results, which is
            closest to the truth; more steps give one of them, which is sharper.
        guidance: Default scale of classifier-free guidance.
        drop: Probability of dropping the caption in training, which guidance requires.
        edits: Fraction of training pictures that are edited instead of drawn.
        plain_weight: Loss weight of latents over single-color patches, relative to 1. Most of a simple picture is
            background, which would dominate the loss.
        feature_depth: Number of backbone blocks before `features` are read.
        mask_classes: Number of classes of the masks that may be a condition too (see `MaskToImage`); 0 for none.
        through: Whether the flow loss trains a jointly trained tokenizer too (straight-through its codes); otherwise
            each learns from its own loss.
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
        Link("sampler.times", "backbone.times"),
    )
    columns: ClassVar[tuple[str, ...]] = ("image", "text")
    batch_keys: ClassVar[tuple[str, ...]] = ("words", "image", "codes", "plain")
    generates = Image
    tokenizer: Tokenizer
    text: ModalityEncoder
    backbone: DiffusionBackbone
    sampler: Sampler

    def __init__(
        self,
        *,
        dim: Size,
        width: Size = 256,
        vocabulary: Size = 128,
        side: Size = 64,
        num_steps: Size = 10,
        edit_steps: Size = 3,
        guidance: Weight = 2.0,
        drop: Fraction = 0.1,
        edits: Fraction = 0.25,
        plain_weight: Weight = 0.25,
        feature_depth: Count = 3,
        mask_classes: Count = 0,
        through: bool = False,
    ) -> None:
        super().__init__()
        self.dim, self.width, self.vocabulary, self.side = dim, width, vocabulary, side
        self.num_steps, self.edit_steps, self.guidance = num_steps, edit_steps, guidance
        self.drop, self.edits, self.plain_weight = drop, edits, plain_weight
        self.feature_depth, self.mask_classes, self.through = feature_depth, mask_classes, through
        self.words = Words()
        self.pooled = nn.Linear(width, width)

    def connect(self) -> None:
        """Raise ConfigError unless the tokenizer is one for pictures."""
        if self.tokenizer.patch is None:
            raise ConfigError(
                f"The tokenizer of text-to-image must be one for pictures, not for {self.tokenizer.modality}.",
                path="tokenizer",
            )

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Word vectors and latents in; words, latents, pictures and degraded pictures out."""
        latent = Port(width=config["dim"])
        return Ports(
            inputs={"text": Port(width=config["width"]), "latents": latent},
            outputs={
                "words": Port(modality="text", codebook_size=config["vocabulary"]),
                "latents": latent,
                "image": Port(modality="image"),
                "picture": Port(width=config["dim"] + HINTS + config.get("mask_classes", 0)),
            },
        )

    # --- use ---------------------------------------------------------------------------------------------

    def __call__(
        self,
        prompt: Any,
        *,
        steps: int | None = None,
        guidance: float | None = None,
        interval: tuple[float, float] = (0.0, 1.0),
        seed: int | None = 0,
        size: tuple[int, int] | None = None,
    ) -> Any:
        """One prompt, or a dataset row with one, to an Image, or a list to a list. See `generate` for the options."""
        prompts = as_batch(prompt)
        drawn = self.generate(
            [as_text(prompt, "A prompt")] if prompts is None else prompts,
            steps=steps,
            guidance=guidance,
            interval=interval,
            seed=seed,
            size=size,
        )
        return drawn[0] if prompts is None else drawn

    forward = __call__

    def unknown_words(self, prompt: str) -> tuple[str, ...]:
        """The words of a prompt that are not in the vocabulary and are ignored."""
        return self.words.ids([as_text(prompt)])[1][0]

    @torch.inference_mode()
    def generate(
        self,
        prompts: Sequence[Any],
        *,
        steps: int | None = None,
        guidance: float | None = None,
        interval: tuple[float, float] = (0.0, 1.0),
        seed: int | None = 0,
        size: tuple[int, int] | None = None,
        masks: Sequence[Any] | None = None,
    ) -> list[Image]:
        """Draw a picture for each prompt. Prompt i uses seed + i, so it does not depend on the rest of the batch.

        Args:
            prompts: Captions, or dataset rows with one; "" is possible with a mask.
            steps: Sampling steps; None for the model's default.
            guidance: Scale of classifier-free guidance, 1 for none; None for the model's default.
            interval: Times in [0, 1] between which guidance applies.
            seed: Seed of the first picture's noise; None draws one, and the notes of each picture report its own.
            size: (height, width) in pixels; None for the training size.
            masks: For a model with `mask_classes`, a gray picture for each prompt whose values are classes: anything
                that `mmzoo.data.as_image` takes. It is stretched to the size.

        Raises:
            InputError: A prompt has no known word, or an argument is out of range.
        """
        texts = as_batch(prompts)
        if not texts:
            raise InputError("generate takes a non-empty list of prompts, each of them a string.")
        texts = [as_text(text, "A prompt") for text in texts]
        size = (self.side, self.side) if size is None else checked_size(size)
        ids, _ = self.words.ids(texts)
        known = None if masks is None else self._shown(masks, len(texts), size)
        for prompt, row in zip(texts, ids, strict=True):
            if not row.any() and known is None:
                raise InputError(
                    f"The prompt {prompt[:60]!r} has no word that {self.name or 'this model'} knows; it knows"
                    f" {', '.join(self.words.words)}."
                )
        return self._draw(ids, known, size, self._sampling(steps, guidance, interval, seed))

    def _shown(self, masks: Sequence[Any], count: int, size: tuple[int, int]) -> Tensor:
        """`_known` for masks and no picture."""
        items = as_batch(masks)
        if not self.mask_classes:
            raise InputError(f"{self.name or 'This model'} does not draw from masks; leave masks out.")
        if items is None or len(items) != count:
            raise InputError(f"masks must be a list with a mask for each of the {count} prompts.")
        classes = torch.from_numpy(np.stack([fitted_mask(as_image(mask), size) for mask in items]))
        covered = class_fractions(classes, self.mask_classes, self._grid(size), self._patch)
        return F.pad(covered, (self.dim + HINTS, 0)).to(self.device)

    def generate_item(
        self,
        *,
        text: str,
        steps: Size | None = None,
        guidance: Weight | None = None,
        size: tuple[int, int] | None = None,
        seed: int | None = 0,
    ) -> Image:
        """Draw one caption or class name; see `generate`. The notes also list the words that were ignored."""
        (drawn,) = self.generate([text], steps=steps, guidance=guidance, seed=seed, size=size)
        return replace(drawn, notes=(*unknown_note(self.unknown_words(text)), *drawn.notes))

    @torch.inference_mode()
    def inpaint(
        self,
        pictures: Sequence[Any],
        masks: Sequence[Any],
        prompts: Sequence[Any] | None = None,
        *,
        steps: int | None = None,
        guidance: float | None = None,
        interval: tuple[float, float] = (0.0, 1.0),
        seed: int | None = 0,
    ) -> list[Image]:
        """Redraw the white part of masks; black pixels stay as they are, and gray ones blend old and new.

        Args:
            pictures: Pictures of equal size, anything that `mmzoo.data.as_image` takes.
            masks: One for each picture, anything that `mmzoo.data.as_mask` takes: True or white where to redraw.
                What is at least half white is hidden from the model.
            prompts: A caption of each complete picture, "" if unknown; None for none.
            steps: See `generate`; without it, edits without a prompt use `edit_steps`.
            guidance: See `generate`.
            interval: See `generate`.
            seed: See `generate`.

        Raises:
            InputError: The lists or sizes do not match, or an argument is out of range.
        """
        images = [as_image(picture) for picture in as_batch(pictures) or []]
        pixels = stack_pictures(images).to(self.device)
        blend = stack_masks(masks, len(pixels), (pixels.shape[1], pixels.shape[2]))
        hidden = (blend >= 0.5).to(self.device)
        sampling = self._sampling(steps, guidance, interval, seed)
        drawn = self._edit("inpaint", hide(pixels, hidden), prompts, hidden, sampling)
        return [
            replace(new, pixels=blended(old.pixels, new.pixels, weight))
            for new, old, weight in zip(drawn, images, blend.numpy(), strict=True)
        ]

    @torch.inference_mode()
    def upscale(
        self,
        pictures: Sequence[Any],
        prompts: Sequence[Any] | None = None,
        *,
        steps: int | None = None,
        guidance: float | None = None,
        interval: tuple[float, float] = (0.0, 1.0),
        seed: int | None = 0,
    ) -> list[Image]:
        """Enlarge pictures four times in width and height; arguments as for `inpaint`."""
        pixels = stack_pictures(pictures).to(self.device)
        size = checked_size((FACTOR * pixels.shape[1], FACTOR * pixels.shape[2]))
        sampling = self._sampling(steps, guidance, interval, seed)
        return self._edit("upscale", enlarge(pixels, size), prompts, None, sampling)

    @torch.inference_mode()
    def denoise(
        self,
        pictures: Sequence[Any],
        prompts: Sequence[Any] | None = None,
        *,
        steps: int | None = None,
        guidance: float | None = None,
        interval: tuple[float, float] = (0.0, 1.0),
        seed: int | None = 0,
    ) -> list[Image]:
        """Remove noise from pictures; arguments as for `inpaint`."""
        sampling = self._sampling(steps, guidance, interval, seed)
        return self._edit("denoise", stack_pictures(pictures).to(self.device), prompts, None, sampling)

    def _edit(
        self, task: str, pixels: Tensor, prompts: Sequence[Any] | None, mask: Tensor | None, sampling: Sampling
    ) -> list[Image]:
        """Edit degraded pictures `[B, H, W, 3]`; without a known word or given steps, `edit_steps` applies."""
        texts = [""] * len(pixels) if prompts is None else checked_prompts(prompts, len(pixels))
        size = (pixels.shape[1], pixels.shape[2])
        known = self._known(pixels, hints(task, len(pixels), self._grid(size), self._patch, mask))
        ids = self.words.ids(texts)[0]
        prompted = ids.any(1).tolist()
        if sampling.steps is not None or all(prompted):
            return self._draw(ids, known, size, sampling)
        unprompted = self._draw(ids, known, size, replace(sampling, steps=self.edit_steps))
        if not any(prompted):
            return unprompted
        # Each picture is independent of its batch, so draw the batch both ways and choose.
        both = zip(prompted, self._draw(ids, known, size, sampling), unprompted, strict=True)
        return [with_words if has_words else without for has_words, with_words, without in both]

    def _sampling(
        self, steps: int | None, guidance: float | None, interval: tuple[float, float], seed: int | None
    ) -> Sampling:
        return checked_sampling(steps, self.guidance if guidance is None else guidance, interval, seed)

    def _draw(self, ids: Tensor, known: Tensor | None, size: tuple[int, int], sampling: Sampling) -> list[Image]:
        """Pictures for words `[B, M]` and, for edits, the `_known` latents."""
        steps = self.num_steps if sampling.steps is None else sampling.steps
        size = checked_size(size)
        grid, ids = self._grid(size), ids.to(self.device)
        shape = (grid[0] * grid[1], self.dim)
        noise = torch.stack([_noise(shape, sampling.seed + index) for index in range(len(ids))]).to(self.device)
        condition = self._condition(ids, grid, known)
        null = self._condition(torch.zeros_like(ids), grid, known) if ids.any() else None
        predict = prediction(
            self.backbone,
            self.sampler,
            Latents(noise, grid=grid),
            condition,
            null,
            num_steps=steps,
            scale=sampling.guidance,
            interval=sampling.interval,
        )
        latents = self.sampler.sample(predict, noise, steps)
        codes = self.tokenizer.quantize_latents(Latents(latents.float(), grid=grid))
        drawn: Sequence[Image] = self.tokenizer.decode_latents(Latents(self.tokenizer.embed_codes(codes), grid=grid))
        return [
            Image(image.pixels[: size[0], : size[1]], seed_note(sampling.seed + index, sampling.drawn))
            for index, image in enumerate(drawn)
        ]

    @property
    def _patch(self) -> int:
        """Side in pixels of the patch that each latent represents."""
        assert self.tokenizer.patch is not None  # checked by `connect`
        return self.tokenizer.patch

    def _grid(self, size: tuple[int, int]) -> tuple[int, int]:
        return -(-size[0] // self._patch), -(-size[1] // self._patch)

    # --- parts of the forward pass, shared by training and sampling -----------------------------------------

    def _known(self, pixels: Tensor, hints: Tensor) -> Tensor:
        """The backbone's input for a degraded picture: unquantized latents, hints and no mask."""
        latents = self.tokenizer.encode_latents(pixels).x
        return F.pad(torch.cat((latents.float(), hints.to(latents.device)), dim=-1), (0, self.mask_classes))

    def _condition(self, ids_BN: Tensor, grid: tuple[int, int], known: Tensor | None) -> Condition:
        """The condition of captions `[B, M]`; a caption without words is the null condition."""
        mask = ids_BN != PADDING
        encoded = self.text.encode(ids_BN, mask)
        count = mask.sum(1, keepdim=True)
        mean = (encoded.x * mask.unsqueeze(-1)).sum(1) / count.clamp_min(1)
        pooled = self.pooled(mean) * (count > 0)
        place = grid_sines(*grid, self.width, device=ids_BN.device).to(encoded.x.dtype)
        if known is None:
            known = place.new_zeros(len(ids_BN), grid[0] * grid[1], self.dim + HINTS + self.mask_classes)
        return Condition(
            vectors={"text": pooled},
            aligned={"place": place.expand(len(ids_BN), -1, -1), "picture": known},
            sequences={"words": replace(encoded, mask=mask)},
        )

    # --- recognition by diffusion ------------------------------------------------------------------------

    def features(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        """Hidden states of the backbone for pictures `[B, H, W, 3]`, without a caption, as input to recognition.

        A little noise is added, the same for every picture (Xiang et al., arXiv 2303.09769).
        """
        return self.hidden_states(raw, depths=(self.feature_depth,), times=(FEATURE_TIME,))

    @torch.no_grad()
    def hidden_states(self, raw: Tensor, *, depths: Sequence[int], times: Sequence[float]) -> Latents:
        """Hidden states at several depths and times; see `Diffuses`."""
        latents = self.tokenizer.encode_latents(raw)
        assert latents.grid is not None
        data = latents.x.float()
        noise = _noise(data.shape[1:], 0).to(data).expand_as(data)
        none = torch.zeros(len(data), 1, dtype=torch.int64, device=data.device)
        condition = self._condition(none, latents.grid, None)
        states = []
        for time in times:
            t = data.new_full((len(data),), time)
            x_t = latents.with_x(self.sampler.corrupt(data, noise, t)[0])
            states += [self.backbone.hidden(x_t, t, condition, depth=depth) for depth in depths]
        return latents.with_x(torch.cat(states, dim=-1))

    @torch.no_grad()
    def denoising_errors(self, raw: Tensor, prompts: Sequence[str], *, times: Tensor, seeds: Sequence[int]) -> Tensor:
        """Errors of the prediction under each prompt, with the same noise and times for all; see `Diffuses`.

        The picture is quantized, as the pictures of training were.
        """
        latents = self.tokenizer.encode_latents(raw)
        data = self.tokenizer.embed_codes(self.tokenizer.quantize_latents(latents)).float()
        assert latents.grid is not None
        noise = torch.stack([_noise(data.shape[1:], seed) for seed in seeds]).to(data)
        x_t, target = self.sampler.corrupt(data.expand_as(noise), noise, times.to(data))
        condition = self._condition(self.words.ids(prompts)[0].to(data.device), latents.grid, None)
        pairs = torch.cartesian_prod(torch.arange(len(prompts)), torch.arange(len(noise))).to(data.device)
        errors = []
        for start in range(0, len(pairs), AT_ONCE):
            prompt, draw = pairs[start : start + AT_ONCE].unbind(1)
            x = Latents(x_t[draw], grid=latents.grid)
            guess = self.backbone(x, times.to(data)[draw], condition.select(prompt))
            errors.append((guess.float() - target[draw]).square().mean((1, 2)))
        return torch.cat(errors).view(len(prompts), len(noise))

    # --- files -------------------------------------------------------------------------------------------

    def files(self) -> Mapping[str, bytes]:
        """`words.json`: the vocabulary in order of ids."""
        return self.words.file()

    def load_files(self, folder: Path) -> None:
        """Read `words.json`."""
        self.words = Words.load(folder)

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """The backbone's prediction at t = 0.5 for fixed words, noise and picture."""
        if inputs is None:
            generator = torch.Generator().manual_seed(0)
            known = len(self.words.words) or self.vocabulary - 1  # an untrained model has no words
            words = torch.randint(1, known + 1, (1, 6), generator=generator)
            inputs = {
                "words": words,
                "x": torch.randn(1, 16, self.dim, generator=generator),
                "picture": torch.randn(1, 16, self.dim + HINTS + self.mask_classes, generator=generator),
            }
        half = torch.full((1,), 0.5, device=inputs["x"].device)
        condition = self._condition(inputs["words"], (4, 4), inputs["picture"])
        return inputs, {"prediction": self.backbone(Latents(inputs["x"], grid=(4, 4)), half, condition)}

    # --- other words ---------------------------------------------------------------------------------------

    def adapt(self, rows: Dataset) -> Mapping[str, Any]:
        """A larger vocabulary if the captions' words do not fit."""
        vocabulary = self.words.vocabulary_for(rows["text"], self.vocabulary)
        grown = {"vocabulary": vocabulary, "text": {"vocabulary": vocabulary}}
        return {} if vocabulary == self.vocabulary else grown

    def inherit(self, trained: TextToImage, rows: Dataset) -> None:
        """The words of the trained model with their vectors, and after them the new words of the rows."""
        self.words = trained.words.extended(rows["text"])
        before = trained.text.state_dict()
        for name, tensor in self.text.state_dict().items():
            if tensor.shape != before[name].shape:
                copy_leading_rows(tensor, before[name])

    # --- training ----------------------------------------------------------------------------------------

    def examples(self, rows: Dataset, cache: Path) -> Examples:
        """Captions as word ids, and pictures as codes; sets the vocabulary unless there is one."""
        if not self.words.words:
            self.words = Words.of(rows["text"], self.vocabulary)
        pixels = packed_images(rows, cache, self.side)
        codes = picture_codes(rows, cache, self.tokenizer, self.side)
        masks = packed_masks(rows, cache, self.side) if self.mask_classes else None
        return Captioned(pixels, rows["text"], self.words, codes, self._patch, masks)

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        """The sampler's loss of one batch, with some captions dropped and some pictures edited."""
        data = self._latents(batch, joint="tokenizer" in state.joint)
        edited = torch.rand(len(data), generator=generator) < self.edits
        drop = torch.where(edited, EDIT_DROP, self.drop)
        kept = (torch.rand(len(data), generator=generator) >= drop).unsqueeze(1).to(data.device)
        grid = self._grid((batch["image"].shape[1], batch["image"].shape[2]))
        known = self._spoiled(batch["image"].float() / 255, edited, grid, generator)
        if self.mask_classes:
            shown = (torch.rand(len(data), 1, 1, generator=generator) >= self.drop).to(data.device)
            covered = class_fractions(batch["mask"], self.mask_classes, grid, self._patch)
            known[..., -self.mask_classes :] = covered.to(known) * shown
        condition = self._condition(batch["words"] * kept, grid, known)
        weight = torch.where(batch["plain"], self.plain_weight, 1.0)
        return self.sampler.loss(self.backbone, Latents(data, grid=grid), condition, generator, weight)

    def _latents(self, batch: Mapping[str, Tensor], *, joint: bool) -> Tensor:
        """Standardized latents of a batch, from stored codes, or from pixels if the tokenizer is trained jointly."""
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
        """`_known` for the pictures chosen by `edited` `[B]`, each degraded for one of TASKS; zeros for the others."""
        known = pixels.new_zeros(len(pixels), grid[0] * grid[1], self.dim + HINTS + self.mask_classes)
        chosen = edited.nonzero().flatten()
        for index, task in enumerate(TASKS):
            rows = chosen[index :: len(TASKS)].to(pixels.device)
            if len(rows):
                known[rows] = self._known(*spoil(task, pixels[rows], self._patch, generator))
        return known

    def previews(self, rows: Dataset) -> Iterator[tuple[str, Any]]:
        """Each row's picture next to one drawn from its caption."""
        for row in rows:
            drawn = self.generate([row["text"]])[0]
            fitted = fit_image(decode_image(row["image"]), drawn.pixels.shape[:2])
            yield row["id"], Image(np.concatenate((fitted.pixels, drawn.pixels), axis=1))


def _noise(shape: Sequence[int], seed: int) -> Tensor:
    """Normal noise that depends on its shape and seed alone."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
