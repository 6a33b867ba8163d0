"""Phone times of speech with a known text: forced alignment by pocketsphinx, with its phones mapped to ours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmzoo.data import resample
from mmzoo.errors import DataError
from mmzoo.interfaces import Audio
from mmzoo_datasets.phone_map import ARPABET_OF, PAUSE, SILENCES, to_flite

RATE = 16_000
FRAME_S = 0.010
CENTRE_S = 0.0128 - FRAME_S / 2
"""A frame's window is 25.6 ms long and starts at the frame's time, so the boundary between two frames lies here."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """Phones with times.

    Args:
        phones: In flite's set, pauses included.
        ends_s: End of each phone in seconds; the last is the end of the audio.
    """

    phones: tuple[str, ...]
    ends_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """A word of a text as it is said.

    Args:
        word: Its spelling, without spaces.
        phones: Its phones in flite's set; empty for a word that the recognizer's dictionary has.
    """

    word: str
    phones: tuple[str, ...] = ()


class CannotAlign(DataError):  # noqa: N818 - not a fault: the row is left out and counted
    """This text does not fit this audio, or has words without a pronunciation."""


class Aligner:
    """Forced alignment with the acoustic model and dictionary of the installed pocketsphinx."""

    def __init__(self) -> None:
        try:
            from pocketsphinx import Config, Decoder, get_model_path
        except ImportError as error:
            raise DataError(
                "pocketsphinx, which finds the phone times, is not installed; run: pip install pocketsphinx"
            ) from error
        # The best-path search over the lattice may give a phone fewer frames than it has states, so it is off.
        self._phones: dict[str, tuple[str, ...]] = {}
        self._decoder: Any = Decoder(
            Config(
                hmm=get_model_path("en-us/en-us"),
                dict=get_model_path("en-us/cmudict-en-us.dict"),
                lm=None,
                cmn="batch",
                bestpath=False,
                loglevel="FATAL",
            )
        )

    def words(self, text: str) -> list[str]:
        """The words of a text as the dictionary spells them; unknown compounds are split.

        Raises:
            CannotAlign: The text has digits, no words, or a word without a pronunciation.
        """
        if re.search(r"[0-9]", text):
            raise CannotAlign(f"The text {text[:60]!r} has digits; alignment needs numbers in words.")
        words: list[str] = []
        plain = text.lower().replace("’", "'")
        for token in re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*'?", plain):
            words += self._known(token)
        if not words:
            raise CannotAlign(f"The text {text[:60]!r} has no words.")
        return words

    def _known(self, token: str) -> list[str]:
        for form in (token, token.strip("'")):
            if self._pronunciation(form) is not None:
                return [form]
        stem = token.strip("'").removesuffix("'s")
        if stem != token and (phones := self._pronunciation(stem)) is not None:
            sibilant, voiceless = (
                phones[-1] in {"S", "Z", "SH", "ZH", "CH", "JH"},
                phones[-1] in {"P", "T", "K", "F", "TH"},
            )
            ending = ["AH", "Z"] if sibilant else ["S"] if voiceless else ["Z"]
            self._decoder.add_word(token, " ".join([*phones, *ending]), True)
            return [token]
        for cut in sorted(range(3, len(token) - 2), key=lambda cut: abs(2 * cut - len(token))):
            if all(self._pronunciation(part) is not None for part in (token[:cut], token[cut:])):
                return [token[:cut], token[cut:]]
        raise CannotAlign(f"The word {token!r} is not in the recognizer's dictionary.")

    def _pronunciation(self, word: str) -> list[str] | None:
        phones = self._decoder.lookup_word(word) if word else None
        return None if phones is None else list(phones.split())

    def _added(self, said: Said) -> str:
        """The name of a word in the dictionary, where it is added if necessary."""
        if not said.phones or self._pronunciation(said.word) is not None:
            return said.word
        name = "~".join((said.word, *said.phones))
        if name not in self._phones:
            if strange := [phone for phone in said.phones if phone not in ARPABET_OF]:
                raise CannotAlign(f"The phone {strange[0]!r} of the word {said.word!r} is not in flite's set.")
            self._decoder.add_word(name, " ".join(ARPABET_OF[phone] for phone in said.phones), True)
            self._phones[name] = said.phones
        return name

    def align(self, audio: Audio, text: str, said: Sequence[Said] | None = None) -> Alignment:
        """Phones of the text with their times in the audio.

        Args:
            audio: The speech.
            text: What is said.
            said: The words of the text, if it has some that the recognizer's dictionary lacks.

        Raises:
            CannotAlign: The text does not match the audio, or cannot be pronounced.
        """
        words = self.words(text) if said is None else [self._added(word) for word in said]
        if not words:
            raise CannotAlign(f"The text {text[:60]!r} has no words.")
        samples = np.clip(resample(audio.samples, audio.sample_rate, RATE), -1, 1)
        raw = (samples * 32767).astype(np.int16).tobytes()
        try:
            self._decoder.set_align_text(" ".join(words))
            self._process(raw)
            if self._decoder.hyp() is None:
                raise CannotAlign(f"The recognizer cannot find the text {text[:60]!r} in its audio.")
            self._decoder.set_alignment()
            self._process(raw)
            aligned = [
                (word.name, [(p.name, p.start + p.duration) for p in word]) for word in self._decoder.get_alignment()
            ]
        except RuntimeError as error:
            raise CannotAlign(f"The recognizer cannot align the text {text[:60]!r}: {error}.") from error
        return self._joined(aligned, audio.duration)

    def _process(self, raw: bytes) -> None:
        self._decoder.start_stream()  # forget the noise of the file before, so that the order of files has no effect
        self._decoder.start_utt()
        self._decoder.process_raw(raw, full_utt=True)
        self._decoder.end_utt()

    def _joined(self, words: list[tuple[str, list[tuple[str, int]]]], duration: float) -> Alignment:
        """One sequence of phones from words with their phones' last frames; adjacent silences become one pause."""
        phones: list[str] = []
        ends: list[float] = []
        for word, parts in words:
            names = [name for name, _ in parts]
            silent = all(name in SILENCES for name in names)
            mapped = [PAUSE] * len(names) if silent else self._mapped(names, re.sub(r"\(\d+\)$", "", word))
            for phone, (_, frame) in zip(mapped, parts, strict=True):
                end = min(frame * FRAME_S + CENTRE_S, duration)
                if phone == PAUSE and phones and phones[-1] == PAUSE:
                    ends[-1] = end
                else:
                    phones.append(phone)
                    ends.append(end)
        ends[-1] = duration
        if any(later <= earlier for earlier, later in zip((0.0, *ends), ends, strict=False)):
            raise CannotAlign("The audio ends before its text.")
        return Alignment(tuple(phones), tuple(ends))

    def _mapped(self, names: list[str], word: str) -> Sequence[str]:
        """The phones of a word in flite's set: those it was added with, or the dictionary's."""
        own = self._phones.get(word, ())
        return own if len(own) == len(names) else to_flite(names, word)
