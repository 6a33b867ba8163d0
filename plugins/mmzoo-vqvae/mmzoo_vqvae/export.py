"""The networks of the speech tokenizer as graphs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mmzoo.interfaces import Graph, Latents
from mmzoo_vqvae.seanet import SEANet
from mmzoo_vqvae.source_filter import SourceFilterAutoencoder
from mmzoo_vqvae.vqvae import VQVAE


def codec_graphs(head: VQVAE, encoder: SourceFilterAutoencoder | SEANet) -> Mapping[str, Graph]:
    """Encoder, decoder and quantizer. Those of a source-filter autoencoder lack what its runner does in numpy."""
    generator, numbers = torch.Generator().manual_seed(0), (24, 40)
    step, quantizer = encoder.samples_per_latent, head.quantizer
    codes = [
        torch.stack([torch.randint(k, (1, n), generator=generator) for k in head.codebook_sizes], -1) for n in numbers
    ]
    latents = [torch.randn(1, n, head.dim, generator=generator) for n in numbers]
    waves = [0.1 * torch.randn(1, n * step, generator=generator) for n in numbers]

    def quantize(x: Tensor) -> Any:
        return quantizer.encode(head.unstandardize(x))

    if isinstance(encoder, SourceFilterAutoencoder):
        raw = "features"
        given = [(encoder.stft(wave).abs() + 1e-3).log() for wave in waves]
        results = ["pitch", "filters"]

        def encode(x: Tensor) -> Any:
            return quantizer.encode(encoder.encode_features(x))

        def decode(codes: Tensor) -> Any:
            log_pitch, filters = encoder.filters(quantizer.decode(codes))
            return log_pitch.exp(), filters

        # One latent is a size of its own to some operations; a convolution of samples may need more.
        codes.append(codes[0][:, :1])
        given.append(given[0][:, : encoder.stride])

    else:
        raw, given, results = "samples", waves, ["samples"]

        def encode(x: Tensor) -> Any:
            return quantizer.encode(encoder.encode(x).x)

        def decode(codes: Tensor) -> Any:
            return encoder.decode(Latents(quantizer.decode(codes)))

    # The phase of pulses adds up all differences in pitch.
    tolerance = 1e-2 if "samples" in results else 1e-3
    return {
        "encode": Graph(encode, [{raw: x} for x in given], ["codes"]),
        "decode": Graph(decode, [{"codes": x} for x in codes], results, tolerance=tolerance),
        "quantize": Graph(quantize, [{"latents": x} for x in latents], ["codes"]),
    }
