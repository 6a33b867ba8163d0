"""The dataset `flite-speech`: sentences of our own grammar spoken by a flite voice, with phone times."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmzoo.data import cache_dir, make_row, row_features
from mmzoo.data.shards import Row, build_split, open_shards, settings_folder, write_json
from mmzoo.interfaces import Size
from mmzoo_datasets import heldout
from mmzoo_datasets.flite import PHONE_SET, check_voice, flite_program, speak_all
from mmzoo_datasets.phones import phone_columns, phone_features
from mmzoo_datasets.text import corpus

if TYPE_CHECKING:
    from datasets import DatasetDict

Line = dict[str, str]


def flite_speech(
    *,
    voice: str = "slt",
    sentences: Size = 9000,
    validation: Size = 100,
    test: Size | None = None,
    unseen: Size | None = None,
    seed: int = 0,
    shard_rows: Size = 500,
) -> DatasetDict:
    """Build a corpus spoken by flite, or read it from the cache; splits train, validation, test and unseen.

    A build that was interrupted resumes.

    Args:
        voice: One of flite's 16 kHz voices.
        sentences: Number of training texts.
        validation: Number of validation texts.
        test: Number of the fixed held-out sentences to use; None for all.
        unseen: Number of the fixed unseen words to use; None for all.
        seed: Of the training and validation texts.
        shard_rows: Rows in a parquet shard.

    Raises:
        DataError: flite or pocketsphinx is missing.
        ConfigError: An argument is out of range.
    """
    from datasets import Value

    check_voice(voice)
    counts = {
        "sentences": sentences,
        "validation": validation,
        "shard_rows": shard_rows,
        "test": test,
        "unseen": unseen,
    }
    settings = {"voice": voice, "seed": seed, "text": corpus.VERSION, **counts}
    folder = settings_folder(cache_dir() / "datasets", f"flite-speech-{voice}", settings)
    lines = _lines(folder, sentences, validation, test, unseen, seed)
    features = row_features(**phone_features(), target=Value("string"))
    done = folder / "done.json"
    if not done.exists():
        flite_program()
    from tqdm import tqdm

    total = sum(map(len, lines.values()))
    with tqdm(total=total, desc=f"flite {voice}", unit="text", disable=True if done.exists() else None) as bar:
        files = {
            split: build_split(
                folder,
                split,
                part,
                partial(_rows, voice=voice, split=split),
                features,
                shard_rows=shard_rows,
                advance=bar.update,
            )
            for split, part in lines.items()
        }
    if not done.exists():
        write_json(done, settings)
    return open_shards(files, features, folder)


def _rows(lines: Sequence[Line], voice: str, split: str) -> list[Row]:
    spoken = speak_all([line["text"] for line in lines], voice)
    return [
        make_row(
            id=line["id"],
            text=line["text"],
            audio=said.wav,
            speaker=voice,
            split=split,
            target=line["target"],
            **phone_columns(said.phones, said.ends_s, PHONE_SET),
        )
        for line, said in zip(lines, spoken, strict=True)
    ]


def _lines(
    folder: Path, sentences: int, validation: int, test: int | None, unseen: int | None, seed: int
) -> dict[str, Any]:
    """The texts of every split, written once so that a resumed build speaks the same ones."""
    path = folder / "texts.json"
    if not path.exists():
        texts = _texts(sentences, validation, test, unseen, seed)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(path, texts)
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _texts(sentences: int, validation: int, test: int | None, unseen: int | None, seed: int) -> dict[str, list[Line]]:
    from mmzoo_datasets.text.vocabulary import load_vocabulary

    fixed = heldout()
    words = [entry["word"] for entry in fixed["unseen"]]
    made = corpus.training_sentences(load_vocabulary(), sentences + validation, seed, avoid=fixed["test"], unseen=words)
    spoken = {
        "train": [(text, "") for text in made[validation:]],
        "validation": [(text, "") for text in made[:validation]],
        "test": [(text, "") for text in fixed["test"][:test]],
        "unseen": [(entry["text"], entry["word"]) for entry in fixed["unseen"][:unseen]],
    }
    return {
        split: [{"id": f"{split}-{i:05d}", "text": text, "target": target} for i, (text, target) in enumerate(part)]
        for split, part in spoken.items()
    }
