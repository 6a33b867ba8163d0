"""What a model needs to run without PyTorch: its networks as graphs, and everything else as data.

A head that can be exported is `Exportable`. It is registered with a `Runner`, a class that does the same without
importing torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from mmzoo.interfaces.keywords import Verbs

if TYPE_CHECKING:
    from torch import Tensor

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Graph:
    """A function of tensors that is exported.

    Args:
        run: The function, from the tensors in `examples` to one tensor or several.
        examples: At least two sets of arguments, by name and in order. An axis may have any size if its size differs
            among them, and only then.
        outputs: A name for each result.
        int8: Whether its matrix products may be quantized.
        tolerance: The largest difference from PyTorch that is not an error, relative to the largest value of a result.
    """

    run: Callable[..., Tensor | tuple[Tensor, ...]]
    examples: Sequence[Mapping[str, Tensor]]
    outputs: Sequence[str]
    int8: bool = True
    tolerance: float = 1e-3


@runtime_checkable
class Exportable(Protocol):
    """A head that can be exported, if the models in its slots can."""

    def graphs(self) -> Mapping[str, Graph]:
        """Its networks, without those of models in slots, by names that serve as file names."""

    def settings(self) -> Mapping[str, Any]:
        """JSON data that its runner needs beside the graphs."""

    def specimen(self, number: int) -> Any:
        """The result for fixed input `number`; engines are compared by it and timed. The runner has the same method."""


@dataclass(frozen=True, slots=True)
class Exported:
    """An exported model, as its runner gets it.

    Args:
        name: The model's name.
        settings: What `Exportable.settings` returned.
        graphs: A function for each graph: from arrays, by name, to a tuple of arrays.
        models: The runners of the models in slots.
        folder: Where the files of the head are (`HasFiles`).
    """

    name: str
    settings: Mapping[str, Any]
    graphs: Mapping[str, Callable[..., tuple[Array, ...]]]
    models: Mapping[str, Any]
    folder: Path


class Runner(Verbs):
    """A model that runs exported graphs, with the verbs of the head that it is registered with.

    Attributes:
        name: The model's name.
        folder: The folder that it was loaded from.
    """

    def __init__(self, exported: Exported) -> None:
        self.name, self.folder = exported.name, exported.folder
        self.graphs = exported.graphs
