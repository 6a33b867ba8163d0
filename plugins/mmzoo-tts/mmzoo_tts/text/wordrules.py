"""Rules for text with letters: abbreviations, initials, addresses, Roman numerals, acronyms, words."""

from __future__ import annotations

import re
from collections.abc import Container

from mmzoo_tts.text import numbers
from mmzoo_tts.text.acronyms import LOWER_CASE, READ, SPELLED, acronym
from mmzoo_tts.text.dates import MONTH_DAY, NAMED_DAYS, ZONE, month_day, named_days, zone
from mmzoo_tts.text.items import Break, Item, Spoken, letters, words
from mmzoo_tts.text.tables import (
    ABBREVIATIONS,
    BARE,
    DAYS,
    ENDINGS,
    MONTH_NUMBERS,
    MONTHS,
    NUMBERED,
    PHRASES,
    PLAIN_ROMANS,
    RULERS,
    STARTERS,
    TITLES,
)
from mmzoo_tts.text.units import ALONE, unit_names

_UNIT = re.compile(
    rf"(?:{'|'.join(ALONE)}|(?:m|ft|mi|[MGT]B)(?=/s|/h))(?:/(?:hr|h|s|min|day|kg|L|l|m|cm)(?:\^[23])?)?(?![\w^]|[/'-]\w)"
)
_BEFORE_ONE = frozenset("a an each every one per".split())
WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*")
# Not the beginning of longer initials: "I.E.D." is not "i.e." and a D.
_PHRASE = re.compile(
    "(?:" + "|".join(sorted(map(re.escape, PHRASES), key=len, reverse=True)) + r")(?![A-Za-z](?:\.|\b))", re.IGNORECASE
)
_INITIALS = re.compile(
    r"(?:[A-Za-z]\.){2,}(?:'?s\b|(?![A-Za-z]))|(?:[A-Z]\.)+(?=\s?[A-Z][a-z])|(?:[A-Za-z]\.)+[A-Za-z]\b(?!\.)"
)
_JOINED = re.compile(r"[A-Z]{1,3}(?:&[A-Z]{1,3})+(?:'?s\b|(?![A-Za-z]))|[A-Ga-g]#(?!\w)|[A-Z](?=:(?:\\|/(?!/)))")
_SLASHED = re.compile(r"[A-Z]{1,5}(?:/[A-Z]{1,5})+(?![A-Za-z])")
_JOINED_SIGNS = {"&": "and", "#": "sharp"}
_SPAN = re.compile(r"([A-Z])–([A-Z])\b|(A)-(Z)\b")
_TIMES = ((MONTH_DAY, month_day), (NAMED_DAYS, named_days), (ZONE, zone))
_NEXT_WORD = re.compile(r"\s+(?:[\"'(]\s?)?([A-Za-z]+)")
_NAME_AFTER = re.compile(r"\s*(?:[\"'(]\s?)?([A-Za-z]+)")
_DOMAINS = "com|org|net|edu|gov|io|ai|dev|app|info|co|uk|de|fr|eu|us|ca|jp"
_ADDRESS = re.compile(
    r"(?:https?://|ftp://|www\.)[^\s<>\"()]+"
    r"|~?(?:/[\w.+-]{1,255}){2,}/?|~/[\w.+-]{1,255}"
    r"|[A-Za-z0-9][\w.+-]{0,63}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,6}\.[A-Za-z]{2,24}"
    rf"|[A-Za-z0-9][A-Za-z0-9-]{{0,62}}(?:\.[A-Za-z0-9-]{{1,63}}){{0,6}}\.(?:{_DOMAINS})\b(?![.-]?\w)(?:/[^\s<>\"()]*)?"
)
_ADDRESS_PART = re.compile(r"[A-Za-z]+|\d+|[^A-Za-z\d]")
_ADDRESS_SIGNS = {
    ".": "dot",
    "/": "slash",
    "@": "at",
    "-": "dash",
    "_": "underscore",
    ":": "colon",
    "?": "question mark",
    "=": "equals",
    "&": "and",
    "#": "hash",
    "%": "percent",
    "+": "plus",
    "~": "tilde",
}
_CAMEL = re.compile(r"[A-Z]{2,}(?=[a-z]$)|[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_NUMBERS_FOLLOW = {
    "no": "number", "nos": "numbers", "p": "page", "pp": "pages", "fig": "figure", "figs": "figures", "vol": "volume",
    "ch": "chapter", "sec": "section", "eq": "equation", "art": "article", "para": "paragraph",
}  # fmt: skip
_ROMAN_ORDINAL = re.compile("([IVXLC]+)(?:st|nd|rd|th)")
_LITTLE_WORDS = frozenset("as at by do go if in is my no of on or so to up".split())
_VOWEL = re.compile(r"[aeiouy]", re.IGNORECASE)
_NOT_A_NAME = STARTERS | {
    "Near",
    "Of",
    "By",
    "Visit",
    "See",
    "Is",
    "Was",
    "Dear",
    "Saint",
    "Mount",
    "Fort",
    "Port",
    "Mr",
    "Mrs",
}


