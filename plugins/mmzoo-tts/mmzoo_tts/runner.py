"""The phonemizer and the speech head on exported graphs, without torch."""

from __future__ import annotations

import numpy as np

from mmzoo.interfaces import Exported, Runner
from mmzoo.interfaces.plans import solve
from mmzoo_tts.english import EnglishPronouncer
from mmzoo_tts.letter_pronouncer import LetterPronouncer
from mmzoo_tts.pronouncer import Pronouncer
from mmzoo_tts.speaker import Array, Speaker
from mmzoo_tts.spelling import END, PHONES_PER_LETTER, Reader


class Voice(Speaker, Runner):
    """Text to speech; see `mmzoo_tts.head.TextToSpeech`."""

    def __init__(self, exported: Exported) -> None:
        super().__init__(exported)
        settings = exported.settings
        self.voices, self.phones, self.dim = list(settings["voices"]), list(settings["phones"]), settings["dim"]
        self.num_steps, self.temperature = settings["num_steps"], settings["temperature"]
        self.plans, self.most_steps = settings["plans"], len(settings["plans"])
        self.phonemizer: Phonemes | LetterPhonemes | None = exported.models.get("phonemizer")
        self.tokenizer = exported.models["tokenizer"]

    @property
    def rate(self) -> float:
        """Latent frames per second."""
        return float(self.tokenizer.rate)

    @property
    def sample_rate(self) -> int:
        """Sample rate of the speech in Hz."""
        return int(self.tokenizer.sample_rate)

    def _read(self, phones: Array, voice: Array) -> tuple[Array, Array]:
        vectors, seconds = self.graphs["phones"](phones=phones[None], voice=voice)
        return vectors, seconds[0]

    def _sound(self, read: Array, ends: Array, noise: Array, voice: Array, steps: int) -> Array:
        text, prior = self.graphs["frames"](vectors=read, ends=ends[None], noise=noise[None], voice=voice)

        def predict(x: Array, time: Array) -> Array:
            return self.graphs["predict"](x=x, time=time[None], text=text, prior=prior, voice=voice)[0]

        latents = solve(self.plans, predict, noise[None], steps)
        samples: Array = self.tokenizer.reconstruct(self.tokenizer.quantize_latents(latents)).samples
        return samples


class _Lexicon(Pronouncer, Runner):
    """A phonemizer's lexicon and network."""

    def __init__(self, exported: Exported) -> None:
        super().__init__(exported)
        self.letters = Letters(exported)
        self.load_files(exported.folder)


class Phonemes(EnglishPronouncer, _Lexicon):
    """Text to a `Pronunciation`; see `mmzoo_tts.phonemizer.Phonemizer`."""


class LetterPhonemes(LetterPronouncer, _Lexicon):
    """Text to a `Pronunciation`; see `mmzoo_tts.letter_phonemizer.LetterPhonemizer`."""


class Letters(Reader):
    """The letter-to-sound network; see `mmzoo_tts.letters.LetterToSound`."""

    def __init__(self, exported: Exported) -> None:
        super().__init__(**exported.settings)
        self.graphs = exported.graphs

    def _greedy(self, letters: list[list[int]]) -> list[list[int]]:
        longest = max(map(len, letters))
        ids = np.array([row + [0] * (longest - len(row)) for row in letters], np.int64)
        most = PHONES_PER_LETTER * (ids > 0).sum(1)
        keys, values = self.graphs["read"](letters=ids)
        said = np.full((len(ids), 1), self.start, np.int64)
        for count in range(PHONES_PER_LETTER * longest):
            best = self.graphs["say"](letters=ids, keys=keys, values=values, said=said)[0].argmax(-1)
            best = best * (said[:, -1] != END) * (count < most)
            said = np.concatenate((said, best[:, None]), axis=1)
            if not best.any():
                break
        rows: list[list[int]] = said[:, 1:].tolist()
        return rows
