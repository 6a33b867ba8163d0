"""Writes `heldout.json`, the fixed held-out texts: `python -m mmzoo_datasets.text.heldout`."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from mmzoo_datasets.text import documents
from mmzoo_datasets.text.corpus import CARRIERS, heldout_sentences, unseen_words, unwritten_words
from mmzoo_datasets.text.everyday import TEMPLATES, everyday
from mmzoo_datasets.text.vocabulary import load_vocabulary

TARGET = Path(__file__).parent.parent / "heldout.json"
SENTENCES, WORDS, SEED = 600, 250, 0
MADE_BY = "python -m mmzoo_datasets.text.heldout: the package's own grammar over the word list of pocketsphinx"
QUESTIONS = (
    "Is it raining again?", "Did you lock the back door?", "Are they still waiting outside?",
    "Can we stop for a minute?", "Will she be there tonight?", "Do you like the new color?", "Has the mail arrived?",
    "Was the movie any good?", "Could I borrow your umbrella?", "Should I turn off the lights?",
    "Have you fed the dog?", "Is there any milk left?", "Does this bus go downtown?", "Are you feeling better today?",
    "Did he tell you the news?", "Would you hold this for me?", "Is your sister at home?", "Can you hear me now?",
    "Were the neighbors angry?", "Do we need more chairs?", "Has anybody seen my glasses?",
    "Will the shop be open on Sunday?", "Is this seat taken?", "Did they win the game?", "May I come in?",
    "Does it hurt when you walk?", "Are the children asleep?", "Could you say that a little louder?",
    "Is the water warm enough?", "Have we met before?", "Did you remember the candles?", "Can they really afford it?",
    "Was anyone hurt in the storm?", "Do these shoes match my coat?", "Is he always this quiet?",
    "Would a smaller table fit here?", "Will you write to me?", "Are we nearly there?", "Has the kettle boiled?",
    "Does anyone have a pencil?",
)  # fmt: skip
"""Questions that are answered by yes or no, whose pitch rises at the end."""


def main() -> None:
    """Generate the lists from the grammar, the vocabulary of the installed pocketsphinx, and Debian's documents."""
    vocabulary = load_vocabulary()
    chosen = unseen_words(vocabulary, WORDS, SEED)
    spoken = [everyday(Random(seed)) for seed in range(100 * len(TEMPLATES))]
    unwritten = unwritten_words(vocabulary, [*documents.sentences(documents.TRAINING), *spoken], WORDS, SEED)
    content = {
        "made_by": MADE_BY,
        "seed": SEED,
        "test": heldout_sentences(vocabulary, SENTENCES, SEED, chosen),
        "unseen": _carried(chosen),
        "unwritten": _carried(unwritten),
        "questions": list(QUESTIONS),
    }
    TARGET.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _carried(words: list[str]) -> list[dict[str, str]]:
    return [{"word": word, "text": CARRIERS[i % len(CARRIERS)].format(word)} for i, word in enumerate(words)]


if __name__ == "__main__":
    main()