def sentence_follows(text: str, end: int) -> bool:
    """Whether a period before `end` also ends a sentence: nothing, a blank line or a new sentence follows."""
    if not text[end:].strip() or text.startswith("\n\n", end):
        return True
    match = _NEXT_WORD.match(text, end)
    return bool(match and match[1] in STARTERS)


def abbreviation(text: str, position: int, previous: str) -> tuple[int, list[Item]] | None:
    """The end and the items of an abbreviation, initials, a date or an Internet address at `position`, or None.

    Args:
        text: The text.
        position: Where to look.
        previous: The previous piece of text as written, "" at the start of a phrase.
    """
    return (
        address(text, position)
        or _phrase(text, position)
        or (text[position].isupper() and _time(text, position))
        or _joined(text, position)
        or _unit(text, position, previous)
        or _dotted(text, position, previous)
    )


def _stop(text: str, end: int, items: list[Item], *, may_end: bool = True) -> tuple[int, list[Item]]:
    return end, [*items, Break(".")] if may_end and text[end - 1] == "." and sentence_follows(text, end) else items


def _phrase(text: str, position: int) -> tuple[int, list[Item]] | None:
    match = _PHRASE.match(text, position)
    if match and not (match[0][-1].isalnum() and text[match.end() : match.end() + 1].isalnum()):
        said = PHRASES[match[0].lower()].split()
        items = [Spoken(match[0], word, letter=len(word.removesuffix("'s")) == 1) for word in said]
        return _stop(text, match.end(), list(items), may_end=match[0].lower() in {"ph.d.", "p.s.", "et al."})
    match = _INITIALS.match(text, position)
    if match:
        name = match[0].replace(".", "")
        plural = re.search("(?<=[A-Z])'?s$", name)
        name = name[: plural.start()] if plural else name
        if len(name) > 2 and name in READ:
            return _stop(text, match.end(), words(match[0], name.lower() + ("s" if plural else "")))
        items = letters(match[0], name)
        if plural:
            items[-1] = _with_suffix(items[-1], match[0], "'s")
        return _stop(text, match.end(), items)
    return None


def _time(text: str, position: int) -> tuple[int, list[Item]] | None:
    for pattern, function in _TIMES:
        match = pattern.match(text, position)
        if match and (items := function(match)):
            return match.end(), items
    return None


def _joined(text: str, position: int) -> tuple[int, list[Item]] | None:
    """Letters joined by a sign: `AT&T`, `R&D's`, `C#`, the drive of `C:\\`, and the span `A-Z`."""
    if match := _SPAN.match(text, position):
        first, last = (part for part in match.groups() if part)
        return match.end(), [*letters(match[0], first), *words(match[0], "to"), *letters(match[0], last)]
    if (match := _SLASHED.match(text, position)) and all(p in SPELLED or len(p) == 1 for p in match[0].split("/")):
        items: list[Item] = []
        for part in re.split("(/)", match[0]):
            items += words(match[0], "slash") if part == "/" else letters(match[0], part)
        return match.end(), items
    match = _JOINED.match(text, position)
    if not match:
        return None
    name = re.sub("'?s$", "", match[0])
    items = []
    for part in name:
        items += words(match[0], _JOINED_SIGNS[part]) if part in _JOINED_SIGNS else letters(match[0], part)
    if name != match[0]:
        items[-1] = _with_suffix(items[-1], match[0], "'s")
    if match[0].isalpha():
        return match.end() + 1, [*items, *words(":", "colon")]
    return match.end(), items


