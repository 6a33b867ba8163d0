"""The datasets `segmented-scenes` and `segmented-digits`: pictures with the class of each pixel.

Masks are known because the pictures are composed: of overlapping shapes with textures, or of handwritten digits on
crops of photographs and on clutter. Noise lies over everything.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from annotated_types import Interval

from mmzoo.data import cache_dir, make_row, row_features
from mmzoo.data.shards import Row, build_split, open_shards, settings_folder, write_json
from mmzoo.errors import MissingDependencyError
from mmzoo.interfaces import Size
from mmzoo_datasets.digits import WORDS, handwritten, split_indices
from mmzoo_datasets.scenes.draw import silhouette
from mmzoo_datasets.scenes.world import BACKGROUNDS, COLOURS, SHAPES, SIZES, Thing

if TYPE_CHECKING:
    from datasets import DatasetDict

VERSION = 1
SPLITS = ("train", "validation", "test")
BACKGROUND = "background"
SHAPE_CLASSES = (BACKGROUND, *SHAPES)
DIGIT_CLASSES = (BACKGROUND, *WORDS)
THINGS = (2, 3, 4, 5, 6)
"""Numbers of shapes in a scene, drawn uniformly; with six, most overlap."""
DIGITS = (1, 2, 3)
"""Numbers of digits in a picture."""
TEXTURES = ("plain", "stripes", "checks", "dots", "grain")
CONTRAST = 60
"""How much darker the second color of a texture is, of 255."""
NOISE = (0.0, 25.0)
"""Range of the std of the noise over a picture, of 255."""
TEST_PART = 0.3
"""Fraction of the width of each photograph, at its right, from which only test and validation pictures are cropped."""

Side = Annotated[int, Interval(ge=24, le=512)]
"""In pixels."""
Pixels = np.ndarray[Any, np.dtype[np.float32]]
Classes = np.ndarray[Any, np.dtype[np.uint8]]
Chance = np.random.Generator
Compose = Callable[[Chance, str, int], tuple[Pixels, Classes]]


def segmented_scenes(
    *, train: Size = 4000, validation: Size = 200, test: Size = 400, side: Side = 64, seed: int = 0,
    shard_rows: Size = 250,
) -> DatasetDict:  # fmt: skip
    """Build scenes of overlapping, textured, noisy shapes with masks; splits train, validation and test.

    `mask` is a gray PNG whose values index `mask_classes`: the background, then the shapes. A smaller training split is
    the beginning of a larger one.

    Args:
        train: Number of scenes.
        validation: Number of scenes.
        test: Number of scenes.
        side: Pixels of a picture's side.
        seed: Of the scenes.
        shard_rows: Rows in a parquet shard.

    Raises:
        ConfigError: An argument is out of range.
    """
    counts = dict(zip(SPLITS, (train, validation, test), strict=True))
    return _built("segmented-scenes", counts, side, seed, shard_rows, SHAPE_CLASSES, scene)


def segmented_digits(
    *, train: Size = 4000, validation: Size = 200, test: Size = 400, side: Side = 64, seed: int = 0,
    shard_rows: Size = 250,
) -> DatasetDict:  # fmt: skip
    """Build pictures of colored handwritten digits on photographs and clutter, with masks; splits as above.

    No handwritten digit, and no part of a photograph, is in both train and another split. Photographs and digits come
    with scikit-learn.

    Args:
        train: Number of pictures.
        validation: Number of pictures.
        test: Number of pictures.
        side: Pixels of a picture's side.
        seed: Of the pictures.
        shard_rows: Rows in a parquet shard.

    Raises:
        MissingDependencyError: scikit-learn is not installed.
        ConfigError: An argument is out of range.
    """
    counts = dict(zip(SPLITS, (train, validation, test), strict=True))
    return _built("segmented-digits", counts, side, seed, shard_rows, DIGIT_CLASSES, digits)


def scene(chance: Chance, split: str, side: int) -> tuple[Pixels, Classes]:
    """A picture `[side, side, 3]` from 0 to 255 of overlapping shapes, and the class of each pixel."""
    pixels = _texture(chance, side, _pick(chance, BACKGROUNDS))
    classes = np.zeros((side, side), np.uint8)
    for _ in range(int(chance.choice(THINGS))):
        shape = str(chance.choice(SHAPES))
        shift = (float(chance.uniform(-0.4, 0.4)), float(chance.uniform(-0.4, 0.4)))
        thing = Thing(shape, "", str(chance.choice(sorted(SIZES))), 4, shift)
        cover = silhouette(thing, side)
        pixels += cover[..., None] * (_texture(chance, side, _pick(chance, COLOURS)) - pixels)
        classes[cover >= 0.5] = SHAPE_CLASSES.index(shape)
    return pixels, classes


def digits(chance: Chance, split: str, side: int) -> tuple[Pixels, Classes]:
    """A picture `[side, side, 3]` from 0 to 255 of digits on a photograph or clutter, and the class of each pixel."""
    from PIL import Image

    images, labels = handwritten()
    pixels = _photograph(chance, split, side) if chance.random() < 0.5 else _clutter(chance, side)
    classes = np.zeros((side, side), np.uint8)
    for index in chance.choice(split_indices(split), int(chance.choice(DIGITS)), replace=False):
        tall = int(chance.integers(round(0.35 * side), round(0.6 * side)))
        gray = Image.fromarray(np.round(images[index] * 255).astype(np.uint8))
        cover = np.asarray(gray.resize((tall, tall), Image.Resampling.BICUBIC), np.float32) / np.float32(255)
        top, left = (int(start) for start in chance.integers(0, side - tall + 1, 2))
        place = (slice(top, top + tall), slice(left, left + tall))
        ink = np.asarray(_pick(chance, COLOURS), np.float32)
        pixels[place] += cover[..., None] * (ink - pixels[place])
        classes[place][cover >= 0.5] = 1 + int(labels[index])
    return pixels, classes


def _pick(chance: Chance, colors: dict[str, tuple[int, int, int]]) -> tuple[int, int, int]:
    return colors[str(chance.choice(sorted(colors)))]


def _texture(chance: Chance, side: int, color: tuple[int, int, int]) -> Pixels:
    """A picture `[side, side, 3]` of one color with a random pattern."""
    kind, period = str(chance.choice(TEXTURES)), float(chance.uniform(4, 10)) * side / 64
    down, across = np.mgrid[:side, :side] / period
    if kind == "plain":
        dark = np.zeros((side, side))
    elif kind == "stripes":
        angle = chance.uniform(0, np.pi)
        dark = (across * np.cos(angle) + down * np.sin(angle)) % 1 < 0.5
    elif kind == "checks":
        dark = (np.floor(across) + np.floor(down)) % 2 == 0
    elif kind == "dots":
        dark = (across % 1 - 0.5) ** 2 + (down % 1 - 0.5) ** 2 < 0.09
    else:
        dark = chance.random((side, side))
    pixels: Pixels = (np.asarray(color) - CONTRAST * np.asarray(dark, np.float64)[..., None]).astype(np.float32)
    return pixels


def _clutter(chance: Chance, side: int) -> Pixels:
    """A textured picture with strokes and arcs of the digits' colors and width."""
    from PIL import Image, ImageDraw

    page = Image.fromarray(_texture(chance, side, _pick(chance, BACKGROUNDS)).clip(0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(page)
    for _ in range(int(chance.integers(4, 10))):
        ink, width = _pick(chance, COLOURS), max(1, round(side * chance.uniform(0.03, 0.07)))
        x, y, dx, dy = (float(v) for v in (*chance.uniform(0, side, 2), *chance.uniform(-0.2, 0.2, 2) * side))
        if chance.random() < 0.5:
            pen.line((x, y, x + dx, y + dy), fill=ink, width=width)
        else:
            start = float(chance.uniform(0, 360))
            box = (min(x, x + dx), min(y, y + dy), max(x, x + dx) + width, max(y, y + dy) + width)
            pen.arc(box, start, start + float(chance.uniform(60, 160)), fill=ink, width=width)
    return np.array(page, np.float32)


def _photograph(chance: Chance, split: str, side: int) -> Pixels:
    """A crop of a photograph, from the part that belongs to the split."""
    from PIL import Image

    photo = photographs()[int(chance.integers(len(photographs())))]
    height, width = photo.shape[:2]
    edge = round((1 - TEST_PART) * width)
    first, last = (0, edge) if split == "train" else (edge, width)
    extent = int(chance.integers(min(64, last - first), min(height, last - first) + 1))
    top, left = int(chance.integers(height - extent + 1)), int(chance.integers(first, last - extent + 1))
    crop = Image.fromarray(photo[top : top + extent, left : left + extent])
    return np.array(crop.resize((side, side), Image.Resampling.BILINEAR), np.float32)


@lru_cache(maxsize=1)
def photographs() -> tuple[np.ndarray[Any, np.dtype[np.uint8]], ...]:
    """The photographs that come with scikit-learn (a temple by Alexandre Duret-Lutz, a flower by Vultilion; CC-BY).

    Raises:
        MissingDependencyError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_sample_images
    except ImportError as error:
        raise MissingDependencyError(
            "segmented-digits takes pictures from scikit-learn, which is not installed; run: pip install scikit-learn"
        ) from error
    return tuple(np.asarray(image, np.uint8) for image in load_sample_images().images)


def _built(
    name: str, counts: dict[str, int], side: int, seed: int, shard_rows: int, classes: Sequence[str], compose: Compose
) -> DatasetDict:
    """The splits of a dataset, built or read from the cache."""
    from datasets import List, Value
    from tqdm import tqdm

    settings = {**counts, "side": side, "seed": seed, "shard_rows": shard_rows, "version": VERSION}
    folder = settings_folder(cache_dir() / "datasets", f"{name}-{side}", settings)
    done = folder / "done.json"
    features = row_features(
        mask={"bytes": Value("binary"), "path": Value("string")}, mask_classes=List(Value("string"))
    )
    with tqdm(total=sum(counts.values()), desc=name, unit="picture", disable=done.exists() or None) as bar:
        files = {
            split: build_split(
                folder, split, range(count), partial(_rows, split, side, seed, list(classes), compose), features,
                shard_rows=shard_rows, advance=bar.update,
            )
            for split, count in counts.items()
        }  # fmt: skip
    if not done.exists():
        write_json(done, settings)
    return open_shards(files, features, folder)


def _rows(split: str, side: int, seed: int, classes: list[str], compose: Compose, indices: Sequence[int]) -> list[Row]:
    rows = []
    for index in indices:
        # One generator per picture, so that a dataset of another size starts with the same pictures.
        chance = np.random.default_rng([seed, SPLITS.index(split), index])
        pixels, mask = compose(chance, split, side)
        pixels = pixels + chance.uniform(*NOISE) * chance.standard_normal(pixels.shape)
        shown = [classes[number] for number in np.unique(mask) if number]
        rows.append(
            make_row(
                id=f"{split}-{index:05d}", text=" ".join(shown), split=split,
                image=_png(pixels.clip(0, 255).round().astype(np.uint8)),
                mask={"bytes": _png(mask), "path": None}, mask_classes=classes,
            )
        )  # fmt: skip
    return rows


def _png(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()
