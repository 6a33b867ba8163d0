"""Every registered model that stands alone survives saving and loading, tensor for tensor."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mmzoo import registry
from mmzoo.composition import save_model
from mmzoo.factory import create


def models(*, with_models: bool) -> list[str]:
    found = []
    for spec in registry.catalog().models():
        slots = [entry for entry in spec.recipe.values() if isinstance(entry, dict) and "model" in entry]
        if bool(slots) is with_models:
            found.append(spec.name)
    return found


@pytest.mark.parametrize("name", models(with_models=False))
def test_saved_and_loaded(name: str, tmp_path: Path) -> None:
    model = create(name, pretrained=False)
    folder = save_model(model, tmp_path / name, dtype=torch.float32)
    state = torch.get_rng_state()
    loaded = create(f"local-dir:{folder}")
    assert torch.equal(state, torch.get_rng_state())
    for mine, theirs in [
        (dict(model.named_parameters()), dict(loaded.named_parameters())),
        (dict(model.named_buffers()), dict(loaded.named_buffers())),  # those that are not stored as well
    ]:
        assert mine.keys() == theirs.keys()
        for key, tensor in mine.items():
            assert torch.equal(tensor, theirs[key]), key
    assert loaded.recipe == model.recipe


@pytest.mark.parametrize("name", models(with_models=True))
def test_models_of_models_are_built(name: str) -> None:
    recipe = registry.catalog().model(name).recipe
    fresh = {slot: {"pretrained": False} for slot, entry in recipe.items() if "model" in entry}
    model = create(name, pretrained=False, **fresh)
    assert not model.training and all(not parameter.is_meta for parameter in model.parameters())


def test_loading_imports_neither_the_compiler_nor_datasets(tmp_path: Path) -> None:
    """They take longer to import than the whole load takes."""
    names = models(with_models=False)
    for name in names:
        save_model(create(name, pretrained=False), tmp_path / name)
    script = (
        "import sys, mmzoo\n"
        f"for name in {names!r}:\n"
        "    mmzoo.create('local-dir:' + sys.argv[1] + '/' + name)\n"
        "heavy = {'torch._dynamo', 'sympy', 'datasets', 'pandas', 'huggingface_hub'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
