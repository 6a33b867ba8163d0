"""The dataset `natural-speech`: sentences that people wrote, spoken at 24 kHz by a neural voice."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import repeat
from multiprocessing import get_context
from random import Random
from typing import TYPE_CHECKING, Any

from mmzoo.data import cache_dir, make_row, row_features
from mmzoo.data.shards import Row, build_split, open_shards, settings_folder, write_json
from mmzoo.errors import ConfigError
from mmzoo.interfaces import Size
from mmzoo_datasets.own.folders import PHONEMIZER, phones_if_needed
from mmzoo_datasets.teachers import check_teacher, speak_part, speaker_name
from mmzoo_datasets.text import documents
from mmzoo_datasets.text.corpus import Overlap
from mmzoo_datasets.text.everyday import everyday

if TYPE_CHECKING:
    from datasets import DatasetDict

PART = 25
"""Number of texts that a voice speaks before it is loaded again. Each such part depends on its own seed only."""
EVERYDAY = 0.2
"""Fraction of the texts that come from templates with numbers, dates, names and questions."""
PAIRS = 0.25
"""Fraction of the written texts that consist of two sentences."""


def natural_speech(
    *,
    voice: str = "hibari:heart",
    sentences: Size = 10_000,
    validation: Size = 100,
    test: Size = 300,
    phonemizer: str = PHONEMIZER,
    needs: Sequence[str] = (),
    seed: int = 0,
    shard_rows: Size = 500,
) -> DatasetDict:
    """Have a neural voice speak a corpus, or read it from the cache; splits train, validation and test.

    The test sentences come from documents that training does not use. The audio is 24 kHz mono. An interrupted build
    resumes.

    Args:
        voice: `hibari:heart`, `piper:joe`, or `piper:` and the path of a Piper voice.
        sentences: Number of training texts.
        validation: Number of validation texts.
        test: Number of test texts.
        phonemizer: The model that gives the phones of the texts.
        needs: The columns that the model needs; training sets it. If `phones` is one, their times are learned.
        seed: Seed of the choice of texts and of the voice's noise.
        shard_rows: Rows in a parquet shard.

    Raises:
        DataError: A package, program or document is missing.
        ConfigError: An argument is out of range.
    """
    from datasets import DatasetDict

    counts = {"sentences": sentences, "validation": validation, "test": test, "shard_rows": shard_rows}
    settings = {"voice": voice, "seed": seed, "text": documents.VERSION, **counts}
    folder = settings_folder(
        cache_dir() / "datasets", f"natural-speech-{voice.rpartition('/')[2].replace(':', '-')}", settings
    )
    features, done = row_features(), folder / "done.json"
    splits = {"train": sentences, "validation": validation, "test": test}
    built = done.exists() and len(list(folder.glob("*.parquet"))) == sum(-(-n // shard_rows) for n in splits.values())
    texts: dict[str, Any]
    if built:  # needs neither the voice nor the documents
        texts = {split: range(count) for split, count in splits.items()}
    else:
        check_teacher(voice)
        texts = corpus_texts(sentences, validation, test, seed)
    from tqdm import tqdm

    total = sum(map(len, texts.values()))
    with (
        ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool,
        tqdm(total=total, desc=voice, unit="text", disable=True if built else None) as bar,
    ):

        def speak(split: str, numbered: Sequence[tuple[int, str]]) -> list[Row]:
            parts = [[text for _, text in numbered[i : i + PART]] for i in range(0, len(numbered), PART)]
            seeds = [seed * 1_000_003 + numbered[i][0] for i in range(0, len(numbered), PART)]
            spoken = [wav for part in pool.map(speak_part, repeat(voice), seeds, parts) for wav in part]
            return [
                make_row(id=f"{split}-{number:05d}", text=text, audio=wav, speaker=speaker_name(voice), split=split)
                for (number, text), wav in zip(numbered, spoken, strict=True)
            ]

        files = {
            split: build_split(
                folder, split, list(enumerate(part)), partial(speak, split), features,
                shard_rows=shard_rows, advance=bar.update,
            )
            for split, part in texts.items()
        }  # fmt: skip
    if not built:
        write_json(done, settings)
    made = open_shards(files, features, folder)
    phones = phones_if_needed(needs, f"natural-speech, voice {voice}", phonemizer, "learned")
    return made if phones is None else DatasetDict(phones(made))


def corpus_texts(sentences: int, validation: int, test: int, seed: int) -> dict[str, list[str]]:
    """The texts of every split.

    Args:
        sentences: Number of training texts.
        validation: Number of validation texts.
        test: Number of test texts.
        seed: Seed of the choice.

    Raises:
        DataError: A document is missing.
        ConfigError: The documents have fewer sentences than asked for.
    """
    rng = Random(f"natural-speech {seed}")
    unheard = documents.sentences(documents.HELD_OUT)
    if test > len(unheard):
        raise ConfigError(f"natural-speech got test={test}; the documents have {len(unheard)} sentences.", path="test")
    tests = Random("natural-speech test").sample(unheard, test)
    overlap = Overlap(tests)
    written = [text for text in documents.sentences(documents.TRAINING) if not overlap.near(text)]
    rng.shuffle(written)
    texts: list[str] = []
    while len(texts) < sentences + validation:
        if len(written) < 2:
            raise ConfigError(
                f"natural-speech got sentences={sentences}; the documents suffice for {len(texts) - validation}.",
                path="sentences",
            )
        if rng.random() < EVERYDAY:
            texts.append(everyday(rng))
        else:
            texts.append(" ".join(written.pop() for _ in range(2 if rng.random() < PAIRS else 1)))
    return {"train": texts[validation:], "validation": texts[:validation], "test": tests}
