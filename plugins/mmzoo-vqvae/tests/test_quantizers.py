"""Quantizers: round trips, nearest codes, gradients, masks, learning."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmzoo_vqvae.codebook import EMACodebook
from mmzoo_vqvae.estimators import rotation_trick, straight_through
from mmzoo_vqvae.losses import code_counts, commitment_loss, perplexity
from mmzoo_vqvae.residual import ResidualVectorQuantizer
from mmzoo_vqvae.scalar import FiniteScalarQuantizer
from mmzoo_vqvae.search import nearest
from mmzoo_vqvae.vector import VectorQuantizer

from mmzoo.errors import ConfigTypeError, InputError


def quantizers():
    torch.manual_seed(0)
    return {
        "vq": VectorQuantizer(dim=6, codebook_size=16),
        "grouped": VectorQuantizer(dim=6, codebook_size=16, groups=3),
        "rotation": VectorQuantizer(dim=6, codebook_size=16, groups=2, estimator="rotation"),
        "rvq": ResidualVectorQuantizer(dim=6, codebook_size=16, levels=4),
        "fsq": FiniteScalarQuantizer(levels=[8, 5, 5, 5, 4, 3], per_codebook=2),
        "fsq-projected": FiniteScalarQuantizer(levels=[8, 5, 5], dim=6),
    }


@pytest.fixture(params=list(quantizers()))
def quantizer(request):
    return quantizers()[request.param].eval()


def test_decoding_the_codes_gives_the_forward_value(quantizer):
    z = torch.randn(2, 7, 6)
    out = quantizer(z)
    assert out.codes.shape == (2, 7, len(quantizer.codebook_sizes)) and out.codes.dtype == torch.int64
    torch.testing.assert_close(quantizer.decode(quantizer.encode(z)), out.z_q.detach(), atol=1e-5, rtol=1e-5)
    assert torch.equal(quantizer.encode(z), out.codes)


def test_codes_survive_decoding_and_encoding_again(quantizer):
    codes = torch.stack([torch.randint(size, (1, 50)) for size in quantizer.codebook_sizes], -1)
    if isinstance(quantizer, FiniteScalarQuantizer) and isinstance(quantizer.project_in, torch.nn.Identity):
        # A projection has no inverse. FSQ bounds its input by tanh: the value that rounds to level v is not v itself.
        levels = torch.tensor(quantizer.level_counts, dtype=torch.float64)
        rounded = quantizer.decode(codes).double() * quantizer.half_width.double()
        inner = (rounded + quantizer.offset) / quantizer.half_range.double()
        z = torch.atanh(inner) - quantizer.shift
        assert torch.isfinite(z).all() and (levels > 1).all()
        assert torch.equal(quantizer.encode(z.float()), codes)
        return
    if isinstance(quantizer, VectorQuantizer):
        assert torch.equal(quantizer.encode(quantizer.decode(codes)), codes)


def test_gradient_reaches_the_input(quantizer):
    z = torch.randn(2, 7, 6, requires_grad=True)
    quantizer(z).z_q.square().sum().backward()
    assert z.grad is not None and z.grad.abs().sum() > 0


def test_padding_changes_nothing_and_is_marked(quantizer):
    z = torch.randn(1, 5, 6)
    padded = torch.cat((z, 100 * torch.randn(1, 3, 6)), 1)
    mask = torch.arange(8).unsqueeze(0) < 5
    alone, together = quantizer(z), quantizer(padded, mask)
    torch.testing.assert_close(alone.z_q, together.z_q[:, :5])
    torch.testing.assert_close(alone.loss, together.loss)
    assert (together.codes[:, 5:] == -1).all() and torch.equal(alone.codes, together.codes[:, :5])
    with pytest.raises(InputError):
        quantizer.decode(together.codes)


def test_codes_outside_the_codebook_are_refused(quantizer):
    codes = torch.zeros(1, 2, len(quantizer.codebook_sizes), dtype=torch.long)
    codes[0, 1, 0] = quantizer.codebook_sizes[0]
    with pytest.raises(InputError):
        quantizer.decode(codes)
    with pytest.raises(InputError):
        quantizer.decode(torch.zeros(1, 2, 99, dtype=torch.long))


def test_bits_per_step():
    assert VectorQuantizer(dim=36, codebook_size=256, groups=12).bits_per_step == 96
    assert FiniteScalarQuantizer(levels=[8] * 32, per_codebook=4).bits_per_step == 96
    assert FiniteScalarQuantizer(levels=[8, 5, 5, 5]).codebook_sizes == (1000,)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3), st.integers(1, 40), st.integers(1, 33), st.integers(1, 9), st.floats(-1e4, 1e4))
def test_nearest_is_exact_wherever_the_data_lie(q, n, k, d, centre):
    generator = torch.Generator().manual_seed(q * 1000 + n * 31 + k)
    x = torch.randn(q, n, d, generator=generator).double() + centre
    codebooks = torch.randn(q, k, d, generator=generator).double() + centre
    found = nearest(x.float(), codebooks.float())
    distances = torch.cdist(x.float().double(), codebooks.float().double())
    best = distances.min(-1).values
    chosen = distances.gather(-1, found.unsqueeze(-1)).squeeze(-1)
    assert (chosen - best <= 1e-3 * (1 + best)).all()


def test_tiny_residuals_do_not_collapse():
    """Squared distances near 1e-10 still tell codes apart (a known defect of clamped implementations)."""
    codebook = 1e-5 * torch.randn(1, 14, 4)
    assert nearest(codebook, codebook).unique().numel() == 14


def test_estimators_have_the_value_of_the_code():
    x, q = torch.randn(3, 5, 4, requires_grad=True), torch.randn(3, 5, 4)
    for estimate in (straight_through, rotation_trick):
        torch.testing.assert_close(estimate(x, q), q, atol=1e-6, rtol=1e-5)
    (grad,) = torch.autograd.grad(straight_through(x, q).sum(), x)
    assert torch.equal(grad, torch.ones_like(x))


def test_rotation_keeps_angles_between_gradient_and_vector():
    x, q = torch.randn(1, 1, 8, requires_grad=True), torch.randn(1, 1, 8)
    upstream = torch.randn(1, 1, 8)
    (grad,) = torch.autograd.grad(rotation_trick(x, q), x, upstream)
    cosine = torch.nn.functional.cosine_similarity
    torch.testing.assert_close(cosine(grad, x, dim=-1), cosine(upstream, q, dim=-1), atol=1e-5, rtol=1e-4)


def test_rotation_is_finite_at_zero():
    x = torch.zeros(1, 1, 4, requires_grad=True)
    rotation_trick(x, torch.ones(1, 1, 4)).sum().backward()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("kind", ["vq", "grouped", "rvq"])
def test_codebooks_learn_clusters(kind):
    """Data from 16 far clusters: training brings the error near the clusters' own spread."""
    torch.manual_seed(0)
    quantizer = quantizers()[kind].train()
    centres = 5 * torch.randn(16, 6)

    def batch():
        return (centres[torch.randint(16, (256,))] + 0.05 * torch.randn(256, 6)).unsqueeze(0)

    first = float((quantizer.eval()(batch()).z_q - batch()).square().mean())
    quantizer.train()
    for _ in range(60):
        quantizer(batch())
    x = batch()
    last = float((quantizer.eval()(x).z_q - x).square().mean())
    assert last < 0.05 * first
    assert (quantizer(torch.cat([batch() for _ in range(8)], 1)).usage > 0.5).all()


