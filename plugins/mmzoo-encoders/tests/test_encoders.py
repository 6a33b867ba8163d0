"""What the conformance kit does not know: what these encoders see, and how far."""

from __future__ import annotations

import pytest
import torch

import mmzoo
from mmzoo.errors import ConfigError, InputError


def fresh(name: str, **settings):
    torch.manual_seed(0)
    return mmzoo.create(f"encoder/{name}", **settings)


def test_bytes_are_utf8():
    encoder = fresh("bytes", width=16, depth=1)
    one = encoder.encode_text(["aé"])
    assert one.x.shape == (1, 3, 16)  # é is two bytes
    ids = torch.tensor([list("aé".encode())])
    assert torch.equal(encoder.encode(ids).x, one.x)


def test_texts_of_a_batch_do_not_see_each_other():
    encoder = fresh("bytes", width=16, depth=2)
    both = encoder.encode_text(["short", "a much longer text"])
    assert both.mask is not None and both.mask.sum(1).tolist() == [5, 18]
    alone = encoder.encode_text(["short"])
    torch.testing.assert_close(both.x[:1, :5], alone.x, atol=1e-5, rtol=0)


@pytest.mark.parametrize("texts", [[], [""], ["a", ""]])
def test_empty_texts_are_refused(texts):
    with pytest.raises(InputError):
        fresh("bytes", width=8, depth=1).encode_text(texts)


def test_ids_outside_the_alphabet_are_refused():
    with pytest.raises(InputError, match=r"\b40\b.*\b40\b"):
        fresh("symbols", vocabulary=40, width=8, depth=1).encode(torch.tensor([[1, 40]]))


@pytest.mark.parametrize("depth", [1, 2])
def test_a_symbol_sees_three_neighbours_a_block(depth):
    encoder = fresh("symbols", vocabulary=9, width=8, depth=depth)
    for parameter in encoder.parameters():  # layer scales start small: let every path count
        torch.nn.init.normal_(parameter, std=0.5)
    a = torch.zeros(1, 31, dtype=torch.long)
    b = a.clone()
    b[0, 15] = 5
    changed = (encoder.encode(a).x - encoder.encode(b).x).abs().sum(-1)[0] > 1e-6
    assert changed.nonzero().flatten().tolist() == list(range(15 - 3 * depth, 16 + 3 * depth))


def test_a_tone_lands_in_its_mel_band():
    encoder = fresh("log-mel", bands=40)
    time = torch.arange(16000) / 16000
    peaks = [int(encoder.encode(torch.sin(2 * torch.pi * f * time)[None]).x[0, 10:-10].mean(0).argmax()) for f in
             (200, 500, 1000, 2000, 4000)]  # fmt: skip
    assert peaks == sorted(set(peaks)) and peaks[0] < 8 and peaks[-1] > 25


def test_the_rate_of_log_mels_is_that_of_their_frames():
    encoder = fresh("log-mel", hop=200, window=800, width=12)
    latents = encoder.encode(torch.randn(2, 16001))
    assert latents.x.shape == (2, 81, 12) and latents.rate == 80.0


