"""What models from speech to speech share: how they are called, and the loudness and length of what they make."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np

from mmzoo.data import as_audio, as_batch
from mmzoo.errors import InputError
from mmzoo.interfaces import Audio, FilePath, Size
from mmzoo.interfaces.keywords import Verbs
from mmzoo.interfaces.options import LARGEST_SEED, integer, seed_note, seed_of
from mmzoo_tts.joining import join
from mmzoo_tts.speech_to_speech.level import LEVEL, Samples, leveled, loudness
from mmzoo_tts.voices import VoiceChoice, voice_weights, written_voice


class Converter(Verbs):
    """Speech to Audio of the same length and loudness, in pieces.

    Attributes:
        name: The model's name.
        num_steps: Default sampling steps.
    """

    name: str
    num_steps: int
    generates = Audio

    @property
    @abstractmethod
    def voices(self) -> list[str]:
        """Speaker names, the first of which is the default; none if the speaker stays the same."""

    @property
    @abstractmethod
    def sample_rate(self) -> int:
        """Sample rate of its speech in Hz."""

    @abstractmethod
    def _pieces(self, samples: Samples, weights: tuple[float, ...], steps: int, seed: int) -> Iterator[Samples]:
        """What is made of speech at the loudness LEVEL, in pieces, which together are at least as long.

        `weights` are of each voice.
        """

    def convert(self, speech: Any, *, voice: VoiceChoice = None, steps: int | None = None, seed: int | None = 0) -> Any:
        """Convert speech, or each item of a list; returns Audio, or a list of them. See `stream` for the options."""
        items = as_batch(speech)
        if items is not None:
            return [self.convert(item, voice=voice, steps=steps, seed=seed) for item in items]
        return join(list(self.stream(speech, voice=voice, steps=steps, seed=seed)))

    __call__ = convert

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
        """Convert speech in pieces that end where it is quiet.

        Joined, they are as long as the speech, as loud, and equal to the result of calling the model.

        Args:
            speech: Anything `mmzoo.data.as_audio` takes. It and the options are checked before this returns.
            voice: One of `voices`, or a mapping of several to weights, whose vectors are averaged; None for the first.
                A model without voices takes none.
            steps: Sampling steps; None for `num_steps`.
            seed: Seed of the initial noise; None draws one, and the notes report it.

        Returns:
            An iterator of Audio at the model's sample rate, with the segments of the speech.

        Raises:
            InputError: The speech is unreadable, empty, silent or too long, or an option is out of range.
        """
        if not self.voices and voice is not None:
            raise InputError(
                f"{self.name or 'This model'} has no voices, because it keeps the speaker's; leave voice={voice!r} out."
            )
        weights = voice_weights(voice, self.voices, self.name) if self.voices else ()
        steps = self.num_steps if steps is None else integer("steps", steps, 1)
        value, drawn = seed_of(seed, low=-LARGEST_SEED)
        audio = as_audio(speech, self.sample_rate)
        return self._converted(audio, weights, steps, value, seed_note(value, drawn))

    def _converted(
        self, audio: Audio, weights: tuple[float, ...], steps: int, seed: int, notes: tuple[str, ...]
    ) -> Iterator[Audio]:
        gain = np.float32(loudness(audio.samples, self.sample_rate) / LEVEL)
        start, left, notes = 0.0, len(audio.samples), (*audio.notes, *notes)
        for made in self._pieces(leveled(audio.samples, self.sample_rate), weights, steps, seed):
            made = gain * made[:left]
            end, left = start + len(made) / self.sample_rate, left - len(made)
            segments = tuple(s for s in audio.segments if start <= s.start and (not left or s.start < end))
            yield Audio(made, self.sample_rate, segments, notes)
            start, notes = end, ()
