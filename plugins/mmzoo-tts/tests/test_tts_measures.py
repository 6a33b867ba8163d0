"""The evaluation of a text-to-speech model of several voices: with a model, judges and data that only pretend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from datasets import Dataset, DatasetDict
from mmzoo_tts import evaluate, measures
from mmzoo_tts.results import numbers

from mmzoo.data import DataGuess, encode_audio
from mmzoo.errors import DataError, InputError
from mmzoo.evaluation.heldout import HeldOut
from mmzoo.evaluation.speech import Heard, Panel
from mmzoo.interfaces import Audio

RATE = 24000
VOICES = {"ann": 180.0, "bob": 110.0, "cy": 140.0}
TEXTS = ["one two three", "four five", "six seven eight"]


def tone(text: str, hertz: float, rate: int = RATE) -> Audio:
    """A fifth of a second for each word; questions rise at the end."""
    time = np.arange(len(text.split()) * rate // 5) / rate
    pitch = hertz * 2 ** ((time - time[-1] + 0.3).clip(0) * (20 if text.endswith("?") else 0) / 12)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    return Audio((0.2 * sum(np.sin(k * phase) / k for k in range(1, 6))).astype(np.float32), rate)


class Speaker:
    """Speaks in tones, a little slower than its teacher, with a rise that is too small."""

    name, folder, num_steps = "speaker", None, 2
    phonemizer = SimpleNamespace(lexicon={}, set_lexicon=lambda lexicon: None)

    def __init__(self, *voices: str) -> None:
        self.voices = list(voices)
        self.asked: list[tuple[str, Any]] = []

    def __call__(self, text: str, **options: Any) -> Audio:
        self.asked.append((text, options.get("voice")))
        sound = tone(text.replace("?", ""), VOICES.get(str(options.get("voice")), 100.0))
        return Audio(np.concatenate([sound.samples, np.zeros(100, np.float32)]), RATE)

    def tokenizer(self, audio: Audio) -> Audio:
        return audio

    def speak_phones(self, phones: Sequence[str], durations: Any = None, *, voice: str) -> Audio:
        if "?" in phones:
            raise InputError("unknown phone")
        return tone("one", VOICES[voice])


class Ear:
    """Hears all words; the dull one none of the sounds that are not teachers'."""

    def __init__(self, name: str, texts: Mapping[int, str]) -> None:
        self.name, self.texts = name, texts

    def listen(self, sounds: Sequence[Audio], *, description: str = "") -> list[Heard]:
        return [Heard(self.texts.get(index, "") if self.name == "keen" else "", ()) for index, _ in enumerate(sounds)]

    def phones_in(self, phones: Sequence[str], phone_set: str | None) -> list[str]:
        return []

    def fit(self, sounds: Sequence[Audio], texts: Any, *, description: str = "") -> list[list[float]]:
        return [[] for _ in sounds]


class Rater:
    name = "rater"

    def rate(self, sounds: Sequence[Audio], *, description: str = "") -> list[dict[str, float]]:
        return [{"mos": sound.duration} for sound in sounds]


def spoken(voice: str, texts: Sequence[str], phones: Sequence[str] = ()) -> Dataset:
    rows = [
        {"id": str(i), "text": text, "speaker": voice, "phones": list(phones), "phone_ends_s": [0.1] * len(phones),
         "audio": {"bytes": encode_audio(tone(text, VOICES[voice])), "path": None}}
        for i, text in enumerate(texts)
    ]  # fmt: skip
    return Dataset.from_list(rows)


