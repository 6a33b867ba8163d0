"""Speed of synthesis and of the speech codec beside another process, as a ratio to the speed on an idle machine.

    python benchmarks/under_load.py                 prints a table; needs two cores that nothing else uses
    python benchmarks/under_load.py --write         also writes it to benchmarks/under_load.md
    python benchmarks/under_load.py --rounds 1      fewer repetitions

Every system has a process of its own, bound to the same two cores as the one competing process; only one system works
at a time. The competing processes are stopped (SIGSTOP) except for the one whose turn it is.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager, nullcontext
from importlib import metadata
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_suffix(".md")
CORES = 2
BAR = 0.4
"""The ratio to be reached with one competing process on two cores."""
SETTLE_S = 0.5
"""Time that a competing process runs before the first measurement beside it."""
IDLE = "idle"

TEXTS = (
    "Would you like some more coffee before we leave?",
    "A light wind carried the smell of fresh bread across the square.",
    "Every student received a book, a pencil and a letter from the mayor.",
)

LOADS = {
    "busy loop": "while True: pass",
    "numerical program": """
import torch
torch.set_num_threads(2)
a = torch.randn(512, 512)
while True:
    a = a @ a / 512
""",
    "training": """
import tempfile
import mmzoo
from mmzoo.testing.rows import sample_rows
from mmzoo.training import Trainer, load_recipe
recipe = {"name": "load", "model": {"name": "vqvae-image"}, "data": {"name": "rows"}, "steps": 10**7, "batch_size": 16,
          "device": "cpu", "precision": "fp32", "num_threads": 2, "log_every": 10**6, "checkpoint_every": 10**6}
with tempfile.TemporaryDirectory(dir=".") as out:
    head = mmzoo.create("vqvae-image", pretrained=False)
    Trainer(load_recipe(recipe), head, sample_rows(16), out=out, cache=__import__("pathlib").Path(out)).run()
""",
}
"""Programs that compete for the two cores; the multithreaded ones use two threads."""


# --- in the process of a system ----------------------------------------------------------------------


def synthesis(engine: str) -> Callable[[str], float]:
    """Speaks a text and returns the seconds of sound."""
    import mmzoo

    model = mmzoo.create("vqvae-dit-tts", **({"engine": engine, "threads": CORES} if engine == "onnx" else {}))
    return lambda text: float(model(text).duration)


def codec(engine: str) -> Callable[[str], float]:
    """Copies a sound through the codes of `vqvae-speech`; the text decides its length."""
    import numpy as np

    import mmzoo

    model = mmzoo.create("vqvae-speech", **({"engine": engine, "threads": CORES} if engine == "onnx" else {}))

    def copy(text: str) -> float:
        seconds = np.arange(24_000 * len(text) // 16) / 24_000
        sound = mmzoo.Audio((0.2 * np.sin(2 * np.pi * 150 * seconds * (1 + 0.1 * seconds))).astype(np.float32), 24_000)
        return float(model(sound).duration)

    return copy


SYSTEMS: dict[str, tuple[Callable[[str], Callable[[str], float]], str, bool]] = {
    "synthesis, torch": (synthesis, "torch", True),
    "synthesis, torch, always two threads": (synthesis, "torch", False),
    "synthesis, onnx, two threads": (synthesis, "onnx", True),
    "codec, torch": (codec, "torch", True),
    "codec, torch, always two threads": (codec, "torch", False),
    "codec, onnx, two threads": (codec, "onnx", True),
}
"""How each system is made, its engine, and whether it chooses its threads by the load."""


def work(name: str) -> None:
    """Load a system, then answer each text on standard input with times real time, as a line of JSON."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is not an answer
    make, engine, paced = SYSTEMS[name]
    try:
        if engine == "torch":
            import torch

            torch.set_num_threads(CORES)
        speak = make(engine)
        speak(TEXTS[0])
    except Exception as error:
        answers.write(json.dumps({"error": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}) + "\n")
        return
    answers.write("{}\n")
    from mmzoo.interfaces.threads import unpaced

    with nullcontext() if paced else unpaced():
        for line in sys.stdin:
            text = json.loads(line)
            start = time.perf_counter()
            seconds = speak(text)
            answers.write(json.dumps({"speed": seconds / (time.perf_counter() - start)}) + "\n")


# --- in the process that measures --------------------------------------------------------------------


def started(command: list[str], folder: str) -> subprocess.Popen[str]:
    """A process of Python, bound to the two cores."""
    environment = os.environ | {"OMP_NUM_THREADS": str(CORES)}
    return subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=folder,
        env=environment,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> None:
    """Kill a process and wait until it is gone, because it works in a folder that will be removed."""
    process.kill()
    process.wait()


