"""Markup in the sound of the bundled synthesizer: pauses, given phones, rates, word times, and the command line."""

from __future__ import annotations

import io
import json
import re
from itertools import pairwise

import numpy as np
import pytest
from mmzoo_tts.joining import join

import mmzoo
from mmzoo import Audio
from mmzoo.cli.main import main
from mmzoo.errors import InputError

FRAME_S = 1 / 50
QUIET = 0.002
MARKED = (
    "[pause 250ms] I was [pause 300ms] saying at 10:45, to [Worcester](w uh s t er)'s mayor: no no! [pause 1.5s]"
    "[pause 0.5s] Call 555-1234 [pause 0s] now. Well-known cafés [pause 70ms]"
)
WORDS = "I was saying at 10:45 to Worcester's mayor no no Call 555-1234 now Well-known cafés".split()


@pytest.fixture(scope="module")
def tts():
    return mmzoo.create("vqvae-dit-tts")


@pytest.fixture(scope="module")
def marked(tts) -> Audio:
    return tts(MARKED, steps=4)


def gaps(audio: Audio) -> list[float]:
    """Silence before the first word, between words, and after the last, in seconds."""
    edges = [0.0, *(edge for word in audio.words for edge in (word.start, word.end)), audio.duration]
    return [end - start for start, end in zip(edges[::2], edges[1::2], strict=True)]


def quiet(audio: Audio, at: float) -> float:
    """Seconds around a moment in which every sample is quiet."""
    loud = np.flatnonzero(np.abs(audio.samples) >= QUIET) / audio.sample_rate
    return float(min(loud[loud > at], default=audio.duration) - max(loud[loud < at], default=0.0))


# --- pauses -------------------------------------------------------------------------------------------------


def test_pauses_are_exact(marked):
    silence = gaps(marked)
    expected = {0: 0.25, 2: 0.3, 10: 2.0, 12: 0.0, 15: 0.07}
    assert [silence[index] for index in expected] == pytest.approx(list(expected.values()), abs=1e-9)


def test_pauses_are_silent_for_a_frame_less_or_more(tts):
    """Between vowels and nasals; stops are silent themselves."""
    audio = tts("[pause 1s] I know [pause 300ms] all men [pause 70ms] are in a [pause 2s]", steps=4)
    moments = [
        (0.5, 1.0),
        *((audio.words[i].start - s / 2, s) for i, s in ((2, 0.3), (4, 0.07))),
        (audio.duration - 1, 2.0),
    ]
    for moment, seconds in moments:
        assert quiet(audio, moment) == pytest.approx(seconds, abs=FRAME_S)


@pytest.mark.parametrize("speed", [0.7, 2.0])
def test_pauses_do_not_depend_on_the_speed(tts, speed):
    audio = tts(
        "<speak>I was <break time='300ms'/> <prosody rate='80%'>here. <break/> now</prosody></speak>", speed=speed
    )
    assert gaps(audio)[2:4] == pytest.approx([0.3, 0.4], abs=1e-9)


def test_a_longer_pause_is_only_longer(tts):
    short, long = (tts(f"I was [pause {seconds}s] here.", steps=4) for seconds in (1, 3.5))
    assert long.duration - short.duration == pytest.approx(2.5, abs=1e-9)
    np.testing.assert_array_equal(short.samples[:8000], long.samples[:8000])
    np.testing.assert_array_equal(short.samples[-8000:], long.samples[-8000:])


def test_a_chunk_sounds_the_same_whatever_its_neighbors(tts):
    chunks = [next(tts.stream(f"I was here [pause 1s] {rest}", steps=2)) for rest in ("and there.", "a1 b2 c3. X")]
    np.testing.assert_array_equal(chunks[0].samples, chunks[1].samples)


def test_a_batch_of_marked_texts_is_its_items_one_by_one(tts):
    own = {"cat": "d ao g"}
    texts = ["A cat [pause 1s] ran.", "<speak>A <prosody rate='fast'>cat</prosody></speak>", "A [cat](k ae t)."]
    for together, text in zip(tts(texts, steps=2, pronunciations=own), texts, strict=True):
        np.testing.assert_array_equal(together.samples, tts(text, steps=2, pronunciations=own).samples)


# --- pronunciations and rates -------------------------------------------------------------------------------


def test_given_phones_are_spoken(tts, tmp_path):
    dog = tts("The dog ran.", steps=2).samples
    file = tmp_path / "own.txt"
    file.write_text("cat  D AO1 G")
    np.testing.assert_array_equal(tts("The [cat](d ao g) ran.", steps=2).samples, dog)
    np.testing.assert_array_equal(tts("The Cat ran.", steps=2, pronunciations=file).samples, dog)
    np.testing.assert_array_equal(tts("The [dog](d ao g) ran.", steps=2, pronunciations={"dog": "k ae t"}).samples, dog)
    np.testing.assert_array_equal(tts("<speak>The dog ran.</speak>", steps=2).samples, dog)


