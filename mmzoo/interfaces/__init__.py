"""The contracts: component base classes, ports, and the values that pass between components.

Names are resolved lazily, so that using `Audio` or `Port` does not import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmzoo.interfaces.adversary import Adversary, Verdict
    from mmzoo.interfaces.bounds import Count, FilePath, Fraction, Positive, Size, Weight
    from mmzoo.interfaces.components import (
        Component,
        Config,
        Critic,
        DiffusionBackbone,
        Fusion,
        ModalityEncoder,
        Predict,
        Quantizer,
        Sampler,
    )
    from mmzoo.interfaces.formats import ForeignFormat, Tie
    from mmzoo.interfaces.graphs import Exportable, Exported, Graph, Runner
    from mmzoo.interfaces.heads import (
        Adaptable,
        Diffuses,
        Examples,
        Generates,
        HasCritics,
        HasFeatures,
        HasFiles,
        HasPreviews,
        HasStatistics,
        Model,
        NeedsColumns,
        ReadsCodes,
        TaskHead,
        Trainable,
    )
    from mmzoo.interfaces.ports import Link, Port, Ports, Slot
    from mmzoo.interfaces.tokenizer import Tokenizer
    from mmzoo.interfaces.values import (
        ALONE,
        PADDING_CODE,
        Audio,
        Condition,
        Image,
        Labels,
        Latents,
        Losses,
        Quantized,
        Segment,
        TrainingState,
    )

_HOMES = {
    "adversary": "Adversary Verdict",
    "bounds": "Count FilePath Fraction Positive Size Weight",
    "components": "Component Config Critic DiffusionBackbone Fusion ModalityEncoder Predict Quantizer Sampler",
    "formats": "ForeignFormat Tie",
    "graphs": "Exportable Exported Graph Runner",
    "heads": (
        "Adaptable Diffuses Examples Generates HasCritics HasFeatures HasFiles HasPreviews HasStatistics Model"
        " NeedsColumns ReadsCodes TaskHead Trainable"
    ),
    "ports": "Link Port Ports Slot",
    "tokenizer": "Tokenizer",
    "values": "ALONE PADDING_CODE Audio Condition Image Labels Latents Losses Quantized Segment TrainingState",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "ALONE",
    "PADDING_CODE",
    "Adaptable",
    "Adversary",
    "Audio",
    "Component",
    "Condition",
    "Config",
    "Count",
    "Critic",
    "Diffuses",
    "DiffusionBackbone",
    "Examples",
    "Exportable",
    "Exported",
    "FilePath",
    "ForeignFormat",
    "Fraction",
    "Fusion",
    "Generates",
    "Graph",
    "HasCritics",
    "HasFeatures",
    "HasFiles",
    "HasPreviews",
    "HasStatistics",
    "Image",
    "Labels",
    "Latents",
    "Link",
    "Losses",
    "ModalityEncoder",
    "Model",
    "NeedsColumns",
    "Port",
    "Ports",
    "Positive",
    "Predict",
    "Quantized",
    "Quantizer",
    "ReadsCodes",
    "Runner",
    "Sampler",
    "Segment",
    "Size",
    "Slot",
    "TaskHead",
    "Tie",
    "Tokenizer",
    "Trainable",
    "TrainingState",
    "Verdict",
    "Weight",
]


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(importlib.import_module(f"mmzoo.interfaces.{_HOME_OF[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
