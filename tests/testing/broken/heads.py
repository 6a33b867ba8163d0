"""A sound head, which guesses bytes of a text, with room for another model; and its breaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.interfaces import ALONE, Latents, Link, Losses, Port, Ports, Slot, TaskHead, TrainingState

from . import Breaks
from .parts import COUNT, add_constructor_breaks, add_tensor_breaks, call_home, half, hidden_number


class Lines:
    """Texts as bytes, padded with 0."""

    keys: tuple[str, ...] = ("text", "text_mask")

    def __init__(self, texts: Sequence[str]) -> None:
        self.ids = [torch.tensor(list(text.encode())) for text in texts]
        self.lengths = [len(ids) for ids in self.ids]

    def __len__(self) -> int:
        return len(self.ids)

    def example(self, index: int, generator: torch.Generator) -> Tensor:
        return self.ids[index]

    def collate(self, examples: list[Tensor]) -> Mapping[str, Tensor]:
        mask = nn.utils.rnn.pad_sequence([torch.ones_like(ids) for ids in examples], batch_first=True) > 0
        return {"text": nn.utils.rnn.pad_sequence(examples, batch_first=True), "text_mask": mask}


class Guess(TaskHead):
    """Says bytes again; a teacher in its slot would be asked what it says."""

    batch_keys: tuple[str, ...] = ("text", "text_mask")

    slots: ClassVar[Mapping[str, Slot]] = {"teacher": Slot("head", model=True, optional=True)}
    teacher: Any

    def __init__(self, *, width: int = 4) -> None:
        super().__init__()
        self.into, self.out = nn.Embedding(256, width), nn.Linear(width, 256)
        self.words = b""

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        return Ports(outputs={"text": Port(modality="text")})

    def scores(self, ids: Tensor) -> Tensor:
        return self.out(self.into(ids))

    generates: Any = str

    def generate_item(self, *, text: str, seed: int = 0) -> str:
        return text

    def features(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        return Latents(self.into(raw), mask)

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        inputs = {"text": torch.arange(97, 105).unsqueeze(0)} if inputs is None else inputs
        return inputs, {"scores": self.scores(inputs["text"])}

    def files(self) -> Mapping[str, bytes]:
        return {"words.txt": self.words}

    def load_files(self, folder: Path) -> None:
        self.words = (folder / "words.txt").read_bytes()

    def examples(self, rows: Any, cache: Path) -> Lines:
        self.words = " ".join(rows["text"]).encode()
        return Lines(rows["text"])

    def loss(self, ids: Tensor, mask: Tensor) -> Tensor:
        scores = self.scores(ids).float()
        total = F.cross_entropy(scores[mask], ids[mask])
        if self.teacher is not None:
            total = total + (self.teacher.scores(ids).float() - scores)[mask].square().mean()
        return total

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        loss = self.loss(batch["text"], batch["text_mask"])
        return Losses(loss, {"bytes": loss.detach()})


TEACHER = {"summary": "a test model", "task": "t", "modalities": ("text",), "recipe": {"head": "teacher"}}
HEADS = Breaks(
    "head",
    {"width": 4},
    {"slots": {"teacher": {"model": "teacher", "pretrained": False}}, "rows": True},
    (("head", "teacher", Guess, {}), ("model", "teacher", None, TEACHER)),
)
HEADS.sound = Guess
add_constructor_breaks(HEADS)
add_tensor_breaks(HEADS)


@HEADS("prompts", "seed")
class Unseeded(Guess):
    def generate_item(self, *, text: str) -> str:  # type: ignore[override]
        return text


@HEADS("prompts", "keyword-only")
class Positional(Guess):
    def generate_item(self, text: str, seed: int = 0) -> str:  # type: ignore[override]
        return text


@HEADS("prompts", "int")
class MakesNumbers(Guess):
    generates = int


def golden(check: str, told: str) -> Any:
    """A break whose golden outputs are changed by a function of the head and the scores."""

    def keep(change: Any) -> None:
        def changed(self: Any, inputs: Mapping[str, Tensor] | None) -> Any:
            inputs, outputs = super(cls, self).golden(inputs)
            return inputs, {name: change(self, value) for name, value in outputs.items()}

        cls = type(change.__name__.title(), (Guess,), {"golden": changed})
        HEADS(check, told)(cls)

    return keep


@HEADS("network", "192.0.2.1")
class AsksInTraining(Guess):
    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        call_home()
        return super().training_step(batch, generator, state)


@golden("network", "192.0.2.1")
def asks_for_golden(self: Any, x: Tensor) -> Tensor:
    call_home()
    return x


@HEADS("ports", "declares no such port")
class LinksNothing(Guess):
    links = (Link("teacher.text", "head.text"),)


@HEADS("modes", "must stay in eval mode")
class WakesTeacher(Guess):
    def train(self, mode: bool = True) -> Any:
        return nn.Module.train(self, mode)


@golden("determinism", "two results for one input")
def noisy(self: Any, x: Tensor) -> Tensor:
    return x + torch.rand_like(x)


@HEADS("determinism", "other inputs each time")
class OtherInputs(Guess):
    def golden(self, inputs: Mapping[str, Tensor] | None) -> Any:
        return super().golden({"text": torch.randint(256, (1, 8))} if inputs is None else inputs)


@HEADS("training", "two losses")
class UnseededTraining(Guess):
    def loss(self, ids: Tensor, mask: Tensor) -> Tensor:
        return super().loss(ids, mask) + next(COUNT)


@HEADS("training", "belongs to the model in a slot")
class TeachesTeacher(Guess):
    def loss(self, ids: Tensor, mask: Tensor) -> Tensor:
        self.teacher.requires_grad_(True)
        return super().loss(ids, mask)


@HEADS("training", "text_mask")
class HidesKeys(Guess):
    def examples(self, rows: Any, cache: Path) -> Lines:
        lines = super().examples(rows, cache)
        lines.keys = ("text",)
        return lines


@HEADS("batch-keys", "text_mask")
class NeedsMore(Guess):
    batch_keys = ("text",)


@HEADS("masks", "contents of padding")
class LearnsPadding(Guess):
    def loss(self, ids: Tensor, mask: Tensor) -> Tensor:
        return super().loss(ids, torch.ones_like(mask))


@HEADS("batch", "other features")
class FeaturesOfNeighbours(Guess):
    def features(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        found = super().features(raw, mask)
        return found.with_x(found.x - found.x[:1].mean())


@HEADS("storage", "load_files")
class ForgetsFiles(Guess):
    def connect(self) -> None:
        self.words = str(next(COUNT)).encode()

    def load_files(self, folder: Path) -> None:
        """Reads nothing."""


@HEADS("storage", "after saving and loading")
class Forgetful(Guess):
    def __init__(self, *, width: int = 4) -> None:
        super().__init__(width=width)
        self.hidden = hidden_number()

    def scores(self, ids: Tensor) -> Tensor:
        return super().scores(ids) * self.hidden


@HEADS("bf16", "trained under autocast")
class OtherLossInHalf(Guess):
    def loss(self, ids: Tensor, mask: Tensor) -> Tensor:
        return super().loss(ids, mask) * (1.5 if half(self) else 1)


@golden("bf16", "off by more than 10%")
def wrong_in_half(self: Any, x: Tensor) -> Tensor:
    return x * (0.03 if half(self) else 0.02)


@golden("bf16", "dtype")
def single_only(self: Any, x: Tensor) -> Tensor:
    return x.float() @ torch.eye(x.shape[-1], dtype=self.out.weight.dtype)


@HEADS("bf16", "say(text) cast to bfloat16 fails")
class SaysInSingle(Guess):
    def say(self, text: str) -> Tensor:
        return self.scores(torch.tensor([list(text.encode())])) @ torch.eye(256)


@HEADS("bf16", "inference tensor")
class TokensOfNoUse(Guess):
    @torch.inference_mode()
    def features(self, raw: Tensor, mask: Tensor | None = None) -> Latents:
        return Latents(self.into(raw).clone(), mask)


@golden("float16", "not finite")
def overflows(self: Any, x: Tensor) -> Tensor:
    large = (self.out.weight[0, 0] * 0 + 1) * 100_000
    return x + (large - large)


@golden("export", "torch.export")
def by_value(self: Any, x: Tensor) -> Tensor:
    return x if float(x.detach().sum()) != 0.5 else -x


@golden("compile", "another result")
def no_graph(self: Any, x: Tensor) -> Tensor:
    return -x if torch.compiler.is_compiling() and not torch.compiler.is_exporting() else x
