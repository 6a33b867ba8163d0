"""A phonemizer for any alphabet: words and their phones are all that it knows of a language."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from mmzoo.errors import ConfigError
from mmzoo.interfaces import Size
from mmzoo_tts.letter_pronouncer import LetterPronouncer
from mmzoo_tts.letters import LetterToSound, pad
from mmzoo_tts.lexicon_head import LexiconHead
from mmzoo_tts.text.phones import phone_set

_NO_LETTER = re.compile(r"[\s\d.?!;:,…–—]")


class LetterPhonemizer(LetterPronouncer, LexiconHead):
    """Text to a `Pronunciation` by a lexicon and a letter-to-sound network, without rules of a language.

    Numbers, abbreviations and other alphabets must be written out; they are left out, and the notes name them.

    Args:
        letters: The lower-case letters of the language.
        phones: Its phones, the first of which is the pause `pau`.
        width: Channels of the network.
        depth: Encoder blocks of the network.
    """

    def __init__(self, *, letters: str, phones: list[str], width: Size = 160, depth: Size = 4) -> None:
        if len(set(letters)) < max(1, len(letters)) or letters != letters.lower() or _NO_LETTER.search(letters):
            raise ConfigError(f"letters must be different lower-case letters, not {letters!r}.", path="letters")
        super().__init__(LetterToSound(width, depth, letters=letters, phones=phone_set(phones)))

    forward = LetterPronouncer.__call__

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """Logits of the network for a word of all letters after the first phones."""
        if inputs is None:
            before = list(range(1, len(self.phones)))
            inputs = {"letters": pad([self.letters.encode(self.letters.alphabet)]), "phones": pad([before])}
        return inputs, {"scores": self.letters(inputs["letters"], inputs["phones"])}
