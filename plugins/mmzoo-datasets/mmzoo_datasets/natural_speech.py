"""Sentences that people wrote, spoken at 24 kHz by one or several voices, each of which has texts of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import repeat
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from mmzoo.data import cache_dir, make_row, row_features
from mmzoo.data.shards import Row, build_split, open_shards, settings_folder, write_json
from mmzoo.errors import ConfigError
from mmzoo.interfaces import Count, Size
from mmzoo_datasets.own.folders import PHONEMIZER, phones_if_needed
from mmzoo_datasets.processes import pool_of
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


@dataclass(frozen=True, slots=True)
class _Part:
    """What one voice of a corpus says.

    Args:
        voice: Such as `hibari:heart`.
        counts: Number of texts of each split.
        skip: Number of training and validation texts that the voices before it say.
        shard_rows: Rows in a parquet shard.
        seed: Seed of the choice of texts and of the voice's noise.
    """

    voice: str
    counts: dict[str, int]
    skip: int
    shard_rows: int
    seed: int

    @property
    def settings(self) -> dict[str, str | int]:
        """What distinguishes this part from every other, as JSON."""
        counts = {{"train": "sentences"}.get(split, split): count for split, count in self.counts.items()}
        counts |= {"skip": self.skip} if self.skip else {}
        return {
            "voice": self.voice,
            "seed": self.seed,
            "text": documents.VERSION,
            "shard_rows": self.shard_rows,
            **counts,
        }

    @property
    def folder(self) -> Path:
        """Its folder in the cache."""
        name = self.voice.rpartition("/")[2].replace(":", "-")
        return settings_folder(cache_dir() / "datasets", f"natural-speech-{name}", self.settings)

    @property
    def built(self) -> bool:
        """Whether all of its shards are there."""
        wanted = sum(max(1, -(-count // self.shard_rows)) for count in self.counts.values())
        return (self.folder / "done.json").exists() and len(list(self.folder.glob("*.parquet"))) == wanted


def natural_speech(
    *,
    voice: str | None = None,
    sentences: Size | None = None,
    voices: dict[str, Count] | None = None,
    validation: Size = 100,
    test: Size = 300,
    phonemizer: str = PHONEMIZER,
    needs: Sequence[str] = (),
    seed: int = 0,
    shard_rows: Size = 500,
) -> DatasetDict:
    """Have voices speak a corpus, or read it from the cache; splits train, validation and test.

    Each voice has texts of its own in the first two splits; all say the same test sentences, which come from documents
    that training does not use. The audio is 24 kHz mono, of which flite fills the lower 8 kHz, and Piper and espeak-ng
    the lower 11. An interrupted build resumes.

    Args:
        voice: `hibari:heart` (the default), `piper:joe`, `piper:` and the path of a Piper voice, `flite:NAME`,
            `flite:NAME@PITCH` with a relative pitch, or `espeak:NAME`.
        sentences: Number of training texts; 10,000 by default.
        voices: Several voices, each with its number of training texts, instead of `voice` and `sentences`. The texts of
            a voice depend on the voices before it.
        validation: Number of validation texts of each voice.
        test: Number of test texts.
        phonemizer: The model that gives the phones of the texts.
        needs: The columns that the model needs; training sets it. If `phones` is one, their times are learned.
        seed: Seed of the choice of texts and of the voices' noise.
        shard_rows: Rows in a parquet shard.

    Raises:
        DataError: A package, program or document is missing.
        ConfigError: An argument is out of range.
    """
    if voices is not None and (voice is not None or sentences is not None):
        raise ConfigError("natural-speech takes either voices, or voice and sentences.", path="voices")
    parts, skip = list[_Part](), 0
    for one, count in ({voice or "hibari:heart": sentences or 10_000} if voices is None else voices).items():
        splits = {"train": count, "validation": validation, "test": test}
        parts.append(_Part(one, splits, skip, shard_rows, seed))
        skip += count + validation
    return _together(parts, needs, phonemizer)


def _together(parts: Sequence[_Part], needs: Sequence[str], phonemizer: str) -> DatasetDict:
    """The splits of several voices, one after the other; what is not in the cache is spoken."""
    from datasets import DatasetDict, concatenate_datasets

    names = [speaker_name(part.voice) for part in parts]
    if len(set(names)) != len(parts) or not parts:
        what = f"the speakers {', '.join(names)}" if names else "no voice"
        raise ConfigError(f"The corpus got {what}; voices must name at least one, each once.", path="voices")
    for part in parts:  # one that is built needs neither the voice nor the documents
        if not part.built:
            check_teacher(part.voice)
    texts = cache(partial(corpus_texts, parts[0].counts["test"], parts[0].seed))
    spoken = [_spoken(part, texts) for part in parts]
    for index, part in enumerate(parts):
        if phones := phones_if_needed(needs, f"natural-speech, voice {part.voice}", phonemizer, "learned"):
            spoken[index] = DatasetDict(phones(spoken[index]))
    if len(spoken) == 1:
        return spoken[0]
    return DatasetDict({split: concatenate_datasets([part[split] for part in spoken]) for split in spoken[0]})


def _spoken(part: _Part, corpus: Callable[[], tuple[list[str], list[str]]]) -> DatasetDict:
    """The splits of one voice; `corpus` gives the texts."""
    from tqdm import tqdm

    features, built, speaker = row_features(), part.built, speaker_name(part.voice)
    texts: dict[str, Sequence[str | int]] = {split: range(count) for split, count in part.counts.items()}
    if not built:
        texts = dict(zip(texts, _own_texts(part, *corpus()), strict=True))
    first = f"{speaker}-" if part.skip else ""
    with (
        pool_of() as pool,
        tqdm(total=sum(part.counts.values()), desc=part.voice, unit="text", disable=True if built else None) as bar,
    ):

        def speak(split: str, numbered: Sequence[tuple[int, str]]) -> list[Row]:
            said = [[text for _, text in numbered[i : i + PART]] for i in range(0, len(numbered), PART)]
            seeds = [part.seed * 1_000_003 + numbered[i][0] for i in range(0, len(numbered), PART)]
            spoken = [wav for some in pool.map(speak_part, repeat(part.voice), seeds, said) for wav in some]
            return [
                make_row(id=f"{first}{split}-{number:05d}", text=text, audio=wav, speaker=speaker, split=split)
                for (number, text), wav in zip(numbered, spoken, strict=True)
            ]

        files = {
            split: build_split(
                part.folder, split, list(enumerate(some)), partial(speak, split), features,
                shard_rows=part.shard_rows, advance=bar.update,
            )
            for split, some in texts.items()
        }  # fmt: skip
    if not built:
        write_json(part.folder / "done.json", part.settings)
    return open_shards(files, features, part.folder)


def _own_texts(part: _Part, texts: list[str], tests: list[str]) -> tuple[list[str], list[str], list[str]]:
    """The texts of a voice for training, validation and test, out of those of the corpus."""
    sentences, validation = part.counts["train"], part.counts["validation"]
    if sentences + validation > len(texts):
        raise ConfigError(
            f"natural-speech got sentences={sentences} for {part.voice}; the documents suffice for"
            f" {len(texts) - validation}.",
            path="sentences",
        )
    start = part.skip % len(texts)  # once all are said, voices say the first ones again
    own = (texts + texts)[start : start + validation + sentences]
    return own[validation:], own[:validation], tests


def corpus_texts(test: int, seed: int) -> tuple[list[str], list[str]]:
    """All texts for training and validation, and those for tests.

    Args:
        test: Number of test texts.
        seed: Seed of the order.

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
    while len(written) >= 2:
        if rng.random() < EVERYDAY:
            texts.append(everyday(rng))
        else:
            texts.append(" ".join(written.pop() for _ in range(2 if rng.random() < PAIRS else 1)))
    return texts, tests
