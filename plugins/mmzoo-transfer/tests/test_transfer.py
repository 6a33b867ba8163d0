"""From speech to pictures and from pictures to speech: training, batches, files, the command, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from mmzoo_transfer.examples import DescribedPictures, SpokenCaptions
from mmzoo_transfer.image_to_speech import ImageToSpeech
from mmzoo_transfer.speech_to_image import SpeechToImage, hidden_spans
from PIL import Image as Pillow
from torch import nn

import mmzoo
from mmzoo.cli.main import main
from mmzoo.data import Words, encode_audio, encode_image, make_row, picture_codes, row_features
from mmzoo.data.audio import resample
from mmzoo.errors import CorruptFileError, DataError, InputError
from mmzoo.interfaces import Audio, Image

WIDTH, SIDE, RATE = 32, 16, 16_000
PITCH = {"red": 220.0, "blue": 1400.0}
"""The language of this test: a low tone is red, a high one blue."""
SPOKEN = ["red", "blue", "red red", "red blue", "blue red", "blue blue", "red blue red", "blue red blue"]
SHOWN = {"a red circle": (255, 0, 0), "a blue square": (0, 0, 255)}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Models as small as these are slower on several, and where they end may depend on how many there are."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def said(text: str, seed: int = 0) -> Audio:
    """Tones of about a fifth of a second with silence around them, never twice of one length or pitch."""
    chance = np.random.default_rng(seed)
    parts = [np.zeros(1600)]
    for word in text.split():
        time = np.arange(int(0.2 * RATE * chance.uniform(0.8, 1.2))) / RATE
        parts += [0.3 * np.sin(2 * np.pi * PITCH[word] * chance.uniform(0.95, 1.05) * time), np.zeros(1600)]
    sound = np.concatenate(parts)
    return Audio((sound + 0.003 * chance.standard_normal(len(sound))).astype(np.float32), RATE)


def picture(text: str, side: int = SIDE) -> Image:
    """A square of the caption's colour on black."""
    pixels = np.zeros((side, side, 3), np.uint8)
    pixels[4:9, 4:9] = SHOWN[text]
    return Image(pixels)


def table(cells: list[dict[str, Any]]) -> Dataset:
    made = [make_row(id=str(i), split="train", **cell) for i, cell in enumerate(cells)]
    return Dataset.from_list(made, features=row_features())


def spoken_rows() -> Dataset:
    return table([{"text": text, "audio": encode_audio(said(text, i))} for i, text in enumerate(SPOKEN)])


def shown_rows(count: int = 8, side: int = SIDE) -> Dataset:
    texts = [list(SHOWN)[i % 2] for i in range(count)]
    return table([{"text": text, "image": encode_image(picture(text, side))} for text in texts])


def trained(model: Any, batches: Iterator[Any], steps: int, rate: float) -> list[float]:
    """Losses of this many steps at a rate that falls to nothing. Every parameter that is the model's own learns."""
    foreign = {id(p) for slot, want in model.slots.items() if want.model for p in parameters_of(getattr(model, slot))}
    parameters = [p for p in model.parameters() if id(p) not in foreign]
    optimizer = torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.98))
    falling = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    generator = torch.Generator().manual_seed(0)
    model.train()
    found = []
    for _ in range(steps):
        losses = model.training_step(next(batches), generator)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        falling.step()
        found.append(losses.total.item())
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in parameters)
    model.eval()
    return found


def parameters_of(thing: Any) -> list[nn.Parameter]:
    return list(thing.parameters()) if isinstance(thing, nn.Module) else []


def losses_of(model: Any, batch: Any, draws: int = 8) -> float:
    with torch.no_grad():
        found = [model.training_step(batch, torch.Generator().manual_seed(i)).total.item() for i in range(draws)]
    return float(np.mean(found))


def refused(call: Callable[[], Any], told: str | None) -> None:
    """InputError in one sentence that names this."""
    with pytest.raises(InputError, match=told) as caught:
        call()
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


# --- speech to a picture -----------------------------------------------------------------------------


class Artist:
    """Draws noise, another for every prompt and seed."""

    def __init__(self) -> None:
        self.calls: list[tuple[list[str], int, dict[str, Any]]] = []
        self.words = Words(["blue", "red"])

    def unknown_words(self, prompt: str) -> tuple[str, ...]:
        return self.words.ids([prompt])[1][0]

    def generate(self, prompts: list[str], *, seed: int = 0, **manner: Any) -> list[Image]:
        self.calls.append((prompts, seed, manner))
        chances = [np.random.default_rng([seed + i, *prompt.encode()]) for i, prompt in enumerate(prompts)]
        return [Image(chance.integers(0, 256, (SIDE, 24, 3), dtype=np.uint8)) for chance in chances]


