"""Checks a Unicode text and folds it to the characters that the rules know."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from mmzoo.errors import InputError
from mmzoo_tts.text.tables import CURRENCIES, GREEK, SYMBOLS
from mmzoo_tts.text.units import unit_names

_SINGLE = dict.fromkeys(map(ord, "‘’‚‛ʼʹ′`´＇"), "'")
_DOUBLE = dict.fromkeys(map(ord, "“”„‟«»″〝〞＂"), '"')
_DASHES = dict.fromkeys(map(ord, "‐‑‒﹣－"), "-") | dict.fromkeys(map(ord, "—―⸺⸻"), "—")
_OTHER = {
    ord("…"): "...",
    ord("⁄"): "/",
    ord("∕"): "/",
    ord("№"): "No. ",
    ord("∼"): "~",
    ord("™"): " trademark ",
    ord("≠"): " not equal to ",
    ord("·"): " ",
    ord("•"): ", ",
    ord("¿"): " ",
    ord("¡"): " ",
    ord("ſ"): "s",
    ord("。"): ". ",
    ord("、"): ", ",
    ord("∙"): " ",
    ord("‧"): "",
    ord("ß"): "ss",
    ord("ẞ"): "SS",
    ord("æ"): "ae",
    ord("Æ"): "AE",
    ord("œ"): "oe",
    ord("Œ"): "OE",
    ord("ø"): "o",
    ord("Ø"): "O",
    ord("đ"): "d",
    ord("Đ"): "D",
    ord("ð"): "th",
    ord("Ð"): "Th",
    ord("þ"): "th",
    ord("Þ"): "Th",
    ord("ł"): "l",
    ord("Ł"): "L",
    ord("ı"): "i",
    ord("ŋ"): "ng",
    ord("Ŋ"): "NG",
}
_TABLE = _SINGLE | _DOUBLE | _DASHES | _OTHER
_KEPT = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ \n—–¢°§©®¬" + "".join(SYMBOLS) + "".join(CURRENCIES))
_LATIN = re.compile(r"LATIN (?:SMALL|CAPITAL) LETTER (?:[A-Z]+ )*?([A-Z]{1,2})(?: WITH .*)?$")
_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n", strict=True))
_POWER = re.compile("[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+|ⁿ(?![ᵈᵗ])")
_MICRO_ALONE = re.compile(r"(?<![^\W_])[µμ](mol|[AFVWglLms])\b")
# Units whose first or only letter is Greek are written as engineers do in ASCII.
_MICRO = re.compile(r"(?<=\d)(\s?)[µμ](?=[A-Za-zΩΩ])")
_OHM = re.compile(r"(?<=\d)(\s?[kMGmu]?)[ΩΩ](?!\w)")
_DEGREE = re.compile(r"º(?=\s?[CF]\b)")
_ORDINAL = re.compile(r"(?<=\d)[ºª](?!\w)")
_NUMBER = re.compile(r"\b[Nn][º°]\s?(?=\d)")
_DOT = re.compile(r"(?<=[AWN])·(?=[mh]\b)")  # N·m
_STARS = re.compile("★{2,}☆*")
_PLAIN = re.compile(r"[\x20-\x7e\n]*")


_NOTHING: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CleanText:
    """A text that the rules can read.

    Args:
        text: ASCII letters and digits, and known signs.
        unspoken: Pieces that were left out, each once.
    """

    text: str
    unspoken: tuple[str, ...] = ()


def clean(text: str) -> CleanText:
    """`fold`, for a text that has something to say.

    Raises:
        InputError: The text is not a string, is empty, contains a control character, or has only punctuation, or only
            emoji and other scripts.
    """
    if not isinstance(text, str):
        raise InputError(f"The text is of type {type(text).__name__}; give a string.")
    folded = fold(text)
    check_speakable(folded)
    return folded


def fold(text: str) -> CleanText:
    """Fold accents, quotes, dashes, full-width and other forms; set aside other scripts and emoji.

    Raises:
        InputError: The text contains a control character.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ").replace("\u2028", "\n")
    text = text.replace("\u2029", "\n\n").removeprefix("\ufeff")
    if _PLAIN.fullmatch(text):
        folded, unspoken = text, _NOTHING
    else:
        folded, unspoken = _fold(text)
    return CleanText(folded.replace("`", "'"), unspoken)


