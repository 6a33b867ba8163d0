"""A picture to speech: the words that are seen, said by a model that speaks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor

from mmzoo.data import Words, as_image
from mmzoo.errors import InputError
from mmzoo.interfaces import (
    ALONE,
    Audio,
    Examples,
    Image,
    Latents,
    Link,
    Losses,
    ModalityEncoder,
    Port,
    Ports,
    Slot,
    Tokenizer,
    TrainingState,
)
from mmzoo_transfer.examples import DescribedPictures
from mmzoo_transfer.spotter import Spotter

if TYPE_CHECKING:
    from datasets import Dataset

BATCH = 64


class Voice(Protocol):
    """A model that speaks."""

    def __call__(self, text: str, *, seed: int, speed: float, steps: int | None) -> Audio: ...


class ImageToSpeech(Spotter):
    """A picture to Audio that tells what it shows.

    `tokenizer` makes codes of the picture, `picture` encodes their vectors, and what is seen in them are words, see
    `Spotter`. `voice` says them. The models in slots are other repos': what this one stores is the step from pictures
    to words, and `describe` shows it.

    dim: width of the tokenizer's latents. width: of the encoded picture. vocabulary: most words, the blank included.
    side: pixels of the pictures, which are resized.
    """

    slots: ClassVar[Mapping[str, Slot]] = {
        "tokenizer": Slot("head", model=True, contract=Tokenizer),
        "voice": Slot("head", model=True),
        "picture": Slot("encoder"),
    }
    links = (
        Link("tokenizer.latents", "picture.raw"),
        Link("tokenizer.latents", "head.latents"),
        Link("picture.latents", "head.picture"),
    )
    batch_keys = ("picture", "words")
    tokenizer: Tokenizer
    voice: Voice
    picture: ModalityEncoder

    def __init__(self, *, dim: int = 32, width: int = 160, vocabulary: int = 64, side: int = 64) -> None:
        super().__init__(width=width, vocabulary=vocabulary)
        self.dim, self.side = dim, side

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Latents of a picture, and the encoded picture, in; speech out."""
        return Ports(
            inputs={"picture": Port(width=config["width"]), "latents": Port(width=config["dim"])},
            outputs={"speech": Port(modality="speech")},
        )

    # --- use ---------------------------------------------------------------------------------------------

    def __call__(self, image: Any, *args: Any, **kwargs: Any) -> Any:
        """One picture to Audio, a list to a list; see `transfer`."""
        return self.transfer(image, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The same as calling the model."""
        return self(*args, **kwargs)

    @torch.inference_mode()
    def describe(self, image: Any) -> Any:
        """What a picture shows, in words; a list of pictures to a list. Takes whatever `mmzoo.data.as_image` takes.

        '' where no word was made out. Raises InputError for what is no picture.
        """
        if not isinstance(image, list):
            return self.describe([image])[0]
        fitted = [self._fitted(one) for one in image]
        found: list[str] = []
        for start in range(0, len(fitted), BATCH):
            found += self.read(self._seen(self.tokenizer.tokenize(fitted[start : start + BATCH])))
        return found

    @torch.inference_mode()
    def transfer(self, image: Any, *, seed: int = 0, speed: float = 1.0, steps: int | None = None) -> Any:
        """Say what a picture shows; a list of pictures to a list of Audio, whose first note is the caption.

        speed, steps: of speaking. Sound i of a list has the noise of seed + i. Raises InputError for a picture in which
        no word is made out.
        """
        captions = self.describe(image if isinstance(image, list) else [image])
        if not captions:
            raise InputError("There is nothing to tell: the list of pictures is empty.")
        if (silent := next((i for i, caption in enumerate(captions) if not caption), None)) is not None:
            raise InputError(
                f"No word was made out in picture {silent + 1} of {len(captions)}; {self.name or 'this model'} knows:"
                f" {', '.join(self.words.words)}."
            )
        said = []
        for index, caption in enumerate(captions):
            spoken = self.voice(caption, seed=seed + index, speed=speed, steps=steps)
            said.append(Audio(spoken.samples, spoken.sample_rate, spoken.segments, (caption, *spoken.notes)))
        return said if isinstance(image, list) else said[0]

    def _fitted(self, given: Any) -> Image:
        image = as_image(given)
        if image.pixels.shape[:2] == (self.side, self.side):
            return image
        from PIL import Image as Pillow

        small = Pillow.fromarray(image.pixels).resize((self.side, self.side), Pillow.Resampling.BICUBIC)
        return Image(np.asarray(small))

    # --- files and training -----------------------------------------------------------------------------------

    def _seen(self, codes_BNQ: Tensor) -> Latents:
        """Codes of pictures to the latents of `picture`."""
        with torch.no_grad():
            seen = self.tokenizer.embed_codes(codes_BNQ.to(self.device)).float()
        return self.picture.encode(seen)

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """The words' logits for fixed codes."""
        if inputs is None:
            generator = torch.Generator().manual_seed(0)
            codes = [torch.randint(size, (1, 64), generator=generator) for size in self.tokenizer.codebook_sizes]
            inputs = {"picture": torch.stack(codes, -1)}
        return inputs, {"scores": self.scores(self._seen(inputs["picture"]))}

    def examples(self, rows: Dataset, cache: Path) -> Examples:
        """The rows' pictures as codes, and their captions as words."""
        if not self.words.words:
            self.words = Words.of(rows["text"], self.vocabulary)
        return DescribedPictures(rows, self.words, self.tokenizer)

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        """The negative log likelihood of the captions' words, by word."""
        return self.spotting(self._seen(batch["picture"]), batch["words"])