def small_listener() -> SpeechToImage:
    """An untrained model without words."""
    torch.manual_seed(0)
    model = SpeechToImage(width=WIDTH, vocabulary=4, masked=0.05)
    model.speech = mmzoo.create("encoder/speech-transformer", width=WIDTH, depth=1, heads=2, bands=20)
    model.artist = Artist()
    return model.eval()


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> tuple[SpeechToImage, list[float]]:
    """A model that has learnt the two tones, and its losses."""
    model = small_listener()
    examples = model.examples(spoken_rows(), tmp_path_factory.mktemp("cache"))

    def batches() -> Iterator[Any]:
        generator = torch.Generator().manual_seed(0)
        while True:
            yield examples.collate([examples.example(i, generator) for i in range(len(examples))])

    return model, trained(model, batches(), 180, 1e-2)


@pytest.fixture
def listener(heard: tuple[SpeechToImage, list[float]]) -> SpeechToImage:
    model, _ = heard
    model.artist = Artist()
    return model


def test_tones_are_learnt_as_words_without_times(heard):
    """No tone is as in the examples, two sequences were in none, and a word said twice is heard twice."""
    model, losses = heard
    assert model.words.words == ["blue", "red"]
    assert np.mean(losses[-10:]) < 0.3 * np.mean(losses[:10])
    texts = [*SPOKEN, "blue blue red", "red red blue"]
    assert [model.hear(said(text, 99)) for text in texts] == texts


def test_words_too_many_or_few_are_counted(listener, monkeypatch):
    examples = SpokenCaptions(spoken_rows(), listener.words, RATE)
    batch = examples.collate([examples.example(i, torch.Generator()) for i in range(len(examples))])
    monkeypatch.setattr(listener, "masked", 0.0)
    # the last two tell one word in each of eight captions with sixteen, and none
    models = (listener, always(small_listener(), 2), always(small_listener(), 0))
    with torch.no_grad():
        losses = [model.training_step(batch, torch.Generator()) for model in models]
    right, half, none = (float(found.parts["words_too_many_or_few"]) for found in losses)
    assert right < 0.1 and half == 0.5 and none == 1
    assert losses[0].total < 0.2 < losses[1].total


def always(model: SpeechToImage, told: int) -> SpeechToImage:
    """Made to tell one class whatever it hears."""
    nn.init.zeros_(model.spot.weight)
    nn.init.zeros_(model.spot.bias)
    model.spot.bias.data[told] = 1
    return model


def test_padding_is_not_trained_on():
    model = small_listener()
    model.masked, model.words = 0.0, Words(["blue", "red"])
    examples = SpokenCaptions(table(two_lengths()), model.words, RATE)
    both = [examples.example(i, torch.Generator()) for i in range(2)]
    alone = [losses_of(model, examples.collate([one]), 1) for one in both]
    assert losses_of(model, examples.collate(both), 1) == pytest.approx(np.mean(alone), rel=1e-3)


def two_lengths() -> list[dict[str, Any]]:
    return [{"text": text, "audio": encode_audio(said(text))} for text in ("red", "blue red blue")]


def test_a_list_of_sounds_gives_what_each_gives_alone(listener):
    sounds = [said("red blue", 5), said("blue", 6), said("red", 7)]
    assert listener.hear(sounds) == [listener.hear(sound) for sound in sounds] == ["red blue", "blue", "red"]
    drawn = listener(sounds, seed=3)
    for index, (image, sound) in enumerate(zip(drawn, sounds, strict=True)):
        assert np.array_equal(image.pixels, listener.transfer(sound, seed=3 + index).pixels)
    assert not np.array_equal(drawn[0].pixels, listener(sounds[0], seed=4).pixels)


def test_what_was_heard_is_asked_of_the_artist_in_one_call(listener):
    listener.transfer([said("red"), said("blue red")], seed=7, steps=3, guidance=1.5, size=(8, 8))
    assert listener.artist.calls == [(["red", "blue red"], 7, {"steps": 3, "guidance": 1.5, "size": (8, 8)})]


def test_any_form_and_rate_of_sound_is_heard(listener, tmp_path):
    sound = said("red blue", 5)
    path = sound.save(tmp_path / "a.wav")
    twice = resample(sound.samples, RATE, 2 * RATE)
    for form in (path, str(path), path.read_bytes(), (sound.samples, RATE), (twice, 2 * RATE)):
        assert listener.hear(form) == "red blue"


