"""The dataset `grammar-texts`: sentences of our own grammar as text alone, as many as wanted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mmzoo.data import cache_dir
from mmzoo.data.shards import settings_folder, write_json
from mmzoo.interfaces import Size
from mmzoo_datasets import heldout
from mmzoo_datasets.text import corpus

if TYPE_CHECKING:
    from datasets import DatasetDict


def grammar_texts(*, sentences: Size = 40_000, validation: Size = 1000, seed: int = 0) -> DatasetDict:
    """Write the sentences, or read them from the cache; columns id and text, splits train, validation and test.

    The test sentences are those of `flite-speech`, and none of the others is like one of them. No validation sentence
    is a training sentence.

    Args:
        sentences: Number of training texts.
        validation: Number of validation texts.
        seed: Of the training and validation texts.

    Raises:
        DataError: pocketsphinx is missing.
    """
    from datasets import Dataset, DatasetDict

    settings = {"sentences": sentences, "validation": validation, "seed": seed, "text": corpus.VERSION}
    path = settings_folder(cache_dir() / "datasets", "grammar-texts", settings) / "texts.json"
    fixed = heldout()
    if not path.exists():
        from mmzoo_datasets.text.vocabulary import load_vocabulary

        unseen = [entry["word"] for entry in fixed["unseen"]]
        made = corpus.training_sentences(
            load_vocabulary(), sentences + validation, seed, avoid=fixed["test"], unseen=unseen
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, made)
    made = json.loads(path.read_text(encoding="utf-8"))
    texts = {"train": made[validation:], "validation": made[:validation], "test": list(fixed["test"])}
    return DatasetDict(
        {
            split: Dataset.from_dict({"id": [f"{split}-{i:05d}" for i in range(len(some))], "text": some})
            for split, some in texts.items()
        }
    )
