"""The dataset `spoken-words`: single words, each spoken by many synthetic voices at many rates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

from mmzoo.data import cache_dir, make_row, row_features
from mmzoo.data.shards import Row, build_split, open_shards, settings_folder, write_json
from mmzoo.errors import ConfigError
from mmzoo.interfaces import Size
from mmzoo_datasets.scenes.world import COLOURS, SHAPES
from mmzoo_datasets.voices import check_voice, speak

if TYPE_CHECKING:
    from datasets import DatasetDict

VERSION = 1
"""Version of the voices and rates; each version is a corpus of its own."""
WORDS = (*SHAPES, *COLOURS)
"""The shapes and colors of `spoken-scenes`."""
VOICES = {
    "train": (
        "flite:slt", "flite:slt@0.75", "flite:slt@1.25", "flite:kal16", "flite:kal16@0.8", "flite:kal16@1.3",
        "espeak:en-us", "espeak:en-us+f1", "espeak:en-us+f3", "espeak:en-us+f4", "espeak:en-us+m1", "espeak:en-us+m3",
        "espeak:en-us+m4", "espeak:en-us+m7", "espeak:en-gb", "espeak:en-gb+f4",
    ),
    "validation": ("espeak:en-us+f5", "espeak:en-gb+m4"),
    "test": ("flite:rms", "flite:awb", "espeak:en-us+f2", "espeak:en-us+m2", "espeak:en-gb-scotland"),
}  # fmt: skip
"""No voice speaks in two splits."""
RATES = {
    "train": (0.75, 0.85, 0.95, 1.0, 1.1, 1.2, 1.35),
    "validation": (0.85, 1.0, 1.15),
    "test": (0.8, 0.9, 1.0, 1.1, 1.25),
}
"""Relative speeds; every voice says every word at every rate of its split."""

Saying = tuple[str, str, float]


def spoken_words(*, words: Sequence[str] = WORDS, shard_rows: Size = 250) -> DatasetDict:
    """Build the words as speech, or read them from the cache; splits train, validation and test, by voice.

    `label` and `text` are the word. Nothing is random: n words give 112 n, 6 n and 25 n rows. A build that was
    interrupted resumes.

    Args:
        words: Of the letters a to z, without duplicates; by default the shapes and colors of `spoken-scenes`.
        shard_rows: Rows in a parquet shard.

    Raises:
        DataError: A synthesizer is missing.
        ConfigError: An argument is out of range.
    """
    words = list(words)
    if odd := [word for word in words if not isinstance(word, str) or not re.fullmatch("[a-z]+", word)]:
        raise ConfigError(f"spoken-words got the word {odd[0]!r}; a word consists of the letters a to z.", path="words")
    if len(set(words)) != len(words) or not words:
        raise ConfigError(
            f"spoken-words got {len(words)} words; it takes at least one, without duplicates.", path="words"
        )
    settings = {"words": words, "shard_rows": shard_rows, "version": VERSION}
    folder = settings_folder(cache_dir() / "datasets", "spoken-words", settings)
    done, features = folder / "done.json", row_features()
    if not done.exists():
        for voice in sum(VOICES.values(), ()):
            check_voice(voice)
    from tqdm import tqdm

    sayings = {split: list(product(words, VOICES[split], RATES[split])) for split in VOICES}
    total = sum(len(some) for some in sayings.values())
    with tqdm(total=total, desc="spoken words", unit="word", disable=done.exists() or None) as bar:
        files = {
            split: build_split(
                folder, split, some, partial(_rows, split=split), features,
                shard_rows=shard_rows, advance=bar.update,
            )
            for split, some in sayings.items()
        }  # fmt: skip
    if not done.exists():
        write_json(done, settings)
    return open_shards(files, features, folder)


def _rows(sayings: Sequence[Saying], split: str) -> list[Row]:
    def one(saying: Saying) -> Row:
        word, voice, rate = saying
        sound, _ = speak(word, voice, rate)
        return make_row(
            id=f"{split}-{word}-{voice}-{rate:g}", text=word, split=split, audio=sound, label=word, speaker=voice
        )

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(one, sayings))
