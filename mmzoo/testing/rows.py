"""Two rows of made-up data with every column, on which heads of any task are tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from datasets import Dataset


def sample_rows() -> Dataset:
    """Noise as sound (about a second at 16 kHz, with phones) and as 32 x 32 pixels, a caption and a label each."""
    from datasets import Dataset

    from mmzoo.data import encode_audio, encode_image, make_row, row_features
    from mmzoo.interfaces import Audio, Image

    generator = np.random.default_rng(0)
    noise = generator.standard_normal((2, 20000)).astype(np.float32) * 0.1
    pixels = generator.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    return Dataset.from_list(
        [
            make_row(
                id=f"row-{index}",
                text="a red circle",
                audio=encode_audio(Audio(noise[index, : 20000 - 4000 * index], 16000)),
                image=encode_image(Image(pixels[index])),
                label=str(index),
                speaker="slt",
                phones=["pau", "aa", "pau"],
                phone_ends_s=[0.2, 0.8, 1.25 - 0.25 * index],
                phone_set="flite",
                split="train",
            )
            for index in range(2)
        ],
        features=row_features(),
    )
