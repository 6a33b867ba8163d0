"""What mmzoo-recognition registers. Nothing heavy is imported here."""

from __future__ import annotations

from mmzoo.hookspecs import Register, Weights, hookimpl
from mmzoo_recognition import tasks

_MASKS = {"mask": [[[0, 1], [1, 0]], [[0, 0], [1, 1]]], "mask_classes": [["background", *"abcdef"]]}
"""Columns of the rows that segmentation is tried on, with as many classes as its models have."""


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
                # A trained one: a fresh generator denoises alike under every prompt, so nothing could be learned.
                "slots": {"generator": {"model": "vqvae-dit-digits"}},
            }
        ],
    )
    register.head(
        "segmentation",
        "mmzoo_recognition.segmentation:Segmenter",
        summary="The class of each pixel, from the features of a diffusion model or of an encoder",
        modalities=("image",),
        trials=[
            {
                "channels": 256,
                "widths": [8, 6, 4],
                "classes": 7,
                "side": 32,
                "depths": [1],
                "times": [0.7, 0.9],
                "slots": {"image_model": {"model": "vqvae-dit-digits", "pretrained": False}},
                "rows": _MASKS,
            },
            {
                "channels": 6,
                "widths": [],
                "classes": 7,
                "side": 32,
                "slots": {"encoder": {"name": "unet", "widths": [6, 8]}},
                "rows": _MASKS,
            },
        ],
    )
    register.command(
        "recognize",
        "mmzoo_recognition.cli:recognize",
        summary="Classify a picture, speech or a text",
        aliases=("recognise",),
    )
    register.command("explain", "mmzoo_recognition.cli:explain", summary="Draw why a model predicts a class")
    register.command("segment", "mmzoo_recognition.cli:segment", summary="Find the class of each pixel of a picture")
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
    register.model(
        "dit-segmentation",
        task="segmentation",
        modalities=("image",),
        summary="Overlapping shapes by pixel, from the features of vqvae-dit-text2image",
        card=tasks.SHAPES,
        recipe={
            "head": {
                "name": "segmentation",
                "channels": 512,
                "widths": [64, 32, 16],
                "classes": 7,
                "depths": [3],
                "times": [0.7, 0.9],
            },
            "image_model": {"model": "vqvae-dit-text2image"},
        },
        weights=[Weights("scenes", license="apache-2.0")],
    )
    register.model(
        "unet-segmentation",
        task="segmentation",
        modalities=("image",),
        summary="Overlapping shapes by pixel, by a small U-Net",
        card=tasks.SHAPES,
        recipe={
            "head": {"name": "segmentation", "channels": 16, "widths": [], "classes": 7},
            "encoder": {"name": "unet", "widths": [16, 28, 44, 52]},
        },
        weights=[Weights("scenes", license="apache-2.0")],
    )
