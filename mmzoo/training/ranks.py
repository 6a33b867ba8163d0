"""A check that all processes of a training run have the same plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from mmzoo.errors import TrainingError
from mmzoo.registry import catalog

if TYPE_CHECKING:
    from accelerate import Accelerator


def check_same_registry(accelerator: Accelerator) -> None:
    """Raise TrainingError in every process unless all have the same plugins in the same versions.

    Each process discovers its own plugins; in another environment it could train another model of the same name.
    """
    if accelerator.num_processes == 1:
        return
    mine = torch.frombuffer(bytearray.fromhex(catalog().digest()), dtype=torch.uint8).to(accelerator.device)
    digests = accelerator.gather(mine.unsqueeze(0))
    other = [rank for rank, digest in enumerate(digests.cpu()) if not torch.equal(digest, digests[0].cpu())]
    if other:
        raise TrainingError(
            f"The processes {', '.join(map(str, other))} have different plugins from process 0; give all of them the"
            " same environment, and compare what `mmzoo plugins` prints in each."
        )
