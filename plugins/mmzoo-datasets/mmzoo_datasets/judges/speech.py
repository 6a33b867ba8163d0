"""The judge `pocketsphinx`: a speech recognizer with its own English models, not trained on our voices.

Protocol: resampled to 16 kHz, peak at -3 dB, 0.3 s of silence on both sides, cepstral mean normalization over the whole
utterance (`cmn="batch"`, so that a score does not depend on earlier utterances). Two passes: words with the
bundled trigram language model, and phones with a phone language model only. Verdicts are cached by the sha256
of the samples, so that a sound is judged once.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import numpy as np

from mmzoo.data import resample
from mmzoo.evaluation.speech import Heard
from mmzoo.interfaces import Audio
from mmzoo_datasets.flite import PHONE_SET
from mmzoo_datasets.judges.verdicts import kept
from mmzoo_datasets.phone_map import ARPABET_OF, PAUSE
from mmzoo_datasets.processes import pool_of

SAMPLE_RATE = 16000
PADDING_S = 0.3
PEAK = 10 ** (-3 / 20)
NOT_SOUNDS = {"SIL", "+SPN+", "+NSN+"}
FILLERS = {"<s>", "</s>", "<sil>", "[NOISE]", "[SPEECH]"}


@lru_cache(maxsize=2)
def _decoder(kind: str) -> Any:
    import pocketsphinx

    if kind == "words":
        return pocketsphinx.Decoder(pocketsphinx.Config(cmn="batch", loglevel="FATAL"))
    if kind == "alignment":
        return pocketsphinx.Decoder(pocketsphinx.Config(cmn="batch", loglevel="FATAL", lm=None, bestpath=False))
    model = pocketsphinx.get_model_path("en-us/en-us-phone.lm.bin")
    settings = {"allphone": model, "lw": 2.0, "beam": 1e-20, "pbeam": 1e-20, "lm": None}
    return pocketsphinx.Decoder(pocketsphinx.Config(cmn="batch", loglevel="FATAL", **settings))


def decode(decoder: Any, data: bytes) -> Any:
    decoder.start_utt()
    decoder.process_raw(data, no_search=False, full_utt=True)
    decoder.end_utt()
    return decoder


def _judge(data: bytes) -> Heard:
    hypothesis = decode(_decoder("words"), data).hyp()
    phones = decode(_decoder("phones"), data).seg()
    sounds = tuple(s.word for s in phones or () if s.word not in NOT_SOUNDS)
    return Heard(hypothesis.hypstr if hypothesis else "", sounds)


def prepare(audio: Audio) -> bytes:
    """A sound as the recognizer takes it: 16-bit samples at 16 kHz, at one level and with silence on both sides."""
    samples = resample(audio.samples, audio.sample_rate, SAMPLE_RATE)
    peak = float(np.abs(samples).max(initial=0.0))
    if peak > 0:
        samples = samples * (PEAK / peak)
    silence = np.zeros(int(PADDING_S * SAMPLE_RATE), np.float32)
    padded = np.concatenate((silence, samples, silence))
    return bytes((padded * 32767).astype("<i2").tobytes())


class PocketSphinx:
    """Transcribes words and phones, and scores how well a known text fits its sound."""

    @property
    def name(self) -> str:
        """The judge and its version, as reported with every number."""
        return f"pocketsphinx {version('pocketsphinx')}, bundled en-us model"

    def phones_in(self, phones: Sequence[str], phone_set: str | None) -> list[str]:
        """Phones as `listen` spells them, without pauses; empty for an unknown phone set."""
        return [ARPABET_OF.get(p, p.upper()) for p in phones if p != PAUSE] if phone_set == PHONE_SET else []

    def listen(
        self, sounds: Sequence[Audio], *, description: str = "listening", processes: int | None = None
    ) -> list[Heard]:
        """Transcribe every sound; earlier verdicts come from the cache."""
        data = [prepare(sound) for sound in sounds]

        def judged(todo: list[int]) -> Iterator[dict[str, Any]]:
            workers = min(len(todo), processes or os.cpu_count() or 1)
            if workers == 1:
                yield from (asdict(_judge(data[index])) for index in todo)
                return
            with pool_of(workers) as pool:
                yield from map(asdict, pool.map(_judge, [data[index] for index in todo], chunksize=4))

        verdicts = kept(self.name.split(",")[0], data, judged, description)
        return [Heard(verdict["words"], tuple(verdict["phones"])) for verdict in verdicts]

    def fit(
        self, sounds: Sequence[Audio], texts: Sequence[Sequence[str]], *, description: str = "aligning"
    ) -> list[list[float]]:
        """How well each word of a known text fits its sound: mean frame scores of a forced alignment, at most 0.

        A frame's score is relative to the best state at that frame (in 1/1024 nat), so that scores of different words
        are comparable. A text that cannot be aligned gives -inf for every word; one with a word that the recognizer's
        dictionary lacks gives an empty list.
        """
        from tqdm import tqdm

        decoder = _decoder("alignment")
        fits: list[list[float]] = []
        pairs = zip(sounds, texts, strict=True)
        for sound, words in tqdm(pairs, total=len(sounds), desc=description, unit="sound", disable=None, leave=False):
            try:
                decoder.set_align_text(" ".join(words))
            except RuntimeError:
                fits.append([])
                continue
            segments = [s for s in decode(decoder, prepare(sound)).seg() or () if s.word not in FILLERS]
            scores = [1024 * math.log(max(s.ascore, 1e-300)) / (s.end_frame - s.start_frame + 1) for s in segments]
            fits.append(scores if len(scores) == len(words) else [-math.inf] * len(words))
        return fits
