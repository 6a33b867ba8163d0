"""mmzoo's quantizers against those of `vector-quantize-pytorch`, and against the matrix product of the search.

    python benchmarks/quantizers.py            prints a table
    python benchmarks/quantizers.py --write    also writes it to benchmarks/quantizers.md

The peer is optional (pip install vector-quantize-pytorch); without it only mmzoo's rows are measured. Both get the same
input and the same codebook sizes. `eval` is the forward pass in eval mode without gradients; `train` is forward and
backward in training mode with EMA updates, with k-means initialization off or done. The floor is the product of all
vectors with all codes, which every exact search needs; FSQ has none.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import mmzoo

PAGE = Path(__file__).with_suffix(".md")
SHAPES = ((8, 512, 64), (16, 1024, 256))
CODES, LEVELS, SCALARS = 1024, 8, [8, 5, 5, 5]
PEER = "vector-quantize-pytorch"


@dataclass(frozen=True)
class Case:
    """A quantizer, the peer's equivalent, and the number of codebooks that are searched (`floor`)."""

    name: str
    ours: Callable[[int], nn.Module]
    peer: Callable[[Any, int], nn.Module]
    floor: int


CASES = (
    Case(
        f"VQ, {CODES} codes",
        lambda dim: mmzoo.create("quantizer/vq", dim=dim, codebook_size=CODES),
        lambda peer, dim: peer.VectorQuantize(dim=dim, codebook_size=CODES, decay=0.99),
        1,
    ),
    Case(
        f"RVQ, {LEVELS} x {CODES} codes",
        lambda dim: mmzoo.create("quantizer/rvq", dim=dim, codebook_size=CODES, levels=LEVELS),
        lambda peer, dim: peer.ResidualVQ(dim=dim, num_quantizers=LEVELS, codebook_size=CODES, decay=0.99),
        LEVELS,
    ),
    Case(
        f"FSQ {SCALARS}",
        lambda dim: mmzoo.create("quantizer/fsq", levels=SCALARS, dim=dim),
        lambda peer, dim: peer.FSQ(levels=SCALARS, dim=dim),
        0,
    ),
)


def peer_module() -> Any:
    """The peer's module, or None if it is not installed."""
    try:
        import vector_quantize_pytorch
    except ImportError:
        return None
    return vector_quantize_pytorch


WARM_UP = LEVELS + 4
"""Calls that are not timed: a residual quantizer initializes one codebook in each of its first training steps."""


def milliseconds(run: Callable[[], object], repeats: int) -> float:
    """The median of `repeats` calls after the warm-up."""
    times = []
    for _ in range(repeats + WARM_UP):
        start = time.perf_counter()
        run()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times[WARM_UP:])


def evaluated(module: nn.Module, z: Tensor) -> Callable[[], object]:
    """A forward pass in eval mode."""
    module.eval()

    def run() -> object:
        with torch.inference_mode():
            return module(z)

    return run


def trained(module: nn.Module, z: Tensor) -> Callable[[], object]:
    """A forward and backward pass in training mode; both libraries return z_q first."""
    module.train()

    def run() -> object:
        x = z.clone().requires_grad_()
        out = module(x)
        z_q = out.z_q if hasattr(out, "z_q") else out[0]
        z_q.square().mean().backward()
        return x.grad

    return run


def searched(z: Tensor, codebooks: int) -> Callable[[], object]:
    """The floor: the product of all vectors with each codebook."""
    flat, codes = z.flatten(0, 1), torch.randn(z.shape[-1], CODES, device=z.device)

    def run() -> object:
        with torch.inference_mode():
            return [flat @ codes for _ in range(codebooks)]

    return run


def table(repeats: int, device: str = "cpu", shapes: Sequence[tuple[int, int, int]] = SHAPES) -> str:
    """The measurements as a Markdown table."""
    peer = peer_module()
    lines = [
        "| quantizer | [B, N, D] | mode | ours ms | peer ms | ours / peer | floor ms | ours / floor |",
        "|---|---|---|---:|---:|---:|---:|---:|",
    ]
    for case in CASES:
        for shape in shapes:
            z = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(device)
            floor = milliseconds(searched(z, case.floor), repeats) if case.floor else None
            for mode, prepare in (("eval", evaluated), ("train", trained)):
                torch.manual_seed(0)
                ours = milliseconds(prepare(case.ours(shape[-1]).to(device), z), repeats)
                theirs = milliseconds(prepare(case.peer(peer, shape[-1]).to(device), z), repeats) if peer else None
                cells = [
                    case.name,
                    str(list(shape)),
                    mode,
                    f"{ours:.2f}",
                    f"{theirs:.2f}" if theirs else "-",
                    f"{ours / theirs:.2f}" if theirs else "-",
                    f"{floor:.2f}" if floor else "-",
                    f"{ours / floor:.2f}" if floor else "-",
                ]
                lines.append(f"| {' | '.join(cells)} |")
    peer_version = f"{PEER} {metadata.version(PEER)}" if peer else f"{PEER} not installed (pip install {PEER})"
    lines += [
        "",
        f"Medians of {repeats} calls, {torch.get_num_threads()} threads, float32. Python {platform.python_version()},"
        f" torch {torch.__version__}, {peer_version}; {platform.machine()}.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and print; with --write, also write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15, help="timed calls per cell (default: 15)")
    parser.add_argument("--write", action="store_true", help=f"also write {PAGE.name}")
    options = parser.parse_args()
    text = table(options.repeats)
    print(text, end="")
    if options.write:
        command = "Written by `python benchmarks/quantizers.py --write`."
        PAGE.write_text(f"# Quantizers\n\n{command}\n\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()
