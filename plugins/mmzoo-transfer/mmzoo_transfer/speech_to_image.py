"""The speech-to-image head: recognizes words in speech, which a text-to-image model draws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor

from mmzoo.data import Words, as_audio, as_batch, decode_audio, decode_image
from mmzoo.errors import DataError, InputError
from mmzoo.interfaces import (
    ALONE,
    Examples,
    FilePath,
    Fraction,
    Image,
    Link,
    Losses,
    ModalityEncoder,
    Port,
    Ports,
    Size,
    Slot,
    TrainingState,
    Weight,
)
from mmzoo_transfer.examples import SpokenCaptions
from mmzoo_transfer.spotter import Spotter

if TYPE_CHECKING:
    from datasets import Dataset

LONGEST_S = 30.0


class Artist(Protocol):
    """A text-to-image model."""

    def generate(self, prompts: Sequence[str], *, seed: int | None = 0, **options: Any) -> list[Image]: ...

    def unknown_words(self, prompt: str) -> tuple[str, ...]: ...


class SpeechToImage(Spotter):
    """Draws a spoken caption.

    `speech` encodes the sound, and `Spotter` recognizes words in the result, which `hear` returns. `artist` draws them;
    it is stored in its own repo.

    Args:
        width: Channels of the encoder's latents.
        vocabulary: Largest number of words, including the blank.
        sample_rate: Of speech, in Hz.
        spread: Largest random change of speed and pitch of training speech, as a fraction, to cover more voices.
        tilt: Largest random tilt of its spectrum; see `SpokenCaptions`.
        masked: Fraction of training speech that is silenced, in short spans (after SpecAugment, Park et al., arXiv
            1904.08779).
    """

    slots: ClassVar[Mapping[str, Slot]] = {"speech": Slot("encoder"), "artist": Slot("head", model=True)}
    links = (Link("speech.latents", "head.speech"), Link("head.sound", "speech.raw"))
    speech: ModalityEncoder
    columns = ("audio", "text")
    batch_keys = ("speech", "speech_mask", "words")
    generates = Image
    artist: Artist

    def __init__(
        self,
        *,
        width: Size = 160,
        vocabulary: Size = 64,
        sample_rate: Size = 16000,
        spread: Fraction = 0.2,
        tilt: Weight = 0.6,
        masked: Fraction = 0.05,
    ) -> None:
        super().__init__(width=width, vocabulary=vocabulary)
        self.sample_rate = sample_rate
        self.spread, self.tilt, self.masked = spread, tilt, masked

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Latents of the speech encoder in; speech, which it reads, and a picture out."""
        return Ports(
            inputs={"speech": Port(width=config["width"])},
            outputs={
                "sound": Port(modality="speech", sample_rate=config["sample_rate"]),
                "image": Port(modality="image"),
            },
        )

    def adapt(self, rows: Dataset) -> Mapping[str, Any]:
        """As in Spotter. Raises DataError for a word that the artist cannot draw."""
        overrides = super().adapt(rows)
        if unknown := self.artist.unknown_words(" ".join(rows["text"])):
            raise DataError(
                f"The captions have {len(unknown)} words that the model in the slot artist cannot draw, such as"
                f" {unknown[0]!r}; fine-tune that model on these pictures first, and set model.overrides.artist to it."
            )
        return overrides

    # --- inference ---------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def hear(self, speech: Any) -> Any:
        """The words recognized in speech, or in each item of a list.

        Args:
            speech: Anything `mmzoo.data.as_audio` takes, or a list of such.

        Returns:
            The words separated by spaces, "" if there are none; a list of such for a list.

        Raises:
            InputError: An item is empty, silent or longer than 30 seconds.
        """
        if (items := as_batch(speech)) is not None:
            return [self.hear(one) for one in items]
        audio = as_audio(speech, self.sample_rate)
        if audio.duration > LONGEST_S:
            raise InputError(
                f"The speech lasts {audio.duration:.0f} s; the maximum is {LONGEST_S:g} s, so cut it into pieces."
            )
        samples = torch.from_numpy(audio.samples).to(self.device).unsqueeze(0)
        return self.read(self.speech.encode(samples))[0]

    @torch.inference_mode()
    def transfer(
        self,
        speech: Any,
        *,
        seed: int | None = 0,
        steps: int | None = None,
        guidance: float | None = None,
        interval: tuple[float, float] | None = None,
        size: tuple[int, int] | None = None,
    ) -> Any:
        """Draw what is said, or each item of a list.

        Args:
            speech: Anything `mmzoo.data.as_audio` takes, or a list of such.
            seed: Seed of the initial noise; item i of a list uses seed + i. None draws one, and the notes report it.
            steps: Sampling steps; None for the artist's default.
            guidance: Scale of classifier-free guidance, 1 for none; None for the artist's default.
            interval: Times in [0, 1] between which guidance applies; None for the artist's default.
            size: (height, width) in pixels; None for the artist's default.

        Returns:
            An Image; a list of them for a list.

        Raises:
            InputError: No word was recognized in an item, or the list is empty.
        """
        items = as_batch(speech)
        heard = self.hear([speech] if items is None else items)
        self.require_words(heard, "sound")
        options = {"steps": steps, "guidance": guidance, "interval": interval, "size": size}
        given = {name: value for name, value in options.items() if value is not None}
        drawn = self.artist.generate(heard, seed=seed, **given)
        return drawn[0] if items is None else drawn

    __call__ = forward = transfer

    def generate_item(
        self,
        *,
        audio: FilePath,
        steps: Size | None = None,
        guidance: Weight | None = None,
        size: tuple[int, int] | None = None,
        seed: int | None = 0,
    ) -> Image:
        """Draw what one sound says; see `transfer`."""
        spoken = as_audio(audio, self.sample_rate)
        drawn: Image = self.transfer(spoken, seed=seed, steps=steps, guidance=guidance, size=size)
        return drawn

    # --- files and training -----------------------------------------------------------------------------------

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """The logits of the words for a fixed rising tone in noise."""
        if inputs is None:
            generator = torch.Generator().manual_seed(0)
            time = torch.arange(self.sample_rate // 2) / self.sample_rate
            tone = sum(torch.sin(2 * torch.pi * k * (120 * time + 60 * time**2)) / k for k in range(1, 12))
            noise = torch.randn(len(time), generator=generator)
            inputs = {"speech": (0.1 * tone + 0.01 * noise).unsqueeze(0)}
        return inputs, {"scores": self.scores(self.speech.encode(inputs["speech"]))}

    def examples(self, rows: Dataset, cache: Path) -> Examples:
        """The rows' speech and captions; the first call also sets the vocabulary."""
        if not self.words.words:
            self.words = Words.of(rows["text"], self.vocabulary)
        return SpokenCaptions(rows, self.words, self.sample_rate, self.spread, self.tilt)

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        """The CTC loss of the captions."""
        sound, mask = batch["speech"], batch["speech_mask"]
        if self.masked:
            sound = hidden_spans(sound, self.masked, self.sample_rate, generator)
        return self.spotting(self.speech.encode(sound, mask), batch["words"])

    def previews(self, rows: Dataset) -> Iterator[tuple[str, Any]]:
        """Each row's picture next to the one drawn from its speech."""
        for row in rows:
            true, heard = decode_image(row["image"]), self.hear(decode_audio(row["audio"]))
            if set(heard.split()) - set(self.artist.unknown_words(heard)):
                drawn = self.artist.generate([heard])[0]
                yield row["id"], Image(np.concatenate((true.pixels, drawn.pixels), axis=1))


def hidden_spans(samples_BT: Tensor, fraction: float, sample_rate: int, generator: torch.Generator) -> Tensor:
    """Silence about this fraction of each sound, in random spans of 0.1 s."""
    span = sample_rate // 10
    hidden = torch.rand(len(samples_BT), -(-samples_BT.shape[1] // span), generator=generator) < fraction
    kept = (~hidden).repeat_interleave(span, dim=1)[:, : samples_BT.shape[1]]
    return samples_BT * kept.to(samples_BT.device)
