"""Words to pictures: training, drawing, batches, and what is refused."""

import io

import numpy as np
import pytest
import torch
from datasets import Dataset
from mmzoo_image.examples import plain
from mmzoo_image.head import TextToImage
from mmzoo_image.spoil import TASKS, enlarge, hints, holes, shrink, spoil
from PIL import Image as Pillow
from torch import nn

import mmzoo
from mmzoo.cli.main import main
from mmzoo.data.words import Words, split
from mmzoo.errors import ConfigError, CorruptFileError, DataError, InputError
from mmzoo.interfaces import Image
from mmzoo.training.engine import Trainer
from mmzoo.training.recipe import load_recipe

WIDTH = 32


def small_model() -> TextToImage:
    """An untrained model over an untrained tokenizer of 4-pixel squares."""
    tokenizer = mmzoo.create(
        "vqvae-image", pretrained=False, dim=8, encoder={"dim": 8, "widths": [16, 16], "depth": 1},
        quantizer={"dim": 8, "codebook_size": 16, "groups": 2},
    )  # fmt: skip
    torch.manual_seed(0)
    model = TextToImage(dim=8, width=WIDTH, vocabulary=32, side=16, num_steps=2)
    model.tokenizer = tokenizer
    model.text = mmzoo.create("encoder/symbols", vocabulary=32, width=WIDTH, depth=1)
    model.backbone = mmzoo.create(
        "backbone/dit", width=WIDTH, depth=1, heads=2, in_channels=8, vector_channels={"text": WIDTH},
        aligned_channels={"place": WIDTH, "picture": 12}, sequence_channels={"words": WIDTH}, position="rope-2d",
    )  # fmt: skip
    model.sampler = mmzoo.create("sampler/euler")
    for parameter in model.backbone.parameters():
        nn.init.normal_(parameter, std=0.1)
    model.words = Words(["blue", "circle", "red"])
    return model.eval()


def rows(count: int = 8, side: int = 16) -> Dataset:
    def png(colour: tuple[int, int, int]) -> dict[str, object]:
        pixels = np.zeros((side, side, 3), np.uint8)
        pixels[4:9, 4:9] = colour
        buffer = io.BytesIO()
        Pillow.fromarray(pixels).save(buffer, "PNG")
        return {"bytes": buffer.getvalue(), "path": None}

    colours = {"red": (255, 0, 0), "blue": (0, 0, 255)}
    names = [("red", "blue")[i % 2] for i in range(count)]
    return Dataset.from_dict(
        {
            "id": [str(i) for i in range(count)],
            "text": [f"A {name} circle" for name in names],
            "image": [png(colours[name]) for name in names],
        }
    )


def test_pictures_do_not_depend_on_their_batch():
    model = small_model()
    both = model(["red circle", "a blue circle on nothing"], seed=3)
    assert [image.pixels.shape for image in both] == [(16, 16, 3)] * 2
    assert np.array_equal(both[0].pixels, model("red circle", seed=3).pixels)
    assert np.array_equal(both[1].pixels, model("a blue circle on nothing", seed=4).pixels)
    assert not np.array_equal(both[0].pixels, model("red circle", seed=4).pixels)
    assert not np.array_equal(model("red", seed=3).pixels, model("blue", seed=3).pixels)


@pytest.mark.parametrize("size", [(16, 24), (5, 9)])
def test_any_rectangle(size: tuple[int, int]):
    (image,) = small_model().generate(["red"], size=size, guidance=1)
    assert image.pixels.shape == (*size, 3)


def test_unknown_words_are_passed_over_and_named():
    model = small_model()
    assert model.unknown_words("A shiny red circle, shiny!") == ("a", "shiny")
    assert np.array_equal(model("shiny red").pixels, model("red").pixels)
    with pytest.raises(InputError, match=r"xyz.*blue, circle, red"):
        model("xyz")
    with pytest.raises(InputError, match="blue, circle, red"):
        model("")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"steps": 0}, "steps"),
        ({"steps": True}, "steps"),
        ({"guidance": -1}, "guidance"),
        ({"guidance": float("nan")}, "guidance"),
        ({"seed": -1}, "seed"),
        ({"size": (0, 5)}, "size"),
        ({"size": (5, 99_999)}, "size"),
        ({"size": (16.0, 16.0)}, "size"),
        ({"size": 5}, "size"),
        ({"interval": (0.9, 0.1)}, "interval"),
    ],
)
def test_bad_numbers(given: dict[str, object], told: str):
    with pytest.raises(InputError, match=told):
        small_model().generate(["red"], **given)


