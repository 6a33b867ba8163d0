"""The text-to-speech head: durations, a prior, and a diffusion transformer over a tokenizer's latents."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from mmzoo.data.marks import bare
from mmzoo.errors import ConfigError
from mmzoo.interfaces import (
    ALONE,
    Audio,
    Condition,
    Count,
    DiffusionBackbone,
    Examples,
    Graph,
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
from mmzoo.interfaces.plans import plans_of
from mmzoo.nn.convnext import ConvNeXtStack
from mmzoo.nn.rows import copy_rows
from mmzoo_tts.alignment import POSITION_FEATURES, position_features, soft_overlap
from mmzoo_tts.durations import DurationPredictor
from mmzoo_tts.examples import SpokenPhones, speakers
from mmzoo_tts.export import speech_graphs
from mmzoo_tts.speaker import Array, Speaker
from mmzoo_tts.text.phones import phone_set
from mmzoo_tts.voices import mixed

if TYPE_CHECKING:
    from datasets import Dataset


class TextToSpeech(Speaker, TaskHead):
    """Text to Audio.

    `phonemizer` gives the phones, `text` their vectors, and a duration predictor their times. Each frame averages the
    vectors of the phones it overlaps. From these frames a small ConvNeXt prior predicts the mean of the latents, and
    `backbone`, conditioned on both, flows from noise to the tokenizer's standardized latents. The result is quantized
    with the tokenizer's codebooks and decoded.

    Args:
        dim: Channels of the tokenizer's latents.
        width: Channels of the phone vectors.
        voices: Speaker names; the first is the default.
        phones: The phones that it can speak, the first of which is the pause `pau`; None for flite's set,
            `mmzoo_tts.text.PHONES`.
        num_steps: Default sampling steps.
        temperature: Scale of the initial noise.
        prior_depth: ConvNeXt blocks of the prior.
        prior_weight: Weight of the prior's loss; the sampler's is 1.
        duration_weight: Weight of the duration loss.
    """

    slots: ClassVar[Mapping[str, Slot]] = {
        "phonemizer": Slot("head", model=True, optional=True),
        "tokenizer": Slot("head", model=True, contract=Tokenizer),
        "text": Slot("encoder"),
        "backbone": Slot("backbone"),
        "sampler": Slot("sampler"),
    }
    links = (
        Link("text.latents", "head.text"),
        Link("tokenizer.latents", "head.latents"),
        Link("head.latents", "backbone.x"),
        Link("head.phones", "text.raw"),
        Link("sampler.times", "backbone.times"),
    )
    columns = ("audio", "phones", "phone_ends_s")
    codes_replace = ("audio",)
    batch_keys = ("codes", "frames", "phones", "ends", "phone_mask", "voice")
    tokenizer: Tokenizer
    text: ModalityEncoder
    backbone: DiffusionBackbone
    sampler: Sampler

    def __init__(
        self,
        *,
        dim: Size,
        width: Size = 256,
        voices: list[str],
        phones: list[str] | None = None,
        num_steps: Size = 8,
        temperature: Weight = 0.8,
        prior_depth: Count = 2,
        prior_weight: Weight = 0.5,
        duration_weight: Weight = 1.0,
    ) -> None:
        super().__init__()
        if not voices:
            raise ConfigError("head: voices is empty; name at least one.", path="voices")
        self.dim, self.voices, self.phones = dim, list(voices), phone_set(phones)
        self.num_steps, self.temperature = num_steps, temperature
        self.prior_weight, self.duration_weight = prior_weight, duration_weight
        self.voice = nn.Embedding(len(voices), width)
        self.durations = DurationPredictor(width)
        self.position = nn.Linear(POSITION_FEATURES, width)
        self.prior = ConvNeXtStack(width, prior_depth)
        self.prior_out = nn.Linear(width, dim)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Phone vectors and latents in; phones and latents out."""
        phones = phone_set(config["phones"])
        return Ports(
            inputs={"text": Port(width=config["width"]), "latents": Port(width=config["dim"])},
            outputs={"phones": Port(modality="text", codebook_size=len(phones)), "latents": Port(width=config["dim"])},
        )

    def connect(self) -> None:
        """Raises ConfigError if the tokenizer is not one of speech, or this head lacks phones of the phonemizer."""
        if self.tokenizer.rate is None:
            raise ConfigError(
                f"The head tts needs a tokenizer of speech, not of {self.tokenizer.modality}.", path="tokenizer"
            )
        if self.phonemizer is not None and (lacking := set(self.phonemizer.phones) - set(self.phones)):
            raise ConfigError(
                f"head.phones lacks {', '.join(sorted(lacking)[:5])}, which the phonemizer gives; add them, or set"
                " phonemizer to null and speak phones only.",
                path="phones",
            )

    # --- other voices and phones -------------------------------------------------------------------------

    def adapt(self, rows: Dataset) -> Mapping[str, Any]:
        """The voices of the rows, unless all are known, and the phones of the rows after those that are known."""
        voices, spoken = sorted(set(speakers(rows))), {phone for phones in rows["phones"] for phone in phones}
        changes: dict[str, Any] = {} if set(voices) <= set(self.voices) else {"voices": voices}
        known = set(self.phones)
        if new := sorted(phone for phone in spoken if not {phone, bare(phone)} & known):
            phones = [*self.phones, *new]
            changes |= {"phones": phones, "text": {"vocabulary": len(phones)}}
        return changes

    def inherit(self, trained: TextToSpeech, rows: Dataset) -> None:
        """The vectors of known voices and phones; other voices start from the mean of the known ones."""
        with torch.no_grad():
            self.voice.weight.copy_(trained.voice.weight.mean(0))
        copy_rows(self.voice.weight, self.voices, trained.voice.weight, trained.voices)
        before = trained.text.state_dict()
        for name, tensor in self.text.state_dict().items():
            if tensor.shape != before[name].shape:
                copy_rows(tensor, self.phones, before[name], trained.phones)

    # --- training ----------------------------------------------------------------------------------------

    def examples(self, rows: Dataset, cache: Path) -> Examples:
        """The rows' phones with times, and the codes of their speech; codes are cached."""
        return SpokenPhones(rows, self.tokenizer, self.voices, self.phones, cache)

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        """Sampler, prior (L1) and duration (Huber) losses of one batch."""
        with torch.no_grad():
            data = self.tokenizer.embed_codes(batch["codes"]).float()
        voice = self.voice(batch["voice"])
        phones = self._phone_vectors(batch["phones"], batch["phone_mask"], voice)
        durations = self.durations(phones, batch["phone_mask"])
        condition, mean, mask = self._condition(phones, batch["ends"], batch["phone_mask"], batch["frames"], voice)
        flow = self.sampler.loss(self.backbone, Latents(data, mask, rate=self.rate), condition, generator)
        prior = masked_mean((mean.float() - data).abs().mean(-1), mask)
        duration = self.durations.loss(durations, batch["ends"], batch["phone_mask"])
        total = flow.total + self.prior_weight * prior + self.duration_weight * duration
        return Losses(total, {**flow.parts, "prior": prior.detach(), "duration": duration.detach()})

    def previews(self, rows: Dataset) -> Iterator[tuple[str, Any]]:
        """Each row's id, and its phones spoken with predicted durations."""
        for row in rows:
            yield row["id"], self.speak_phones(row["phones"])

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """Log durations, the prior's mean and the backbone's prediction for fixed phones, times and noise."""
        if inputs is None:
            generator = torch.Generator().manual_seed(0)
            phones = torch.randint(1, len(self.phones), (1, 12), generator=generator)
            ends = (0.05 + 0.1 * torch.rand(1, 12, generator=generator)).cumsum(1)
            noise = torch.randn(1, math.ceil(float(ends[0, -1]) * self.rate), self.dim, generator=generator)
            inputs = {"phones": phones, "ends": ends, "x": noise}
        mask = torch.ones_like(inputs["phones"], dtype=torch.bool)
        voice = self.voice(torch.zeros(1, dtype=torch.long, device=mask.device))
        frames = torch.tensor([inputs["x"].shape[1]], device=mask.device)
        vectors = self._phone_vectors(inputs["phones"], mask, voice)
        condition, mean, _ = self._condition(vectors, inputs["ends"], mask, frames, voice)
        half = torch.full((1,), 0.5, device=mask.device)
        prediction = self.backbone(Latents(inputs["x"], rate=self.rate), half, condition)
        return inputs, {"durations": self.durations(vectors, mask), "prior": mean, "prediction": prediction}

    # --- shared by training and synthesis ----------------------------------------------------------------

    @property
    def rate(self) -> float:
        """Latent frames per second."""
        assert self.tokenizer.rate is not None  # checked by `connect`
        return self.tokenizer.rate

    def _phone_vectors(self, phones_BP: Tensor, mask_BP: Tensor, voice_BD: Tensor) -> Tensor:
        return self.text.encode(phones_BP, mask_BP).x + voice_BD.unsqueeze(1)

    def _condition(
        self,
        phones_BPD: Tensor,
        ends_BP: Tensor,
        mask_BP: Tensor,
        frames_B: Tensor,
        voice_BD: Tensor,
        count: int | None = None,
    ) -> tuple[Condition, Tensor, Tensor]:
        """The condition, the prior's mean `[B, N, dim]`, and the frame mask `[B, N]`."""
        weights, mask = soft_overlap(ends_BP, mask_BP, frames_B, self.rate, count)
        positions = self.position(position_features(ends_BP, weights, self.rate).to(phones_BPD.dtype))
        aligned = weights.to(phones_BPD.dtype) @ phones_BPD + positions
        aligned = self.prior(aligned, mask)
        mean = self.prior_out(aligned)
        return Condition(vectors={"voice": voice_BD}, aligned={"text": aligned, "prior": mean}), mean, mask

    # --- synthesis ---------------------------------------------------------------------------------------

    forward = Speaker.__call__

    @property
    def sample_rate(self) -> int:
        """Sample rate of the speech in Hz."""
        assert self.tokenizer.sample_rate is not None  # a tokenizer of speech has one
        return self.tokenizer.sample_rate

    @torch.inference_mode()
    def _read(self, phones: Array, voice: Array) -> tuple[Tensor, Array]:
        ids = torch.from_numpy(phones).to(self.device).unsqueeze(0)
        mask = torch.ones_like(ids, dtype=torch.bool)
        vectors = self._phone_vectors(ids, mask, mixed(self.voice, torch.from_numpy(voice)))
        return vectors, self.durations.seconds(self.durations(vectors, mask))[0].cpu().numpy()

    @torch.inference_mode()
    def _sound(self, read: Tensor, ends: Array, noise: Array, voice: Array, steps: int) -> Array:
        device = self.device
        mask = torch.ones(read.shape[:2], dtype=torch.bool, device=device)
        frames, speaker = torch.tensor([len(noise)], device=device), mixed(self.voice, torch.from_numpy(voice))
        condition, _, _ = self._condition(read, torch.from_numpy(ends).to(device)[None], mask, frames, speaker)
        table = self.backbone.precompute(self.sampler.schedule(steps).to(device), condition)

        def predict(x: Tensor, index: int) -> Tensor:
            prediction: Tensor = self.backbone(Latents(x, rate=self.rate), None, condition, table=table, step=index)
            return prediction

        latents = self.sampler.sample(predict, torch.from_numpy(noise).to(device)[None], steps)
        audio: Audio = self.tokenizer.reconstruct(self.tokenizer.quantize_latents(Latents(latents.float())))
        return audio.samples

    # --- export ------------------------------------------------------------------------------------------

    def graphs(self) -> Mapping[str, Graph]:
        """Phones to vectors and durations; these to the frames' condition; and one evaluation of the backbone."""
        return speech_graphs(self)

    def settings(self) -> Mapping[str, Any]:
        """What `mmzoo_tts.runner.Voice` needs."""
        return {
            "voices": self.voices,
            "phones": self.phones,
            "dim": self.dim,
            "num_steps": self.num_steps,
            "temperature": self.temperature,
            "plans": plans_of(self.sampler),
        }