@pytest.mark.parametrize(
    ("samples", "told"),
    [
        (np.zeros(RATE), "silent"),
        (np.zeros(0), "empty"),
        (np.full(31 * RATE, 0.1), "31 s.*30 s"),
        (np.full(RATE, np.nan), "finite"),
    ],
)
def test_sounds_that_cannot_be_heard(samples: Any, told: str):
    model, sound = small_listener(), Audio(samples.astype(np.float32), RATE)
    for form in (sound, [said("red"), sound]):
        refused(lambda form=form: model.hear(form), told)
        refused(lambda form=form: model.transfer(form), told)
    assert model.artist.calls == []


def test_nothing_is_drawn_of_what_is_not_understood():
    model = always(small_listener(), 0)
    model.words = Words(["blue", "red"])
    assert model.hear([said("red"), said("blue")]) == ["", ""]
    refused(lambda: model(said("red")), "1 of 1.*blue, red")
    model.hear = lambda sounds: ["red", ""]
    refused(lambda: model.transfer([said("red"), said("blue")]), "2 of 2")
    assert model.artist.calls == []


def test_classes_without_a_word_are_passed_over():
    model = always(small_listener(), 3)
    for words, heard in ((["blue", "red"], ""), (["blue", "green", "red"], "red")):
        model.words = Words(words)
        assert model.hear(said("red")) == heard


def test_there_must_be_something_to_draw():
    model = small_listener()
    refused(lambda: model([]), None)
    refused(lambda: model(np.zeros(9)), None)
    assert model.hear([]) == []


def test_words_are_a_file_of_the_listener(tmp_path):
    model, other = small_listener(), small_listener()
    model.words = Words(["blue", "red"])
    for name, content in model.files().items():
        (tmp_path / name).write_bytes(content)
    other.load_files(tmp_path)
    assert other.words.words == ["blue", "red"] and dict(other.files()) == dict(model.files())
    for broken in ('["a", "a"]', '{"a": 1}', "[1]", "[", '["A b"]'):
        (tmp_path / "words.json").write_text(broken)
        with pytest.raises(CorruptFileError, match="words"):
            other.load_files(tmp_path)
    (tmp_path / "words.json").unlink()
    with pytest.raises(CorruptFileError, match="words"):
        other.load_files(tmp_path)


def test_previews_are_the_true_picture_beside_the_drawn(listener):
    cells = [
        {"text": text, "audio": encode_audio(said(text, 5)), "image": encode_image(picture("a red circle"))}
        for text in ("red", "blue red")
    ]
    shown = list(listener.previews(table(cells)))
    assert [name for name, _ in shown] == ["0", "1"]
    assert [prompts for prompts, _, _ in listener.artist.calls] == [["red"], ["blue red"]]
    for _, image in shown:
        assert image.pixels.shape == (SIDE, SIDE + 24, 3)
        assert np.array_equal(image.pixels[:, :SIDE], picture("a red circle").pixels)


# --- what it is trained on ---------------------------------------------------------------------------


def captions(spread: float = 0.0, tilt: float = 0.0) -> SpokenCaptions:
    return SpokenCaptions(table(two_lengths()), Words(["blue", "red"]), RATE, spread, tilt)


def test_without_spread_speech_is_as_it_was_said():
    examples, sound = captions(), said("red").samples
    for seed in range(3):
        speech, words = examples.example(0, torch.Generator().manual_seed(seed))
        assert speech.dtype == torch.float32 and len(speech) == examples.lengths[0] == len(sound)
        assert np.abs(speech.numpy() - sound).max() < 2e-4
        assert words.tolist() == [2, 0, 0]


def test_spread_plays_speech_faster_and_slower_within_bounds():
    examples, spread = captions(0.18), 0.18
    length = examples.lengths[0]
    drawn = [examples.example(0, torch.Generator().manual_seed(seed))[0].numpy() for seed in range(60)]
    shares = np.array([len(one) for one in drawn]) / length
    assert 1 / (1 + spread) - 0.001 < shares.min() < 0.9 and 1.1 < shares.max() < 1 / (1 - spread) + 0.001
    again = examples.example(0, torch.Generator().manual_seed(5))[0].numpy()
    assert np.array_equal(drawn[5], again) and not np.array_equal(drawn[5], drawn[6])
    loud = [np.abs(one) > 0.1 for one in drawn]  # the same share of it is tone, at another pitch
    assert np.ptp([one.mean() for one in loud]) < 0.02
    swings = [int((np.diff(np.sign(one[where])) != 0).sum()) for one, where in zip(drawn, loud, strict=True)]
    assert np.ptp(swings) <= 2 and swings[0] > 50


