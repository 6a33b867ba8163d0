"""Quantizers on several ranks: codebooks are those of one process that has all vectors."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

SCRIPT = Path(__file__).with_name("quantizer_ranks.py")
spec = importlib.util.spec_from_file_location("quantizer_ranks", SCRIPT)
assert spec is not None and spec.loader is not None
quantizer_ranks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(quantizer_ranks)


@pytest.mark.parametrize("world", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_ranks_with_any_numbers_of_vectors_learn_the_codebooks_of_one_process(world: int, tmp_path: Path) -> None:
    """Random choices included: k-means seeds, revived codes and dropped levels."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path), str(world)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
        capture_output=True,
        text=True,
        timeout=1500,  # ranks that wait for each other forever are a failure, too
    )
    assert done.returncode == 0, done.stderr[-3000:]
    first, *others = [load_file(tmp_path / f"{rank}.safetensors") for rank in range(world)]
    for other in others:
        assert [name for name in first if not torch.equal(first[name], other[name])] == []
    moved = 0
    for name, kind, counts, padded in quantizer_ranks.cases(world):
        for key, expected in quantizer_ranks.train(kind, counts, padded, None).items():
            torch.testing.assert_close(first[f"{name}/{key}"], expected, atol=1e-5, rtol=1e-5, msg=f"{name}/{key}")
        fresh = quantizer_ranks.quantizer(kind).state_dict()
        last = quantizer_ranks.STEPS - 1
        moved += any(not torch.equal(first[f"{name}/{last}/{key}"], value) for key, value in fresh.items())
        assert bool(first[f"{name}/{last}/codebook.initialised"].all()) == any(counts)
    assert moved == sum(any(counts) for _, _, counts, _ in quantizer_ranks.cases(world))
