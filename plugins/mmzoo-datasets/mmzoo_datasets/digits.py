"""The dataset `spoken-digits`: real handwritten digits with their names, written and spoken by many voices.

The pictures are the 1,797 digits of 8x8 pixels that come with scikit-learn (the test part of UCI's "Optical
Recognition of Handwritten Digits", Alpaydin and Kaynak 1998); the speech is synthetic. The voice of a row is drawn at
random from those of its split.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from annotated_types import Interval

from mmzoo.data import cache_dir, decode_audio, encode_audio, make_row, row_features
from mmzoo.data.shards import Row, build_split, open_shards, settings_folder, write_json
from mmzoo.errors import MissingDependencyError
from mmzoo.interfaces import Audio, Size
from mmzoo_datasets.voices import check_voice, speak

if TYPE_CHECKING:
    from datasets import DatasetDict

VERSION = 2
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SPLITS = {"train": 1197, "validation": 200, "test": 400}
"""Images in each split; the splits are disjoint."""
VOICES = {
    "train": (
        "flite:slt", "flite:kal16", "espeak:en-us", "espeak:en-us+f3", "espeak:en-us+m3", "espeak:en-gb+f4",
        "espeak:en-us+m7", "espeak:en-gb", "espeak:en-us+f1", "espeak:en-us+m1",
    ),
    "validation": ("espeak:en-us+f5", "espeak:en-gb+m4"),
    "test": ("flite:rms", "flite:awb", "espeak:en-us+f2", "espeak:en-us+m2", "espeak:en-gb-scotland"),
}  # fmt: skip
"""No voice speaks in two splits."""
RATES = (0.8, 0.9, 1.0, 1.1, 1.25)
LEVELS: tuple[dict[str, float], ...] = (
    {"energy_cut": 0.0, "snr_db": 20.0, "letters_lost": 0.0},
    {"energy_cut": 0.5, "snr_db": 5.0, "letters_lost": 0.3},
    {"energy_cut": 0.7, "snr_db": 0.0, "letters_lost": 0.5},
    {"energy_cut": 0.85, "snr_db": -5.0, "letters_lost": 0.7},
)
"""From barely degraded to so degraded that no single modality suffices."""

Pixels = np.ndarray[Any, np.dtype[np.float32]]


@lru_cache(maxsize=1)
def handwritten() -> tuple[Pixels, np.ndarray[Any, np.dtype[np.int64]]]:
    """All digits `[1797, 8, 8]` from 0 (paper) to 1 (ink), and their labels.

    Raises:
        MissingDependencyError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingDependencyError(
            "spoken-digits takes its pictures from scikit-learn, which is not installed; run: pip install scikit-learn"
        ) from error
    digits = load_digits()
    return np.asarray(digits.images / 16, dtype=np.float32), np.asarray(digits.target, dtype=np.int64)