def test_a_dead_code_is_revived_and_stays():
    torch.manual_seed(0)
    book = EMACodebook(1, 8, 2, decay=0.9)
    x = torch.randn(1, 400, 2)
    book.initialise(x)
    book.sums[0, 3] = 1e4 * book.counts[0, 3]
    for _ in range(60):
        book.update(x, nearest(x, book.vectors))
    assert book.vectors.abs().max() < 10
    assert nearest(x, book.vectors).unique().numel() == 8


def test_evaluation_does_not_move_codebooks(quantizer):
    before = {k: v.clone() for k, v in quantizer.state_dict().items()}
    quantizer(torch.randn(2, 9, 6))
    assert all(torch.equal(before[k], v) for k, v in quantizer.state_dict().items())


def test_a_frozen_codebook_does_not_move_in_training():
    quantizer = quantizers()["vq"].train()
    quantizer(torch.randn(1, 64, 6))
    quantizer.codebook.frozen = True
    before = quantizer.codebook.sums.clone()
    quantizer(torch.randn(1, 64, 6))
    assert torch.equal(before, quantizer.codebook.sums)


def test_every_residual_level_reaches_the_encoder():
    quantizer = quantizers()["rvq"].train()
    for _ in range(6):
        quantizer(torch.randn(1, 128, 6))
    z = torch.randn(1, 32, 6, requires_grad=True)
    quantizer(z).loss.backward()
    assert z.grad.abs().sum() > 0
    error = [
        float((z.detach() - quantizer.decode(quantizer.encode(z)[..., :level])).square().mean())
        for level in range(1, 5)
    ]
    assert error == sorted(error, reverse=True)


def test_commitment_ignores_the_mask_only_when_everything_is_real():
    x, q = torch.randn(2, 4, 3), torch.randn(2, 4, 3)
    torch.testing.assert_close(commitment_loss(x, q), commitment_loss(x, q, torch.ones(2, 4, dtype=torch.bool)))


def test_perplexity_counts_codes_in_use():
    codes = torch.arange(8).repeat(10).view(1, -1, 1)
    assert math.isclose(float(perplexity(code_counts(codes, (16,)))[0]), 8, rel_tol=1e-4)
    assert math.isclose(
        float(perplexity(code_counts(torch.zeros(1, 5, 1, dtype=torch.long), (16,)))[0]), 1, rel_tol=1e-4
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(2, 9), min_size=1, max_size=6))
def test_fsq_reaches_every_code(levels):
    quantizer = FiniteScalarQuantizer(levels=levels, per_codebook=1)
    z = torch.linspace(-6, 6, 400).view(1, -1, 1).expand(1, 400, len(levels))
    codes = quantizer.encode(z)
    for i, level in enumerate(levels):
        assert codes[..., i].unique().tolist() == list(range(level))
    values = quantizer.decode(codes)
    assert values.abs().max() <= 1 + 1e-6


def test_fsq_in_bf16_keeps_its_codes():
    quantizer = FiniteScalarQuantizer(levels=[8] * 4)
    z = torch.randn(1, 500, 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(quantizer(z).codes, quantizer.encode(z))


def test_bad_configurations_are_explained():
    with pytest.raises(ConfigTypeError):
        VectorQuantizer(dim=7, groups=2)
    with pytest.raises(ConfigTypeError, match=r"\b2\b"):
        FiniteScalarQuantizer(levels=[8, 1])
    with pytest.raises(ConfigTypeError):
        FiniteScalarQuantizer(levels=[8, 8, 8], per_codebook=2)
