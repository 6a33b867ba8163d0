"""Speech enhancement: a diffusion transformer over a codec's latents, in time with the noisy speech."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from mmzoo.data import decode_audio
from mmzoo.errors import ConfigError
from mmzoo.interfaces import (
    ALONE,
    Audio,
    Condition,
    Count,
    DiffusionBackbone,
    Examples,
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
from mmzoo.interfaces.losses import masked_mean
from mmzoo.nn.convnext import ConvNeXtStack
from mmzoo_tts.speech_to_speech.converter import Converter
from mmzoo_tts.speech_to_speech.examples import NoisySpeech, spoiling
from mmzoo_tts.speech_to_speech.level import Samples, rising_tone
from mmzoo_tts.speech_to_speech.pieces import Piece, joined, pieces_of

if TYPE_CHECKING:
    from datasets import Dataset


class SpeechEnhancement(Converter, TaskHead):
    """Noisy speech to Audio of the same length without the noise.

    `speech` encodes what is heard at the rate of the tokenizer's latents. From this a small ConvNeXt prior predicts the
    mean of the latents, and `backbone`, conditioned on both, flows from noise to the tokenizer's standardized latents.
    The result is quantized with the tokenizer's codebooks and decoded.

    Args:
        dim: Channels of the tokenizer's latents.
        width: Channels of the encoder's latents.
        num_steps: Default sampling steps.
        temperature: Scale of the initial noise.
        prior_depth: ConvNeXt blocks of the prior.
        prior_weight: Weight of the prior's loss; the flow's is 1.
        snr_db: Lowest and highest signal-to-noise ratio in dB of the noise of training; None for no noise.
    """

    slots: ClassVar[Mapping[str, Slot]] = {
        "tokenizer": Slot("head", model=True, contract=Tokenizer),
        "speech": Slot("encoder"),
        "backbone": Slot("backbone"),
        "sampler": Slot("sampler"),
    }
    links = (
        Link("speech.latents", "head.speech"),
        Link("tokenizer.latents", "head.latents"),
        Link("head.latents", "backbone.x"),
        Link("sampler.times", "backbone.times"),
    )
    columns = ("audio",)
    batch_keys = ("speech", "speech_mask", "codes", "codes_mask")
    voices: ClassVar[list[str]] = []
    tokenizer: Tokenizer
    speech: ModalityEncoder
    backbone: DiffusionBackbone
    sampler: Sampler

    def __init__(
        self,
        *,
        dim: Size,
        width: Size = 192,
        num_steps: Size = 2,
        temperature: Weight = 0.8,
        prior_depth: Count = 2,
        prior_weight: Weight = 0.5,
        snr_db: list[float] | None = None,
    ) -> None:
        super().__init__()
        self.dim = dim
        self.num_steps, self.temperature, self.prior_weight = num_steps, temperature, prior_weight
        self.spoiling = spoiling(0.0, snr_db)
        self.prior = ConvNeXtStack(width, prior_depth)
        self.prior_out = nn.Linear(width, dim)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """The encoder's and the tokenizer's latents in; latents and speech out."""
        latents = Port(width=config["dim"])
        return Ports(
            inputs={"speech": Port(width=config["width"]), "latents": latents},
            outputs={"latents": latents, "sound": Port(modality="speech")},
        )

    def connect(self) -> None:
        """Raises ConfigError unless the tokenizer is one of speech, with the encoder's sample rate and latent rate."""
        if self.tokenizer.rate is None:
            raise ConfigError(
                f"The head speech-enhancement needs a tokenizer of speech, not of {self.tokenizer.modality}.",
                path="tokenizer",
            )
        ports = type(self.speech).ports(self.speech.config)
        heard, encoded = ports.inputs.get("raw", Port()), ports.outputs.get("latents", Port())
        wanted = (self.tokenizer.sample_rate, self.tokenizer.rate)
        if (heard.sample_rate or wanted[0], encoded.rate or wanted[1]) != wanted:
            raise ConfigError(
                f"The encoder gives {encoded.rate} latents per second of {heard.sample_rate} Hz, the tokenizer"
                f" {wanted[1]} of {wanted[0]} Hz; make them equal.",
                path="speech",
            )

    # --- training ----------------------------------------------------------------------------------------

    def examples(self, rows: Dataset, cache: Path) -> Examples:
        """The rows with noise, which is drawn anew each time, and their codes without it."""
        return NoisySpeech(rows, self.tokenizer, cache, self.spoiling)

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        """Sampler and prior (L1) losses of one batch."""
        with torch.no_grad():
            data = self.tokenizer.embed_codes(batch["codes"]).float()
        mask = batch["codes_mask"]
        heard = self.speech.encode(batch["speech"], batch["speech_mask"]).x[:, : mask.shape[1]]
        condition, mean = self._condition(heard, mask)
        flow = self.sampler.loss(self.backbone, Latents(data, mask, rate=self.rate), condition, generator)
        prior = masked_mean((mean.float() - data).abs().mean(-1), mask)
        return Losses(flow.total + self.prior_weight * prior, {**flow.parts, "prior": prior.detach()})

    def previews(self, rows: Dataset) -> Iterator[tuple[str, Any]]:
        """Each row's sound, and what the model makes of it."""
        for row in rows:
            sound = decode_audio(row["audio"], sample_rate=self.sample_rate)
            yield f"{row['id']}-source", sound
            yield row["id"], self(sound)

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """The prior's mean and the backbone's prediction for a fixed rising tone in noise."""
        if inputs is None:
            speech = rising_tone(self.sample_rate)
            count = round(speech.shape[1] / self.samples_per_latent)
            noise = torch.randn(1, count, self.dim, generator=torch.Generator().manual_seed(1))
            inputs = {"speech": speech, "x": noise}
        condition, mean = self._condition(self.speech.encode(inputs["speech"]).x, None)
        half = torch.full((1,), 0.5, device=mean.device)
        prediction = self.backbone(Latents(inputs["x"], rate=self.rate), half, condition)
        return inputs, {"prior": mean, "prediction": prediction}

    # --- shared by training and use ----------------------------------------------------------------------

    @property
    def rate(self) -> float:
        """Latents per second."""
        assert self.tokenizer.rate is not None  # checked by `connect`
        return self.tokenizer.rate

    @property
    def sample_rate(self) -> int:
        """Sample rate of its speech in Hz."""
        assert self.tokenizer.sample_rate is not None
        return self.tokenizer.sample_rate

    @property
    def samples_per_latent(self) -> int:
        """Samples of each latent."""
        return round(self.sample_rate / self.rate)

    def _condition(self, heard_BNW: Tensor, mask_BN: Tensor | None) -> tuple[Condition, Tensor]:
        """The condition, and the prior's mean `[B, N, dim]`, from what is heard at each latent."""
        heard_BNW = self.prior(heard_BNW, mask_BN)
        mean = self.prior_out(heard_BNW)
        return Condition(aligned={"speech": heard_BNW, "prior": mean}), mean

    # --- use ---------------------------------------------------------------------------------------------

    forward = Converter.convert

    def _pieces(self, samples: Samples, weights: tuple[float, ...], steps: int, seed: int) -> Iterator[Samples]:
        with torch.inference_mode():
            heard = self.speech.encode(torch.from_numpy(samples).to(self.device).unsqueeze(0)).x
            condition, mean = self._condition(heard, None)
        count = mean.shape[1]
        generator = torch.Generator().manual_seed(seed % (1 << 63))
        noise = self.temperature * torch.randn(1, count, self.dim, generator=generator)
        padded = np.pad(samples, (0, count * self.samples_per_latent - len(samples)))
        pieces = pieces_of(np.square(padded).reshape(count, -1).mean(1), self.rate)

        def make(piece: Piece) -> Samples:
            return self._made(condition, noise, piece, steps)

        return joined(pieces, make, self.samples_per_latent, self.sample_rate)

    @torch.inference_mode()
    def _made(self, condition: Condition, noise: Tensor, piece: Piece, steps: int) -> Samples:
        """The samples of a piece and of what is made with it."""
        window = slice(piece.begin, piece.stop)
        aligned = {name: x[:, window] for name, x in condition.aligned.items()}
        condition = Condition(aligned=aligned)
        table = self.backbone.precompute(self.sampler.schedule(steps).to(self.device), condition)

        def predict(x: Tensor, index: int) -> Tensor:
            prediction: Tensor = self.backbone(Latents(x, rate=self.rate), None, condition, table=table, step=index)
            return prediction

        latents = self.sampler.sample(predict, noise[:, window].to(self.device), steps)
        made: Audio = self.tokenizer.reconstruct(self.tokenizer.quantize_latents(Latents(latents.float())))
        return made.samples
