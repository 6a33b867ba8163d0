"""Which of mmzoo's own plugins supplies a name, so that a missing plugin can be named.

This is the only place where the core knows names of models; nothing is resolved through it. A test holds it
against what the plugins register.
"""

from __future__ import annotations

SUPPLIES = {
    "mmzoo-datasets": (
        "dataset/flite-speech dataset/heldout-texts dataset/english-lexicon dataset/ljspeech dataset/spoken-scenes"
        " dataset/spoken-digits"
    ),
    "mmzoo-dit": "backbone/dit sampler/euler sampler/heun",
    "mmzoo-encoders": "encoder/symbols encoder/bytes encoder/log-mel",
    "mmzoo-tts": (
        "model/phonemizer-en model/vqvae-dit-tts head/phonemizer head/tts metric/phonemization metric/text-to-speech"
        " command/say"
    ),
    "mmzoo-vqvae": (
        "model/vqvae-speech model/rvqvae-speech model/fsqvae-speech"
        " quantizer/vq quantizer/rvq quantizer/fsq encoder/speech-autoencoder head/speech-vqvae"
        " metric/speech-tokenization"
    ),
}
SUPPLIER = {name: plugin for plugin, names in SUPPLIES.items() for name in names.split()}


def how_to_install(distribution: str) -> str:
    """The sentence that says how to get one of mmzoo's own plugins."""
    return f"install it from a checkout of mmzoo: pip install ./plugins/{distribution}"
