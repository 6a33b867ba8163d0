"""Voices of all synthesizers by name: `flite:slt`, `flite:slt@0.6` (lower pitch), `espeak:en-us+f3`, `hibari:heart`."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from mmzoo.data import encode_audio
from mmzoo.errors import ConfigError
from mmzoo_datasets import espeak, flite
from mmzoo_datasets.teachers import TEACHERS, check_teacher, speak_part, speaker_name

if TYPE_CHECKING:
    from datasets import DatasetDict


def check_voice(voice: str) -> None:
    """ConfigError for a voice that is neither `flite:NAME` nor `espeak:NAME`, DataError without its program."""
    kind, name, _ = _parts(voice)
    if kind == "flite":
        flite.check_voice(name)
        flite.flite_program()
    else:
        espeak.espeak_program()


def speak(text: str, voice: str, rate: float = 1.0) -> tuple[bytes, flite.Spoken | None]:
    """A 16 kHz WAV file of the text at `rate` times the usual speed, and phones with times if the voice is flite's."""
    kind, name, pitch = _parts(voice)
    if kind == "flite":
        spoken = flite.speak(text, name, rate, pitch)
        return spoken.wav, spoken
    return encode_audio(espeak.speak(text, name, rate)), None


def speak_all(texts: Sequence[str], voice: str) -> list[dict[str, Any]]:
    """The spoken texts as cells of an audio column; neural voices (`mmzoo_datasets.teachers`) speak at 24 kHz."""
    if voice.partition(":")[0] in TEACHERS:
        check_teacher(voice)
        return [{"bytes": wav, "path": None} for wav in speak_part(voice, 0, texts)]
    check_voice(voice)
    with ThreadPoolExecutor() as pool:
        return [{"bytes": wav, "path": None} for wav, _ in pool.map(lambda text: speak(text, voice), texts)]


def spoken_texts(*, texts: Sequence[str], voice: str) -> DatasetDict:
    """The dataset `spoken-texts`: one split `test` of the given texts, spoken; columns id, text, audio and speaker.

    Args:
        texts: What to say.
        voice: Such as `flite:slt`, `espeak:en-us` or `hibari:heart`.

    Raises:
        ConfigError: The voice is unknown.
        DataError: Its synthesizer is missing.
    """
    from datasets import Dataset, DatasetDict

    columns = {
        "id": [f"test-{i:05d}" for i in range(len(texts))],
        "text": list(texts),
        "audio": speak_all(texts, voice),
        "speaker": [speaker_name(voice)] * len(texts),
    }
    return DatasetDict({"test": Dataset.from_dict(columns)})


def _parts(voice: str) -> tuple[str, str, float]:
    """Synthesizer, its name for the voice, and the relative pitch (flite only)."""
    kind, _, name = voice.partition(":")
    if kind == "espeak" and name:
        return kind, name, 1.0
    name, at, pitch = name.partition("@")
    try:
        factor = float(pitch) if at else 1.0
    except ValueError:
        factor = 0.0
    if kind != "flite" or not name or not 0.25 <= factor <= 4:
        raise ConfigError(
            f"{voice!r} is not a voice; use flite:NAME, flite:NAME@PITCH with a relative pitch of 0.25 to 4, or"
            " espeak:NAME, such as flite:slt.",
            path="voices",
        )
    return kind, name, factor
