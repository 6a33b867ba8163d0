"""EnCodec model folders written by transformers (`EncodecModel`): mono, weight normalization, no chunking.

The layout follows `models/encodec/configuration_encodec.py` and `modeling_encodec.py` of `transformers` 5.24. It covers
facebook/encodec_24khz and encodec_32khz, but not encodec_48khz (stereo, chunked).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from mmzoo.errors import ConfigError
from mmzoo.interfaces import ForeignFormat, Tie

CONV = ("gain", "direction", "bias")
THEIR_CONV = ("conv.parametrizations.weight.original0", "conv.parametrizations.weight.original1", "conv.bias")
OLD_SPELLINGS = {"conv.weight_g": THEIR_CONV[0], "conv.weight_v": THEIR_CONV[1]}
CODEBOOK = ("sums", "counts", "initialised")
THEIR_CODEBOOK = ("embed", "cluster_size", "embed_avg", "inited")
SAME = {
    "hidden_size": "dim",
    "sampling_rate": "sample_rate",
    "upsampling_ratios": "ratios",
    "num_filters": "width",
    "kernel_size": "kernel",
    "last_kernel_size": "last_kernel",
    "residual_kernel_size": "residual_kernel",
    "num_residual_layers": "residuals",
    "dilation_growth_rate": "dilation",
    "compress": "compression",
    "use_conv_shortcut": "shortcut",
    "num_lstm_layers": "lstm_layers",
    "use_causal_conv": "causal",
}
"""Their config keys, and the names of the same settings in SEANet."""


class EncodecFormat(ForeignFormat):
    """EnCodec. The arguments are the keys of transformers' `EncodecConfig`."""

    ignored = frozenset(
        {
            "architectures",
            "dtype",
            "torch_dtype",
            "transformers_version",
            "_name_or_path",
            "overlap",
            "initializer_range",
        }
    )
    task = "speech-tokenization"
    modalities = ("speech",)

    def __init__(
        self,
        *,
        target_bandwidths: Sequence[float] = (1.5, 3.0, 6.0, 12.0, 24.0),
        sampling_rate: int = 24000,
        audio_channels: Literal[1] = 1,
        normalize: Literal[False] = False,
        chunk_length_s: None = None,
        hidden_size: int = 128,
        num_filters: int = 32,
        num_residual_layers: int = 1,
        upsampling_ratios: Sequence[int] = (8, 5, 4, 2),
        norm_type: Literal["weight_norm"] = "weight_norm",
        kernel_size: int = 7,
        last_kernel_size: int = 7,
        residual_kernel_size: int = 3,
        dilation_growth_rate: int = 2,
        use_causal_conv: bool = True,
        pad_mode: Literal["reflect"] = "reflect",
        compress: int = 2,
        num_lstm_layers: int = 2,
        trim_right_ratio: float = 1.0,
        codebook_size: int = 1024,
        codebook_dim: int | None = None,
        use_conv_shortcut: bool = True,
    ) -> None:
        arguments = locals()
        self.encoder = {ours: arguments[theirs] for theirs, ours in SAME.items()}
        if codebook_dim not in (None, hidden_size):
            raise ConfigError(
                f"codebook_dim must equal hidden_size, {hidden_size}, not {codebook_dim}.", path="codebook_dim"
            )
        if trim_right_ratio != 1:
            raise ConfigError(f"trim_right_ratio must be 1, not {trim_right_ratio}.", path="trim_right_ratio")
        if not target_bandwidths or codebook_size < 2 or min(upsampling_ratios, default=0) < 1 or sampling_rate < 1:
            raise ConfigError("EnCodec's bandwidths, ratios, rate and codebook_size must be positive.")
        cost = _frame_rate(sampling_rate, upsampling_ratios) * math.ceil(math.log2(codebook_size))
        self.levels = int(1000 * target_bandwidths[-1] // cost)
        self.codebook_size, self.dim = codebook_size, hidden_size
        self.residuals, self.ratios = num_residual_layers, tuple(upsampling_ratios)
        self.shortcut, self.lstm_layers = use_conv_shortcut, num_lstm_layers
        if not 1 <= self.levels <= 1024:
            raise ConfigError(
                f"target_bandwidths ends with {target_bandwidths[-1]} kbit/s, which is {self.levels} codebooks; 1 to"
                " 1024 were expected.",
                path="target_bandwidths",
            )

    def recipe(self) -> Mapping[str, Any]:
        """A speech VQ-VAE with SEANet and residual codebooks."""
        return {
            "head": {"name": "speech-vqvae", "dim": self.dim},
            "encoder": {"name": "seanet", **self.encoder},
            "quantizer": {"name": "rvq", "dim": self.dim, "codebook_size": self.codebook_size, "levels": self.levels},
        }

    @classmethod
    def config_of(cls, recipe: Mapping[str, Any]) -> Mapping[str, Any]:
        """The config of a recipe; its bandwidths are those of 2, 4, 8, ... codebooks, up to all of them."""
        encoder, quantizer = recipe["encoder"], recipe["quantizer"]
        size, levels = quantizer["codebook_size"], quantizer["levels"]
        cost = _frame_rate(encoder["sample_rate"], encoder["ratios"]) * math.ceil(math.log2(size))
        counts = [2**i for i in range(1, levels.bit_length()) if 2**i < levels] + [levels]
        config = {theirs: encoder[ours] for theirs, ours in SAME.items()}
        return {
            **config,
            "upsampling_ratios": list(encoder["ratios"]),
            "codebook_size": size,
            "codebook_dim": quantizer["dim"],
            "target_bandwidths": [_bandwidth(count, cost) for count in counts],
        }

    @staticmethod
    def spelling(name: str) -> str:
        """The current name of a tensor; files of 2023 use the names of torch's old weight normalization."""
        for old, new in OLD_SPELLINGS.items():
            if name.endswith(old):
                return name.removesuffix(old) + new
        return name

    def ties(self) -> Sequence[Tie]:
        """Convolutions and LSTMs tied by name, codebooks stacked."""
        return [
            *self._network(),
            self._codebooks(),
            Tie(("latent_mean", "latent_spread"), (), self._standard, _nothing),
        ]

    def _network(self) -> Iterator[Tie]:
        layer = 0
        yield _conv("from_samples", "encoder", layer)
        for stage in range(len(self.ratios)):
            for block in range(self.residuals):
                layer += 1
                yield from self._block(f"blocks_in.{stage}.{block}", "encoder", layer)
            layer += 2  # skip an activation
            yield _conv(f"down.{stage}", "encoder", layer)
        if self.lstm_layers:
            layer += 1
            yield self._memory("memory_in", "encoder", layer)
        yield _conv("to_latent", "encoder", layer + 2)

        layer = 0
        yield _conv("from_latent", "decoder", layer)
        if self.lstm_layers:
            layer += 1
            yield self._memory("memory_out", "decoder", layer)
        for stage in range(len(self.ratios)):
            layer += 2
            yield _conv(f"up.{stage}", "decoder", layer)
            for block in range(self.residuals):
                layer += 1
                yield from self._block(f"blocks_out.{stage}.{block}", "decoder", layer)
        yield _conv("to_samples", "decoder", layer + 2)

    def _block(self, ours: str, side: str, layer: int) -> Iterator[Tie]:
        yield _conv(f"{ours}.narrow", side, f"{layer}.block.1")
        yield _conv(f"{ours}.widen", side, f"{layer}.block.3")
        if self.shortcut:
            yield _conv(f"{ours}.shortcut", side, f"{layer}.shortcut")

    def _memory(self, ours: str, side: str, layer: int) -> Tie:
        names = [
            f"{what}_l{i}" for i in range(self.lstm_layers) for what in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        ]
        return Tie(
            tuple(f"encoder.{ours}.{name}" for name in names),
            tuple(f"{side}.layers.{layer}.lstm.{name}" for name in names),
        )

    def _codebooks(self) -> Tie:
        """Ours is the quotient of sums and counts; theirs is stored with its averages, which inference ignores.

        Reading sets every count to 1, because their averages do not match their vectors exactly.
        """
        theirs = [f"quantizer.layers.{i}.codebook.{name}" for name in THEIR_CODEBOOK for i in range(self.levels)]

        def to_ours(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
            vectors, initialized = (torch.stack(list(t)) for t in (tensors[: self.levels], tensors[-self.levels :]))
            return vectors, torch.ones_like(vectors[..., 0]), initialized[:, 0] > 0

        def to_theirs(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
            sums, counts, initialized = tensors
            vectors = sums / counts.clamp_min(torch.finfo(counts.dtype).tiny).unsqueeze(-1)
            return [*vectors, *counts, *sums, *initialized.float().unsqueeze(1)]

        return Tie(tuple(f"quantizer.codebook.{name}" for name in CODEBOOK), tuple(theirs), to_ours, to_theirs)

    def _standard(self, _: Sequence[Tensor]) -> Sequence[Tensor]:
        return torch.zeros(self.dim), torch.ones(self.dim)


def _conv(ours: str, side: str, layer: int | str) -> Tie:
    return Tie(
        tuple(f"encoder.{ours}.{name}" for name in CONV), tuple(f"{side}.layers.{layer}.{name}" for name in THEIR_CONV)
    )


def _nothing(_: Sequence[Tensor]) -> Sequence[Tensor]:
    return ()


def _frame_rate(sample_rate: int, ratios: Sequence[int]) -> int:
    return math.ceil(sample_rate / math.prod(ratios))


def _bandwidth(levels: int, cost: int) -> float:
    """kbit/s of `levels` codebooks, rounded so that dividing by their cost returns `levels`."""
    kbps = levels * cost / 1000
    return kbps if int(1000 * kbps // cost) == levels else math.nextafter(kbps, math.inf)
