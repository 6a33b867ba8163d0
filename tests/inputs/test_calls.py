"""Arguments of verbs: nothing is swallowed, and numbers may be numpy's or torch's."""

from __future__ import annotations

import inspect
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from given import MODELS, PIXELS, RATE, SAMPLES, model
from mmzoo_recognition.explain import explain
from torch import nn

import mmzoo
from mmzoo.composition.overrides import ARGUMENTS
from mmzoo.errors import ConfigError, InputError, UnknownKeyError
from mmzoo.interfaces import Audio, Image, TaskHead
from mmzoo.interfaces.keywords import hinted

SOUND, PICTURE = Audio(SAMPLES, RATE), Image(PIXELS)
PHONES = ["hh", "ay"]


def verbs(name: str) -> Iterator[tuple[str, Any]]:
    """The public methods of a model that are not those of every module."""
    for verb in dir(type(model(name))):
        own = not verb.startswith("_") and not hasattr(nn.Module, verb)
        found = getattr(type(model(name)), verb)
        if (own or verb in ("__call__", "forward")) and inspect.isroutine(found):
            yield verb, getattr(model(name), verb)


@pytest.mark.filterwarnings("ignore:.*is now called:FutureWarning")
@pytest.mark.parametrize("name", MODELS)
def test_no_verb_swallows_an_argument(name: str) -> None:
    assert len(list(verbs(name))) >= 5
    for verb, call in verbs(name):
        with pytest.raises(TypeError, match="bogus"):
            call(bogus=1)
        with pytest.raises(TypeError, match="argument"):
            call(*range(40))
        kinds = {parameter.kind for parameter in inspect.signature(call).parameters.values()}
        old_name = getattr(call, "__doc__", "") or ""
        assert old_name.startswith("The old name") or not kinds & {
            inspect.Parameter.VAR_KEYWORD,
            inspect.Parameter.VAR_POSITIONAL,
        }, verb


MISSPELLED = {
    "tts": (lambda: model("vqvae-dit-tts")("hi", sped=2.0), "sped", "speed"),
    "stream": (lambda: model("vqvae-dit-tts").stream("hi", stpes=2), "stpes", "steps"),
    "speak_phones": (lambda: model("vqvae-dit-tts").speak_phones(PHONES, sede=2), "sede", "seed"),
    "draw": (lambda: model("vqvae-dit-digits")("two", giudance=2), "giudance", "guidance"),
    "denoise": (lambda: model("vqvae-dit-digits").denoise([PICTURE], promts=["two"]), "promts", "prompts"),
    "speech2image": (lambda: model("vqvae-dit-speech2image")(SOUND, sizes=(8, 8)), "sizes", "size"),
    "image2speech": (lambda: model("vqvae-dit-image2speech").transfer(PICTURE, sped=2), "sped", "speed"),
    "recognition": (lambda: model("vqvae-dit-recognition")(imgae=PICTURE), "imgae", "image"),
    "explain": (lambda: explain(model("vqvae-dit-recognition"), imgae=PICTURE), "imgae", "image"),
    "reconstruct": (lambda: model("vqvae-image").reconstruct(torch.zeros(1, 4, 4), gird=(2, 2)), "gird", "grid"),
    "create": (lambda: mmzoo.create("vqvae-words", devcie="cpu"), "devcie", "device"),
    "create a part": (lambda: mmzoo.create("quantizer/fsq", levles=[8]), "levles", "levels"),
    "save": (lambda: SOUND.save(io.BytesIO(), fromat="wav"), "fromat", "format"),
    "save a picture": (lambda: PICTURE.save(io.BytesIO(), fromat="png"), "fromat", "format"),
    "Audio": (lambda: Audio(SAMPLES, RATE, segmnets=()), "segmnets", "segments"),
    "Image": (lambda: Image(pixles=PIXELS), "pixles", "pixels"),
    "Audio.load": (lambda: Audio.load(sorce="a.wav"), "sorce", "source"),
    "list_models": (lambda: mmzoo.list_models(modalty="speech"), "modalty", "modality"),
    "list_components": (lambda: mmzoo.list_components(kinds="head"), "kinds", "kind"),
    "describe": (lambda: mmzoo.describe(nmae="vqvae-words"), "nmae", "name"),
}


