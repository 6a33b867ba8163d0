"""The bundled synthesiser as its users meet it: Python, streams, batches, the command line, wrong input."""

import io
import json
import shutil
import subprocess
import sys
from collections import namedtuple
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

import mmzoo
from mmzoo.cli.main import main
from mmzoo.errors import InputError

BUNDLED = Path(__file__).parents[3] / "model_cards" / "vqvae-dit-tts"
SENTENCE = "Doctor Smith paid $3.50 at 10:45."
PARAGRAPH = (
    "The train was late. Nobody knew why, but the driver smiled, and the old man laughed!\n"
    "Would you wait here for an hour? She did; then the rain began."
)


@pytest.fixture(scope="module")
def tts():
    return mmzoo.create("vqvae-dit-tts")


@pytest.fixture(scope="module")
def speech(tts):
    return tts(SENTENCE, voice=None, speed=1.0, steps=None, seed=0)


Done = namedtuple("Done", "returncode stdout stderr")


@pytest.fixture
def run(capsys, monkeypatch):
    """`mmzoo WORDS` in this process."""

    def called(*arguments, stdin=None):
        capsys.readouterr()
        if stdin is not None:
            monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        return Done(main(arguments), *capsys.readouterr())

    return called


def test_speech_is_audio_with_words_and_phones(speech):
    assert speech.samples.dtype == np.float32 and speech.samples.ndim == 1 and speech.sample_rate == 24000
    assert 2.0 < speech.duration < 8.0 and 0.05 < np.abs(speech.samples).max() <= 1.0
    words = [s for s in speech.segments if s.kind == "word"]
    phones = [s for s in speech.segments if s.kind == "phone"]
    assert [w.text for w in words][:3] == ["Doctor", "Smith", "paid"] and phones[0].text == "pau"
    assert all(a.end == pytest.approx(b.start) for a, b in pairwise(phones))
    assert phones[-1].end == pytest.approx(speech.duration, abs=1e-3)
    assert all(a.start < a.end for a in speech.segments)


def test_the_same_seed_gives_the_same_sound_and_another_does_not(tts, speech):
    again = tts(SENTENCE, steps=1, seed=0)
    np.testing.assert_array_equal(again.samples, speech.samples)
    assert not np.array_equal(tts(SENTENCE, seed=1).samples, speech.samples)


def test_a_batch_is_its_items_one_by_one(tts):
    texts = ["One.", "Two of them were there.", SENTENCE]
    for together, alone in zip(tts(texts, steps=2), (tts(text, steps=2) for text in texts), strict=True):
        np.testing.assert_allclose(together.samples, alone.samples, atol=1e-3)


def test_the_chunks_of_a_stream_joined_are_the_whole(tts):
    chunks = list(tts.stream(PARAGRAPH, steps=2))
    whole = tts(PARAGRAPH, steps=2)
    assert len(chunks) == 4
    np.testing.assert_array_equal(np.concatenate([c.samples for c in chunks]), whole.samples)
    assert [s for c in chunks for s in c.segments] == list(whole.segments)


def test_the_first_chunk_comes_before_the_rest_is_computed(tts, monkeypatch):
    made = []
    original = type(tts)._synthesize

    def counted(self, *arguments):
        made.append(1)
        return original(self, *arguments)

    monkeypatch.setattr(type(tts), "_synthesize", counted)
    next(tts.stream(PARAGRAPH))
    assert len(made) == 1


def test_chunks_join_without_clicks(tts):
    chunks = list(tts.stream(PARAGRAPH))
    for before, after in pairwise(chunks):
        assert abs(before.samples[-1]) < 1e-3 and abs(after.samples[0]) < 1e-3


def test_speed_changes_the_length_and_not_the_words(tts, speech):
    fast = tts(SENTENCE, speed=2.0)
    assert fast.duration == pytest.approx(speech.duration / 2, rel=0.05)
    words = [s.text for s in speech.segments if s.kind == "word"]
    assert [s.text for s in fast.segments if s.kind == "word"] == words


def test_given_durations_are_kept(tts):
    audio = tts.speak_phones(["pau", "hh", "ax", "l", "ow", "pau"], [0.2, 0.05, 0.06, 0.07, 0.2, 0.2])
    assert audio.duration == pytest.approx(0.78, abs=1e-3)
    assert [round(s.end, 2) for s in audio.segments] == [0.2, 0.25, 0.31, 0.38, 0.58, 0.78]


def test_codes_of_speech_decode_to_speech(speech):
    tokenizer = mmzoo.create("vqvae-speech")
    codes = tokenizer.tokenize(speech)
    assert codes.dtype == torch.int64 and codes.shape[0] == 1 and codes.shape[2] == 12
    copy = tokenizer.reconstruct(codes)
    assert 0 <= len(copy.samples) - len(speech.samples) < tokenizer.encoder.samples_per_latent


@pytest.mark.parametrize("text", ["a", "Hi", "I love 🍕 and naïve cafés.", "Привет means hello."])
def test_odd_texts_are_spoken(tts, text):
    assert tts(text).duration > 0.2


def test_what_could_not_be_said_is_reported(tts):
    assert tts("I love 🍕 very much.").notes


@pytest.mark.slow
def test_twenty_thousand_characters_are_spoken(tts):
    text = ("The quick brown fox jumps over the lazy dog, and then it sleeps. " * 320)[:20_000]
    seconds = 0.0
    for chunk in tts.stream(text):
        seconds += chunk.duration
    assert seconds > 600


