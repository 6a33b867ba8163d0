"""Which of mmzoo's own plugins supplies a name, so that a missing plugin can be named.

This is the only place where the core knows names of models; nothing is resolved through it. A test holds it
against what the plugins register.
"""

from __future__ import annotations

SUPPLIES = {
    "mmzoo-datasets": (
        "dataset/coco-captions dataset/degraded-digits dataset/english-lexicon dataset/flite-speech"
        " dataset/heldout-texts dataset/imagenet-1k dataset/librispeech dataset/ljspeech"
        " dataset/small-pictures dataset/speech-commands dataset/spoken-digits dataset/spoken-scenes"
        " dataset/spoken-words metric/class-to-image metric/image-to-speech metric/image-tokenization"
        " metric/speech-to-image metric/text-to-image"
    ),
    "mmzoo-dit": ("backbone/dit backbone/joint-dit sampler/ddim sampler/dpm-solver sampler/euler sampler/heun"),
    "mmzoo-encoders": (
        "encoder/bytes encoder/codes encoder/image-conv encoder/log-mel encoder/speech-transformer"
        " encoder/symbols encoder/timm encoder/vectors encoder/vit fusion/cnn fusion/concat"
        " fusion/cross-attention fusion/late fusion/rnn fusion/weighted"
    ),
    "mmzoo-image": (
        "model/vqvae-dit-digits model/vqvae-dit-text2image head/text-to-image command/edit command/generate"
    ),
    "mmzoo-recognition": (
        "model/vqvae-dit-recognition head/recognition metric/recognition command/explain command/recognise"
    ),
    "mmzoo-transfer": (
        "model/vqvae-dit-image2speech model/vqvae-dit-speech2image head/image-to-speech head/speech-to-image"
        " command/transfer"
    ),
    "mmzoo-tts": (
        "model/phonemizer-en model/vqvae-dit-tts head/phonemizer head/tts metric/phonemization"
        " metric/text-to-speech command/say"
    ),
    "mmzoo-vqvae": (
        "model/fsqvae-speech model/rvqvae-speech model/vqvae-image model/vqvae-speech model/vqvae-text"
        " encoder/picture-autoencoder encoder/seanet encoder/speech-autoencoder encoder/text-autoencoder quantizer/fsq"
        " quantizer/rvq quantizer/vq format/encodec head/picture-vqvae head/speech-vqvae head/text-vqvae"
        " metric/speech-tokenization metric/text-tokenization"
    ),
}
SUPPLIER = {name: plugin for plugin, names in SUPPLIES.items() for name in names.split()}


def how_to_install(distribution: str) -> str:
    """The sentence that says how to get one of mmzoo's own plugins."""
    return f"install it from a checkout of mmzoo: pip install ./plugins/{distribution}"
