"""Segmentation: masks and their scores, learning, pictures of any size, what is refused, and the command."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from mmzoo_recognition.augment import moved, moved_with_classes
from mmzoo_recognition.evaluate_segmentation import evaluate_segmentation
from mmzoo_recognition.masks import Segmentation, classes_of, read_mask
from mmzoo_recognition.segmentation import LONGEST, PixelDecoder, Segmenter

import mmzoo
from mmzoo.cli.main import main
from mmzoo.data import decode_image, encode_image, fit_image, make_row, to_dataset
from mmzoo.errors import ConfigError, CorruptFileError, DataError, InputError
from mmzoo.evaluation.masks import UNLABELED, Overlaps
from mmzoo.interfaces import Image, Latents, TaskHead

NAMES = ["background", "red", "blue"]
SIDE = 16
masks = st.tuples(st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda size: st.lists(st.integers(0, 2), min_size=size[0] * size[1], max_size=size[0] * size[1]).map(
        lambda values: np.array(values, np.uint8).reshape(size)
    )
)


class Features(TaskHead):
    """A stand-in for a diffusion model: mean colors of patches of 4 pixels, once for each depth and time."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple] = []
        self.scale = torch.nn.Parameter(torch.ones(()))

    def hidden_states(self, raw, *, depths, times):
        self.asked.append((depths, times))
        means = torch.nn.functional.avg_pool2d(raw.permute(0, 3, 1, 2), 4).permute(0, 2, 3, 1)
        x = torch.cat([means * (1 + depth) + time for depth in depths for time in times], dim=-1)
        return Latents(x.flatten(1, 2), grid=(x.shape[1], x.shape[2]))

    def denoising_errors(self, raw, prompts, *, times, seeds):
        raise AssertionError


def small(kind: str = "encoder", **config) -> Segmenter:
    torch.manual_seed(0)
    if kind == "encoder":
        head = Segmenter(**{"channels": 6, "widths": [], "classes": 3, "side": SIDE, **config})
        head.encoder, head.image_model = mmzoo.create("encoder/unet", widths=[6, 8], depth=1), None
    else:
        given = {"channels": 12, "widths": [8, 6], "classes": 3, "side": SIDE, "depths": [0, 2], "times": [0.5, 0.9]}
        head = Segmenter(**{**given, **config})
        head.encoder, head.image_model = None, Features()
    head.connect()
    return head.eval()


def scene(seed: int, height: int = SIDE, width: int = SIDE) -> tuple[Image, np.ndarray]:
    chance = np.random.default_rng(seed)
    mask = np.zeros((height, width), np.uint8)
    for value in (1, 2):
        top, left = int(chance.integers(height - 6)), int(chance.integers(width - 6))
        mask[top : top + 6, left : left + 6] = value
    colors = np.array([[20, 20, 20], [220, 30, 30], [30, 30, 220]], np.uint8)
    return Image(colors[mask]), mask


def rows(count: int = 12, **others) -> Dataset:
    made = []
    for index in range(count):
        picture, mask = scene(index)
        cells = {"mask": {"bytes": encode_image(Image(mask)), "path": None}, "mask_classes": NAMES, **others}
        made.append(make_row(id=str(index), text="", split="train", image=encode_image(picture), **cells))
    return to_dataset(made)


def trained(kind: str, tmp_path, steps: int = 60) -> Segmenter:
    head = small(kind, augment=False).train()
    examples = head.examples(rows(), tmp_path)
    batch = examples.collate([examples.example(i, torch.Generator()) for i in range(len(examples))])
    assert set(batch) == set(examples.keys) == set(head.batch_keys)
    optimizer = torch.optim.AdamW(head.decoder.parameters() if kind == "model" else head.parameters(), lr=1e-2)
    for _ in range(steps):
        losses = head.training_step(batch, torch.Generator().manual_seed(0))
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
    return head.eval()


@pytest.mark.parametrize("kind", ["encoder", "model"])
def test_it_learns_and_takes_pictures_of_any_size(kind, tmp_path):
    head = trained(kind, tmp_path)
    pictures, true = zip(*(scene(seed) for seed in range(50, 54)), strict=True)
    scores = Overlaps.of(true, [found.classes for found in head.segment(list(pictures))], 3)
    assert np.nanmean(scores.iou()) > 0.8
    assert np.array_equal(head.segment(pictures[1]).classes, head.segment(list(pictures))[1].classes)
    for height, width in ((SIDE, SIDE), (48, 32), (19, 45), (5, 200), (1, 1)):
        found = head.segment(fit_image(pictures[0], (height, width), "stretch"))
        assert found.classes.shape == (height, width) and found.names == tuple(NAMES)
    large = np.kron(true[0], np.ones((3, 3), np.uint8))
    found = head.segment(Image(np.kron(pictures[0].pixels, np.ones((3, 3, 1), np.uint8))))
    assert np.nanmean(Overlaps.of([large], [found.classes], 3).iou()) > 0.7


