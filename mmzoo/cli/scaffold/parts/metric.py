"""A metric: how well a model copies pictures. Its name is the task that it evaluates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mmzoo.interfaces import Image

PICTURES, SIDE, SEED = 64, 16, 0


def acme_part(model: Any, *, limit: int | None = None, samples: Path | None = None) -> dict[str, Any]:
    """Squared error and PSNR of copies of random pictures.

    Args:
        model: The model; `model(image)` returns a copy.
        limit: The largest number of pictures to use.
        samples: A folder for samples to look at or listen to, if they are wanted.

    Returns:
        How the figures were obtained, and the figures.
    """
    pictures = min(PICTURES, limit or PICTURES)
    generator = np.random.default_rng(SEED)
    errors = []
    for _ in range(pictures):
        pixels = generator.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        copy = model(Image(pixels)).pixels
        errors.append(float(np.square((pixels.astype(np.float64) - copy) / 255).mean()))
    error = float(np.mean(errors))
    return {
        "protocol": {"pictures": pictures, "data": f"noise of {SIDE} x {SIDE} pixels, seed {SEED}"},
        "copies": {"squared_error": error, "psnr_db": float(-10 * np.log10(max(error, 1e-10)))},
    }