def test_tilt_adds_or_takes_a_share_of_the_sample_before():
    plain, examples = captions().example(0, torch.Generator())[0].numpy(), captions(tilt=0.6)
    shares = []
    for seed in range(30):
        tilted = examples.example(0, torch.Generator().manual_seed(seed))[0].numpy()
        added, before = (tilted - plain)[1:], plain[:-1]
        shares.append(float(added @ before / (before @ before)))
        assert tilted.dtype == np.float32 and np.abs(added - shares[-1] * before).max() < 1e-5
    assert -0.601 < min(shares) < -0.4 and 0.4 < max(shares) < 0.601
    again = examples.example(0, torch.Generator().manual_seed(29))[0].numpy()
    assert np.array_equal(tilted, again)


def test_speech_is_varied_as_the_model_says(tmp_path):
    model = small_listener()
    model.spread, model.tilt = 0.1, 0.2
    examples = model.examples(spoken_rows(), tmp_path)
    assert (examples.spread, examples.tilt) == (0.1, 0.2)


def test_batches_of_speech_are_padded_and_masked():
    examples = captions()
    both = [examples.example(i, torch.Generator()) for i in (1, 0)]
    batch = examples.collate(both)
    assert len(examples) == 2 and batch["speech"].shape == batch["speech_mask"].shape == (2, examples.lengths[1])
    assert batch["speech_mask"].dtype == torch.bool
    assert batch["speech_mask"].sum(1).tolist() == [examples.lengths[1], examples.lengths[0]]
    for (sound, _), row, mask in zip(both, batch["speech"], batch["speech_mask"], strict=True):
        assert torch.equal(row[mask], sound) and not row[~mask].any()
    assert batch["words"].tolist() == [[1, 2, 1], [2, 0, 0]]
    assert examples.collate(both[1:])["words"].tolist() == [[2]]


def test_speech_that_cannot_be_learnt_from(tmp_path):
    with pytest.raises(DataError):
        SpokenCaptions(spoken_rows().select([]), Words(["red"]), RATE)
    with pytest.raises(DataError, match="audio"):
        SpokenCaptions(table([*two_lengths(), {"text": "red"}]), Words(["blue", "red"]), RATE)
    with pytest.raises(DataError, match="'blue'"):
        SpokenCaptions(spoken_rows(), Words(["red"]), RATE)
    model = small_listener()
    model.vocabulary = 2
    with pytest.raises(DataError, match=r"\b2\b"):
        model.examples(spoken_rows(), tmp_path)


def test_spans_are_hidden_whole_and_about_as_many_as_asked():
    span = RATE // 10
    sounds = torch.rand(4, 300 * span + 37, generator=torch.Generator().manual_seed(1)) + 0.1
    hidden = hidden_spans(sounds, 0.3, RATE, torch.Generator().manual_seed(0))
    kept = hidden != 0
    assert torch.equal(hidden[kept], sounds[kept]) and hidden.shape == sounds.shape
    spans = kept[:, : 300 * span].reshape(4, 300, span)
    assert torch.equal(spans.any(-1), spans.all(-1))
    shares = 1 - spans.any(-1).float().mean(1)
    assert (shares - 0.3).abs().max() < 0.08 and not torch.equal(spans[0], spans[1])
    assert (kept[:, 300 * span :].any(1) == kept[:, 300 * span :].all(1)).all()
    assert torch.equal(hidden, hidden_spans(sounds, 0.3, RATE, torch.Generator().manual_seed(0)))
    assert torch.equal(hidden_spans(sounds, 0.0, RATE, torch.Generator()), sounds)
    assert not hidden_spans(sounds, 1.0, RATE, torch.Generator()).any()


# --- a picture to speech -----------------------------------------------------------------------------


