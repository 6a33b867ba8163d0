"""Codebooks learned by exponential moving averages."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from mmzoo.nn.precise import Float32Buffers
from mmzoo_vqvae.ranks import JoinedBatch, from_first_rank, shared_generator, sum_over_ranks
from mmzoo_vqvae.search import nearest

EPSILON = 1e-5
VECTORS_PER_CODE = 256
"""k-means sees at most this many vectors per code, chosen at random: more would hardly move its centers."""


class EMACodebook(Float32Buffers):
    """Q codebooks of K vectors, each the moving average of the vectors assigned to it.

    The state is a count and a sum per code; a code vector is their quotient, computed on access (van den Oord et al.,
    arXiv 1711.00937, appendix A.1; in this form in Moshi, arXiv 2410.00037). Codes are initialized by k-means on the
    first batch. The threshold for replacing dead codes is relative to the mean count, because a batch may hold fewer
    vectors than the codebook. The state stays float32 in a model of any dtype: a count grows by small fractions.

    The ranks of a training update together, whatever the number of vectors of each: their codebooks stay identical, and
    equal to those of one process that holds the vectors of rank 0, then those of rank 1, and so on.

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
        sum_over_ranks(batch)
        if not bool(batch[:, dim].any()):
            return
        batch = batch.view(len(codes_QN), size, dim + 1)
        counts.lerp_(batch[..., dim], 1 - self.decay)
        sums.lerp_(batch[..., :dim], 1 - self.decay)
        self._revive(x, counts, sums)

    def _revive(self, x_QND: Tensor, counts: Tensor, sums: Tensor) -> None:
        """Replace every dead code by a random vector of the joined batch, with the mean count."""
        mean = counts.mean(-1, keepdim=True)
        dead = counts < self.revive_below * mean
        if not bool(dead.any()):
            return
        batch = JoinedBatch(x_QND)
        fresh = batch.pick(torch.randint(batch.total, counts.shape, generator=shared_generator(x_QND.device)))
        counts.copy_(torch.where(dead, mean.expand_as(counts), counts))
        sums.copy_(torch.where(dead.unsqueeze(-1), fresh * mean.unsqueeze(-1), sums))

    @torch.no_grad()
    def initialise(self, x_QND: Tensor, *, levels: slice = slice(None)) -> None:
        """Set codes by k-means on a batch `[Q, N, D]`, seeded by k-means++; counts become the cluster sizes.

        Without vectors, on all ranks, nothing changes.
        """
        batch = JoinedBatch(x_QND.detach().float())
        if batch.total == 0:
            return
        size = self.counts.shape[1]
        generator = shared_generator(x_QND.device)
        most = VECTORS_PER_CODE * size
        rows = torch.arange(batch.total)
        if batch.total > most:
            rows = torch.randperm(batch.total, generator=generator)[:most]
        x = batch.pick(rows.expand(len(x_QND), -1))
        centers = _kmeans_seeds(x, size, generator)
        counts = torch.ones(len(x), size, device=x.device)
        for _ in range(self.iterations):
            codes = nearest(x, centers)
            counts = torch.zeros(len(x), size, device=x.device).scatter_add_(1, codes, torch.ones_like(x[..., 0]))
            sums = torch.zeros_like(centers).scatter_add_(1, codes.unsqueeze(-1).expand_as(x), x)
            centers = torch.where((counts > 0).unsqueeze(-1), sums / counts.clamp_min(1).unsqueeze(-1), centers)
        # Empty clusters get the mean count, so that they are neither dead nor divided by zero.
        counts = torch.where(counts > 0, counts, counts.mean(-1, keepdim=True)) * (batch.total / x.shape[1])
        from_first_rank(counts, centers)  # on a GPU, sums of the same numbers may differ in their last bits
        self.counts[levels] = counts
        self.sums[levels] = centers * counts.unsqueeze(-1)
        self.initialised[levels] = True


def _kmeans_seeds(x_QND: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """k-means++ seeds `[Q, size, D]` (Arthur and Vassilvitskii 2007), with a little noise so that none are equal."""

    def draw(sample: Callable[..., Tensor], *shape: int) -> Tensor:
        return sample(*shape, generator=generator).to(x_QND.device)

    rows = torch.arange(len(x_QND), device=x_QND.device)
    std = x_QND.std(dim=1, keepdim=True) if x_QND.shape[1] > 1 else torch.zeros_like(x_QND)
    noise = 1e-3 * std * draw(torch.randn, len(x_QND), 1, x_QND.shape[-1])
    first = torch.randint(x_QND.shape[1], (len(x_QND),), generator=generator).to(x_QND.device)
    chosen = [x_QND[rows, first]]
    distances = torch.full(x_QND.shape[:2], torch.inf, device=x_QND.device)
    for position in draw(torch.rand, size - 1, len(x_QND)):
        distances = torch.minimum(distances, (x_QND - chosen[-1].unsqueeze(1)).square().sum(-1))
        pick = _drawn(distances + 1e-12, position)
        chosen.append(x_QND[rows, pick])
    return torch.stack(chosen, dim=1) + noise * draw(torch.randn, 1, size, 1)


def _drawn(weights_QN: Tensor, position_Q: Tensor) -> Tensor:
    """In each row, the index drawn in proportion to the weights by a uniform number in [0, 1)."""
    cumulated = weights_QN.double().cumsum(-1)
    target = position_Q.double() * cumulated[:, -1]
    index = torch.searchsorted(cumulated, target.unsqueeze(1), right=True).squeeze(1)
    return index.clamp_max(weights_QN.shape[1] - 1)
