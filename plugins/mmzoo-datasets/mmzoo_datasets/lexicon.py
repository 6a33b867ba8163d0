"""The dataset `english-lexicon`: words of pocketsphinx's dictionary with flite's phones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from mmzoo.data import cache_dir
from mmzoo.data.shards import Row, build_split, open_shards, settings_folder, write_json
from mmzoo.interfaces import Size
from mmzoo_datasets import heldout
from mmzoo_datasets.flite import flite_program, phones_of

if TYPE_CHECKING:
    from datasets import DatasetDict, Features

BATCH = 60
VERSION = "1"
_WORD = re.compile(r"[a-z][a-z']*")


def lexicon_features() -> Features:
    """Columns: word; phones in flite's set; rank by frequency, from 0; logprob, the natural log of the word's
    probability in pocketsphinx's language model, empty for unknown words; heldout, for unseen words and their forms.
    """
    from datasets import Features, List, Value

    return Features(
        {
            "word": Value("string"),
            "phones": List(Value("string")),
            "rank": Value("int32"),
            "logprob": Value("float32"),
            "heldout": Value("bool"),
        }
    )


def english_lexicon(*, words: Size = 60_000, heldout_only: bool = False, shard_rows: Size = 3000) -> DatasetDict:
    """Build the pronunciations of the most frequent words, or read them from the cache; one split, `train`.

    Args:
        words: Number of words: first those of the language model by frequency, then the rest of the dictionary.
        heldout_only: Only the held-out words among these, for evaluation (seconds instead of minutes).
        shard_rows: Rows in a parquet shard.

    Raises:
        DataError: flite or pocketsphinx is missing.
        ConfigError: An argument is out of range.
    """
    settings = {"words": words, "shard_rows": shard_rows, "version": VERSION}
    if heldout_only:
        settings["heldout_only"] = True
    folder = settings_folder(cache_dir() / "datasets", "english-lexicon", settings)
    features, done = lexicon_features(), folder / "done.json"
    if not done.exists():
        flite_program()
    entries = [entry for entry in _entries(words) if entry["heldout"] or not heldout_only]
    from tqdm import tqdm

    with tqdm(total=len(entries), desc="lexicon", unit="word", disable=True if done.exists() else None) as bar:
        paths = build_split(folder, "train", entries, _rows, features, shard_rows=shard_rows, advance=bar.update)
    if not done.exists():
        write_json(done, settings)
    return open_shards({"train": paths}, features, folder)


def _entries(count: int) -> list[dict[str, Any]]:
    from mmzoo_datasets.text.corpus import banned_words
    from mmzoo_datasets.text.vocabulary import load_vocabulary

    vocabulary = load_vocabulary()
    held = banned_words([entry["word"] for entry in heldout()["unseen"]], vocabulary)
    ordered = [
        w
        for w in [*vocabulary.words, *sorted(set(vocabulary.pronunciations) - set(vocabulary.words))]
        if _WORD.fullmatch(w)
    ]
    return [
        {
            "word": word,
            "rank": rank,
            "logprob": vocabulary.words[word].logprob if word in vocabulary.words else None,
            "heldout": word in held,
        }
        for rank, word in enumerate(ordered[:count])
    ]


def _rows(entries: Sequence[dict[str, Any]]) -> list[Row]:
    batches = [entries[i : i + BATCH] for i in range(0, len(entries), BATCH)]
    with ThreadPoolExecutor(2) as pool:
        said = [phones for batch in pool.map(lambda b: pronounce([e["word"] for e in b]), batches) for phones in batch]
    return [{**entry, "phones": phones} for entry, phones in zip(entries, said, strict=True) if phones]


def pronounce(words: Sequence[str]) -> list[list[str]]:
    """flite's phones of each word, spoken in isolation.

    The words are read as one list with commas, at which flite pauses. If the number of phrases differs from the number
    of words (flite says nothing, or several phrases, for a word), the list is halved and read again.
    """
    if len(words) == 1:
        return [[phone for phrase in phones_of(words[0]) for phone in phrase]]
    phrases = phones_of(", ".join(words))
    if len(phrases) == len(words):
        return phrases
    middle = len(words) // 2
    return [*pronounce(words[:middle]), *pronounce(words[middle:])]
