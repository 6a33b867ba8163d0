"""Which codes a tokenizer uses: counts, the page and the command."""

from __future__ import annotations

import numpy as np
import pytest
import torch

pytest.importorskip("matplotlib", reason="matplotlib, which draws, is not installed")
from mmzoo_recognition.explain import codebook_usage
from mmzoo_recognition.page import usage_page

import mmzoo
from mmzoo.cli.main import main
from mmzoo.interfaces import Audio, Image

CHANCE = np.random.default_rng(0)
PICTURE = Image(CHANCE.integers(0, 256, (16, 16, 3), dtype=np.uint8))
SOUND = Audio(CHANCE.normal(0, 0.1, 1600).astype(np.float32), 16000)


def pictures_tokenizer():
    torch.manual_seed(0)
    return mmzoo.create(
        "vqvae-image", pretrained=False, dim=8, encoder={"dim": 8, "widths": [8, 8], "depth": 1},
        quantizer={"dim": 8, "codebook_size": 16, "groups": 2},
    ).eval()  # fmt: skip


def speech_tokenizer():
    torch.manual_seed(0)
    return mmzoo.create(
        "vqvae-speech", pretrained=False, dim=8,
        encoder={"dim": 8, "width": 16, "depth": 1, "latent_depth": 1, "decoder_width": 16, "decoder_depth": 1},
        quantizer={"dim": 8, "codebook_size": 16, "groups": 2},
    ).eval()  # fmt: skip


def test_usage_adds_up_to_the_positions():
    tokenizer = pictures_tokenizer()
    wide = Image(np.tile(PICTURE.pixels, (1, 2, 1)))
    usage = codebook_usage(tokenizer, [PICTURE, wide])
    assert [len(count) for count in usage] == [16, 16] and [count.sum() for count in usage] == [16 + 32] * 2
    codes = tokenizer.tokenize(wide)[0]
    alone = codebook_usage(tokenizer, wide)
    assert all(alone[q][k] == (codes[:, q] == k).sum() for q in range(2) for k in range(16))
    spoken = codebook_usage(speech_tokenizer(), SOUND)
    assert {int(count.sum()) for count in spoken} == {speech_tokenizer().tokenize(SOUND).shape[1]}


def test_a_page_for_codes_of_each_kind():
    for value in (PICTURE, SOUND, "a $text$"):
        page = usage_page("title $", value, value, [np.eye(9, dtype=int)[3] * 5])
        assert page.pixels.shape == (560, 1200, 3) and page.pixels.std() > 10


@pytest.mark.parametrize("kind", ["image", "speech"])
def test_the_command_draws_codes(kind, capsys, tmp_path, monkeypatch):
    tokenizer = pictures_tokenizer() if kind == "image" else speech_tokenizer()
    monkeypatch.setattr(mmzoo, "create", lambda name, device: tokenizer)
    image, speech = PICTURE.save(tmp_path / "a.png"), SOUND.save(tmp_path / "a.wav")
    given, out = {"image": str(image), "speech": str(speech)}, tmp_path / "codes.png"
    assert main(["explain", "codes", f"--{kind}", given[kind], "-o", str(out)]) == 0
    assert "of 32 codes used" in capsys.readouterr().out
    assert Image.load(out).pixels.shape == (560, 1200, 3)
    out.unlink()
    for wrong, told in (
        (["--image", given["image"], "--speech", given["speech"]], f"tokenizer of {kind}; give --{kind}"),
        (["--text", "a"], f"tokenizer of {kind}"),
        ([f"--{kind}", given[kind], "--class", "x"], "has no classes"),
        ([f"--{kind}", str(tmp_path / "none")], "none"),
    ):
        assert main(["explain", "codes", *wrong, "-o", str(out)]) == 2
        error = capsys.readouterr().err
        assert told in error and error.count("\n") == 1 and not out.exists()
