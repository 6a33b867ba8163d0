"""A sound format, of folders that hold the head of `broken.heads`, and its breaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from mmzoo.interfaces import ForeignFormat, Tie

from . import Breaks
from .heads import Guess

FORMATS = Breaks("format", {"width": 4}, others=(("head", "guess", Guess, {}),), elsewhere=("network",))
DETECT = {"library": "acme"}


class Acme(ForeignFormat):
    """Other names for the same tensors."""

    task, modalities = "t", ("text",)

    def __init__(self, *, width: int = 4) -> None:
        self.width = width

    def recipe(self) -> Mapping[str, Any]:
        return {"head": {"name": "guess", "width": self.width}}

    @classmethod
    def config_of(cls, recipe: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"width": recipe["head"]["width"]}

    def ties(self) -> Sequence[Tie]:
        return [Tie((name,), (f"acme.{name}",)) for name in ("into.weight", "out.weight", "out.bias")]


FORMATS.sound = Acme
FORMATS("registration", "summary", summary="")(type("NoSummary", (Acme,), {}))


@FORMATS("unknown-keys", "keyword-only")
class CatchAll(Acme):
    def __init__(self, *, width: int = 4, **others: int) -> None:
        super().__init__(width=width)


@FORMATS("recipe", "describes another model")
class OtherConfig(Acme):
    @classmethod
    def config_of(cls, recipe: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"width": 5}


@FORMATS("key-map", "must be in one tie")
class Lacks(Acme):
    def ties(self) -> Sequence[Tie]:
        return super().ties()[1:]


@FORMATS("key-map", "which the model does not have")
class Invents(Acme):
    def ties(self) -> Sequence[Tie]:
        return [*super().ties(), Tie(("spare",), ("acme.spare",))]


@FORMATS("key-map", "in several ties")
class Twice(Acme):
    def ties(self) -> Sequence[Tie]:
        return [Tie(tie.ours, ("acme.weight",)) for tie in super().ties()]


@FORMATS("round-trip", "its output scores")
class TurnsRound(Acme):
    def ties(self) -> Sequence[Tie]:
        def negative(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
            return [-tensor for tensor in tensors]

        *ties, last = super().ties()
        return [*ties, Tie(("out.bias",), last.theirs, to_theirs=negative)]
