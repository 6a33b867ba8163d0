"""What mmzoo-recognition registers. Nothing heavy is imported here."""

from __future__ import annotations

from mmzoo.hookspecs import Register, Weights, hookimpl
from mmzoo_recognition import tasks


@hookimpl
def mmzoo_register(register: Register) -> None:
    """The recognition head, its model and commands."""
    tasks.register_tasks(register)
    register.head(
        "recognition",
        "mmzoo_recognition.head:Recognizer",
        summary="Labels from any of a picture, speech and text",
        modalities=("image", "speech", "text"),
        trials=[
            {
                "width": 16,
                "classes": 2,
                "slots": {
                    "speech": {"name": "speech-transformer", "width": 16, "depth": 1, "heads": 2, "bands": 20},
                    "text": {"name": "bytes", "width": 16, "depth": 1},
                    "fusion": {"name": "weighted", "widths": {"speech": 16, "text": 16}, "width": 16},
                },
            }
        ],
    )
    register.head(
        "diffusion-classifier",
        "mmzoo_recognition.diffusion:DiffusionClassifier",
        summary="The class under which a diffusion model denoises a picture best",
        modalities=("image",),
        trials=[
            {
                "classes": {"0": "zero", "1": "one"},
                "side": 32,
                "draws": 2,
                "slots": {"generator": {"model": "vqvae-dit-digits", "pretrained": False}},
            }
        ],
    )
    register.command(
        "recognize",
        "mmzoo_recognition.cli:recognize",
        summary="Classify a picture, speech or a text",
        aliases=("recognise",),
    )
    register.command("explain", "mmzoo_recognition.cli:explain", summary="Draw why a model predicts a class")
    register.model(
        "vqvae-dit-recognition",
        task="recognition",
        modalities=("image", "speech", "text"),
        summary="Digits from any of a picture, speech and text",
        card=tasks.DIGITS,
        recipe={
            "head": {"name": "recognition", "width": 128, "classes": 10},
            "image": {"name": "image-conv", "widths": [48, 96, 128], "depth": 2},
            "speech": {"name": "speech-transformer", "width": 128, "depth": 3},
            "text": {"name": "bytes", "width": 128, "depth": 1},
            "fusion": {"name": "weighted", "widths": {"image": 128, "speech": 128, "text": 128}, "width": 128},
        },
        weights=[Weights("digits", license="apache-2.0")],
    )
    register.model(
        "dit-digits-classifier",
        task="diffusion-classification",
        modalities=("image",),
        summary="Digits by the class under which vqvae-dit-digits denoises a picture best",
        card=tasks.DENOISED_DIGITS,
        recipe={
            "head": {"name": "diffusion-classifier", "classes": tasks.DIGIT_WORDS},
            "generator": {"model": "vqvae-dit-digits"},
        },
    )
