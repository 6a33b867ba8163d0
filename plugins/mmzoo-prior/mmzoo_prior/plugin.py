"""What mmzoo-prior registers. Nothing heavy is imported here."""

from __future__ import annotations

from typing import Any

from mmzoo.hookspecs import Register, Weights, hookimpl
from mmzoo_prior import tasks

SMALL = {"width": 16, "depth": 1, "heads": 2, "in_channels": 12}
"""A backbone that the conformance kit can train."""


@hookimpl
def mmzoo_register(register: Register) -> None:
    """Register the backbones, the heads, the models and their tasks."""
    tasks.register_tasks(register)
    conditions = {"vector_channels": {"voice": 5}, "sequence_channels": {"words": 9}}
    for name, target, summary in (
        ("causal-transformer", "CausalTransformer", "Sees the past only, with a key-value cache: codes in order"),
        ("masked-transformer", "MaskedTransformer", "Sees everything: codes in any order, several at a time"),
    ):
        register.backbone(
            name,
            f"mmzoo_prior.transformer:{target}",
            summary=summary,
            modalities=("speech", "image", "text"),
            trials=[{**SMALL}, {**SMALL, **conditions}, {**SMALL, "depth": 2, "position": "rope-2d"}],
        )
    register.head(
        "image-prior",
        "mmzoo_prior.image:ImagePrior",
        summary="Text or class to picture, by a prior over a tokenizer's codes",
        modalities=("text", "image"),
        trials=[
            {
                "width": 12,
                "vocabulary": 32,
                "side": 32,
                "slots": _slots("vqvae-image", kind, words=12, position="rope-2d"),
            }
            for kind in ("causal-transformer", "masked-transformer")
        ],
    )
    register.head(
        "speech-prior",
        "mmzoo_prior.speech:SpeechPrior",
        summary="Words and voice to speech, by a prior over a tokenizer's codes",
        modalities=("text", "speech"),
        trials=[
            {"width": 12, "vocabulary": 32, "slots": _slots("vqvae-speech", kind, words=12, voice=12)}
            for kind in ("causal-transformer", "masked-transformer")
        ],
    )
    register.head(
        "text-prior",
        "mmzoo_prior.text:TextPrior",
        summary="New texts and continuations, by a prior over a tokenizer's codes",
        modalities=("text",),
        trials=[
            {"width": 12, "longest": 12, "slots": _slots("vqvae-words", kind)}
            for kind in ("causal-transformer", "masked-transformer")
        ],
    )
    register.model(
        "vqvae-prior-image",
        task="image-generation",
        modalities=("text", "image"),
        summary="Draws handwritten digits and scenes, one code after another",
        card=tasks.PICTURES,
        recipe={
            "head": {"name": "image-prior", "width": 96, "vocabulary": 96, "temperature": 0.8},
            "tokenizer": {"model": "vqvae-image"},
            "backbone": {**_backbone(width=128, depth=4, codes=96, words=96), "position": "rope-2d", "dropout": 0.1},
        },
        weights=[Weights("scenes", license="apache-2.0")],
    )
    register.model(
        "vqvae-prior-speech",
        task="word-to-speech",
        modalities=("text", "speech"),
        summary="Says digits, shapes and colors in 16 voices, one code after another",
        card=tasks.SPEECH,
        recipe={
            "head": {
                "name": "speech-prior",
                "width": 64,
                "vocabulary": 48,
                "most_voices": 16,
                "guidance": 1.2,
                "temperature": 0.5,
            },
            "tokenizer": {"model": "vqvae-speech"},
            "backbone": {**_backbone(width=128, depth=3, codes=64, words=64, voice=64), "dropout": 0.1},
        },
        weights=[Weights("words", license="apache-2.0")],
    )
    register.model(
        "vqvae-prior-text",
        task="text-generation",
        modalities=("text",),
        summary="Writes sentences, free or from a prompt, one code after another",
        card=tasks.TEXTS,
        recipe={
            "head": {"name": "text-prior", "width": 96, "longest": 64, "temperature": 0.43},
            "tokenizer": {"model": "vqvae-words"},
            "backbone": {**_backbone(width=144, depth=3, codes=96), "dropout": 0.1},
        },
        weights=[Weights("english", license="apache-2.0")],
    )


def _backbone(
    *, width: int, depth: int, codes: int, words: int | None = None, voice: int | None = None
) -> dict[str, Any]:
    """A causal transformer over codes embedded with this width, conditioned on vectors of these widths."""
    backbone: dict[str, Any] = {"name": "causal-transformer", "width": width, "depth": depth, "heads": 4}
    backbone["in_channels"] = codes
    if words is not None:
        backbone["sequence_channels"] = {"words": words}
    if voice is not None:
        backbone["vector_channels"] = {"voice": voice}
    return backbone


def _slots(tokenizer: str, kind: str, *, position: str = "rope-1d", **conditions: int) -> dict[str, Any]:
    """The slots of a head in a trial."""
    backbone = {**_backbone(width=16, depth=1, codes=12, **conditions), "name": kind, "heads": 2, "position": position}
    return {"tokenizer": {"model": tokenizer, "pretrained": False}, "backbone": backbone}
