"""The networks of the speech head as graphs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mmzoo.interfaces import Condition, Graph, Latents
from mmzoo_tts.voices import mixed


def speech_graphs(head: Any) -> Mapping[str, Graph]:
    """Phones to vectors and durations; these to the condition of the frames; and one evaluation of the backbone.

    Each also takes `voice [1, V]`, the weight of each voice.
    """
    generator = torch.Generator().manual_seed(0)
    sizes = ((9, 20), (14, 33), (2, 1))  # phones and frames
    width = head.voice.embedding_dim
    voice = torch.rand(1, len(head.voices), generator=generator).softmax(1)
    time = head.sampler.schedule(2)[:1]

    def draw(*shape: int) -> Tensor:
        return torch.randn(1, *shape, generator=generator)

    def read(phones: Tensor, voice: Tensor) -> tuple[Tensor, Tensor]:
        mask = torch.ones_like(phones, dtype=torch.bool)
        vectors = head._phone_vectors(phones, mask, mixed(head.voice, voice))
        return vectors, head.durations.seconds(head.durations(vectors, mask))

    def frames(vectors: Tensor, ends: Tensor, noise: Tensor, voice: Tensor) -> tuple[Tensor, Tensor]:
        mask, count = torch.ones_like(ends, dtype=torch.bool), noise.shape[1]
        speaker = mixed(head.voice, voice)
        condition, mean, _ = head._condition(vectors, ends, mask, torch.full((1,), count), speaker, count)
        return condition.aligned["text"], mean

    def predict(x: Tensor, time: Tensor, text: Tensor, prior: Tensor, voice: Tensor) -> Tensor:
        condition = Condition(vectors={"voice": mixed(head.voice, voice)}, aligned={"text": text, "prior": prior})
        prediction: Tensor = head.backbone(Latents(x, rate=head.rate), time, condition)
        return prediction

    ids = [torch.randint(1, len(head.phones), (1, p), generator=generator) for p, _ in sizes]
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
