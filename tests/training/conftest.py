"""Makes the dummy head and its critic available, and gives exported dummies a folder without the registry."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def dummy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dummy comes from no recipe, so it is saved as bare tensors; its critic is the only registered component."""
    from training_dummy import catalog_of_the_critic, save_tensors

    monkeypatch.setattr("mmzoo.composition.save_model", save_tensors, raising=False)
    monkeypatch.setattr("mmzoo.registry.index._catalog", catalog_of_the_critic())
