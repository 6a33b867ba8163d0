"""How model folders of other libraries are read and written, for plugins that know one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

Convert = Callable[[Sequence[Tensor]], Sequence[Tensor]]


def as_they_are(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
    """The tensors themselves: only their names differ."""
    return tensors


@dataclass(frozen=True, slots=True)
class Tie:
    """Tensors of a model and the tensors of another library's file that hold the same values.

    ours, theirs: their names. to_ours: what stands under `theirs`, in that order, to what stands under `ours`;
    to_theirs: the inverse. Both must work on the meta device, where only shapes are known.
    """

    ours: tuple[str, ...]
    theirs: tuple[str, ...]
    to_ours: Convert = as_they_are
    to_theirs: Convert = as_they_are


class ForeignFormat(ABC):
    """A layout of `config.json` and `model.safetensors` that another library writes.

    Registered with the entries of `config.json` by which it is recognised. The keyword-only, typed arguments of the
    constructor are the other keys of that file with its library's defaults: `Literal` types refuse what cannot be
    read, and a key that is no argument is an error unless `ignored` names it.
    """

    ignored: ClassVar[frozenset[str]] = frozenset()
    """Keys that say nothing about the model, such as the version of the library."""
    task: ClassVar[str] = ""
    modalities: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def recipe(self) -> Mapping[str, Any]:
        """The recipe of the model that this config describes. Raises ConfigError if there is none."""

    @abstractmethod
    def ties(self) -> Sequence[Tie]:
        """The two-way key map: every tensor of the model, and every one of the file, in one tie each."""

    @classmethod
    @abstractmethod
    def config_of(cls, recipe: Mapping[str, Any]) -> Mapping[str, Any]:
        """The constructor's arguments for a resolved recipe: the inverse of `recipe`."""

    @staticmethod
    def spelling(name: str) -> str:
        """A tensor's name as `ties` has it, where versions of the library spell it differently."""
        return name
