"""What mmzoo-acme registers. Import nothing heavy here; targets are imported when they are used."""

from __future__ import annotations

from mmzoo.hookspecs import Register, hookimpl

mmzoo_api_version = 1


@hookimpl
def mmzoo_register(register: Register) -> None:
    """The components of a picture tokenizer, a dataset to train it on, and the tokenizer."""
    register.quantizer(
        "acme-grid", "mmzoo_acme.quantizer:Grid", summary="Every channel rounded to a few levels", trials=[{"dim": 4}]
    )
    register.encoder(
        "acme-squares",
        "mmzoo_acme.encoder:Squares",
        summary="Patches of pixels to latents and back, one layer each way",
        modalities=("image",),
        trials=[{"dim": 6}],
    )
    register.head(
        "acme-tokenizer",
        "mmzoo_acme.head:PictureTokenizer",
        summary="Picture VQ-VAE: pictures to codes and back",
        modalities=("image",),
        trials=[
            {
                "dim": 6,
                "slots": {
                    "encoder": {"name": "acme-squares", "dim": 6},
                    "quantizer": {"name": "acme-grid", "dim": 6},
                },
            }
        ],
    )
    register.dataset(
        "acme-halves",
        "mmzoo_acme.dataset:halves",
        summary="Pictures of two colors, generated from a seed",
        modalities=("image", "text"),
        trials=[{"train": 4, "validation": 2}],
    )
    register.model(
        "acme-pictures",
        task="image-tokenization",
        modalities=("image",),
        summary="Picture tokenizer, 16 channels of 5 levels per patch of 4 x 4 pixels (37 bits)",
        recipe={
            "head": {"name": "acme-tokenizer", "dim": 16},
            "encoder": {"name": "acme-squares", "dim": 16},
            "quantizer": {"name": "acme-grid", "dim": 16},
        },
    )