def _unit(text: str, position: int, previous: str) -> tuple[int, list[Item]] | None:
    """A unit without a number: "in km/h", "per kWh"."""
    match = _UNIT.match(text, position)
    names = match and unit_names(match[0])
    if not match or not names or (text[position - 1 : position].isalnum() and position):
        return None
    return match.end(), words(match[0], names[0 if previous.lower() in _BEFORE_ONE else 1])


def _dotted(text: str, position: int, previous: str) -> tuple[int, list[Item]] | None:
    match = WORD.match(text, position)
    if not match:
        return None
    word, end = match[0], match.end()
    lower, dot = word.lower(), text.startswith(".", end)
    if dot and text[end + 1 : end + 2].isalnum():
        # "St.Louis" and "No.7" lack a space; in any other word, a letter or digit after a period belongs to it.
        follows = text[end + 1 : end + 3]
        title = lower in TITLES or lower in {"dr", "st"}
        name = word[0].isupper() and follows[0].isupper() and follows[1:].islower()
        dot = (title and name) or (lower in _NUMBERS_FOLLOW and follows[0].isdigit())
    if not dot and ((lower not in BARE and lower not in {"dr", "st"}) or (not word[0].isupper() and lower in TITLES)):
        return None
    if not dot and word.isupper() and len(word) > 1:
        return None
    written, after = text[position : end + dot], text[end + dot :]
    following = _NAME_AFTER.match(text, end + dot)
    name_next = bool(following and following[1][0].isupper())
    if lower in {"dr", "st"}:
        if not word[0].isupper():
            return None
        street = (previous[:1].isupper() and previous not in _NOT_A_NAME) or previous[:1].isdigit()
        street = street and not (name_next and lower == "dr" and following and following[1] not in STARTERS)
        if not dot and not street and not name_next:
            return None
        said = {"dr": ("doctor", "drive"), "st": ("saint", "street")}[lower][street]
        return _stop(text, end + dot, words(written, said), may_end=street)
    if lower in TITLES:
        plain = lower in {"mr", "mrs", "ms", "prof"} and dot
        return (end + dot, words(written, TITLES[lower])) if word[0].isupper() and (name_next or plain) else None
    if lower in _NUMBERS_FOLLOW and dot and re.match(r"\s*\d", after):
        return end + dot, words(written, _NUMBERS_FOLLOW[lower])
    if lower == "c" and dot and re.match(r"\s?\d{3,4}\b", after):
        return end + dot, words(written, "circa")
    if word in MONTH_NUMBERS and word not in MONTHS and dot:
        return _stop(text, end + dot, words(written, MONTHS[MONTH_NUMBERS[word] - 1].lower()))
    if word in DAYS and dot and re.match(r",|\s?(?:\d|-)|\s(?:Jan|Feb|Ma|Ap|Ju|Aug|Sep|Oct|Nov|Dec)", after):
        return end + dot, words(written, DAYS[word])
    if lower in ENDINGS and not (lower in {"co", "sr", "sq", "ln", "rd", "ave"} and not word[0].isupper()):
        return _stop(text, end + dot, words(written, ENDINGS[lower]))
    # At the end of a sentence, "min." or "sec." is more likely the word itself.
    if (lower in ABBREVIATIONS and re.match(r"\s+(?:[a-z\d(]|[IVXL]+\b)|,", after)) or lower in {
        "vs",
        "approx",
        "dept",
        "govt",
    }:
        return _stop(text, end + dot, words(written, ABBREVIATIONS[lower]))
    return None


def address(text: str, position: int) -> tuple[int, list[Item]] | None:
    """An Internet address, or the path of a file."""
    if text[position - 1 : position].isalnum() and position:
        return None
    match = _ADDRESS.match(text, position)
    if not match:
        return None
    written = match[0].rstrip(".,;:!?'-")
    items: list[Item] = []
    for part in _ADDRESS_PART.findall(written.replace("://", " ")):
        if part.isdigit():
            items += words(written, numbers.digits(part) if len(part) > 2 else numbers.number_words(part))
        elif part in _ADDRESS_SIGNS:
            items += words(written, _ADDRESS_SIGNS[part])
        elif part.isalpha():
            spelled = not _VOWEL.search(part) or part.lower() in {"ai", "io", "uk", "us", "eu", "de", "fr", "ca", "jp"}
            spelled = spelled or len(part) == 1
            items += letters(written, part) if spelled else words(written, part.lower())
    return position + len(written), items


