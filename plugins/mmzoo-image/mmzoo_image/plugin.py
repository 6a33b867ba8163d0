"""What mmzoo-image registers. Nothing heavy is imported here."""

from __future__ import annotations

from typing import Any

from mmzoo.hookspecs import Register, Weights, hookimpl
from mmzoo_image import tasks


@hookimpl
def mmzoo_register(register: Register) -> None:
    """Register the picture head, its commands, models and tasks."""
    tasks.register_tasks(register)
    register.head(
        "text-to-image",
        "mmzoo_image.head:TextToImage",
        summary="Text or class to picture, over a tokenizer's latents; edits pictures too",
        modalities=("text", "image"),
        trials=[
            {
                "dim": 32,
                "width": 32,
                "vocabulary": 32,
                "side": 32,
                "feature_depth": 1,
                "slots": {
                    "tokenizer": {"model": "vqvae-image", "pretrained": False},
                    "text": {"name": "symbols", "vocabulary": 32, "width": 32, "depth": 1},
                    "backbone": {
                        "name": "dit",
                        "width": 32,
                        "depth": 1,
                        "heads": 2,
                        "in_channels": 32,
                        "vector_channels": {"text": 32},
                        "aligned_channels": {"place": 32, "picture": 36},
                        "sequence_channels": {"words": 32},
                        "position": "rope-2d",
                    },
                    "sampler": "euler",
                },
            }
        ],
    )
    register.command("edit", "mmzoo_image.cli:edit", summary="Inpaint, upscale or denoise a picture")
    register.model(
        "vqvae-dit-text2image",
        task="text-to-image",
        modalities=("text", "image"),
        summary="Draws scenes of one to three objects from captions; inpaints, upscales, denoises",
        card=tasks.SCENES,
        recipe=_recipe(width=256, depth=6, heads=4),
        weights=[Weights("scenes", license="apache-2.0")],
    )
    register.model(
        "vqvae-dit-digits",
        task="class-to-image",
        modalities=("text", "image"),
        summary="Draws handwritten digits from their names; inpaints, upscales, denoises",
        card=tasks.DIGITS,
        recipe=_recipe(width=128, depth=4, heads=4),
        weights=[Weights("handwritten", license="apache-2.0")],
    )


def _recipe(*, width: int, depth: int, heads: int) -> dict[str, Any]:
    """A picture head over the latents of `vqvae-image`."""
    vocabulary, dim = 64, 32
    return {
        "head": {"name": "text-to-image", "dim": dim, "width": width, "vocabulary": vocabulary},
        "tokenizer": {"model": "vqvae-image"},
        "text": {"name": "symbols", "vocabulary": vocabulary, "width": width, "depth": 1},
        "backbone": {
            "name": "dit",
            "width": width,
            "depth": depth,
            "heads": heads,
            "in_channels": dim,
            "vector_channels": {"text": width},
            "aligned_channels": {"place": width, "picture": dim + 4},
            "sequence_channels": {"words": width},
            "position": "rope-2d",
            "shared_modulation": True,
        },
        "sampler": {"name": "euler"},
    }
