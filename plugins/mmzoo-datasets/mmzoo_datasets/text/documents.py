"""Sentences that people wrote, from documents of two Debian packages.

WordNet's usage examples (package wordnet-base, Princeton's permissive license) and quotations (package fortunes,
collected by volunteers, BSD license). Training texts and held-out texts come from different documents.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mmzoo.errors import DataError
from mmzoo_datasets.text.vocabulary import COARSE

VERSION = "1"
"""Part of the names of built corpora; increase it whenever the sentences change."""
WORDNET = Path("/usr/share/wordnet")
FORTUNES = Path("/usr/share/games/fortunes")
TRAINING = {
    WORDNET: ("data.noun", "data.verb", "data.adj"),
    FORTUNES: ("computers", "cookie", "education", "humorists", "love", "medicine", "miscellaneous", "people",
               "science", "sports", "work"),
}  # fmt: skip
HELD_OUT = {WORDNET: ("data.adv",), FORTUNES: ("food", "literature", "pets", "platitudes", "wisdom")}
LENGTHS = range(4, 26)
"""How many words a sentence may have."""
_EXAMPLE = re.compile(r'"([^"]+)"')
_QUOTES = str.maketrans({"’": "'", "‘": "'", "`": "'", "“": '"', "”": '"', "—": ",", "–": ","})
_PLAIN = re.compile(r"[A-Z][A-Za-z',;:.?! -]*[.?!]")
_ODD = re.compile(r"\.\.|[.?!]\S|[,;:][A-Za-z]|''| '|' |\b[A-Z]{2,}|\b[A-Z]\.|--|\bwh?rote\b.*:")
_TITLE = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|St|Jr|Sr|Prof|Gen|Rev|Lt|Col|vs|etc|al|No)\.")


def readable(text: str) -> str | None:
    """The text as one plain sentence, or None if it is not one.

    It must have 4 to 25 words of the letters A to Z, with usual punctuation. Figures, abbreviations and acronyms are
    rejected because voices read them differently, and so are coarse words.
    """
    text = " ".join(text.translate(_QUOTES).replace('"', "").split()).rstrip(" ,;:")
    if text and text[-1] not in ".?!":
        text += "."
    text = text[:1].upper() + text[1:]
    if not _PLAIN.fullmatch(text) or _ODD.search(text) or _TITLE.search(text) or COARSE.search(text.lower()):
        return None
    return text if len(text.split()) in LENGTHS else None


def sentences(documents: dict[Path, tuple[str, ...]]) -> list[str]:
    """The readable sentences of documents, each once, in the documents' order.

    Args:
        documents: `TRAINING` or `HELD_OUT`.

    Raises:
        DataError: A document is not installed.
    """
    found: dict[str, str] = {}
    for folder, names in documents.items():
        split = _examples if folder == WORDNET else _quotations
        for name in names:
            path = folder / name
            if not path.is_file():
                raise DataError(
                    f"{path} is missing; install the Debian packages wordnet-base and fortunes"
                    " (apt-get install wordnet-base fortunes), whose sentences this dataset speaks."
                )
            for piece in split(path.read_text(encoding="utf-8", errors="replace")):
                if text := readable(piece):
                    found.setdefault(re.sub(r"\W+", " ", text.lower()), text)
    return list(found.values())


def _examples(content: str) -> Iterator[str]:
    """The quoted examples in the glosses of a WordNet data file."""
    for line in content.splitlines():
        if not line.startswith("  "):  # the license
            yield from _EXAMPLE.findall(line.partition("|")[2])


def _quotations(content: str) -> Iterator[str]:
    """The sentences of a fortune file, without the lines that name their authors."""
    for entry in content.split("\n%\n"):
        lines = entry.splitlines()
        credits = (i for i, line in enumerate(lines) if re.match(r"\s*--", line))
        prose = " ".join(line.strip() for line in lines[: next(credits, len(lines))])
        yield from re.split(r"(?<=[.?!])[\"']?\s+(?=[\"']?[A-Z])", prose)
