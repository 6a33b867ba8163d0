"""The values that pass between components, and the typed inputs and outputs of models.

Shapes: B items, N positions, D channels, Q codes per position. Sequences are channel-last `[B, N, D]`; masks are bool
`[B, N]`, True where the item has data. Importing this module does not import torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmzoo.interfaces.keywords import hinted, hinted_class
from mmzoo.media import outputs, pictures, sounds

if TYPE_CHECKING:
    from torch import Tensor

    from mmzoo.interfaces.adversary import Adversary

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

    @property
    def full_mask(self) -> Tensor:
        """The mask, bool `[B, N]`; all True if there is no padding."""
        return self.x.new_ones(self.x.shape[:2]).bool() if self.mask is None else self.mask

    def with_x(self, x: Tensor) -> Latents:
        """A copy with other vectors `[B, N, D']` at the same positions."""
        return replace(self, x=x)

    def select(self, items: Tensor) -> Latents:
        """Only these items of the batch, int64 `[K]`."""
        mask, positions = self.mask, self.positions
        return replace(
            self,
            x=self.x[items],
            mask=None if mask is None else mask[items],
            # One row of positions is shared by the whole batch.
            positions=positions if positions is None or len(positions) == 1 else positions[items],
        )


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

    def select(self, items: Tensor) -> Condition:
        """The condition of only these items of the batch, int64 `[K]`."""
        return Condition(
            {name: vector[items] for name, vector in self.vectors.items()},
            {name: sequence[items] for name, sequence in self.aligned.items()},
            {name: latents.select(items) for name, latents in self.sequences.items()},
        )


@dataclass(frozen=True, slots=True)
class Losses:
    """The output of a training step.

    Args:
        total: Scalar that the head minimizes.
        parts: Its parts by name, for the log.
        adversary: Scalar that the critics minimize, in a step in which they take part.
    """

    total: Tensor
    parts: Mapping[str, Tensor] = field(default_factory=dict)
    adversary: Tensor | None = None


@dataclass(frozen=True, slots=True)
class TrainingState:
    """What is trained in one step. The trainer decides; a head never infers it from `Module.training`.

    Args:
        adversary: The critics, in a step in which they take part.
        joint: Slots whose models are trained jointly with the head; models in other slots are frozen.
    """

    adversary: Adversary | None = None
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


@hinted_class
@dataclass(frozen=True, slots=True)
class Audio:
    """Mono audio.

    Args:
        samples: float32 `[T]` in [-1, 1]. Other arrays, tensors and lists are converted: integers by the range of their
            type, and channels, the shorter axis of two, to their mean.
        sample_rate: Hz.
        segments: Words and phones with times, if the model knows them.
        notes: Remarks of the model for the user, such as which words it spelled out, or the seed that it drew.

    Raises:
        InputError: samples cannot be converted, or the rate is not a positive integer.
    """

    samples: np.ndarray[Any, np.dtype[np.float32]] = field(repr=False)
    sample_rate: int
    segments: tuple[Segment, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "samples", sounds.mono(self.samples))
        object.__setattr__(self, "sample_rate", sounds.rate_of(self.sample_rate))

    @property
    def duration(self) -> float:
        """Duration in seconds."""
        return len(self.samples) / self.sample_rate

    @property
    def words(self) -> tuple[Segment, ...]:
        """The written words with their times, if the model knows them."""
        return tuple(segment for segment in self.segments if segment.kind == "word" and segment.text)

    @hinted
    def save(self, target: Any, *, format: str | None = None) -> Any:
        """Write a WAV or FLAC file of 16 bits, an OGG (Vorbis) or an MP3 file.

        Args:
            target: A path, which is replaced atomically, or an open binary file such as `io.BytesIO`.
            format: wav, flac, ogg or mp3; None for that of the suffix.

        Returns:
            The path as a Path, or the open file.

        Raises:
            InputError: Nothing can be written there, the format is unknown, or a sample is NaN or infinite.
        """
        return outputs.save(
            target, format, sounds.FORMATS, lambda format: sounds.sound_bytes(self.samples, self.sample_rate, format)
        )

    @staticmethod
    @hinted
    def check_output(path: str | Path) -> Path:
        """The path, if `save` can write there; for checking before slow work. Raises InputError."""
        return outputs.check_output(path, sounds.FORMATS)

    @classmethod
    @hinted
    def load(cls, source: Any) -> Audio:
        """Read a WAV, FLAC, OGG, MP3, AIFF or other file of libsndfile, averaging its channels.

        Args:
            source: A path, the bytes of a file or an open binary file.

        Raises:
            InputError: The file cannot be read, is empty, or has samples that are NaN or infinite.
        """
        sound = sounds.read_sound(source)
        return cls(sound.samples, sound.rate)


@hinted_class
@dataclass(frozen=True, slots=True)
class Image:
    """A picture.

    Args:
        pixels: uint8 `[H, W, 3]`. Other arrays, tensors and lists are converted: `[H, W]`, `[H, W, C]` or `[C, H, W]`,
            of floats in 0..1, uint16 in 0..65,535, or other integers in 0..255.
        notes: Remarks of the model for the user, such as the seed that it drew.

    Raises:
        InputError: pixels cannot be converted.
    """

    pixels: np.ndarray[Any, np.dtype[np.uint8]]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "pixels", pictures.array_pixels(self.pixels))

    def __repr__(self) -> str:
        height, width = self.pixels.shape[:2]
        return f"Image({width} x {height})"

    @hinted
    def save(self, target: Any, *, format: str | None = None) -> Any:
        """Write a PNG, a JPEG (of quality 95) or a WebP (lossless).

        Args:
            target: A path, which is replaced atomically, or an open binary file such as `io.BytesIO`.
            format: png, jpg, jpeg or webp; None for that of the suffix.

        Returns:
            The path as a Path, or the open file.

        Raises:
            InputError: Nothing can be written there, or the format is unknown or cannot hold the picture.
        """
        return outputs.save(
            target, format, pictures.FORMATS, lambda format: pictures.picture_bytes(self.pixels, format)
        )

    @staticmethod
    @hinted
    def check_output(path: str | Path) -> Path:
        """The path, if `save` can write there; for checking before slow work. Raises InputError."""
        return outputs.check_output(path, pictures.FORMATS)

    @classmethod
    @hinted
    def load(cls, source: Any) -> Image:
        """Read a picture file as a viewer shows it: upright, as RGB, on white where it is transparent.

        Args:
            source: A path, the bytes of a file or an open binary file.

        Raises:
            InputError: The file cannot be read or is too large.
        """
        return cls(pictures.read_picture(source))


@dataclass(frozen=True, slots=True)
class Labels:
    """A recognition result: class names and their probabilities, most probable first."""

    names: tuple[str, ...]
    probabilities: tuple[float, ...]

    @property
    def best(self) -> str:
        """The most probable class."""
        return self.names[0]
