"""What mmzoo-encoders registers. Nothing heavy is imported here."""

from __future__ import annotations

from mmzoo import hookimpl
from mmzoo.registry.register import Register


@hookimpl
def mmzoo_register(register: Register) -> None:
    """Encoders of text and speech."""
    register.encoder(
        "symbols",
        "mmzoo_encoders.text:SymbolEncoder",
        summary="Phones, words or other symbols to vectors",
        modalities=("text",),
    )
    register.encoder("bytes", "mmzoo_encoders.text:ByteEncoder", summary="UTF-8 bytes to vectors", modalities=("text",))
    register.encoder(
        "log-mel", "mmzoo_encoders.mel:LogMelEncoder", summary="Log-mel spectrogram", modalities=("speech",)
    )
