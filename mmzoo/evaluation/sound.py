"""Distances between sounds, in numpy. Their definitions are frozen.

`prosody` and `final_slope` resample to 16 kHz, so that models of any rate can be compared. `mcd_mfcc13` is specific to
this project: c1..c13 of an orthonormal DCT-II of 80-band natural-log mel energies (window 1024, hop 256, 16 kHz),
10 / ln 10 * sqrt(2 * sum of squared differences), averaged over the path of an exact dynamic time warping. It is not
comparable with figures based on WORLD or SPTK.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mmzoo.data import resample
from mmzoo.interfaces.values import Audio

Array = np.ndarray[Any, np.dtype[np.float64]]
SAMPLE_RATE = 16_000
HOP = 256
FLOOR_HZ, CEILING_HZ = 70.0, 400.0
YIN_THRESHOLD = 0.2
SHORTEST_RUN, FEWEST_FRAMES = 3, 5
"""Voiced frames in a row that end an utterance, and those that a slope needs at least."""


def cepstra(audio: Audio) -> Array:
    """Cepstral coefficients c1..c13 of K frames, `[K, 13]`."""
    import torch

    from mmzoo.nn.mel import LogMel

    log_mel = LogMel(sample_rate=audio.sample_rate, window=1024, hop=HOP, bands=80)
    usable = len(audio.samples) // HOP * HOP
    mel = log_mel(torch.from_numpy(audio.samples[:usable]).unsqueeze(0))[0].double().numpy()
    bands = mel.shape[1]
    basis = np.cos(np.pi / bands * (np.arange(bands) + 0.5) * np.arange(1, 14)[:, None]) * np.sqrt(2 / bands)
    return np.asarray(mel @ basis.T)


def warp(a: Array, b: Array) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The dynamic time warping path of least total Euclidean distance, as (indices into a, indices into b)."""
    distance = np.sqrt(np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T, 0))
    rows, columns = distance.shape
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0
    # By anti-diagonals: each depends only on the two before it.
    for diagonal in range(rows + columns - 1):
        i = np.arange(max(0, diagonal - columns + 1), min(rows, diagonal + 1))
        j = diagonal - i
        best = np.minimum(np.minimum(total[i, j], total[i, j + 1]), total[i + 1, j])
        total[i + 1, j + 1] = distance[i, j] + best
    i, j, path = rows, columns, []
    while i and j:
        path.append((i - 1, j - 1))
        step = int(np.argmin((total[i - 1, j - 1], total[i - 1, j], total[i, j - 1])))
        i, j = i - (step != 2), j - (step != 1)
    first, second = zip(*reversed(path), strict=True)
    return np.array(first), np.array(second)


