"""The speech head without torch: its runner on graphs that torch runs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from mmzoo_tts.runner import Phonemes, Voice

import mmzoo
from mmzoo.errors import InputError
from mmzoo.interfaces import Audio, Exported

WIDTH = 32
PARTS = {
    "phonemizer": {"model": "phonemizer-en"},
    "tokenizer": {"model": "vqvae-speech", "pretrained": False},
    "text": {"width": WIDTH, "depth": 1},
    "backbone": {
        "width": WIDTH,
        "depth": 1,
        "heads": 2,
        "vector_channels": {"voice": WIDTH},
        "aligned_channels": {"text": WIDTH, "prior": 36},
    },
}
TEXT = "Well, [pause 300ms] Doctor Smith's quizzaneer paid $3.50. And left!"


def in_torch(graph):
    """A graph as its runner calls it, run by torch."""

    def call(**inputs):
        with torch.no_grad():
            results = graph.run(*(torch.from_numpy(np.asarray(inputs[name])) for name in graph.examples[0]))
        return tuple(one.numpy() for one in (results if isinstance(results, tuple) else (results,)))

    return call


class Tokenizer:
    """The runner of a tokenizer, by the tokenizer itself."""

    def __init__(self, head):
        self.head, self.rate, self.sample_rate = head, head.rate, head.sample_rate

    def quantize_latents(self, latents):
        return self.head.quantize_latents(mmzoo.interfaces.Latents(torch.from_numpy(latents))).numpy()

    def reconstruct(self, codes):
        return self.head.reconstruct(codes)


@pytest.fixture(scope="module")
def head():
    torch.manual_seed(0)
    settings = {"width": WIDTH, "voices": ["ann", "bob"], "num_steps": 2}
    model = mmzoo.create("vqvae-dit-tts", pretrained=False, **settings, **PARTS)
    with torch.no_grad():
        for parameter in model.backbone.parameters():
            parameter.normal_(std=0.1)
    return model


@pytest.fixture(scope="module")
def runner(head):
    def graphs(model):
        return {name: in_torch(graph) for name, graph in model.graphs().items()}

    phonemizer = head.phonemizer
    models = {
        "phonemizer": Phonemes(Exported("p", phonemizer.settings(), graphs(phonemizer), {}, phonemizer.folder)),
        "tokenizer": Tokenizer(head.tokenizer),
    }
    return Voice(Exported(head.name, head.settings(), graphs(head), models, head.folder))


def same(first, second):
    assert first.sample_rate == second.sample_rate and first.notes == second.notes
    assert [replace(s, start=0, end=0) for s in first.segments] == [replace(s, start=0, end=0) for s in second.segments]
    times = [[edge for s in sound.segments for edge in (s.start, s.end)] for sound in (first, second)]
    np.testing.assert_allclose(*times, atol=1e-5)
    assert len(first.samples) == len(second.samples)
    close = np.isclose(first.samples, second.samples, atol=1e-4)
    assert close.mean() > 0.97  # a code between two others may fall either way


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"voice": "bob", "speed": 1.5},
        {"voice": {"ann": 3, "bob": 2}},
        {"steps": 1, "seed": 7},
        {"steps": 3, "pronunciations": {"paid": "p ey d d"}},
    ],
    ids=str,
)
def test_the_runner_speaks_as_the_head(head, runner, options):
    same(head(TEXT, **options), runner(TEXT, **options))


def test_streams_batches_and_phones(head, runner):
    chunks = list(runner.stream(TEXT))
    assert len(chunks) == 3 and all(isinstance(chunk, Audio) for chunk in chunks)
    for mine, theirs in zip(chunks, head.stream(TEXT), strict=True):
        same(mine, theirs)
    for mine, theirs in zip(runner(["One.", "Two."]), head(["One.", "Two."]), strict=True):
        same(mine, theirs)
    phones = ["pau", "hh", "ax", "l", "ow", "pau"]
    same(runner.speak_phones(phones, [0.1] * 6), head.speak_phones(phones, [0.1] * 6))
    assert runner(TEXT, seed=None).notes[0].startswith("seed") or "seed" in " ".join(runner(TEXT, seed=None).notes)
    assert runner.voices == head.voices and runner.rate == head.rate and runner.sample_rate == head.sample_rate


@pytest.mark.parametrize("engine", ["head", "runner"])
def test_a_mixture_lies_between_its_voices(request, engine):
    model = request.getfixturevalue(engine)
    phones = ["pau", "hh", "ax", "l", "ow", "pau"]

    def samples(voice):
        return model.speak_phones(phones, [0.1] * 6, voice=voice).samples

    ann, bob, mixture = samples("ann"), samples("bob"), samples({"ann": 0.5, "bob": 0.5})
    np.testing.assert_array_equal(samples({"bob": 0.2}), bob)
    np.testing.assert_array_equal(samples({"ann": 1, "bob": 0}), ann)
    np.testing.assert_array_equal(samples({"bob": 4, "ann": 4}), mixture)
    assert not np.array_equal(ann, bob) and not any(np.array_equal(mixture, one) for one in (ann, bob))
    [chunk] = model.stream("Hi.", voice={"ann": 0.5, "bob": 0.5})
    for same in (*model(["Hi.", "Hi."], voice={"ann": 2, "bob": 2}), model("Hi.", voice={"bob": 1, "ann": 1})):
        np.testing.assert_array_equal(same.samples, chunk.samples)


@pytest.mark.parametrize("text", ["blorptious", "sooo hmmmm xqz", "twinkletoe's quizzaneers read mmzoo"])
def test_the_letters_are_read_alike(head, runner, text):
    assert head.phonemizer(text) == runner.phonemizer(text)
    words = [word.lower() for word in text.split()]
    assert head.phonemizer.letters.pronounce(words) == runner.phonemizer.letters.pronounce(words)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("", {}),
        ("?!", {}),
        ("Hi.", {"voice": "carl"}),
        ("Hi.", {"voice": {"ann": 1, "carl": 1}}),
        ("Hi.", {"voice": {}}),
        ("Hi.", {"voice": {"ann": -1, "bob": 2}}),
        ("Hi.", {"speed": 0}),
        ("Hi.", {"seed": "x"}),
        ("[pause 5 parsecs]", {}),
        ("<speak>unclosed", {}),
        ("Hi.", {"pronunciations": {"hi": "zz"}}),
    ],
)
def test_the_runner_refuses_what_the_head_refuses(head, runner, text, options):
    messages = []
    for model in (head, runner):
        with pytest.raises(InputError) as caught:
            model.stream(text, **options)
        messages.append(str(caught.value).removeprefix(f"{model.name} ").removeprefix("This model "))
    assert messages[0] == messages[1]


def test_too_many_steps_are_refused_before_work(runner):
    with pytest.raises(InputError, match=r"64.*65"):
        runner.stream("Hi.", steps=65)


def test_a_misspelled_option_is_explained(runner):
    with pytest.raises(TypeError, match="speed"):
        runner.stream("Hi.", sped=2)