def split_indices(split: str) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Indices of the images in a split; always the same."""
    order = np.random.default_rng(0).permutation(len(handwritten()[0]))
    start = sum(count for name, count in SPLITS.items() if list(SPLITS).index(name) < list(SPLITS).index(split))
    return np.asarray(order[start : start + SPLITS[split]])


def cut_energy(pixels: Pixels, fraction: float) -> Pixels:
    """Images `[N, 8, 8]` without the last principal components, which hold `fraction` of the training energy."""
    if fraction == 0:
        return pixels
    training = handwritten()[0][split_indices("train")].reshape(-1, 64)
    mean = training.mean(0)
    _, strengths, components = np.linalg.svd(training - mean, full_matrices=False)
    kept = int(np.searchsorted(np.cumsum(strengths**2) / np.sum(strengths**2), 1 - fraction)) + 1
    basis = components[:kept]
    flat = (pixels.reshape(-1, 64) - mean) @ basis.T @ basis + mean
    return np.asarray(np.clip(flat.reshape(pixels.shape), 0, 1), dtype=np.float32)


def add_noise(audio: Audio, snr_db: float, seed: int) -> Audio:
    """The sound with white noise at a signal-to-noise ratio of `snr_db`."""
    noise = np.random.default_rng(seed).standard_normal(len(audio.samples))
    power = float(np.mean(np.square(audio.samples, dtype=np.float64)))
    mixed = audio.samples + np.sqrt(power / 10 ** (snr_db / 10)) * noise
    peak = float(np.abs(mixed).max(initial=1e-9))
    return Audio(np.asarray(mixed * min(1.0, 0.99 / peak), dtype=np.float32), audio.sample_rate)


def lose_letters(word: str, probability: float, seed: int) -> str:
    """The word with "_" in place of some letters, each with the same probability."""
    lost = np.random.default_rng(seed).random(len(word)) < probability
    return "".join("_" if gone else letter for letter, gone in zip(word, lost, strict=True))


Side = Annotated[int, Interval(ge=8, le=512)]
"""In pixels."""
Lost = Annotated[float, Interval(ge=0, le=0.95)]
"""The fraction of something that is removed."""


def spoken_digits(
    *,
    side: Side = 32,
    energy_cut: Lost = 0.0,
    snr_db: float | None = None,
    letters_lost: Lost = 0.0,
    speech: bool = True,
    seed: int = 0,
    shard_rows: Size = 300,
) -> DatasetDict:
    """Build the digits, or read them from the cache; splits train, validation and test, by image and by voice.

    `label` is the digit.

    Args:
        side: Pixels of an image's side, enlarged from 8.
        energy_cut: Fraction of the images' energy to remove, 0 to 0.95.
        snr_db: Signal-to-noise ratio of white noise in the speech; None for none.
        letters_lost: Probability that a letter is replaced by "_", 0 to 0.95.
        speech: False leaves the audio out.
        seed: Of voices, rates and lost letters.
        shard_rows: Rows in a parquet shard.

    Raises:
        DataError: A synthesizer is missing.
        ConfigError: An argument is out of range.
    """
    settings = {
        "side": side, "energy_cut": energy_cut, "snr_db": snr_db, "letters_lost": letters_lost, "speech": speech,
        "seed": seed, "shard_rows": shard_rows, "version": VERSION,
    }  # fmt: skip
    folder = settings_folder(cache_dir() / "datasets", "spoken-digits", settings)
    done, features = folder / "done.json", row_features()
    if not done.exists() and speech:
        for voice in sum(VOICES.values(), ()):
            check_voice(voice)
    from tqdm import tqdm

    with tqdm(total=sum(SPLITS.values()), desc="spoken digits", unit="digit", disable=done.exists() or None) as bar:
        files = {
            split: build_split(
                folder, split, [int(index) for index in split_indices(split)],
                partial(
                    _rows, split=split, side=side, energy_cut=energy_cut, snr_db=snr_db, letters_lost=letters_lost,
                    speech=speech, seed=seed,
                ),
                features, shard_rows=shard_rows, advance=bar.update,
            )
            for split in SPLITS
        }  # fmt: skip
    if not done.exists():
        write_json(done, settings)
    return open_shards(files, features, folder)


def degraded_digits(*, side: Side = 32, speech: bool = True, seed: int = 0) -> DatasetDict:
    """The digits at every one of LEVELS; splits train, validation, test (the first level) and test_degraded (the last).

    Args:
        side: See `spoken_digits`.
        speech: See `spoken_digits`.
        seed: See `spoken_digits`.
    """
    from datasets import DatasetDict, concatenate_datasets

    worlds = []
    for number, level in enumerate(LEVELS):
        world = spoken_digits(side=side, speech=speech, seed=seed, **level)  # type: ignore[arg-type]
        for name, rows in world.items():
            ids = [f"{row}-level{number}" for row in rows["id"]]
            world[name] = rows.remove_columns("id").add_column("id", ids).select_columns(rows.column_names)
        worlds.append(world)
    mixed = {name: concatenate_datasets([world[name] for world in worlds]) for name in ("train", "validation")}
    return DatasetDict({**mixed, "test": worlds[0]["test"], "test_degraded": worlds[-1]["test"]})


@lru_cache(maxsize=1024)
def _word(digit: int, voice: str, rate: float) -> bytes:
    return speak(WORDS[digit], voice, rate)[0]


def _rows(
    indices: Sequence[int],
    split: str,
    side: int,
    energy_cut: float,
    snr_db: float | None,
    letters_lost: float,
    speech: bool,
    seed: int,
) -> list[Row]:
    pixels, digits = handwritten()
    pictures = cut_energy(pixels[list(indices)], energy_cut)
    rows = []
    for index, picture in zip(indices, pictures, strict=True):
        # One generator per image, so that voice and rate depend on neither shards nor degradation.
        chance, digit = np.random.default_rng([seed, index]), int(digits[index])
        row: dict[str, Any] = {}
        if speech:
            voice, rate = str(chance.choice(VOICES[split])), float(chance.choice(RATES))
            sound = _word(digit, voice, rate)
            if snr_db is not None:
                sound = encode_audio(add_noise(decode_audio({"bytes": sound, "path": None}), snr_db, index))
            row = {"audio": sound, "speaker": voice}
        rows.append(
            make_row(
                id=f"{split}-{index:04d}", text=lose_letters(WORDS[digit], letters_lost, index), split=split,
                image=_png(picture, side), label=str(digit), **row,
            )
        )  # fmt: skip
    return rows


def _png(picture: Pixels, side: int) -> bytes:
    from PIL import Image

    small = Image.fromarray(np.round(picture * 255).astype(np.uint8), mode="L")
    buffer = io.BytesIO()
    small.resize((side, side), Image.Resampling.BICUBIC).convert("RGB").save(buffer, format="PNG")
    return buffer.getvalue()
