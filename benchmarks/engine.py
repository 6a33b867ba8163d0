"""What the training engine costs: a step over that of a hand-written loop, waiting for data, saving and resuming.

    python benchmarks/engine.py                  prints tables; needs two cores that nothing else uses
    python benchmarks/engine.py --write          also writes them to benchmarks/engine.md
    python benchmarks/engine.py --rounds 2 --steps 2 --recipes vqvae-dit-digits --device cpu   quickly

The hand-written loop has the same model, examples, batch sizes, optimizer, precision and averaging. Engine and loop
take turns of a few steps in one process, and the ratio of each pair of turns counts. Recipes train on few rows of their
own data, which are built first; those whose data cannot be built here, or all with --rows, train on generated rows.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from mmzoo.errors import MmzooError
from mmzoo.hardware import used_instructions
from mmzoo.system import cpu_name

ROOT = Path(__file__).parent.parent
PAGE = Path(__file__).with_suffix(".md")
RECIPES = {path.stem: path for path in sorted(ROOT.glob("plugins/*/mmzoo_*/recipes/*.yaml"))}
COMPARED = {"vqvae-dit-digits": (), "vqvae-dit-tts": ("batch_frames=512",)}
"""Recipes whose step is compared with a hand-written loop: pictures, and speech in small batches."""
BAR, AIM, WAITING_BAR = 1.05, 1.03, 0.02
RANKED = "vqvae-dit-digits"
"""The recipe that two processes train."""
FEW_ROWS = 64
FEW: dict[str, tuple[str, ...]] = {
    "natural-speech": ('data.config={voices: {"hibari:heart": 250, "flite:slt": 50}, validation: 2, test: 2}',),
    "spoken-scenes": ("data.config.train=500",),
    "small-pictures": ("data.config.scenes=500",),
    "grammar-texts": ("data.config.sentences=5000",),
    "english-lexicon": ("data.config.words=5000",),
    "russian-lexicon": ("data.config.words=2000",),
}
"""What makes corpora small: a step costs the same, and building them takes less time than the measurement."""
DRAWS = 10_000


def machine() -> str:
    """The machine, instruction set and versions, for the page."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    processor = f"{cpu_name()}, {used_instructions()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads"
    return f"{processor}, {gpu}; Python {platform.python_version()}, torch {torch.__version__}"


def trainer_of(name: str, overrides: Sequence[str], folder: Path, rows: int | None = None) -> Any:
    """The trainer of a shipped recipe in a temporary folder; with `rows`, on that many generated rows."""
    from mmzoo.testing.rows import sample_rows
    from mmzoo.training.api import fresh_model, trainer_for
    from mmzoo.training.engine import Trainer
    from mmzoo.training.recipe import load_recipe

    recipe = load_recipe(RECIPES[name], overrides)
    if recipe.model.init_from is not None:  # the result of another recipe; the published model is as good
        overrides = (*overrides, f"model.init_from={recipe.model.name}")
        recipe = load_recipe(RECIPES[name], overrides)
    if rows is None:
        return trainer_for(load_recipe(RECIPES[name], (*FEW.get(recipe.data.name, ()), *overrides)), folder)
    torch.manual_seed(0)
    return Trainer(recipe, fresh_model(recipe.model), sample_rows(rows), out=folder, cache=folder / "cache")


class HandLoop:
    """What one would write without an engine, for the model of a trainer that has been set up.

    Args:
        trainer: The trainer, of which only the examples, their order and the settings are used.
        head: A model of its own.
    """

    def __init__(self, trainer: Any, head: Any) -> None:
        from mmzoo.composition import submodels
        from mmzoo.interfaces import TrainingState

        recipe, device = trainer.recipe, trainer.accelerator.device
        self.trainer, self.head, self.device = trainer, head.to(device).train(), device
        for model in submodels(head).values():
            model.requires_grad_(False)
        self.parameters = [p for p in head.parameters() if p.requires_grad]
        o = recipe.optimizer
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=o.lr, betas=tuple(o.betas), eps=o.eps, weight_decay=o.weight_decay, fused=True
        )
        self.average = [p.detach().clone() for p in self.parameters]
        self.state, self.clip = TrainingState(), o.clip
        self.bf16 = trainer.compute.precision == "bf16"
        self.place, self.generator = (0, 0), torch.Generator().manual_seed(0)

    def step(self) -> None:
        """One update."""
        order, examples = self.trainer.order, self.trainer.examples
        indices = order.share(*self.place, 0, 1)
        self.place = order.next(*self.place)
        batch = examples.collate([examples.example(index, self.generator) for index in indices])
        batch = {name: tensor.to(self.device) for name, tensor in batch.items()}
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            losses = self.head.training_step(batch, self.generator, self.state)
        losses.total.backward()
        if self.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        torch._foreach_lerp_(self.average, [p.detach() for p in self.parameters], 0.002)
        self.loss = float(losses.total.detach())


