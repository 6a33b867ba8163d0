"""Datasets for mmzoo: synthetic speech corpora, a pronunciation lexicon, and the LJSpeech adapter."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def heldout() -> dict[str, list[Any]]:
    """The fixed held-out texts, which `python -m mmzoo_datasets.text.heldout` wrote.

    `test` is a list of sentences and `unseen` one of `{"word", "text"}` in carrier sentences, both in no training text
    of `flite-speech`. `unwritten` is like `unseen`, with words that are in no document of `natural-speech`.
    `questions` are answered by yes or no.
    """
    import json
    from importlib.resources import files

    content = json.loads(files(__package__).joinpath("heldout.json").read_text(encoding="utf-8"))
    return {name: content[name] for name in ("test", "unseen", "unwritten", "questions")}
