"""A tiny head with dropout, a buffer that updates itself and a critic; enough to train end to end."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from safetensors.torch import save_file
from torch import Tensor, nn

from mmzoo.hookspecs import Register
from mmzoo.interfaces import ALONE, Audio, Critic, HasFiles, Losses, Size, TaskHead, TrainingState
from mmzoo.registry import Catalog
from mmzoo.training import Trainer, load_recipe


class Rows:
    """Examples of random length; each draws noise from its generator."""

    keys = ("x",)

    def __init__(self, rows: Dataset) -> None:
        self.lengths = [int(n) for n in rows["length"]]

    def __len__(self) -> int:
        return len(self.lengths)

    def example(self, index: int, generator: torch.Generator) -> Tensor:
        x = torch.zeros(4)
        x[index % 4] = 1.0
        return x + 0.1 * torch.randn(4, generator=generator)

    def collate(self, examples: list[Tensor]) -> Mapping[str, Tensor]:
        return {"x": torch.stack(examples)}


class DummyCritic(Critic):
    """One layer over 4 numbers."""

    modality = "numbers"

    def __init__(self, *, width: Size = 3, slope: float = 0.1) -> None:
        super().__init__()
        self.hidden, self.score, self.slope = nn.Linear(4, width), nn.Linear(width, 1), slope

    def forward(self, raw: Tensor) -> list[list[Tensor]]:
        hidden = nn.functional.leaky_relu(self.hidden(raw), self.slope)
        return [[hidden, self.score(hidden)]]


def catalog_of_the_critic() -> Catalog:
    """A catalog with the dummy's critic and nothing else."""
    known, register = Catalog(candidates=()), Register("dummy", "1.0")
    register.critic("dummy", "training_dummy:DummyCritic", summary="One layer over 4 numbers")
    known._components += register.components
    return known


class DummyHead(TaskHead):
    """An autoencoder of 4 numbers."""

    batch_keys = ("x",)

    def __init__(self, *, width: int = 8) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Dropout(0.2), nn.Linear(width, 4))
        self.register_buffer("running", torch.zeros(4))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.register_buffer("spread", torch.ones(4))
        self.critics = ("dummy",)
        self.poison: int | None = None
        self.steps = 0
        self.seen: list[tuple[int, bool]] = []

    def examples(self, rows: Dataset, cache: Path) -> Any:
        return Rows(rows)

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        x = batch["x"]
        noise = 0.01 * torch.randn(x.shape, generator=generator).to(x.device)
        y = self.net(x + noise)
        loss = (y - x).square().mean()
        if self.training:
            self.steps += 1
            self.count += 1
            self.running.lerp_(x.detach().mean(0), 0.1)
            if self.poison is not None and self.steps >= self.poison:
                loss = loss * float("nan")
                self.running.fill_(float("nan"))
        parts = {"l2": loss}
        if state.adversary is None:
            return Losses(loss, parts)
        verdict = state.adversary(x, y)
        return Losses(loss + 0.1 * verdict.adversarial + 0.1 * verdict.features, parts, verdict.critics)

    def finish(self, examples: Any) -> None:
        generator = torch.Generator().manual_seed(0)
        x = torch.stack([examples.example(i, generator) for i in range(len(examples))])
        self.spread.copy_(self.net(x).std(0))

    def previews(self, rows: Dataset) -> Iterator[tuple[str, Any]]:
        for row in rows:
            yield f"{row['id']}/sound", Audio(np.sin(np.arange(1600, dtype=np.float32) * 0.3), 16000)


def make_rows(count: int = 37) -> Dataset:
    return Dataset.from_dict({"id": [str(i) for i in range(count)], "length": [5 + (i * 7) % 23 for i in range(count)]})


def make_recipe(**changes: Any) -> dict[str, Any]:
    recipe: dict[str, Any] = {
        "name": "dummy",
        "model": {"name": "dummy"},
        "data": {"name": "dummy"},
        "steps": 30,
        "batch_size": 8,
        "device": "cpu",
        "bucket": True,
        "optimizer": {"lr": 1e-2, "warmup_steps": 3},
        "adversary": {"start_step": 5},
        "log_every": 5,
        "checkpoint_every": 10,
        "num_threads": 1,
        "precision": "fp32",
    }
    for key, value in changes.items():
        recipe[key] = (
            {**recipe[key], **value} if isinstance(value, dict) and isinstance(recipe.get(key), dict) else value
        )
    return recipe


def save_tensors(head: TaskHead, folder: Path, name: str | None = None) -> None:
    """Stands in for `mmzoo.composition.save_model`, which wants a head made from a recipe."""
    folder.mkdir(parents=True)
    save_file(head.state_dict(), folder / "model.safetensors")
    for name, content in (head.files() if isinstance(head, HasFiles) else {}).items():
        (folder / name).write_bytes(content)


def make_trainer(out: Path, rows: Dataset | None = None, head: DummyHead | None = None, **changes: Any) -> Trainer:
    """A trainer whose head has the initial weights of seed 0."""
    torch.manual_seed(0)
    head = head or DummyHead()
    rows = rows or make_rows()
    return Trainer(load_recipe(make_recipe(**changes)), head, rows, out=out, cache=out / "cache", validation_rows=rows)


def main() -> None:
    """Run a training in a process of its own: `training_dummy.py OUT RESUME {json of changes} [fault]`."""
    import mmzoo.composition
    import mmzoo.hardware
    from mmzoo.errors import MmzooError
    from mmzoo.registry import index

    mmzoo.composition.save_model = save_tensors  # type: ignore[attr-defined]
    index._catalog = catalog_of_the_critic()
    out, resume, changes = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
    fault = sys.argv[4] if len(sys.argv) > 4 else ""
    head = None
    if fault.startswith("kill-at-rename:"):
        die_at_rename(int(fault.partition(":")[2]))
    if fault == "slow":
        head = SlowHead()
    if fault == "unlike-machines":
        speeds = {"fp32": 1.0, "bf16": 4.0 if os.environ["RANK"] == "0" else 0.1}
        mmzoo.hardware.gflops = lambda precision, device="cpu": speeds[precision]  # type: ignore[assignment]
    trainer = make_trainer(out, head=head, **changes)
    try:
        result = trainer.run(resume)
    except MmzooError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    if fault == "unlike-machines":
        (out / f"rank-{os.environ['RANK']}").write_text(trainer.accelerator.mixed_precision)
    sys.exit(result.exit_code)


class SlowHead(DummyHead):
    """Takes its time, so that a signal finds it at work."""

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        time.sleep(0.05)
        return super().training_step(batch, generator, state)


def die_at_rename(count: int) -> None:
    """kill -9 ourselves in place of the count-th rename that would make a checkpoint exist."""
    rename, calls = os.rename, 0

    def dying(source: Any, target: Any) -> None:
        nonlocal calls
        if ".staging-" in str(source):
            calls += 1
            if calls == count:
                os.kill(os.getpid(), signal.SIGKILL)
        rename(source, target)

    os.rename = dying


if __name__ == "__main__":
    main()