@pytest.mark.parametrize(("call", "wrong", "right"), MISSPELLED.values(), ids=MISSPELLED)
def test_a_misspelled_keyword_is_named_with_the_nearest(call: Any, wrong: str, right: str) -> None:
    with pytest.raises(TypeError) as caught:
        call()
    assert wrong in str(caught.value) and right in str(caught.value)


def test_an_unknown_override_is_a_config_error_too() -> None:
    assert issubclass(UnknownKeyError, ConfigError) and issubclass(UnknownKeyError, TypeError)
    named = set(inspect.signature(mmzoo.create).parameters) - {"name", "overrides"}
    assert set(ARGUMENTS) == named


def test_heads_of_other_plugins_get_the_hints_too() -> None:
    class Head(TaskHead):
        def __call__(self, *, loudness: float = 1.0) -> float:  # type: ignore[override]
            return loudness

        def anything(self, **options: Any) -> Any:
            return options

    assert Head()(loudness=2.0) == 2.0 and Head().anything(a=1) == {"a": 1}
    with pytest.raises(TypeError, match=r"'loudnes'.*'loudness'"):
        Head()(loudnes=2.0)
    assert hinted(Head.__call__).__name__ == "__call__"


# --- numbers -----------------------------------------------------------------------------------------

TWO = (np.int64(2), np.uint8(2), np.array(2), torch.tensor(2), torch.tensor(2, dtype=torch.int16))
REAL = (2, np.float32(2), np.float64(2), np.array(2.0), torch.tensor(2.0), torch.tensor(2.0, dtype=torch.bfloat16))
WRONG = (float("nan"), "2", True, [2], np.array([2, 2]), 1j, np.True_, -1, torch.tensor(True))

INTEGERS = {
    "tts": lambda **o: model("vqvae-dit-tts")("hi", **{"steps": 1, **o}).samples,
    "speak_phones": lambda **o: model("vqvae-dit-tts").speak_phones(PHONES, **{"steps": 1, **o}).samples,
    "draw": lambda **o: model("vqvae-dit-digits")("two", **{"steps": 1, **o}).pixels,
    "denoise": lambda **o: model("vqvae-dit-digits").denoise([PICTURE], **{"steps": 1, **o})[0].pixels,
}


@pytest.mark.parametrize("call", INTEGERS.values(), ids=INTEGERS)
@pytest.mark.parametrize("option", ["seed", "steps"])
def test_integers_of_numpy_and_torch(call: Any, option: str) -> None:
    expected = call(**{option: 2})
    for value in TWO:
        assert np.array_equal(call(**{option: value}), expected)
    for value in WRONG:
        if not (option == "seed" and isinstance(value, int) and value == -1):
            with pytest.raises(InputError, match=option):
                call(**{option: value})


def test_floats_of_numpy_and_torch() -> None:
    for value in REAL:
        assert len(INTEGERS["tts"](speed=value)) == len(INTEGERS["tts"](speed=2.0))
        assert np.array_equal(INTEGERS["draw"](guidance=value), INTEGERS["draw"](guidance=2.0))
    for value in WRONG:
        for call, option in ((INTEGERS["tts"], "speed"), (INTEGERS["draw"], "guidance")):
            with pytest.raises(InputError, match=option):
                call(**{option: value})


def test_sizes_intervals_and_durations_may_be_arrays() -> None:
    draw = INTEGERS["draw"]
    for size in ((16, 24), np.array([16, 24]), torch.tensor([16, 24]), [np.int64(16), 24]):
        assert draw(size=size).shape == (16, 24, 3)
    for size in (16, "ab", (16,), (16, 24, 3), (0, 16), np.array(16), (16.5, 16)):
        with pytest.raises(InputError, match="size"):
            draw(size=size)
    assert np.array_equal(draw(interval=np.array([0, 1])), draw(interval=(0.0, 1.0)))
    for interval in ((0, 2), (0,), 1, (float("nan"), 1)):
        with pytest.raises(InputError, match="interval"):
            draw(interval=interval)
    speak = model("vqvae-dit-tts").speak_phones
    expected = speak(PHONES, [0.1, 0.25], steps=1).samples
    for seconds in (np.array([0.1, 0.25]), torch.tensor([0.1, 0.25]), (0.1, np.float32(0.25))):
        assert len(speak(PHONES, seconds, steps=1).samples) == len(expected)