QUESTIONS = ["is it so late already?", "are you still up?"]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What the evaluation asks of others: `held` are its data, `teachers` the synthesizers that are installed."""
    state: dict[str, Any] = {"teachers": {"acme:ann": "ann", "acme:cy": "cy"}}

    def load(name: str, **config: Any) -> Mapping[str, Any]:
        if name == "spoken-texts" and config["voice"] in state["teachers"]:
            return {"test": spoken(state["teachers"][config["voice"]], config["texts"])}
        if name == "spoken-texts":
            raise DataError(f"{config['voice']} is not installed")
        words = [{"text": "please say rare again", "target": "rare"}]
        splits = {"unwritten": words, "test": [{"id": t, "text": t} for t in TEXTS]}
        return DatasetDict(
            {split: Dataset.from_list(rows) for split, rows in splits.items()}
            | {"questions": Dataset.from_dict({"text": QUESTIONS})}
        )

    def held_out(model: Any, data: Any, needed: Any, **sizes: int) -> HeldOut:
        if isinstance(state["held"], DataError):
            raise state["held"]
        return HeldOut((DataGuess("hums", {}, "hums"),), (state["held"],))

    texts = dict(enumerate(TEXTS))
    panel = Panel({"keen": Ear("keen", texts), "dull": Ear("dull", texts)}, {"rater": Rater()})
    for module in (evaluate, measures):
        monkeypatch.setattr(module, "load_dataset_component", load)
    monkeypatch.setattr(evaluate, "held_out", held_out)
    monkeypatch.setattr(evaluate, "teacher_of", lambda model, voice: f"acme:{voice}")
    monkeypatch.setattr(evaluate, "speed", lambda model: {"times_real_time": 9.0})
    monkeypatch.setattr(Panel, "of", lambda names: panel)
    yield state


def test_every_voice_is_compared_with_its_teacher(world: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    rows = [spoken("bob", TEXTS), spoken("ann", TEXTS)]
    world["held"] = {"test": Dataset.from_list([row for some in rows for row in some])}
    model = Speaker("ann", "bob", "cy")
    report = evaluate.evaluate_tts(model, samples=tmp_path)
    assert list(report["voices"]) == ["bob", "cy"]  # the data lack cy, but its synthesizer is known
    for part in (report, *report["voices"].values()):
        assert list(part["rows"]) == ["teacher", "codec", "tts"] and part["rows"]["tts"]["wer"] == 0
        assert part["rows"]["tts"]["listeners"]["dull"]["wer"] == 1
        assert part["differences"]["tts"]["ratings"]["mos"]["difference"] == pytest.approx(100 / RATE)
        assert part["prosody"]["log_f0_rmse"] < 0.01 and part["speaking_rate_ratio"] < 1
    asked = report["questions"]
    assert asked["questions"] == 2 and asked["teacher"]["mean"] == pytest.approx(20, abs=2)
    assert asked["tts"]["mean"] == pytest.approx(0, abs=1) and asked["tts_above_the_teacher"]["high"] < -15
    assert "questions" not in report["voices"]["bob"] and "acme:bob" in report["without"]["questions, bob"]
    assert report["unseen_words"]["words"] == 1 and set(report["steps"]) == {"sentences", "1", "2", "4", "8"}
    assert report["order"]["sentences"] == 3 and len(report["order"]["by"]["keen"]) == 9
    assert report["judge_control"] == {"note": "espeak:en-us is not installed"}
    assert {voice for _, voice in model.asked} == {"ann", "bob", "cy", None}
    assert (tmp_path / "1-teacher.ogg").is_file()
    shown = "\n".join(numbers({"task": "text-to-speech", **report}))
    for piece in ("| cy tts |", "| mos (95 %) |", "Order by keen", "| bob |"):
        assert piece in shown, piece


def test_phones_of_the_models_set_give_one_row_more(world: dict[str, Any]) -> None:
    for phones, rows in ((["a", "b"], ["teacher", "codec", "tts_true_durations", "tts"]),
                         (["a", "?"], ["teacher", "codec", "tts"])):  # fmt: skip
        world["held"] = {"test": spoken("ann", TEXTS, phones)}
        assert list(evaluate.evaluate_tts(Speaker("ann"), limit=2)["rows"]) == rows


def test_unseen_words_of_the_training_data_come_first(world: dict[str, Any]) -> None:
    own = spoken("ann", ["say odd again", "say few again"]).add_column("target", ["odd", "few"])
    world["held"] = {"test": spoken("ann", TEXTS), "unseen": own}
    assert evaluate.evaluate_tts(Speaker("ann"))["unseen_words"]["words"] == 2


def test_voices_that_nothing_says_are_refused(world: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    world["held"] = {"test": Dataset.from_list([*spoken("ann", TEXTS), *spoken("bob", TEXTS)])}
    monkeypatch.setattr(evaluate, "teacher_of", lambda model, voice: None)
    with pytest.raises(InputError, match=r"ann, bob.*dee.*--data"):
        evaluate.evaluate_tts(Speaker("dee", "eve"))
    world["held"] = {"test": spoken("ann", TEXTS)}
    report = evaluate.evaluate_tts(Speaker("own"))  # one speaker, one voice: they are the same
    assert report["protocol"]["voice"] == "own" and set(report["without"]) == {"unseen words", "questions, own"}


def test_a_language_that_no_listener_knows_is_refused(world: dict[str, Any]) -> None:
    world["held"] = {"test": spoken("ann", ["раз два три"])}
    with pytest.raises(InputError, match="'ru'"):
        evaluate.evaluate_tts(Speaker("ann"))


def test_without_the_teacher_only_tts_is_judged(world: dict[str, Any]) -> None:
    world["held"] = DataError("the synthesizer is not installed.")
    report = evaluate.evaluate_tts(Speaker("ann"))
    assert report["complete"] is False and "synthesizer is not installed" in report["protocol"]["note"]
    assert list(report["rows"]) == ["tts"] and "differences" not in report
