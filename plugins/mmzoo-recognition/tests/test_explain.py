"""Explanations: what decides is what is marked, attributions add up, gates, the page and the command."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

pytest.importorskip("captum", reason="captum, which attributes, is not installed")
pytest.importorskip("matplotlib", reason="matplotlib, which draws, is not installed")
from mmzoo_recognition import explain as module
from mmzoo_recognition.examples import batch_of, samples_of
from mmzoo_recognition.explain import explain
from mmzoo_recognition.head import MODALITIES, Recognizer
from mmzoo_recognition.page import explanation_page

import mmzoo
from mmzoo.cli.main import main
from mmzoo.errors import InputError, MissingDependencyError
from mmzoo.interfaces import Audio, Image, Latents, ModalityEncoder
from mmzoo.nn.patches import fold

SIDE, RATE = 16, 16000
TEXTS = ("mmmamm", "mmmbmm")
DECIDES = 3
"""The letter by which the two texts differ."""


def picture(label: int, seed: int = 0) -> Image:
    """The left half is bright above or below, which is the class; so is the right half, which is chance."""
    chance = np.random.default_rng(seed)
    pixels = chance.integers(0, 60, (SIDE, SIDE, 3), dtype=np.uint8)
    for half, place in ((slice(0, 8), label), (slice(8, 16), int(chance.integers(2)))):
        pixels[8 * place : 8 * place + 8, half] += 150
    return Image(pixels)


def sound(label: int, seed: int = 0) -> Audio:
    time = np.arange(1600) / RATE
    noise = 0.01 * np.random.default_rng(seed).standard_normal(len(time))
    # It swells, as what lasts unchanged from end to end is not heard.
    tone = np.hanning(len(time)) * np.sin(2 * np.pi * (400, 1500)[label] * time)
    return Audio((0.3 * tone + noise).astype(np.float32), RATE)


def item(label: int, seed: int = 0) -> dict:
    return {"image": picture(label, seed), "speech": sound(label, seed), "text": TEXTS[label]}


def small(*modalities: str, fusion: str = "weighted") -> Recognizer:
    torch.manual_seed(0)
    encoders = {
        "image": lambda: mmzoo.create("encoder/vit", width=16, depth=1, heads=2, patch=4),
        "speech": lambda: mmzoo.create("encoder/speech-transformer", width=16, depth=1, heads=2, bands=20),
        "text": lambda: mmzoo.create("encoder/bytes", width=16, depth=1),
    }
    head = Recognizer(width=16, classes=2, side=SIDE, drop=0.5, augment=False)
    for name in MODALITIES:
        setattr(head, name, encoders[name]() if name in modalities else None)
    head.image_model = head.speech_model = None
    head.fusion = mmzoo.create(f"fusion/{fusion}", widths=dict.fromkeys(modalities, 16), width=16)
    head.names = ["above", "below"]
    head.connect()
    return head.eval()


@pytest.fixture(scope="module")
def judge() -> Recognizer:
    head = small(*MODALITIES).train()
    optimizer, generator = torch.optim.AdamW(head.parameters(), lr=5e-3), torch.Generator().manual_seed(0)
    for step in range(40):
        items = [item(seed % 2, seed) for seed in range(32 * step, 32 * step + 32)]
        batch = batch_of(items, MODALITIES, side=SIDE, sample_rate=RATE) | {"label": torch.arange(32) % 2}
        losses = head.training_step(batch, generator)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
    return head.eval()


def total(found: module.Explanation) -> float:
    return sum(float(values.sum()) for values in found.attributions.values())


# --- what is marked ----------------------------------------------------------------------------------


@pytest.mark.parametrize("label", [0, 1])
def test_what_decides_is_what_is_marked(judge, label):
    found = explain(judge, image=picture(label, 91))
    assert found.target == found.labels.best == ("above", "below")[label]
    strength = np.abs(found.attributions["image"])
    assert strength.shape == (SIDE, SIDE) and strength[:, :8].sum() > 0.6 * strength.sum()
    tone = sound(0, 91 + label)  # the judge has come to listen for this one
    heard = explain(judge, speech=tone)
    by_band = np.abs(heard.attributions["speech"]).sum(0)
    assert heard.attributions["speech"].shape == heard.shown["speech"].shape == (10, 20)
    loudest = int(judge.speech.log_mel.encode(samples_of(tone, RATE)[None]).x[0].mean(0).argmax())
    assert by_band[loudest - 1 : loudest + 2].sum() > 0.3 * by_band.sum()  # 3 of 20 bands


def test_the_letter_that_decides_speaks_for_one_class_and_against_the_other(judge):
    values = {name: explain(judge, text=TEXTS[1], target=name).attributions["text"] for name in judge.names}
    assert all(value.shape == (6,) and np.abs(value).argmax() == DECIDES for value in values.values())
    assert values["below"][DECIDES] > 0 > values["above"][DECIDES]


def test_attributions_add_up_to_the_rise_of_the_logit(judge):
    found = explain(judge, **item(1, 5))
    assert list(found.attributions) == list(MODALITIES) and not found.notes
    assert total(found) == pytest.approx(found.rise, rel=1e-2) and found.rise > 1


@torch.no_grad()
def test_the_rise_is_that_from_nothing(judge):
    def logit(**batch: torch.Tensor) -> float:
        return float(judge.logits(judge.encoded(batch))[0, 0])

    pixels = torch.from_numpy(picture(0, 3).pixels.copy()).unsqueeze(0)
    plain = (pixels.float() / 255).mean((1, 2), keepdim=True).expand(pixels.shape)
    found = explain(judge, image=picture(0, 3), target="above")
    assert total(found) == pytest.approx(logit(image=pixels) - logit(image=plain), abs=1e-2)
    letters = torch.tensor([list(TEXTS[1].encode())])
    there, weight = logit(text=letters), judge.text.embed.weight
    found, kept = explain(judge, text=TEXTS[1], target="above"), weight.clone()
    weight.zero_()
    nothing = logit(text=letters)
    weight.copy_(kept)
    assert total(found) == pytest.approx(there - nothing, abs=1e-2)


def test_letters_of_several_bytes_count_once(judge):
    assert module._by_letter(np.arange(7.0), "mü€a").tolist() == [0, 1 + 2, 3 + 4 + 5, 6]
    found = explain(judge, text=" MÜÜ€a ")
    assert found.shown["text"] == "müü€a" and found.attributions["text"].shape == (5,)
    assert total(found) == pytest.approx(found.rise, abs=1e-2)


def test_too_few_steps_are_told(judge, monkeypatch):
    monkeypatch.setattr(module, "STEPS", 1)
    assert any("inexact" in note for note in explain(judge, **item(1)).notes)


def test_explaining_changes_nothing(judge):
    before = judge.recognize(**item(0))
    explain(judge, **item(0))
    assert judge.recognize(**item(0)) == before
    assert all(parameter.grad is None for parameter in small("text").parameters())
    assert not any(layer._forward_hooks for layer in judge.modules())


# --- gates -------------------------------------------------------------------------------------------


def test_gates_of_what_is_given_add_up_to_one(judge):
    gates = explain(judge, image=picture(0), text=TEXTS[0]).gates
    assert list(gates) == ["image", "text"] and sum(gates.values()) == pytest.approx(1)
    assert all(0 < gate < 1 for gate in gates.values())


def test_a_fusion_that_does_not_weigh_has_no_gates():
    found = explain(small("image", "text", fusion="concat"), image=picture(0), text=TEXTS[0])
    assert found.gates == {} and total(found) == pytest.approx(found.rise, abs=1e-2)


# --- encoders that cannot be followed to their input --------------------------------------------------


def test_codes_are_marked_on_their_grid():
    head = small("image")
    head.image_model = mmzoo.create(
        "vqvae-image", pretrained=False, dim=8, encoder={"dim": 8, "widths": [8, 8], "depth": 1},
        quantizer={"dim": 8, "codebook_size": 16, "groups": 2},
    ).eval()  # fmt: skip
    head.image = mmzoo.create("encoder/codes", codebook_sizes=[16, 16], width=16, depth=1, heads=2).eval()
    found = explain(head, image=picture(0))
    assert found.attributions["image"].shape == (4, 4) and "latents" in found.notes[0]
    assert total(found) == pytest.approx(found.rise, abs=1e-2) and np.abs(found.attributions["image"]).min() > 0
    assert explanation_page(found).pixels.shape[0] > 100


class Blocks(ModalityEncoder):
    """One latent for every 400 samples, without any spectrogram."""

    modality = "speech"

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(400, 16)

    def encode(self, raw, mask=None):
        return Latents(self.linear(raw.unflatten(1, (-1, 400))))


class Placed(ModalityEncoder):
    """Letters and places, embedded by two layers of which either could be meant."""

    modality = "text"

    def __init__(self) -> None:
        super().__init__()
        self.letters, self.places = nn.Embedding(256, 16), nn.Embedding(1000, 16)

    def encode(self, raw, mask=None):
        return Latents(self.letters(raw) + self.places(torch.arange(raw.shape[1]).expand(raw.shape)), mask)


class Squares(ModalityEncoder):
    """One latent for every square of pixels, which are cut off from the gradient in one way or another."""

    modality = "image"

    def __init__(self, cut) -> None:
        super().__init__()
        self.cut, self.linear = cut, nn.Linear(48, 16)

    def encode(self, raw, mask=None):
        return Latents(self.linear(fold(self.cut(raw), 4).flatten(1, 2)))


@pytest.mark.parametrize("cut", [torch.detach, lambda raw: (raw * 255).round()], ids=["detached", "rounded"])
def test_where_no_gradient_gets_to_the_pixels_latents_are_marked(cut):
    head = small("image")
    head.image = Squares(cut)
    found = explain(head, image=picture(0))
    assert found.attributions["image"].shape == (4, 4) and len(found.notes) == 1
    assert total(found) == pytest.approx(found.rise, abs=1e-2) and np.abs(found.attributions["image"]).min() > 0


def test_other_encoders_are_followed_to_their_latents():
    head = small("speech", "text")
    head.speech, head.text = Blocks(), Placed()
    found = explain(head, speech=sound(0), text=TEXTS[0])
    assert {name: values.shape for name, values in found.attributions.items()} == {"speech": (4,), "text": (6,)}
    assert found.shown["speech"].shape == (10, 64) and [note.split(":")[0] for note in found.notes] == [
        "speech",
        "text",
    ]
    assert total(found) == pytest.approx(found.rise, abs=1e-2) and explanation_page(found).pixels.std() > 10


# --- the page and the command ------------------------------------------------------------------------


def test_the_page_marks_what_speaks_for_in_red_and_against_in_blue(judge):
    for name, sign in (("below", 1), ("above", -1)):
        page = explanation_page(explain(judge, text=TEXTS[1], target=name)).pixels.astype(int)
        assert page.shape == (400, 500, 3)
        middle = 500 * (2 * DECIDES + 1) // 24  # the first row has places for 12 letters
        cell = page[60:120, middle - 10 : middle + 10].mean((0, 1))
        assert sign * (cell[0] - cell[2]) > 50
    assert explanation_page(explain(judge, **item(0))).pixels.shape == (400, 1800, 3)


def test_the_command_explains_what_is_recognised(judge, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(mmzoo, "create", lambda name, device: judge)
    image, out = picture(1, 3).save(tmp_path / "a.png"), tmp_path / "why.png"
    given = ["explain", "small", "--image", str(image), "--text", TEXTS[1], "-o", str(out)]
    assert main([*given, "--class", "above"]) == 0
    told = capsys.readouterr().out
    assert told.count("\n") == 1 and told.startswith(f"{out}: below (") and "evidence for above" in told
    assert Image.load(out).pixels.shape == (400, 1200, 3)
    for name in ("captum.attr", "matplotlib.figure"):
        with monkeypatch.context() as without:
            without.setitem(sys.modules, name, None)
            assert main(given) == 1
        assert "pip install captum matplotlib" in capsys.readouterr().err


def test_what_the_command_refuses(judge, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(mmzoo, "create", lambda name, device: judge if name == "small" else SimpleNamespace())
    image, out = str(picture(1).save(tmp_path / "a.png")), tmp_path / "why.png"
    for given, told in (
        (["small", "-o", str(out)], "at least one of --image"),
        (["small", "--image", image, "-o", str(tmp_path / "why.xyz")], "must end in .png"),
        (["small", "--image", image, "-o", str(tmp_path / "none" / "why.png")], "does not exist"),
        (
            ["small", "--image", image, "--class", "left", "-o", str(out)],
            "no class 'left'; its classes are above, below",
        ),
        (["other", "--image", image, "-o", str(out)], "other is neither a recognition model nor a tokenizer"),
        (["small", "--image", image], "--output"),
    ):
        assert main(["explain", *given]) == 2
        error = capsys.readouterr().err
        assert told in error and error.count("\n") == 1 and not out.exists()


def test_what_is_refused(judge, monkeypatch):
    with pytest.raises(InputError, match="image"):
        explain(judge, image=[picture(0)])
    with pytest.raises(InputError, match="image, speech, text"):
        explain(judge)
    with pytest.raises(InputError, match="speech"):
        explain(small("image"), speech=sound(0))
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(MissingDependencyError, match="pip install captum"):
        explain(judge, image=picture(0))
