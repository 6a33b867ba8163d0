"""What mmzoo-recognition registers. Nothing heavy is imported here."""

from __future__ import annotations

from mmzoo import hookimpl
from mmzoo.registry.register import Register


@hookimpl
def mmzoo_register(register: Register) -> None:
    """The head that recognises and its command."""
    register.head(
        "recognition",
        "mmzoo_recognition.head:Recognizer",
        summary="Labels from any of a picture, speech and text",
        modalities=("image", "speech", "text"),
    )
    register.command("recognise", "mmzoo_recognition.cli:recognise", summary="Say what a picture, sound or text is")
