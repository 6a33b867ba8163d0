"""What mmzoo-datasets registers. Nothing heavy is imported here."""

from __future__ import annotations

from mmzoo.hookspecs import Register, hookimpl


@hookimpl
def mmzoo_register(register: Register) -> None:
    """The synthetic corpora, the small worlds, the lexicon and the LJSpeech adapter."""
    register.dataset(
        "flite-speech",
        "mmzoo_datasets.flite_speech:flite_speech",
        summary="Sentences of a grammar spoken by a flite voice, with phone times (needs flite)",
        modalities=("speech", "text"),
    )
    register.dataset(
        "heldout-texts",
        "mmzoo_datasets.heldout_texts:heldout_texts",
        summary="The held-out sentences and words of flite-speech as texts only",
        modalities=("text",),
    )
    register.dataset(
        "english-lexicon",
        "mmzoo_datasets.lexicon:english_lexicon",
        summary="English words and their phones as flite says them (needs flite)",
        modalities=("text",),
    )
    register.dataset(
        "ljspeech",
        "mmzoo_datasets.ljspeech:ljspeech",
        summary="LJSpeech from its own folder, phone times by forced alignment",
        modalities=("speech", "text"),
    )
    register.dataset(
        "spoken-scenes",
        "mmzoo_datasets.scenes.spoken:spoken_scenes",
        summary="Drawn scenes, their captions, and the captions spoken by many voices (needs flite and espeak-ng)",
        modalities=("image", "text", "speech"),
    )
    register.dataset(
        "spoken-digits",
        "mmzoo_datasets.digits:spoken_digits",
        summary="Real handwritten digits, their words, and the words spoken by many voices (needs flite and espeak-ng)",
        modalities=("image", "text", "speech"),
    )
    register.dataset(
        "degraded-digits",
        "mmzoo_datasets.digits:degraded_digits",
        summary="Spoken digits at several degrees of degradation of picture, sound and word",
        modalities=("image", "text", "speech"),
    )
    register.dataset(
        "spoken-words",
        "mmzoo_datasets.spoken_words:spoken_words",
        summary="Shapes and colours, each word said alone by many voices at many rates (needs flite and espeak-ng)",
        modalities=("speech", "text"),
    )
    register.dataset(
        "small-pictures",
        "mmzoo_datasets.pictures:small_pictures",
        summary="The scenes and the digits as pictures of one size, without speech",
        modalities=("image",),
    )
    register.dataset(
        "imagenet-1k",
        "mmzoo_datasets.folders:imagenet",
        summary="ImageNet-1k from its own folder",
        modalities=("image", "text"),
    )
    register.dataset(
        "coco-captions",
        "mmzoo_datasets.folders:coco_captions",
        summary="COCO captions from its own folder",
        modalities=("image", "text"),
    )
    register.dataset(
        "librispeech",
        "mmzoo_datasets.folders:librispeech",
        summary="LibriSpeech from its own folder",
        modalities=("speech", "text"),
    )
    register.dataset(
        "speech-commands",
        "mmzoo_datasets.folders:speech_commands",
        summary="Speech Commands from its own folder",
        modalities=("speech", "text"),
    )
    register.metric(
        "image-tokenization",
        "mmzoo_datasets.picture_judge:evaluate_picture_tokenizer",
        summary="Copies held-out scenes and digits through the codes; a rule and a classifier read them",
    )
    register.metric(
        "text-to-image",
        "mmzoo_datasets.drawing_judge:evaluate_text_to_image",
        summary="Scenes drawn from captions and true ones edited, read by rule",
    )
    register.metric(
        "class-to-image",
        "mmzoo_datasets.drawing_judge:evaluate_class_to_image",
        summary="Digits drawn from their words and real ones edited, read by a classifier",
    )
    register.metric(
        "speech-to-image",
        "mmzoo_datasets.transfer_judge:evaluate_speech_to_image",
        summary="Scenes drawn from spoken captions, read by rule",
    )
    register.metric(
        "image-to-speech",
        "mmzoo_datasets.transfer_judge:evaluate_image_to_speech",
        summary="Scenes told aloud, heard by a recogniser, and drawn again",
    )
