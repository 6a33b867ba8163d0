"""Text and phones to speech in chunks, whichever engine runs the networks."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np

from mmzoo.data import as_batch, as_text
from mmzoo.data.marks import bare
from mmzoo.errors import InputError
from mmzoo.interfaces import Audio, FilePath, Segment, Size
from mmzoo.interfaces.keywords import Verbs
from mmzoo.interfaces.options import LARGEST_SEED, integer, number, seed_note, seed_of
from mmzoo_tts.chunks import Chunk, split_chunks
from mmzoo_tts.joining import finish, join, shift
from mmzoo_tts.options import SPEEDS, SpeechOptions
from mmzoo_tts.pronouncer import Pronouncer
from mmzoo_tts.text.phones import phone_ids
from mmzoo_tts.text.user_lexicon import Pronunciations, UserLexicon
from mmzoo_tts.voices import VoiceChoice, voice_weights, written_voice

LONGEST_PHONE = 10.0
"""Seconds that a phone may be given."""

SPECIMEN_PHONES = 30

Array = np.ndarray[Any, np.dtype[Any]]


class Speaker(Verbs):
    """What a text-to-speech model does around its networks, which subclasses run.

    Attributes:
        name: The model's name.
        voices: Speaker names; the first is the default.
        phones: The phones that it can speak, perhaps some with marks (see `mmzoo.data.marks`).
        num_steps: Default sampling steps.
        temperature: Scale of the initial noise.
        dim: Channels of the latents.
        most_steps: The largest number of sampling steps; None for no limit.
        phonemizer: Gives the phones of a text; None if it speaks phones only.
    """

    name: str
    voices: list[str]
    phones: list[str]
    num_steps: int
    temperature: float
    dim: int
    most_steps: int | None = None
    phonemizer: Pronouncer | None
    generates = Audio

    @property
    @abstractmethod
    def rate(self) -> float:
        """Latent frames per second."""

    @property
    @abstractmethod
    def sample_rate(self) -> int:
        """Sample rate of the speech in Hz."""

    @abstractmethod
    def _read(self, phones: Array, voice: Array) -> tuple[Any, Array]:
        """What the networks make of phone ids `[P]`, for `_sound`, and durations in seconds `[P]`.

        `voice [1, V]` has the weight of each voice.
        """

    @abstractmethod
    def _sound(self, read: Any, ends: Array, noise: Array, voice: Array, steps: int) -> Array:
        """Samples `[T]` of phones that end at `ends [P]` seconds, from noise `[N, dim]`; T is at least that long.

        `voice [1, V]` has the weight of each voice.
        """

    def __call__(
        self,
        text: Any,
        *,
        voice: VoiceChoice = None,
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

    def stream(
        self,
        text: Any,
        *,
        voice: VoiceChoice = None,
        speed: float = 1.0,
        steps: int | None = None,
        seed: int | None = 0,
        pronunciations: Pronunciations = None,
    ) -> Iterator[Audio]:
        """Speak a text in chunks that end at pauses; joined, they equal the result of calling the model.

        Args:
            text: The text, perhaps with markup (docs/speech-markup.md), or a dataset row with one. It and the options
                are checked before this returns.
            voice: One of `voices`, or a mapping of several to weights, whose vectors are averaged; None for the first.
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

    def generate_item(
        self,
        *,
        text: str,
        voice: str | dict[str, float] | None = None,
        speed: float = 1.0,
        steps: Size | None = None,
        seed: int | None = 0,
        pronunciations: FilePath | None = None,
    ) -> Audio:
        """Speak one text; see `stream`. A mixture of voices may also be written `ann:0.6,bob:0.4`."""
        chosen = written_voice(voice, self.voices) if voice is None or isinstance(voice, str) else voice
        spoken: Audio = self(
            as_text(text), voice=chosen, speed=speed, steps=steps, seed=seed, pronunciations=pronunciations
        )
        return spoken

    def _speak(self, chunks: list[Chunk], notes: tuple[str, ...], options: SpeechOptions) -> Iterator[Audio]:
        start = 0.0
        for index, chunk in enumerate(chunks):
            raw = self._synthesize(chunk.marked, None, options, index, chunk.rates)
            audio = finish(raw, chunk.lead, chunk.tail)
            segments = tuple(shift(s, start) for s in chunk.segments(audio.segments))
            start += audio.duration
            yield Audio(audio.samples, audio.sample_rate, segments, notes if index == 0 else ())

    def speak_phones(
        self,
        phones: Sequence[str],
        durations_s: Sequence[float] | None = None,
        *,
        voice: VoiceChoice = None,
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
        unknown = [p for p in phones if not {p, bare(p)} & set(self.phones)]
        if unknown or not phones:
            raise InputError(f"phones must be a non-empty list from {', '.join(self.phones)}; unknown: {unknown[:3]}.")
        if durations_s is not None:
            durations_s = _checked_durations(durations_s, len(phones))
        options = self._options(voice, speed, steps, seed)
        audio = finish(self._synthesize(phones, durations_s, options, 0))
        return replace(audio, notes=(*audio.notes, *options.notes))

    def specimen(self, number: int) -> Audio:
        """A text in the language of the phonemizer, or some of the phones if there is none."""
        if self.phonemizer is not None and (text := self.phonemizer.sample_text(number)):
            speech: Audio = self(text)
            return speech
        pause = self.phones[0]
        return self.speak_phones([pause, *Random(number).choices(self.phones, k=SPECIMEN_PHONES), pause])

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
        voice = np.array([options.voice], np.float32)
        read, seconds = self._read(np.array(phone_ids(phones, self.phones)), voice)
        if durations_s is not None:
            seconds = np.array(durations_s, np.float32)
        seconds = seconds / np.float32(options.speed)
        if rates:
            seconds = seconds / np.array(rates, np.float32)
        ends = seconds.cumsum(dtype=np.float32)
        total = float(ends[-1])
        frames = max(1, math.ceil(total * self.rate - 1e-4))
        # numpy draws the noise, so that it is the same on every engine and device.
        generator = np.random.Generator(np.random.Philox(options.seed_of(number)))
        noise = generator.standard_normal((frames, self.dim), np.float32) * np.float32(self.temperature)
        samples = self._sound(read, ends, noise, voice, options.steps)
        edges = [0.0, *ends.tolist()]
        segments = tuple(Segment("phone", bare(p), a, b) for p, a, b in zip(phones, edges, edges[1:], strict=False))
        return Audio(samples[: max(1, round(total * self.sample_rate))], self.sample_rate, segments)

    def _options(self, voice: VoiceChoice, speed: float, steps: int | None, seed: int | None) -> SpeechOptions:
        speed = number("speed", speed, *SPEEDS)
        steps = self.num_steps if steps is None else integer("steps", steps, 1, self.most_steps)
        value, drawn = seed_of(seed, low=-LARGEST_SEED)
        weights = voice_weights(voice, self.voices, self.name)
        return SpeechOptions(weights, speed, steps, value, seed_note(value, drawn))


def _checked_durations(given: Any, count: int) -> list[float]:
    """One duration for each of `count` phones. Raises InputError."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InputError(f"durations_s must be a list of numbers, not {given!r}.")
    durations = list(given)
    if len(durations) != count:
        raise InputError(f"There are {count} phones but {len(durations)} durations; give one for each phone.")
    return [number("durations_s", duration, 0, LONGEST_PHONE) for duration in durations]
