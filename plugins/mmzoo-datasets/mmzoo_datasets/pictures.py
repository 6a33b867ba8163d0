"""The dataset `small-pictures`: drawn scenes and handwritten digits at one size, for one image tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmzoo.interfaces import Size
from mmzoo_datasets.digits import spoken_digits
from mmzoo_datasets.scenes.spoken import Side, spoken_scenes

if TYPE_CHECKING:
    from datasets import DatasetDict


def small_pictures(*, scenes: Size = 12_000, side: Side = 64, seed: int = 0) -> DatasetDict:
    """Images and labels of `spoken-scenes` and `spoken-digits` without speech; splits train, validation and test.

    The digits of a split come after its scenes.

    Args:
        scenes: Number of training scenes.
        side: Pixels of an image's side.
        seed: Of the scenes.
    """
    from datasets import DatasetDict, concatenate_datasets

    worlds = spoken_scenes(train=scenes, side=side, speech=False, seed=seed), spoken_digits(side=side, speech=False)
    return DatasetDict(
        {split: concatenate_datasets([world[split] for world in worlds]) for split in ("train", "validation", "test")}
    )
