"""A picture to speech: a caption that flows over a text tokenizer's latents, said by a model that speaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from mmzoo.data import as_image
from mmzoo.errors import InputError
from mmzoo.interfaces import (
    Audio,
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
from mmzoo.nn.sines import sines
from mmzoo_transfer.examples import DescribedPictures

if TYPE_CHECKING:
    from datasets import Dataset


class ImageToSpeech(TaskHead):
    """A picture to Audio that tells what it shows.

    `tokenizer` makes latents of the picture, which `picture` encodes; the backbone attends to them and gets their mean
    beside the time, and flows from noise to the latents of a caption in `texts`, the text tokenizer. They are snapped
    to its codes, decoded to letters, and said by `voice`. The models in slots are other repos': what this one stores
    is the step from pictures to words, and `describe` shows it.

    dim, text_dim: widths of the picture's and the text's latents. width: of the encoded picture. latents: how many the
    longest caption takes. side: pixels of the pictures, which are resized. num_steps, guidance: of sampling. drop:
    share of pictures left out in training, which guidance needs. blank_weight: of latents after the caption's end,
    beside 1.
    """

    slots: ClassVar[Mapping[str, Slot]] = {
        "tokenizer": Slot("head", model=True),
        "texts": Slot("head", model=True),
        "voice": Slot("head", model=True),
        "picture": Slot("encoder"),
        "backbone": Slot("backbone"),
        "sampler": Slot("sampler"),
    }
    links = (
        Link("tokenizer.latents", "picture.raw"),
        Link("picture.latents", "head.picture"),
        Link("texts.latents", "head.latents"),
        Link("head.latents", "backbone.x"),
    )
    tokenizer: Any
    texts: Any
    voice: Any
    picture: ModalityEncoder
    backbone: DiffusionBackbone
    sampler: Sampler

    def __init__(
        self,
        *,
        dim: int = 32,
        text_dim: int = 32,
        width: int = 160,
        latents: int = 80,
        side: int = 64,
        num_steps: int = 16,
        guidance: float = 1.5,
        drop: float = 0.1,
        blank_weight: float = 0.2,
    ) -> None:
        super().__init__()
        self.dim, self.text_dim, self.width, self.latents, self.side = dim, text_dim, width, latents, side
        self.num_steps, self.guidance, self.drop, self.blank_weight = num_steps, guidance, drop, blank_weight
        self.pooled = nn.Linear(width, width)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """An encoded picture and latents of text in; latents of text and speech out."""
        latent = Port(width=config["text_dim"])
        return Ports(
            inputs={"picture": Port(width=config["width"]), "latents": latent},
            outputs={"latents": latent, "speech": Port(modality="speech")},
        )

    # --- use ---------------------------------------------------------------------------------------------

    def __call__(self, image: Any, *args: Any, **kwargs: Any) -> Any:
        """One picture to Audio, a list to a list; see `transfer`."""
        return self.transfer(image, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The same as calling the model."""
        return self(*args, **kwargs)

    @torch.inference_mode()
    def describe(self, image: Any, *, steps: int | None = None, guidance: float | None = None, seed: int = 0) -> Any:
        """What a picture shows, in words; a list of pictures to a list. Takes whatever `mmzoo.data.as_image` takes.

        steps: of sampling. guidance: 1 for none. Picture i of a list has the noise of seed + i. Raises InputError for
        what is no picture and for bad numbers.
        """
        if not isinstance(image, list):
            return self.describe([image], steps=steps, guidance=guidance, seed=seed)[0]
        steps, guidance = self._manner(steps, guidance, seed)
        if not image:
            raise InputError("There is nothing to describe: the list of pictures is empty.")
        codes = self.tokenizer.tokenize([self._fitted(one) for one in image]).to(self.device)
        noise = torch.stack(
            [
                torch.randn(self.latents, self.text_dim, generator=torch.Generator().manual_seed(seed + index))
                for index in range(len(image))
            ]
        ).to(self.device)
        shown = torch.ones(len(image), dtype=torch.bool, device=self.device)
        predict = prediction(
            self.backbone,
            self.sampler,
            Latents(noise),
            self._condition(codes, shown),
            self._condition(codes, ~shown),
            num_steps=steps,
            scale=guidance,
        )
        found = self.texts.unstandardise(self.sampler.sample(predict, noise, steps).float())
        told = self.texts.quantizer.decode(self.texts.snap(found))
        return [" ".join(self.texts.decode_latents(one.unsqueeze(0)).split()) for one in told]

    @torch.inference_mode()
    def transfer(self, image: Any, *, seed: int = 0, speed: float = 1.0, **manner: Any) -> Any:
        """Say what a picture shows; a list of pictures to a list of Audio, whose first note is the caption.

        manner: steps and guidance of `describe`. speed: of speaking. Raises InputError as `describe` does.
        """
        pictures = image if isinstance(image, list) else [image]
        said = []
        for index, caption in enumerate(self.describe(pictures, seed=seed, **manner)):
            if not any(letter.isalpha() for letter in caption):
                raise InputError(
                    f"Picture {index + 1} of {len(pictures)} could not be put into words; try another seed."
                )
            spoken = self.voice(caption, seed=seed + index, speed=speed)
            said.append(Audio(spoken.samples, spoken.sample_rate, spoken.segments, (caption, *spoken.notes)))
        return said if isinstance(image, list) else said[0]

    def _fitted(self, given: Any) -> Image:
        image = as_image(given)
        if image.pixels.shape[:2] == (self.side, self.side):
            return image
        from PIL import Image as Pillow

        small = Pillow.fromarray(image.pixels).resize((self.side, self.side), Pillow.Resampling.BICUBIC)
        return Image(np.asarray(small))

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

    def _condition(self, codes_BNQ: Tensor, shown_B: Tensor) -> Condition:
        """Codes of pictures; one that is not shown is the null condition."""
        seen = self.tokenizer.standardise(self.tokenizer.quantizer.decode(codes_BNQ)).float()
        encoded = self.picture.encode(seen)
        mask = shown_B.unsqueeze(1).expand(encoded.x.shape[:2])
        pooled = self.pooled(encoded.x.mean(1)) * shown_B.unsqueeze(1)
        place = sines(self.latents, self.width, device=codes_BNQ.device).to(encoded.x.dtype)
        return Condition(
            vectors={"picture": pooled},
            aligned={"place": place.expand(len(codes_BNQ), -1, -1)},
            sequences={"picture": Latents(encoded.x, mask)},
        )

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """The backbone's prediction half way for fixed codes and noise."""
        if inputs is None:
            generator = torch.Generator().manual_seed(0)
            sizes: Sequence[int] = self.tokenizer.quantizer.codebook_sizes
            codes = [torch.randint(size, (1, 16), generator=generator) for size in sizes]
            noise = torch.randn(1, self.latents, self.text_dim, generator=generator)
            inputs = {"picture": torch.stack(codes, -1), "x": noise}
        shown = torch.ones(1, dtype=torch.bool, device=inputs["x"].device)
        half = torch.full((1,), 0.5, device=inputs["x"].device)
        condition = self._condition(inputs["picture"], shown)
        return inputs, {"prediction": self.backbone(Latents(inputs["x"]), half, condition)}

    # --- training ----------------------------------------------------------------------------------------

    def examples(self, rows: Dataset, cache: Path) -> Examples:
        """The rows' pictures and captions as codes."""
        return DescribedPictures(rows, self.tokenizer, self.texts, self.latents)

    def training_step(self, batch: Mapping[str, Tensor], generator: torch.Generator) -> Losses:
        """The flow's loss of one batch, with some pictures left out."""
        with torch.no_grad():
            data = self.texts.standardise(self.texts.quantizer.decode(batch["text"])).float()
        shown = (torch.rand(len(data), generator=generator) >= self.drop).to(data.device)
        condition = self._condition(batch["picture"], shown)
        noise = torch.randn(data.shape, generator=generator).to(data.device)
        t = self.sampler.times(len(data), generator).to(data.device)
        x_t, target = self.sampler.corrupt(data, noise, t)
        if torch.is_autocast_enabled(data.device.type):
            x_t = x_t.to(torch.get_autocast_dtype(data.device.type))
        found = self.backbone(Latents(x_t), t, condition)
        told = torch.arange(self.latents, device=data.device) < batch["told"].unsqueeze(1)
        weight = torch.where(told, 1.0, self.blank_weight)
        errors = (found.float() - target).square().mean(-1)
        flow = (errors * weight).sum() / weight.sum()
        return Losses(flow, {"flow": flow.detach(), "unweighted": errors.mean().detach()})