@pytest.mark.parametrize("prompts", ["red", [], [3]])
def test_prompts_are_a_list_of_strings(prompts: object):
    with pytest.raises(InputError, match="prompt"):
        small_model().generate(prompts)


def test_it_learns_which_word_means_what(tmp_path):
    """The loss falls, and with the words of the two pictures exchanged it is higher."""
    model = small_model()
    model.words = Words()
    examples = model.examples(rows(), tmp_path)
    assert model.words.words == ["a", "blue", "circle", "red"]
    batch = examples.collate([examples.example(i, torch.Generator()) for i in range(8)])
    assert batch["codes"].shape == (8, 16, 2) and batch["plain"].shape == (8, 16) and batch["words"].shape == (8, 3)
    assert batch["image"].shape == (8, 16, 16, 3)
    model.train()
    model.backbone.reset_parameters()
    parameters = [p for name, p in model.named_parameters() if not name.startswith("tokenizer.")]
    optimizer = torch.optim.AdamW(parameters, lr=3e-3)
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(150):
        losses = model.training_step(batch, generator)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        found.append(losses.total.item())
    assert np.mean(found[-20:]) < 0.8 * np.mean(found[:20])
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in parameters if p.requires_grad)
    model.eval()
    exchanged = {**batch, "words": batch["words"].roll(1, 0)}
    model.drop = 0.0
    with torch.no_grad():
        right, wrong = (
            np.mean([model.training_step(b, torch.Generator().manual_seed(i)).total.item() for i in range(8)])
            for b in (batch, exchanged)
        )
    assert right < wrong


def test_data_that_cannot_be_learnt_from(tmp_path):
    model = small_model()
    with pytest.raises(DataError, match="'a'"):
        model.examples(rows(), tmp_path)
    model = small_model()
    model.words, model.vocabulary = Words(), 3
    with pytest.raises(DataError, match=r"\b4\b"):
        model.examples(rows(), tmp_path)


def test_pictures_of_any_size_are_fitted_to_the_training_size(tmp_path):
    model = small_model()
    model.words = Words()
    examples = model.examples(Dataset.from_list([*rows(2, 12), *rows(2, 20)]), tmp_path)
    batch = examples.collate([0, 3])
    assert batch["image"].shape == (2, model.side, model.side, 3)
    assert batch["codes"].shape[1] == batch["plain"].shape[1] == (model.side // model.tokenizer.patch) ** 2


def test_words_are_a_file_of_the_model(tmp_path):
    model = small_model()
    for name, content in model.files().items():
        (tmp_path / name).write_bytes(content)
    other = small_model()
    other.words = Words()
    other.load_files(tmp_path)
    assert other.words.words == model.words.words
    for broken in ('["a", "a"]', '{"a": 1}', "[1]", "[", '["A b"]'):
        (tmp_path / "words.json").write_text(broken)
        with pytest.raises(CorruptFileError, match="words"):
            other.load_files(tmp_path)


def test_words_of_a_text():
    assert split("A red, 7-sided THING!") == ["a", "red", "7", "sided", "thing"]


def test_a_figure_is_read_as_its_word():
    ids, unknown = Words(["1", "seven"]).ids(["7", "1", "8"])
    assert ids[:, 0].tolist() == [2, 1, 0] and unknown == [(), (), ("eight",)]


def test_plain_patches():
    pixels = np.zeros((9, 8, 3), np.uint8)
    pixels[1, 5] = 255
    assert plain(Image(pixels), 4).tolist() == [True, False, True, True, False, False]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "does not draw"),
        (["-p", "red", "--class", "red"], "--prompt or --class"),
        (["-p", "red", "--num", "0"], "--num"),
        (["-p", "red", "-o", "/no/such/folder/a.png"], "does not exist"),
        (["-p", "red", "-o", "a.xyz"], ".png"),
        (["-p", "red"], "does not draw"),
    ],
)
def test_generate_refuses_in_one_line(arguments, told, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["generate", "phonemizer-en", *arguments]) == 2
    error = capsys.readouterr().err
    assert told in error and "Traceback" not in error
    assert not list(tmp_path.iterdir())


