"""One entrance to the checks of all kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmzoo.errors import UsageError
from mmzoo.testing.common import Checks, hold


def check_component(kind: str, name: str, config: Mapping[str, Any] | None = None, **details: Any) -> None:
    """Hold a component to the contract of its kind: encoder, quantizer, fusion, backbone, sampler, head
    or format.

    details: what the check of that kind takes beside the config, such as `slots` of a head.
    Raises ConformanceError; UsageError for a kind that has no contract to check.
    """
    label, checks = checks_of(kind, name, config or {}, **details)
    hold(label, checks)


def checks_of(kind: str, name: str, config: Mapping[str, Any], **details: Any) -> tuple[str, Checks]:
    """How messages call a component, and its checks by name, none of them run yet. Raises UsageError."""
    from mmzoo.testing.backbones import BackboneTrial
    from mmzoo.testing.encoders import EncoderTrial
    from mmzoo.testing.formats import FormatTrial
    from mmzoo.testing.functions import FunctionTrial
    from mmzoo.testing.fusions import FusionTrial
    from mmzoo.testing.heads import HeadTrial
    from mmzoo.testing.quantizers import QuantizerTrial
    from mmzoo.testing.samplers import SamplerTrial

    kinds: dict[str, Any] = {
        "encoder": EncoderTrial,
        "quantizer": QuantizerTrial,
        "fusion": FusionTrial,
        "backbone": BackboneTrial,
        "sampler": SamplerTrial,
        "format": FormatTrial,
        "head": HeadTrial,
    }
    if kind in ("dataset", "metric", "judge", "command"):
        trial: Any = FunctionTrial(kind, name, config)
    elif kind in kinds:
        trial = kinds[kind](name, config, **details)
    else:
        raise UsageError(
            f"There is no conformance check for the kind {kind!r}; there is one for"
            f" {', '.join(kinds)}, dataset, metric, judge and command."
        )
    return trial.label, trial.checks()
