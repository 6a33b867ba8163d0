"""What this machine computes with, and how fast: instruction sets, GFLOP/s in each precision, threads and GPU.

Run as a module, it prints this as JSON: `mmzoo doctor` reads it from a process of its own, because it imports torch.
"""

from __future__ import annotations

import functools
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mmzoo.system import cpu_features, cpu_name

if TYPE_CHECKING:
    import torch

PRECISIONS = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
"""torch's dtype of each precision that a recipe can name, and of those that are only measured."""
WORTH = 1.2
"""How many times faster than float32 bfloat16 must be before `auto` takes it: autocast has costs of its own."""
WIDTH, HIDDEN = 256, 1024
FEW_ROWS, ROWS, GPU_ROWS = 16, 512, 16384
"""Rows of the layer: few in a precision that is slow, and many on a GPU, which is only then fully used."""
FEWEST, MOST = 2, 10
"""How often a product is repeated; the fastest counts."""
PASSES = 3
"""How often all of it is repeated; the fastest pass counts, because another process may disturb one."""
BUDGET_S = 0.02
"""Time after which no product is repeated, and the longest that one may be expected to take."""

INSTRUCTIONS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_bf16": "AVX-512 BF16",
    "avx512_fp16": "AVX-512 FP16",
    "amx_tile": "AMX",
    "asimd": "NEON",
    "sve": "SVE",
    "bf16": "NEON BF16",
}
"""Instruction sets that decide the speed of matrix products, by the flag in /proc/cpuinfo, the widest last."""


def instruction_sets() -> list[str]:
    """The instruction sets of the processor that matter here; empty where the system does not list them."""
    features = cpu_features()
    return [name for flag, name in INSTRUCTIONS.items() if flag in features]


def used_instructions() -> str:
    """The instruction sets that torch uses, such as `AVX-512, AMX`: it may be limited to fewer than there are."""
    import torch

    capability = torch.backends.cpu.get_cpu_capability()
    available = instruction_sets()
    if capability == "AVX512":
        return ", ".join(name for name in available if name not in ("AVX2", "AVX-512 FP16")) or "AVX-512"
    if capability == "AVX2":
        return "AVX2"
    return ", ".join(name for name in available if not name.startswith(("AVX", "AMX"))) or capability.lower()


# --- speed -------------------------------------------------------------------------------------------


@functools.cache
def gflops(precision: str, device: str = "cpu") -> float:
    """Measured GFLOP/s of a linear layer's forward and backward products: of one core, or of a GPU.

    A core is measured by one thread's own processor time, so that other processes hardly matter. A precision that is a
    hundred times slower than another is judged by products with few rows, so that measuring takes milliseconds. It is
    done once per process.

    Args:
        precision: A key of `PRECISIONS`.
        device: The type of device.
    """
    import torch

    dtype: torch.dtype = getattr(torch, PRECISIONS[precision])
    with torch.inference_mode(), _one_thread():
        return max(_operations_per_second(dtype, device) for _ in range(PASSES)) / 1e9


def _operations_per_second(dtype: torch.dtype, device: str) -> float:
    clock = _thread_clock if device == "cpu" else time.perf_counter
    rate = 0.0
    for rows in (FEW_ROWS, ROWS) if device == "cpu" else (ROWS, GPU_ROWS):
        operations, run = 6 * rows * WIDTH * HIDDEN, _layer(rows, dtype, device)
        if rate and operations / rate > BUDGET_S:
            break
        run()  # prepares libraries, kernels and memory, whose time does not count
        times: list[float] = []
        while len(times) < FEWEST or (len(times) < MOST and sum(times) < BUDGET_S):
            start = clock()
            run()
            times.append(max(clock() - start, 1e-9))
        rate = operations / min(times)
    return rate


_thread_clock = time.thread_time if time.get_clock_info("thread_time").resolution < 1e-4 else time.perf_counter


@contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _layer(rows: int, dtype: torch.dtype, device: str) -> Callable[[], None]:
    """The three products of a linear layer with this many rows: its output, and both gradients."""
    import torch

    x, weight, gradient = (
        torch.ones(shape, dtype=dtype, device=device) for shape in ((rows, WIDTH), (HIDDEN, WIDTH), (rows, HIDDEN))
    )

    def run() -> None:
        _ = x @ weight.t(), gradient @ weight, gradient.t() @ x
        if device != "cpu":
            torch.accelerator.synchronize()

    return run


def gain(precision: str) -> float:
    """How many times faster the processor multiplies in this precision than in float32, as measured."""
    return gflops(precision) / gflops("fp32")


def fast_precision(device: str) -> str:
    """What `precision: auto` means on a type of device: `bf16` where that is fast, else `fp32`."""
    if device == "cuda":
        return "bf16" if _native_bf16() else "fp32"
    if device == "cpu":
        return "bf16" if gain("bf16") >= WORTH else "fp32"
    return "fp32"


def _native_bf16() -> bool:
    import torch

    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


SLOWER = 0.9
"""A precision below this many times the speed of float32 is slower by more than the measurement's noise."""


def slow_precision(precision: str, device: str) -> str | None:
    """Why a precision is slow on this type of device, as a sentence with the measured ratio; None if it is not."""
    if device == "cpu" and precision != "fp32" and (faster := gain(precision)) < SLOWER:
        return (
            f"precision={precision} is slow on this processor: matrix products run at {faster:.2g} times the"
            " speed of fp32; precision=fp32 is faster."
        )
    if device == "cuda" and precision == "bf16" and not _native_bf16():
        return "precision=bf16 is slow on this GPU, which only emulates it; precision=fp32 is faster."
    return None


# --- descriptions ------------------------------------------------------------------------------------


def hardware() -> dict[str, Any]:
    """The processor with the instruction sets in use, its cores, torch's threads, and the GPU, for records."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "cpu": cpu_name(),
        "instructions": used_instructions(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": gpu,
    }


def measured() -> dict[str, Any]:
    """`hardware`, all instruction sets, GFLOP/s of a core and of the GPU, and what `precision: auto` means."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    speeds = {name: round(gflops(name), 1) for name in PRECISIONS}
    found = hardware() | {"instruction_sets": instruction_sets(), "gflops": speeds}
    if device == "cuda":
        found["gpu_gflops"] = {name: round(gflops(name, device), 1) for name in PRECISIONS}
    return found | {"precision": fast_precision(device)}


if __name__ == "__main__":
    print(json.dumps(measured()))