def test_generate_draws(capsys, tmp_path, monkeypatch):
    model = small_model()
    monkeypatch.setattr(mmzoo, "create", lambda name, device: model)
    target = tmp_path / "grid.png"
    assert main(["generate", "small", "--prompt", "shiny red", "--num", "3", "-o", str(target)]) == 0
    told = capsys.readouterr()
    assert "3 of 'shiny red'" in told.out and "shiny" in told.err
    assert Image.load(target).pixels.shape == (36, 36, 3)


def picture(seed: int = 0, height: int = 16, width: int = 16) -> Image:
    return Image(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def test_inpainting_changes_the_hole_alone():
    model, mask = small_model(), np.zeros((16, 16), bool)
    mask[2:9, 5:12] = True
    (drawn,) = model.inpaint([picture()], [mask], seed=1)
    assert np.array_equal(drawn.pixels[~mask], picture().pixels[~mask])
    assert not np.array_equal(drawn.pixels[mask], picture().pixels[mask])
    other = picture()
    other.pixels[mask] = 9  # what is hidden is not looked at
    assert np.array_equal(model.inpaint([other], [mask], seed=1)[0].pixels, drawn.pixels)


def test_edits_do_not_depend_on_their_batch_and_follow_words():
    model = small_model()
    both = model.denoise([picture(0), picture(1)], seed=3)
    assert np.array_equal(both[1].pixels, model.denoise([picture(1)], seed=4)[0].pixels)
    told = model.denoise([picture(1)], ["red circle"], seed=4)[0]
    assert not np.array_equal(told.pixels, both[1].pixels)
    mixed = model.denoise([picture(0), picture(1)], ["", "red circle"], seed=3)
    assert np.array_equal(mixed[0].pixels, both[0].pixels) and np.array_equal(mixed[1].pixels, told.pixels)
    asked = model.denoise([picture(1)], seed=4, steps=model.edit_steps)[0]  # without words that many, unless asked
    assert np.array_equal(asked.pixels, both[1].pixels)
    assert not np.array_equal(model.denoise([picture(1)], seed=4, steps=1)[0].pixels, both[1].pixels)


@pytest.mark.parametrize("size", [(4, 4), (3, 5)])
def test_upscaling_multiplies_the_sides_by_four(size):
    (drawn,) = small_model().upscale([picture(0, *size)])
    assert drawn.pixels.shape == (4 * size[0], 4 * size[1], 3)


def test_edits_refuse_what_does_not_fit():
    model = small_model()
    with pytest.raises(InputError):
        model.denoise(picture())
    with pytest.raises(InputError):
        model.denoise([picture(), picture(0, 8, 8)])
    with pytest.raises(InputError, match="prompts"):
        model.denoise([picture()], ["red", "blue"])
    with pytest.raises(InputError, match="prompts"):
        model.denoise([picture()], [3])
    with pytest.raises(InputError, match="masks"):
        model.inpaint([picture()], None)
    with pytest.raises(InputError, match=r"16 x 16.*\[8, 16\]"):
        model.inpaint([picture()], [np.ones((8, 16), bool)])
    with pytest.raises(InputError, match="size"):
        model.upscale([picture(0, 300, 300)])


@pytest.mark.parametrize("task", TASKS)
def test_spoiled_pictures_say_what_they_lack(task):
    pixels = torch.rand(3, 16, 24, 3, generator=torch.Generator().manual_seed(0))
    spoiled, told = spoil(task, pixels, 8, torch.Generator().manual_seed(0))
    assert spoiled.shape == pixels.shape and not torch.equal(spoiled, pixels)
    assert (
        told.shape == (3, 6, 4) and (told[..., 1:].sum(-1) == 1).all() and (told[..., 1 + TASKS.index(task)] == 1).all()
    )
    assert (told[..., 0].sum() > 0) == (task == "inpaint")


def test_hints_give_the_hidden_share_of_each_square():
    mask = torch.zeros(1, 9, 8, dtype=torch.bool)
    mask[0, :8, 4:] = True
    assert hints("inpaint", 1, (2, 1), 8, mask)[0, :, 0].tolist() == [0.5, 0.0]


def test_holes_are_never_empty_nor_everything_and_lie_anywhere():
    mask = holes(300, 40, 40, torch.Generator().manual_seed(0))
    sides = mask.any(2).sum(1)
    assert sides.min() > 0 and sides.max() <= 25 and mask.any(0).all()


def test_shrinking_averages_and_enlarging_keeps_flat_colours():
    rising = torch.arange(10.0).view(1, 1, 10, 1).expand(1, 4, 10, 3)
    assert shrink(rising)[0, 0, :, 0].tolist() == [1.5, 5.5, 8.5]
    back = enlarge(torch.tensor([0.0, 1.0]).view(1, 1, 2, 1).expand(1, 1, 2, 3), (1, 8))[0, 0, :, 0]
    assert back[0] < 0.1 < 0.3 < back[3] < back[4] < 0.7 < 0.9 < back[7]
    assert torch.allclose(enlarge(torch.full((1, 3, 2, 3), 0.3), (10, 8)), torch.full((1, 10, 8, 3), 0.3))


def png(path, image):
    return str(image.save(path))


def test_edit_writes_a_picture(capsys, tmp_path, monkeypatch):
    model = small_model()
    monkeypatch.setattr(mmzoo, "create", lambda name, device: model)
    source, target = png(tmp_path / "a.png", picture()), tmp_path / "b.png"
    mask = np.zeros((16, 16, 3), np.uint8)
    mask[:8] = 255
    hole = png(tmp_path / "m.png", Image(mask))
    for given, told, side in (
        (["--mask", hole], "50%", 16),
        (["--upscale"], "64 x 64", 64),
        (["--denoise", "-p", "a red ball"], "noise", 16),
    ):
        assert main(["edit", "small", "--input", source, *given, "-o", str(target)]) == 0
        said = capsys.readouterr()
        assert told in said.out and ("ball" in said.err) == ("-p" in given)
        assert Image.load(target).pixels.shape == (side, side, 3)


def test_edit_refuses_in_one_line(capsys, tmp_path):
    source, small = png(tmp_path / "a.png", picture()), png(tmp_path / "m.png", Image(np.zeros((8, 8, 3), np.uint8)))
    black = png(tmp_path / "k.png", Image(np.zeros((16, 16, 3), np.uint8)))
    (tmp_path / "broken.png").write_bytes(b"no picture")
    for given, told in (
        ([source], "one of --mask"),
        ([source, "--upscale", "--denoise"], "one of --mask"),
        ([source, "--mask", small], "same size"),
        ([source, "--mask", black], "no white pixel"),
        ([str(tmp_path / "none.png"), "--denoise"], "none.png"),
        ([str(tmp_path / "broken.png"), "--denoise"], "broken.png"),
        ([source, "--denoise"], "does not edit"),
    ):
        assert main(["edit", "phonemizer-en", "-o", str(tmp_path / "out.png"), "--input", *given]) == 2
        error = capsys.readouterr().err
        assert told in error and "Traceback" not in error and not (tmp_path / "out.png").exists()


def test_inner_features_tell_pictures_apart():
    model = small_model()
    model.feature_depth = 1
    pixels = torch.stack([torch.from_numpy(picture(seed).pixels) for seed in (0, 1)]).float() / 255
    found = model.features(pixels)
    assert found.x.shape == (2, 16, WIDTH) and found.grid == (4, 4)
    torch.testing.assert_close(found.x[1:], model.features(pixels[1:]).x, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(found.x[0], found.x[1], atol=1e-2)
    model.feature_depth = 9
    with pytest.raises(InputError, match=r"\b1\b"):
        model.features(pixels)


def test_what_trains_along_must_be_a_model(tmp_path):
    recipe = {"name": "tiny", "steps": 1, "batch_size": 4, "data": {"name": "rows"}}
    model = small_model()
    model.words = Words()
    wrong = load_recipe({**recipe, "model": {"name": "x", "joint": ["text"]}})
    with pytest.raises(ConfigError, match=r"model\.joint.*'text'.*tokenizer"):
        Trainer(wrong, model, rows(), out=tmp_path, cache=tmp_path).run()


@pytest.mark.parametrize("model", ["phonemizer-en", "vqvae-speech"])
def test_the_tokenizer_must_be_one_of_pictures(model: str):
    backbone = {"in_channels": 36, "aligned_channels": {"place": 128, "picture": 40}}
    with pytest.raises(ConfigError) as refused:
        mmzoo.create("vqvae-dit-digits", pretrained=False, tokenizer=model, dim=36, backbone=backbone)
    assert refused.value.path == "tokenizer"
