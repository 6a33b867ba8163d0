"""The trial of a component of any kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmzoo.errors import UsageError
from mmzoo.testing.backbones import BackboneTrial
from mmzoo.testing.critics import CriticTrial
from mmzoo.testing.encoders import EncoderTrial
from mmzoo.testing.formats import FormatTrial
from mmzoo.testing.functions import FunctionTrial
from mmzoo.testing.fusions import FusionTrial
from mmzoo.testing.heads import HeadTrial
from mmzoo.testing.quantizers import QuantizerTrial
from mmzoo.testing.samplers import SamplerTrial

KINDS: Mapping[str, Any] = {
    "encoder": EncoderTrial,
    "quantizer": QuantizerTrial,
    "fusion": FusionTrial,
    "backbone": BackboneTrial,
    "sampler": SamplerTrial,
    "critic": CriticTrial,
    "format": FormatTrial,
    "head": HeadTrial,
    "dataset": FunctionTrial,
    "metric": FunctionTrial,
    "judge": FunctionTrial,
    "command": FunctionTrial,
}


def trial_of(kind: str, name: str, config: Mapping[str, Any], **details: Any) -> Any:
    """The trial of a component, with none of its checks run yet. Raises UsageError for a kind without checks."""
    if kind not in KINDS:
        raise UsageError(f"There are no conformance checks for the kind {kind!r}; they exist for {', '.join(KINDS)}.")
    return KINDS[kind](kind, name, config, **details)
