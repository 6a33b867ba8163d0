"""The values that pass between components, and the typed inputs and outputs of models.

Shapes: B items, N positions, D channels, Q codes per position. Sequences are channel-last `[B, N, D]`; masks are bool
`[B, N]`, True where the item has data. Importing this module does not import torch.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmzoo.errors import InputError
from mmzoo.system import whole_file

if TYPE_CHECKING:
    from torch import Tensor

PADDING_CODE = -1


@dataclass(frozen=True, slots=True)
class Latents:
    """A batch of sequences of vectors, from any modality.

    Args:
        x: `[B, N, D]`, or codes `[B, N, Q]` if `HasFeatures.features` returns them.
        mask: Bool `[B, N]`; None if there is no padding.
        positions: Float `[B, N, 1]` for sequences or `[B, N, 2]` for images; None means 0, 1, 2, ...
        grid: (H, W) if the N = H * W positions are an image in row-major order.
        rate: Positions per second, for speech.
        modality: speech, image or text.
    """

    x: Tensor
    mask: Tensor | None = None
    positions: Tensor | None = None
    grid: tuple[int, int] | None = None
    rate: float | None = None
    modality: str | None = None

    def with_x(self, x: Tensor) -> Latents:
        """A copy with other vectors `[B, N, D']` at the same positions."""
        return replace(self, x=x)


@dataclass(frozen=True, slots=True)
class Quantized:
    """The output of a quantizer.

    Args:
        z_q: Quantized vectors `[B, N, D]`, through which the gradient flows.
        codes: int64 `[B, N, Q]`, -1 in padding.
        loss: Scalar, the sum of `losses`.
        losses: Scalars by name.
        usage: Fraction of each codebook in use, `[Q]`.
    """

    z_q: Tensor
    codes: Tensor
    loss: Tensor
    losses: Mapping[str, Tensor]
    usage: Tensor


@dataclass(frozen=True, slots=True)
class Condition:
    """The named conditions of a diffusion backbone.

    Args:
        vectors: `[B, D]` each, summed into the modulation.
        aligned: `[B, N, D]` each, one vector per position of the noisy sequence.
        sequences: Latents of any length, for attention.
    """

    vectors: Mapping[str, Tensor] = field(default_factory=dict)
    aligned: Mapping[str, Tensor] = field(default_factory=dict)
    sequences: Mapping[str, Latents] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Losses:
    """The output of a training step.

    Args:
        total: Scalar that the head minimizes.
        parts: Its parts by name, for the log.
        adversary: Scalar that the head's `adversary()` minimizes, if it has one.
    """

    total: Tensor
    parts: Mapping[str, Tensor] = field(default_factory=dict)
    adversary: Tensor | None = None


@dataclass(frozen=True, slots=True)
class TrainingState:
    """What is trained in one step. The trainer decides; a head never infers it from `Module.training`.

    Args:
        adversary: Whether the head's adversary is active.
        joint: Slots whose models are trained jointly with the head; models in other slots are frozen.
    """

    adversary: bool = False
    joint: frozenset[str] = frozenset()


ALONE = TrainingState()
"""Only the head is trained: no adversary, no model in a slot."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A word or phone (`kind`) with its start and end in seconds."""

    kind: str
    text: str
    start: float
    end: float


def _checked_output(path: str | Path, suffixes: tuple[str, ...]) -> Path:
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        raise InputError(f"Cannot write {path}: the name must end in {' or '.join(suffixes)}.")
    if not path.parent.is_dir():
        raise InputError(f"Cannot write {path}: the folder {path.parent} does not exist; create it first.")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        what = "it is a folder" if path.is_dir() else f"the folder {path.parent} is read-only"
        raise InputError(f"Cannot write {path}: {what}; choose a writable path.")
    return path


@dataclass(frozen=True, slots=True)
class Audio:
    """Mono audio.

    Args:
        samples: float32 `[T]` in [-1, 1].
        sample_rate: Hz.
        segments: Words and phones with times, if the model knows them.
        notes: Remarks of the model for the user, such as which words it spelled out.
    """

    samples: np.ndarray[Any, np.dtype[np.float32]] = field(repr=False)
    sample_rate: int
    segments: tuple[Segment, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def duration(self) -> float:
        """Duration in seconds."""
        return len(self.samples) / self.sample_rate

    @property
    def words(self) -> tuple[Segment, ...]:
        """The written words with their times, if the model knows them."""
        return tuple(segment for segment in self.segments if segment.kind == "word" and segment.text)

    def save(self, path: str | Path) -> Path:
        """Write a 16-bit WAV or FLAC file, by suffix, atomically. Raises InputError."""
        import soundfile

        path = self.check_output(path)
        samples, layout = np.clip(self.samples, -1, 1), path.suffix[1:].upper()
        try:
            with whole_file(path) as staged:
                soundfile.write(staged, samples, self.sample_rate, subtype="PCM_16", format=layout)
        except (OSError, soundfile.SoundFileError) as error:
            raise InputError(f"Cannot write {path}: {error}; choose a writable path.") from error
        return path

    @staticmethod
    def check_output(path: str | Path) -> Path:
        """The path, if `save` can write there; for checking before slow work. Raises InputError."""
        return _checked_output(path, (".wav", ".flac"))

    @classmethod
    def load(cls, path: str | Path) -> Audio:
        """Read a WAV or FLAC file, averaging its channels. Raises InputError."""
        import soundfile

        path = Path(path)
        if not path.is_file():
            raise InputError(f"There is no audio file at {path}.")
        try:
            samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        except (OSError, soundfile.SoundFileError) as error:
            raise InputError(f"Cannot read {path} as audio: {error}.") from error
        return cls(samples.mean(axis=1), int(rate))


@dataclass(frozen=True, slots=True)
class Image:
    """A picture with pixels uint8 `[H, W, 3]`."""

    pixels: np.ndarray[Any, np.dtype[np.uint8]]

    def __repr__(self) -> str:
        height, width = self.pixels.shape[:2]
        return f"Image({width} x {height})"

    def save(self, path: str | Path) -> Path:
        """Write a PNG atomically. Raises InputError."""
        from PIL import Image as PillowImage

        path = self.check_output(path)
        try:
            with whole_file(path) as staged:
                PillowImage.fromarray(self.pixels).save(staged, format="PNG")
        except OSError as error:
            raise InputError(f"Cannot write {path}: {error}; choose a writable path.") from error
        return path

    @staticmethod
    def check_output(path: str | Path) -> Path:
        """The path, if `save` can write there; for checking before slow work. Raises InputError."""
        return _checked_output(path, (".png",))

    @classmethod
    def load(cls, path: str | Path) -> Image:
        """Read any picture that Pillow can read, as RGB. Raises InputError."""
        from PIL import Image as PillowImage

        try:
            with PillowImage.open(path) as picture:
                return cls(np.asarray(picture.convert("RGB")))
        except OSError as error:
            raise InputError(f"Cannot read {path} as a picture: {error}.") from error


@dataclass(frozen=True, slots=True)
class Labels:
    """A recognition result: class names and their probabilities, most probable first."""

    names: tuple[str, ...]
    probabilities: tuple[float, ...]

    @property
    def best(self) -> str:
        """The most probable class."""
        return self.names[0]
