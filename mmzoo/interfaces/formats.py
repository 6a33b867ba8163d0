"""How a plugin describes another library's model folders, so that they can be read and written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

Convert = Callable[[Sequence[Tensor]], Sequence[Tensor]]


def as_they_are(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
    """The tensors unchanged: only their names differ."""
    return tensors


@dataclass(frozen=True, slots=True)
class Tie:
    """Tensors of a model, and the tensors of another library's file that hold the same values.

    Args:
        ours: Names in the model.
        theirs: Names in the file.
        to_ours: Converts tensors named `theirs`, in that order, to those named `ours`; also on the meta device.
        to_theirs: The inverse; also on the meta device.
    """

    ours: tuple[str, ...]
    theirs: tuple[str, ...]
    to_ours: Convert = as_they_are
    to_theirs: Convert = as_they_are


class ForeignFormat(ABC):
    """Another library's layout of `config.json` and `model.safetensors`.

    It is registered with the entries of `config.json` that identify it. The keyword-only, annotated arguments of the
    constructor are the other keys of that file, with the library's defaults. `Literal` types reject unsupported values;
    any other key is an error unless it is in `ignored`.
    """

    ignored: ClassVar[frozenset[str]] = frozenset()
    """Keys that say nothing about the model, such as the version of the library."""
    task: ClassVar[str] = ""
    modalities: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def recipe(self) -> Mapping[str, Any]:
        """The recipe of the model that this config describes. Raises ConfigError if mmzoo cannot build it."""

    @abstractmethod
    def ties(self) -> Sequence[Tie]:
        """The two-way key map: each tensor of the model and of the file occurs in exactly one tie."""

    @classmethod
    @abstractmethod
    def config_of(cls, recipe: Mapping[str, Any]) -> Mapping[str, Any]:
        """The constructor's arguments that describe a resolved recipe; the inverse of `recipe`."""

    @staticmethod
    def spelling(name: str) -> str:
        """The name that `ties` uses for a tensor that some versions of the library name differently."""
        return name
