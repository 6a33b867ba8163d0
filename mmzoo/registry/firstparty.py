"""What each first-party distribution supplies, so that an error can say which one to install.

This is the only place where the core names models, tasks or datasets. A test compares it with what the plugins
register.
"""

from __future__ import annotations

SUPPLIES = {
    "mmzoo-datasets": (
        "dataset/audio-folder dataset/coco-captions dataset/csv dataset/degraded-digits"
        " dataset/english-lexicon dataset/festvox-ru dataset/flite-speech dataset/grammar-texts dataset/heldout-texts"
        " dataset/hub"
        " dataset/image-folder dataset/imagenet-1k dataset/librispeech dataset/ljspeech"
        " dataset/natural-speech dataset/parquet dataset/russian-lexicon"
        " dataset/segmented-digits dataset/segmented-scenes dataset/small-pictures"
        " dataset/speech-commands dataset/spoken-digits dataset/spoken-scenes dataset/spoken-texts"
        " dataset/spoken-words dataset/tokens judge/caption-listener judge/digit-reader judge/distill-mos judge/dnsmos"
        " judge/pocketsphinx judge/resemblyzer judge/scene-reader judge/whisper"
    ),
    "mmzoo-dit": (
        "backbone/dit backbone/joint-dit sampler/ddim sampler/dpm-solver sampler/euler sampler/heun"
        " sampler/meanflow sampler/shortcut"
    ),
    "mmzoo-encoders": (
        "encoder/bytes encoder/codes encoder/image-conv encoder/log-mel encoder/speech-convnext"
        " encoder/speech-transformer encoder/symbols encoder/timm encoder/unet encoder/vectors encoder/vit"
        " fusion/cnn fusion/concat fusion/cross-attention fusion/late fusion/rnn fusion/weighted"
    ),
    "mmzoo-image": (
        "model/dit-mask2image model/vqvae-dit-digits model/vqvae-dit-text2image head/mask-to-image"
        " head/text-to-image metric/class-to-image metric/mask-to-image metric/text-to-image command/edit"
        " task/class-to-image task/mask-to-image task/text-to-image"
    ),
    "mmzoo-prior": (
        "model/vqvae-prior-image model/vqvae-prior-speech model/vqvae-prior-text backbone/causal-transformer"
        " backbone/masked-transformer head/image-prior head/speech-prior head/text-prior metric/image-generation"
        " metric/text-generation metric/word-to-speech task/image-generation task/text-generation task/word-to-speech"
    ),
    "mmzoo-recognition": (
        "model/dit-digits-classifier model/dit-segmentation model/unet-segmentation model/vqvae-dit-recognition"
        " head/diffusion-classifier head/recognition head/segmentation metric/diffusion-classification"
        " metric/recognition metric/segmentation command/explain command/recognize command/segment"
        " task/diffusion-classification task/recognition task/segmentation"
    ),
    "mmzoo-transfer": (
        "model/vqvae-dit-image2speech model/vqvae-dit-speech2image head/image-to-speech head/speech-to-image"
        " metric/image-to-speech metric/speech-to-image command/transfer task/image-to-speech"
        " task/speech-to-image"
    ),
    "mmzoo-tts": (
        "model/phonemizer-en model/phonemizer-ru head/letter-phonemizer"
        " model/vqvae-dit-denoise model/vqvae-dit-revoice model/vqvae-dit-tts"
        " head/phonemizer head/speech-enhancement head/tts head/voice-conversion metric/phonemization"
        " metric/speech-enhancement metric/text-to-speech metric/voice-conversion command/demo"
        " command/denoise-speech command/revoice command/say task/phonemization task/speech-enhancement"
        " task/text-to-speech task/voice-conversion"
    ),
    "mmzoo-vqvae": (
        "model/vqvae-image model/vqvae-speech model/vqvae-words"
        " critic/multi-period critic/multi-resolution"
        " encoder/picture-autoencoder encoder/seanet encoder/source-filter-autoencoder"
        " encoder/patch-autoencoder encoder/text-autoencoder"
        " quantizer/fsq quantizer/rvq quantizer/vq head/picture-vqvae head/speech-vqvae head/text-vqvae"
        " format/encodec metric/image-tokenization metric/speech-tokenization metric/text-tokenization"
        " task/image-tokenization task/speech-tokenization task/text-tokenization"
    ),
}
SUPPLIER = {name: plugin for plugin, names in SUPPLIES.items() for name in names.split()}


def how_to_install(distribution: str) -> str:
    """How to install a first-party plugin, as the end of a sentence."""
    return f"install it from a checkout of mmzoo: pip install ./plugins/{distribution}"
