"""Speech to speech: what is learned, what the result is like, long speech, and what is refused."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from mmzoo_tts.head import TextToSpeech
from mmzoo_tts.joining import join
from mmzoo_tts.speech_to_speech import pieces
from mmzoo_tts.speech_to_speech.conversion import VoiceConversion
from mmzoo_tts.speech_to_speech.decoding import Span
from mmzoo_tts.speech_to_speech.enhancement import SpeechEnhancement
from mmzoo_tts.speech_to_speech.examples import HeardPhones, NoisySpeech, Spoiling
from mmzoo_tts.speech_to_speech.level import LEVEL, leveled, loudness

import mmzoo
from mmzoo.cli.main import main
from mmzoo.data import encode_audio, make_row, to_dataset
from mmzoo.errors import ConfigError, DataError, InputError
from mmzoo.interfaces import Audio, Segment

RATE, WIDTH, DIM = 24_000, 32, 6
FORMANTS = {"a": (750, 1200), "i": (300, 2300), "u": (320, 800), "e": (500, 1800)}
VOICES = {"low": (110.0, 1.0, 1.0), "high": (210.0, 1.2, 0.7)}
"""Pitch in Hz, scale of formants, and speed of the people of this test."""
PHONES = ["pau", *FORMANTS]
EDGE_S = 0.05
"""Seconds of silence before and after what is said."""


def said(text: str, voice: str = "low", seed: int = 0) -> Audio:
    """Vowels, each about a fifth of a second, with a falling pitch and silence on both sides."""
    hertz, scale, _ = VOICES[voice]
    chance = np.random.default_rng(seed)
    parts = [np.zeros(round(EDGE_S * RATE))]
    for vowel, seconds in zip(text, vowel_seconds(text, voice, seed), strict=True):
        time = np.arange(round(seconds * RATE)) / RATE
        phase = 2 * np.pi * np.cumsum(hertz * (1 - 0.3 * time)) / RATE
        wave = np.zeros(len(time))
        for k in range(1, 30):
            gain = sum(np.exp(-(((k * hertz - f * scale) / 150) ** 2)) for f in FORMANTS[vowel])
            wave += (gain + 0.02 / k) * np.sin(k * phase)
        parts += [0.1 * wave * np.sin(np.pi * np.arange(len(time)) / len(time)) ** 0.5]
    sound = np.concatenate([*parts, np.zeros(round(EDGE_S * RATE))])
    return Audio((sound + 1e-4 * chance.standard_normal(len(sound))).astype(np.float32), RATE)


def vowel_seconds(text: str, voice: str = "low", seed: int = 0) -> list[float]:
    """How long each vowel is said."""
    chance = np.random.default_rng((seed, 1))
    return [float(0.2 / VOICES[voice][2] * chance.uniform(0.9, 1.1)) for _ in text]


TEXTS = ["aiu", "uea", "iae", "eui"]


def rows(voices: Any = tuple(VOICES), texts: Any = tuple(TEXTS)) -> Dataset:
    made = []
    for voice in voices:
        for text in texts:
            ends = np.cumsum([EDGE_S, *vowel_seconds(text, voice), EDGE_S]).tolist()
            row = make_row(
                id=f"{voice}-{text}", text=text, audio=encode_audio(said(text, voice)), speaker=voice, split="train"
            )
            made.append({**row, "phones": ["pau", *text, "pau"], "phone_ends_s": ends})
    return to_dataset(made)


@pytest.fixture(scope="module")
def codec() -> Any:
    """A small tokenizer with fresh parameters."""
    torch.manual_seed(0)
    sizes = {"width": 16, "depth": 1, "latent_depth": 1, "decoder_width": 16, "decoder_depth": 1}
    return mmzoo.create(
        "vqvae-speech",
        pretrained=False,
        dim=DIM,
        encoder={"dim": DIM, **sizes},
        quantizer={"dim": DIM, "codebook_size": 16, "groups": 2},
    )


def fresh(model: Any) -> Any:
    """The model with a backbone whose output depends on its inputs, which that of a fresh one does not."""
    for parameter in model.backbone.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.2)
    return model.eval()


def backbone(**channels: Any) -> Any:
    return mmzoo.create("backbone/dit", width=WIDTH, depth=1, heads=2, in_channels=DIM, **channels)


def hearing(codec: Any, *, speech: dict[str, Any] | None = None, **head: Any) -> Any:
    """An untrained model of voice conversion."""
    torch.manual_seed(0)
    voice = TextToSpeech(dim=DIM, width=WIDTH, voices=list(VOICES), phones=PHONES, num_steps=2)
    voice.phonemizer, voice.tokenizer = None, codec
    voice.text = mmzoo.create("encoder/symbols", vocabulary=len(PHONES), width=WIDTH, depth=1)
    voice.backbone = backbone(vector_channels={"voice": WIDTH}, aligned_channels={"text": WIDTH, "prior": DIM})
    voice.sampler = mmzoo.create("sampler/euler")
    model = VoiceConversion(width=WIDTH, phones=PHONES, **head)
    model.synthesizer = fresh(voice)
    model.speech = mmzoo.create("encoder/speech-convnext", width=WIDTH, depth=1, bands=40, **(speech or {}))
    model.connect()
    return model.eval()


def cleaning(codec: Any, *, speech: dict[str, Any] | None = None, **head: Any) -> Any:
    """An untrained model of enhancement."""
    torch.manual_seed(0)
    model = SpeechEnhancement(dim=DIM, width=WIDTH, **head)
    model.tokenizer = codec
    model.speech = mmzoo.create(
        "encoder/speech-convnext", width=WIDTH, depth=1, bands=40, standardize=False, **(speech or {})
    )
    model.backbone = backbone(aligned_channels={"speech": WIDTH, "prior": DIM})
    model.sampler = mmzoo.create("sampler/euler")
    model.connect()
    return fresh(model)


@pytest.fixture(scope="module")
def converter(codec: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model that hears the vowels of this test."""
    model = hearing(codec, spread=0.1)
    examples = model.examples(rows(), tmp_path_factory.mktemp("heard"))
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    for step in range(60):
        loss = model.training_step(batch_of(examples, step), torch.Generator().manual_seed(step)).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


