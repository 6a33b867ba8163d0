"""The segmentation head: the class of each pixel, from the features of a diffusion model or of an encoder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.data import as_batch, as_image, decode_image, fit_image, packed_images
from mmzoo.errors import ConfigError, CorruptFileError, InputError
from mmzoo.evaluation.masks import UNLABELED, Classes
from mmzoo.interfaces import (
    ALONE,
    Count,
    Diffuses,
    Examples,
    Fraction,
    Image,
    Latents,
    Link,
    Losses,
    ModalityEncoder,
    Port,
    Ports,
    Size,
    Slot,
    TaskHead,
    TrainingState,
)
from mmzoo.nn.convnext import ConvNeXtStack
from mmzoo.nn.patches import fold, unfold
from mmzoo.nn.precise import linear_float32
from mmzoo.nn.rows import copy_rows
from mmzoo_recognition.augment import moved_with_classes
from mmzoo_recognition.head import CLASSES_FILE
from mmzoo_recognition.masks import Segmentation, classes_of, packed_masks, read_mask

if TYPE_CHECKING:
    from datasets import Dataset

LONGEST = 4
"""Longest side of a picture as the network sees it, over `side`; longer ones are compressed."""


class Segmenter(TaskHead):
    """Finds the class of each pixel. Fill one slot: `image_model` with a diffusion model, or `encoder`.

    A diffusion model is not trained; its hidden states at some depths and times are the features (Baranchuk et al.,
    arXiv 2112.03126). A decoder brings them to pixels: at each doubling of the resolution it also sees the picture's
    own pixels, folded into channels, so that outlines can be finer than the grid of the features.

    Args:
        channels: Channels of the features: of the encoder, or width * depths * times of the diffusion model.
        widths: Channels of the decoder at each doubling of the resolution; 2 ** their number pixels is the patch that
            each vector of the features stands for. None for features of each pixel.
        blocks: ConvNeXt blocks at each resolution.
        classes: Number of classes.
        side: Pixels of the shorter side as the network sees a picture; a multiple of the patch.
        depths: Numbers of blocks after which the diffusion model's hidden states are read.
        times: The times at which they are read, 1 for a picture without noise.
        augment: Turn, move and scale training pictures a little.
    """

    slots: ClassVar[Mapping[str, Slot]] = {
        "encoder": Slot("encoder", optional=True),
        "image_model": Slot("head", model=True, optional=True, contract=Diffuses),
    }
    links = (Link("head.image", "encoder.raw"), Link("encoder.latents", "head.latents"))
    columns = ("image", "mask", "mask_classes")
    batch_keys = ("image", "classes")
    encoder: ModalityEncoder | None
    image_model: Diffuses | None

    def __init__(
        self,
        *,
        channels: Size,
        widths: Sequence[Size] = (64, 32, 16),
        blocks: Count = 1,
        classes: Size = 7,
        side: Size = 64,
        depths: Sequence[Count] = (3,),
        times: Sequence[Fraction] = (0.9,),
        augment: bool = True,
    ) -> None:
        super().__init__()
        self.patch = 2 ** len(widths)
        if classes < 2:
            raise ConfigError(f"head: classes is {classes}; it must be at least 2.", path="classes")
        if side % self.patch:
            raise ConfigError(f"head: side is {side}; it must be a multiple of the patch, {self.patch}.", path="side")
        if not depths or not times:
            name = "times" if depths else "depths"
            raise ConfigError(f"head: {name} is empty; name at least one.", path=name)
        self.channels, self.classes, self.side, self.augment = channels, classes, side, augment
        self.depths, self.times = tuple(depths), tuple(times)
        self.names: list[str] = []
        self.decoder = PixelDecoder(channels, widths, classes, blocks)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """An encoder's latents in; the picture out."""
        return Ports(inputs={"latents": Port(width=config["channels"])}, outputs={"image": Port(modality="image")})

    def connect(self) -> None:
        """Raise ConfigError unless exactly one slot is filled."""
        if (self.encoder is None) == (self.image_model is None):
            raise ConfigError("The head segmentation needs either an encoder or an image_model.", path="encoder")

    # --- use ---------------------------------------------------------------------------------------------

    def segment(self, image: Any) -> Any:
        """Find the class of each pixel of one picture, or of each of a list.

        The picture is resized for the network, and the scores of the classes are resized back.

        Args:
            image: Anything `mmzoo.data.as_image` takes, of any size, or a list of such.

        Returns:
            A Segmentation with the size of the picture; a list for a list.

        Raises:
            InputError: A picture cannot be read, or the list is empty.
        """
        items = as_batch(image)
        if items is not None and not items:
            raise InputError("Give at least one picture.")
        # One by one, so that pictures may differ in size and no result depends on the others.
        results = [self._segment(as_image(one)) for one in ([image] if items is None else items)]
        return results[0] if items is None else results

    __call__ = forward = segment

    @torch.inference_mode()
    def _segment(self, picture: Image) -> Segmentation:
        size = picture.pixels.shape[:2]
        seen = fit_image(picture, self._size(*size), "stretch").pixels
        logits = self.logits(torch.from_numpy(seen.copy()).unsqueeze(0).to(self.device).float() / 255)
        names = self.names or [str(index) for index in range(self.classes)]
        return Segmentation(_largest(logits, (size[0], size[1])), tuple(names))

    def _size(self, height: int, width: int) -> tuple[int, int]:
        """The size at which the network sees a picture: its shorter side is `side`, both are multiples of the patch."""
        factor = self.side / min(height, width)
        longest = LONGEST * self.side
        rows, columns = (self.patch * round(min(longest, extent * factor) / self.patch) for extent in (height, width))
        return rows, columns

    def logits(self, pixels: Tensor) -> Tensor:
        """Logits `[B, H, W, classes]` of pictures `[B, H, W, 3]` from 0 to 1, both sides multiples of the patch.

        Raises:
            InputError: The features have other channels or another grid than the config says.
        """
        features = self._features(pixels)
        grid = (pixels.shape[1] // self.patch, pixels.shape[2] // self.patch)
        if features.x.shape[2] != self.channels or features.grid != grid:
            raise InputError(
                f"Segmentation got features with {features.x.shape[2]} channels on a grid of {features.grid}, but was"
                f" built for {self.channels} on {grid}; set head.channels, and head.widths to one number for each"
                " doubling of the resolution."
            )
        return self.decoder(torch.unflatten(features.x, 1, grid), pixels)  # type: ignore[no-any-return]

    def _features(self, pixels: Tensor) -> Latents:
        if self.image_model is None:
            assert self.encoder is not None  # checked by `connect`
            return self.encoder.encode(pixels)
        return self.image_model.hidden_states(pixels, depths=self.depths, times=self.times)

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """Logits of a fixed picture, and of its features where a diffusion model makes them."""
        if inputs is None:
            side = max(self.patch, self.side // 2 // self.patch * self.patch)
            inputs = {"image": torch.rand(1, side, side, 3, generator=torch.Generator().manual_seed(0))}
            if self.image_model is not None:
                inputs["features"] = self._features(inputs["image"]).x.float()
        image = inputs["image"]
        if self.image_model is None:
            return inputs, {"logits": self.logits(image)}
        grid = (image.shape[1] // self.patch, image.shape[2] // self.patch)
        return inputs, {"logits": self.decoder(torch.unflatten(inputs["features"], 1, grid), image)}

    # --- files and other classes -------------------------------------------------------------------------

    def files(self) -> Mapping[str, bytes]:
        """`classes.json`: the class names in order."""
        return {CLASSES_FILE: json.dumps(self.names).encode()}

    def load_files(self, folder: Path) -> None:
        """Read `classes.json`. Raises CorruptFileError if it is missing or does not fit the model."""
        path = folder / CLASSES_FILE
        try:
            names = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise CorruptFileError(f"Cannot read the classes {path}: {error}; fetch the model again.") from error
        valid = isinstance(names, list) and all(isinstance(name, str) for name in names)
        if not valid or (names and len(set(names)) != self.classes):
            raise CorruptFileError(f"{path} does not list {self.classes} different classes; fetch the model again.")
        self.names = names

    def adapt(self, rows: Dataset) -> Mapping[str, Any]:
        """The number of classes, if they are others."""
        names = classes_of(rows)
        return {} if names == self.names else {"classes": len(names)}

    def inherit(self, trained: Segmenter, rows: Dataset) -> None:
        """The classes of the rows; one that the trained model knows keeps its parameters."""
        self.names = classes_of(rows)
        for name, tensor in self.decoder.classify.state_dict().items():
            copy_rows(tensor, self.names, trained.decoder.classify.state_dict()[name], trained.names)

    # --- training ----------------------------------------------------------------------------------------

    def examples(self, rows: Dataset, cache: Path) -> Examples:
        """The rows' pictures and masks at one size; the first call also sets the names of the classes."""
        names = classes_of(rows)
        if len(names) != self.classes or (self.names and names != self.names):
            raise ConfigError(
                f"The dataset has the classes {', '.join(names)}, but the model has"
                f" {', '.join(self.names) or self.classes}; set head.classes to {len(names)}.",
                path="classes",
            )
        self.names = names
        return Masked(packed_images(rows, cache, self.side), packed_masks(rows, cache, self.side, self.classes))

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        """Cross-entropy of the labeled pixels."""
        pixels, classes = batch["image"].to(self.device).float() / 255, batch["classes"].to(self.device).long()
        if self.augment:
            pixels, classes = moved_with_classes(pixels, classes, generator)
        logits = self.logits(pixels).permute(0, 3, 1, 2)
        known = classes != UNLABELED
        with torch.no_grad():
            right = ((logits.argmax(1) == classes) & known).sum() / known.sum().clamp_min(1)
        each = F.cross_entropy(logits, classes, ignore_index=UNLABELED, reduction="sum")
        return Losses(each / known.sum().clamp_min(1), {"accuracy": right})

    def previews(self, rows: Dataset) -> Iterator[tuple[str, Any]]:
        """Each picture with its true mask and with the model's."""
        for row in rows:
            picture = fit_image(decode_image(row["image"]), (self.side, self.side))
            true = Segmentation(read_mask(row["mask"], (self.side, self.side), self.classes), tuple(self.names))
            drawn = [one.overlay(picture).pixels for one in (true, self._segment(picture))]
            yield row["id"], Image(np.concatenate((picture.pixels, *drawn), axis=1))


class PixelDecoder(nn.Module):
    """Features on a grid and the picture's own pixels to logits of each pixel.

    Args:
        channels: Channels of the features.
        widths: Channels at each doubling of the resolution.
        classes: Number of classes.
        blocks: ConvNeXt blocks at each resolution.
    """

    def __init__(self, channels: int, widths: Sequence[int], classes: int, blocks: int) -> None:
        super().__init__()
        first, last = (widths[0], widths[-1]) if widths else (channels, channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.project = nn.Linear(channels, first) if widths else nn.Identity()
        before = (first, *widths)
        self.up = nn.ModuleList(nn.Linear(i, 4 * o) for i, o in zip(before, widths, strict=False))
        patches = [2**level for level in reversed(range(len(widths)))]
        self.look = nn.ModuleList(nn.Linear(3 * p * p, o) for p, o in zip(patches, widths, strict=True))
        self.blocks = nn.ModuleList(ConvNeXtStack(width, blocks, axes=2) for width in widths)
        self.classify = nn.Linear(last, classes)
        self.patches = patches

    def forward(self, features_BHWD: Tensor, pixels_BHWC: Tensor) -> Tensor:
        """`[B, H, W, channels]` and pictures `[B, patch * H, patch * W, 3]` to `[B, patch * H, patch * W, classes]`."""
        dtype = self.classify.weight.dtype
        x, pixels = self.project(self.norm(features_BHWD.to(dtype))), pixels_BHWC.to(dtype) * 2 - 1
        for up, look, blocks, patch in zip(self.up, self.look, self.blocks, self.patches, strict=True):
            x = blocks(unfold(up(x)) + look(fold(pixels, patch)))
        return linear_float32(self.classify, x)


class Masked:
    """Pictures uint8 `[N, H, W, 3]` with the class of each pixel, uint8 `[N, H, W]`."""

    keys = ("image", "classes")

    def __init__(self, pixels: np.ndarray[Any, Any], classes: Classes) -> None:
        self.pixels, self.classes, self.lengths = pixels, classes, [1] * len(pixels)

    def __len__(self) -> int:
        return len(self.lengths)

    def example(self, index: int, generator: torch.Generator) -> int:
        """The index itself; `collate` looks everything up."""
        return index

    def collate(self, examples: list[int]) -> Mapping[str, Tensor]:
        """`image` uint8 `[B, H, W, 3]` and `classes` uint8 `[B, H, W]`."""
        return {
            "image": torch.from_numpy(self.pixels[examples]),
            "classes": torch.from_numpy(self.classes[examples]),
        }


def _largest(logits_BHWC: Tensor, size: tuple[int, int]) -> Classes:
    """The class of the largest logit of one picture after resizing to (height, width), class by class."""
    best = torch.full(size, -torch.inf)
    classes = torch.zeros(size, dtype=torch.uint8)
    for index, plane in enumerate(logits_BHWC[0].cpu().unbind(-1)):
        resized = F.interpolate(plane[None, None], size=size, mode="bilinear", align_corners=False)[0, 0]
        better = resized > best
        best[better], classes[better] = resized[better], index
    return classes.numpy()
