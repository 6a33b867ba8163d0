"""Every recipe that a plugin ships loads, and fits the model and the dataset it names."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import mmzoo
from mmzoo import registry
from mmzoo.interfaces import HasPreviews
from mmzoo.training.recipe import load_recipe

ROOT = Path(__file__).parents[2]
RECIPES = sorted(ROOT.glob("plugins/*/*/recipes/*.yaml"))


def test_every_bundled_model_has_one() -> None:
    trained = {load_recipe(path).model.name for path in RECIPES}
    assert {path.parent.name for path in ROOT.glob("model_cards/*/config.json")} <= trained


def untrained(name: str) -> dict[str, Any]:
    """Overrides for models in slots that have no weights yet."""
    slots = registry.catalog().model(name).recipe.items()
    models = {slot: entry["model"] for slot, entry in slots if isinstance(entry, dict) and "model" in entry}
    return {slot: {"pretrained": False} for slot, used in models.items() if not registry.catalog().model(used).weights}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_shipped_recipe_fits(path: Path) -> None:
    recipe = load_recipe(path)
    # It suits any machine, or says beside the key why it must not.
    assert recipe.precision == "auto" or re.search(r"^precision: \w+ +# \w+", path.read_text("utf-8"), re.MULTILINE)
    assert recipe.num_threads == "auto"
    assert recipe.name == path.stem
    head = mmzoo.create(recipe.model.name, pretrained=False, **untrained(recipe.model.name), **recipe.model.overrides)
    names = list(head.state_dict())
    for prefix in recipe.model.freeze:
        assert any(name == prefix or name.startswith(f"{prefix}.") for name in names), prefix
    builder = registry.load_target(registry.catalog().component("dataset", recipe.data.name))
    assert set(recipe.data.config) <= set(inspect.signature(builder).parameters)
    if recipe.model.init_from is not None:
        assert recipe.model.init_from.removeprefix("runs/") in {other.stem for other in RECIPES}
    if isinstance(head, HasPreviews):
        assert recipe.preview_every is not None
