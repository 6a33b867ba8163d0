"""Trains a head with blocks in several ranks: `python training_ranks.py OUT WORLD {json of cases}` starts the ranks.

A script, so that all cases share the start of the processes.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.multiprocessing as mp
from datasets import Dataset
from torch import Tensor, nn
from training_dummy import DummyHead, catalog_of_the_critic, make_rows, make_trainer, save_tensors

from mmzoo.interfaces import ALONE, Losses, TrainingState

# A few steps with critics; 10 items in a batch are dealt unevenly to 4 parts.
BASE: dict[str, Any] = {
    "steps": 8,
    "batch_size": 10,
    "checkpoint_every": 4,
    "keep": 9,
    "log_every": 1,
    "validate_every": 4,
    "preview_every": 4,
    "optimizer": {"warmup_steps": 2},
    "adversary": {"start_step": 3},
}


class Block(nn.Module):
    """A residual block that is also used by a method other than forward, as keys and values are computed ahead."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.ahead, self.inner, self.dropout = nn.Linear(4, width), nn.Linear(width, width), nn.Dropout(dropout)

    def memory(self, x: Tensor) -> Tensor:
        return torch.tanh(self.ahead(x))

    def forward(self, h: Tensor, memory: Tensor) -> Tensor:
        return h + self.dropout(torch.tanh(self.inner(h + memory)))


class BlockHead(DummyHead):
    """The dummy with blocks instead of one stack of layers."""

    def __init__(self, *, width: int = 7, dropout: float = 0.2) -> None:
        super().__init__()
        del self.net, self.running, self.spread
        self.before, self.after = nn.Linear(4, width), nn.Linear(width, 4)
        self.blocks = nn.ModuleList(Block(width, dropout) for _ in range(3))
        self.modes: list[bool] = []

    def net(self, x: Tensor) -> Tensor:
        memories = [block.memory(x) for block in self.blocks]
        h = self.before(x)
        for block, memory in zip(self.blocks, memories, strict=True):
            h = block(h, memory)
        y: Tensor = self.after(h)
        return y

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        x = batch["x"]
        y = self.net(x + 0.01 * torch.randn(x.shape, generator=generator))
        loss = (y.float() - x).square().mean()
        if state.adversary is None:
            return Losses(loss, {"l2": loss})
        verdict = state.adversary(x, y)
        return Losses(loss + 0.1 * verdict.adversarial, {"l2": loss}, verdict.critics)

    def finish(self, examples: Any) -> None:
        assert not any(hasattr(parameter, "to_local") for parameter in self.parameters())
        self.count.fill_(int(1e4 * self.net(torch.ones(1, 4)).sum()))


def train(out: Path, changes: Mapping[str, Any], rows: Dataset | None = None, resume: str = "auto") -> None:
    """Train one case in this process, which may be a rank."""
    torch.manual_seed(0)
    changes = dict(changes)
    head = BlockHead(dropout=changes.pop("dropout", 0.2))
    make_trainer(out, rows or make_rows(), head, **{**BASE, **changes}).run(resume)


def work(rank: int, world: int, out: Path, cases: Mapping[str, Mapping[str, Any]]) -> None:
    """One rank: train all cases."""
    import mmzoo.composition
    from mmzoo.registry import index

    mmzoo.composition.save_model = save_tensors  # type: ignore[attr-defined]
    index._catalog = catalog_of_the_critic()
    port = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": (out / "port").read_text()}
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world), **port}
    for name, changes in cases.items():
        changes = dict(changes)
        resume = changes.pop("resume", None)
        train(out / name, changes, resume=str(out / resume) if resume else "auto")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    torch.set_num_threads(1)
    # Forked ranks share the imports, which take longer than the work.
    mp.start_processes(
        work, (int(sys.argv[2]), Path(sys.argv[1]), json.loads(sys.argv[3])), int(sys.argv[2]), start_method="fork"
    )
