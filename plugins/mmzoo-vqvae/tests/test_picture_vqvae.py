"""The picture VQ-VAE: shapes, sizes, batches, training."""

import io

import numpy as np
import pytest
import torch
from datasets import Dataset
from mmzoo_vqvae.picture_autoencoder import PictureAutoencoder
from mmzoo_vqvae.picture_tokenizer import PictureVQVAE
from mmzoo_vqvae.vector import VectorQuantizer
from PIL import Image as Pillow

from mmzoo.errors import ConfigTypeError, DataError, InputError
from mmzoo.interfaces import Image


def small_model():
    torch.manual_seed(0)
    model = PictureVQVAE(dim=8)
    model.encoder = PictureAutoencoder(dim=8, widths=(16, 24), depth=1)
    model.quantizer = VectorQuantizer(dim=8, codebook_size=16, groups=2)
    return model.eval()


def picture(height, width, seed=0):
    return Image(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def rows(count, side=16):
    def png(seed):
        buffer = io.BytesIO()
        Pillow.fromarray(picture(side, side, seed).pixels).save(buffer, "PNG")
        return {"bytes": buffer.getvalue(), "path": None}

    return Dataset.from_dict({"id": [str(i) for i in range(count)], "image": [png(i) for i in range(count)]})


@pytest.mark.parametrize(("height", "width"), [(16, 16), (16, 24), (4, 4), (5, 7), (1, 1)])
def test_any_rectangle_goes_round(height, width):
    model = small_model()
    codes = model.tokenize(picture(height, width))
    rows, columns = -(-height // 4), -(-width // 4)
    assert codes.shape == (1, rows * columns, 2) and codes.dtype == torch.int64
    assert model.reconstruct(codes, (rows, columns)).pixels.shape == (4 * rows, 4 * columns, 3)
    copy = model(picture(height, width))
    assert copy.pixels.shape == (height, width, 3) and copy.pixels.dtype == np.uint8


def test_a_batch_has_the_codes_of_its_items():
    model = small_model()
    items = [picture(16, 16, seed) for seed in range(3)]
    assert torch.equal(model.tokenize(items), torch.cat([model.tokenize(item) for item in items]))


def test_bad_input_is_named(tmp_path):
    model = small_model()
    with pytest.raises(InputError):
        model.tokenize([])
    with pytest.raises(InputError):
        model.tokenize([picture(8, 8), picture(8, 16)])
    with pytest.raises(InputError, match=r"\[1, N, Q\]"):
        model.reconstruct(torch.zeros(2, 4, 2, dtype=torch.int64))
    with pytest.raises(InputError, match="grid"):
        model.reconstruct(torch.zeros(1, 6, 2, dtype=torch.int64))
    with pytest.raises(InputError, match="2 x 2"):
        model.reconstruct(torch.zeros(1, 6, 2, dtype=torch.int64), (2, 2))
    with pytest.raises(ConfigTypeError, match="widths"):
        PictureAutoencoder(dim=8, widths=())
    with pytest.raises(DataError):
        model.examples(rows(1).select([]), tmp_path)


@pytest.mark.parametrize(
    ("sizes", "side", "shape"),
    [((16, 8), None, (64, 64)), ((16, 8), 24, (24, 24)), ((8, 8), None, (8, 8)), ((8, 8), 16, (16, 16))],
)
def test_pictures_are_trained_on_at_one_size(tmp_path, sizes, side, shape):
    model = small_model()
    model.side = side
    mixed = Dataset.from_list([row for size in sizes for row in rows(1, size)])
    examples = model.examples(mixed, tmp_path)
    batch = examples.collate([examples.example(i, torch.Generator()) for i in range(2)])
    assert batch["image"].shape == (2, *shape, 3) and batch["image"].dtype == torch.uint8
    assert all(shown.pixels.shape == (shape[0], 2 * shape[1], 3) for _, shown in model.previews(mixed))


def test_training_makes_copies_better(tmp_path):
    torch.manual_seed(0)
    model = small_model().train()
    examples = model.examples(rows(4, 8), tmp_path)
    generator = torch.Generator().manual_seed(0)
    batch = examples.collate([examples.example(i, generator) for i in range(4)])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    found = []
    for _ in range(60):
        losses = model.training_step(batch, generator)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        found.append(losses.parts["pixels"].item())
    assert found[-1] < 0.6 * found[0]
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters() if p.requires_grad)
    model.eval()
    model.finish(examples)
    standard = model.standardize(model.quantizer(model.encoder.encode(batch["image"].float() / 255).x).z_q)
    assert standard.flatten(0, 1).mean(0).abs().max() < 1e-3
    assert (standard.flatten(0, 1).std(0) - 1).abs().max() < 1e-3
    (name, shown), *_ = model.previews(rows(2, 8))
    assert name == "0" and shown.pixels.shape == (8, 16, 3)


def test_detail_counts_more_than_plain_squares():
    from mmzoo_vqvae.picture_tokenizer import _detail, _weighted_l1

    target = torch.zeros(1, 16, 20, 3)
    target[0, 3, 11] = 1
    detail = _detail(target, 8)
    assert detail.shape == (1, 16, 20, 1) and detail[0, :8, 8:16].all() and detail.sum() == 64
    wrong = torch.zeros_like(target)
    wrong[0, 10, 2] = 1.0  # in a plain square
    assert _weighted_l1(wrong, 1 + 9 * detail) < _weighted_l1(wrong.roll((-8, 8), (1, 2)), 1 + 9 * detail) / 9
    assert _weighted_l1(torch.full_like(wrong, 0.5), 1 + 9 * detail).item() == pytest.approx(0.5)


def test_what_people_have_at_hand_is_tokenized(tmp_path):
    model, shown = small_model(), picture(16, 24)
    path = shown.save(tmp_path / "shown.png")
    codes = model.tokenize(shown)
    for given in (path, str(path), Pillow.open(path), shown.pixels, [shown], [path]):
        assert torch.equal(model.tokenize(given), codes)
    assert model(path).pixels.shape == (16, 24, 3) and repr(shown) == "Image(24 x 16)"
    for wrong in (tmp_path / "none.png", 3, np.zeros(5)):
        with pytest.raises(InputError):
            model.tokenize(wrong)
