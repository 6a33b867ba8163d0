"""Compares a model on two engines: what it makes, how fast, and what a process needs for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmzoo.engines.sessions import THREADS
from mmzoo.errors import ExportError
from mmzoo.interfaces.values import Audio

SPECIMENS = 5
WINDOW, HOP = 1024, 256
FLOOR = 1e-6
"""Power relative to the loudest bin below which spectra count as equal."""

_FRESH = """
import json, resource, sys, time
start = time.perf_counter()
import mmzoo
create = mmzoo.create
imported = time.perf_counter()
model = create(sys.argv[1])
created = time.perf_counter()
model.specimen(0)
first = time.perf_counter()
busy = time.process_time()
made = [model.specimen(number) for number in range(int(sys.argv[2]))]
busy = time.process_time() - busy
try:  # ru_maxrss of Linux includes the process that started this one
    status = open("/proc/self/status").read()
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
except OSError:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
media = sum(getattr(one, "duration", 0.0) for one in made)
print(json.dumps([imported - start, created - imported, first - created, busy / len(made), media / busy, peak]))
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a model costs a fresh process.

    Args:
        import_s: Seconds for importing mmzoo and what `create` needs at once.
        create_s: Seconds for `create`.
        first_s: Seconds for the first result.
        each_s: Processor seconds for one of the following results; other processes do not count.
        times_real_time: Seconds of sound made in one processor second; 0 for other results.
        peak_mb: Largest memory of the process in MB.
    """

    import_s: float
    create_s: float
    first_s: float
    each_s: float
    times_real_time: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two engines, `torch` and `onnx`.

    Args:
        costs: What each costs.
        scores: What judges say of each, by name, averaged.
        apart: See `differences`.
    """

    costs: Mapping[str, Cost]
    scores: Mapping[str, Mapping[str, float]]
    apart: tuple[float, float] | None

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Columns and rows, one for each engine."""
        columns = ["engine", "times real time", "ms each", "import s", "create s", "first s", "peak MB"]
        rows = [
            [engine, f"{cost.times_real_time:.1f}", f"{1000 * cost.each_s:.0f}", f"{cost.import_s:.2f}"]
            + [f"{cost.create_s:.2f}", f"{cost.first_s:.2f}", f"{cost.peak_mb:.0f}"]
            + [f"{score:.3f}" for score in self.scores[engine].values()]
            for engine, cost in self.costs.items()
        ]
        return [*columns, *next(iter(self.scores.values()))], rows

    def summary(self) -> str:
        """A sentence on the differences; empty for results that are not sound."""
        if self.apart is None:
            return ""
        return f"samples differ by at most {self.apart[0]:.1e}, spectra by {self.apart[1]:.3f} dB on average"


def cost_of(model: str | Path, *, threads: int = 1) -> Cost:
    """Measure a model, by its name or folder, in a fresh process. Raises ExportError if that fails."""
    command = [sys.executable, "-c", _FRESH, str(model), str(SPECIMENS)]
    environment = {**os.environ, THREADS: str(threads)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ExportError(f"{model} cannot be measured in a fresh process: {reason}")
    return Cost(*json.loads(done.stdout))


def specimens(model: Any) -> list[Any]:
    """What a model makes of its fixed inputs."""
    return [model.specimen(number) for number in range(SPECIMENS)]


def differences(first: Sequence[Any], second: Sequence[Any]) -> tuple[float, float] | None:
    """The largest difference of samples, and the mean difference of spectra in dB; None for other results than sound.

    Of two sounds of different lengths, the rest of the longer one is left out.
    """
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if isinstance(a, Audio) and isinstance(b, Audio)]
    if not pairs:
        return None
    largest = max(float(np.abs(a.samples[: len(b.samples)] - b.samples[: len(a.samples)]).max()) for a, b in pairs)
    return largest, float(np.mean([spectral_distance(a, b) for a, b in pairs]))


def comparison(model: str, head: Any, folder: Path, runner: Any, judges: Mapping[str, Any]) -> Comparison:
    """Compare both engines.

    Args:
        model: The name or folder of the model.
        head: The model on torch.
        folder: The folder that it was exported to.
        runner: The model loaded from there.
        judges: By name, judges with a method `rate`, for models that make sound.

    Raises:
        ExportError: A process that is to be measured fails.
    """
    made = {"torch": specimens(head), "onnx": specimens(runner)}
    costs = {"torch": cost_of(model), "onnx": cost_of(folder)}
    scores: dict[str, dict[str, float]] = {engine: {} for engine in made}
    for name, judge in judges.items():
        for engine, sounds in made.items():
            rated = judge.rate(sounds)
            scores[engine] |= {f"{name} {key}": sum(one[key] for one in rated) / len(rated) for key in rated[0]}
    return Comparison(costs, scores, differences(made["torch"], made["onnx"]))


def spectral_distance(first: Audio, second: Audio) -> float:
    """The mean absolute difference of two sounds' log power spectra in dB, down to FLOOR."""
    length = min(len(first.samples), len(second.samples))
    powers = [_power(sound.samples[:length]) for sound in (first, second)]
    floor = FLOOR * max(float(powers[0].max()), 1e-12)
    logs = [10 * np.log10(power + floor) for power in powers]
    return float(np.abs(logs[0] - logs[1]).mean())


def _power(samples: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    padded = np.pad(samples, (0, WINDOW))
    pieces = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    return np.asarray(np.abs(np.fft.rfft(pieces * np.hanning(WINDOW))) ** 2)