@pytest.fixture(scope="module")
def cleaner(codec: Any) -> Any:
    return cleaning(codec, snr_db=[-5, 20])


def refused(call: Any, told: str) -> None:
    """InputError in one sentence that names this."""
    with pytest.raises(InputError, match=told) as caught:
        call()
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


# --- training ----------------------------------------------------------------------------------------


def batch_of(examples: HeardPhones | NoisySpeech, seed: int = 0) -> Any:
    return examples.collate(
        [examples.example(i, torch.Generator().manual_seed(seed * 100 + i)) for i in range(len(examples))]
    )


def test_phones_are_heard_with_their_times(converter: Any) -> None:
    for text, voice in (("aueia", "low"), ("iuae", "high")):
        heard = [one for one in converter.phones_of(said(text, voice, seed=9)) if one.text != "pau"]
        assert "".join(one.text for one in heard) == text
        ends = EDGE_S + np.cumsum(vowel_seconds(text, voice, seed=9))
        assert np.abs([one.end for one in heard] - ends).max() < 0.05


def test_conversion_speaks_what_was_heard_in_its_time(converter: Any) -> None:
    sound = said("aiu")
    phones = converter.phones_of(sound)
    told = converter.synthesizer.speak_phones(
        [one.text for one in phones], [one.end - one.start for one in phones], voice="high"
    )
    made = converter(sound, voice="high")
    assert len(made.samples) == len(sound.samples)
    likeness = np.corrcoef(made.samples[2400:-2400], told.samples[2400 : len(made.samples) - 2400])[0, 1]
    assert likeness > 0.99


