"""Noises made from seeds, and speech spoiled by them: the training data of enhancement, and its tests.

Everything is drawn from a numpy generator. The kinds in HELD_OUT are never used in training.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Samples = np.ndarray[Any, np.dtype[np.float32]]
Generator = np.random.Generator
Voices = Callable[[int, Generator], Samples]
"""Gives a number of samples of somebody speaking, for babble."""

HELD_OUT = ("fan", "chirps")
"""Kinds of noise for tests only."""


def noise(kind: str, count: int, sample_rate: int, generator: Generator, voices: Voices) -> Samples:
    """Noise `[count]` of one of KINDS, with an RMS of 1."""
    return np.asarray(_even(KINDS[kind](count, sample_rate, generator, voices)), np.float32)


def mixed(speech: Samples, added: Samples, snr_db: float) -> Samples:
    """Speech with noise, whose power is lower than that of the speech by `snr_db`."""
    power = float(np.square(speech, dtype=np.float64).mean()) / max(float(np.square(added).mean()), 1e-12)
    return speech + added * np.float32(math.sqrt(power / 10 ** (snr_db / 10)))


def reverberant(speech: Samples, sample_rate: int, generator: Generator) -> Samples:
    """Speech in a simple room: its direct sound, and a tail of noise that decays by 60 dB in 0.15 to 0.6 s."""
    decay_s, ratio_db = generator.uniform(0.15, 0.6), generator.uniform(0, 12)
    time = np.arange(int(decay_s * sample_rate)) / sample_rate
    tail = generator.standard_normal(len(time)) * 10 ** (-3 * time / decay_s)
    tail[: int(generator.uniform(0.002, 0.015) * sample_rate)] = 0
    tail *= math.sqrt(10 ** (-ratio_db / 10) / max(float(np.square(tail).sum()), 1e-12))
    tail[0] = 1
    size = _fast(len(speech) + len(tail))
    return np.asarray(
        np.fft.irfft(np.fft.rfft(speech, size) * np.fft.rfft(tail, size), size)[: len(speech)], np.float32
    )


# --- kinds -----------------------------------------------------------------------------------------------


def _even(made: Any) -> Any:
    """The same with an RMS of 1."""
    return made / max(float(np.sqrt(np.square(made).mean())), 1e-9)


def _fast(count: int) -> int:
    """A length of at least `count` whose Fourier transform is fast."""
    return 1 << (max(2, count) - 1).bit_length()


def _shaped(count: int, sample_rate: int, generator: Generator, gain: Callable[[Any], Any]) -> Any:
    """White noise filtered by a gain of the frequency in Hz."""
    size = _fast(count)
    spectrum = np.fft.rfft(generator.standard_normal(size))
    return np.fft.irfft(spectrum * gain(np.fft.rfftfreq(size, 1 / sample_rate)), size)[:count]


def _white(count: int, sample_rate: int, generator: Generator, voices: Voices) -> Any:
    return generator.standard_normal(count)


def _pink(count: int, sample_rate: int, generator: Generator, voices: Voices) -> Any:
    return _shaped(count, sample_rate, generator, lambda hertz: np.maximum(hertz, 20) ** -0.5)


def _brown(count: int, sample_rate: int, generator: Generator, voices: Voices) -> Any:
    return _shaped(count, sample_rate, generator, lambda hertz: 1 / np.maximum(hertz, 20))


def _band(count: int, sample_rate: int, generator: Generator, voices: Voices) -> Any:
    """Noise of one to four octaves anywhere."""
    center = 100 * 2 ** generator.uniform(0, 6)
    octaves = generator.uniform(0.5, 2)
    steep = generator.uniform(2, 12)

    def gain(hertz: Any) -> Any:
        distance = np.abs(np.log2(np.maximum(hertz, 1) / center)) / octaves
        return 1 / (1 + distance**steep)

    return _shaped(count, sample_rate, generator, gain)


def _hum(count: int, sample_rate: int, generator: Generator, voices: Voices) -> Any:
    """Mains hum with harmonics that fall off, and a little noise."""
    base = generator.choice([50.0, 60.0]) * generator.uniform(0.99, 1.01)
    drift = 1 + 0.002 * _slow(count, sample_rate, generator, 0.5)
    phase = 2 * np.pi * np.cumsum(base * drift) / sample_rate
    made = np.zeros(count)
    fall = generator.uniform(0.4, 1.4)
    for harmonic in range(1, int(generator.integers(6, 40))):
        if base * harmonic < 0.45 * sample_rate:
            made += (
                generator.uniform(0.2, 1) * harmonic**-fall * np.sin(harmonic * phase + generator.uniform(0, 2 * np.pi))
            )
    return made + 0.05 * _pink(count, sample_rate, generator, voices)


def _clicks(count: int, sample_rate: int, generator: Generator, voices: Voices) -> Any:
    """Short bursts at random times, 2 to 20 a second: keys, crackling, drops."""
    number = max(1, generator.poisson(generator.uniform(2, 20) * count / sample_rate))
    made = np.zeros(count + sample_rate // 20)
    for start in generator.integers(0, count, number):
        time = np.arange(int(generator.uniform(0.001, 0.02) * sample_rate)) / sample_rate
        ring = np.cos(2 * np.pi * generator.uniform(500, 6000) * time + generator.uniform(0, 2 * np.pi))
        burst = generator.uniform(0, 1) * ring + generator.uniform(0, 1) * generator.standard_normal(len(time))
        made[start : start + len(time)] += generator.exponential() * burst * np.exp(-5 * time / time[-1])
    return made[:count] + 1e-3 * generator.standard_normal(count)


def _babble(count: int, sample_rate: int, generator: Generator, voices: Voices) -> Any:
    """Three to eight people speaking at once."""
    people = [voices(count, generator) for _ in range(generator.integers(3, 9))]
    return sum(generator.uniform(0.5, 1) * _even(one) for one in people)


def _wind(count: int, sample_rate: int, generator: Generator, voices: Voices) -> Any:
    """Low noise whose loudness and color change slowly."""
    corner = generator.uniform(100, 800)
    low = _shaped(count, sample_rate, generator, lambda hertz: 1 / (1 + (hertz / corner) ** 2))
    high = _shaped(count, sample_rate, generator, lambda hertz: 1 / (1 + (hertz / (6 * corner)) ** 2))
    gust = np.exp(generator.uniform(0.3, 1.2) * _slow(count, sample_rate, generator, generator.uniform(0.5, 3)))
    return gust * (_even(low) + 0.3 * gust * _even(high))


def _fan(count: int, sample_rate: int, generator: Generator, voices: Voices) -> Any:
    """Tones of rotating blades, and noise that they modulate."""
    blades = generator.uniform(60, 240)
    time = np.arange(count) / sample_rate
    tones = sum(
        generator.uniform(0.3, 1) / k * np.sin(2 * np.pi * k * blades * time + generator.uniform(0, 6))
        for k in range(1, 9)
    )
    air = _shaped(count, sample_rate, generator, lambda hertz: (hertz / 300) / (1 + (hertz / 300) ** 2))
    turning = 1 + 0.4 * np.sin(2 * np.pi * blades / generator.integers(3, 8) * time)
    return 0.5 * tones + turning * _even(air)


def _chirps(count: int, sample_rate: int, generator: Generator, voices: Voices) -> Any:
    """Gliding tones at random times, as of birds."""
    made = 0.02 * _pink(count, sample_rate, generator, voices)
    for start in generator.integers(0, count, max(2, generator.poisson(6 * count / sample_rate))):
        length = min(int(generator.uniform(0.05, 0.3) * sample_rate), count - start)
        low, high = generator.uniform(1500, 6000, 2)
        phase = 2 * np.pi * np.cumsum(np.linspace(low, high, length)) / sample_rate
        made[start : start + length] += generator.uniform(0.3, 1) * np.hanning(length) * np.sin(phase)
    return made


def _slow(count: int, sample_rate: int, generator: Generator, hertz: float) -> Any:
    """A random curve with a std of about 1 that changes at about this rate."""
    knots = generator.standard_normal(max(2, math.ceil(count / sample_rate * hertz) + 2))
    return np.interp(np.arange(count) / sample_rate * hertz, np.arange(len(knots)), knots)


KINDS: dict[str, Callable[[int, int, Generator, Voices], Any]] = {
    "white": _white,
    "pink": _pink,
    "brown": _brown,
    "band": _band,
    "hum": _hum,
    "clicks": _clicks,
    "babble": _babble,
    "wind": _wind,
    "fan": _fan,
    "chirps": _chirps,
}
TRAINED = tuple(kind for kind in KINDS if kind not in HELD_OUT)
"""Kinds of noise that training uses."""
