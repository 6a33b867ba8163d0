"""The phones of a voice are part of its config: the default set, sets of other languages, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mmzoo_tts.examples
import numpy as np
import pytest
from datasets import Dataset
from mmzoo_tts.examples import SpokenPhones
from mmzoo_tts.inventory import MARKED
from mmzoo_tts.text import PHONES

import mmzoo
from mmzoo.composition import save_model
from mmzoo.errors import ConfigError, DataError, InputError

SMALL: dict[str, Any] = {
    "head": {"width": 32, "prior_depth": 1},
    "text": {"width": 32, "depth": 1},
    "backbone": {
        "width": 32, "depth": 1, "heads": 2, "aligned_channels": {"text": 32, "prior": 36},
        "vector_channels": {"voice": 32},
    },
}  # fmt: skip
RUSSIAN = ["pau", "a", "a1", "ы", "щ"]


def voice(phones: list[str] | None = None, vocabulary: int | None = None, **slots: Any) -> Any:
    text = {**SMALL["text"], "vocabulary": vocabulary or len(phones or PHONES)}
    config = {**SMALL, "text": text, "head": {**SMALL["head"], "phones": phones}, **slots}
    return mmzoo.create("vqvae-dit-tts", pretrained=False, **config)


def test_a_voice_has_flites_phones_unless_it_says_otherwise() -> None:
    assert voice().phones == list(PHONES)
    assert mmzoo.create("vqvae-dit-tts").phones == list(MARKED)


def test_a_voice_with_phones_of_another_language_speaks_them_and_is_saved(tmp_path: Path) -> None:
    save_model(voice(RUSSIAN, phonemizer=None), tmp_path / "model", name="mine")
    tts = mmzoo.create(tmp_path / "model")
    assert tts.phones == RUSSIAN
    spoken = tts.speak_phones(["pau", "щ", "a1", "pau"], [0.1, 0.2, 0.2, 0.1])
    assert [segment.text for segment in spoken.segments] == ["pau", "щ", "a1", "pau"]
    assert spoken.duration == pytest.approx(0.6, abs=0.01)
    with pytest.raises(InputError, match="'aa'"):
        tts.speak_phones(["pau", "aa"])
    with pytest.raises(InputError, match="speak_phones"):
        tts("Hello.")
    made = [[segment.text for segment in tts.specimen(number).segments] for number in (0, 1, 0)]
    assert set(made[0]) <= set(RUSSIAN) and made[0] == made[2] != made[1]


def test_phones_beside_those_of_the_phonemizer_may_be_spoken_in_the_same_voice() -> None:
    tts = voice([*PHONES, "ы"])
    assert tts("Hello.").duration > 0.1
    assert tts.speak_phones(["pau", "ы", "pau"]).segments[1].text == "ы"


@pytest.mark.parametrize(
    ("phones", "vocabulary", "words"),
    [
        (["a", "pau"], 2, "pau"),
        ([], 1, "pau"),
        (["pau", "a", "a"], 3, "different"),
        (["pau", ""], 2, "different"),
        (RUSSIAN, 41, "41"),  # the text encoder has another number of symbols
    ],
)
def test_other_sets_are_refused(phones: list[str], vocabulary: int, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        voice(phones, vocabulary, phonemizer=None)


def test_a_phonemizer_of_other_phones_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"aa.*phonemizer"):
        voice(RUSSIAN)


def test_examples_have_the_ids_of_the_models_phones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = np.zeros((4, 1), np.int16)
    monkeypatch.setattr(mmzoo_tts.examples, "encoded_speech", lambda *_: (codes, np.array([0, 4])))
    tokenizer: Any = None
    rows = Dataset.from_dict({"phones": [["pau", "щ", "a1"]], "phone_ends_s": [[0.1, 0.2, 0.3]], "speaker": ["nsh"]})
    examples = SpokenPhones(rows, tokenizer, ["nsh"], RUSSIAN, tmp_path)
    assert examples.phones[0].tolist() == [0, 4, 2] and len(examples.labels) == 1
    with pytest.raises(DataError, match="'a1'"):
        SpokenPhones(rows, tokenizer, ["nsh"], ["pau", "щ"], tmp_path)
