"""What other models may rely on in a tokenizer, for each modality."""

from __future__ import annotations

import pytest
import torch

import mmzoo
from mmzoo.errors import InputError
from mmzoo.interfaces import Latents, Tokenizer

CASES = {
    "vqvae-image": torch.rand(2, 32, 24, 3, generator=torch.Generator().manual_seed(0)),
    "vqvae-speech": 0.1 * torch.randn(2, 24000, generator=torch.Generator().manual_seed(0)),
    "vqvae-words": torch.randint(97, 123, (2, 40), generator=torch.Generator().manual_seed(0)),
}


@pytest.fixture(params=CASES, scope="module")
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return mmzoo.create(request.param)


@pytest.fixture
def latents(tokenizer: Tokenizer) -> Latents:
    with torch.no_grad():
        return tokenizer.encode_latents(CASES[tokenizer.name])


def test_it_says_what_it_is(tokenizer: Tokenizer) -> None:
    assert isinstance(tokenizer, Tokenizer)
    facts = (tokenizer.modality, tokenizer.dim, tokenizer.sample_rate, tokenizer.rate, tokenizer.patch)
    assert (
        facts
        == {
            "vqvae-image": ("image", 32, None, None, 8),
            "vqvae-speech": ("speech", 36, 24000, 50.0, None),
            "vqvae-words": ("text", 32, None, None, None),
        }[tokenizer.name]
    )
    assert tokenizer.bits_per_latent == tokenizer.quantizer.bits_per_step


def test_latents_are_the_standardized_ones_of_the_encoder(tokenizer: Tokenizer, latents: Latents) -> None:
    raw = tokenizer.encoder.encode(CASES[tokenizer.name]).x
    torch.testing.assert_close(latents.x * tokenizer.latent_spread + tokenizer.latent_mean, raw, atol=1e-5, rtol=1e-4)


def test_quantizing_is_idempotent_and_agrees_with_tokenize(tokenizer: Tokenizer, latents: Latents) -> None:
    codes = tokenizer.quantize_latents(latents)
    assert codes.dtype == torch.int64 and codes.shape == (*latents.x.shape[:2], len(tokenizer.codebook_sizes))
    assert torch.equal(codes, tokenizer.quantizer.encode(tokenizer.encoder.encode(CASES[tokenizer.name]).x))
    embedded = tokenizer.embed_codes(codes)
    assert embedded.shape == latents.x.shape
    assert torch.equal(codes, tokenizer.quantize_latents(latents.with_x(embedded)))


def test_decoding_latents_is_reconstructing_their_codes(tokenizer: Tokenizer, latents: Latents) -> None:
    codes = tokenizer.quantize_latents(latents)
    items = tokenizer.decode_latents(latents.with_x(tokenizer.embed_codes(codes)))
    assert len(items) == 2
    grid = () if latents.grid is None else (latents.grid,)
    copy = tokenizer.reconstruct(codes[:1], *grid)
    if tokenizer.modality == "text":
        assert items[0] == copy
    elif tokenizer.modality == "image":
        assert abs(items[0].pixels.astype(int) - copy.pixels).max() <= 1
    else:
        torch.testing.assert_close(*(torch.from_numpy(one.samples) for one in (items[0], copy)), atol=1e-3, rtol=1e-3)


def test_gradients_reach_the_encoder(tokenizer: Tokenizer) -> None:
    weights = [p for p in tokenizer.encoder.parameters() if p.requires_grad]
    gradients = torch.autograd.grad(
        tokenizer.encode_latents(CASES[tokenizer.name]).x.square().sum(), weights, allow_unused=True
    )
    assert any(gradient is not None and gradient.abs().sum() > 0 for gradient in gradients)


def test_raw_batches_and_codes_of_another_shape_are_refused(tokenizer: Tokenizer, latents: Latents) -> None:
    raw = CASES[tokenizer.name]
    for wrong in (raw[0], raw.unsqueeze(0)):
        with pytest.raises(InputError):
            tokenizer.encode_latents(wrong)
    with pytest.raises(InputError):
        tokenizer.encode_latents(raw, torch.ones(3, 3, dtype=torch.bool))
    codes = tokenizer.quantize_latents(latents)
    for wrong in (codes, codes[:1, :0], codes[0], codes[:1] - max(tokenizer.codebook_sizes)):
        with pytest.raises(InputError):
            tokenizer.reconstruct(wrong)


def test_old_names_warn(tokenizer: Tokenizer, latents: Latents) -> None:
    with pytest.warns(FutureWarning, match="standardize"):
        old = tokenizer.standardise(latents.x)
    assert torch.equal(old, tokenizer.standardize(latents.x))