def test_a_rate_is_a_speed(tts):
    text = "We were here, and they were not."
    for rate, speed in (("50%", 0.5), ("x-fast", 2.0)):
        slow = tts(f"<speak><prosody rate='{rate}'>{text}</prosody></speak>", steps=2)
        assert slow.duration == pytest.approx(tts(text, steps=2, speed=speed).duration, abs=1e-3)
    mixed = tts("<speak>We were <prosody rate='50%'>here, and</prosody> they</speak>", steps=2).words
    plain = tts("We were here, and they", steps=2).words
    ratios = [(m.end - m.start) / (p.end - p.start) for m, p in zip(mixed, plain, strict=True)]
    assert ratios == pytest.approx([1, 1, 2, 2, 1], rel=0.01)


@pytest.mark.parametrize(("rate", "speed"), [("x-fast", 6.0), ("5%", 1.0), ("5000%", 1.0)])
def test_a_rate_beyond_the_speeds_is_refused_before_work(tts, rate, speed):
    with pytest.raises(InputError, match="rate"):
        tts.stream(f"<speak><prosody rate='{rate}'>cat</prosody></speak>", speed=speed)


# --- word times ---------------------------------------------------------------------------------------------


def test_words_are_those_that_were_written(marked):
    assert [word.text for word in marked.words] == WORDS


@pytest.mark.parametrize(
    ("text", "speed"),
    [(MARKED, 1.0), ("Then " + "xqzt" * 18 + " and", 3.0), ("Call 555-1234 at 10:45 p.m. No, no! It cost $3.50.", 0.9)],
)
def test_word_times_are_ordered_inside_and_between_pauses(tts, marked, text, speed):
    audio = marked if text == MARKED else tts(text, steps=1, speed=speed)
    assert all(word.start < word.end for word in audio.words)
    assert all(before.end <= after.start + 1e-6 for before, after in pairwise(audio.words))
    assert audio.words[0].start >= 0 and audio.words[-1].end <= audio.duration
    silences = [(s.start, s.end) for s in audio.segments if s.kind == "phone" and s.text == "pau"]
    for before, after in pairwise(audio.words):
        inside = sum(end - start for start, end in silences if start >= before.end - 1e-6 and end <= after.start + 1e-6)
        assert inside == pytest.approx(after.start - before.end, abs=1e-3)
    phones = [s for s in audio.segments if s.kind == "phone"]
    assert all(a.end == pytest.approx(b.start, abs=1e-3) for a, b in pairwise(phones))
    assert phones[-1].end == pytest.approx(audio.duration, abs=1e-3)


def test_words_are_where_the_sound_is(marked):
    """Nine tenths of the energy lie inside the words, and each word is louder than the silence of a pause."""
    energy = np.cumsum(np.concatenate([[0], marked.samples**2]))
    edges = [(round(w.start * marked.sample_rate), round(w.end * marked.sample_rate)) for w in marked.words]
    inside = [energy[end] - energy[start] for start, end in edges]
    assert sum(inside) > 0.9 * energy[-1]
    assert all(e / (end - start) > 1e-4 for e, (start, end) in zip(inside, edges, strict=True))


def test_the_chunks_of_a_stream_have_the_times_of_the_whole(tts, marked):
    chunks = list(tts.stream(MARKED, steps=4))
    assert len(chunks) > 3
    assert [word for chunk in chunks for word in chunk.words] == list(marked.words)
    np.testing.assert_array_equal(np.concatenate([chunk.samples for chunk in chunks]), marked.samples)


def test_a_word_of_several_chunks_is_one_word(tts):
    word = "xqzt" * 18
    chunks = list(tts.stream(f"Then {word}", steps=1, speed=5.0))
    assert len(chunks) > 1
    words = join(chunks).words
    assert [w.text for w in words] == ["Then", word]
    assert words[1].end > sum(chunk.duration for chunk in chunks[:-1])


def test_unknown_keywords_are_a_type_error(tts):
    for wrong in (
        lambda: tts("Hi.", sped=2.0),
        lambda: tts.stream("Hi.", sped=2.0),
        lambda: tts.phonemizer("Hi.", sped=1),
    ):
        with pytest.raises(TypeError, match="sped"):
            wrong()
    with pytest.raises(TypeError):
        tts("Hi.", "joe")


# --- the command line ----------------------------------------------------------------------------------------


