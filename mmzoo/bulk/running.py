"""What all bulk jobs do: load the model on the device of the rank, and describe the job."""

from __future__ import annotations

from typing import Any

import mmzoo
from mmzoo.data.jobs import NOTES, local_rank
from mmzoo.errors import DataError, InputError
from mmzoo.factory import create
from mmzoo.interfaces import TaskHead

FAILED = (InputError, DataError)
"""What a model raises if it cannot use a row."""


def loaded(name: str, device: str) -> TaskHead:
    """A model with its weights; with the device `cuda`, on the GPU of this rank."""
    if device == "cuda":
        import torch

        device = f"cuda:{local_rank() % max(1, torch.cuda.device_count())}"
    model: TaskHead = create(name, device=device)
    return model


def manifest_of(kind: str, name: str, model: TaskHead, command: str) -> dict[str, Any]:
    """The part of a manifest about the model."""
    return {
        NOTES: {"command": command, "mmzoo": mmzoo.__version__},
        "kind": kind,
        "model": {"name": name, "fingerprint": model.fingerprint()},
    }
