"""Datasets for mmzoo: synthetic speech corpora, a pronunciation lexicon, and the LJSpeech adapter."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def heldout() -> dict[str, list[Any]]:
    """The fixed held-out texts: `test` is a list of sentences, `unseen` of `{"word", "text"}` in carrier sentences.

    They were written by `python -m mmzoo_datasets.text.heldout`; no training text of `flite-speech` contains them.
    """
    import json
    from importlib.resources import files

    content = json.loads(files(__package__).joinpath("heldout.json").read_text(encoding="utf-8"))
    return {"test": content["test"], "unseen": content["unseen"]}
