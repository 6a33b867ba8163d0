"""Rules for a run of letters: what its capitals mean."""

from __future__ import annotations

import re
from collections.abc import Container

from mmzoo_tts.text.acronyms import LOWER_CASE, NAMES, READ, SPELLED, acronym
from mmzoo_tts.text.items import Item, letters, suffixed, words

_CAMEL = re.compile(r"[A-Z]n[A-Z](?![a-z])|[A-Z]{2,}(?=[a-z]$)|[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_COMPOUND = re.compile("(?:H|C|N|O|F|I|P|S|K|Na|Mg|Al|Si|Cl|Li|Ca|Fe|Cu|Zn|Br|Ag|Ba|Ti|Pb|Sn|Mn|Hg|Ni){2,}")
_LETTERS = re.compile("[A-Z][fno][A-Z]|[B-DF-HJ-LNPQSTW-Z]s")
"""YoY and QoS, and the plural of a letter: Ps and Qs."""
_COUNTS = frozenset("two three four five six all straight".split())
LITTLE_WORDS = frozenset("an as at be by do go he if in is me my no of oh on or so to up we".split())
_TWO_LETTERS = frozenset(
    (
        "ah am an as at aw ax be bi by do eh em go ha he hi ho if in is it la lo ma me my no of oh oi ok on or ow ox "
        "pi re so to uh um up us we ya ye yo"
    ).split()
)
"""Words of two letters; others in capitals are acronyms, even if the lexicon has the sound of a name (Ty, Li)."""
_VOWEL = re.compile(r"[aeiouy]", re.IGNORECASE)


def plain_word(word: str, known: Container[str], *, shouted: bool, mixed: bool, previous: str = "") -> list[Item]:
    """A run of letters as one word, spelled, or, in camel case, as several words.

    Args:
        word: Letters, with apostrophes inside.
        known: Words with a pronunciation.
        shouted: Neighboring words are in capitals too, so capitals mean nothing.
        mixed: A digit directly precedes or follows.
        previous: The word before, as written, "" at the start of a phrase.
    """
    base, suffix = (word[:-2], word[-2:]) if word.lower().endswith("'s") else (word, "")
    lower = word.lower()
    counted = base in {"As", "Rs"} and (previous.isdigit() or previous.lower() in _COUNTS)
    if counted or (len(base) < 4 and not mixed and base not in NAMES and _LETTERS.fullmatch(base)):
        plural = base[-1] == "s"
        return _spell(word, base[0] if plural else base, "'s" if plural else suffix)
    if len(base) > 1 and (not base.islower() or base in LOWER_CASE):
        items = acronym(base, suffix, shouted=shouted, previous=previous) or _camel(base, suffix, known, mixed=mixed)
        if items:
            return items
    if lower in known or (suffix and base.lower() in known and not (mixed and len(base) < 3)):
        acronym_of_two = not shouted and len(base) == 2 and base.lower() not in _TWO_LETTERS
        short_capitals = base.isupper() and ((mixed and len(base) < 3) or acronym_of_two)
        return _spell(word, base, suffix) if short_capitals or len(base) == 1 else words(word, lower)
    if len(base) == 1 or (mixed and len(base) < 3):
        return _spell(word, base, suffix)
    if base.isupper():
        capitals_mean_nothing = shouted and len(base) > 3
        spelled = (len(base) <= 4 and not capitals_mean_nothing) or not _VOWEL.search(base)
        return _spell(word, base, suffix) if spelled else words(word, lower)
    if base[:-1].isupper() and base.endswith("s") and len(base) > 2:
        return _spell(word, base[:-1], "'s")
    return words(word, lower)


def _camel(base: str, suffix: str, known: Container[str], *, mixed: bool) -> list[Item] | None:
    """The parts of a name in camel case, or None if it is not one or is a word itself."""
    if "'" in base or base[1:].islower() or base.isupper():
        return None
    if base.lower() not in known and (_COMPOUND.fullmatch(base) or (base[:-1].isupper() and base[-1] == "e")):  # PCIe
        return _spell(base + suffix, base, suffix)
    parts = _CAMEL.findall(base)
    if len(parts) < 2 or parts[0] in {"Mc", "Mac"}:
        return None
    # mRNA, siRNA, pH: a short prefix of an acronym or of one letter is spelled too. IPv4: so is a letter behind one.
    acronym_last = len(parts) == 2 and parts[0].islower() and parts[1].isupper()
    if acronym_last and (
        len(base) == 2 or (len(parts[0]) < 3 <= len(parts[1]) and not {parts[0], parts[1]} & (LITTLE_WORDS | READ))
    ):
        return _spell(base + suffix, base, suffix)
    if mixed and parts[-1].islower() and len(parts[-1]) == 1 and parts[-2].isupper():
        return _spell(base + suffix, base, suffix)
    # A single letter may start a name (eBay), and follow words (SpaceX), but not parts of a word (LaTeX).
    words_between = all(len(p) == 1 or (len(p) > 2 and p.lower() in known) for p in parts)
    if any(len(part) == 1 for part in parts[1:]) and not words_between:
        return None
    # The lexicon has the sound of some names (LinkedIn), unless each part is a word itself (GitHub).
    whole = base.lower() in known and len(parts[0]) > 1
    if whole and not all(part.lower() in known for part in parts):
        return None
    items: list[Item] = []
    for part in parts:
        spelled = part[0].isupper() and part.upper() in SPELLED and part.lower() not in known
        if _LETTERS.fullmatch(part) or (part.isupper() and not _VOWEL.search(part)):
            items += letters(base, part)
            continue
        items += plain_word(part.upper() if spelled else part, known, shouted=False, mixed=False)
    return suffixed(items, base + suffix, "'s" if suffix else "")


def _spell(written: str, base: str, suffix: str) -> list[Item]:
    items = letters(written, base)
    return suffixed(items, written, suffix.lower()) if suffix and items else items