@pytest.mark.parametrize("text", ["", "   ", "?!...", "🍕🍕", "你好世界", "nul\x00here", "bell\x07"])
def test_what_cannot_be_said_is_refused_with_a_sentence(tts, text):
    with pytest.raises(InputError) as caught:
        tts(text)
    assert len(str(caught.value).splitlines()) == 1 and len(str(caught.value)) > 20


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"voice": "nobody"}, "heart, joe, slt, rms"),
        ({"speed": 0}, "speed"),
        ({"speed": -1.0}, "speed"),
        ({"speed": float("nan")}, "speed"),
        ({"speed": 1e-4}, "speed"),
        ({"speed": 1e-310}, "speed"),
        ({"speed": True}, "speed"),
        ({"steps": 0}, "steps"),
        ({"steps": 2.5}, "steps"),
        ({"seed": "x"}, "seed"),
    ],
)
def test_wrong_settings_are_explained(tts, settings, names):
    with pytest.raises(InputError, match=names):
        tts(SENTENCE, **settings)
    with pytest.raises(InputError, match=names):
        tts.stream(SENTENCE, **settings)  # refused before the first chunk is asked for
    with pytest.raises(InputError, match=names):
        tts.speak_phones(["pau", "ah", "pau"], **settings)


def test_say_writes_a_file_and_one_line(tmp_path):
    command = [sys.executable, "-m", "mmzoo", "say", "Hello there.", "-o", str(tmp_path / "a.wav")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1 and "a.wav" in done.stdout
    assert mmzoo.Audio.load(tmp_path / "a.wav").duration > 0.5


def test_say_reads_standard_input_and_files(tmp_path, run):
    assert run("say", "-o", str(tmp_path / "a.wav"), stdin="From standard input.").returncode == 0
    (tmp_path / "t.txt").write_text("From a file.")
    assert run("say", "--file", str(tmp_path / "t.txt"), "-o", str(tmp_path / "b.wav")).returncode == 0
    assert (tmp_path / "a.wav").exists() and (tmp_path / "b.wav").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["say", "", "-o", "a.wav"],
        ["say", "Hi.", "-o", "missing/a.wav"],
        ["say", "Hi.", "-o", "a.xyz"],
        ["say", "Hi.", "-o", "."],
        ["say", "a\x07b", "-o", "a.wav"],
        ["say", "🍕", "-o", "a.wav"],
        ["say", "?!...", "-o", "a.wav"],
        ["say", "你好世界", "-o", "a.wav"],
        ["say", "Hi.", "--voice", "nobody", "-o", "a.wav"],
        ["say", "Hi.", "--speed", "0", "-o", "a.wav"],
        ["say", "Hi.", "--steps", "0", "-o", "a.wav"],
        ["say", "Hi.", "--model", "vqvae-dit-tss", "-o", "a.wav"],
        ["say", "Hi.", "--file", "t.txt", "-o", "a.wav"],
        ["sya", "Hi."],
    ],
)
def test_say_refuses_with_a_sentence_and_leaves_nothing(tmp_path, monkeypatch, run, arguments):
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert done.returncode in {1, 2} and done.stdout == ""
    assert "Traceback" not in done.stderr and done.stderr.strip().startswith("error:")
    assert list(tmp_path.iterdir()) == []


def test_say_refuses_control_characters_of_the_standard_input(tmp_path, run):
    done = run("say", "-o", str(tmp_path / "a.wav"), stdin="nul\x00here")
    assert done.returncode == 2 and done.stdout == "" and done.stderr.startswith("error:")
    assert list(tmp_path.iterdir()) == []


def test_say_reports_what_it_could_not_say(tmp_path, run):
    done = run("say", "I love 🍕 and Привет.", "-o", str(tmp_path / "a.wav"))
    assert done.returncode == 0 and done.stderr.count("note:") >= 1 and (tmp_path / "a.wav").exists()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that nobody can write, such as /proc")
def test_say_into_a_folder_that_cannot_be_written(run):
    done = run("say", "Hi.", "-o", "/proc/a.wav")
    assert done.returncode in {1, 2} and done.stdout == ""
    assert done.stderr.startswith("error: Cannot write /proc/a.wav") and len(done.stderr.splitlines()) == 1


def _truncated(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def _flipped_header(folder):
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[:8] = (1 << 60).to_bytes(8, "little")
    path.write_bytes(data)


def _not_a_number(folder):
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    tensors = load_file(path)
    next(iter(tensors.values())).view(-1)[0] = float("nan")
    save_file(tensors, path)


def _config(change):
    def damage(folder):
        path = folder / "config.json"
        config = json.loads(path.read_text())
        change(config)
        path.write_text(json.dumps(config))

    return damage


@pytest.mark.parametrize(
    ("damage", "names"),
    [
        (_truncated, "model.safetensors"),
        (_flipped_header, "model.safetensors"),
        (_not_a_number, "model.safetensors"),
        (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors"),
        (_config(lambda config: config.update(colour="red")), "colour"),
        (_config(lambda config: config["recipe"]["head"].update(name="os.system")), "os.system"),
    ],
    ids=["truncated", "huge header", "NaN", "no weights", "unknown key", "dotted path"],
)
def test_say_with_a_damaged_model(tmp_path, monkeypatch, run, damage, names):
    folder = tmp_path / "model"
    shutil.copytree(BUNDLED, folder)
    damage(folder)
    monkeypatch.chdir(tmp_path)
    done = run("say", "Hi.", "--model", f"local-dir:{folder}", "-o", "a.wav")
    assert done.returncode in {1, 2} and done.stdout == "" and names in done.stderr
    assert done.stderr.startswith("error:") and len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
