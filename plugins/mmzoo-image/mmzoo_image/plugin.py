"""What mmzoo-image registers. Nothing heavy is imported here."""

from __future__ import annotations

from mmzoo import hookimpl
from mmzoo.registry.register import Register


@hookimpl
def mmzoo_register(register: Register) -> None:
    """The picture head and the command that draws with it."""
    register.head(
        "text-to-image",
        "mmzoo_image.head:TextToImage",
        summary="Words or a class to a picture over a tokenizer's latents",
        modalities=("text", "image"),
    )
    register.command("generate", "mmzoo_image.cli:generate", summary="Draw pictures from words into a PNG")
    register.command("edit", "mmzoo_image.cli:edit", summary="Fill a hole in a picture, enlarge it, or take its noise")
