"""Every process sees the same zoo: those that are spawned, the workers of a loader, and the ranks of a training."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mmzoo.registry import Catalog, catalog

RANK = """
import os, sys
from accelerate import Accelerator
from mmzoo.errors import TrainingError
from mmzoo.registry import catalog
from mmzoo.training.ranks import check_same_registry

if sys.argv[1] == "differ" and os.environ["RANK"] == "1":
    os.environ["MMZOO_PLUGINS"] = "mmzoo-vqvae"
accelerator = Accelerator(cpu=True)
try:
    check_same_registry(accelerator)
    told = catalog().digest()
except TrainingError as error:
    told = str(error)
with open(os.path.join(sys.argv[2], os.environ["RANK"]), "w") as file:
    file.write(told)
accelerator.end_training()
"""


def digest(_: int = 0) -> str:
    return catalog(reload=True).digest()


class Digests:
    """A dataset of which every item is the digest of the process that reads it."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> str:
        return digest()


def test_the_digest_is_of_what_is_registered(site: Any) -> None:
    before = Catalog().digest()
    assert Catalog().digest() == before
    site.good()
    assert Catalog().digest() != before


def test_the_digest_names_the_version_of_mmzoo(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Catalog().digest()
    monkeypatch.setattr("mmzoo.__version__", "99.0")
    assert Catalog().digest() != before


def test_a_spawned_process_sees_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import mmzoo.registry as r; print(r.catalog().digest())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert told == Catalog().digest()


SPAWNED = """
import multiprocessing, sys
sys.path.insert(0, sys.argv[1])
from test_processes import Digests, digest

if __name__ == "__main__":
    import torch.utils.data as data
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found = pool.map(digest, range(2))
    loader = data.DataLoader(Digests(), batch_size=None, num_workers=2, multiprocessing_context="spawn")
    print(" ".join([digest(), *found, *loader]))
"""


@pytest.mark.slow
def test_spawned_workers_and_the_workers_of_a_loader_see_the_same(tmp_path: Path) -> None:
    (tmp_path / "spawned.py").write_text(SPAWNED)
    command = [sys.executable, str(tmp_path / "spawned.py"), str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    digests = done.stdout.split()
    assert len(digests) == 5 and set(digests) == {Catalog().digest()}


@pytest.mark.parametrize("how", [pytest.param("same", marks=pytest.mark.slow), "differ"])
def test_two_ranks_exchange_their_digests(how: str, tmp_path: Path) -> None:
    (tmp_path / "rank.py").write_text(RANK)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*torchrun, str(tmp_path / "rank.py"), how, str(tmp_path)],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = [(tmp_path / rank).read_text() for rank in "01"]
    if how == "same":
        assert told == [Catalog().digest()] * 2
    else:
        assert told[0] == told[1] and told[0].startswith("The processes 1 have different plugins from process 0")