def test_a_long_pause_is_silent(converter: Any) -> None:
    sound = said("ai").samples
    quiet = 1e-4 * np.random.default_rng(1).standard_normal(2 * RATE).astype(np.float32)
    made = converter(Audio(np.concatenate([sound, quiet, sound]), RATE)).samples
    middle = len(sound) + len(quiet) // 2
    assert len(made) == 2 * len(sound) + len(quiet)
    assert not made[middle - RATE // 2 : middle + RATE // 2].any() and made[: len(sound)].any()


@pytest.mark.parametrize("kind", ["hearing", "cleaning"])
def test_padding_is_not_trained_on(codec: Any, converter: Any, cleaner: Any, tmp_path: Path, kind: str) -> None:
    model = converter if kind == "hearing" else cleaner
    batch = batch_of(model.examples(rows(texts=["a", "aiue"]), tmp_path))
    spoiled = dict(batch)
    for key, mask in (("speech", "speech_mask"), ("codes", "codes_mask"), ("phones", "phone_mask")):
        if key in batch:
            spoiled[key] = torch.where(
                batch[mask].view(*batch[mask].shape, *[1] * (batch[key].ndim - 2)),
                batch[key],
                torch.ones(()).to(batch[key]),
            )
    with torch.no_grad():
        first, second = (model.training_step(one, torch.Generator().manual_seed(0)).total for one in (batch, spoiled))
    assert float(first) == pytest.approx(float(second), rel=1e-4)


def test_a_faster_source_has_its_phones_earlier(tmp_path: Path) -> None:
    table = rows(["low"])
    examples = HeardPhones(table, PHONES, RATE, 50.0, tmp_path, Spoiling(spread=0.5))
    own = len(said(TEXTS[0]).samples)
    factors = []
    for seed in range(6):
        one = examples.example(0, torch.Generator().manual_seed(seed))
        factors.append(own / len(one["speech"]))
        assert torch.allclose(one["ends"] * factors[-1], torch.tensor(table[0]["phone_ends_s"]), atol=1e-3)
    assert 1 / 1.51 < min(factors) < 0.95 and 1.05 < max(factors) < 1.51
    assert examples.labels == ["low"] * len(TEXTS) and examples.lengths[0] == -(-own // 480)


def test_the_target_of_enhancement_is_the_speech_without_noise(codec: Any, tmp_path: Path) -> None:
    examples = NoisySpeech(rows(), codec, tmp_path, Spoiling(snr_db=(0, 0)))
    assert len(examples) == 2 * len(TEXTS)
    clean = leveled(said(TEXTS[1]).samples, RATE)
    correlations = []
    for seed in range(12):
        one = examples.example(1, torch.Generator().manual_seed(seed))
        again = examples.example(1, torch.Generator().manual_seed(seed))
        assert torch.equal(one["speech"], again["speech"])
        assert loudness(one["speech"].numpy(), RATE) == pytest.approx(LEVEL, rel=1e-3)
        assert (one["codes"] == codec.tokenize(Audio(clean, RATE))[0]).float().mean() > 0.9  # audio is kept as 16 bits
        correlations.append(np.corrcoef(one["speech"].numpy(), clean)[0, 1])
    assert 0.4 < min(correlations) < 0.85 and max(correlations) > 0.95


def test_phones_that_the_model_lacks_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'u'.*head\.phones"):
        HeardPhones(rows(), ["pau", "a", "i", "e"], RATE, 50.0, tmp_path, Spoiling())


def test_phones_that_the_synthesizer_lacks_are_named(codec: Any) -> None:
    model = hearing(codec)
    model.phones = [*PHONES, "zh"]
    with pytest.raises(ConfigError, match="zh"):
        model.connect()


@pytest.mark.parametrize("snr_db", [[1.0], [5.0, 1.0], [1.0, 2.0, 3.0]])
@pytest.mark.parametrize("make", [SpeechEnhancement, VoiceConversion])
def test_a_range_of_ratios_has_two_ends(make: Any, snr_db: list[float]) -> None:
    with pytest.raises(ConfigError, match="snr_db"):
        make(snr_db=snr_db, **({"dim": 4} if make is SpeechEnhancement else {}))


@pytest.mark.parametrize("speech", [{"sample_rate": 16_000}, {"hop": 120}])
def test_an_encoder_out_of_time_with_the_codec_is_refused(codec: Any, speech: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=r"24000 Hz"):
        cleaning(codec, speech=speech)


def test_an_encoder_of_another_sample_rate_is_refused(codec: Any) -> None:
    with pytest.raises(ConfigError, match="16000 Hz"):
        hearing(codec, speech={"sample_rate": 16_000})


# --- use ---------------------------------------------------------------------------------------------


def test_what_has_no_phones_is_refused(converter: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(converter, "_spans", lambda samples: [Span(0, 0, 50)])
    refused(lambda: converter(said("aiu")), "No speech is heard")


@pytest.mark.parametrize("rate", [8_000, 24_000, 44_100])
@pytest.mark.parametrize("count", [200, 7_777])
@pytest.mark.parametrize("kind", ["converter", "cleaner"])
def test_the_result_is_as_long_as_the_speech(converter: Any, cleaner: Any, rate: int, count: int, kind: str) -> None:
    speech = np.resize(said("a").samples[round(EDGE_S * RATE) :], count)
    made = (converter if kind == "converter" else cleaner)((speech, rate))
    assert made.sample_rate == RATE and len(made.samples) == -(-count * RATE // rate)
    assert np.isfinite(made.samples).all() and np.abs(made.samples).max() > 0


def test_a_list_gives_what_its_items_give_and_a_stream_what_a_call_gives(converter: Any) -> None:
    sounds = [said("aiu"), said("ea", "high")]
    both = converter(sounds, voice="high", steps=3, seed=4)
    for sound, made in zip(sounds, both, strict=True):
        alone = converter(sound, voice="high", steps=3, seed=4)
        streamed = join(list(converter.stream(sound, voice="high", steps=3, seed=4)))
        assert np.array_equal(made.samples, alone.samples) and np.array_equal(made.samples, streamed.samples)
    other = converter(sounds[0], voice="low", steps=3, seed=4)
    assert not np.array_equal(other.samples, both[0].samples)


def test_voices_are_mixed(converter: Any) -> None:
    sound = said("a")
    low, high, mixture = (
        converter(sound, voice=voice, steps=1).samples for voice in ("low", "high", {"low": 0.5, "high": 0.5})
    )
    np.testing.assert_array_equal(converter(sound, voice={"high": 3}, steps=1).samples, high)
    np.testing.assert_array_equal(converter([sound], voice={"high": 2, "low": 2}, steps=1)[0].samples, mixture)
    assert not np.array_equal(mixture, low) and not np.array_equal(mixture, high)


def test_the_result_follows_the_loudness_of_the_speech(converter: Any, cleaner: Any) -> None:
    sound = said("aiu")
    for model in (converter, cleaner):
        plain = model(sound).samples
        quiet = model(Audio(sound.samples / 8, RATE)).samples
        assert np.abs(8 * quiet - plain).max() < 1e-3 * np.abs(plain).max()


def test_words_keep_their_times(converter: Any) -> None:
    words = (Segment("word", "first", 0.0, 0.3), Segment("word", "second", 14.0, 14.4))
    long = Audio(np.tile(said("aiue").samples, 18)[: 15 * RATE], RATE, words, ("a note",))
    made = list(converter.stream(long, seed=None))
    assert len(made) > 1 and join(made).words == words
    assert made[0].notes[0] == "a note" and made[0].notes[1].startswith("seed ") and not made[1].notes
    assert made[-1].words == words[1:]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((np.zeros(24_000, np.float32), RATE), "silent"),
        ((np.ones(24_000 * 601, np.float32), RATE), "601 s"),
        (np.ones(100, np.float32), "sample rate"),
        (b"no sound", "audio"),
        (Path("no-such.wav"), "no-such.wav"),
    ],
)
def test_what_is_no_speech_is_refused(converter: Any, given: Any, told: str) -> None:
    refused(lambda: converter.stream(given), told)


def test_options_are_checked_before_anything_is_made(converter: Any, cleaner: Any) -> None:
    sound = said("a")
    refused(lambda: converter.stream(sound, voice="Elvis"), r"Elvis.*low, high")
    refused(lambda: converter.stream(sound, voice={"low": 1, "Elvis": 1}), r"Elvis.*low, high")
    refused(lambda: converter.stream(sound, voice={"low": -1, "high": 2}), "low.*-1")
    refused(lambda: cleaner.stream(sound, voice="low"), "no voices")
    refused(lambda: cleaner.stream(sound, voice={"low": 1}), "no voices")
    refused(lambda: converter.stream(sound, steps=0), "steps")
    refused(lambda: converter.stream(sound, seed=0.5), "seed")


# --- long speech -------------------------------------------------------------------------------------


def test_long_speech_is_cut_where_it_is_quiet() -> None:
    energies = np.ones(50 * 60, np.float32)
    quiet = [50 * 8, 50 * 15, 50 * 24, 50 * 30, 50 * 37, 50 * 45, 50 * 52]
    for place in quiet:
        energies[place - 2 : place + 3] = 0
    cut = pieces.pieces_of(energies, 50)
    assert [piece.start for piece in cut] == [0, *quiet]
    assert all(a.end == b.start for a, b in pairwise(cut)) and cut[-1].end == cut[-1].stop == 3000
    assert all(piece.begin == max(0, piece.start - 50) for piece in cut)
    assert all(piece.stop == min(3000, piece.end + 50) for piece in cut)


@pytest.mark.parametrize("count", [1, 499, 500, 501, 1000, 1234, 30_000])
def test_pieces_cover_speech_of_any_length(count: int) -> None:
    cut = pieces.pieces_of(np.random.default_rng(count).random(count).astype(np.float32), 50)
    assert cut[0].start == 0 and cut[-1].end == count
    assert all(0 < piece.end - piece.start <= 500 for piece in cut)
    assert all(piece.end - piece.start >= 250 for piece in cut[:-1])


def test_pieces_are_joined_without_a_click() -> None:
    """Also where the pieces of a tone differ in phase, nothing jumps."""
    time = np.arange(3000 * 480)
    cut = pieces.pieces_of(np.ones(3000, np.float32), 50)

    def tone(piece: pieces.Piece, phase: float = 0.0) -> Any:
        part = time[piece.begin * 480 : piece.stop * 480]
        return np.sin(2 * np.pi * 150 * part / RATE + phase).astype(np.float32)

    whole = np.concatenate(list(pieces.joined(cut, tone, 480, RATE)))
    assert np.abs(whole - np.sin(2 * np.pi * 150 * time / RATE)).max() < 1e-6
    shifted = iter(range(100))
    torn = np.concatenate(list(pieces.joined(cut, lambda piece: tone(piece, 2.0 * next(shifted)), 480, RATE)))
    assert len(torn) == len(time) and np.abs(np.diff(torn)).max() < 1.2 * np.abs(np.diff(whole)).max()


# --- the commands ------------------------------------------------------------------------------------


@pytest.fixture
def created(converter: Any, cleaner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that ask for a model get one of this test."""
    known = {"vqvae-dit-revoice": converter, "vqvae-dit-denoise": cleaner, "other": torch.nn.Linear(1, 1)}
    monkeypatch.setattr(mmzoo, "create", lambda name, device: known[name])


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["revoice", "--voice", "high"], "voice high"),
        (["revoice", "--voice", "high:2,low:1"], "voice high:2,low:1"),
        (["denoise-speech"], "without noise"),
    ],
)
def test_a_command_writes_a_file_as_long_as_its_source(
    created: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str], told: str
) -> None:
    sound = said("aiu")
    sound.save(tmp_path / "source.flac")
    target = tmp_path / "made.ogg"
    arguments = [*command, str(tmp_path / "source.flac"), "-o", str(target), "--seed", "random", "--steps", "1"]
    assert main(arguments) == 0
    made, shown = Audio.load(target), capsys.readouterr()
    assert made.sample_rate == RATE and len(made.samples) == pytest.approx(len(sound.samples), abs=64)
    assert told in shown.out and shown.out.count("\n") == 1 and "note: seed " in shown.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["revoice", "SOURCE", "-o", "MADE.wav", "--voice", "Elvis"], "low, high"),
        (["revoice", "SOURCE", "-o", "MADE.wav", "--model", "vqvae-dit-denoise"], "voice-conversion"),
        (["revoice", "SOURCE", "-o", "MADE.wav", "--voice", "low,high"], "VOICE:WEIGHT"),
        (["revoice", "SOURCE", "-o", "MADE.wav", "--model", "other"], "voice-conversion"),
        (["revoice", "SOURCE", "-o", "MADE.wav", "--seed", "soon"], "soon"),
        (["revoice", "SOURCE", "-o", "MADE.wav", "--steps", "0"], "steps"),
        (["revoice", "SOURCE", "-o", "MADE.txt"], "MADE.txt"),
        (["revoice", "missing.wav", "-o", "MADE.wav"], "missing.wav"),
        (["denoise-speech", "SOURCE", "-o", "MADE.wav", "--model", "vqvae-dit-revoice"], "speech-enhancement"),
        (["denoise-speech", "SILENT", "-o", "MADE.wav"], "silent"),
        (["denoise-speech", "TEXT", "-o", "MADE.wav"], "audio"),
    ],
)
def test_a_command_explains_what_it_cannot_do(
    created: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    said("a").save(tmp_path / "SOURCE.wav")
    Audio(np.zeros(RATE, np.float32), RATE).save(tmp_path / "SILENT.wav")
    (tmp_path / "TEXT.wav").write_text("no sound")
    places = {"SOURCE": "SOURCE.wav", "SILENT": "SILENT.wav", "TEXT": "TEXT.wav"}
    given = [str(tmp_path / places.get(one, one)) if one[:4].isupper() else one for one in arguments]
    assert main(given) == 2
    shown = capsys.readouterr()
    assert told in shown.err and shown.err.startswith("error: ") and shown.err.count("\n") == 1
    assert not shown.out and not list(tmp_path.glob("MADE*"))
