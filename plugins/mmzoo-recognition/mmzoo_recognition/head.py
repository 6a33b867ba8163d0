"""The recognition head: labels from any subset of image, speech and text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.data import as_batch
from mmzoo.errors import ConfigError, CorruptFileError, DataError, InputError
from mmzoo.interfaces import (
    ALONE,
    Examples,
    Fraction,
    Fusion,
    HasFeatures,
    Labels,
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
    Weight,
)
from mmzoo.interfaces.renamed import renamed
from mmzoo.nn.precise import Float32Buffers, linear_float32
from mmzoo.nn.rows import copy_rows
from mmzoo_recognition.augment import augmented
from mmzoo_recognition.examples import COLUMNS, Labelled, batch_of, has_modality, labels_of

if TYPE_CHECKING:
    from datasets import Dataset

MODALITIES = ("image", "speech", "text")
CLASSES_FILE = "classes.json"


class Recognizer(Float32Buffers, TaskHead):
    """Classifies an item from any subset of image, speech and text.

    Each modality has an encoder slot; `fusion` combines their latents, and a linear layer classifies the result.
    `image_model` and `speech_model` may hold a model whose `features` (codes of a tokenizer, hidden states of a
    diffusion model) the encoder reads instead of pixels or samples. In training, modalities are dropped at random so
    that any subset works at inference, and each modality also has a loss of its own.

    Args:
        width: Channels of the fused features.
        classes: Number of classes.
        side: Pixels of an image's side; other images are resized.
        sample_rate: Of speech, in Hz.
        drop: Probability of dropping a modality of a training example; one always remains.
        auxiliary: Weight of the losses of single modalities.
        focal: Exponent of the focal loss (Lin et al., arXiv 1708.02002); 0 is cross-entropy.
        balance: `weighted` weights each class by its inverse frequency.
        augment: Augment training batches; see `mmzoo_recognition.augment`.
    """

    slots: ClassVar[Mapping[str, Slot]] = {
        **{name: Slot("encoder", optional=True) for name in MODALITIES},
        "image_model": Slot("head", model=True, optional=True, contract=HasFeatures),
        "speech_model": Slot("head", model=True, optional=True, contract=HasFeatures),
        "fusion": Slot("fusion"),
    }
    links = (
        *(Link(f"{name}.latents", f"fusion.{name}") for name in MODALITIES),
        Link("fusion.features", "head.features"),
        *(Link(f"head.{name}", f"{name}.raw") for name in MODALITIES),
    )
    image: ModalityEncoder | None
    speech: ModalityEncoder | None
    text: ModalityEncoder | None
    image_model: HasFeatures | None
    speech_model: HasFeatures | None
    fusion: Fusion
    class_weights: Tensor

    def __init__(
        self,
        *,
        width: Size = 128,
        classes: Size = 10,
        side: Size = 32,
        sample_rate: Size = 16000,
        drop: Fraction = 0.3,
        auxiliary: Weight = 0.3,
        focal: Weight = 0.0,
        balance: Literal["none", "weighted"] = "none",
        augment: bool = True,
    ) -> None:
        super().__init__()
        if classes < 2:
            raise ConfigError(f"head: classes is {classes}; it must be at least 2.", path="classes")
        self.classes, self.side, self.sample_rate = classes, side, sample_rate
        self.drop, self.auxiliary, self.focal = drop, auxiliary, focal
        self.balance, self.augment = balance, augment
        self.names: list[str] = []
        self.classify = nn.Linear(width, classes)
        self.register_buffer("class_weights", torch.ones(classes))

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Fused features in; the raw modalities, which the encoders read, out."""
        return Ports(
            inputs={"features": Port(width=config["width"])},
            outputs={
                "image": Port(modality="image"),
                "speech": Port(modality="speech", sample_rate=config["sample_rate"]),
                "text": Port(modality="text", codebook_size=256),
            },
        )

    def connect(self) -> None:
        """Raises ConfigError without an encoder, or with one whose modality the fusion does not take."""
        if not self.modalities:
            raise ConfigError(f"The head recognition needs an encoder in one of {', '.join(MODALITIES)}.", path="image")
        for name in ("image", "speech"):
            model = getattr(self, f"{name}_model")
            if model is not None and getattr(self, name) is None:
                raise ConfigError(f"{name}_model needs an encoder in the slot {name}; add one.", path=name)
        known = type(self.fusion).ports(self.fusion.config).inputs
        if lacking := [name for name in self.modalities if name not in known]:
            raise ConfigError(
                f"The fusion takes {', '.join(known)} but not {lacking[0]}; add its width to fusion.widths.",
                path="fusion.widths",
            )

    def reset_parameters(self) -> None:
        """Equal class weights until `examples` counts the classes."""
        super().reset_parameters()
        self.class_weights.fill_(1.0)

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities this model has an encoder for."""
        return tuple(name for name in MODALITIES if getattr(self, name) is not None)

    @property
    def columns(self) -> tuple[str, ...]:
        """`label`, and a column for each modality."""
        return ("label", *(COLUMNS[name] for name in self.modalities))

    @property
    def batch_keys(self) -> tuple[str, ...]:
        """The label, and the tensors of `batch_of` of every modality that this model knows."""
        masks = [f"{name}_mask" for name in self.modalities if name != "image"]
        return ("label", *self.modalities, *masks)

    # --- inference ---------------------------------------------------------------------------------------------

    def recognize(self, *, image: Any = None, speech: Any = None, text: Any = None) -> Any:
        """Classify one item, or a list of items.

        Args:
            image: Anything `mmzoo.data.as_image` takes, a list of such, or None.
            speech: Anything `mmzoo.data.as_audio` takes, a list of such, or None.
            text: A string, a list of strings, or None. Lists may contain None.

        Returns:
            Labels, the most probable class first; a list of Labels for lists.

        Raises:
            InputError: An item has no modality, or one the model was not trained on, or lists differ in length.
        """
        given = {"image": image, "speech": speech, "text": text}
        lists = {name: as_batch(value) for name, value in given.items()}
        if any(items is not None for items in lists.values()):
            if lone := [name for name, value in given.items() if value is not None and lists[name] is None]:
                raise InputError(
                    f"{lone[0]} is a single item, but other inputs are lists; give a list of the same length."
                )
            return self._recognize_all(lists)
        return self._recognize_all({name: None if value is None else [value] for name, value in given.items()})[0]

    recognise = renamed("recognise", "recognize")

    __call__ = forward = recognize

    @torch.inference_mode()
    def _recognize_all(self, given: Mapping[str, Sequence[Any] | None]) -> list[Labels]:
        items = {name: values for name, values in given.items() if values is not None}
        if not items:
            raise InputError(f"Give at least one of {', '.join(self.modalities)}.")
        if len({len(values) for values in items.values()}) != 1 or not all(items.values()):
            lengths = ", ".join(f"{len(values)} of {name}" for name, values in items.items())
            raise InputError(f"Give non-empty lists of the same length, not {lengths}.")
        for name, values in items.items():
            if name not in self.modalities and any(value is not None for value in values):
                raise InputError(
                    f"{self.name or 'This model'} was not trained on {name}, only on {', '.join(self.modalities)}."
                )
        rows = [dict(zip(items, row, strict=True)) for row in zip(*items.values(), strict=True)]
        results = []
        for row in rows:  # one by one, so that no result depends on the padding of a batch
            batch = batch_of([row], self.modalities, side=self.side, sample_rate=self.sample_rate)
            if not batch:
                raise InputError(f"Give at least one of {', '.join(self.modalities)}.")
            probabilities = self.logits(self.encoded(batch)).softmax(-1)[0]
            order = probabilities.argsort(descending=True, stable=True).tolist()
            names = self.names or [str(index) for index in range(self.classes)]
            results.append(Labels(tuple(names[i] for i in order), tuple(float(probabilities[i]) for i in order)))
        return results

    # --- the parts of a forward pass ---------------------------------------------------------------------

    def encoded(self, batch: Mapping[str, Tensor]) -> dict[str, Latents]:
        """The latents of each modality in a batch of `batch_of`."""
        latents = {}
        for name in self.modalities:
            if name in batch:
                raw, mask = self._seen(name, batch[name], batch.get(f"{name}_mask"))
                latents[name] = getattr(self, name).encode(raw, mask)
        return latents

    def _seen(self, name: str, raw: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The input of a modality's encoder: the raw batch, or the features of another model."""
        raw, mask = raw.to(self.device), None if mask is None else mask.to(self.device)
        raw = raw.float() / 255 if raw.dtype == torch.uint8 else raw
        model: HasFeatures | None = getattr(self, f"{name}_model", None)
        if model is None:
            return raw, mask
        seen = model.features(raw, mask)
        return seen.x, seen.mask

    def logits(self, parts: Mapping[str, Latents]) -> Tensor:
        """Logits `[B, classes]` from the latents of some modalities."""
        return linear_float32(self.classify, self.fusion(parts))

    # --- files -------------------------------------------------------------------------------------------

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
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise CorruptFileError(f"{path} is not a list of names; fetch the model again.")
        if names and len(set(names)) != self.classes:
            raise CorruptFileError(
                f"{path} names {len(set(names))} classes, but the model has {self.classes}; fetch the model again."
            )
        self.names = names

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """The logits of a fixed input with every modality (features, where a slot holds a model that makes them)."""
        if inputs is None:
            generator = torch.Generator().manual_seed(0)
            every = {
                "image": torch.rand(1, self.side, self.side, 3, generator=generator),
                "speech": 0.1 * torch.randn(1, self.sample_rate // 2, generator=generator),
                "text": torch.randint(97, 123, (1, 7), generator=generator),
            }
            inputs = {name: self._seen(name, every[name], None)[0] for name in self.modalities}
        parts = {name: getattr(self, name).encode(raw) for name, raw in inputs.items()}
        return inputs, {"logits": self.logits(parts)}

    # --- other classes -----------------------------------------------------------------------------------

    def adapt(self, rows: Dataset) -> Mapping[str, Any]:
        """The number of classes, unless all labels are known, and no encoder for what the rows lack.

        A text that only names the class counts as lacking: nothing else would be learned.
        """
        labels = labels_of(rows)
        if len(labels) < 2:
            raise DataError(
                f"The rows have {len(labels)} different labels, and recognition needs two or more; put each class into"
                " a folder of its own, or give a column label."
            )
        kept = [name for name in self.modalities if has_modality(rows, name)]
        if not kept:
            columns = ", ".join(COLUMNS[name] for name in self.modalities)
            raise DataError(f"{self.name or 'This model'} reads {columns}, of which the rows have none throughout.")
        overrides: dict[str, Any] = {} if labels <= set(self.names) else {"classes": len(labels)}
        lacking = [name for name in self.modalities if name not in kept]
        for name in lacking:
            overrides |= {slot: None for slot in (name, f"{name}_model") if getattr(self, slot, None) is not None}
        if lacking and (widths := self.fusion.config.get("widths")):
            overrides["fusion"] = {"widths": {name: widths[name] for name in kept}}
        return overrides

    def inherit(self, trained: Recognizer, rows: Dataset) -> None:
        """The classes of the rows, unless all are known; a class that the trained model knows keeps its parameters."""
        labels = labels_of(rows)
        self.names = list(trained.names) if labels <= set(trained.names) else sorted(labels)
        for name, tensor in self.classify.state_dict().items():
            copy_rows(tensor, self.names, trained.classify.state_dict()[name], trained.names)
        self._weigh(rows["label"])

    def _weigh(self, labels: Sequence[Any]) -> None:
        """Weights of the classes by their inverse frequency, if the model uses them."""
        if self.balance == "weighted":
            indices = torch.tensor([self.names.index(str(label)) for label in labels])
            counts = torch.bincount(indices, minlength=self.classes).clamp_min(1)
            self.class_weights.copy_(len(indices) / (self.classes * counts))

    # --- training ----------------------------------------------------------------------------------------

    def examples(self, rows: Dataset, cache: Path) -> Examples:
        """The rows' labels and the modalities this model has, in memory; the first call also sets the classes."""
        labeled = Labelled(rows, self.modalities, self.names, side=self.side, sample_rate=self.sample_rate)
        if len(labeled.names) != self.classes:
            raise ConfigError(
                f"The dataset has {len(labeled.names)} classes, but the head was built for {self.classes};"
                f" set head.classes to {len(labeled.names)}.",
                path="classes",
            )
        if not self.names:
            self.names = labeled.names
            self._weigh(rows["label"])
        return labeled

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        """The loss of all modalities together, with some dropped, plus the weighted mean loss of each alone."""
        labels = batch["label"].to(self.device)
        if self.augment:
            batch = augmented(batch, generator)
        parts = self.encoded(batch)
        logits = self.logits(_dropped(parts, self.drop, generator))
        whole = self._loss(logits, labels)
        losses = {"whole": whole.detach(), "accuracy": (logits.argmax(-1) == labels).float().mean()}
        total = whole
        if self.auxiliary and len(parts) > 1:
            alone = {name: self._loss(self.logits({name: latents}), labels) for name, latents in parts.items()}
            total = total + self.auxiliary * torch.stack(list(alone.values())).mean()
            losses |= {name: loss.detach() for name, loss in alone.items()}
        return Losses(total, losses)

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy or focal loss, weighted by class."""
        each = F.cross_entropy(logits.float(), labels, reduction="none")
        weights = self.class_weights[labels]
        if self.focal:
            each = each * (1 - (-each).exp()) ** self.focal
        return (each * weights).sum() / weights.sum()


def _dropped(parts: Mapping[str, Latents], drop: float, generator: torch.Generator) -> dict[str, Latents]:
    """Mask each modality of each item with probability `drop`; an item that would lose all keeps a random one."""
    count = len(next(iter(parts.values())).x)
    kept = torch.rand(count, len(parts), generator=generator) >= drop
    spared = torch.randint(len(parts), (count,), generator=generator)
    kept[~kept.any(1), :] |= F.one_hot(spared, len(parts)).bool()[~kept.any(1)]
    masked = {}
    for (name, latents), keep in zip(parts.items(), kept.unbind(1), strict=True):
        masked[name] = Latents(latents.x, latents.full_mask & keep.to(latents.x.device).unsqueeze(1))
    return masked
