"""The text frontend: any text to words and phrase breaks, without GPL code."""

from mmzoo_tts.inventory import PAUSE, PHONE_IDS, PHONES, VOWELS
from mmzoo_tts.text.clean import clean as clean_text
from mmzoo_tts.text.items import Break, Item, Spoken
from mmzoo_tts.text.normalizer import NormalText, normalize
from mmzoo_tts.text.pronunciation import Phrase, Pronunciation, Word
from mmzoo_tts.text.user_lexicon import UserLexicon

__all__ = [
    "PAUSE",
    "PHONES",
    "PHONE_IDS",
    "VOWELS",
    "Break",
    "Item",
    "NormalText",
    "Phrase",
    "Pronunciation",
    "Spoken",
    "UserLexicon",
    "Word",
    "clean_text",
    "normalize",
]
