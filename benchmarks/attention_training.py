"""Attention forward and backward on a CPU: torch's fused kernel against mmzoo's plain matrix products.

python benchmarks/attention_training.py

Prints the ratio of times, each the best of several runs, and compares with the matrix products alone as a lower bound.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from mmzoo.nn.attention import attend

BATCH, HEADS, WIDTH, RUNS = 64, 4, 64, 7


def best(call: Callable[[], Tensor], inputs: list[Tensor]) -> float:
    """Seconds of the fastest run, forward and backward."""
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        torch.autograd.grad(call().float().sum(), inputs)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main() -> None:
    """Print one line for each number of queries and keys."""
    torch.set_num_threads(2)
    for queries, keys in ((64, 64), (64, 16), (256, 256)):
        shapes = ((BATCH, count, HEADS, WIDTH) for count in (queries, keys, keys))  # as projections return them
        q, k, v = inputs = [torch.randn(*shape, dtype=torch.bfloat16, requires_grad=True) for shape in shapes]
        mask = torch.ones(BATCH, 1, 1, keys, dtype=torch.bool)

        def fused(q: Tensor = q, k: Tensor = k, v: Tensor = v, mask: Tensor = mask) -> Tensor:
            attended = F.scaled_dot_product_attention(*(x.transpose(1, 2) for x in (q, k, v)), attn_mask=mask)
            return attended.transpose(1, 2).flatten(2)

        def plain(q: Tensor = q, k: Tensor = k, v: Tensor = v, mask: Tensor = mask) -> Tensor:
            return attend(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), mask)

        def products(q: Tensor = q, k: Tensor = k, v: Tensor = v) -> Tensor:
            attended = (q.transpose(1, 2) @ k.permute(0, 2, 3, 1)) @ v.transpose(1, 2)
            return attended.transpose(1, 2).flatten(2)

        theirs, ours, floor = (best(call, inputs) for call in (fused, plain, products))
        line = f"fused {theirs / ours:.1f} times as long as plain, plain {ours / floor:.1f} times as its products"
        print(f"{queries} queries, {keys} keys: {line}")


if __name__ == "__main__":
    main()
