"""Voice conversion: the phones of what is heard, with their times, spoken by a synthesizer in another voice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from mmzoo.data import as_audio, decode_audio
from mmzoo.data.marks import bare
from mmzoo.errors import ConfigError, InputError
from mmzoo.interfaces import (
    ALONE,
    Examples,
    Fraction,
    Link,
    Losses,
    ModalityEncoder,
    Port,
    Ports,
    Segment,
    Size,
    Slot,
    TaskHead,
    TrainingState,
    Weight,
)
from mmzoo.interfaces.losses import masked_mean
from mmzoo_tts.alignment import soft_overlap
from mmzoo_tts.joining import fade
from mmzoo_tts.speaker import Speaker
from mmzoo_tts.speech_to_speech.converter import Converter
from mmzoo_tts.speech_to_speech.decoding import Span, decoded, utterances
from mmzoo_tts.speech_to_speech.examples import HeardPhones, spoiling
from mmzoo_tts.speech_to_speech.level import Samples, leveled, loudness, rising_tone
from mmzoo_tts.text.phones import phone_set

if TYPE_CHECKING:
    from datasets import Dataset


MOST_GAIN = 4.0
"""How much louder or quieter than the synthesizer speaks an utterance may be."""


class VoiceConversion(Converter, TaskHead):
    """Speech to Audio: the same words at the same times in a voice of a synthesizer.

    `speech` encodes what is heard, and a linear layer gives the log-probability of each phone at each latent. The
    likeliest sequence of phones, under a bigram model of phones, is spoken by `synthesizer` with the times it has.
    Phonetic posteriors as the link between voices: Sun et al., "Phonetic posteriorgrams for many-to-one voice
    conversion", ICME 2016.

    Args:
        width: Channels of the encoder's latents.
        phones: The phones that it can hear, with the marks of `mmzoo.data.marks`; the synthesizer must speak them.
        language_weight: Weight of the bigram model in decoding.
        switch_cost: What another phone costs in decoding, in nats.
        spread: Largest random change of speed, pitch and formants of the speech of training, as a fraction.
        snr_db: Lowest and highest signal-to-noise ratio in dB of noise added to it; None for no noise.
    """

    slots: ClassVar[Mapping[str, Slot]] = {
        "synthesizer": Slot("head", model=True, contract=Speaker),
        "speech": Slot("encoder"),
    }
    links = (Link("speech.latents", "head.speech"),)
    columns = ("audio", "phones", "phone_ends_s")
    batch_keys = ("speech", "speech_mask", "phones", "ends", "phone_mask")
    synthesizer: Speaker
    speech: ModalityEncoder

    def __init__(
        self,
        *,
        width: Size = 192,
        phones: list[str] | None = None,
        language_weight: Weight = 0.3,
        switch_cost: Weight = 0.3,
        spread: Fraction = 0.0,
        snr_db: list[float] | None = None,
    ) -> None:
        super().__init__()
        self.phones = phone_set(phones)
        self.language_weight, self.switch_cost = language_weight, switch_cost
        self.spoiling = spoiling(spread, snr_db)
        self.heard = nn.Linear(width, len(self.phones))
        self.next = nn.Embedding(len(self.phones), len(self.phones))

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """The encoder's latents in, speech out."""
        return Ports(inputs={"speech": Port(width=config["width"])}, outputs={"sound": Port(modality="speech")})

    def reset_parameters(self) -> None:
        """Any phone may follow any other."""
        super().reset_parameters()
        nn.init.zeros_(self.next.weight)

    def connect(self) -> None:
        """Raises ConfigError unless the encoder has the synthesizer's sample rate, and the synthesizer the phones."""
        ports = type(self.speech).ports(self.speech.config)
        rate = ports.outputs.get("latents", Port()).rate
        heard = ports.inputs.get("raw", Port()).sample_rate
        if rate is None or heard is None or heard != self.sample_rate or heard % rate:
            raise ConfigError(
                f"The encoder gives {rate} latents per second of {heard} Hz; it must give a whole number of samples to"
                f" each, of the synthesizer's {self.sample_rate} Hz.",
                path="speech",
            )
        self.rate, self.num_steps = rate, self.synthesizer.num_steps
        if unknown := {p for p in self.phones if not {p, bare(p)} & set(self.synthesizer.phones)}:
            raise ConfigError(
                f"head.phones has {', '.join(sorted(unknown)[:5])}, which the synthesizer cannot speak.", path="phones"
            )

    # --- training ----------------------------------------------------------------------------------------

    def examples(self, rows: Dataset, cache: Path) -> Examples:
        """The rows' speech, changed each time it is drawn, and its phones with times."""
        return HeardPhones(rows, self.phones, self.sample_rate, self.rate, cache, self.spoiling)

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        """Cross-entropy of the phones at each latent, shared by overlap, and of each phone after the one before."""
        heard = self.speech.encode(batch["speech"], batch["speech_mask"])
        assert heard.mask is not None
        scores = self.heard(heard.x).float().log_softmax(-1)
        phones, mask = batch["phones"], batch["phone_mask"]
        weights, _ = soft_overlap(batch["ends"], mask, heard.mask.sum(1), self.rate, heard.x.shape[1])
        told = scores.gather(-1, phones.unsqueeze(1).expand(-1, scores.shape[1], -1))
        hearing = masked_mean(-(weights * told).sum(-1), heard.mask)
        after = self.following()[phones[:, :-1], phones[:, 1:]]
        language = masked_mean(-after, mask[:, 1:])
        right = scores.argmax(-1) == phones.gather(1, weights.argmax(-1))
        parts = {"hearing": hearing.detach(), "language": language.detach()}
        return Losses(hearing + language, {**parts, "accuracy": masked_mean(right.float(), heard.mask)})

    def previews(self, rows: Dataset) -> Iterator[tuple[str, Any]]:
        """Each row's sound, and the same in the first voice."""
        for row in rows:
            sound = decode_audio(row["audio"], sample_rate=self.sample_rate)
            yield f"{row['id']}-source", sound
            yield row["id"], self(sound)

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """Log-probabilities of phones in a fixed rising tone in noise."""
        inputs = {"speech": rising_tone(self.sample_rate)} if inputs is None else inputs
        return inputs, {"phones": self.heard(self.speech.encode(inputs["speech"]).x).float().log_softmax(-1)}

    # --- use ---------------------------------------------------------------------------------------------

    forward = Converter.convert

    @property
    def voices(self) -> list[str]:
        """Those of the synthesizer."""
        return self.synthesizer.voices

    @property
    def sample_rate(self) -> int:
        """That of the synthesizer, in Hz."""
        return self.synthesizer.sample_rate

    def following(self) -> Tensor:
        """Log-probability of each phone (column) after another (row)."""
        return self.next.weight.float().log_softmax(-1)

    def phones_of(self, speech: Any) -> list[Segment]:
        """The phones that are heard in speech, with their times.

        Args:
            speech: Anything `mmzoo.data.as_audio` takes.
        """
        samples = leveled(as_audio(speech, self.sample_rate).samples, self.sample_rate)
        end = len(samples) / self.sample_rate
        return [
            Segment("phone", self.phones[span.phone], span.start / self.rate, min(end, span.end / self.rate))
            for span in self._spans(samples)
        ]

    @torch.inference_mode()
    def _spans(self, samples: Samples) -> list[Span]:
        heard = self.speech.encode(torch.from_numpy(samples).to(self.device).unsqueeze(0)).x
        scores = self.heard(heard)[0].float().log_softmax(-1)
        following = self.language_weight * self.following()
        return decoded(scores.cpu().numpy(), following.cpu().numpy(), self.switch_cost)

    def _pieces(self, samples: Samples, weights: tuple[float, ...], steps: int, seed: int) -> Iterator[Samples]:
        pauses = frozenset(index for index, phone in enumerate(self.phones) if bare(phone) == self.phones[0])
        voice = {name: weight for name, weight in zip(self.voices, weights, strict=True) if weight}
        size, done = round(self.sample_rate / self.rate), 0
        for said in utterances(self._spans(samples), pauses, self.rate):
            start, end = said[0].start * size, min(said[-1].end * size, len(samples))
            phones = [self.phones[span.phone] for span in said]
            seconds = [(span.end - span.start) / self.rate for span in said]
            if said[0].phone in pauses:  # a text begins with a pause that has no mark
                phones[0] = self.phones[0]
            else:
                phones, seconds = [self.phones[0], *phones], [0.0, *seconds]
            if said[-1].phone not in pauses:
                phones, seconds = [*phones, self.phones[0]], [*seconds, 0.0]
            spoken = self.synthesizer.speak_phones(phones, seconds, voice=voice, steps=steps, seed=seed).samples
            level = loudness(samples[start:end], self.sample_rate) / loudness(spoken, self.sample_rate)
            level = min(max(level, 1 / MOST_GAIN), MOST_GAIN)
            made = np.zeros(end - done, np.float32)
            made[start - done :] = np.float32(level) * fade(spoken[: end - start], self.sample_rate)
            yield made
            done = end
        if not done:
            raise InputError("No speech is heard in it; give a recording of somebody who speaks English.")
        if done < len(samples):
            yield np.zeros(len(samples) - done, np.float32)
