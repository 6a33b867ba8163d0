"""Speech to a picture: the words that are heard, drawn by a model that draws from words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor

from mmzoo.data import Words, as_audio, decode_audio, decode_image
from mmzoo.errors import InputError
from mmzoo.interfaces import ALONE, Examples, Image, Link, Losses, ModalityEncoder, Port, Ports, Slot, TrainingState
from mmzoo_transfer.examples import SpokenCaptions
from mmzoo_transfer.spotter import Spotter

if TYPE_CHECKING:
    from datasets import Dataset

LONGEST_S = 30.0


class Artist(Protocol):
    """A model that draws from words."""

    def generate(self, prompts: Sequence[str], *, seed: int = 0, **options: Any) -> list[Image]: ...

    def unknown_words(self, prompt: str) -> tuple[str, ...]: ...


class SpeechToImage(Spotter):
    """A spoken caption to an Image.

    `speech` encodes the sound, and what is heard in it are words, see `Spotter`. `artist` draws them. It is a model of
    its own, so what this one stores is the listener alone, and `hear` tells what was understood.

    width: of the encoder's latents. vocabulary: most words, the blank included. sample_rate: of speech, Hz. spread:
    training speech is played faster or slower by up to this share, its pitch with it, so that more voices are within
    what was heard. tilt: and made duller or brighter, see `SpokenCaptions`. masked: share of training speech that is
    silenced, in short spans (SpecAugment, Park et al., arXiv 1904.08779).
    """

    slots: ClassVar[Mapping[str, Slot]] = {"speech": Slot("encoder"), "artist": Slot("head", model=True)}
    links = (Link("speech.latents", "head.speech"), Link("head.sound", "speech.raw"))
    speech: ModalityEncoder
    batch_keys = ("speech", "speech_mask", "words")
    artist: Artist

    def __init__(
        self,
        *,
        width: int = 160,
        vocabulary: int = 64,
        sample_rate: int = 16000,
        spread: float = 0.2,
        tilt: float = 0.6,
        masked: float = 0.05,
    ) -> None:
        super().__init__(width=width, vocabulary=vocabulary)
        self.sample_rate = sample_rate
        self.spread, self.tilt, self.masked = spread, tilt, masked

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Latents of speech in; speech and a picture out."""
        return Ports(
            inputs={"speech": Port(width=config["width"])},
            outputs={
                "sound": Port(modality="speech", sample_rate=config["sample_rate"]),
                "image": Port(modality="image"),
            },
        )

    # --- use ---------------------------------------------------------------------------------------------

    def __call__(self, speech: Any, *args: Any, **kwargs: Any) -> Any:
        """One sound to an Image, a list to a list; see `transfer`."""
        return self.transfer(speech, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The same as calling the model."""
        return self(*args, **kwargs)

    @torch.inference_mode()
    def hear(self, speech: Any) -> Any:
        """What is said, as words; a list of sounds to a list. Takes whatever `mmzoo.data.as_audio` takes.

        '' where no word was made out. Raises InputError for sound that is empty, silent or longer than half a minute.
        """
        if isinstance(speech, list):
            return [self.hear(one) for one in speech]
        audio = as_audio(speech, self.sample_rate)
        if audio.duration > LONGEST_S:
            raise InputError(f"The speech lasts {audio.duration:.0f} s; the most is {LONGEST_S:g} s, cut it up.")
        samples = torch.from_numpy(audio.samples).to(self.device).unsqueeze(0)
        return self.read(self.speech.encode(samples))[0]

    @torch.inference_mode()
    def transfer(self, speech: Any, *, seed: int = 0, **manner: Any) -> Any:
        """Draw what is said; a list of sounds to a list of Images, sound i with the noise of seed + i.

        manner: steps, guidance, interval, size of the artist's `generate`. Raises InputError where no word of a sound
        is understood.
        """
        if not isinstance(speech, list):
            return self._drawn([self.hear(speech)], seed, manner)[0]
        return self._drawn(self.hear(speech), seed, manner)

    def _drawn(self, heard: Sequence[str], seed: int, manner: Mapping[str, Any]) -> list[Image]:
        if not heard:
            raise InputError("There is nothing to draw: the list of sounds is empty.")
        if (silent := next((i for i, words in enumerate(heard) if not words), None)) is not None:
            raise InputError(
                f"No word was understood in sound {silent + 1} of {len(heard)}; {self.name or 'this model'} knows:"
                f" {', '.join(self.words.words)}."
            )
        return self.artist.generate(list(heard), seed=seed, **manner)

    # --- files and training -----------------------------------------------------------------------------------

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """The words' logits for a fixed rising tone in noise."""
        if inputs is None:
            generator = torch.Generator().manual_seed(0)
            time = torch.arange(self.sample_rate // 2) / self.sample_rate
            tone = sum(torch.sin(2 * torch.pi * k * (120 * time + 60 * time**2)) / k for k in range(1, 12))
            noise = torch.randn(len(time), generator=generator)
            inputs = {"speech": (0.1 * tone + 0.01 * noise).unsqueeze(0)}
        return inputs, {"scores": self.scores(self.speech.encode(inputs["speech"]))}

    def examples(self, rows: Dataset, cache: Path) -> Examples:
        """The rows' speech and captions."""
        if not self.words.words:
            self.words = Words.of(rows["text"], self.vocabulary)
        return SpokenCaptions(rows, self.words, self.sample_rate, self.spread, self.tilt)

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        """The negative log likelihood of the captions' words, by word."""
        sound, mask = batch["speech"], batch["speech_mask"]
        if self.masked:
            sound = hidden_spans(sound, self.masked, self.sample_rate, generator)
        return self.spotting(self.speech.encode(sound, mask), batch["words"])

    def previews(self, rows: Dataset) -> Iterator[tuple[str, Any]]:
        """Each row's picture beside the one drawn from its speech."""
        for row in rows:
            true, heard = decode_image(row["image"]), self.hear(decode_audio(row["audio"]))
            if set(heard.split()) - set(self.artist.unknown_words(heard)):
                drawn = self.artist.generate([heard])[0]
                yield row["id"], Image(np.concatenate((true.pixels, drawn.pixels), axis=1))


def hidden_spans(samples_BT: Tensor, share: float, sample_rate: int, generator: torch.Generator) -> Tensor:
    """About `share` of each sound silenced, in spans of a tenth of a second at random places."""
    span = sample_rate // 10
    hidden = torch.rand(len(samples_BT), -(-samples_BT.shape[1] // span), generator=generator) < share
    kept = (~hidden).repeat_interleave(span, dim=1)[:, : samples_BT.shape[1]]
    return samples_BT * kept.to(samples_BT.device)
