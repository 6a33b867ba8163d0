"""One training engine for every head: data order, steps, checkpoints, EMA, export. Imports are lazy."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmzoo.training.api import train
    from mmzoo.training.engine import RunResult, Trainer
    from mmzoo.training.recipe import TrainingRecipe, load_recipe

__all__ = ["RunResult", "Trainer", "TrainingRecipe", "load_recipe", "train"]

_WHERE = {
    "RunResult": "engine",
    "Trainer": "engine",
    "TrainingRecipe": "recipe",
    "load_recipe": "recipe",
    "train": "api",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
