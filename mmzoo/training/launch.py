"""Start the ranks of a training on this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch

from mmzoo.errors import UsageError
from mmzoo.training.recipe import TrainingRecipe

GRACE = 600
"""Seconds that ranks get to write a checkpoint after a signal; torch's own default is 30."""


def check_nproc(nproc: int, recipe: TrainingRecipe) -> None:
    """Raise UsageError if ranks are running already, or if there are fewer GPUs than ranks."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError("--nproc starts the processes itself; leave it out under torchrun and accelerate launch.")
    gpus = torch.cuda.device_count()
    if recipe.device == "auto" and 0 < gpus < nproc:
        raise UsageError(f"--nproc {nproc} exceeds this machine's {gpus} GPUs; give at most {gpus}, or device=cpu.")


def launch(arguments: Sequence[str], nproc: int) -> int:
    """Run `mmzoo` with these arguments in several ranks, and return the exit code of the training.

    Args:
        arguments: The command line of each rank.
        nproc: How many ranks.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import parse_args, run

    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // nproc)))
    options = ["--standalone", f"--nproc-per-node={nproc}", f"--shutdown-timeout={GRACE}", "-m", "mmzoo"]
    try:
        run(parse_args([*options, *arguments]))  # type: ignore[no-untyped-call]
    except ChildFailedError as error:
        # The rank that failed first; the others were ended because of it.
        code = min(error.failures.values(), key=lambda failure: failure.timestamp).exitcode
        return code if code > 0 else 128 - code
    except SignalException as error:  # the ranks got it too, and have ended
        return 128 + int(error.sigval)
    return 0
