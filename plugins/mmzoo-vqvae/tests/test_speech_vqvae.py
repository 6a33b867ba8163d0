"""The speech VQ-VAE: shapes, lengths, batches, training."""

import numpy as np
import pytest
import torch
from mmzoo_vqvae.critics import MultiPeriod, MultiResolution
from mmzoo_vqvae.source_filter import SourceFilterAutoencoder
from mmzoo_vqvae.spectral import SpectralLoss
from mmzoo_vqvae.speech_tokenizer import SpeechVQVAE
from mmzoo_vqvae.vector import VectorQuantizer

from mmzoo.errors import ConfigTypeError, InputError
from mmzoo.interfaces import Adversary, Audio, TrainingState


def small_model():
    torch.manual_seed(0)
    model = SpeechVQVAE(dim=8, crop_seconds=0.25)
    sizes = {"width": 24, "depth": 1, "latent_depth": 1, "decoder_width": 24, "decoder_depth": 1}
    model.encoder = SourceFilterAutoencoder(dim=8, sample_rate=16000, window=640, hop=200, **sizes)
    model.quantizer = VectorQuantizer(dim=8, codebook_size=16, groups=2)
    return model.eval()


def noise(count, seed=0):
    return Audio(0.1 * np.random.default_rng(seed).standard_normal(count).astype(np.float32), 16000)


@pytest.mark.parametrize("count", [1, 399, 400, 401, 8000])
def test_round_trip_lengths(count):
    model = small_model()
    codes = model.tokenize(noise(count))
    assert codes.shape == (1, -(-count // 400), 2) and codes.dtype == torch.int64
    copy = model.reconstruct(codes)
    assert copy.sample_rate == 16000 and len(copy.samples) == codes.shape[1] * 400
    assert copy.samples.dtype == np.float32 and np.isfinite(copy.samples).all()
    assert len(model(noise(count)).samples) == count


def test_a_batch_has_the_codes_of_its_items():
    model = small_model()
    items = [noise(4000, 1), noise(9999, 2), noise(400, 3)]
    together = model.tokenize(items)
    for row, item in zip(together, items, strict=True):
        alone = model.tokenize(item)[0]
        assert torch.equal(row[: len(alone)], alone)
        assert (row[len(alone) :] == -1).all()


def test_a_padded_batch_decodes_like_its_items():
    model = small_model()
    z = torch.randn(2, 10, 8)
    mask = torch.arange(10) < torch.tensor([[6], [10]])
    from mmzoo.interfaces import Latents

    together = model.encoder.decode(Latents(z, mask))
    alone = model.encoder.decode(Latents(z[:1, :6]))
    torch.testing.assert_close(together[:1, : 6 * 400], alone, atol=1e-5, rtol=1e-4)
    assert (together[0, 6 * 400 :] == 0).all()


def test_wrong_input_is_explained():
    model = small_model()
    assert torch.equal(
        model.tokenize(Audio(np.zeros(441, np.float32), 22050)), model.tokenize((np.zeros(320, np.float32), 16000))
    )
    with pytest.raises(InputError):
        model.tokenize(Audio(np.zeros(0, np.float32), 16000))
    with pytest.raises(InputError):
        model.reconstruct(torch.zeros(2, 3, 2, dtype=torch.long))
    with pytest.raises(ConfigTypeError, match="hop"):
        SourceFilterAutoencoder(dim=8, window=300, hop=200)


def test_training_lowers_the_loss_and_moves_only_what_it_should():
    model = small_model().train()
    adversary = Adversary([MultiResolution(channels=(4, 8)), MultiPeriod(periods=(2, 5), channels=(4, 8))])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    time = torch.arange(4000) / 16000
    tones = torch.stack([0.3 * torch.sin(2 * torch.pi * f * time) for f in (200, 440, 900, 1500)])
    generator = torch.Generator().manual_seed(0)
    losses = []
    for step in range(60):
        state = TrainingState(adversary=adversary if step >= 58 else None)
        result = model.training_step({"speech": tones}, generator, state)
        optimizer.zero_grad()
        result.total.backward()
        optimizer.step()
        losses.append(float(result.total.detach()))
        if step >= 58:
            adversary.zero_grad()
            result.adversary.backward()
            assert all(p.grad is not None for p in adversary.parameters())
        else:
            assert result.adversary is None
    assert losses[57] < 0.7 * losses[0]
    assert not any("critic" in name or "adversary" in name for name in model.state_dict())


def test_latent_statistics_are_those_of_the_data():
    model = small_model()
    batches = [(torch.randn(4, 4000) * 0.1, None) for _ in range(3)]
    model.measure_latents(batches)
    z = torch.cat([model.quantize(raw)[1].z_q for raw, _ in batches]).flatten(0, 1)
    standard = model.standardize(z)
    torch.testing.assert_close(standard.mean(0), torch.zeros(8), atol=1e-4, rtol=0)
    assert ((standard.std(0) - 1).abs() < 1e-2).logical_or(z.std(0) < 1e-4).all()
    torch.testing.assert_close(model.unstandardize(standard), z, atol=1e-5, rtol=1e-4)


def test_spectral_loss_is_zero_only_for_equal_signals():
    loss, x = SpectralLoss(16000), torch.randn(2, 8000) * 0.1
    assert all(float(v) == 0 for v in loss(x, x).values())
    assert all(float(v) > 0 for v in loss(x, 0.5 * x).values())


def test_what_people_have_at_hand_is_tokenized(tmp_path):
    model, sound = small_model(), noise(4000)
    path = Audio(np.round(sound.samples * 32767) / np.float32(32768), 16000).save(tmp_path / "sound.wav")
    codes = model.tokenize(sound)
    for given in ((sound.samples, 16000), [sound], (sound,)):
        assert torch.equal(model.tokenize(given), codes)
    assert torch.equal(model.tokenize(str(path)), model.tokenize(path))
    assert len(model(path).samples) == 4000
    for wrong, told in [(tmp_path / "none.wav", "none.wav"), (sound.samples, "sample rate"), (3, "int")]:
        with pytest.raises(InputError, match=told):
            model.tokenize(wrong)
