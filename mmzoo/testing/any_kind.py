"""One entrance to the checks of all kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmzoo.errors import UsageError


def check_component(kind: str, name: str, config: Mapping[str, Any] | None = None, **details: Any) -> None:
    """Hold a component to the contract of its kind: encoder, quantizer, fusion, backbone, sampler or head.

    details: what the check of that kind takes beside the config, such as `slots` of a head.
    Raises ConformanceError; UsageError for a kind that has no contract to check.
    """
    from mmzoo.testing.backbones import check_backbone
    from mmzoo.testing.encoders import check_encoder
    from mmzoo.testing.fusions import check_fusion
    from mmzoo.testing.heads import check_head
    from mmzoo.testing.quantizers import check_quantizer
    from mmzoo.testing.samplers import check_sampler

    checks = {
        "encoder": check_encoder,
        "quantizer": check_quantizer,
        "fusion": check_fusion,
        "backbone": check_backbone,
        "sampler": check_sampler,
        "head": check_head,
    }
    if kind not in checks:
        raise UsageError(f"There is no conformance check for the kind {kind!r}; there is one for {', '.join(checks)}.")
    checks[kind](name, **details, **(config or {}))
