"""The judges: what they count as an error, and how well they read and hear what is true."""

import random
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from mmzoo_datasets import flite
from mmzoo_datasets.digits import handwritten, split_indices
from mmzoo_datasets.judges.digits import DigitReader
from mmzoo_datasets.judges.scenes import ATTRIBUTES, attribute_errors
from mmzoo_datasets.judges.speech import prepare
from mmzoo_datasets.judges.verdicts import kept
from mmzoo_datasets.scenes.draw import draw
from mmzoo_datasets.scenes.reader import read
from mmzoo_datasets.scenes.world import Scene, random_scene

from mmzoo.data import decode_audio
from mmzoo.errors import MissingDependencyError
from mmzoo.evaluation.judges import load_judge
from mmzoo.evaluation.sound import intelligibility
from mmzoo.evaluation.words import ErrorRate, plain
from mmzoo.interfaces import Audio, Image


def scene(count=2, seed=0):
    return random_scene(random.Random(seed), things=count, held_out=False)


def rates(shown, seen):
    return {name: found.rate for name, found in attribute_errors([shown], [seen]).items()}


def test_every_attribute_is_counted_by_itself():
    shown = scene()
    first, second = shown.things
    assert rates(shown, shown) == dict.fromkeys(ATTRIBUTES, 0)
    other = {"colour": "red" if first.colour != "red" else "blue", "shape": "ring" if first.shape != "ring" else "star"}
    for name, value in other.items():
        found = rates(shown, replace(shown, things=(replace(first, **{name: value}), second)))
        assert found == dict.fromkeys(ATTRIBUTES, 0) | {name: 0.5}
    assert rates(shown, replace(shown, background="none"))["background"] == 1
    missing = rates(shown, replace(shown, things=(second,)))
    assert missing == {"background": 0, "position": 0.5, "colour": 0.5, "shape": 0.5, "size": 0.5}
    free = next(cell for cell in range(9) if cell not in (first.cell, second.cell))
    extra = rates(shown, replace(shown, things=(*shown.things, replace(first, cell=free))))
    assert extra == dict.fromkeys(ATTRIBUTES, 0) | {"position": 0.5}
    assert rates(shown, Scene(shown.background, ()))["shape"] == 1


def test_true_scenes_are_read_right():
    shown = [scene(1 + seed % 3, seed) for seed in range(60)]
    found = attribute_errors(shown, [read(draw(one)) for one in shown])
    assert max(rate.rate for rate in found.values()) <= 0.01


def test_true_digits_are_read_right_at_any_size():
    pytest.importorskip("sklearn")
    pixels, digits = handwritten()
    chosen = split_indices("test")

    def shown(scale):
        return [
            Image(np.repeat(np.kron(np.round(p * 255), np.ones((scale, scale))).astype(np.uint8)[..., None], 3, 2))
            for p in pixels[chosen]
        ]

    reader = DigitReader()
    for scale in (1, 4):
        right = np.mean(
            [int(found) == true for found, true in zip(reader.read(shown(scale)), digits[chosen], strict=True)]
        )
        assert right > 0.97


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_speech_is_heard_better_than_noisy_speech_and_that_better_than_noise(tmp_path):
    pytest.importorskip("pocketsphinx")
    pytest.importorskip("pystoi")
    text = "The old man and the young woman walked home together."
    subprocess.run(["flite", "-voice", "slt", "-t", text, "-o", str(tmp_path / "a.wav")], check=True)
    clean = Audio.load(tmp_path / "a.wav")
    generator = np.random.default_rng(0)

    def noisy(scale):
        noise = scale * generator.standard_normal(len(clean.samples))
        return Audio((clean.samples + noise).astype(np.float32), clean.sample_rate)

    sounds = [clean, noisy(0.02), Audio(noisy(0.1).samples - clean.samples, clean.sample_rate)]
    judge = load_judge("pocketsphinx")
    heard = judge.listen(sounds, processes=1)
    rates = [ErrorRate.of([plain(text)], [plain(h.words)]).rate for h in heard]
    assert rates[0] <= rates[1] <= rates[2] and rates[0] < 0.4 and rates[2] > 0.8
    assert judge.listen(sounds, processes=1) == heard
    # The right words fit clean speech best, wrong words worse; a word nobody can look up is no word's fault.
    right, wrong = plain(text), plain("A little girl asked them for some bread and milk.")
    scores = [float(np.mean(found)) for found in judge.fit([clean, sounds[1], clean], [right, right, wrong])]
    assert 0 >= scores[0] > scores[1] > scores[2]
    assert len(judge.fit([clean], [right])[0]) == len(right)
    assert judge.fit([clean], [["zzxqy"]]) == [[]]
    estoi = [intelligibility(clean, s)["estoi"] for s in sounds]
    assert estoi[0] > 0.99 > estoi[1] > estoi[2]


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 24000, 48000])
def test_a_sound_of_any_rate_is_heard_at_16_khz(rate):
    tone = Audio(0.3 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate).astype(np.float32), rate)
    heard = np.frombuffer(prepare(tone), "<i2")
    assert len(heard) == 16000 + 2 * 4800 and not heard[:4800].any()
    assert np.argmax(np.abs(np.fft.rfft(heard[4800:20800]))) == 440 and np.abs(heard).max() == pytest.approx(
        23197, 0.01
    )


def test_no_sound_is_judged_twice():
    asked = []

    def judge(todo):
        for index in todo:
            asked.append(index)
            yield {"index": index}

    sounds = [b"a", b"b", b"c"]
    assert kept("a judge 1.0", sounds[:2], judge, "judging") == [{"index": 0}, {"index": 1}]
    assert kept("a judge 1.0", [b"c", b"b"], judge, "judging") == [{"index": 0}, {"index": 1}]
    assert asked == [0, 1, 0]  # only "c" was new
    assert kept("a judge 1.1", sounds, judge, "judging")[2] == {"index": 2}


def test_an_interrupted_judge_goes_on_where_it_stopped():
    def tires(todo):
        yield "first"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept("a tired judge", [b"1", b"2"], tires, "judging")
    assert kept("a tired judge", [b"1", b"2"], lambda todo: (f"again {i}" for i in todo), "judging") == [
        "first",
        "again 1",
    ]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_judges_of_quality_prefer_clean_speech():
    clean = decode_audio({"bytes": flite.speak("The quick brown fox jumps over the lazy dog.").wav, "path": None})
    noise = np.random.default_rng(0).normal(0, 0.05, len(clean.samples)).astype(np.float32)
    noisy = Audio(clean.samples + noise, clean.sample_rate)
    for judge, score in (("distill-mos", "mos"), ("dnsmos", "p808")):
        try:
            first, second = load_judge(judge).rate([clean, noisy])
        except MissingDependencyError as missing:
            pytest.skip(str(missing))
        assert 1 <= second[score] < first[score] - 0.2 < 5
