"""The speech-to-speech head: a diffusion transformer over a codec's latents, in time with the speech it is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from mmzoo.data import as_audio, as_batch, decode_audio
from mmzoo.errors import ConfigError, InputError
from mmzoo.interfaces import (
    ALONE,
    Audio,
    Condition,
    Count,
    DiffusionBackbone,
    Examples,
    FilePath,
    Fraction,
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
from mmzoo.interfaces.options import LARGEST_SEED, integer, seed_note, seed_of
from mmzoo.nn.convnext import ConvNeXtStack
from mmzoo_tts.joining import join
from mmzoo_tts.speech_to_speech.examples import Spoiling, SpokenPairs
from mmzoo_tts.speech_to_speech.level import LEVEL, Samples, leveled, loudness
from mmzoo_tts.speech_to_speech.pieces import Piece, joined, pieces_of
from mmzoo_tts.voices import VoiceChoice, mixed, voice_weights, written_voice

if TYPE_CHECKING:
    from datasets import Dataset


class SpeechToSpeech(TaskHead):
    """Speech to Audio of the same length: the same words in another voice, or without noise.

    `speech` encodes what is heard at the rate of the tokenizer's latents. From this a small ConvNeXt prior predicts the
    mean of the latents, and `backbone`, conditioned on both, flows from noise to the tokenizer's standardized latents.
    The result is quantized with the tokenizer's codebooks and decoded.

    In training, source and target are different utterances. What the encoder hears of the source is moved to where the
    target says the same; the target stays as it is.

    Args:
        dim: Channels of the tokenizer's latents.
        width: Channels of the encoder's latents.
        voices: Speaker names; the first is the default. Without any, the speaker stays the same.
        num_steps: Default sampling steps.
        temperature: Scale of the initial noise.
        prior_depth: ConvNeXt blocks of the prior.
        prior_weight: Weight of the prior's loss; the flow's is 1.
        spread: Largest random change of speed, pitch and formants of the sources of training, as a fraction.
        snr_db: Lowest and highest signal-to-noise ratio in dB of noise added to them; None for no noise.
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
    batch_keys = ("speech", "speech_mask", "codes", "codes_mask", "places", "voice")
    generates = Audio
    tokenizer: Tokenizer
    speech: ModalityEncoder
    backbone: DiffusionBackbone
    sampler: Sampler

    def __init__(
        self,
        *,
        dim: Size,
        width: Size = 192,
        voices: list[str] | None = None,
        num_steps: Size = 2,
        temperature: Weight = 0.8,
        prior_depth: Count = 2,
        prior_weight: Weight = 0.5,
        spread: Fraction = 0.0,
        snr_db: list[float] | None = None,
    ) -> None:
        super().__init__()
        if snr_db is not None and (len(snr_db) != 2 or snr_db[0] > snr_db[1]):
            raise ConfigError(f"head: snr_db is {snr_db}; give the lowest and the highest ratio.", path="snr_db")
        self.dim, self.voices = dim, list(voices or ())
        self.num_steps, self.temperature, self.prior_weight = num_steps, temperature, prior_weight
        self.spoiling = Spoiling(spread, None if snr_db is None else (snr_db[0], snr_db[1]))
        self.voice = nn.Embedding(len(self.voices), width) if self.voices else None
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
                f"The head speech-to-speech needs a tokenizer of speech, not of {self.tokenizer.modality}.",
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

    @property
    def columns(self) -> tuple[str, ...]:
        """What `examples` reads of a dataset."""
        return ("audio", "text", "speaker") if self.voices else ("audio",)

    # --- training ----------------------------------------------------------------------------------------

    def examples(self, rows: Dataset, cache: Path) -> Examples:
        """Pairs of sources and targets: for voices the rows with the same text, else each row and itself with noise."""
        return SpokenPairs(rows, self.tokenizer, self.voices, cache, self.spoiling)

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        """Sampler and prior (L1) losses of one batch."""
        with torch.no_grad():
            data = self.tokenizer.embed_codes(batch["codes"]).float()
        mask = batch["codes_mask"]
        heard = self.speech.encode(batch["speech"], batch["speech_mask"])
        condition, mean = self._condition(at_places(heard, batch["places"]), mask, self._vectors(batch["voice"]))
        flow = self.sampler.loss(self.backbone, Latents(data, mask, rate=self.rate), condition, generator)
        prior = masked_mean((mean.float() - data).abs().mean(-1), mask)
        return Losses(flow.total + self.prior_weight * prior, {**flow.parts, "prior": prior.detach()})

    def previews(self, rows: Dataset) -> Iterator[tuple[str, Any]]:
        """Each row's sound, and what the model makes of it in its first voice."""
        for row in rows:
            sound = decode_audio(row["audio"], sample_rate=self.sample_rate)
            yield f"{row['id']}-source", sound
            yield row["id"], self.convert(sound)

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """The prior's mean and the backbone's prediction for a fixed rising tone in noise."""
        if inputs is None:
            generator = torch.Generator().manual_seed(0)
            time = torch.arange(self.sample_rate // 2) / self.sample_rate
            tone = sum(torch.sin(2 * torch.pi * k * (120 * time + 60 * time**2)) / k for k in range(1, 12))
            speech = (0.1 * tone + 0.01 * torch.randn(len(time), generator=generator)).unsqueeze(0)
            noise = torch.randn(1, round(len(time) / self.samples_per_latent), self.dim, generator=generator)
            inputs = {"speech": speech, "x": noise}
        heard = self.speech.encode(inputs["speech"]).x
        voice = self._vectors(torch.zeros(1, dtype=torch.long, device=heard.device))
        condition, mean = self._condition(heard, None, voice)
        half = torch.full((1,), 0.5, device=heard.device)
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

    def _vectors(self, voice_B: Tensor) -> dict[str, Tensor]:
        """The vectors of voices by their indices; none if the speaker stays the same."""
        return {} if self.voice is None else {"voice": self.voice(voice_B)}

    def _condition(
        self, heard_BNW: Tensor, mask_BN: Tensor | None, vectors: Mapping[str, Tensor]
    ) -> tuple[Condition, Tensor]:
        """The condition, and the prior's mean `[B, N, dim]`, from what is heard at each latent of the result."""
        for vector in vectors.values():
            heard_BNW = heard_BNW + vector.unsqueeze(1)
        heard_BNW = self.prior(heard_BNW, mask_BN)
        mean = self.prior_out(heard_BNW)
        return Condition(vectors=vectors, aligned={"speech": heard_BNW, "prior": mean}), mean

    # --- use ---------------------------------------------------------------------------------------------

    def convert(self, speech: Any, *, voice: VoiceChoice = None, steps: int | None = None, seed: int | None = 0) -> Any:
        """Convert speech, or each item of a list; returns Audio, or a list of them. See `stream` for the options."""
        items = as_batch(speech)
        if items is not None:
            return [self.convert(item, voice=voice, steps=steps, seed=seed) for item in items]
        return join(list(self.stream(speech, voice=voice, steps=steps, seed=seed)))

    __call__ = forward = convert

    def generate_item(
        self,
        *,
        audio: FilePath,
        voice: str | dict[str, float] | None = None,
        steps: Size | None = None,
        seed: int | None = 0,
    ) -> Audio:
        """Convert one sound; see `stream`. A mixture of voices may also be written `ann:0.6,bob:0.4`."""
        chosen = written_voice(voice, self.voices) if voice is None or isinstance(voice, str) else voice
        converted: Audio = self.convert(as_audio(audio, self.sample_rate), voice=chosen, steps=steps, seed=seed)
        return converted

    def stream(
        self, speech: Any, *, voice: VoiceChoice = None, steps: int | None = None, seed: int | None = 0
    ) -> Iterator[Audio]:
        """Convert speech in pieces of 5 to 10 seconds that are cut where it is quiet.

        Joined, they are as long as the speech, as loud, and equal to the result of calling the model.

        Args:
            speech: Anything `mmzoo.data.as_audio` takes. It and the options are checked before this returns.
            voice: One of `voices`, or a mapping of several to weights, whose vectors are averaged; None for the first.
                A model without voices takes none.
            steps: Sampling steps; None for `num_steps`.
            seed: Seed of the initial noise; None draws one, and the notes report it.

        Returns:
            An iterator of Audio at the tokenizer's sample rate, with the segments of the speech.

        Raises:
            InputError: The speech is unreadable, empty, silent or too long, or an option is out of range.
        """
        weights = self._weights(voice)
        steps = self.num_steps if steps is None else integer("steps", steps, 1)
        value, drawn = seed_of(seed, low=-LARGEST_SEED)
        audio = as_audio(speech, self.sample_rate)
        return self._pieces(audio, weights, steps, value, seed_note(value, drawn))

    def _pieces(
        self, audio: Audio, weights: tuple[float, ...], steps: int, seed: int, notes: tuple[str, ...]
    ) -> Iterator[Audio]:
        samples = leveled(audio.samples, self.sample_rate)
        gain = np.float32(loudness(audio.samples, self.sample_rate) / LEVEL)
        condition = self._heard(samples, weights)
        count = condition.aligned["prior"].shape[1]
        generator = torch.Generator().manual_seed(seed % (1 << 63))
        noise = self.temperature * torch.randn(1, count, self.dim, generator=generator)
        padded = np.pad(samples, (0, count * self.samples_per_latent - len(samples)))
        pieces = pieces_of(np.square(padded).reshape(count, -1).mean(1), self.rate)

        def make(piece: Piece) -> Samples:
            return gain * self._made(condition, noise, piece, steps)

        start, left = 0.0, len(samples)
        for index, made in enumerate(joined(pieces, make, self.samples_per_latent, self.sample_rate)):
            made = made[:left]
            end = start + len(made) / self.sample_rate
            last = index == len(pieces) - 1
            segments = tuple(s for s in audio.segments if start <= s.start and (last or s.start < end))
            yield Audio(made, self.sample_rate, segments, (*audio.notes, *notes) if index == 0 else ())
            start, left = end, left - len(made)

    @torch.inference_mode()
    def _heard(self, samples: Samples, weights: tuple[float, ...]) -> Condition:
        """The condition for all of the speech."""
        heard = self.speech.encode(torch.from_numpy(samples).to(self.device).unsqueeze(0)).x
        vectors = {} if self.voice is None else {"voice": mixed(self.voice, torch.tensor([weights]))}
        return self._condition(heard, None, vectors)[0]

    @torch.inference_mode()
    def _made(self, condition: Condition, noise: Tensor, piece: Piece, steps: int) -> Samples:
        """The samples of a piece and of what is made with it."""
        window = slice(piece.begin, piece.stop)
        aligned = {name: x[:, window] for name, x in condition.aligned.items()}
        condition = Condition(vectors=condition.vectors, aligned=aligned)
        table = self.backbone.precompute(self.sampler.schedule(steps).to(self.device), condition)

        def predict(x: Tensor, index: int) -> Tensor:
            prediction: Tensor = self.backbone(Latents(x, rate=self.rate), None, condition, table=table, step=index)
            return prediction

        latents = self.sampler.sample(predict, noise[:, window].to(self.device), steps)
        made: Audio = self.tokenizer.reconstruct(self.tokenizer.quantize_latents(Latents(latents.float())))
        return made.samples

    def _weights(self, voice: VoiceChoice) -> tuple[float, ...]:
        """The weight of each voice; none if the speaker stays the same."""
        if self.voices:
            return voice_weights(voice, self.voices, self.name)
        if voice is not None:
            raise InputError(
                f"{self.name or 'This model'} has no voices, because it keeps the speaker's; leave voice={voice!r} out."
            )
        return ()


def at_places(latents: Latents, places_BN: Tensor) -> Tensor:
    """Latents `[B, M, D]` at places between 0 and their last real position, linearly interpolated: `[B, N, D]`."""
    x = latents.x
    last = x.shape[1] - 1 if latents.mask is None else latents.mask.sum(1, keepdim=True) - 1
    places = torch.minimum(places_BN.clamp_min(0), torch.as_tensor(last, device=x.device, dtype=places_BN.dtype))
    left = places.floor()
    right = torch.minimum(left + 1, torch.as_tensor(last, device=x.device, dtype=places_BN.dtype))
    here, there = (x.gather(1, at.long().unsqueeze(-1).expand(-1, -1, x.shape[-1])) for at in (left, right))
    return torch.lerp(here, there, (places - left).unsqueeze(-1).to(x.dtype))
