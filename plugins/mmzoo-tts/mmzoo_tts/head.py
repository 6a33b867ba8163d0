"""The text-to-speech head: durations, a prior, and a diffusion transformer over a tokenizer's latents."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from mmzoo.data import as_batch, as_text
from mmzoo.errors import ConfigError, InputError
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
    Segment,
    Size,
    Slot,
    TaskHead,
    Tokenizer,
    TrainingState,
    Weight,
)
from mmzoo.interfaces.losses import masked_mean
from mmzoo.interfaces.options import LARGEST_SEED, integer, number, seed_note, seed_of
from mmzoo.nn.convnext import ConvNeXtStack
from mmzoo.nn.rows import copy_rows
from mmzoo_tts.alignment import POSITION_FEATURES, position_features, soft_overlap
from mmzoo_tts.chunks import Chunk, split_chunks
from mmzoo_tts.durations import DurationPredictor
from mmzoo_tts.examples import SpokenPhones, speakers
from mmzoo_tts.joining import finish, join, shift
from mmzoo_tts.options import SPEEDS, SpeechOptions
from mmzoo_tts.phonemizer import Phonemizer
from mmzoo_tts.text.phones import phone_set
from mmzoo_tts.text.user_lexicon import Pronunciations, UserLexicon

if TYPE_CHECKING:
    from datasets import Dataset

LONGEST_PHONE = 10.0
"""Seconds that a phone may be given."""


class TextToSpeech(TaskHead):
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
    batch_keys = ("codes", "frames", "phones", "ends", "phone_mask", "voice")
    phonemizer: Phonemizer | None
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
        if new := sorted(spoken - set(self.phones)):
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
        phones = self._phone_vectors(batch["phones"], batch["phone_mask"], batch["voice"])
        durations = self.durations(phones, batch["phone_mask"])
        condition, mean, mask = self._condition(
            phones, batch["ends"], batch["phone_mask"], batch["frames"], batch["voice"]
        )
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
        voice = torch.zeros(1, dtype=torch.long, device=mask.device)
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

    def _phone_vectors(self, phones_BP: Tensor, mask_BP: Tensor, voice_B: Tensor) -> Tensor:
        voice: Tensor = self.voice(voice_B)
        return self.text.encode(phones_BP, mask_BP).x + voice.unsqueeze(1)

    def _condition(
        self, phones_BPD: Tensor, ends_BP: Tensor, mask_BP: Tensor, frames_B: Tensor, voice_B: Tensor
    ) -> tuple[Condition, Tensor, Tensor]:
        """The condition, the prior's mean `[B, N, dim]`, and the frame mask `[B, N]`."""
        weights, mask = soft_overlap(ends_BP, mask_BP, frames_B, self.rate)
        positions = self.position(position_features(ends_BP, weights, self.rate).to(phones_BPD.dtype))
        aligned = weights.to(phones_BPD.dtype) @ phones_BPD + positions
        aligned = self.prior(aligned, mask)
        mean = self.prior_out(aligned)
        return Condition(vectors={"voice": self.voice(voice_B)}, aligned={"text": aligned, "prior": mean}), mean, mask

    # --- synthesis ---------------------------------------------------------------------------------------

    def __call__(
        self,
        text: Any,
        *,
        voice: str | None = None,
        speed: float = 1.0,
        steps: int | None = None,
        seed: int | None = 0,
        pronunciations: Pronunciations = None,
    ) -> Any:
        """Speak a text, or each text of a list; returns Audio, or a list of them. See `stream` for the options."""
        lexicon, texts = UserLexicon.read(pronunciations), as_batch(text)

        def speak(item: Any) -> Audio:
            return join(
                list(self.stream(item, voice=voice, speed=speed, steps=steps, seed=seed, pronunciations=lexicon))
            )

        return speak(text) if texts is None else [speak(as_text(item)) for item in texts]

    forward = __call__

    def stream(
        self,
        text: Any,
        *,
        voice: str | None = None,
        speed: float = 1.0,
        steps: int | None = None,
        seed: int | None = 0,
        pronunciations: Pronunciations = None,
    ) -> Iterator[Audio]:
        """Speak a text in chunks that end at pauses; joined, they equal the result of calling the model.

        Args:
            text: The text, perhaps with markup (docs/speech-markup.md), or a dataset row with one. It and the options
                are checked before this returns.
            voice: One of `voices`; None for the first.
            speed: 2.0 is twice as fast; from 0.1 to 10.
            steps: Sampling steps; None for `num_steps`.
            seed: Seed of the initial noise; None draws one, and the notes report it.
            pronunciations: The user's own pronunciations: a path or a mapping; see `mmzoo_tts.text.UserLexicon`.

        Returns:
            An iterator of Audio with word and phone segments; the first has the notes on the text.

        Raises:
            InputError: An option is out of range, the text has nothing to say, or its markup or the pronunciations
                have a mistake.
        """
        options = self._options(voice, speed, steps, seed)
        if self.phonemizer is None:
            raise InputError(
                f"{self.name or 'This model'} has no phonemizer and reads no texts; speak phones with `speak_phones`."
            )
        pronunciation = self.phonemizer(as_text(text), pronunciations=pronunciations)
        options.check_rates({word.rate for word in pronunciation.words})
        return self._speak(split_chunks(pronunciation), (*pronunciation.notes, *options.notes), options)

    def _speak(self, chunks: list[Chunk], notes: tuple[str, ...], options: SpeechOptions) -> Iterator[Audio]:
        start = 0.0
        for index, chunk in enumerate(chunks):
            raw = self._synthesize(chunk.phones, None, options, index, chunk.rates)
            audio = finish(raw, chunk.lead, chunk.tail)
            segments = tuple(shift(s, start) for s in chunk.segments(audio.segments))
            start += audio.duration
            yield Audio(audio.samples, audio.sample_rate, segments, notes if index == 0 else ())

    def speak_phones(
        self,
        phones: Sequence[str],
        durations_s: Sequence[float] | None = None,
        *,
        voice: str | None = None,
        speed: float = 1.0,
        steps: int | None = None,
        seed: int | None = 0,
    ) -> Audio:
        """Speak phones.

        Args:
            phones: Phones of the model's set, its `phones`.
            durations_s: Duration of each phone in seconds at speed 1, from 0 to 10; None to predict them.
            voice: See `stream`.
            speed: See `stream`.
            steps: See `stream`.
            seed: See `stream`.

        Returns:
            Audio with phone segments.

        Raises:
            InputError: A phone is unknown, the lengths differ, or an option is out of range.
        """
        if isinstance(phones, str) or not isinstance(phones, Iterable):
            raise InputError(f"phones must be a list of phones, not {phones!r}.")
        phones = [str(phone) for phone in phones]
        unknown = [p for p in phones if p not in self.phones]
        if unknown or not phones:
            raise InputError(f"phones must be a non-empty list from {', '.join(self.phones)}; unknown: {unknown[:3]}.")
        if durations_s is not None:
            durations_s = _checked_durations(durations_s, len(phones))
        options = self._options(voice, speed, steps, seed)
        audio = finish(self._synthesize(phones, durations_s, options, 0))
        return replace(audio, notes=(*audio.notes, *options.notes))

    @torch.inference_mode()
    def _synthesize(
        self,
        phones: Sequence[str],
        durations_s: Sequence[float] | None,
        options: SpeechOptions,
        number: int,
        rates: Sequence[float] = (),
    ) -> Audio:
        """One chunk without padding or batching, so that its sound does not depend on other chunks.

        `rates` are of each phone, relative to the speed; none means 1.
        """
        device = self.device
        ids = torch.tensor([[self.phones.index(p) for p in phones]], device=device)
        phone_mask = torch.ones_like(ids, dtype=torch.bool)
        speaker = torch.tensor([options.voice], device=device)
        vectors = self._phone_vectors(ids, phone_mask, speaker)
        if durations_s is None:
            seconds = self.durations.seconds(self.durations(vectors, phone_mask))
        else:
            seconds = torch.tensor([list(durations_s)], device=device, dtype=torch.float32)
        seconds = seconds / options.speed
        if rates:
            seconds = seconds / torch.tensor([rates], device=device, dtype=seconds.dtype)
        ends = seconds.cumsum(1)
        total = float(ends[0, -1])
        frames = torch.tensor([max(1, math.ceil(total * self.rate - 1e-4))], device=device)
        condition, _, _ = self._condition(vectors, ends, phone_mask, frames, speaker)

        generator = torch.Generator().manual_seed(options.seed_of(number))
        noise = torch.randn(1, int(frames), self.dim, generator=generator).to(device)
        table = self.backbone.precompute(self.sampler.schedule(options.steps).to(device), condition)

        def predict(x: Tensor, index: int) -> Tensor:
            prediction: Tensor = self.backbone(Latents(x, rate=self.rate), None, condition, table=table, step=index)
            return prediction

        latents = self.sampler.sample(predict, noise * self.temperature, options.steps)
        audio: Audio = self.tokenizer.reconstruct(self.tokenizer.quantize_latents(Latents(latents.float())))
        samples = audio.samples[: max(1, round(total * audio.sample_rate))]
        edges = [0.0, *ends[0].tolist()]
        segments = tuple(Segment("phone", p, a, b) for p, a, b in zip(phones, edges, edges[1:], strict=False))
        return Audio(samples, audio.sample_rate, segments)

    def _options(self, voice: str | None, speed: float, steps: int | None, seed: int | None) -> SpeechOptions:
        speed = number("speed", speed, *SPEEDS)
        steps = self.num_steps if steps is None else integer("steps", steps, 1)
        value, drawn = seed_of(seed, low=-LARGEST_SEED)
        return SpeechOptions(self._voice_index(voice), speed, steps, value, seed_note(value, drawn))

    def _voice_index(self, voice: str | None) -> int:
        if voice is None:
            return 0
        if voice not in self.voices:
            raise InputError(f"{self.name or 'This model'} has no voice {voice!r}; it has {', '.join(self.voices)}.")
        return self.voices.index(voice)


def _checked_durations(given: Any, count: int) -> list[float]:
    """One duration for each of `count` phones. Raises InputError."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InputError(f"durations_s must be a list of numbers, not {given!r}.")
    durations = list(given)
    if len(durations) != count:
        raise InputError(f"There are {count} phones but {len(durations)} durations; give one for each phone.")
    return [number("durations_s", duration, 0, LONGEST_PHONE) for duration in durations]