def bind() -> None:
    """Bind this process, and those that it will start, to two cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])


def answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The next line of a system."""
    assert process.stdout is not None
    line = process.stdout.readline()
    return json.loads(line) if line else {"error": f"its process ended ({process.wait()})"}


def speed(process: subprocess.Popen[str], text: str) -> float:
    """Times real time of one text."""
    assert process.stdin is not None
    process.stdin.write(json.dumps(text) + "\n")
    process.stdin.flush()
    return float(answer(process)["speed"])


@contextmanager
def beside(load: subprocess.Popen[str] | None) -> Any:
    """Let a competing process run during the block."""
    if load is None:
        time.sleep(SETTLE_S)
        yield
        return
    if load.poll() is not None:
        raise RuntimeError(f"The competing process has ended ({load.returncode}).")
    load.send_signal(signal.SIGCONT)
    time.sleep(SETTLE_S)
    try:
        yield
    finally:
        load.send_signal(signal.SIGSTOP)


Speeds = dict[str, dict[str, list[float]]]


def measure(names: list[str], rounds: int, warm_up_s: float) -> tuple[Speeds, dict[str, str]]:
    """Times real time by system and load, and why a system could not be measured."""
    bind()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that no competing process is left
    speeds: Speeds = {}
    errors: dict[str, str] = {}
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        loads: dict[str, subprocess.Popen[str] | None] = {IDLE: None}
        for title, program in LOADS.items():
            loads[title] = process = started(["-c", program], folder)
            stack.callback(ended, process)
            time.sleep(warm_up_s)  # until it computes
            process.send_signal(signal.SIGSTOP)
        systems: dict[str, subprocess.Popen[str]] = {}
        for name in names:
            process = started([str(Path(__file__).resolve()), "--worker", name], folder)
            stack.callback(ended, process)
            if error := answer(process).get("error"):
                errors[name] = error
            else:
                systems[name] = process
        for _ in range(rounds):
            for title, load in loads.items():
                for name, system in systems.items():
                    with beside(load):
                        those = speeds.setdefault(name, {}).setdefault(title, [])
                        those += [speed(system, text) for text in TEXTS]
    return speeds, errors


def table(speeds: Speeds, errors: dict[str, str]) -> str:
    """A row for each system: times real time on the idle machine, and the ratio of each load to it."""
    lines = [f"| system | times real time, idle | {' | '.join(f'beside a {load}' for load in LOADS)} |"]
    lines.append("|---|" + "---:|" * (1 + len(LOADS)))
    for name, by_load in speeds.items():
        medians = {load: statistics.median(those) for load, those in by_load.items()}
        ratios = [medians[load] / medians[IDLE] for load in LOADS]
        cells = [f"{ratio:.2f}" if ratio >= BAR else f"**{ratio:.2f}**" for ratio in ratios]
        lines.append(f"| {name} | {medians[IDLE]:.1f} | {' | '.join(cells)} |")
    lines += [f"| {name} | not measured: {error} |" + " |" * len(LOADS) for name, error in errors.items()]
    return "\n".join(lines) + "\n"


def page(text: str, options: argparse.Namespace) -> str:
    """The page, with what it was measured on."""
    from mmzoo.hardware import instruction_sets
    from mmzoo.system import cpu_name

    packages = ", ".join(f"{name} {metadata.version(name)}" for name in ("mmzoo", "torch", "onnxruntime"))
    return f"""# Speed beside another process

Written by `python benchmarks/under_load.py --write` on {time.strftime("%Y-%m-%d")}.

{text}
Medians of {len(TEXTS) * options.rounds} sentences or sounds on two cores, which every system shares with one competing
process: a loop in Python, matrix products of torch with two threads, or a training with two threads. The ratios are to
the system's own speed on the idle machine; those below {BAR} are bold. "Always two threads" leaves the threads as
`torch.set_num_threads` sets them, as before mmzoo chose them by the load.

{cpu_name()} ({", ".join(instruction_sets())}). Python {platform.python_version()}, {packages}.
"""


def main() -> None:
    """Measure and print; with --write, also write the page."""
    if sys.argv[1:2] == ["--worker"]:
        work(sys.argv[2])
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="repetitions of all systems beside all loads")
    parser.add_argument("--system", action="append", choices=tuple(SYSTEMS), help="measure these only")
    parser.add_argument("--warm-up", type=float, default=20.0, help="seconds until a training has begun")
    parser.add_argument("--write", action="store_true", help=f"also write {PAGE.name}")
    options = parser.parse_args()
    text = table(*measure(options.system or list(SYSTEMS), options.rounds, options.warm_up))
    print(text, end="")
    if options.write:
        PAGE.write_text(page(text, options), encoding="utf-8")


if __name__ == "__main__":
    main()