def test_the_size_that_the_network_sees():
    head = small("model")
    assert head.patch == 4 and head._size(16, 16) == (16, 16)
    for size in ((16, 100), (7, 9), (1000, 3), (31, 33)):
        seen = head._size(*size)
        assert all(extent % 4 == 0 and 4 <= extent <= LONGEST * SIDE for extent in seen) and min(seen) == SIDE


def test_a_diffusion_model_is_asked_for_its_depths_and_times():
    head = small("model")
    head.segment(scene(0)[0])
    assert head.image_model.asked == [((0, 2), (0.5, 0.9))]
    with pytest.raises(InputError, match=r"12.*6"):
        small("model", channels=6).segment(scene(0)[0])
    with pytest.raises(InputError, match="widths"):
        small("model", widths=[8]).segment(scene(0)[0])


def test_one_slot_must_be_filled():
    for both in (True, False):
        head = Segmenter(channels=6)
        head.encoder = mmzoo.create("encoder/unet", widths=[6]) if both else None
        head.image_model = Features() if both else None
        with pytest.raises(ConfigError, match="encoder"):
            head.connect()


@pytest.mark.parametrize(
    ("config", "path"),
    [({"side": 20}, "side"), ({"classes": 1}, "classes"), ({"depths": []}, "depths"), ({"times": []}, "times")],
)
def test_configs_that_are_refused(config, path):
    with pytest.raises(ConfigError) as refused:
        Segmenter(**{"channels": 6, **config})
    assert refused.value.path == path


def test_pixels_reach_the_decoder_at_every_resolution():
    decoder = PixelDecoder(3, [4, 4], 2, 1).eval()
    features, pixels = torch.zeros(1, 2, 2, 3), torch.rand(1, 8, 8, 3).requires_grad_()
    logits = decoder(features, pixels)
    assert logits.shape == (1, 8, 8, 2)
    logits[0, 4, 4].sum().backward()
    assert (pixels.grad[0, 4, 4] != 0).any() and decoder.patches == [2, 1]


# --- masks -----------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(masks, st.integers(1, 5))
def test_masks_survive_resizing(mask, factor):
    large = np.kron(mask, np.ones((factor, factor), np.uint8))
    assert np.array_equal(read_mask(Image(large), mask.shape, 3), mask) or factor > 1
    assert np.array_equal(read_mask(Image(mask), large.shape, 3), large)
    assert set(np.unique(read_mask(Image(large), mask.shape, 3))) <= set(np.unique(mask))  # no new classes


def test_a_mask_is_cropped_like_its_picture():
    picture, mask = scene(3, 20, 40)
    small_picture = fit_image(picture, (10, 10))
    small_mask = read_mask(Image(mask), (10, 10), 3)
    brightness = np.array([20, 220, 30])[small_mask]
    assert np.abs(small_picture.pixels[..., 0].astype(int) - brightness).mean() < 25


@settings(deadline=None)
@given(masks)
def test_a_perfect_mask_has_an_iou_of_1(mask):
    overlaps = Overlaps.of([mask], [mask], 5)
    present = np.isin(np.arange(5), mask)
    assert (overlaps.iou()[present] == 1).all() and np.isnan(overlaps.iou()[~present]).all()
    report = overlaps.report(["a", "b", "c", "d", "e"], draws=10)
    assert report["mean"] == {"iou": 1.0, "low": 1.0, "high": 1.0}
    assert set(report) == {"mean"} | {name for name, there in zip("abcde", present, strict=True) if there}


def test_intersection_over_union():
    true, guess = np.array([[0, 0, 1, UNLABELED]], np.uint8), np.array([[0, 1, 1, 0]], np.uint8)
    overlaps = Overlaps.of([true, true], [guess, true.clip(0, 1)], 3)
    assert overlaps.iou()[:2].tolist() == [3 / 4, 2 / 3] and np.isnan(overlaps.iou()[2])
    report = overlaps.report(["a", "b", "c"])
    assert report["mean"]["iou"] == pytest.approx((3 / 4 + 2 / 3) / 2) and "c" not in report
    assert report["a"]["low"] <= 3 / 4 <= report["a"]["high"]
    perfect = Overlaps.of([true, true], [true, true], 3)
    gain = perfect.gain(overlaps)
    assert gain["difference"] == pytest.approx(1 - (3 / 4 + 2 / 3) / 2) and gain["low"] >= 0


def test_a_segmentation_is_drawn():
    picture, mask = scene(0)
    found = Segmentation(mask, tuple(NAMES))
    assert sum(found.areas.values()) == pytest.approx(1) and next(iter(found.areas)) == "background"
    assert found.areas.keys() == {NAMES[i] for i in np.unique(mask)}
    drawn = found.overlay(picture).pixels
    assert np.array_equal(drawn[mask == 0], picture.pixels[mask == 0])
    assert (drawn[mask == 1] != picture.pixels[mask == 1]).any(1).all()
    again = decode_image({"bytes": encode_image(found.mask), "path": None})
    assert np.array_equal(read_mask(again, mask.shape, 3), mask)
    with pytest.raises(InputError, match="16 x 16"):
        found.overlay(Image(np.zeros((4, 4, 3), np.uint8)))


