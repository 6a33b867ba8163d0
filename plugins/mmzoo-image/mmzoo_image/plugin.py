"""What mmzoo-image registers. Nothing heavy is imported here."""

from __future__ import annotations

from typing import Any

from mmzoo.hookspecs import Register, Weights, hookimpl
from mmzoo_image import tasks

DIM = 32
"""Channels of the latents of `vqvae-image`."""


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
                "slots": _slots(width=32, depth=1, heads=2, vocabulary=32, pretrained=False),
            }
        ],
    )
    register.head(
        "mask-to-image",
        "mmzoo_image.from_mask:MaskToImage",
        summary="Mask of classes to picture, perhaps with a caption",
        modalities=("text", "image"),
        trials=[
            {
                "dim": 32,
                "width": 32,
                "vocabulary": 32,
                "side": 32,
                "feature_depth": 1,
                "mask_classes": 2,
                "slots": _slots(width=32, depth=1, heads=2, vocabulary=32, mask_classes=2, pretrained=False),
                "rows": {"mask": [[[0, 1], [1, 0]], [[0, 0], [1, 1]]]},
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
        "dit-mask2image",
        task="mask-to-image",
        modalities=("text", "image"),
        summary="Draws scenes of overlapping shapes from masks of their classes",
        card=tasks.MASKS,
        recipe={
            "head": {"name": "mask-to-image", "dim": DIM, "width": 96, "vocabulary": 16, "mask_classes": 7},
            **_slots(width=96, depth=4, heads=3, vocabulary=16, mask_classes=7),
        },
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
    vocabulary = 64
    return {
        "head": {"name": "text-to-image", "dim": DIM, "width": width, "vocabulary": vocabulary},
        **_slots(width=width, depth=depth, heads=heads, vocabulary=vocabulary),
    }


def _slots(
    *, width: int, depth: int, heads: int, vocabulary: int, mask_classes: int = 0, pretrained: bool = True
) -> dict[str, Any]:
    """What fills the slots of a picture head."""
    return {
        "tokenizer": {"model": "vqvae-image", **({} if pretrained else {"pretrained": False})},
        "text": {"name": "symbols", "vocabulary": vocabulary, "width": width, "depth": 1},
        "backbone": {
            "name": "dit",
            "width": width,
            "depth": depth,
            "heads": heads,
            "in_channels": DIM,
            "vector_channels": {"text": width},
            "aligned_channels": {"place": width, "picture": DIM + 4 + mask_classes},
            "sequence_channels": {"words": width},
            "position": "rope-2d",
            "shared_modulation": True,
        },
        "sampler": {"name": "euler"},
    }
