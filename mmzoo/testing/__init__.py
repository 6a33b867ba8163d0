"""The conformance kit: three lines that hold a component to its contract.

    from mmzoo.testing import check_quantizer

    def test_grid():
        check_quantizer("grid", dim=8, levels=5)

`pytest --mmzoo acme` runs every check on every component and model of an installed plugin. Each function builds the
component by its registered name and runs the checks for its kind. If any fail, a single ConformanceError lists them
all, each with a sentence that says what was expected. Names are imported lazily because pytest imports this package (as
the plugin `mmzoo`) in every run.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmzoo.testing.any_kind import check_component
    from mmzoo.testing.backbones import check_backbone
    from mmzoo.testing.common import ConformanceError
    from mmzoo.testing.encoders import check_encoder
    from mmzoo.testing.formats import check_format
    from mmzoo.testing.fusions import check_fusion
    from mmzoo.testing.heads import check_head
    from mmzoo.testing.quantizers import check_quantizer
    from mmzoo.testing.samplers import check_sampler

_MODULE_OF = {
    "ConformanceError": "common",
    "check_backbone": "backbones",
    "check_component": "any_kind",
    "check_encoder": "encoders",
    "check_format": "formats",
    "check_fusion": "fusions",
    "check_head": "heads",
    "check_quantizer": "quantizers",
    "check_sampler": "samplers",
}

__all__ = [
    "ConformanceError",
    "check_backbone",
    "check_component",
    "check_encoder",
    "check_format",
    "check_fusion",
    "check_head",
    "check_quantizer",
    "check_sampler",
]


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
