"""Audio files, rates, and what no model accepts."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from given import RATE, SAMPLES, SOUND_VERBS, Verb, light, model, values

from mmzoo.data import as_audio, decode_audio, resample
from mmzoo.errors import InputError
from mmzoo.interfaces import Audio, Labels

FLOATS = SAMPLES.astype(np.float32)

FILES = {  # by format and subtype: the rate, and by how much the samples may differ
    ("WAV", "GSM610"): (8000, 0.1),
    ("WAV", "ALAW"): (RATE, 0.02),
    ("WAV", "ULAW"): (RATE, 0.02),
    ("WAV", "PCM_U8"): (RATE, 0.01),
    ("WAV", "PCM_16"): (RATE, 1e-4),
    ("WAV", "PCM_24"): (RATE, 1e-4),
    ("WAV", "PCM_32"): (RATE, 1e-4),
    ("WAV", "FLOAT"): (RATE, 1e-6),
    ("WAV", "DOUBLE"): (RATE, 1e-6),
    ("WAV", "IMA_ADPCM"): (RATE, 0.05),
    ("WAVEX", "PCM_16"): (RATE, 1e-4),
    ("W64", "PCM_16"): (RATE, 1e-4),
    ("FLAC", "PCM_16"): (RATE, 1e-4),
    ("FLAC", "PCM_24"): (RATE, 1e-4),
    ("OGG", "VORBIS"): (RATE, 0.05),
    ("OGG", "OPUS"): (RATE, 0.1),
    ("MP3", "MPEG_LAYER_III"): (RATE, 0.1),
    ("AIFF", "PCM_16"): (RATE, 1e-4),
    ("AIFF", "FLOAT"): (RATE, 1e-6),
    ("AU", "PCM_16"): (RATE, 1e-4),
    ("CAF", "PCM_16"): (RATE, 1e-4),
}


def encoded(samples: Any, rate: int, format: str, subtype: str) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=format, subtype=subtype)
    return buffer.getvalue()


@pytest.mark.parametrize(("kind", "found"), FILES.items(), ids=["-".join(kind) for kind in FILES])
def test_files_of_every_format(kind: tuple[str, str], found: tuple[int, float], tmp_path: Path) -> None:
    rate, tolerance = found
    samples = resample(FLOATS, RATE, rate)
    most = {"GSM610": 1, "MPEG_LAYER_III": 2, "IMA_ADPCM": 2}.get(kind[1], 6)
    for channels in (1, 2, 6):
        if channels > most:
            continue
        content = encoded(np.stack([samples] * channels, 1), rate, *kind)
        path = tmp_path / "a"
        path.write_bytes(content)
        for audio in (Audio.load(path), as_audio(io.BytesIO(content), rate), decode_audio({"bytes": content})):
            assert audio.sample_rate in (rate, 48_000)  # Opus may be at 48 kHz
            heard = resample(audio.samples, audio.sample_rate, rate)
            delay = range(0, 1500, 1) if kind[0] == "MP3" else range(1)
            length = min(len(samples), len(heard) - delay[-1])
            assert length > 0.7 * len(samples)
            error = min(np.sqrt(np.mean((heard[d : d + length] - samples[:length]) ** 2)) for d in delay)
            assert error < tolerance


def test_channels_are_averaged(tmp_path: Path) -> None:
    content = encoded(np.stack([FLOATS, 0 * FLOATS], 1), RATE, "WAV", "FLOAT")
    assert np.abs(as_audio(content, RATE).samples - FLOATS / 2).max() < 1e-6


@pytest.mark.parametrize("verb", light(SOUND_VERBS, "vqvae-speech.tokenize", "vqvae-dit-recognition"))
def test_an_audio_is_resampled_as_a_file_is(verb: Verb, tmp_path: Path) -> None:
    for rate in (8000, 22_050, 48_000):
        other = resample(FLOATS, RATE, rate)
        soundfile.write(tmp_path / "a.wav", other, rate, subtype="FLOAT")
        result = values(verb(tmp_path / "a.wav"))
        assert result == values(verb(Audio(other, rate))) == values(verb((other, rate)))


def test_a_copy_has_the_tokenizers_rate_and_the_duration_and_segments_of_the_original() -> None:
    codec = model("vqvae-speech")
    copy = codec(Audio(resample(FLOATS, RATE, 44_100), 44_100))
    assert copy.sample_rate == codec.sample_rate and abs(copy.duration - len(FLOATS) / RATE) < 1e-3


BAD = {
    "NaN": np.full(800, np.nan, np.float32),
    "one NaN": np.append(FLOATS, np.float32(np.nan)),
    "infinity": np.full(800, np.inf, np.float32),
    "empty": np.zeros(0, np.float32),
    "unscaled": FLOATS * 30_000,
    "too long": np.zeros(700 * 4000, np.float32),
}


@pytest.mark.parametrize("verb", SOUND_VERBS.values(), ids=SOUND_VERBS)
def test_every_verb_refuses_the_same_audio(verb: Verb, tmp_path: Path) -> None:
    for name, samples in BAD.items():
        rate = 4000 if name == "too long" else RATE
        soundfile.write(tmp_path / "bad.wav", samples, rate, subtype="FLOAT")
        for given in (Audio(samples, rate), (samples, rate), {"array": samples, "sampling_rate": rate}):
            with pytest.raises(InputError):
                verb(given)
        with pytest.raises(InputError, match=r"bad\.wav"):
            verb(tmp_path / "bad.wav")
    with pytest.raises(InputError, match="sample rate"):
        verb(FLOATS)


@pytest.mark.parametrize("verb", light(SOUND_VERBS, "vqvae-speech", "vqvae-dit-recognition"))
def test_silence_and_short_clips_have_an_answer_or_are_refused(verb: Verb, request: pytest.FixtureRequest) -> None:
    codec = "vqvae-dit" not in request.node.name
    silence = Audio(np.zeros(8000), RATE)
    if codec:
        verb(silence)
    else:
        with pytest.raises(InputError, match="silent"):
            verb(silence)
    for count in (1, 2, 10, 100):
        clip = np.full(count, 0.3, np.float32)
        result = verb((clip, RATE))
        if isinstance(result, Audio):
            assert (
                len(result.samples) == len(resample(clip, RATE, result.sample_rate))
                and np.isfinite(result.samples).all()
            )
        elif isinstance(result, Labels):
            assert abs(sum(result.probabilities) - 1) < 1e-3


def test_odd_rates_are_refused() -> None:
    for rate in (1000, 400_000):
        with pytest.raises(InputError, match=str(rate)):
            as_audio((FLOATS, rate), RATE)