def synchronize(device: torch.device) -> None:
    """Wait for the GPU, if there is one."""
    if device.type != "cpu":
        torch.accelerator.synchronize()


def compared(name: str, overrides: Sequence[str], rounds: int, steps: int, rows: int | None = None) -> dict[str, float]:
    """Milliseconds of a step of both, and the median ratio with its 95 % interval."""
    with tempfile.TemporaryDirectory(prefix="mmzoo-engine-") as folder:
        trainer = trainer_of(name, (*overrides, "steps=1000000", "log_every=50"), Path(folder), rows)
        other = trainer_of(name, overrides, Path(folder) / "hand", rows)
        with trainer.rehearsing() as feed:
            hand, device = HandLoop(trainer, other.head), trainer.accelerator.device
            averages = _averages()

            def engine_step() -> None:
                outcome = trainer.update(next(feed))
                averages.add(outcome.values)

            times: dict[str, list[float]] = {"engine": [], "hand": []}
            turns = {"engine": engine_step, "hand": hand.step}
            for round_ in range(rounds + 1):  # the first warms up
                pair = list(turns) if round_ % 2 else list(turns)[::-1]
                for which in pair:
                    hand.place = (trainer.progress.epoch, trainer.progress.position) if which == "hand" else hand.place
                    synchronize(device)
                    start = time.perf_counter()
                    for _ in range(steps):
                        turns[which]()
                    synchronize(device)
                    if round_:
                        times[which].append((time.perf_counter() - start) / steps)
    ratios = [engine / hand for engine, hand in zip(times["engine"], times["hand"], strict=True)]
    low, high = interval(ratios)
    return {
        "engine_ms": 1e3 * statistics.median(times["engine"]),
        "hand_ms": 1e3 * statistics.median(times["hand"]),
        "ratio": statistics.median(ratios),
        "low": low,
        "high": high,
    }


