"""The image-to-speech head: recognizes words in a picture, which a text-to-speech model speaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import torch
from torch import Tensor

from mmzoo.data import Words, as_batch, as_image, fit_image, picture_codes
from mmzoo.interfaces import (
    ALONE,
    Audio,
    Examples,
    FilePath,
    Image,
    Latents,
    Link,
    Losses,
    ModalityEncoder,
    Port,
    Ports,
    Size,
    Slot,
    Tokenizer,
    TrainingState,
)
from mmzoo.interfaces.options import seed_note, seed_of
from mmzoo_transfer.examples import DescribedPictures
from mmzoo_transfer.spotter import Spotter

if TYPE_CHECKING:
    from datasets import Dataset

BATCH = 64


class Voice(Protocol):
    """A text-to-speech model."""

    def __call__(self, text: str, *, seed: int, speed: float, steps: int | None) -> Audio: ...


class ImageToSpeech(Spotter):
    """Speaks what a picture shows.

    `tokenizer` turns the picture into codes, `picture` encodes their vectors, and `Spotter` recognizes words in the
    result, which `describe` returns. `voice` speaks them. The models in slots are stored in their own repos.

    Args:
        dim: Channels of the tokenizer's latents.
        width: Channels of the encoded picture.
        vocabulary: Largest number of words, including the blank.
        side: Pixels of a picture's side; other pictures are resized.
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
    columns = ("image", "text")
    codes_replace = ("image",)
    batch_keys = ("picture", "words")
    generates = Audio
    tokenizer: Tokenizer
    voice: Voice
    picture: ModalityEncoder

    def __init__(self, *, dim: Size = 32, width: Size = 160, vocabulary: Size = 64, side: Size = 64) -> None:
        super().__init__(width=width, vocabulary=vocabulary)
        self.dim, self.side = dim, side

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Latents of the tokenizer and of the picture encoder in; speech out."""
        return Ports(
            inputs={"picture": Port(width=config["width"]), "latents": Port(width=config["dim"])},
            outputs={"speech": Port(modality="speech")},
        )

    # --- inference ---------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def describe(self, image: Any) -> Any:
        """The words recognized in a picture, or in each picture of a list.

        Args:
            image: Anything `mmzoo.data.as_image` takes, or a list of such.

        Returns:
            The words separated by spaces, "" if there are none; a list of such for a list.

        Raises:
            InputError: An input is not a picture.
        """
        if (items := as_batch(image)) is None:
            return self.describe([image])[0]
        fitted = [self._fitted(one) for one in items]
        captions: list[str] = []
        for start in range(0, len(fitted), BATCH):
            captions += self.read(self._encoded(self.tokenizer.tokenize(fitted[start : start + BATCH])))
        return captions

    @torch.inference_mode()
    def transfer(self, image: Any, *, seed: int | None = 0, speed: float = 1.0, steps: int | None = None) -> Any:
        """Speak what a picture shows, or each picture of a list.

        Args:
            image: Anything `mmzoo.data.as_image` takes, or a list of such.
            seed: Seed of the initial noise; item i of a list uses seed + i. None draws one, and the notes report it.
            speed: 2.0 is twice as fast.
            steps: Sampling steps; None for the voice's default.

        Returns:
            Audio whose first note is the caption; a list of them for a list.

        Raises:
            InputError: No word was recognized in a picture, or the list is empty.
        """
        items = as_batch(image)
        first, was_drawn = seed_of(seed)
        captions = self.describe([image] if items is None else items)
        self.require_words(captions, "picture")
        results = []
        for index, caption in enumerate(captions):
            spoken = self.voice(caption, seed=first + index, speed=speed, steps=steps)
            results.append(replace(spoken, notes=(caption, *spoken.notes, *seed_note(first + index, was_drawn))))
        return results[0] if items is None else results

    __call__ = forward = transfer

    def generate_item(
        self, *, image: FilePath, speed: float = 1.0, steps: Size | None = None, seed: int | None = 0
    ) -> Audio:
        """Speak what one picture shows; see `transfer`."""
        spoken: Audio = self.transfer(as_image(image), seed=seed, speed=speed, steps=steps)
        return spoken

    def _fitted(self, given: Any) -> Image:
        return fit_image(as_image(given), (self.side, self.side), "stretch")

    # --- files and training -----------------------------------------------------------------------------------

    def _encoded(self, codes_BNQ: Tensor) -> Latents:
        """Codes of pictures to the latents of `picture`."""
        with torch.no_grad():
            vectors = self.tokenizer.embed_codes(codes_BNQ.to(self.device)).float()
        return self.picture.encode(vectors)

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """The logits of the words for fixed codes."""
        if inputs is None:
            generator = torch.Generator().manual_seed(0)
            codes = [torch.randint(size, (1, 64), generator=generator) for size in self.tokenizer.codebook_sizes]
            inputs = {"picture": torch.stack(codes, -1)}
        return inputs, {"scores": self.scores(self._encoded(inputs["picture"]))}

    def examples(self, rows: Dataset, cache: Path) -> Examples:
        """The rows' pictures as codes, and their captions as word ids; the first call also sets the vocabulary."""
        if not self.words.words:
            self.words = Words.of(rows["text"], self.vocabulary)
        return DescribedPictures(picture_codes(rows, cache, self.tokenizer, self.side), rows["text"], self.words)

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        """The CTC loss of the captions."""
        return self.spotting(self._encoded(batch["picture"]), batch["words"])
