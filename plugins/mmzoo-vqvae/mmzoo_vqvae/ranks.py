"""What the ranks of a training share: sums, random choices, and chosen vectors of all their batches.

Only tensors of the same shape on every rank are exchanged, so ranks may hold different numbers of vectors, or none.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor


def distributed() -> bool:
    """Whether this process is one of several ranks."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def sum_over_ranks(x: Tensor) -> Tensor:
    """Replace a tensor by its sum over all ranks, in place; the bits are the same on every rank."""
    if distributed():
        dist.all_reduce(x)
    return x


def from_first_rank(*tensors: Tensor) -> None:
    """Replace contiguous tensors by those of rank 0, in place."""
    if distributed():
        for tensor in tensors:
            dist.broadcast(tensor, 0)


def shared_generator(device: torch.device) -> torch.Generator:
    """A CPU generator that is the same on every rank: its seed is drawn from rank 0's global generator.

    Args:
        device: A device on which the ranks can communicate.
    """
    seed = torch.randint(2**62, ()).to(device)
    from_first_rank(seed)
    return torch.Generator().manual_seed(int(seed))


class JoinedBatch:
    """The batches of all ranks as one, in the order of the ranks. Every rank creates and calls it at the same time.

    Args:
        x_QND: The vectors of this rank; N may differ from rank to rank, and may be 0.

    Attributes:
        total: The number of vectors of all ranks.
    """

    def __init__(self, x_QND: Tensor) -> None:
        self._x = x_QND
        self._start, self.total = 0, x_QND.shape[1]
        if distributed():
            rank = dist.get_rank()
            counts = torch.zeros(dist.get_world_size(), dtype=torch.int64, device=x_QND.device)
            counts[rank] = x_QND.shape[1]
            numbers = sum_over_ranks(counts).tolist()
            self._start, self.total = sum(numbers[:rank]), sum(numbers)

    def pick(self, index_QM: Tensor) -> Tensor:
        """The vectors `[Q, M, D]` with these numbers in the joined batch; the numbers must be the same on all ranks."""
        index = (index_QM - self._start).to(self._x.device)
        count = self._x.shape[1]
        if count == 0:
            return sum_over_ranks(self._x.new_zeros(*index.shape, self._x.shape[-1]))
        own = ((index >= 0) & (index < count)).unsqueeze(-1)
        picked = self._x.gather(1, index.clamp(0, count - 1).unsqueeze(-1).expand(-1, -1, self._x.shape[-1]))
        return sum_over_ranks(torch.where(own, picked, 0.0))