def _averages() -> Any:
    from mmzoo.training.log import Averages

    return Averages()


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Bootstrap 95 % interval of the median."""
    draw = random.Random(0)
    medians = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(DRAWS))
    return medians[round(0.025 * (DRAWS - 1))], medians[round(0.975 * (DRAWS - 1))]


def waiting(name: str, overrides: Sequence[str], steps: int, rows: int | None = None) -> dict[str, float]:
    """Steps per second, and the fraction of the time in which the engine waits for a batch."""
    with tempfile.TemporaryDirectory(prefix="mmzoo-engine-") as folder:
        trainer = trainer_of(name, overrides, Path(folder), rows)
        with trainer.rehearsing() as feed:
            waited = total = 0.0
            for number in range(steps + 3):
                start = time.perf_counter()
                batch = next(feed)
                got = time.perf_counter()
                trainer.update(batch)
                synchronize(trainer.accelerator.device)
                if number >= 3:
                    waited += got - start
                    total += time.perf_counter() - start
    return {"steps_per_second": steps / total, "waiting": waited / total}


def saving(name: str, overrides: Sequence[str], rounds: int, rows: int | None = None) -> dict[str, float]:
    """Seconds that training pauses for a checkpoint, and that verifying and loading it takes; megabytes."""
    from mmzoo.training.checkpoint import newest_checkpoint, write_checkpoint
    from mmzoo.training.saving import collect, restore

    with tempfile.TemporaryDirectory(prefix="mmzoo-engine-") as place:
        folder = Path(place)
        trainer = trainer_of(name, overrides, folder, rows)
        pauses, resumes = [], []
        with trainer.rehearsing() as feed:
            trainer.update(next(feed))
            for step in range(1, rounds + 1):
                start = time.perf_counter()
                tensors, state = collect(trainer.stepper, trainer.progress, {}, trainer.compute)
                path = write_checkpoint(folder / "checkpoints", step, tensors, state, keep=1)
                pauses.append(time.perf_counter() - start)
                start = time.perf_counter()
                newest_checkpoint(folder / "checkpoints", print)
                restore(path, trainer.stepper)
                resumes.append(time.perf_counter() - start)
            size = sum(file.stat().st_size for file in path.iterdir())
    return {"pause": statistics.median(pauses), "resume": statistics.median(resumes), "megabytes": size / 1e6}


def rates_of_ranks(name: str, steps: int) -> dict[str, float]:
    """Steps per second of complete trainings by one and two processes, each with one thread."""
    found = {}
    for ranks in (1, 2):
        with tempfile.TemporaryDirectory(prefix="mmzoo-engine-") as folder:
            settings = [f"steps={2 * steps}", f"log_every={steps}", "num_threads=1", "preview_every=null"]
            settings += ["validate_every=null", "device=cpu", "checkpoint_every=1000000"]
            command = [sys.executable, "-m", "mmzoo", "train", str(RECIPES[name]), *settings, "--out", folder]
            more = ["--nproc", "2"] if ranks == 2 else []
            done = subprocess.run([*command, *more], capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"{' '.join([*command, *more])} failed:\n{done.stderr}")
            lines = [json.loads(line) for line in (Path(folder) / "metrics.jsonl").read_text().splitlines()]
            found[str(ranks)] = [line["steps_per_second"] for line in lines if line["kind"] == "train"][-1]
    return {"one": found["1"], "two": found["2"], "gain": found["2"] / found["1"]}


def on_data(
    measure: Callable[..., dict[str, float]], rows: int | None, *arguments: Any
) -> tuple[str, dict[str, float] | None]:
    """What data were used, and the measurement; generated rows if the data of the recipe cannot be built here.

    The reason in place of the data, and None, if the recipe cannot be trained on those either.
    """
    own, generated = ("its own, few rows", None), ("generated rows", rows or FEW_ROWS)
    message = ""
    for title, count in (own, generated) if rows is None else (generated,):
        try:
            return title, measure(*arguments, count)
        except MmzooError as error:  # such as a corpus whose synthesizer is not installed, or sounds that are too short
            message = " ".join(str(error).split())
            print(f"{arguments[0]}: {message}", file=sys.stderr)
    return message[:120], None


def report(options: argparse.Namespace) -> tuple[str, bool]:
    """The tables as Markdown, and whether the bars are met."""
    more = (*(() if options.device == "auto" else (f"device={options.device}",)), *options.override)
    chosen = options.recipes or RECIPES
    lines: list[str] = []
    good = True

    def add(line: str) -> None:
        lines.append(line)
        print(line, file=sys.stderr, flush=True)  # the whole takes half an hour

    lines += ["| step of | data | engine, ms | by hand, ms | ratio (95 %) |", "|---|---|---:|---:|---:|"]
    for name, overrides in COMPARED.items():
        if name not in chosen:
            continue
        given = (*overrides, *more)
        data, got = on_data(compared, options.rows, name, given, options.rounds, options.steps)
        label = " ".join((name, *overrides))
        if got is None:
            add(f"| {label} | {data} | | | |")
            continue
        good &= got["ratio"] <= BAR
        ratio = f"{got['ratio']:.3f} ({got['low']:.3f} to {got['high']:.3f})"
        add(f"| {label} | {data} | {got['engine_ms']:.1f} | {got['hand_ms']:.1f} | {ratio} |")
    lines += ["", f"{options.rounds} pairs of {options.steps} steps; the bar is {BAR}, the aim {AIM}.", ""]
    lines += ["| recipe | data | steps per second | waiting for data |", "|---|---|---:|---:|"]
    for name in chosen:
        data, seen = on_data(waiting, options.rows, name, more, options.steps)
        if seen is None:
            add(f"| {name} | {data} | | |")
            continue
        good &= seen["waiting"] <= WAITING_BAR
        add(f"| {name} | {data} | {seen['steps_per_second']:.2f} | {100 * seen['waiting']:.2f} % |")
    lines += ["", f"The bar for waiting is {100 * WAITING_BAR:g} %.", ""]
    lines += ["| checkpoint of | MB | pause, s | verifying and loading, s |", "|---|---:|---:|---:|"]
    for name in options.recipes or COMPARED:
        data, saved = on_data(saving, options.rows, name, more, options.rounds)
        if saved is None:
            add(f"| {name}: {data} | | | |")
            continue
        add(f"| {name} | {saved['megabytes']:.1f} | {saved['pause']:.3f} | {saved['resume']:.3f} |")
    if options.rows is None and RANKED in chosen:
        ranks = rates_of_ranks(RANKED, options.steps)
        lines += [
            "",
            f"Two processes over one, one thread each, `{RANKED}`: {ranks['gain']:.2f} ({ranks['two']:.2f} over"
            f" {ranks['one']:.2f} steps per second).",
        ]
    return "\n".join(lines) + "\n", good


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; with --write, also write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20, help="pairs of turns (default 20)")
    parser.add_argument("--steps", type=int, default=10, help="steps of a turn (default 10)")
    parser.add_argument("--recipes", nargs="*", choices=sorted(RECIPES), help="only these recipes")
    parser.add_argument("--rows", type=int, help="train on this many generated rows")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu"])
    parser.add_argument("--override", nargs="*", default=[], help="changes to all recipes, such as precision=fp32")
    parser.add_argument("--write", action="store_true", help=f"also write {PAGE.name}")
    options = parser.parse_args(arguments)
    text, good = report(options)
    print(text, end="")
    if options.write:
        head = f"Written by `python benchmarks/engine.py --write` on {datetime.date.today().isoformat()}: {machine()}."
        PAGE.write_text(f"# The training engine\n\n{head}\n\n{text}", encoding="utf-8")
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
