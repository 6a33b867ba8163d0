"""mmzoo: a plugin-based zoo of multimodal generative models.

    import mmzoo
    tts = mmzoo.create("vqvae-dit-tts")
    tts("Hello there.").save("hello.wav")

Public names are resolved on first use (PEP 562), so `import mmzoo` takes milliseconds, and torch is imported only
when something is built.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmzoo import errors
    from mmzoo.description import describe
    from mmzoo.errors import MmzooError
    from mmzoo.factory import create
    from mmzoo.hookspecs import hookimpl
    from mmzoo.hub.publishing import publish
    from mmzoo.interfaces import (
        Audio,
        DiffusionBackbone,
        Image,
        Labels,
        ModalityEncoder,
        Model,
        Quantizer,
        Sampler,
        TaskHead,
    )
    from mmzoo.registry.listing import list_components, list_models

__version__ = "0.1.0"

_HOMES = {
    "mmzoo.description": "describe",
    "mmzoo.errors": "MmzooError",
    "mmzoo.factory": "create",
    "mmzoo.hookspecs": "hookimpl",
    "mmzoo.hub.publishing": "publish",
    "mmzoo.interfaces": "Audio DiffusionBackbone Image Labels ModalityEncoder Model Quantizer Sampler TaskHead",
    "mmzoo.registry.listing": "list_components list_models",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "Audio",
    "DiffusionBackbone",
    "Image",
    "Labels",
    "MmzooError",
    "ModalityEncoder",
    "Model",
    "Quantizer",
    "Sampler",
    "TaskHead",
    "__version__",
    "create",
    "describe",
    "errors",
    "hookimpl",
    "list_components",
    "list_models",
    "publish",
]


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        value = getattr(importlib.import_module(_HOME_OF[name]), name)
        globals()[name] = value
        return value
    if name == "errors":
        return importlib.import_module("mmzoo.errors")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
