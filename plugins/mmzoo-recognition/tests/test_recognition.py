"""Recognition: learning, any subset of the modalities, balance, what is refused, and the command."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from datasets import Dataset
from mmzoo_recognition.augment import moved, noisy, thinned
from mmzoo_recognition.examples import bytes_of
from mmzoo_recognition.head import MODALITIES, Recognizer, _dropped

import mmzoo
from mmzoo.cli.main import main
from mmzoo.data import encode_audio, encode_image, make_row, row_features
from mmzoo.errors import ConfigError, CorruptFileError, DataError, InputError
from mmzoo.interfaces import Audio, Image, Latents

ENCODERS = {
    "image": lambda: mmzoo.create("encoder/image-conv", widths=[8, 16], depth=1),
    "speech": lambda: mmzoo.create("encoder/speech-transformer", width=16, depth=1, heads=2, bands=20),
    "text": lambda: mmzoo.create("encoder/bytes", width=16, depth=1),
}


def small(*modalities: str, **config) -> Recognizer:
    torch.manual_seed(0)
    head = Recognizer(**{"width": 16, "classes": 2, "side": 16, "augment": False, **config})
    for name in MODALITIES:
        setattr(head, name, ENCODERS[name]() if name in modalities else None)
    head.image_model = head.speech_model = None
    head.fusion = mmzoo.create("fusion/weighted", widths=dict.fromkeys(modalities or MODALITIES, 16), width=16)
    head.connect()
    return head


def picture(label: int, seed: int = 0) -> Image:
    pixels = np.random.default_rng(seed).integers(0, 60, (16, 16, 3), dtype=np.uint8)
    pixels[:, 8 * label : 8 * label + 8] += 150
    return Image(pixels)


def sound(label: int, seed: int = 0) -> Audio:
    length = 3000 + 500 * (seed % 3)
    tone = np.sin(2 * np.pi * (400, 1500)[label] * np.arange(length) / 16000)
    return Audio((0.3 * tone + 0.01 * np.random.default_rng(seed).standard_normal(length)).astype(np.float32), 16000)


TEXTS = ("left low", "right high")


def rows(count: int = 16) -> Dataset:
    return Dataset.from_list(
        [
            make_row(
                id=str(i), text=TEXTS[i % 2], label=("left", "right")[i % 2], split="train",
                image=encode_image(picture(i % 2, i)), audio=encode_audio(sound(i % 2, i)),
            )
            for i in range(count)
        ],
        features=row_features(),
    )  # fmt: skip


def trained(*modalities: str, steps: int = 60, **config) -> Recognizer:
    head = small(*modalities, **config).train()
    examples = head.examples(rows(), None)
    optimizer = torch.optim.AdamW(head.parameters(), lr=5e-3)
    generator = torch.Generator().manual_seed(0)
    batch = examples.collate(list(range(len(examples))))
    for _ in range(steps):
        losses = head.training_step(batch, generator)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
    return head.eval()


@pytest.fixture(scope="module")
def judge() -> Recognizer:
    return trained(*MODALITIES)


def test_any_subset_of_the_modalities_will_do(judge):
    for label, name in enumerate(("left", "right")):
        given = {"image": picture(label, 91), "speech": sound(label, 91), "text": TEXTS[label]}
        for chosen in (["image"], ["speech"], ["text"], ["image", "text"], list(given)):
            found = judge.recognize(**{key: given[key] for key in chosen})
            assert found.best == name and found.probabilities[0] > 0.6, chosen
            assert sum(found.probabilities) == pytest.approx(1) and set(found.names) == {"left", "right"}


def test_a_list_gives_what_each_of_its_items_gives_alone(judge):
    pictures = [picture(0, 5), None, picture(1, 6)]
    sounds = [sound(0, 5), sound(1, 6), None]
    found = judge(image=pictures, speech=sounds)
    assert [labels.best for labels in found] == ["left", "right", "right"]
    for labels, image, speech in zip(found, pictures, sounds, strict=True):
        assert labels == judge(image=image, speech=speech)


def test_inputs_of_all_kinds_agree(judge, tmp_path):
    row = rows(2)[1]
    told = judge(image=picture(1, 1))
    path = picture(1, 1).save(tmp_path / "a.png")
    assert judge(image=str(path)) == told == judge(image=row) == judge(image=picture(1, 1).pixels)
    larger = np.kron(picture(1, 1).pixels, np.ones((2, 2, 1), np.uint8))
    assert judge(image=larger).best == told.best
    assert judge(speech=sound(1).save(tmp_path / "a.wav")).best == "right"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "image, speech, text"),
        ({"image": [None], "speech": [None]}, "image, speech, text"),
        ({"image": [picture(0)], "speech": []}, None),
        ({"image": []}, None),
        ({"image": [picture(0)] * 3, "text": "low"}, "text"),
        ({"text": " "}, None),
        ({"text": "a" * 2000}, "1000"),
        ({"speech": Audio(np.zeros(100, np.float32), 16000)}, "silent"),
        ({"speech": Audio(np.ones(40 * 16000, np.float32), 16000)}, "30 s"),
        ({"image": np.zeros((4, 4, 2), np.uint8)}, "channels"),
    ],
)
def test_what_is_refused(judge, given, told):
    with pytest.raises(InputError, match=told):
        judge.recognize(**given)


def test_a_model_of_some_modalities():
    head = trained("image", steps=40)
    assert head.speech is None and head.modalities == ("image",)
    assert head.recognize(image=picture(0, 77)).best == "left"
    with pytest.raises(InputError, match=r"speech.*image"):
        head.recognize(speech=sound(0))
    with pytest.raises(ConfigError, match="encoder"):
        small()
    head.text = ENCODERS["text"]()
    with pytest.raises(ConfigError, match=r"image.*text"):
        head.connect()


def test_data_that_cannot_be_learnt_from(tmp_path):
    with pytest.raises(ConfigError, match=r"\b2\b.*\b3\b"):
        small("image", classes=3).examples(rows(), tmp_path)
    head = small("image")
    head.names = ["left", "up"]
    with pytest.raises(DataError, match="'right'"):
        head.examples(rows(), tmp_path)
    unlabelled = Dataset.from_list([*rows(3), {**rows(1)[0], "label": None}], features=row_features())
    with pytest.raises(DataError, match="label"):
        small("image").examples(unlabelled, tmp_path)
    silent = Dataset.from_list([{**row, "audio": None} for row in rows()], features=row_features())
    with pytest.raises(DataError, match="audio"):
        small("speech").examples(silent, tmp_path)
    with pytest.raises(DataError):
        small("image").examples(rows().select([]), tmp_path)


def test_rare_classes_weigh_more_when_asked(tmp_path):
    rare = rows(16).select([0, 1, 2, 4, 6, 8, 10, 12])  # seven left, one right
    head = small("image", balance="weighted")
    batch = head.examples(rare, tmp_path).collate(list(range(8)))
    assert head.class_weights.tolist() == pytest.approx([8 / 14, 8 / 2])
    plain = small("image")
    plain.examples(rare, tmp_path)
    logits = torch.tensor([[4.0, 0.0]]).expand(8, -1)  # sure of the common class
    assert head._loss(logits, batch["label"]) > 2 * plain._loss(logits, batch["label"])


def test_the_focal_loss_forgives_what_is_nearly_right():
    plain, focal = small("image"), small("image", focal=2.0)
    sure, unsure, label = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 1.0]]), torch.tensor([0])
    ratio = [head._loss(unsure, label) / head._loss(sure, label) for head in (plain, focal)]
    assert ratio[1] > 5 * ratio[0]
    p = torch.tensor(3.0).sigmoid()
    assert focal._loss(sure, label).item() == pytest.approx(float(-((1 - p) ** 2) * p.log()), rel=1e-4)


def test_some_modalities_are_left_out_but_never_all():
    parts = {name: Latents(torch.ones(400, 3, 2)) for name in MODALITIES}
    kept = torch.stack([p.mask[:, 0] for p in _dropped(parts, 0.5, torch.Generator().manual_seed(0)).values()])
    assert kept.any(0).all() and 0.45 < kept.float().mean() < 0.65
    nothing_lost = _dropped(parts, 0.0, torch.Generator())
    assert all(p.mask.all() for p in nothing_lost.values())


def test_augmentation_keeps_what_matters():
    generator = torch.Generator().manual_seed(0)
    pixels = torch.full((2, 8, 8, 3), 0.25)
    assert torch.allclose(moved(pixels, generator), pixels, atol=1e-5)
    dot = torch.zeros(50, 33, 33, 3)
    dot[:, 16, 16] = 1
    places = moved(dot, generator).amax(-1).flatten(1).argmax(1)
    offsets = torch.stack((places // 33 - 16, places % 33 - 16)).float()
    assert offsets.abs().mean() > 0.3 and offsets.abs().max() <= 3 and offsets.mean().abs() < 1
    mask = torch.arange(100) < torch.tensor([[100], [60]])
    samples = torch.randn(2, 100, generator=generator) * mask
    changed = torch.stack([noisy(samples, mask, generator) for _ in range(20)])
    assert (changed[:, ~mask] == 0).all() and not (changed == samples).all()
    assert thinned(mask, generator).any(1).all() and not (thinned(mask, generator) & ~mask).any()
    assert thinned(torch.ones(1, 1, dtype=torch.bool), generator).all()


def test_texts_are_read_as_small_letters():
    assert bytes_of(" Three ").tolist() == list(b"three") == bytes_of({"text": "three"}).tolist()


def test_classes_are_a_file_of_the_model(judge, tmp_path):
    for name, content in judge.files().items():
        (tmp_path / name).write_bytes(content)
    other = small(*MODALITIES)
    other.load_files(tmp_path)
    assert other.names == ["left", "right"]
    for broken in ("[", "{}", '["a"]', "[1, 2]", '["a", "a"]'):
        (tmp_path / "classes.json").write_text(broken)
        with pytest.raises(CorruptFileError, match="classes"):
            other.load_files(tmp_path)


def test_the_command(judge, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(mmzoo, "create", lambda name, device: judge)
    image, speech = picture(1, 3).save(tmp_path / "a.png"), sound(1, 3).save(tmp_path / "a.wav")
    assert main(["recognize", "small", "--image", str(image), "--speech", str(speech), "--top", "1"]) == 0
    name, probability = capsys.readouterr().out.split()
    assert name == "right" and float(probability) > 0.6
    assert main(["recognize", "small", "--text", "left low", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["left"] > 0.6
    (tmp_path / "broken.png").write_bytes(b"x")
    for given, told in (
        ([], "at least one of --image"),
        (["--image", str(tmp_path / "broken.png")], "Cannot read"),
        (["--speech", str(tmp_path / "none.wav")], "none.wav"),
        (["--text", "x", "--top", "0"], "--top"),
    ):
        assert main(["recognize", "small", *given]) == 2
        error = capsys.readouterr().err
        assert told in error and "Traceback" not in error


def test_the_old_names_still_work(judge, capsys, monkeypatch):
    monkeypatch.setattr(mmzoo, "create", lambda name, device: judge)
    assert main(["recognise", "small", "--text", "left low", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["left"] > 0.6
    with pytest.warns(FutureWarning, match="recognize"):
        assert judge.recognise(text="left low") == judge.recognize(text="left low")


def test_the_command_refuses_other_models(capsys):
    assert main(["recognize", "phonemizer-en", "--text", "x"]) == 2
    assert "does not recognize" in capsys.readouterr().err


def test_the_features_of_another_model_stand_for_pixels():
    head = small("image")
    head.image_model = mmzoo.create(
        "vqvae-image", pretrained=False, dim=8, encoder={"dim": 8, "widths": [8, 8], "depth": 1},
        quantizer={"dim": 8, "codebook_size": 16, "groups": 2},
    ).eval()  # fmt: skip
    head.image = mmzoo.create("encoder/codes", codebook_sizes=[16, 16], width=16, depth=1, heads=2)
    found = head.encoded({"image": torch.from_numpy(picture(0).pixels)[None]})["image"]
    codes = head.image_model.tokenize(picture(0)).clone()
    assert torch.equal(found.x, head.image.encode(codes).x) and found.x.shape == (1, 16, 16)


def test_a_model_that_another_looks_through_must_have_features():
    for override in ({"model": "phonemizer-en"}, "phonemizer-en"):
        with pytest.raises(ConfigError, match=r"phonemizer-en") as refused:
            mmzoo.create("vqvae-dit-recognition", pretrained=False, image_model=override)
        assert refused.value.path == "image_model"
    head = small("text")
    head.image_model = mmzoo.create("vqvae-image", pretrained=False)
    with pytest.raises(ConfigError, match=r"encoder.*image"):
        head.connect()
