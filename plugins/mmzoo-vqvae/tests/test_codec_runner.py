"""The speech tokenizer without torch: its numpy half, and its runner on graphs that torch runs."""

import numpy as np
import pytest
import torch
from mmzoo_vqvae import waveform
from mmzoo_vqvae.harmonic import pulse_train
from mmzoo_vqvae.runner import SpeechCodec, buzz
from mmzoo_vqvae.source_filter import SourceFilterAutoencoder

import mmzoo
from mmzoo.errors import InputError
from mmzoo.interfaces import Audio, Exported, Latents
from mmzoo.nn.stft import STFT

SIZES = {"width": 24, "depth": 1, "latent_depth": 1, "decoder_width": 24, "decoder_depth": 1}
ENCODERS = {
    "source-filter": {"name": "source-filter-autoencoder", "dim": 36, **SIZES},
    "other windows": {"name": "source-filter-autoencoder", "dim": 36, "window": 640, "hop": 150, **SIZES},
    "whole graphs": {"name": "seanet", "dim": 36, "ratios": [8, 5, 4, 3], "width": 4, "lstm_layers": 1},
}


def in_torch(graph):
    """A graph as its runner calls it, run by torch."""

    def call(**inputs):
        with torch.no_grad():
            results = graph.run(*(torch.from_numpy(inputs[name]) for name in graph.examples[0]))
        return tuple(one.numpy() for one in (results if isinstance(results, tuple) else (results,)))

    return call


@pytest.fixture(scope="module", params=ENCODERS)
def pair(request):
    """A tokenizer and its runner."""
    torch.manual_seed(0)
    head = mmzoo.create("vqvae-speech", pretrained=False, encoder=ENCODERS[request.param])
    head.latent_mean.normal_()
    graphs = {name: in_torch(graph) for name, graph in head.graphs().items()}
    return head, SpeechCodec(Exported("codec", head.settings(), graphs, {}, None))


def test_a_pulse_train():
    pitch = (150 + 60 * np.sin(np.arange(300) / 9)).astype(np.float32)
    expected = pulse_train(torch.from_numpy(pitch)[None], 240, 24000)[0].numpy()
    np.testing.assert_allclose(waveform.pulse_train(pitch, 240, 24000), expected, atol=0.01)


@pytest.mark.parametrize("frames", [1, 2, 9, 63, 64, 65, 200])
@pytest.mark.parametrize(("window", "hop"), [(960, 240), (640, 150), (20, 7)])
def test_synthesis_and_features(window, hop, frames):
    sizes = {"width": 8, "depth": 1, "latent_depth": 1, "decoder_width": 8, "decoder_depth": 1}
    torch.manual_seed(0)
    model = SourceFilterAutoencoder(dim=4, window=window, hop=hop, stride=1, **sizes).eval()
    mine = waveform.SourceFilter(24000, window, hop)
    with torch.no_grad():
        latents = torch.randn(1, frames, 4)
        log_pitch, filters = model.filters(latents)
        expected = model.decode(Latents(latents))[0].numpy()
        samples = mine.synthesize(log_pitch.exp()[0].numpy(), filters[0].numpy())
        assert samples.dtype == np.float32
        np.testing.assert_allclose(samples, expected, atol=2e-3 * np.abs(expected).max())
        log = (STFT(window, hop)(torch.from_numpy(samples)[None]).abs() + 1e-3).log()[0].numpy()
    np.testing.assert_allclose(mine.features(samples), log, atol=1e-4)


def test_the_runner_does_what_the_head_does(pair):
    head, runner = pair
    sounds = [buzz(head.sample_rate, number) for number in range(2)]
    sounds[1] = Audio(sounds[1].samples[:20_001], head.sample_rate)
    expected, codes = head.tokenize(sounds).numpy(), runner.tokenize(sounds)
    assert codes.dtype == np.int64 and codes.shape == expected.shape
    assert (codes != expected).mean() < 0.01 and (codes[1, -5:] == -1).all()
    for given in (codes[:1], codes[:1].tolist(), torch.from_numpy(codes[:1]), codes[:1].astype(np.uint8)):
        copy, copied = runner.reconstruct(given), head.reconstruct(codes[:1])
        assert copy.sample_rate == copied.sample_rate
        np.testing.assert_allclose(copy.samples, copied.samples, atol=2e-3 * np.abs(copied.samples).max())
    assert len(runner(sounds[1]).samples) == 20_001
    latents = torch.randn(1, 7, 36)
    np.testing.assert_array_equal(
        runner.quantize_latents(latents.numpy()), head.quantize_latents(Latents(latents)).numpy()
    )
    for name in ("sample_rate", "rate", "dim", "codebook_sizes", "bits_per_latent", "modality"):
        assert getattr(runner, name) == getattr(head, name)


@pytest.mark.parametrize(
    "codes",
    [
        np.zeros((1, 0, 12), int),
        np.zeros((2, 3, 12), int),
        np.zeros((1, 3, 11), int),
        np.full((1, 3, 12), 256),
        np.full((1, 3, 12), -1),
        np.zeros((1, 3, 12)),
        np.zeros(3, int),
        "codes",
    ],
)
def test_the_runner_refuses_what_the_head_refuses(pair, codes):
    messages = []
    for model in pair:
        with pytest.raises(InputError) as caught:
            model.reconstruct(codes)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


@pytest.mark.parametrize("audio", [[], np.array([np.nan, 0.0]), (np.zeros(0), 16000), "missing.wav"])
def test_the_runner_refuses_the_same_audio(pair, audio):
    for model in pair:
        with pytest.raises(InputError):
            model.tokenize(audio)
