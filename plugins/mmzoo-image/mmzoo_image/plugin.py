"""What mmzoo-image registers. Nothing heavy is imported here."""

from __future__ import annotations

from mmzoo import hookimpl
from mmzoo.registry.register import Register

WIDTH = 256


@hookimpl
def mmzoo_register(register: Register) -> None:
    """The picture head, and models that draw with it."""
    register.head(
        "text-to-image",
        "mmzoo_image.head:TextToImage",
        summary="Words or a class to a picture over a tokenizer's latents",
        modalities=("text", "image"),
    )
    register.command("generate", "mmzoo_image.cli:generate", summary="Draw pictures from words into a PNG")
    register.model(
        "vqvae-dit-text2image",
        task="text-to-image",
        modalities=("text", "image"),
        summary="Drawn scenes from captions: a diffusion transformer over vqvae-image latents",
        recipe={
            "head": {"name": "text-to-image", "dim": 32, "width": WIDTH, "vocabulary": 128},
            "tokenizer": {"model": "vqvae-image"},
            "text": {"name": "symbols", "vocabulary": 128, "width": WIDTH, "depth": 3},
            "backbone": {
                "name": "dit",
                "width": WIDTH,
                "depth": 6,
                "heads": 4,
                "in_channels": 32,
                "vector_channels": {"text": WIDTH},
                "aligned_channels": {"place": WIDTH},
                "sequence_channels": {"words": WIDTH},
                "position": "rope-2d",
                "shared_modulation": True,
            },
            "sampler": {"name": "euler"},
        },
    )
