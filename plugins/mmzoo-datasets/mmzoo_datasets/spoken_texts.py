"""Given texts, spoken by one voice of any synthesizer."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from mmzoo_datasets.teachers import NEURAL, check_teacher, speak_part, speaker_name
from mmzoo_datasets.voices import check_voice, speak

if TYPE_CHECKING:
    from datasets import DatasetDict


def speak_all(texts: Sequence[str], voice: str) -> list[dict[str, Any]]:
    """The spoken texts as cells of an audio column; neural voices (`mmzoo_datasets.teachers`) speak at 24 kHz."""
    if voice.partition(":")[0] in NEURAL:
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
