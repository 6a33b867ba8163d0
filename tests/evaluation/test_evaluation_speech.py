"""What several judges make of speech: figures, differences, the order of rows, and their tables."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import soundfile
from datasets import Dataset

from mmzoo.errors import InputError
from mmzoo.evaluation import speech
from mmzoo.evaluation.runner import tidy
from mmzoo.evaluation.sound import final_slope, prosody
from mmzoo.evaluation.speech import Heard, Panel, Sentence, by_speaker, compare, order, protocol
from mmzoo.evaluation.tables import ratings_table, recognition_results, recognition_table
from mmzoo.evaluation.words import ErrorRate, Scores, difference, interval
from mmzoo.interfaces import Audio

TEXTS = ["one two three four", "five six", "seven eight nine", "ten eleven"] * 10


class Ear:
    """Hears every word of loud sounds, and without its last word every sound that is softer than it likes."""

    def __init__(self, softest: float, phones: bool = False) -> None:
        self.name, self.softest, self.phones = f"ear {softest}", softest, phones

    def listen(self, sounds: Sequence[Audio], *, description: str = "") -> list[Heard]:
        heard = []
        for index, sound in enumerate(sounds):
            words = TEXTS[index].split()[: None if sound.samples[0] >= self.softest or index % 2 else -1]
            heard.append(Heard(" ".join(words), tuple(" ".join(words)) if self.phones else ()))
        return heard

    def phones_in(self, phones: Sequence[str], phone_set: str | None) -> list[str]:
        return list(phones) if self.phones else []

    def fit(
        self, sounds: Sequence[Audio], texts: Sequence[Sequence[str]], *, description: str = ""
    ) -> list[list[float]]:
        return [
            [-1.0 / sound.samples[0]] * len(words) if self.phones else []
            for sound, words in zip(sounds, texts, strict=True)
        ]


class Rater:
    name = "rater 1"

    def rate(self, sounds: Sequence[Audio], *, description: str = "") -> list[dict[str, float]]:
        return [{"mos": 1 + 4 * float(sound.samples[0]), "noise": 3.0} for sound in sounds]


def sounds(level: float) -> list[Audio]:
    return [Audio(np.full(1600, level, np.float32), 16000) for _ in TEXTS]


def sentences() -> list[Sentence]:
    return [
        Sentence(str(i), t, s, tuple(t), (), "letters", "")
        for i, (t, s) in enumerate(zip(TEXTS, sounds(0.9), strict=True))
    ]


PANEL = Panel({"keen": Ear(0.3), "dull": Ear(0.6, phones=True)}, {"critic": Rater()})


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    rows = {name: PANEL.judge(sentences(), sounds(level), name) for name, level in (("teacher", 0.9), ("tts", 0.5))}
    return dict(
        tidy(
            {
                "protocol": protocol(PANEL, sentences(), "numbers"),
                "rows": {name: row.table() for name, row in rows.items()},
                "differences": compare(rows, "teacher"),
                "order": order(rows),
            }
        )
    )


def test_the_first_listener_leads_and_all_others_are_named(report: dict[str, Any]) -> None:
    tts = report["rows"]["tts"]
    assert tts["wer"] == 0 and "per" not in tts  # the keen listener hears all of it, and knows no phones
    dull = tts["listeners"]["dull"]
    assert dull["wer"] == round(20 / 110, 4) == dull["words_skipped"] and dull["per"] > 0
    assert dull["wer_low"] < dull["wer"] < dull["wer_high"]
    change = report["differences"]["tts"]
    assert change["wer"]["difference"] == 0 and change["listeners"]["dull"]["wer"]["difference"] == dull["wer"]
    assert change["listeners"]["dull"]["words_garbled"] == 1  # each word fits worse than the teacher's
    assert report["protocol"]["judges"] == {"keen": "ear 0.3", "dull": "ear 0.6", "critic": "rater 1"}


def test_ratings_are_means_with_intervals(report: dict[str, Any]) -> None:
    assert report["rows"]["tts"]["ratings"]["mos"] == {"mean": 3.0, "low": 3.0, "high": 3.0}
    assert report["differences"]["tts"]["ratings"]["mos"]["difference"] == -1.6


def test_only_those_who_know_a_language_listen_to_it() -> None:
    asked: list[str] = []

    class Polyglot(Ear):
        languages = ("en", "ru")

        def listen(self, sounds: Sequence[Audio], *, description: str = "", language: str = "en") -> list[Heard]:
            asked.append(language)
            return [Heard("Съешь ещё этих мягких булок", ()) for _ in sounds]

    russian = [replace(s, text="Съешь еще этих мягких французских булок!") for s in sentences()]
    panel = Panel({"dull": Ear(0.6), "polyglot": Polyglot(0.1)}, {"critic": Rater()})
    judged = panel.judge(russian, sounds(0.9), "row")
    assert list(judged.heard) == ["polyglot"] and asked == ["ru"]
    assert judged.table()["words_skipped"] == pytest.approx(1 / 6) and judged.table()["words_substituted"] == 0
    assert PANEL.judge(russian, sounds(0.9), "row").table().keys() == {"ratings"}
    assert list(panel.judge(sentences(), sounds(0.9), "row").heard) == ["dull", "polyglot"] and asked == ["ru", "en"]


def test_the_order_of_rows_by_each_listener(report: dict[str, Any]) -> None:
    assert report["order"]["by"]["dull"] == ["teacher", "tts"] and report["order"]["pairs"] == 1
    assert report["order"]["alike"] == 1 and report["order"]["contradicted"] == 0

    class Backwards(Ear):
        def listen(self, sounds: Sequence[Audio], *, description: str = "") -> list[Heard]:
            return [
                Heard("" if sound.samples[0] > 0.5 else text, ()) for sound, text in zip(sounds, TEXTS, strict=True)
            ]

    panel = Panel({"dull": Ear(0.6), "backwards": Backwards(0.5)}, {})
    rows = {name: panel.judge(sentences(), sounds(level), name) for name, level in (("loud", 0.9), ("soft", 0.5))}
    assert order(rows) == {
        "by": {"dull": ["loud", "soft"], "backwards": ["soft", "loud"]}, "pairs": 1, "alike": 0, "contradicted": 1,
    }  # fmt: skip
    assert order({"loud": rows["loud"]}).keys() == {"by"}


def test_pooled_rows_and_first_sentences_count_as_if_judged_so() -> None:
    loud, soft = (PANEL.judge(sentences(), sounds(level), "row") for level in (0.9, 0.5))
    both = speech.Judged.pooled([loud, soft])
    assert both.heard["dull"].words.rate == pytest.approx(10 / 110)
    assert both.ratings["mos"].rate == pytest.approx((loud.ratings["mos"].rate + soft.ratings["mos"].rate) / 2)
    assert both.first(len(TEXTS)).table() == loud.table()


def test_tables_have_a_column_for_each_judge_and_rows_for_each_voice(report: dict[str, Any]) -> None:
    voices = {"joe": {"rows": report["rows"], "differences": report["differences"]}}
    shown = recognition_table(report | {"voices": voices})
    assert shown.splitlines()[2].startswith("| teacher | 0.0 (0.0 to 0.0) |")
    assert "| joe tts |" in shown and "dull: WER %" in shown and "+18.2 (" in shown
    assert "| PER % |" not in shown and "dull: PER %" in shown  # nobody's column is empty
    rated = ratings_table(report)
    assert "| tts | 3.00 (3.00 to 3.00) | -1.60 (-1.60 to -1.60) |" in rated and "noise" in rated
    assert recognition_results(report).count("\n\n") == 2
    assert recognition_results({}) == "" == ratings_table({"rows": {"tts": {"wer": 0.5}}})


def test_a_panel_needs_someone_who_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    known: dict[str, Any] = {"ear": Ear(0.1), "critic": Rater()}
    monkeypatch.setattr(speech, "load_judge", known.__getitem__)
    monkeypatch.setattr(speech, "judge_label", lambda name: name)
    panel = Panel.of(["critic", "ear"])
    assert panel.lead is known["ear"] and list(panel.raters) == ["critic"]
    for names in (["critic"], []):
        with pytest.raises(InputError):
            Panel.of(names)


def test_scores_of_two_raters_with_one_name_are_told_apart() -> None:
    assert list(Panel({}, {"a": Rater(), "b": Rater()}).rate(sounds(0.5), "row")) == [
        "mos", "noise", "mos_b", "noise_b",
    ]  # fmt: skip


def rows_of(*speakers: str | None) -> Any:
    file = io.BytesIO()
    soundfile.write(file, np.full(100, 0.1), 16000, format="WAV")
    audio = [{"bytes": file.getvalue(), "path": None}] * len(speakers)
    return Dataset.from_dict(
        {"text": [f"{s} {i}" for i, s in enumerate(speakers)], "audio": audio, "speaker": speakers}
    )


def test_sentences_are_grouped_by_speaker_over_all_data() -> None:
    tables = [rows_of("ann", "bob", "ann", "bob"), rows_of("bob", "ann", None)]
    found = by_speaker(tables, 3, 1)
    assert {name: [s.text for s in some] for name, some in found.items()} == {
        "ann": ["ann 0", "ann 2", "ann 1"], "bob": ["bob 1"], "": ["None 2"],
    }  # fmt: skip
    assert [len(some) for some in by_speaker(tables, 3, 1, main="bob").values()] == [1, 3, 1]
    assert [len(some) for some in by_speaker(tables, 2, 1, main="nobody").values()] == [2, 1, 1]


def test_intervals_of_scores_are_those_of_their_mean() -> None:
    generator = np.random.default_rng(0)
    base = Scores(generator.normal(4, 0.5, 400))
    found = interval(base)
    assert found["rate"] == pytest.approx(base.values.mean())
    assert found["high"] - found["low"] == pytest.approx(2 * 1.96 * 0.5 / 20, rel=0.15)
    # A paired difference knows more than two intervals: what is common to both rows cancels.
    gap = difference(Scores(base.values - 0.1), base)
    assert gap["low"] == pytest.approx(-0.1) == pytest.approx(gap["high"])
    ones = ErrorRate(np.array([[1, 0, 0, 2], [0, 0, 0, 2]] * 100))
    assert interval(ones)["rate"] == 0.25 and 0.19 < interval(ones)["low"] < 0.25 < interval(ones)["high"] < 0.31


def gliding(start: float, semitones_per_second: float, rate: int = 24000, tail_s: float = 0.2) -> Audio:
    time = np.arange(rate) / rate
    pitch = start * 2 ** (semitones_per_second * np.maximum(0, time - 0.5) / 12)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    wave = sum(np.sin(k * phase) / k for k in range(1, 8))
    return Audio(np.concatenate([0.2 * wave, np.zeros(int(tail_s * rate))]).astype(np.float32), rate)


@pytest.mark.parametrize("slope", [-20, 0, 15, 30])
@pytest.mark.parametrize("rate", [16000, 24000])
def test_the_pitch_at_the_end_of_an_utterance(slope: float, rate: int) -> None:
    assert final_slope(gliding(140, slope, rate)) == pytest.approx(slope, abs=1.5)


def test_silence_has_no_pitch_at_its_end() -> None:
    assert np.isnan(final_slope(Audio(np.zeros(24000, np.float32), 24000)))


def test_prosody_compares_sounds_of_different_rates() -> None:
    same = prosody(gliding(140, 5, 24000), gliding(140, 5, 16000))
    other = prosody(gliding(140, 5, 24000), gliding(150, 5, 16000))
    assert same["log_f0_rmse"] < 0.01 < 0.05 < other["log_f0_rmse"] and same["mcd_mfcc13"] < other["mcd_mfcc13"]