def test_masks_that_are_refused(tmp_path):
    for pixels, told in ((np.full((4, 4), 7, np.uint8), "7"), (np.tile(np.uint8([1, 2, 0]), (4, 4, 1)), "gray")):
        with pytest.raises(DataError, match=told):
            read_mask(Image(pixels), (4, 4), 3)
    for classes in (["one"], ["a", "a"], []):
        with pytest.raises(DataError):
            classes_of(Dataset.from_dict({"mask_classes": [classes]}))
    with pytest.raises(DataError, match="differ"):
        classes_of(Dataset.from_dict({"mask_classes": [["a", "b"], ["a", "c"]]}))
    with pytest.raises(ConfigError) as refused:
        small(classes=4).examples(rows(2), tmp_path)
    assert refused.value.path == "classes"


def test_classes_move_with_their_pixels():
    pixels = torch.stack([torch.from_numpy(scene(seed)[0].pixels.astype(np.float32)) for seed in range(4)]) / 255
    classes = torch.stack([torch.from_numpy(scene(seed)[1]) for seed in range(4)]).long()
    new, where = moved_with_classes(pixels, classes, torch.Generator().manual_seed(0))
    assert torch.equal(new, moved(pixels, torch.Generator().manual_seed(0))) and where.dtype == classes.dtype
    red = (new[..., 0] > 0.5).float()
    agreement = (red == (where == 1)).float().mean()
    assert agreement > 0.97 and not torch.equal(where, classes)


def test_unlabeled_pixels_are_not_learned():
    head = small("model", augment=False)
    picture, mask = scene(0)
    batch = {"image": torch.from_numpy(picture.pixels)[None], "classes": torch.from_numpy(mask)[None]}
    half = batch["classes"].clone()
    half[:, :8] = UNLABELED
    changed = {**batch, "classes": half}
    first = head.training_step(changed, torch.Generator())
    logits = head.logits(batch["image"].float() / 255)[0, 8:].flatten(0, 1)
    wanted = torch.nn.functional.cross_entropy(logits, batch["classes"][0, 8:].flatten().long())
    assert first.total.item() == pytest.approx(wanted.item(), rel=1e-4)
    nothing = {**batch, "classes": torch.full_like(half, UNLABELED)}
    assert head.training_step(nothing, torch.Generator()).total.item() == 0


def test_other_classes(tmp_path):
    head = small()
    head.names = list(NAMES)
    assert head.adapt(rows(2)) == {}
    other = rows(2, mask_classes=["background", "blue", "red", "green"])
    assert head.adapt(other) == {"classes": 4}
    new = small(classes=4)
    new.inherit(head, other)
    assert torch.equal(new.decoder.classify.weight[1], head.decoder.classify.weight[2])
    for name, content in new.files().items():
        (tmp_path / name).write_bytes(content)
    again = small(classes=4)
    again.load_files(tmp_path)
    assert again.names == ["background", "blue", "red", "green"]
    with pytest.raises(CorruptFileError, match="classes"):
        small().load_files(tmp_path)


def test_the_evaluation(tmp_path, monkeypatch):
    from mmzoo_recognition import evaluate_segmentation as module

    class Held:
        title = "scenes"

        @staticmethod
        def test_rows():
            return [rows(4), rows(3)]

    monkeypatch.setattr(module, "held_out", lambda model, data, columns: Held)
    model = small()
    model.names = list(NAMES)
    report = evaluate_segmentation(model, samples=tmp_path)
    assert report["protocol"]["pictures"] == 7
    assert set(report["iou"]) == {"mean", *NAMES} and 0 <= report["iou"]["mean"]["iou"] <= 1
    assert report["pixels"]["most_frequent_class"] > 0.5 and (tmp_path / "masks.png").is_file()
    model.names = [*NAMES[1:], NAMES[0]]
    with pytest.raises(DataError, match="same order"):
        evaluate_segmentation(model)


def test_the_command(tmp_path, monkeypatch, capsys):
    head = small()
    head.names = list(NAMES)
    monkeypatch.setattr(mmzoo, "create", lambda name, device: head)
    path = scene(0, 20, 30)[0].save(tmp_path / "a.png")
    mask, overlay = tmp_path / "mask.png", tmp_path / "overlay.png"
    arguments = ["segment", "small", "--image", str(path), "-o", str(mask), "--overlay", str(overlay)]
    assert main(arguments) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert sum(float(area) for _, area in lines) == pytest.approx(1, abs=1e-3)
    expected = head.segment(path)
    assert np.array_equal(Image.load(mask).pixels[..., 0], expected.classes)
    assert Image.load(overlay).pixels.shape == (20, 30, 3)
    assert main(["segment", "small", "--image", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["classes"] == NAMES
    assert main([*arguments[:-3], str(tmp_path / "mask.jpg")]) == 2
    assert "mask.jpg" in capsys.readouterr().err


def test_the_command_refuses_other_models(capsys, tmp_path):
    path = scene(0)[0].save(tmp_path / "a.png")
    assert main(["segment", "phonemizer-en", "--image", str(path)]) == 2
    assert "segment" in capsys.readouterr().err
