"""A subset of SSML 1.1 (https://www.w3.org/TR/speech-synthesis11/) as spans; whatever it does not read, it refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from mmzoo.errors import InputError
from mmzoo_tts.text.ipa import phones_of_ipa
from mmzoo_tts.text.items import Break
from mmzoo_tts.text.markup import Said, Span, Text, parse_inline, pronounced, seconds
from mmzoo_tts.text.phones import parse_phones
from mmzoo_tts.text.say_as import say_as

LONGEST = 1_000_000  # characters
DEEPEST = 50

TAGS: Mapping[str, frozenset[str]] = {
    "speak": frozenset({"version", "xmlns", "xml:lang", "xmlns:xsi", "xsi:schemaLocation"}),
    "p": frozenset({"xml:lang"}),
    "s": frozenset({"xml:lang"}),
    "break": frozenset({"time", "strength"}),
    "say-as": frozenset({"interpret-as", "format"}),
    "phoneme": frozenset({"ph", "alphabet"}),
    "sub": frozenset({"alias"}),
    "prosody": frozenset({"rate"}),
}
"""The tags that are read, with their attributes."""
STRENGTHS = {"none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.7, "x-strong": 1.0}
"""Seconds of each strength of a break; without strength and time it is medium."""
SPEEDS = {"x-slow": 0.5, "slow": 0.75, "medium": 1.0, "default": 1.0, "fast": 1.5, "x-fast": 2.0}
ALPHABETS = ("arpabet", "cmu-arpabet", "ipa")

_REQUIRED = {"say-as": "interpret-as", "phoneme": "ph", "sub": "alias", "prosody": "rate"}
_TEXT_ONLY = frozenset({"say-as", "phoneme", "sub"})
_SSML = re.compile(r"\ufeff?\s*(?:<\?xml[^<>]*\?>\s*)?(?:<speak(?=[\s/>])|<!DOCTYPE\s+speak\b)")
_RATE = re.compile(r"([+-]?)(\d{1,6}(?:\.\d{1,6})?)(%?)")


def is_ssml(text: str) -> bool:
    """Whether a text begins with `<speak>`, perhaps after white space and an XML declaration."""
    return bool(_SSML.match(text))


def parse_ssml(text: str) -> list[Span]:
    """The spans of an SSML document.

    Raises:
        InputError: It is not well-formed, has a DOCTYPE, or has a tag, an attribute or a value that is not read.
    """
    if len(text) > LONGEST:
        raise InputError(f"The SSML has more than {LONGEST:,} characters; split it into several texts.")
    return _Reader().read(text)


@dataclass
class _Element:
    """An open element: its name, attributes, rate, place, and, if it holds text only, its text so far."""

    name: str
    attributes: Mapping[str, str]
    rate: float
    place: str
    text: list[str] = field(default_factory=list)


class _Reader:
    """Turns the events of the XML parser into spans."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.open: list[_Element] = []
        self.pending: list[str] = []  # text that is read with its neighbors, whatever pieces the parser gives it in
        self.skipped = ""  # white space before the document
        self.place = ""  # of what is being read, for errors
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._refuse_doctype
        self.parser.EntityDeclHandler = self._refuse_doctype
        self.parser.ProcessingInstructionHandler = self._refuse_instruction

    def read(self, text: str) -> list[Span]:
        document = text.removeprefix("\ufeff").lstrip()
        self.skipped = text[: len(text) - len(document)]
        try:
            self.parser.Parse(document, True)
        except expat.ExpatError as error:
            where = self._line_and_column(error.lineno, error.offset)
            raise InputError(
                f"The SSML is not well-formed XML in {where}: {expat.ErrorString(error.code)}; write & as &amp; and <"
                " as &lt;, and close every tag."
            ) from error
        except UnicodeEncodeError as error:
            raise InputError(f"The SSML has a character that is not valid at position {error.start}.") from error
        return self.spans

    # --- events ------------------------------------------------------------------------------------------

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._flush()
        self.place = self._here()
        self._check(name, attributes)
        rate = self.open[-1].rate if self.open else 1.0
        if name == "prosody":
            rate *= self._rate(attributes["rate"])
        self.open.append(_Element(name, attributes, rate, self.place))
        if name in ("p", "s"):
            self.spans.append(Break("."))

    def _end(self, name: str) -> None:
        self._flush()
        element = self.open.pop()
        self.place = element.place
        content = " ".join("".join(element.text).split())
        if name == "break":
            self.spans.append(Break(",", self._time(element.attributes)))
        elif name in ("p", "s"):
            self.spans.append(Break("."))
        elif name == "sub":
            alias = " ".join(element.attributes["alias"].split())
            self.spans.append(Text(alias, written=content or alias, rate=element.rate))
        elif name == "phoneme":
            self.spans.append(self._phoneme(content, element))
        elif name == "say-as":
            self.spans.append(self._say_as(content, element))

    def _characters(self, text: str) -> None:
        element = self.open[-1]
        if element.name == "break" and text.strip():
            raise self._error("break has text inside; write <break/>")
        (element.text if element.name in _TEXT_ONLY else self.pending).append(text)

    def _flush(self) -> None:
        """Read the text up to here; its line breaks are only spaces, as everywhere in XML."""
        if self.pending:
            self.spans += parse_inline(re.sub(r"\s+", " ", "".join(self.pending)), self.open[-1].rate)
            self.pending.clear()

    def _refuse_doctype(self, *_: object) -> None:
        self.place = self._here()
        raise self._error("a DOCTYPE or an entity declaration is not read; remove it")

    def _refuse_instruction(self, target: str, _: str) -> None:
        self.place = self._here()
        raise self._error(f"the processing instruction <?{target[:40]} is not read; remove it")

    # --- elements ----------------------------------------------------------------------------------------

    def _check(self, name: str, attributes: Mapping[str, str]) -> None:
        if name not in TAGS:
            raise self._error(f"there is no tag <{name[:40]}>; the tags are {', '.join(TAGS)}")
        if (name == "speak") != (not self.open) or (self.open and self.open[-1].name in (*_TEXT_ONLY, "break")):
            outer = f"inside {self.open[-1].name}" if self.open else "as the first tag"
            raise self._error(f"<{name}> cannot be {outer}")
        if len(self.open) >= DEEPEST:
            raise self._error(f"tags are nested more than {DEEPEST} deep")
        for attribute, value in attributes.items():
            if attribute not in TAGS[name]:
                known = ", ".join(sorted(TAGS[name]))
                raise self._error(f"<{name}> has no attribute {attribute[:40]}; its attributes are {known}")
            if attribute == "xml:lang" and value.lower().split("-")[0] != "en":
                raise self._error(f"the language is {value[:40]!r}, but this voice speaks en")
        if (required := _REQUIRED.get(name)) and required not in attributes:
            raise self._error(f"<{name}> needs the attribute {required}")

    def _time(self, attributes: Mapping[str, str]) -> float:
        if (strength := attributes.get("strength", "medium")) not in STRENGTHS:
            raise self._error(f"there is no strength {strength[:40]!r}; the strengths are {', '.join(STRENGTHS)}")
        if "time" not in attributes:
            return STRENGTHS[strength]
        return seconds(attributes["time"], self._where(f"<break time={attributes['time'][:40]!r}>"))

    def _rate(self, text: str) -> float:
        """A name, or a number: 1.5 and 150% set the rate, +50% and -50% change it."""
        if (rate := SPEEDS.get(text.strip())) is not None:
            return rate
        match = _RATE.fullmatch(text.strip())
        value = float(match[2]) / (100 if match[3] else 1) if match else 0.0
        if match and match[1] and match[3]:
            value = 1 + value if match[1] == "+" else 1 - value
        elif match and match[1] == "-":
            value = 0.0
        if value <= 0:
            raise self._error(
                f"there is no rate {text[:40]!r}; write a percentage above 0 such as 80% or +20%, or one of"
                f" {', '.join(SPEEDS)}"
            )
        return value

    def _phoneme(self, content: str, element: _Element) -> Span:
        said = element.attributes["ph"]
        alphabet = element.attributes.get("alphabet", ALPHABETS[0])
        if alphabet not in ALPHABETS:
            raise self._error(f"there is no alphabet {alphabet[:40]!r}; the alphabets are {', '.join(ALPHABETS)}")
        where = self._where(f"{(content or said)[:40]!r}")
        phones = phones_of_ipa(said, where) if alphabet == "ipa" else parse_phones(said, where)
        return pronounced(content or " ".join(said.split()), phones, element.rate)

    def _say_as(self, content: str, element: _Element) -> Span:
        kind, layout = element.attributes["interpret-as"], element.attributes.get("format")
        return Said(content, say_as(content, kind, layout, self._where), element.rate)

    # --- errors ------------------------------------------------------------------------------------------

    def _where(self, what: str) -> str:
        return f"{what} in {self.place} of the SSML"

    def _error(self, what: str) -> InputError:
        return InputError(f"In {self.place} of the SSML, {what}.")

    def _here(self) -> str:
        return self._line_and_column(self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber)

    def _line_and_column(self, line: int, column: int) -> str:
        if line == 1:
            column += len(self.skipped) - (self.skipped.rfind("\n") + 1)
        return f"line {line + self.skipped.count(chr(10))}, column {column + 1}"
