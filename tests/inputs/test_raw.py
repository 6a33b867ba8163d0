"""Raw batches and latents given to models and encoders as tensors: of the right layout, or refused with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from given import model
from torch import Tensor

import mmzoo
from mmzoo import registry
from mmzoo.errors import InputError
from mmzoo.interfaces import Latents

RAW: dict[str, Tensor] = {
    "speech": torch.sin(torch.arange(4000.0) / 9).unsqueeze(0) / 2,
    "image": torch.linspace(0, 1, 32 * 32 * 3).reshape(1, 32, 32, 3),
    "text": torch.tensor([list(b"The quick brown fox.")]),
    "codes": torch.ones(1, 6, 2, dtype=torch.int64),
    "vectors": torch.linspace(-1, 1, 6 * 4).reshape(1, 6, 4),
}
TOKENIZERS = ("vqvae-words", "vqvae-image", "vqvae-speech")
VERBS = ("forward", "encode_latents", "features", "quantize")


def wrong_batches(modality: str, raw: Tensor) -> Iterator[tuple[str, Any]]:
    yield from {
        "an item": raw[0],
        "another axis": raw.unsqueeze(0),
        "no items": raw[:0],
        "no positions": raw[:, :0],
        "an array": raw.numpy(),
        "a list": raw.tolist(),
        "complex": raw + 0j,
        "bool": raw > 0,
        "nothing": None,
    }.items()
    if raw.is_floating_point():
        yield "integers", (raw * 100).long()
        yield "bytes", (raw * 100).to(torch.uint8)
        for name, value in (("NaN", torch.nan), ("infinity", torch.inf)):
            bad = raw.clone()
            bad.view(-1)[7] = value
            yield name, bad
    else:
        yield "floats", raw.float()
        yield "negative", raw - 200
        yield "above the last", raw + 300
    if modality == "image":
        yield "channels first", raw.permute(0, 3, 1, 2)
        yield "gray", raw[..., :1]


def wrong_masks(mask: Tensor) -> Iterator[Any]:
    yield from (mask.float(), mask.long(), mask[:, :-1], mask[0], mask.numpy(), mask.tolist())


def mask_of(modality: str, raw: Tensor) -> Tensor:
    return torch.ones(raw.shape if modality in ("speech", "text") else raw.shape[:-1], dtype=torch.bool)


def encoders() -> Iterator[Any]:
    for name in mmzoo.list_components("encoder"):
        bare = name.partition("/")[2]
        yield pytest.param(bare, marks=pytest.mark.slow if bare == "timm" else ())  # it imports slowly


@pytest.mark.parametrize("name", encoders())
def test_encoders_refuse_a_batch_of_another_layout(name: str) -> None:
    trial = {**registry.catalog().component("encoder", name).trials[0]}
    encoder = mmzoo.create(f"encoder/{name}", **trial)
    modality = encoder.modality
    raw = RAW[modality]
    if modality == "codes":
        raw = raw[..., :1].expand(1, 6, len(encoder.sizes))
    elif modality == "vectors":
        raw = torch.randn(1, 6, encoder.embed.in_features, generator=torch.Generator().manual_seed(0))
    elif modality == "text":
        raw = raw % 8
    mask = mask_of(modality, raw)
    assert encoder.encode(raw).x.isfinite().all()
    for what, batch in wrong_batches(modality, raw):
        with pytest.raises(InputError):
            encoder.encode(batch)
            pytest.fail(what)
    for wrong in wrong_masks(mask):
        with pytest.raises(InputError, match="mask"):
            encoder.encode(raw, wrong)


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("verb", VERBS)
def test_models_refuse_a_raw_batch_of_another_layout(name: str, verb: str) -> None:
    tokenizer = model(name)
    raw = RAW[tokenizer.modality]
    call = getattr(tokenizer, verb)
    call(raw, mask_of(tokenizer.modality, raw))
    for _, batch in wrong_batches(tokenizer.modality, raw):
        with pytest.raises(InputError, match=f"{tokenizer.modality}|Symbol"):
            call(batch)
    for wrong in wrong_masks(mask_of(tokenizer.modality, raw)):
        with pytest.raises(InputError, match="mask"):
            call(raw, wrong)


def test_text_may_be_of_any_integer_dtype_and_padding_may_hold_anything() -> None:
    text, speech = model("vqvae-words"), model("vqvae-speech")
    expected = text.features(RAW["text"]).x
    for dtype in (torch.uint8, torch.int16, torch.int32, torch.uint16):
        assert torch.equal(text.features(RAW["text"].to(dtype)).x, expected)
    mask = torch.arange(4000).unsqueeze(0) < 3200
    padded = RAW["speech"].masked_fill(~mask, 0.9)
    assert torch.equal(speech.features(padded, mask).x, speech.features(RAW["speech"], mask).x)


def test_training_leaves_nan_to_the_quantizer() -> None:
    tokenizer = mmzoo.create("vqvae-image").train()
    raw = torch.cat([RAW["image"]] * 2)
    raw[0] = torch.nan
    codes = tokenizer(raw)[1].codes
    assert (codes[1] >= 0).all()


@pytest.mark.parametrize(
    "name", ["log-mel", "seanet", "source-filter-autoencoder", "speech-convnext", "speech-transformer", "vectors"]
)
def test_nothing_in_the_padding_reaches_an_encoder(name: str) -> None:
    trial = registry.catalog().component("encoder", name).trials[0]
    encoder = mmzoo.create(f"encoder/{name}", **trial).eval()
    raw = RAW[encoder.modality] if encoder.modality == "speech" else torch.randn(1, 6, trial["channels"])
    mask = torch.ones(raw.shape[:2], dtype=torch.bool)
    mask[:, -2:] = False
    exact = encoder.encode(raw, mask)
    inside = slice(None) if exact.mask is None else exact.mask
    for value in (torch.nan, torch.inf, 1e30):
        padded = raw.clone()
        padded[:, -2:] = value
        torch.testing.assert_close(encoder.encode(padded, mask).x[inside], exact.x[inside])


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("verb", ["decode_latents", "quantize_latents"])
def test_latents_of_another_layout_are_refused(name: str, verb: str) -> None:
    tokenizer = model(name)
    latents = tokenizer.encode_latents(RAW[tokenizer.modality])
    latents = latents.with_x(latents.x.detach())
    call, x = getattr(tokenizer, verb), latents.x
    for dtype in (torch.float64, torch.bfloat16):
        assert len(call(latents.with_x(x.to(dtype)))) == 1
    for wrong in (
        x,
        None,
        x.numpy(),
        *map(latents.with_x, (x[0], x[..., 1:], x[:, :0], x[:0], x.long(), x * torch.nan, x * torch.inf)),
        replace(latents, mask=torch.ones(1, 3, dtype=torch.bool)),
        Latents(x.tolist()),  # type: ignore[arg-type]
        Latents(np.asarray(x)),  # type: ignore[arg-type]
    ):
        with pytest.raises(InputError):
            call(wrong)


@pytest.mark.parametrize("name", TOKENIZERS)
def test_codes_that_hold_no_integers_of_their_own(name: str) -> None:
    codes = torch.ones(1, 16, len(model(name).codebook_sizes), dtype=torch.int64)
    array = codes.numpy()
    for verb in (model(name).reconstruct, model(name).embed_codes):
        for wrong in (
            codes.to_sparse(),
            codes.to("meta"),
            array.astype("m8[s]"),
            array.astype(object),
            array.astype("U"),
        ):
            with pytest.raises(InputError, match="Codes"):
                verb(wrong)
