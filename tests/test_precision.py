"""The dtype rule: components cast what enters them, and some buffers stay float32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mmzoo.interfaces import Condition, DiffusionBackbone, Fusion, Latents, ModalityEncoder
from mmzoo.nn.mel import LogMel
from mmzoo.nn.precise import Float32Buffers
from mmzoo.nn.stft import STFT

DTYPES = (torch.bfloat16, torch.float16, torch.float64)


class Pixels(ModalityEncoder):
    """An encoder whose author thought of no dtype."""

    modality = "image"

    def __init__(self) -> None:
        super().__init__()
        self.into, self.out = nn.Linear(3, 4), nn.Linear(4, 3)

    def encode(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        return Latents(self.into(raw).flatten(1, 2), positions=torch.arange(301.0).view(1, -1, 1))

    def decode(self, latents: Latents) -> Tensor:
        out: Tensor = self.out(latents.x)
        return out


class Waves(ModalityEncoder):
    modality = "speech"

    def __init__(self) -> None:
        super().__init__()
        self.into = nn.Linear(1, 4)

    def encode(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        assert raw.dtype is torch.float32  # samples keep their bits
        return Latents(self.into(raw.unsqueeze(-1).to(self.into.weight.dtype)), mask)


class Both(Fusion):
    def __init__(self) -> None:
        super().__init__()
        self.into = nn.Linear(4, 2)

    def forward(self, parts: Mapping[str, Latents]) -> Tensor:
        return torch.stack([self.into(part.x).mean(1) for part in parts.values()]).sum(0)


class Denoiser(DiffusionBackbone):
    def __init__(self) -> None:
        super().__init__()
        self.into = nn.Linear(4, 4)

    def precompute(self, t: Tensor, condition: Condition) -> Any:
        assert t.dtype is torch.float32
        return condition.vectors["voice"]

    def forward(
        self, x_t: Latents, t: Tensor | None, condition: Condition, *, table: Any = None, step: int | None = None
    ) -> Tensor:
        assert x_t.positions is not None and x_t.positions.dtype is torch.float32  # 257 is not a bfloat16
        joined = x_t.x + condition.aligned["text"] + condition.sequences["words"].x.mean(1, keepdim=True)
        out: Tensor = self.into(joined + condition.vectors["voice"].unsqueeze(1))
        return out


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_component_takes_vectors_of_any_dtype(dtype: torch.dtype) -> None:
    encoder, x = Pixels().to(dtype), torch.rand(1, 7, 43, 3)
    latents = encoder.encode(raw=x)
    assert latents.x.dtype is dtype and encoder.decode(latents.with_x(latents.x.float())).dtype is dtype
    waves = Waves().to(dtype).encode(torch.rand(1, 20))
    vectors = Both().to(dtype)({"image": latents.with_x(latents.x.float()), "speech": waves})
    assert vectors.dtype is dtype
    condition = Condition(
        {"voice": torch.rand(1, 4)}, {"text": torch.rand(1, 301, 4)}, {"words": Latents(torch.rand(1, 3, 4))}
    )
    backbone = Denoiser().to(dtype)
    assert backbone.precompute(torch.rand(2), condition).dtype is dtype
    assert backbone(latents.with_x(latents.x.float()), None, condition).dtype is dtype


def test_under_autocast_torch_chooses() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert Pixels().encode(torch.rand(1, 7, 43, 3)).x.dtype is torch.bfloat16
        assert Waves().encode(torch.rand(1, 20)).x.dtype is torch.bfloat16


def test_what_enters_in_float32_is_not_copied() -> None:
    seen: list[Tensor] = []

    class Keeps(Pixels):
        def encode(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
            seen.append(raw)
            return super().encode(raw, mask)

    x = torch.rand(1, 7, 43, 3)
    Keeps().encode(x)
    assert seen[0] is x


@pytest.mark.parametrize("cast", ["half", "bfloat16", "double"])
def test_windows_and_filters_stay_float32(cast: str) -> None:
    mel = LogMel(sample_rate=16000, window=256, hop=64, bands=20)
    x = torch.randn(1, 640)
    exact = mel(x)
    nested = getattr(nn.Sequential(mel, nn.Linear(2, 2)), cast)()
    assert nested[1].weight.dtype is not torch.float32 and mel.filters.dtype is mel.stft.hann.dtype is torch.float32
    assert torch.equal(mel(x), exact)


def test_buffers_follow_the_device_and_are_allocated() -> None:
    class Counts(Float32Buffers):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("counts", torch.full((2,), 257.0))
            self.register_buffer("seen", torch.ones(2, dtype=torch.bool))
            self.register_buffer("nothing", None)
            self.weight = nn.Parameter(torch.ones(2))

    counts = Counts().to(torch.bfloat16)
    assert counts.counts.tolist() == [257.0, 257.0] and counts.weight.dtype is torch.bfloat16
    assert counts.to("meta", torch.float16).counts.dtype is torch.float32 and counts.counts.is_meta
    assert not counts.to_empty(device="cpu").counts.is_meta and counts.seen.dtype is torch.bool


def test_a_hop_beyond_the_window_is_refused() -> None:
    for hop in (0, 65):
        with pytest.raises(ValueError, match="hop"):
            STFT(64, hop)
