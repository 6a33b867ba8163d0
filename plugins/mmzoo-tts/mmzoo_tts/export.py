"""The networks of the speech head as graphs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

from mmzoo.interfaces import Condition, DiffusionBackbone, Graph, Latents, Sampler
from mmzoo_tts.durations import DurationPredictor
from mmzoo_tts.text.phones import PHONES


class Networks(Protocol):
    """What is exported of the head."""

    voice: nn.Embedding
    durations: DurationPredictor
    backbone: DiffusionBackbone
    sampler: Sampler
    dim: int

    @property
    def rate(self) -> float: ...

    def _phone_vectors(self, phones_BP: Tensor, mask_BP: Tensor, voice_B: Tensor) -> Tensor: ...

    def _condition(
        self,
        phones_BPD: Tensor,
        ends_BP: Tensor,
        mask_BP: Tensor,
        frames_B: Tensor,
        voice_B: Tensor,
        count: int | None = None,
    ) -> tuple[Condition, Tensor, Tensor]: ...


def speech_graphs(head: Networks) -> Mapping[str, Graph]:
    """Phones to vectors and durations; these to the condition of the frames; and one evaluation of the backbone."""
    generator = torch.Generator().manual_seed(0)
    sizes = ((9, 20), (14, 33), (2, 1))  # phones and frames
    width, voice = head.voice.embedding_dim, torch.zeros(1, dtype=torch.long)
    time = head.sampler.schedule(2)[:1]

    def draw(*shape: int) -> Tensor:
        return torch.randn(1, *shape, generator=generator)

    def read(phones: Tensor, voice: Tensor) -> tuple[Tensor, Tensor]:
        mask = torch.ones_like(phones, dtype=torch.bool)
        vectors = head._phone_vectors(phones, mask, voice)
        return vectors, head.durations.seconds(head.durations(vectors, mask))

    def frames(vectors: Tensor, ends: Tensor, noise: Tensor, voice: Tensor) -> tuple[Tensor, Tensor]:
        mask, count = torch.ones_like(ends, dtype=torch.bool), noise.shape[1]
        condition, mean, _ = head._condition(vectors, ends, mask, torch.full((1,), count), voice, count)
        return condition.aligned["text"], mean

    def predict(x: Tensor, time: Tensor, text: Tensor, prior: Tensor, voice: Tensor) -> Tensor:
        condition = Condition(vectors={"voice": head.voice(voice)}, aligned={"text": text, "prior": prior})
        prediction: Tensor = head.backbone(Latents(x, rate=head.rate), time, condition)
        return prediction

    ids = [torch.randint(1, len(PHONES), (1, p), generator=generator) for p, _ in sizes]
    spans = [
        {
            "vectors": draw(p, width),
            "ends": torch.linspace(0, n / head.rate, p + 1)[None, 1:],
            "noise": draw(n, head.dim),
            "voice": voice,
        }
        for p, n in sizes
    ]
    states = [
        {"x": draw(n, head.dim), "time": time, "text": draw(n, width), "prior": draw(n, head.dim), "voice": voice}
        for _, n in sizes
    ]
    return {
        # Durations stay exact, so that quantization changes no times.
        "phones": Graph(read, [{"phones": one, "voice": voice} for one in ids], ["vectors", "seconds"], int8=False),
        "frames": Graph(frames, spans, ["text", "prior"]),
        "predict": Graph(predict, states, ["prediction"]),
    }