class Voice:
    """Says a tenth of a second for every letter."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, float, int | None]] = []

    def __call__(self, text: str, *, seed: int, speed: float, steps: int | None) -> Audio:
        self.calls.append((text, seed, speed, steps))
        return Audio(np.full(len(text) * RATE // 10, 0.1, np.float32), RATE, (), ("spelt a word",))


def small_describer() -> ImageToSpeech:
    """An untrained model over an untrained tokenizer of 4-pixel squares."""
    torch.manual_seed(0)
    model = ImageToSpeech(dim=8, width=WIDTH, vocabulary=8, side=SIDE)
    model.tokenizer = mmzoo.create(
        "vqvae-image", pretrained=False, dim=8, encoder={"dim": 8, "widths": [16, 16], "depth": 1},
        quantizer={"dim": 8, "codebook_size": 16, "groups": 2},
    )  # fmt: skip
    model.picture = mmzoo.create("encoder/vectors", channels=8, width=WIDTH, depth=1, heads=2)
    model.voice = Voice()
    return model.eval()


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> tuple[ImageToSpeech, list[float], Any]:
    """A model that has learnt what two pictures are called, its losses, and the batch of them."""
    model = small_describer()
    examples = model.examples(shown_rows(), tmp_path_factory.mktemp("cache"))
    batch = examples.collate([examples.example(i, torch.Generator()) for i in range(len(examples))])
    return model, trained(model, iter(lambda: batch, None), 150, 1e-2), batch


@pytest.fixture
def describer(described: tuple[ImageToSpeech, list[float], Any]) -> ImageToSpeech:
    model = described[0]
    model.voice = Voice()
    return model


def test_it_learns_what_pictures_are_called(described):
    """The loss falls, with the pictures exchanged it is higher, and the captions come out word by word."""
    model, losses, batch = described
    assert np.mean(losses[-20:]) < 0.3 * np.mean(losses[:20])
    exchanged = {**batch, "picture": batch["picture"].roll(1, 0)}
    assert 2 * losses_of(model, batch, 1) < losses_of(model, exchanged, 1)
    assert model.describe([picture(text) for text in SHOWN]) == list(SHOWN)


def noise(seed: int) -> Image:
    return Image(np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8))


def test_descriptions_do_not_depend_on_their_batch(describer):
    shown = [picture("a red circle"), noise(0), picture("a blue square"), noise(1)]
    assert describer.describe(shown) == [describer.describe(one) for one in shown]
    assert describer.describe([]) == []


def test_pictures_of_other_sizes_and_forms_are_resized(describer, tmp_path):
    large = Pillow.fromarray(picture("a red circle").pixels).resize((64, 48), Pillow.Resampling.NEAREST)
    path = tmp_path / "a.png"
    large.save(path)
    small = Image(np.asarray(large.resize((SIDE, SIDE), Pillow.Resampling.BICUBIC)))
    for form in (large, path, str(path), np.asarray(large), Image(np.asarray(large))):
        assert np.array_equal(describer._fitted(form).pixels, small.pixels)
        assert describer.describe(form) == describer.describe(small)
    assert np.array_equal(describer._fitted(small).pixels, small.pixels)


def test_a_caption_is_said_and_noted(describer):
    shown = [picture(text) for text in SHOWN]
    both = describer(shown, seed=3, speed=1.5, steps=5)
    assert [sound.notes for sound in both] == [(text, "spelt a word") for text in SHOWN]
    assert [sound.duration for sound in both] == [len(text) / 10 for text in SHOWN]
    assert describer.voice.calls == [(text, 3 + i, 1.5, 5) for i, text in enumerate(SHOWN)]
    alone = describer.transfer(shown[1], seed=4)
    assert isinstance(alone, Audio) and alone.notes[0] == "a blue square"
    assert describer.voice.calls[-1] == ("a blue square", 4, 1.0, None)


def test_a_picture_without_words_is_not_told(describer, monkeypatch):
    refused(lambda: describer.transfer([]), None)
    monkeypatch.setattr(describer, "describe", lambda pictures: ["a red circle", ""])
    refused(lambda: describer.transfer([noise(0), noise(1)]), "2 of 2")


def test_pictures_and_captions_become_codes_and_words(tmp_path):
    model = small_describer()
    words = Words.of(list(SHOWN), 8)
    shown = shown_rows(3)
    examples = DescribedPictures(picture_codes(shown, tmp_path, model.tokenizer, SIDE), shown["text"], words)
    assert len(examples) == 3 and list(examples.lengths) == [1, 1, 1]
    batch = examples.collate([examples.example(i, torch.Generator()) for i in (1, 2)])
    assert batch["picture"].shape == (2, 16, 2) and batch["words"].shape == (2, 3)
    for index, text in enumerate(("a blue square", "a red circle")):
        assert torch.equal(batch["picture"][index], model.tokenizer.tokenize(picture(text))[0])
        assert [words.words[i - 1] for i in batch["words"][index]] == text.split()


def test_pictures_that_cannot_be_learnt_from(tmp_path):
    model = small_describer()
    model.words = Words(["a", "red", "circle"])
    with pytest.raises(DataError):
        model.examples(shown_rows().select([]), tmp_path)
    with pytest.raises(DataError, match="'blue'"):
        model.examples(shown_rows(), tmp_path)
    model.words = Words()
    with pytest.raises(DataError):
        model.examples(table([{"text": "a red circle"}]), tmp_path)


@pytest.mark.parametrize("model", [small_listener, small_describer])
def test_golden_outputs_come_from_their_inputs(model: Callable[[], Any]):
    with torch.no_grad():
        inputs, outputs = model().golden(None)
        again, same = model().golden(inputs)
    assert again.keys() == inputs.keys() and same.keys() == outputs.keys()
    for key, value in outputs.items():
        assert torch.equal(value, same[key]) and value.std() > 0 and value.isfinite().all()


# --- the command -------------------------------------------------------------------------------------


@pytest.fixture
def source(tmp_path) -> Callable[[str], str]:
    """Writes a sound or a picture, and gives its path."""

    def write(name: str) -> str:
        made = said("red blue", 5) if name.endswith(".wav") else picture("a red circle")
        return str(made.save(tmp_path / name))

    return write


def test_transfer_refuses_in_one_line(source, capsys, tmp_path):
    given, before = source("in.wav"), {"in.wav"}
    for output, told in (
        (tmp_path / "out.png", "phonemizer-en does not transfer"),
        (tmp_path / "out.wav", "phonemizer-en does not transfer"),
        (tmp_path / "no" / "out.png", "does not exist"),
        (tmp_path / "no" / "out.wav", "does not exist"),
        (tmp_path / "out.xyz", ".png"),
        (tmp_path / "out", ".png"),
    ):
        assert main(["transfer", "phonemizer-en", given, "-o", str(output)]) == 2
        printed = capsys.readouterr()
        assert told in printed.err and printed.err.count("\n") == 1 and printed.out == ""
        assert {path.name for path in tmp_path.iterdir()} == before
    assert main(["transfer", "no-such-model", given, "-o", str(tmp_path / "out.png")]) == 2
    assert "no-such-model" in capsys.readouterr().err


def test_transfer_draws_what_is_said(source, listener, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(mmzoo, "create", lambda name, device: listener)
    target = tmp_path / "out.png"
    arguments = ["transfer", "small", source("in.wav"), "-o", str(target)]
    assert main([*arguments, "--steps", "3", "--guidance", "2.5", "--seed", "9"]) == 0
    assert capsys.readouterr().out.startswith(f"{target}: heard 'red blue', drew 24 x 16 pixels, in ")
    assert listener.artist.calls == [(["red blue"], 9, {"steps": 3, "guidance": 2.5})]
    assert np.array_equal(Image.load(target).pixels, Artist().generate(["red blue"], seed=9)[0].pixels)


def test_transfer_says_what_is_shown(source, describer, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(mmzoo, "create", lambda name, device: describer)
    target = tmp_path / "out.wav"
    arguments = ["transfer", "small", source("in.png"), "-o", str(target)]
    assert main([*arguments, "--guidance", "2"]) == 2
    assert "takes no --guidance" in capsys.readouterr().err
    assert main([*arguments, "--steps", "16", "--seed", "3"]) == 0
    assert capsys.readouterr().out.startswith(f"{target}: said 'a red circle', 1.20 s, in ")
    assert describer.voice.calls == [("a red circle", 3, 1.0, 16)]
    assert Audio.load(target).duration == pytest.approx(1.2)


def test_transfer_gives_what_the_model_gives_and_reads_what_it_reads(
    source, listener, describer, capsys, tmp_path, monkeypatch
):
    sound, shown = source("in.wav"), source("in.png")
    for model, wrong, output, told in (
        (describer, shown, "out.png", "small makes speech, .wav"),
        (listener, sound, "out.wav", "small makes a picture, .png"),
        (describer, sound, "out.wav", "in.wav"),
        (listener, shown, "out.png", "in.png"),
        (listener, str(tmp_path / "none.wav"), "out.png", "none.wav"),
    ):
        monkeypatch.setattr(mmzoo, "create", lambda name, device, model=model: model)
        assert main(["transfer", "small", wrong, "-o", str(tmp_path / output)]) == 2
        error = capsys.readouterr().err
        assert told in error and error.count("\n") == 1 and not (tmp_path / output).exists()
