"""The dataset `russian-lexicon`: Russian words with the phones that the Festival voice of festvox-ru gives them."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from mmzoo.data import cache_dir
from mmzoo.data.shards import Row, build_split, open_shards, settings_folder
from mmzoo.errors import DataError
from mmzoo.interfaces import Size
from mmzoo_datasets.festvox import RUSSIAN, read_texts

if TYPE_CHECKING:
    from datasets import DatasetDict

DICTIONARY = "dict/msu_ru_nsh_dict.scm"
HELD_OUT = 1000
"""Words of the dictionary that are for evaluation only, and that no recorded text has."""
PART = 1000
"""Words that Festival says in one run."""
VERSION = 1
_WORD = re.compile(r"[а-яё]+")
_ENTRY = re.compile(r'^\("([а-яё]+)"', re.MULTILINE)
_SAY = """
(voice_msu_ru_nsh_clunits)
(define (say word)
  (let ((said (eval (list 'Utterance 'Text word))))
    (Initialize said) (Text said) (Token_POS said) (Token said) (POS said) (Phrasify said)
    (Word said) (Pauses said) (Intonation said) (PostLex said)
    (format t "%s\\t" word)
    (mapcar (lambda (phone) (format t "%s " (item.name phone))) (utt.relation.items said 'Segment))
    (format t "\\n")))
"""


def russian_lexicon(
    *, words: Size = 40_000, heldout_only: bool = False, seed: int = 0, shard_rows: Size = 5_000
) -> DatasetDict:
    """Build the pronunciations of Russian words, or read them from the cache; one split, `train`.

    First come all words of the recorded texts of `festvox-ru`, then words of its dictionary.

    Args:
        words: Number of words, besides 1,000 that are marked `heldout`.
        heldout_only: Only the words that are marked, for evaluation (seconds instead of minutes).
        seed: Seed of the choice of words.
        shard_rows: Rows in a parquet shard.

    Raises:
        DataError: festvox-ru or Festival is missing.
        ConfigError: An argument is out of range.
    """
    from datasets import Features, List, Value
    from tqdm import tqdm

    features = Features({"word": Value("string"), "phones": List(Value("string")), "heldout": Value("bool")})
    entries = [entry for entry in _entries(words, seed) if entry["heldout"] or not heldout_only]
    settings = {"words": words, "seed": seed, "shard_rows": shard_rows, "version": VERSION}
    if heldout_only:
        settings["heldout_only"] = True
    folder = settings_folder(cache_dir() / "datasets", "russian-lexicon", settings)
    with tqdm(total=len(entries), desc="lexicon", unit="word", disable=None, leave=False) as bar:
        paths = build_split(folder, "train", entries, _rows, features, shard_rows=shard_rows, advance=bar.update)
    return open_shards({"train": paths}, features, folder)


def _entries(count: int, seed: int) -> list[dict[str, Any]]:
    recorded = list(dict.fromkeys(_WORD.findall(" ".join(text for _, text in read_texts(Path(RUSSIAN))).lower())))
    listed = _ENTRY.findall((Path(RUSSIAN) / DICTIONARY).read_text("utf-8"))
    others = sorted(set(listed) - set(recorded))
    Random(f"russian-lexicon {seed}").shuffle(others)
    held, others = others[:HELD_OUT], others[HELD_OUT:]
    return [
        *({"word": word, "heldout": False} for word in [*recorded, *others][:count]),
        *({"word": word, "heldout": True} for word in held),
    ]


def _rows(entries: Sequence[dict[str, Any]]) -> list[Row]:
    parts = [entries[start : start + PART] for start in range(0, len(entries), PART)]
    with ThreadPoolExecutor() as pool:
        said = {
            word: phones
            for part in pool.map(lambda part: pronounce([entry["word"] for entry in part]), parts)
            for word, phones in part.items()
        }
    return [{**entry, "phones": said[entry["word"]]} for entry in entries if said.get(entry["word"])]


def pronounce(words: Iterable[str]) -> dict[str, list[str]]:
    """Festival's phones of Russian words, each said alone; words that it says as several are left out.

    Args:
        words: Of lower-case Russian letters.

    Raises:
        DataError: Festival is missing or failed.
    """
    program = shutil.which("festival")
    if program is None:
        raise DataError("Festival is not installed; run: apt-get install festival festvox-ru")
    with tempfile.TemporaryDirectory(prefix="mmzoo-festival-") as folder:
        script = Path(folder) / "say.scm"
        script.write_text(_SAY + "".join(f'(say "{word}")\n' for word in words if _WORD.fullmatch(word)), "utf-8")
        done = subprocess.run(
            [program, "-b", str(script)], capture_output=True, text=True, encoding="utf-8", check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    if done.returncode != 0 or not done.stdout:
        raise DataError(f"Festival failed ({done.returncode}): {done.stderr.strip()[:200]}")
    lines = [line.partition("\t") for line in done.stdout.splitlines()]
    said = {word: phones.split()[1:-1] for word, _, phones in lines}
    return {word: phones for word, phones in said.items() if phones and "pau" not in phones}
