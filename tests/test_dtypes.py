"""Every verb of every bundled model in every dtype: ordinary results, close to those in float32."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import mmzoo
from mmzoo import Audio, Image, registry
from mmzoo.interfaces import Labels
from mmzoo.testing.models import ModelTrial

SNR = {"float64": 90.0, "float16": 50.0, "bfloat16": 35.0}
"""Least signal-to-noise ratio of latents and features against float32, in dB."""
PSNR = {"float64": 60.0, "float16": 35.0, "bfloat16": 30.0}
"""The same of pictures; a code near a boundary may be another one."""
CODES = {"float64": 0.999, "float16": 0.94, "bfloat16": 0.94}
"""Least fraction of equal codes."""
PROBABILITY = {"float64": 1e-4, "float16": 5e-3, "bfloat16": 5e-2}

time = np.arange(8000) / 16000
TONE = Audio((0.3 * sum(np.sin(k * 800 * time) / k for k in range(1, 9)) * np.hanning(8000)).astype(np.float32), 16000)
PIXELS = np.full((64, 64, 3), 200, np.uint8)
PIXELS[10:40, 12:44] = (200, 20, 30)
SCENE, DIGIT = Image(PIXELS), Image(np.pad(np.full((20, 4, 3), 255, np.uint8), ((6, 6), (14, 14), (0, 0))))
CAPTION = "a large red circle at the top left on a gray background"
RAW = {
    "image": torch.from_numpy(PIXELS).float().unsqueeze(0) / 255,
    "speech": torch.from_numpy(TONE.samples).unsqueeze(0),
    "text": torch.tensor([list(b"The quick brown fox.")]),
}
GIVEN = {"image": SCENE, "speech": TONE, "text": "The quick brown fox."}

Verbs = Mapping[str, Callable[[Any], Any]]


def tokenizer(modality: str) -> Verbs:
    given, raw = GIVEN[modality], RAW[modality]
    return {
        "call": lambda model: model(given),
        "tokenize": lambda model: model.tokenize([given, given]),
        "reconstruct": lambda model: model.reconstruct(model.tokenize(given)),
        "features": lambda model: model.features(raw).x,
        "encode_latents": lambda model: model.encode_latents(raw).x,
        "decode_latents": lambda model: model.decode_latents(model.encode_latents(raw))[0],
        "quantize_latents": lambda model: model.quantize_latents(model.encode_latents(raw)),
        "embed_codes": lambda model: model.embed_codes(torch.ones(1, 4, len(model.codebook_sizes), dtype=torch.int64)),
        "forward": lambda model: model(raw)[1].codes,
    }


def artist(prompt: str, picture: Image) -> Verbs:
    pixels = picture.pixels
    mask = np.arange(pixels[..., 0].size).reshape(pixels.shape[:2]) % 8 == 0
    return {
        "call": lambda model: model(prompt, steps=2),
        "generate": lambda model: model.generate([prompt, prompt], steps=2, guidance=1.0)[1],
        "inpaint": lambda model: model.inpaint([picture], [mask], steps=2)[0],
        "upscale": lambda model: model.upscale([Image(pixels[::4, ::4].copy())], steps=2)[0],
        "denoise": lambda model: model.denoise([picture], [prompt], steps=2)[0],
        "features": lambda model: model.features(torch.from_numpy(pixels).float().unsqueeze(0) / 255).x,
    }


@cache
def spoken() -> Audio:
    speech: Audio = mmzoo.create("vqvae-dit-tts")("a large red circle", steps=4)
    return speech


@cache
def drawn() -> Image:
    picture: Image = mmzoo.create("vqvae-dit-text2image")(CAPTION, steps=5)
    return picture


def prior(prompt: str) -> Verbs:
    """What is drawn may differ after any rounding, so only its kind is compared."""

    def bits(model: Any) -> Tensor:
        codes = torch.ones(1, 4, len(model.tokenizer.codebook_sizes), dtype=torch.int64)
        condition = model.condition(model.golden_condition(torch.Generator().manual_seed(0)))
        return torch.tensor(model.bits(codes, condition)[0])

    return {"bits": bits, "generate": lambda model: type(model.generate([prompt])[0]).__name__}


SEGMENTER: Verbs = {"segment": lambda model: torch.from_numpy(model.segment(SCENE).classes.astype(np.int64))}
MODELS: Mapping[str, Verbs] = {
    "vqvae-words": {  # the number of patches may differ after rounding
        verb: call for verb, call in tokenizer("text").items() if verb != "tokenize"
    },
    "vqvae-prior-image": prior("seven"),
    "vqvae-prior-speech": prior("seven"),
    "vqvae-prior-text": prior("The old"),
    "dit-segmentation": SEGMENTER,
    "unet-segmentation": SEGMENTER,
    "vqvae-dit-revoice": {  # a phone may differ after rounding
        "phones": lambda model: model.golden({"speech": torch.from_numpy(spoken().samples).unsqueeze(0)})[1]["phones"]
    },
    "vqvae-speech": tokenizer("speech"),
    "vqvae-image": tokenizer("image"),
    "phonemizer-en": {"call": lambda model: model("Doctor Zorblax flurbed at 10:45.").phones},
    "vqvae-dit-tts": {
        "call": lambda model: model("Hello there.", steps=2),
        "batch": lambda model: model(["one", "two"], steps=2)[1],
        "stream": lambda model: next(model.stream("Hello. There you are.", steps=2)),
        "speak_phones": lambda model: model.speak_phones(["hh", "ax", "l", "ow"], steps=2),
    },
    "vqvae-dit-text2image": artist(CAPTION, SCENE),
    "vqvae-dit-digits": artist("seven", DIGIT),
    "vqvae-dit-image2speech": {
        "describe": lambda model: model.describe([drawn(), drawn()])[1],
        "transfer": lambda model: model.transfer(drawn(), steps=2),
    },
    "vqvae-dit-speech2image": {
        "hear": lambda model: model.hear(spoken()),
        "transfer": lambda model: model.transfer(spoken(), steps=2),
    },
    "vqvae-dit-recognition": {
        "image": lambda model: model.recognize(image=DIGIT),
        "speech": lambda model: model.recognize(speech=TONE),
        "text": lambda model: model.recognize(text="seven"),
        "all": lambda model: model.recognize(image=DIGIT, speech=TONE, text="seven"),
        "lists": lambda model: model.recognize(image=[DIGIT, None], text=[None, "seven"])[1],
    },
}
QUICK = ("vqvae-words", "vqvae-dit-digits")
CASTS: Mapping[str, Callable[[str, str], Any]] = {
    "create": lambda name, dtype: mmzoo.create(name, dtype=dtype),
    "to": lambda name, dtype: mmzoo.create(name).to(getattr(torch, dtype)),
    "method": lambda name, dtype: getattr(
        mmzoo.create(name), {"float64": "double", "float16": "half"}.get(dtype, dtype)
    )(),
}
CASES = [
    pytest.param(name, how, dtype, marks=() if name in QUICK and how == "create" else pytest.mark.slow)
    for name in MODELS
    for how in CASTS
    for dtype in SNR
]


@cache
def exact(name: str) -> Mapping[str, Any]:
    model = mmzoo.create(name)
    return {verb: call(model) for verb, call in MODELS[name].items()}


def decibels(signal: Any, noise: Any) -> float:
    return 10 * math.log10(float(signal) / max(float(noise), 1e-30))


def test_all_bundled_models_are_here() -> None:
    assert {model.partition(":")[0] for model in mmzoo.list_models(pretrained=True)} == set(MODELS)


@pytest.mark.parametrize(("name", "how", "dtype"), CASES)
def test_every_verb_works_in_every_dtype(name: str, how: str, dtype: str) -> None:
    model = CASTS[how](name, dtype)
    assert all(p.dtype is getattr(torch, dtype) for p in model.parameters())  # of models in slots too
    for verb, call in MODELS[name].items():
        result, wanted = call(model), exact(name)[verb]
        assert type(result) is type(wanted), verb
        if isinstance(wanted, Tensor):
            assert result.shape == wanted.shape and not result.is_inference(), verb
            if wanted.is_floating_point():
                result, wanted = result.detach().double(), wanted.detach().double()
                assert decibels(wanted.square().sum(), (result - wanted).square().sum()) >= SNR[dtype], verb
            else:
                assert (result == wanted).float().mean() >= CODES[dtype], verb
        elif isinstance(wanted, Image):
            assert result.pixels.dtype == np.uint8
            noise = np.square(result.pixels.astype(float) - wanted.pixels).mean()
            assert decibels(255**2, noise) >= PSNR[dtype], verb
        elif isinstance(wanted, Audio):  # a phase may turn, so samples are compared only in double precision
            assert result.samples.dtype == np.float32 and np.isfinite(result.samples).all()
            assert result.duration == pytest.approx(wanted.duration, abs=0.01), verb
            assert result.samples.std() == pytest.approx(wanted.samples.std(), rel=0.1), verb
            if dtype == "float64":
                assert np.abs(result.samples - wanted.samples).max() <= 1e-3, verb
        elif isinstance(wanted, Labels):
            assert result.best == wanted.best and sum(result.probabilities) == pytest.approx(1, abs=1e-4)
            assert result.probabilities[0] == pytest.approx(wanted.probabilities[0], abs=PROBABILITY[dtype]), verb
        elif dtype == "float64" or name != "vqvae-words":  # a byte may differ in a copied text
            assert result == wanted, verb


@pytest.mark.parametrize("name", ["vqvae-speech", "vqvae-image", "vqvae-words"])
def test_one_can_train_on_codes_and_features(name: str) -> None:
    model = mmzoo.create(name)
    modality = model.modality
    codes = model.tokenize(GIVEN[modality])
    for one in (codes, model.features(RAW[modality]).x, model.quantize_latents(model.encode_latents(RAW[modality]))):
        table = torch.nn.Embedding(max(model.codebook_sizes), 3)
        table(one).sum().backward()
        assert table.weight.grad is not None and table.weight.grad.abs().sum() > 0
    weight = torch.ones(model.dim, requires_grad=True)
    (model.embed_codes(codes) * weight).sum().backward()
    assert weight.grad is not None
    latents = model.encode_latents(RAW[modality])
    latents.x.sum().backward()
    assert any(p.grad is not None for p in model.encoder.parameters())


@pytest.mark.parametrize("name", ["vqvae-dit-digits"])
def test_one_can_train_on_hidden_states(name: str) -> None:
    picture = torch.from_numpy(DIGIT.pixels).float().unsqueeze(0) / 255
    layer = torch.nn.LazyLinear(2)
    layer(mmzoo.create(name).features(picture).x).sum().backward()
    assert layer.weight.grad is not None


class Trained(ModelTrial):
    """A model with fresh parameters, built once."""

    @cached_property
    def built(self) -> Any:
        return self.fresh()

    def loss_in(self, dtype: torch.dtype) -> torch.Tensor:
        """The loss of one training step, and gradients that are finite."""
        head = copy.deepcopy(self.built).train().to(dtype)
        total = self.loss(head)
        total.backward()  # type: ignore[no-untyped-call]
        assert all(p.grad.isfinite().all() for p in head.parameters() if p.grad is not None)
        return total.detach()


@pytest.mark.parametrize("name", [*(pytest.param(n, marks=pytest.mark.slow) for n in MODELS if n not in QUICK), *QUICK])
def test_every_model_trains_in_every_dtype(name: str) -> None:
    trial = Trained(registry.catalog().model(name))
    exact = trial.loss_in(torch.float32)
    for dtype, tolerance in ((torch.float64, 1e-4), (torch.float16, 0.01), (torch.bfloat16, 0.02)):
        assert float(trial.loss_in(dtype)) == pytest.approx(float(exact), rel=tolerance), dtype