def roman_numeral(word: str, previous: str, rest: str, known: Container[str]) -> list[Item] | None:
    """A Roman numeral in context (`Henry VIII`, `chapter IV`, `World War II`) or a clear one alone, or None."""
    before = previous.lower().removesuffix("'s")
    small = len(word) > 1 and word.islower() and before in NUMBERED and set(word) <= set("ivxl")
    if ordinal := _ROMAN_ORDINAL.fullmatch(word):
        value = numbers.roman(ordinal[1])
        return words(word, numbers.ordinal(value)) if value else None
    numeral, owner = (word[:-2], "'s") if word.endswith("'s") else (word, "")
    value = numbers.roman(word.upper() if small else numeral)
    if value is None:
        return None
    if owner:
        items = roman_numeral(numeral, previous, rest, known)
        return items and [Spoken(word, item.word, item.letter) for item in items[:-1] if isinstance(item, Spoken)] + [
            _with_suffix(items[-1], word, owner)
        ]
    if before in NUMBERED:
        return words(word, numbers.cardinal(value))
    if before in RULERS and previous[0].isupper():
        # In "When Charles I met", "I" is read as the pronoun; in "Charles I of England" and the like, as a numeral.
        if word == "I" and re.match(r"\s+[a-z]", rest) and not re.match(r"\s+(?:of|and|was|the)\b", rest):
            return None
        return words(word, ["the", *numbers.ordinal(value)])
    if len(word) > 3 and value > 1000 and word.lower() not in known:
        return words(word, numbers.year(value))
    if word in PLAIN_ROMANS and re.match(r"\s+centur", rest):
        return words(word, numbers.ordinal(value))
    if word in PLAIN_ROMANS or (
        len(word) > 1 and previous[:1].isupper() and previous.isalpha() and set(word) <= set("IVX")
    ):
        return words(word, numbers.cardinal(value))
    return None


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
    if len(base) > 1 and (not base.islower() or base in LOWER_CASE):
        items = acronym(base, suffix, shouted=shouted, previous=previous) or _camel(base, suffix, known, mixed=mixed)
        if items:
            return items
    if lower in known or (suffix and base.lower() in known and not (mixed and len(base) < 3)):
        short_capitals = mixed and base.isupper() and len(base) < 3
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
    parts = _CAMEL.findall(base)
    if len(parts) < 2 or parts[0] in {"Mc", "Mac"}:
        return None
    # mRNA, siRNA, pH: a short prefix of an acronym or of one letter is spelled too. IPv4: so is a letter behind one.
    acronym_last = len(parts) == 2 and parts[0].islower() and parts[1].isupper()
    if acronym_last and (
        len(base) == 2 or (len(parts[0]) < 3 <= len(parts[1]) and not {parts[0], parts[1]} & (_LITTLE_WORDS | READ))
    ):
        return _spell(base + suffix, base, suffix)
    if mixed and parts[-1].islower() and len(parts[-1]) == 1 and parts[-2].isupper():
        return _spell(base + suffix, base, suffix)
    # A single letter may start a name (eBay), and follow words (SpaceX), but not parts of a word (LaTeX).
    if any(len(part) == 1 for part in parts[1:]) and not all(len(p) == 1 or p.lower() in known for p in parts):
        return None
    # The lexicon has the sound of some names (LinkedIn), unless each part is a word itself (GitHub).
    whole = base.lower() in known and len(parts[0]) > 1
    if whole and not all(part.lower() in known for part in parts):
        return None
    items: list[Item] = []
    for part in parts:
        spelled = part[0].isupper() and part.upper() in SPELLED and part.lower() not in known
        items += plain_word(part.upper() if spelled else part, known, shouted=False, mixed=False)
    items = [Spoken(base + suffix, item.word, item.letter) for item in items if isinstance(item, Spoken)]
    return [*items[:-1], _with_suffix(items[-1], base + suffix, "'s")] if suffix else items


def _spell(written: str, base: str, suffix: str) -> list[Item]:
    items = letters(written, base)
    return [*items[:-1], _with_suffix(items[-1], written, suffix.lower())] if suffix and items else items


def _with_suffix(item: Item, written: str, suffix: str) -> Item:
    return Spoken(written, item.word + suffix, item.letter) if isinstance(item, Spoken) else item
