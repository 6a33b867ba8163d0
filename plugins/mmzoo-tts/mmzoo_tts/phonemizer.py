"""The English phonemizer: text to phrases, words and phones, by a lexicon and a letter-to-sound network."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from mmzoo.interfaces import Size
from mmzoo_tts.english import EnglishPronouncer
from mmzoo_tts.letters import LetterToSound, pad
from mmzoo_tts.lexicon_head import LexiconHead


class Phonemizer(EnglishPronouncer, LexiconHead):
    """Text to a `Pronunciation`.

    The lexicon, `lexicon.json` in the model's folder, has one pronunciation per word. Homographs (use, live, record)
    follow `mmzoo_tts.text.homographs`. Words that the lexicon lacks are read by a letter-to-sound network.

    Args:
        width: Channels of the network.
        depth: Encoder blocks of the network.
    """

    def __init__(self, *, width: Size = 160, depth: Size = 4) -> None:
        super().__init__(LetterToSound(width, depth))

    forward = EnglishPronouncer.__call__

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """Logits of the letter-to-sound network for a few made-up words after the same phones."""
        if inputs is None:
            words, before = ("blorptious", "quizzaneer", "thwack", "mmzoo"), ("b", "l", "ao", "r")
            inputs = {
                "letters": pad([self.letters.encode(word) for word in words]),
                "phones": pad([self.letters.encode_phones(before)] * len(words)),
            }
        return inputs, {"scores": self.letters(inputs["letters"], inputs["phones"])}
