"""The bundled models that generate or tokenize, from the registry, and what tests give them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mmzoo.composition import check
from mmzoo.data import encode_audio, encode_image
from mmzoo.errors import MmzooError
from mmzoo.interfaces import Audio, Generates, Image, Tokenizer
from mmzoo.registry import catalog
from mmzoo.resolve import resolve

ROOT = Path(__file__).parents[2]
TEXTS = ("a red circle, seven", "one blue square")
"""Each has a word that any of the models knows."""


def bundled() -> dict[str, type]:
    """The head of each model whose weights are in the repository."""
    found = {}
    for spec in catalog().models():
        if spec.plugin.startswith("mmzoo-") and spec.weights:
            try:
                found[spec.name] = check(resolve(spec.name)).head.cls
            except MmzooError:  # no weights yet
                continue
    return found


MODELS = bundled()
GENERATORS = sorted(name for name, cls in MODELS.items() if isinstance(cls, Generates))
TOKENIZERS = sorted(name for name, cls in MODELS.items() if issubclass(cls, Tokenizer))


def weights_size(name: str) -> int:
    """Bytes of a bundled model's weights."""
    return (ROOT / "model_cards" / name / "model.safetensors").stat().st_size


def picture(seed: int, height: int = 64, width: int = 64) -> Image:
    """A picture in which a model of scenes finds something."""
    pixels = np.full((height, width, 3), 40 * (seed % 5), np.uint8)
    pixels[height // 4 : height // 2, width // 4 : width // 2] = (220, 30, 30)
    return Image(pixels)


def sound(seed: int, seconds: float = 1.0) -> Audio:
    """A tone with noise."""
    time = np.arange(round(seconds * 16000)) / 16000
    noise = np.random.default_rng(seed).standard_normal(len(time))
    return Audio((0.3 * np.sin(2 * np.pi * (150 + 40 * seed) * time) + 0.02 * noise).astype(np.float32), 16000)


def own_data(modality: str, folder: Path) -> Path:
    """A folder or a file of three rows of a modality, of different sizes, as a user has them."""
    folder.mkdir()
    for index in range(3):
        if modality == "image":
            (folder / f"{index}.png").write_bytes(encode_image(picture(index, 16 + 8 * (index // 2), 24)))
        elif modality == "speech":
            (folder / f"{index}.wav").write_bytes(encode_audio(sound(index, 0.5 + 0.1 * index)))
    if modality == "text":
        (folder / "texts.txt").write_text("A text.\nAnother text, which is longer.\nA third.\n")
        return folder / "texts.txt"
    return folder


def needs(cls: Any) -> str:
    """The key without a default of a model's prompts; "text" for one that needs none."""
    from mmzoo.schema import arguments_of

    (key,) = [name for name, field in arguments_of(cls.generate_item).items() if field.is_required()] or ["text"]
    return key


def few_steps(name: str) -> dict[str, int]:
    """One step for a model with steps; the bundled priors make one code after another."""
    from mmzoo.schema import arguments_of

    return {"steps": 1} if "steps" in arguments_of(MODELS[name].generate_item) and "-prior-" not in name else {}