def check_speakable(folded: CleanText) -> None:
    """Raise InputError if the text has no letter, digit or symbol with a name of its own."""
    if any(c.isalnum() or (c in SYMBOLS and not c.isascii()) for c in folded.text):
        return
    if folded.unspoken:
        raise InputError(
            f"The text holds only emoji or letters of another script ({_shown(folded.unspoken)});"
            " this English voice needs Latin letters or digits."
        )
    if not folded.text.strip():
        raise InputError("The text is empty; give at least one letter or digit to say.")
    raise InputError("The text is nothing but punctuation; give at least one letter or digit to say.")


def _shown(pieces: tuple[str, ...]) -> str:
    more = ", ..." if len(pieces) > 5 else ""
    return ", ".join(piece[:20] for piece in pieces[:5]) + more


def _fold(text: str) -> tuple[str, tuple[str, ...]]:
    for position, character in enumerate(text):
        if character != "\n" and unicodedata.category(character) == "Cc":
            raise InputError(
                f"The text has the control character U+{ord(character):04X} at position {position};"
                " only tabs and line breaks are allowed, so remove it."
            )
    text = _ORDINAL.sub("th", _DEGREE.sub("°", _NUMBER.sub("No. ", _DOT.sub("", text))))
    # "2½" must not become "21/2".
    text = re.sub(r"(?<=\d)(?=[¼-¾⅐-⅞])", " ", text.translate(_TABLE))
    text = _POWER.sub(lambda match: "^" + "".join(_SUPERSCRIPTS[c] for c in match[0]), text)
    text = _STARS.sub(lambda match: f" {match[0].count('★')} stars ", text)
    text = _OHM.sub(r"\1Ohm", _MICRO.sub(r"\1u", text))
    text = _MICRO_ALONE.sub(lambda match: (unit_names("u" + match[1]) or ("", ""))[1], text)
    text = unicodedata.normalize("NFKD", text).translate(_TABLE)
    out: list[str] = []
    foreign: dict[str, None] = {}
    run: list[str] = []
    for index, character in enumerate(text):
        known = _known(text, index, character)
        if known is not None:
            # Joiners and accents inside a run of another script belong to it.
            if run and known == "":
                continue
            if run:
                foreign["".join(run)] = None
                run = []
                out.append(" ")
            out.append(known)
        else:
            # A lone surrogate cannot be printed, so it is shown escaped.
            run.append(character if unicodedata.category(character) != "Cs" else f"\\u{ord(character):04x}")
    if run:
        foreign["".join(run)] = None
    return "".join(out), tuple(foreign)


def _known(text: str, index: int, character: str) -> str | None:
    """The replacement of a character: "" if it is only formatting, None if it cannot be spoken."""
    if character in _KEPT or (character.isascii() and character.isalnum()):
        return character
    category = unicodedata.category(character)
    if category in {"Mn", "Me", "Cf"}:
        return ""
    if category.startswith("Z"):
        return " "
    if category == "Nd":
        return str(unicodedata.digit(character))
    if category in {"Pd", "Ps", "Pe", "Pi", "Pf", "Po"}:
        return {"Pd": "-", "Ps": "(", "Pe": ")"}.get(category, ",")
    if category.startswith("L"):
        match = _LATIN.match(unicodedata.name(character, ""))
        if match:
            return match[1] if category == "Lu" else match[1].lower()
        lower = character.lower()
        around = text[max(0, index - 1) : index] + text[index + 1 : index + 2]
        if lower in GREEK and not any(c.isalpha() for c in around):
            return f" {GREEK[lower]} "
    return None