def test_phones_and_durations_that_cannot_be_spoken() -> None:
    speak = model("vqvae-dit-tts").speak_phones
    for phones in (None, 5, "hh ay", [], ["hh", None], [["hh"]], ["HH"], {"hh ay": 1}):
        with pytest.raises(InputError, match="phones"):
            speak(phones, steps=1)
    for seconds in ([0.1], [0.1] * 3, 0.1, "ab", [0.1, None], [0.1, np.nan], [0.1, -0.1], [0.1, 1e9], [0.1, "1"]):
        with pytest.raises(InputError, match="durations"):
            speak(PHONES, seconds, steps=1)


# --- seeds and devices -------------------------------------------------------------------------------


def made_again(call: Any) -> bool:
    """Whether the seed that a result reports makes the same result."""
    result = call(seed=None)
    (note,) = [note for note in result.notes if note.startswith("seed ")]
    again = call(seed=int(note.removeprefix("seed ")))
    data = "samples" if isinstance(result, Audio) else "pixels"
    assert not any(note.startswith("seed ") for note in again.notes)
    return np.array_equal(getattr(result, data), getattr(again, data))


def test_a_seed_that_is_drawn_is_reported() -> None:
    digits, tts = model("vqvae-dit-digits"), model("vqvae-dit-tts")
    assert made_again(lambda seed: digits("two", steps=1, seed=seed))
    assert made_again(lambda seed: digits.denoise([PICTURE], steps=1, seed=seed)[0])
    assert made_again(lambda seed: digits.inpaint([PICTURE], [PIXELS[..., 0] > 99], steps=1, seed=seed)[0])
    assert made_again(lambda seed: tts("hi", steps=1, seed=seed))
    assert made_again(lambda seed: tts.speak_phones(PHONES, steps=1, seed=seed))
    first, second = digits(["two", "two"], steps=1, seed=None)
    assert int(second.notes[0].split()[1]) == int(first.notes[0].split()[1]) + 1
    assert first.notes != digits("two", steps=1, seed=None).notes


@pytest.mark.slow
def test_transfer_reports_the_seed_that_it_drew() -> None:
    scene = model("vqvae-dit-text2image")("a large red circle on a gray background", steps=4)
    caption = model("vqvae-dit-tts")("a large red circle on a gray background")
    assert made_again(lambda seed: model("vqvae-dit-image2speech").transfer(scene, steps=1, seed=seed))
    assert made_again(lambda seed: model("vqvae-dit-speech2image").transfer(caption, steps=1, seed=seed))


@pytest.mark.parametrize("device", ["mps", "cuda", "cuda:7", "xpu", "foo", "", "cuda:x", 3.5, "meta"])
def test_a_device_that_is_not_here(device: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "empty", raising_off_the_cpu(torch.empty))
    with pytest.raises(ConfigError, match="cpu") as caught:
        mmzoo.create("vqvae-words", device=device)
    assert caught.value.path == "device"
    assert len(str(caught.value)) < 120 and "\n" not in str(caught.value)


def raising_off_the_cpu(empty: Any) -> Any:
    """`torch.empty` as on a machine without an accelerator."""

    def allocate(*args: Any, **options: Any) -> Any:
        if torch.device(options.get("device", "cpu")).type not in ("cpu", "meta"):
            raise RuntimeError("no driver\nmany\nlines")
        return empty(*args, **options)

    return allocate


def test_what_may_be_saved_and_loaded(tmp_path: Path) -> None:
    assert np.abs(Audio.load(SOUND.save(tmp_path / "a.wav")).samples - SAMPLES).max() < 1e-4
    assert np.array_equal(Image.load(PICTURE.save(tmp_path / "a.png")).pixels, PIXELS)