@pytest.fixture
def say(capsys, monkeypatch, tmp_path):
    """`mmzoo say WORDS` in this process and in an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def called(*arguments, stdin=None):
        capsys.readouterr()
        if stdin is not None:
            monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        return main(["say", *arguments, "--steps", "1"]), *capsys.readouterr()

    return called


CUE = re.compile(r"(\d\d+):(\d\d):(\d\d)\.(\d{3}) --> (\d\d+):(\d\d):(\d\d)\.(\d{3})\n([^\n]+)\n?")


def cues(vtt: str) -> list[tuple[float, float, str]]:
    """The cues of a WebVTT file, which must be nothing but a header and cues."""
    header, *blocks = vtt.split("\n\n")
    assert header == "WEBVTT"
    found = []
    for block in blocks:
        match = CUE.fullmatch(block)
        assert match, block
        h, m, s, ms, h2, m2, s2, ms2 = map(int, match.groups()[:8])
        assert "-->" not in match[9] and "<" not in match[9]
        found.append((h * 3600 + m * 60 + s + ms / 1000, h2 * 3600 + m2 * 60 + s2 + ms2 / 1000, match[9]))
    return found


def test_say_writes_word_times(say, tmp_path):
    code, out, _ = say(
        "It cost $3.50 & 3 < 4 [pause 1s] at 10:45.", "--vtt", "a.vtt", "--json", "a.json", "-o", "a.wav"
    )
    assert code == 0 and len(out.splitlines()) == 1
    times = json.loads((tmp_path / "a.json").read_text("utf-8"))
    audio = Audio.load("a.wav")
    assert times["duration"] == pytest.approx(audio.duration, abs=1e-5)
    words = times["words"]
    assert [word["text"] for word in words] == ["It", "cost", "$3.50", "&", "3", "<", "4", "at", "10:45"]
    assert words[7]["start"] - words[6]["end"] == pytest.approx(1.0, abs=1e-3)
    found = cues((tmp_path / "a.vtt").read_text("utf-8"))
    assert [(word["start"], word["end"]) for word in words] == [pytest.approx(cue[:2], abs=1e-3) for cue in found]
    assert [cue[2] for cue in found][3:6] == ["&amp;", "3", "&lt;"]
    assert all(start < end for start, end, _ in found)


def test_say_prints_word_times_and_nothing_else(say):
    code, out, err = say("Hello there.", "--json", "-", "-o", "a.wav")
    assert code == 0 and len(json.loads(out)["words"]) == 2 and "a.wav" in err


def test_say_takes_own_pronunciations_and_markup(say, tts, tmp_path):
    (tmp_path / "own.txt").write_text("zyx  d ao g  # as in dog\n")
    text = "<speak>The zyx <phoneme ph='r ae n'>xyz</phoneme>.</speak>"
    assert say("--pronunciations", "own.txt", "-o", "a.wav", stdin=text)[0] == 0
    tts("The dog ran.", steps=1).save("b.wav")
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_say_reads_standard_input_for_a_dash(say, tmp_path):
    assert say("--file", "-", "--vtt", "-", "-o", "a.wav", stdin="Hello.")[0] == 0
    assert say("zyx", "--pronunciations", "-", "-o", "b.wav", stdin="zyx d ao g")[0] == 0
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to("c.wav")
    assert "--output" in say("a", "--vtt", "link", "-o", "c.wav")[2]
    for wrong in (["--file", "empty"], ["--file", "."], ["a", "--file", "-"], ["a", "--device", "nowhere"]):
        assert say(*wrong, "-o", "c.wav")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["a [word](zz qq)"], "zz"),
        (["<speak>a"], "line 1"),
        (["a", "--pronunciations", "missing.txt"], "missing.txt"),
        (["a", "--vtt", "missing/a.vtt"], "missing/a.vtt"),
        (["a", "--json", "."], "folder"),
        (["a", "--json", "x", "--vtt", "x"], "--json"),
        (["a", "--json", "a.wav"], "--output"),
        (["a", "--json", "-", "--vtt", "-"], "--json"),
        (["a", "--vtt", "/dev/null"], "/dev/null"),
        (["a", "--json", "x" * 5000], "xxx"),
        (["a", "--vtt", "nul\0"], "nul"),
        (["a", "--pronunciations", "own.txt", "--json", "own.txt"], "--pronunciations"),
    ],
)
def test_say_refuses_with_a_sentence_and_leaves_nothing(say, tmp_path, arguments, names):
    code, out, err = say(*arguments, "-o", "a.wav")
    assert code == 2 and out == "" and names in err
    assert err.startswith("error:") and len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
