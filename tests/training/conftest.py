"""Makes the dummy head importable, and gives exported dummies a folder without the registry."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def plain_save(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dummy comes from no recipe, so it is saved as bare tensors."""
    from training_dummy import save_tensors

    monkeypatch.setattr("mmzoo.composition.save_model", save_tensors, raising=False)
