"""What mmzoo-transfer registers. Nothing heavy is imported here."""

from __future__ import annotations

from mmzoo.hookspecs import Register, Weights, hookimpl
from mmzoo_transfer import tasks


@hookimpl
def mmzoo_register(register: Register) -> None:
    """The heads between pictures and speech, their models, and `mmzoo transfer`."""
    tasks.register_tasks(register)
    register.head(
        "speech-to-image",
        "mmzoo_transfer.speech_to_image:SpeechToImage",
        summary="Recognizes words in speech, which a text-to-image model draws",
        modalities=("speech", "image"),
        trials=[
            {
                "width": 16,
                "vocabulary": 8,
                "slots": {
                    "speech": {"name": "speech-transformer", "width": 16, "depth": 1, "heads": 2, "bands": 20},
                    "artist": {"model": "vqvae-dit-text2image", "pretrained": False},
                },
            }
        ],
    )
    register.head(
        "image-to-speech",
        "mmzoo_transfer.image_to_speech:ImageToSpeech",
        summary="Recognizes words in a picture, which a text-to-speech model speaks",
        modalities=("image", "speech"),
        trials=[
            {
                "width": 32,
                "side": 32,
                "slots": {
                    "tokenizer": {"model": "vqvae-image", "pretrained": False},
                    "voice": {"model": "vqvae-dit-tts", "pretrained": False},
                    "picture": {"name": "vectors", "channels": 32, "width": 32, "depth": 1, "heads": 2},
                },
            }
        ],
    )
    register.command(
        "transfer", "mmzoo_transfer.cli:transfer", summary="Turn a picture into speech, or speech into a picture"
    )
    register.model(
        "vqvae-dit-speech2image",
        task="speech-to-image",
        modalities=("speech", "image"),
        summary="Scenes from their spoken captions",
        card=tasks.SPEECH_TO_IMAGE,
        recipe={
            "head": {"name": "speech-to-image", "width": 160},
            "speech": {"name": "speech-transformer", "width": 160, "depth": 4},
            "artist": {"model": "vqvae-dit-text2image"},
        },
        weights=[Weights("scenes", license="apache-2.0")],
    )
    register.model(
        "vqvae-dit-image2speech",
        task="image-to-speech",
        modalities=("image", "speech"),
        summary="Scenes described aloud",
        card=tasks.IMAGE_TO_SPEECH,
        recipe={
            "head": {"name": "image-to-speech", "dim": 32, "width": 160},
            "tokenizer": {"model": "vqvae-image"},
            "voice": {"model": "vqvae-dit-tts"},
            "picture": {"name": "vectors", "channels": 32, "width": 160, "depth": 4},
        },
        weights=[Weights("scenes", license="apache-2.0")],
    )
