"""Writes `heldout.json`, the fixed test sentences and unseen words: `python -m mmzoo_datasets.text.heldout`."""

from __future__ import annotations

import json
from pathlib import Path

from mmzoo_datasets.text.corpus import CARRIERS, heldout_sentences, unseen_words
from mmzoo_datasets.text.vocabulary import load_vocabulary

TARGET = Path(__file__).parent.parent / "heldout.json"
SENTENCES, WORDS, SEED = 600, 250, 0
MADE_BY = "python -m mmzoo_datasets.text.heldout: the package's own grammar over the word list of pocketsphinx"


def main() -> None:
    """Generate both lists from the grammar and the installed pocketsphinx's vocabulary."""
    vocabulary = load_vocabulary()
    chosen = unseen_words(vocabulary, WORDS, SEED)
    content = {
        "made_by": MADE_BY,
        "seed": SEED,
        "test": heldout_sentences(vocabulary, SENTENCES, SEED, chosen),
        "unseen": [{"word": w, "text": CARRIERS[i % len(CARRIERS)].format(w)} for i, w in enumerate(chosen)],
    }
    TARGET.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
