"""The dataset `spoken-texts`: given texts, spoken by a voice of any synthesizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mmzoo_datasets import voices
from mmzoo_datasets.teachers import check_teacher, speak_part, speaker_name

if TYPE_CHECKING:
    from datasets import DatasetDict

AT_16_KHZ = ("flite", "espeak")
"""Synthesizers whose sounds are kept as they are, without the silence that corpora have."""


def spoken_texts(*, texts: Sequence[str], voice: str) -> DatasetDict:
    """One split `test` of the given texts, spoken; columns id, text, audio and speaker.

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


def speak_all(texts: Sequence[str], voice: str) -> list[dict[str, Any]]:
    """The spoken texts as cells of an audio column; neural voices speak at 24 kHz."""
    if voice.partition(":")[0] in AT_16_KHZ:
        return voices.speak_all(texts, voice)
    check_teacher(voice)
    return [{"bytes": wav, "path": None} for wav in speak_part(voice, 0, texts)]
