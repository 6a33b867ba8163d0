"""Trains quantizers on the batches of several ranks: `python quantizer_ranks.py OUT WORLD` starts the ranks.

A script, so that every case of one number of ranks shares the start of the processes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmzoo_vqvae.residual import ResidualVectorQuantizer
from mmzoo_vqvae.vector import VectorQuantizer
from safetensors.torch import save_file
from torch import Tensor

from mmzoo.interfaces import Quantizer

DIM, STEPS = 6, 4
KINDS = {
    "vq": lambda: VectorQuantizer(dim=DIM, codebook_size=8, revive_below=0.5),
    "vq-large": lambda: VectorQuantizer(dim=DIM, codebook_size=64),  # more codes than most batches have vectors
    "grouped": lambda: VectorQuantizer(dim=DIM, codebook_size=8, groups=3, estimator="rotation"),
    "rvq": lambda: ResidualVectorQuantizer(dim=DIM, codebook_size=8, levels=3, revive_below=0.5),
    "rvq-dropout": lambda: ResidualVectorQuantizer(dim=DIM, codebook_size=8, levels=3, dropout=0.5),
    "vq-tiny": lambda: VectorQuantizer(dim=DIM, codebook_size=2),  # batches exceed the vectors that k-means takes
}
COUNTS = {
    2: [(5, 5), (0, 7), (7, 0), (1, 40), (300, 3), (0, 0), (1, 0), (500, 400)],
    3: [(4, 4, 4), (0, 0, 9), (9, 0, 0), (0, 1, 0), (1, 60, 7), (200, 0, 3), (0, 0, 0), (400, 1, 300)],
}


def cases(world: int) -> Iterator[tuple[str, str, tuple[int, ...], bool]]:
    """(name, kind, vectors of each rank, whether half of the positions are padding) of every case."""
    for number, kind in enumerate(KINDS):
        for turn, counts in enumerate(COUNTS[world]):
            yield f"{kind} {counts}", kind, counts, bool((number + turn) % 2)


def batch(step: int, rank: int, count: int, padded: bool) -> tuple[Tensor, Tensor | None]:
    """The vectors of one rank, of which the odd ones are padding with `padded`."""
    generator = torch.Generator().manual_seed(100 * step + rank)
    if not padded:
        return torch.randn(1, count, DIM, generator=generator), None
    z = torch.randn(1, 2 * count + 3, DIM, generator=generator)
    mask = torch.zeros(1, 2 * count + 3, dtype=torch.bool)
    mask[:, 1 : 2 * count : 2] = True
    return z, mask


def quantizer(kind: str) -> Quantizer:
    """A fresh one; the same in every process."""
    torch.manual_seed(1)
    return KINDS[kind]().train()


def train(kind: str, counts: tuple[int, ...], padded: bool, rank: int | None) -> dict[str, Tensor]:
    """The state after each step; with `rank` None of one process on the joined batches."""
    trained, states = quantizer(kind), {}
    for step in range(STEPS):
        # Only rank 0 has the random state of the single process.
        torch.manual_seed(1000 * step + (rank or 0))
        parts = [batch(step, other, count, padded) for other, count in enumerate(counts)]
        if rank is None:
            z = torch.cat([z for z, _ in parts], 1)
            mask = torch.cat([mask for _, mask in parts], 1) if padded else None
        else:
            z, mask = parts[rank]
        trained(z.requires_grad_(), mask)
        states |= {f"{step}/{name}": value.clone() for name, value in trained.state_dict().items()}
    return states


def work(rank: int, world: int, out: Path) -> None:
    """One rank: train every case and save the states."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{out / 'store'}", rank=rank, world_size=world)
    states = {}
    for name, kind, counts, padded in cases(world):
        states |= {f"{name}/{key}": value for key, value in train(kind, counts, padded, rank).items()}
    save_file(states, out / f"{rank}.safetensors")
    dist.destroy_process_group()


if __name__ == "__main__":
    torch.set_num_threads(1)
    # Forked ranks share the imports, which take longer than the work.
    mp.start_processes(work, (int(sys.argv[2]), Path(sys.argv[1])), int(sys.argv[2]), start_method="fork")