@pytest.mark.parametrize(("name", "square"), [("image-conv", 8), ("vit", 4)])
def test_pictures_of_any_rectangle_have_a_grid(name, square):
    encoder = fresh(name)
    latents = encoder.encode(torch.rand(2, 20, 33, 3))
    assert latents.grid == (-(-20 // square), -(-33 // square))
    assert latents.x.shape[:2] == (2, latents.grid[0] * latents.grid[1])


def test_a_patch_lies_where_its_pixels_were():
    encoder = fresh("vit", width=16, depth=1, heads=2)
    a = torch.zeros(1, 16, 16, 3)
    b = a.clone()
    b[0, 5, 14] = 1  # row 1, column 3 of the patches
    changed = (encoder.encode(a).x - encoder.encode(b).x).abs().sum(-1)[0]
    assert int(changed.argmax()) == 4 + 3


def test_timm_features_at_any_depth():
    pytest.importorskip("timm", reason="timm is not installed")
    import timm

    for layer, channels in ((0, 64), (2, 128), (-1, 512)):
        encoder = fresh("timm", model="resnet10t", layer=layer)
        assert encoder.encode(torch.rand(1, 64, 64, 3)).x.shape[-1] == channels
    encoder = fresh("timm", model="resnet10t", layer=-1)
    reference = timm.create_model("resnet10t", features_only=True).eval()
    missing = reference.load_state_dict(encoder.model.state_dict(), strict=False)
    assert not missing.missing_keys
    pictures = torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(0))
    normal = (pictures - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    wanted = reference(normal.permute(0, 3, 1, 2))[-1]
    torch.testing.assert_close(encoder.encode(pictures).x, wanted.flatten(2).transpose(1, 2), atol=1e-4, rtol=1e-4)
    swin = fresh("timm", model="swin_tiny_patch4_window7_224", layer=0)  # channels last in timm
    assert swin.encode(torch.rand(1, 224, 224, 3)).x.shape == (1, 56 * 56, 96)
    with pytest.raises(InputError, match="64 x 64"):
        swin.encode(torch.rand(1, 64, 64, 3))
    with pytest.raises(ConfigError, match="resnet10tt"):
        fresh("timm", model="resnet10tt")
    with pytest.raises(ConfigError, match=r"\b5\b"):
        fresh("timm", model="resnet10t", layer=7)


def test_the_speech_transformer_joins_frames():
    encoder = fresh("speech-transformer", width=16, depth=1, heads=2)
    latents = encoder.encode(torch.randn(1, 16000))
    assert latents.x.shape == (1, 25, 16) and latents.rate == 25


def test_latents_of_speech_are_aligned_with_a_codecs():
    encoder = fresh("speech-convnext", width=16, depth=1)
    latents = encoder.encode(torch.randn(1, 24001))
    assert latents.x.shape == (1, 51, 16) and latents.rate == 50
    click = torch.zeros(1, 24000)
    click[0, 480 * 20 + 240] = 0.5  # in the middle of latent 20
    loudest = fresh("speech-convnext", width=16, depth=0, standardize=False).encode(click).x[0]
    changed = (loudest - loudest[0]).abs().sum(-1)
    assert int(changed.argmax()) == 20 and changed[:18].max() < 1e-5 and changed[23:].max() < 1e-5


@pytest.mark.parametrize("standardize", [True, False])
def test_standardized_speech_has_neither_loudness_nor_average_timbre_nor_silence(standardize):
    encoder = fresh("speech-convnext", width=16, depth=2, standardize=standardize)
    time = torch.arange(24000) / 24000
    tone = sum(torch.sin(2 * torch.pi * k * (120 * time + 60 * time**2)) / k for k in range(1, 20))
    speech = ((0.1 * tone + 0.02 * torch.randn(24000)) * (1 - torch.cos(2 * torch.pi * 4 * time))).unsqueeze(0)
    plain = encoder.encode(speech).x
    louder = encoder.encode(4 * speech).x
    paused = encoder.encode(torch.nn.functional.pad(speech, (0, 48000))).x[:, :50]
    filtered = encoder.encode(speech - 0.5 * torch.roll(speech, 1)).x

    def changed(other: torch.Tensor) -> float:
        return float(((other - plain)[:, 3:45].abs().mean() / plain.abs().mean()).detach())

    if standardize:
        assert changed(louder) < 1e-4 and changed(paused) < 0.05 and changed(filtered) < 0.2
    else:
        assert changed(louder) > 0.01 and changed(filtered) > 0.01 and changed(paused) < 1e-4


def test_codes_outside_their_book_and_of_another_number_are_refused():
    encoder = fresh("codes", codebook_sizes=[4, 8], width=16, depth=1, heads=2)
    assert encoder.encode(torch.tensor([[[3, 7]]])).x.shape == (1, 1, 16)
    for codes, told in (([[[4, 0]]], "outside"), ([[[-1, 0]]], "outside"), ([[[1, 1, 1]]], r"\[B, N, 2\]")):
        with pytest.raises(InputError, match=told):
            encoder.encode(torch.tensor(codes))
    with pytest.raises(ConfigError):
        fresh("codes", codebook_sizes=[])