def pitch(audio: Audio) -> Array:
    """F0 in Hz of each frame of HOP samples, 0 if unvoiced: YIN (de Cheveigne and Kawahara 2002), steps 1-5."""
    rate = audio.sample_rate
    longest, shortest = int(rate / FLOOR_HZ), int(rate / CEILING_HZ)
    width = 2 * longest
    x = np.pad(audio.samples.astype(np.float64), (width // 2, width))
    starts = np.arange(0, len(audio.samples) // HOP * HOP, HOP)
    frames = x[starts[:, None] + np.arange(width)]
    size = 1 << (2 * width - 1).bit_length()
    spectrum = np.fft.rfft(frames[:, :longest], size).conj() * np.fft.rfft(frames, size)
    correlation = np.fft.irfft(spectrum, size)[:, : longest + 1]
    squares = np.pad(np.cumsum(frames**2, 1), ((0, 0), (1, 0)))
    energy = squares[:, longest : 2 * longest + 1] - squares[:, : longest + 1]
    difference = np.maximum(energy[:, :1] + energy - 2 * correlation, 0)
    mean = np.cumsum(difference[:, 1:], 1) / np.arange(1, longest + 1)
    normal = np.ones_like(difference)
    normal[:, 1:] = difference[:, 1:] / np.maximum(mean, 1e-12)
    region = normal[:, shortest : longest + 1]
    below = region < YIN_THRESHOLD
    first = np.argmax(below, 1)
    result = np.zeros(len(frames))
    for k in np.flatnonzero(below.any(1) & (energy[:, 0] / longest > 1e-6)):
        lag = int(first[k])
        while lag + 1 < region.shape[1] and region[k, lag + 1] < region[k, lag]:
            lag += 1
        offset = 0.0
        if 0 < lag < region.shape[1] - 1:
            left, middle, right = region[k, lag - 1 : lag + 2]
            curve = left - 2 * middle + right
            offset = 0.5 * (left - right) / curve if curve > 0 else 0.0
        result[k] = rate / (shortest + lag + offset)
    return result


def harmonics(audio: Audio, pitch_hz: Array, low: float = 2000.0, high: float = 4000.0) -> float:
    """How periodic the band from `low` to `high` Hz is, from 0 (noise) to 1 (clear harmonics).

    Each voiced frame of `pitch_hz` gives the normalized correlation of 40 ms with the 40 ms one pitch period later, the
    best within 2 samples. The result is the mean over frames, NaN if none is voiced.
    """
    rate, count = audio.sample_rate, len(audio.samples)
    spectrum = np.fft.rfft(audio.samples.astype(np.float64))
    frequencies = np.fft.rfftfreq(count, 1 / rate)
    band = np.fft.irfft(np.where((frequencies >= low) & (frequencies <= high), spectrum, 0), count)
    width, correlations = int(0.04 * rate), []
    for frame in np.flatnonzero(pitch_hz > 0):
        start, period = frame * HOP, round(rate / pitch_hz[frame])
        if start + width + period + 2 > count:
            break
        here = band[start : start + width]
        later = np.stack([band[start + period + k : start + period + k + width] for k in range(-2, 3)])
        correlations.append(np.max(later @ here / np.sqrt((later**2).sum(1) * (here @ here) + 1e-12)))
    return float(np.mean(correlations)) if correlations else float("nan")


def prosody(reference: Audio, other: Audio) -> dict[str, float]:
    """Compare two sounds after time alignment: `mcd_mfcc13`, pitch, and harmonics from 2 to 4 kHz.

    Pitch: the rate of voicing errors and, over frames voiced in both, RMSE and correlation of log F0 and the ratio of
    the F0 stds.
    """
    reference, other = at_16_khz(reference), at_16_khz(other)
    a, b = cepstra(reference), cepstra(other)
    i, j = warp(a, b)
    mcd = float(np.mean(10 / np.log(10) * np.sqrt(2 * ((a[i] - b[j]) ** 2).sum(1))))
    f, g = pitch(reference), pitch(other)
    result = {
        "mcd_mfcc13": mcd,
        "harmonics_2_to_4_khz": harmonics(other, g),
        "harmonics_2_to_4_khz_of_the_teacher": harmonics(reference, f),
    }
    f, g = f[i], g[j]
    voiced = (f > 0) & (g > 0)
    result["voicing_error"] = float(np.mean((f > 0) != (g > 0)))
    if voiced.sum() > 10:
        x, y = np.log(f[voiced]), np.log(g[voiced])
        result |= {
            "log_f0_rmse": float(np.sqrt(np.mean((x - y) ** 2))),
            "log_f0_correlation": float(np.corrcoef(x, y)[0, 1]),
            "f0_spread_ratio": float(g[voiced].std() / max(f[voiced].std(), 1e-6)),
        }
    return result


def at_16_khz(audio: Audio) -> Audio:
    """The sound at the rate of these definitions."""
    return Audio(resample(audio.samples, audio.sample_rate, SAMPLE_RATE), SAMPLE_RATE)


def final_slope(audio: Audio, seconds: float = 0.3) -> float:
    """How F0 changes at the end of an utterance, in semitones per second; NaN if too little of the end is voiced.

    The median of the slopes between all pairs of voiced frames (Theil and Sen) in the last `seconds` of voiced speech,
    which a few octave errors do not change.
    """
    pitch_hz = pitch(at_16_khz(audio))
    voiced = pitch_hz > 0
    ends = [k for k in range(SHORTEST_RUN - 1, len(voiced)) if voiced[k - SHORTEST_RUN + 1 : k + 1].all()]
    if not ends:
        return float("nan")
    frame_s = HOP / SAMPLE_RATE
    frames = np.flatnonzero(voiced[: ends[-1] + 1])
    frames = frames[frames > ends[-1] - seconds / frame_s]
    if len(frames) < FEWEST_FRAMES:
        return float("nan")
    semitones = 12 * np.log2(pitch_hz[frames])
    i, j = np.triu_indices(len(frames), 1)
    return float(np.median((semitones[j] - semitones[i]) / ((frames[j] - frames[i]) * frame_s)))


def intelligibility(reference: Audio, other: Audio) -> dict[str, float]:
    """STOI and ESTOI of two aligned sounds (Taal et al. 2011; Jensen and Taal 2016), cut to the shorter one."""
    import pystoi

    count = min(len(reference.samples), len(other.samples))
    x, y = reference.samples[:count], other.samples[:count]
    return {
        "stoi": float(pystoi.stoi(x, y, reference.sample_rate)),
        "estoi": float(pystoi.stoi(x, y, reference.sample_rate, extended=True)),
    }


def si_sdr(reference: Audio, other: Audio) -> float:
    """Scale-invariant signal-to-distortion ratio of two aligned sounds in dB (Le Roux et al., arXiv 1811.02508, eq. 3).

    It compares waveforms, so speech that was synthesized again, with other phases, has a low one however it sounds.
    """
    count = min(len(reference.samples), len(other.samples))
    x, y = (sound.samples[:count].astype(np.float64) for sound in (reference, other))
    target = x * (x @ y) / max(float(x @ x), 1e-12)
    return float(10 * np.log10(max(float(target @ target), 1e-12) / max(float(np.square(y - target).sum()), 1e-12)))


def high_band_distance(reference: Audio, other: Audio) -> float:
    """Log-spectral distance in dB of two aligned sounds of one rate above 2 kHz, where smeared harmonics show first."""
    import torch

    from mmzoo.nn.stft import STFT

    count = min(len(reference.samples), len(other.samples)) // HOP * HOP
    stft = STFT(1024, HOP)
    a, b = (stft(torch.from_numpy(s.samples[:count]).unsqueeze(0)).abs()[0] for s in (reference, other))
    first = int(2000 / reference.sample_rate * 1024)
    loud = a.square().sum(1) > a.square().sum(1).max() * 1e-3
    gap = 20 * ((b[:, first:] + 1e-4).log10() - (a[:, first:] + 1e-4).log10())
    return float(gap[loud].square().mean(1).sqrt().mean())


def averages(rows: list[dict[str, float]]) -> dict[str, float]:
    """The mean of each figure over the rows that have it."""
    names = {name for row in rows for name in row}
    return {n: float(np.mean([row[n] for row in rows if n in row and np.isfinite(row[n])])) for n in sorted(names)}
