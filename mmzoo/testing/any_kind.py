"""A single entry point to the checks for every kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmzoo.errors import UsageError
from mmzoo.testing.common import Checks, run_checks


def check_component(kind: str, name: str, config: Mapping[str, Any] | None = None, **details: Any) -> None:
    """Check a component against the contract of its kind.

    Args:
        kind: encoder, quantizer, fusion, backbone, sampler, head or format.
        name: The registered name.
        config: Its config; None for the defaults.
        **details: Further arguments of that kind's check, such as `slots` for a head.

    Raises:
        ConformanceError: One or more checks failed.
        UsageError: The kind has no conformance checks.
    """
    label, checks = checks_of(kind, name, config or {}, **details)
    run_checks(label, checks)


def checks_of(kind: str, name: str, config: Mapping[str, Any], **details: Any) -> tuple[str, Checks]:
    """The component's label for messages and its checks by name, none run yet. Raises UsageError."""
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
            f"There are no conformance checks for the kind {kind!r}; they exist for"
            f" {', '.join(kinds)}, dataset, metric, judge and command."
        )
    return trial.label, trial.checks()
