"""Codebooks learned by exponential moving averages."""

from __future__ import annotations

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from mmzoo.nn.precise import Float32Buffers
from mmzoo_vqvae.search import nearest

EPSILON = 1e-5


class EMACodebook(Float32Buffers):
    """Q codebooks of K vectors, each the moving average of the vectors assigned to it.

    The state is a count and a sum per code; a code vector is their quotient, computed on access (van den Oord et al.,
    arXiv 1711.00937, appendix A.1; in this form in Moshi, arXiv 2410.00037). Codes are initialized by k-means on the
    first batch. The threshold for replacing dead codes is relative to the mean count, because a batch may hold fewer
    vectors than the codebook. The state stays float32 in a model of any dtype: a count grows by small fractions.

    Args:
        codebooks: Q.
        size: K, codes per codebook.
        dim: D, width of a code vector.
        decay: Decay of the moving averages.
        revive_below: A code is replaced by a random vector of the batch when its count falls below this fraction of
            the mean count.
        iterations: Iterations of k-means.
    """

    counts: Tensor
    sums: Tensor
    initialised: Tensor  # spelled as in published weights

    def __init__(
        self,
        codebooks: int,
        size: int,
        dim: int,
        *,
        decay: float = 0.99,
        revive_below: float = 0.1,
        iterations: int = 10,
    ) -> None:
        super().__init__()
        self.decay, self.revive_below, self.iterations = decay, revive_below, iterations
        self.register_buffer("counts", torch.empty(codebooks, size))
        self.register_buffer("sums", torch.empty(codebooks, size, dim))
        self.register_buffer("initialised", torch.empty(codebooks, dtype=torch.bool))
        self.frozen = False
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set random codes with unit variance, which the first training batch replaces."""
        self.counts.fill_(1.0)
        self.sums.normal_()
        self.initialised.fill_(False)

    @property
    def vectors(self) -> Tensor:
        """The code vectors, float `[Q, K, D]`."""
        return self.sums / self.counts.clamp_min(EPSILON).unsqueeze(-1)

    @torch.no_grad()
    def update(self, x_QND: Tensor, codes_QN: Tensor, *, levels: slice = slice(None)) -> None:
        """Move codes toward the vectors assigned to them; without vectors, on all ranks, nothing changes.

        Args:
            x_QND: Vectors.
            codes_QN: The code assigned to each vector.
            levels: The codebooks to update.
        """
        x = x_QND.detach().float()
        counts, sums = self.counts[levels], self.sums[levels]
        size, dim = sums.shape[1:]
        flat = codes_QN + torch.arange(len(codes_QN), device=codes_QN.device).unsqueeze(1) * size
        batch = torch.zeros(len(codes_QN) * size, dim + 1, device=x.device)
        batch[:, :dim].index_add_(0, flat.reshape(-1), x.reshape(-1, dim))
        batch[:, dim].index_add_(0, flat.reshape(-1), torch.ones(flat.numel(), device=x.device))
        if _distributed():
            dist.all_reduce(batch)
        if not bool(batch[:, dim].any()):
            return
        batch = batch.view(len(codes_QN), size, dim + 1)
        counts.lerp_(batch[..., dim], 1 - self.decay)
        sums.lerp_(batch[..., :dim], 1 - self.decay)
        self._revive(x, counts, sums)

    def _revive(self, x_QND: Tensor, counts: Tensor, sums: Tensor) -> None:
        """Replace every dead code by a random vector of the batch, with the mean count."""
        mean = counts.mean(-1, keepdim=True)
        dead = counts < self.revive_below * mean
        count, size = x_QND.shape[1], counts.shape[1]
        if count:
            pick = torch.randint(count, (len(counts), size), device=counts.device)
            fresh = torch.gather(x_QND, 1, pick.unsqueeze(-1).expand(-1, -1, x_QND.shape[-1]))
        else:  # only other ranks have vectors, but all of them take part in the broadcast
            fresh = sums / counts.clamp_min(EPSILON).unsqueeze(-1)
        if _distributed():
            dist.broadcast(fresh, 0)
        counts.copy_(torch.where(dead, mean.expand_as(counts), counts))
        sums.copy_(torch.where(dead.unsqueeze(-1), fresh * mean.unsqueeze(-1), sums))

    @torch.no_grad()
    def initialise(self, x_QND: Tensor, *, levels: slice = slice(None)) -> None:
        """Set codes by k-means on a batch `[Q, N, D]`, seeded by k-means++; counts become the cluster sizes.

        Without vectors, nothing changes.
        """
        x = x_QND.detach().float()
        if _distributed():
            x = _gathered(x)
        if x.shape[1] == 0:
            return
        size = self.counts.shape[1]
        centers = _kmeans_seeds(x, size)
        if _distributed():
            dist.broadcast(centers, 0)
        counts = torch.ones(len(x), size, device=x.device)
        for _ in range(self.iterations):
            codes = nearest(x, centers)
            counts = torch.zeros(len(x), size, device=x.device).scatter_add_(1, codes, torch.ones_like(x[..., 0]))
            sums = torch.zeros_like(centers).scatter_add_(1, codes.unsqueeze(-1).expand_as(x), x)
            centers = torch.where((counts > 0).unsqueeze(-1), sums / counts.clamp_min(1).unsqueeze(-1), centers)
        # Empty clusters get the mean count, so that they are neither dead nor divided by zero.
        counts = torch.where(counts > 0, counts, counts.mean(-1, keepdim=True))
        self.counts[levels] = counts
        self.sums[levels] = centers * counts.unsqueeze(-1)
        self.initialised[levels] = True


def _kmeans_seeds(x_QND: Tensor, size: int) -> Tensor:
    """k-means++ seeds `[Q, size, D]` (Arthur and Vassilvitskii 2007), with a little noise so that none are equal."""
    rows = torch.arange(len(x_QND), device=x_QND.device)
    std = x_QND.std(dim=1, keepdim=True) if x_QND.shape[1] > 1 else torch.zeros_like(x_QND)
    noise = 1e-3 * std * torch.randn_like(x_QND[:, :1])
    chosen = [x_QND[rows, torch.randint(x_QND.shape[1], (len(x_QND),), device=x_QND.device)]]
    distances = torch.full(x_QND.shape[:2], torch.inf, device=x_QND.device)
    for _ in range(size - 1):
        distances = torch.minimum(distances, (x_QND - chosen[-1].unsqueeze(1)).square().sum(-1))
        pick = torch.multinomial(distances + 1e-12, 1).squeeze(1)
        chosen.append(x_QND[rows, pick])
    return torch.stack(chosen, dim=1) + noise * torch.randn(1, size, 1, device=x_QND.device)


def _gathered(x_QND: Tensor) -> Tensor:
    """The vectors of all ranks, which may differ in number."""
    counts = [torch.zeros(1, dtype=torch.int64, device=x_QND.device) for _ in range(dist.get_world_size())]
    dist.all_gather(counts, counts[0].new_tensor([x_QND.shape[1]]))
    longest = max(int(count) for count in counts)
    padded = F.pad(x_QND, (0, 0, 0, longest - x_QND.shape[1])).contiguous()
    gathered = [torch.empty_like(padded) for _ in counts]
    dist.all_gather(gathered, padded)
    return torch.cat([x[:, : int(count)] for x, count in zip(gathered, counts, strict=True)], dim=1)


def _distributed() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
