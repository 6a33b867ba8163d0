"""The processes of one training: how they find each other, take turns, and agree."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from datetime import timedelta
from hashlib import blake2b

import torch
from accelerate import Accelerator, PartialState

from mmzoo.errors import TrainingError, UsageError
from mmzoo.registry import catalog

PATIENCE = timedelta(hours=3)
"""How long ranks wait for one that builds a dataset, or exports the model."""
PORTS = range(15000, 35000)
"""Below the ports that Linux gives to clients (from 32768 on, with few exceptions), and above most services."""


def slurm_ranks(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of torch.distributed for a process that `srun` started; none for any other process.

    Only a job step has SLURM_STEP_NUM_TASKS; a batch script, from which torchrun may be called, has not.

    Raises:
        UsageError: SLURM's variables are incomplete.
    """
    world = environment.get("SLURM_STEP_NUM_TASKS", "1")
    if "RANK" in environment or world == "1":
        return {}
    try:
        job = int(environment["SLURM_JOB_ID"]) * 64 + int(environment.get("SLURM_STEP_ID", "0"))
        return {
            "RANK": str(int(environment["SLURM_PROCID"])),
            "LOCAL_RANK": str(int(environment["SLURM_LOCALID"])),
            "WORLD_SIZE": str(int(world)),
            "MASTER_ADDR": environment.get("MASTER_ADDR") or first_host(environment["SLURM_STEP_NODELIST"]),
            # Every process derives the same port, and two steps on one machine seldom the same.
            "MASTER_PORT": environment.get("MASTER_PORT") or str(PORTS[job % len(PORTS)]),
        }
    except (KeyError, ValueError) as error:
        raise UsageError(
            f"This process seems to belong to a job step of SLURM, but {error} is missing or wrong; start it with"
            " srun, or with torchrun."
        ) from error


def first_host(nodes: str) -> str:
    """The first host of a node list of SLURM, such as `node[07-09,12],login` (node07)."""
    match = re.match(r"([^,\[\]]+)(?:\[([^,\]-]+)[^\]]*\]([^,\[]*))?", nodes)
    if match is None:
        raise ValueError(f"node list {nodes!r}")
    return "".join(part or "" for part in match.groups())


def join_ranks(*, cpu: bool, environment: MutableMapping[str, str] = os.environ) -> PartialState:
    """Connect this process with the other ranks, if it has any; the second call returns the same.

    torchrun and `accelerate launch` set the variables that connect them; those of SLURM are translated here.

    Args:
        cpu: Train on the CPU even where there is a GPU.
        environment: The environment variables.
    """
    environment.update(slurm_ranks(environment))
    return PartialState(cpu=on_cpu(cpu), timeout=PATIENCE)


def on_cpu(cpu: bool) -> bool:
    """Whether training runs on the CPU; without GPUs, Accelerate connects ranks only if it is told so."""
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    return cpu or (several and not torch.cuda.is_available() and not torch.xpu.is_available())


def is_first_rank(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process speaks for all."""
    return environment.get("RANK", "0") == "0"


@contextmanager
def in_turn(state: PartialState | Accelerator) -> Iterator[None]:
    """Let the first rank enter the block, then the first of each other machine, then all others.

    What the first one builds in a cache, the others read, whether or not the machines share the cache.
    """
    turn = 0 if state.is_main_process else 1 if state.is_local_main_process else 2
    for _ in range(turn):
        state.wait_for_everyone()
    yield
    for _ in range(2 - turn):
        state.wait_for_everyone()


def differing_ranks(accelerator: Accelerator, text: str) -> list[int]:
    """The ranks whose text is not that of rank 0."""
    if accelerator.num_processes == 1:
        return []
    mine = torch.frombuffer(bytearray(blake2b(text.encode(), digest_size=16).digest()), dtype=torch.uint8)
    digests = accelerator.gather(mine.to(accelerator.device).unsqueeze(0)).cpu()
    return [rank for rank, digest in enumerate(digests) if not torch.equal(digest, digests[0])]


def check_same_registry(accelerator: Accelerator) -> None:
    """Raise TrainingError in every process unless all have the same plugins in the same versions.

    Each process discovers its own plugins; in another environment it could train another model of the same name.
    """
    if accelerator.num_processes > 1 and (other := differing_ranks(accelerator, catalog().digest())):
        raise TrainingError(
            f"The processes {', '.join(map(str, other))} have different plugins from process 0; give all of them the"
            " same environment, and compare what `mmzoo plugins` prints in each."
        )


def check_same_checkpoint(accelerator: Accelerator, name: str) -> None:
    """Raise TrainingError in every process unless all resume from the checkpoint of this name; empty for none."""
    if other := differing_ranks(accelerator, name):
        raise TrainingError(
            f"The processes {', '.join(map(str, other))} do not find the checkpoint that process 0 does; put the run"
            " folder (--out) on a file system that all machines share."
        )
