"""Text to words: exactly one rule reads each letter and digit, so no word can be dropped."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace

from mmzoo_tts.text.acronyms import READ, SPELLED
from mmzoo_tts.text.addresses import address
from mmzoo_tts.text.capitals import LITTLE_WORDS, plain_word
from mmzoo_tts.text.clean import clean
from mmzoo_tts.text.items import INSERT, STRENGTH, Break, Insert, Item, Spoken, letters, words
from mmzoo_tts.text.quantities import quantity
from mmzoo_tts.text.romans import roman_numeral
from mmzoo_tts.text.tables import CURRENCIES, SIGNS, SYMBOLS
from mmzoo_tts.text.wordrules import WORD, abbreviation, sentence_follows

_SPACE = re.compile(r"\s+")
_DASH = re.compile(r"-{2,}|[—–]|-(?=\s)|(?<=\s)-")
_VARIABLE = re.compile(r"-[a-zA-Z](?![\w'.])")
_UNTIL = re.compile(rf"[-−]?[\d{''.join(map(re.escape, CURRENCIES))}]|(?:present|now|today)\b")
_SIGN = re.compile("|".join(sorted(map(re.escape, SIGNS), key=len, reverse=True)))
_FORMULA = re.compile(r"\d|[_)]|\.[a-z]|\s?-\s?[b-z]\b(?!['.-])|\s?(?:[\^=+×→]|!=|->|[<>]=?)")
_MODEL = re.compile(r"\d|[_)-]|\s?(?:[\^=+×→]|!=|->|[<>]=?)")
_FLAG = re.compile(r"-(?:[a-zA-Z](?=\d)|(?:[a-zA-Z]|[a-z]{2,4})(?![\w-]|['.]\w|\s?[=<>+*/^]))")
_WORD_BEFORE = re.compile(r"[A-Za-z]{2}[\"')]* \Z")
_DIFFERENCE = re.compile(r"-\s(?:\d|[b-z]\b(?!'))")
_GRADE = re.compile(r"(?<![\w'-])[A-DF]-(?=[\s.,;:!?)]|\Z)(?!\s(?:and|or|&)\s\w+-\w)")
_HEART = re.compile(
    r"<3(?![\w%°$]|[.,]\d)(?!\s?(?:years?|months?|weeks?|days?|hours?|minutes?|seconds?|degrees|percent|of)\b)"
)
_LINE_END = re.compile(r"[^\w\n]*(?:\n|\Z)")
_QUESTION = re.compile(r"[^.?!\n]{0,300}\?")
_KNOWING = frozenset("know knows knew guess wonder wondering see care cares matter matters exactly just".split())
_COMPARED = frozenset("age aged score size rating grade count level index ratio value sum is are was mean than".split())
_DOT_NAME = re.compile(r"(?<!\w)\.[A-Za-z]|\.[A-Z]{2,}\b")  # .NET and VB.NET
_ELISIONS = {"'n'": "and", "'n": "and", "'cause": "cause", "'em": "em", "'til": "til", "'tis": "tis", "'twas": "twas"}
_ELISION = re.compile(r"'(?:n'?|cause|em|til|tis|twas)(?![A-Za-z])", re.IGNORECASE)
_CAPITAL = re.compile(rf"\s+{INSERT}?[A-Z]")
_NEXT_CAPITALS = re.compile(r"[^A-Za-z]*([A-Za-z']+)")


@dataclass(frozen=True, slots=True)
class NormalText:
    """A text as words.

    Args:
        items: Words and breaks in order; the last is a break.
        unspoken: Pieces in other scripts, and emoji, that were left out.
        spans: For each item, start and end in the folded text of what it was read from.
    """

    items: tuple[Item, ...]
    unspoken: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]

    def __str__(self) -> str:
        said = [item.word if isinstance(item, Spoken) else item.mark for item in self.items]
        return re.sub(r" ([,.;:?!])", r"\1", " ".join(said))


def normalize(text: str, known: Container[str] = frozenset()) -> NormalText:
    """Turn everything in a text into words.

    Args:
        text: Any text.
        known: Words with a pronunciation (a lexicon); decides whether capitals are a word (NASA) or letters (FBI).

    Raises:
        InputError: As `clean`.
    """
    cleaned = clean(text)
    return replace(scan(cleaned.text, known), unspoken=cleaned.unspoken)


def scan(folded: str, known: Container[str] = frozenset(), inserts: Sequence[Insert] = ()) -> NormalText:
    """Turn a folded text into words.

    Args:
        folded: A text as `fold` returns it, in which INSERT may stand.
        known: As for `normalize`.
        inserts: What to say at each INSERT.
    """
    scanner = _Scanner(folded, known, inserts)
    scanner.run()
    return NormalText(tuple(scanner.items), (), tuple(scanner.spans))


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position + 1


class _Scanner:
    """Walks through the text once; each step reads at least one character."""

    def __init__(self, text: str, known: Container[str], inserts: Sequence[Insert] = ()) -> None:
        self.text = text
        self.known = known
        self.inserts = iter(inserts)
        self.items: list[Item] = []
        self.spans: list[tuple[int, int]] = []  # of each item
        self.previous = ""  # the previous word as written, "" after a break
        self.quantity = (-1, -1)  # where the last quantity stands
        self.quoted = False  # inside '...'
        self.double = False  # inside "..."

    def run(self) -> None:
        position = 0
        while position < len(self.text):
            start, position = position, self._step(position)
            self.spans += [(start, position)] * (len(self.items) - len(self.spans))
        self._break(".")
        self.spans += [(position, position)] * (len(self.items) - len(self.spans))
        if self.items and isinstance(first := self.items[0], Break) and first.pause is None:
            del self.items[0], self.spans[0]

    def _step(self, position: int) -> int:
        character = self.text[position]
        if character.isspace():
            end = _end(_SPACE, self.text, position)
            if self.text.count("\n", position, end) > 1:
                self._break(".")
            return end
        if character == INSERT:
            insert = next(self.inserts)
            end = position + 1 + insert.length
            self._say(list(insert.items), self.text[position + 1 : end])
            return end
        if match := quantity(self.text, position):
            return self._quantity(position, *match)
        if character.isalpha():
            return self._word(position)
        if character == "'" and (elision := _ELISION.match(self.text, position)) and self._starts(position):
            self._say(words(elision[0], _ELISIONS[elision[0].lower()]), elision[0])
            return elision.end()
        if character in "/~" and (path := address(self.text, position)):
            self._say(path[1], self.text[position : path[0]])
            return path[0]
        return self._sign(position, character)

    # --- words -----------------------------------------------------------------------------------------

    def _quantity(self, position: int, end: int, items: list[Item]) -> int:
        self._say(items, self.text[position:end])
        self.quantity = (position, end)
        # The period of "p.m." belongs to the time, and may end the sentence as well.
        if self.text[end - 1] == "." and sentence_follows(self.text, end):
            self._break(".")
        return end

    def _word(self, position: int) -> int:
        if match := abbreviation(self.text, position, self.previous):
            end, items = match
            self._say(items, self.text[position:end].rstrip("."))
            if isinstance(items[-1], Break):
                self.previous = ""
            return end
        end = _end(WORD, self.text, position)
        word = self.text[position:end]
        rest = self.text[end : end + 40]
        mixed = self.text[max(0, position - 1) : position].isdigit() or rest[:1].isdigit()
        if rest[:1] == "^" and len(word) == 2 and word.islower():
            self._say(letters(word, word), word)  # mc^2
            return end
        items = (
            roman_numeral(word, self.previous, rest, self.known)
            or self._article(word, end)
            or plain_word(word, self.known, shouted=self._shouted(word, end), mixed=mixed, previous=self.previous)
        )
        self._say(items, word)
        return end

    def _article(self, word: str, end: int) -> list[Item] | None:
        """The article or the letter.

        A capital A within a sentence is the letter (plan A), unless the sentence is in capitals; an a in a formula too.
        """
        if word not in {"A", "a"}:
            return None
        if (_FORMULA if word == "a" else _MODEL).match(self.text, end):
            return [Spoken(word, "a", letter=True)]
        letter = word == "A" and self.previous and not self.previous.isupper() and not self._shouted(word, end)
        return [Spoken(word, "a", letter=bool(letter))]

    def _shouted(self, word: str, end: int) -> bool:
        """Whether known words in capitals next to a word, other than acronyms, show that its capitals mean nothing."""
        if not word.isupper():
            return False
        if word == "WHO" and (
            self.previous.lower() in _KNOWING or (not self.previous and _QUESTION.match(self.text, end))
        ):
            return True
        after = _NEXT_CAPITALS.match(self.text[end : end + 40])
        neighbors = [self.previous, after[1] if after else ""]
        return self.previous == "I" or any(
            len(n) > 1 and n.isupper() and n.lower() in self.known and n not in SPELLED and n not in READ
            for n in neighbors
        )

    def _say(self, items: list[Item], written: str) -> None:
        for item in items:
            if isinstance(item, Break):
                self._break(item.mark, item.pause)
            else:
                self.items.append(item)
        self.previous = written

    def _break(self, mark: str, pause: float | None = None) -> None:
        """End the phrase here; of consecutive marks the strongest counts, and their pauses add up."""
        if self.items and isinstance(last := self.items[-1], Break):
            pauses = [seconds for seconds in (last.pause, pause) if seconds is not None]
            stronger = mark if STRENGTH[mark] > STRENGTH[last.mark] else last.mark
            self.items[-1] = Break(stronger, sum(pauses) if pauses else None)
        else:
            self.items.append(Break(mark, pause))
        self.previous = ""

    # --- signs -----------------------------------------------------------------------------------------

    def _starts(self, position: int) -> bool:
        return position == 0 or not self.text[position - 1].isalnum()

    def _sign(self, position: int, character: str) -> int:
        text, after = self.text, self.text[position + 1 : position + 2]
        before = text[position - 1 : position] if position else ""
        if character == "<" and (heart := self._heart(position)):
            self._say(words("<3", heart), heart)
            return position + 2
        if sign := _SIGN.match(text, position):
            self._say(words(sign[0], SIGNS[sign[0].strip()]), "")
            return sign.end()
        if _DASH.match(text, position) or character == "-":
            return self._dash(position, before)
        if character == "." and _DOT_NAME.match(text, position) and (before.isalnum() or before in " \n/(\"'"):
            self._say(words(".", "dot"), "dot")
            return position + 1
        if character == "." and before.isalnum() and (after.islower() or after.isdigit()):
            self._say(words(".", "dot" if after.islower() else "point"), "")
            return position + 1
        if character == "." and text.startswith("...", position):
            return self._ellipsis(position)
        if character == "." and self._after_initial(position):
            return position + 1
        if character in STRENGTH:
            self._break(character)
            return position + 1
        if character in "'\"":
            self._quote(character, before, after)
            return position + 1
        if character in "()[]{}|":
            self._break(",")
            return position + 1
        self._symbol(character, before, after)
        return position + 1

    def _dash(self, position: int, before: str) -> int:
        """A dash between two quantities is "to"; a hyphen is nothing, and any other dash ends the phrase."""
        dash = _DASH.match(self.text, position)
        end = dash.end() if dash else position + 1
        start, last = self.quantity
        if _GRADE.match(self.text, position - 1) and position:
            self._say(words("-", "minus"), "minus")
        elif flag := self._flag(position):
            self._say([*words("-", "dash"), *letters(flag, flag)], flag)
            return position + 1 + len(flag)
        elif self._difference(position):
            self._say(words("-", "minus"), "minus")
        elif (last == position or before.isdigit()) and _UNTIL.match(self.text, end):
            model = last == position and start > 0 and (self.text[start - 1].isalpha() or self.text[start - 1] == "-")
            if dash or not model:  # A380-800
                self._say(words(self.text[position:end], "to"), "to")
        elif _VARIABLE.match(self.text, position) and not before.isalnum():
            self._say(words("-", "minus"), "minus")
        elif dash:
            self._break("-")
        return end

    def _flag(self, position: int) -> str:
        """The letters of a flag of a command (ls -la, use -v), or "": a word has to precede it."""
        match = _FLAG.match(self.text, position)
        if not match or not _WORD_BEFORE.search(self.text[max(0, position - 5) : position]):
            return ""
        flag = match[0][1:]
        word = flag in LITTLE_WORDS if len(flag) == 2 else flag in self.known
        return "" if word and len(flag) > 1 else flag

    def _difference(self, position: int) -> bool:
        """Whether a dash between spaces is a minus sign: x - 1, 5 - x."""
        match = _DIFFERENCE.match(self.text, position)
        last = self.items[-1] if self.items else None
        variable = len(self.previous) == 1 and self.previous.islower() and isinstance(last, Spoken) and last.letter
        start, end = self.quantity
        power = end == position - 1 and self.text[start] == "^"
        number = end == position - 1 and match is not None and match[0][-1].isalpha()
        return match is not None and self.text[position - 1 : position] == " " and (variable or number or power)

    def _heart(self, position: int) -> str:
        """What "<3" says as a heart, or "" if it compares with a number."""
        if not _HEART.match(self.text, position):
            return ""
        previous = self.previous.lower()
        last = len(previous) > 1 and previous not in _COMPARED and _LINE_END.match(self.text, position + 2)
        if last or not previous or previous == "heart":
            return "heart"
        return "love" if previous in {"i", "we", "u", "you", "they"} else ""

    def _after_initial(self, position: int) -> bool:
        """Whether the period belongs to an initial: "J. Smith" goes on, "plan B. The" does not."""
        before = self.text[max(0, position - 2) : position]
        single = before[-1:].isupper() and not before[:-1].isalnum()
        return (
            single and bool(_CAPITAL.match(self.text, position + 1)) and not sentence_follows(self.text, position + 1)
        )

    def _ellipsis(self, position: int) -> int:
        end = position
        while self.text.startswith(".", end):
            end += 1
        following = self.text[end : end + 20].lstrip(" \n\"'")
        self._break("," if following[:1].islower() else ".")
        return end

    def _quote(self, character: str, before: str, after: str) -> None:
        """A closing quotation mark ends a phrase, an opening one does not."""
        if character == '"':
            closing = self.double or (bool(before.strip()) and not after.strip())
            self.double = not closing
            if closing:
                self._break(",")
        elif not before.strip() or before in '([{"—-':
            self.quoted = bool(after.strip())
        elif self.quoted and not after.isalnum():
            self.quoted = False
            self._break(",")

    def _symbol(self, character: str, before: str, after: str) -> None:
        if character == "#" and after.isalnum():
            said = "number" if after.isdigit() else "hashtag"
        elif character == "^" and (after.isalnum() or after in "({["):
            said = "to the power of" if after else ""
        elif character == "*" and before.isalnum() and after.isalnum():
            said = "times" if before.isdigit() or after.isdigit() else ""
        elif character == "_" and before.isalnum() and after.isalnum():
            said = "underscore"
        elif character in CURRENCIES and after.isalpha():
            said = CURRENCIES[character][0]
        elif character == "~" and after.isdigit():
            said = "about"
        else:
            said = SYMBOLS.get(character, "")
        if said:
            self._say(words(character, said), said)
