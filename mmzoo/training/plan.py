"""What a training needs: parameters, operations, memory and time, measured in a few steps that leave nothing behind."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmzoo.hardware import hardware
from mmzoo.system import resident
from mmzoo.training.api import trainer_for
from mmzoo.training.engine import Trainer
from mmzoo.training.feed import Batch, Feed, Part
from mmzoo.training.memory import Activations, Held, device_memory, held, knobs, ran_out
from mmzoo.training.recipe import AUTO, TrainingRecipe, load_recipe
from mmzoo.training.seeds import generator_for

FEW, MORE = 2, 4
"""Items of the batches from whose memory and operations those of a complete batch follow."""
WARM_UP = 2
FEWEST_STEPS, MOST_STEPS, SECONDS = 3, 12, 20.0
"""Steps that are timed, and the time after which there are no more than necessary."""
COUNTS = (1, 2, 4, 8)
"""Numbers of processes whose memory is listed."""


def plan(
    recipe: str | Path | Mapping[str, Any], overrides: Sequence[str] = (), *, nproc: int = 1, timed: bool = True
) -> dict[str, Any]:
    """Parameters, operations and memory of a training, and the time that it will take on this machine.

    One process makes a few steps with the batches of one of `nproc` processes. Only cached examples are kept.

    Args:
        recipe: A YAML file or a mapping.
        overrides: Changes to the recipe, as `a.b=c` strings.
        nproc: The number of processes of the training.
        timed: Measure the time too.

    Returns:
        A JSON object. Sizes are in bytes and of one process, times in seconds.
    """
    settings = load_recipe(recipe, overrides)
    raw = settings.model_dump() | {"compile": False}
    if settings.adversary is not None:
        raw["adversary"]["start_step"] = 0  # most steps have it
    if settings.num_threads == AUTO and nproc > 1:
        raw["num_threads"] = max(1, torch.get_num_threads() // nproc)
    with tempfile.TemporaryDirectory(prefix="mmzoo-plan-") as folder:
        trainer = trainer_for(load_recipe(raw), Path(folder))
        with trainer.rehearsing(world=nproc) as feed:
            return _measured(trainer, feed, settings, nproc, timed)


def _measured(trainer: Trainer, feed: Feed, settings: TrainingRecipe, nproc: int, timed: bool) -> dict[str, Any]:
    stepper, device = trainer.stepper, trainer.accelerator.device
    tensors = held(stepper)
    # Torch, the data and whatever else the process has loaded.
    program = max(0, resident() - tensors.weights - tensors.averages) if device.type == "cpu" else 0
    free, total = device_memory(device)
    free += resident() if device.type == "cpu" else torch.cuda.memory_reserved(device)  # free before it was set up
    longest = max(range(len(trainer.order.batches(0))), key=lambda place: _longest(trainer, place))
    sample = max(trainer.order.batches(0)[longest], key=trainer.order.lengths.__getitem__)
    costs: list[tuple[float, float]] = []
    times: list[tuple[float, float]] = []
    enough = True
    try:
        costs = [_cost(trainer, sample, items) for items in (FEW, MORE)]
        times = _timed(trainer, feed) if timed else []
    except (RuntimeError, MemoryError) as error:
        if not ran_out(error):
            raise
        enough = False
    batches = trainer.order.batches(0)
    average = statistics.mean(sum(trainer.order.lengths[i] for i in batch) for batch in batches)
    equivalent = average / trainer.order.lengths[sample]  # items as long as the longest
    activations = {
        count: _extrapolated(costs, 1, -(-len(batches[longest]) // (count * settings.accumulate)))
        for count in {*COUNTS, nproc}
    }
    memory = {count: _memory(tensors, settings, count, activations[count], program) for count in sorted(activations)}
    needed = memory[nproc]["total"] * (nproc if device.type == "cpu" else 1)
    steps, step_flops = settings.steps, _extrapolated(costs, 0, equivalent)
    return {
        "name": settings.name,
        "device": device.type,
        "hardware": hardware(),
        "precision": trainer.compute.precision,
        "threads": trainer.compute.threads,
        "processes": nproc,
        "parameters": _parameters(trainer),
        "steps": steps,
        "batch": {
            "items": round(statistics.mean(map(len, batches)), 1),
            "items_of_process": round(statistics.mean(map(len, batches)) / nproc, 1),
            "accumulate": settings.accumulate,
            "examples": len(trainer.order.lengths),
            "epochs": round(steps / len(batches), 2),
        },
        "flops": {
            "step": step_flops,
            "all": None if step_flops is None else steps * step_flops,
        },
        "memory": memory[nproc] | {"free": free, "of": total, "fits": enough and needed <= free},
        "memory_by_processes": {str(count): memory[count]["total"] for count in memory},
        "time": _time(times, settings),
        "knobs": knobs(settings, precision=trainer.compute.precision, world=nproc, blocks=bool(stepper.blocks))[:3],
    }


def _extrapolated(costs: Sequence[tuple[float, float]], number: int, items: float) -> float | None:
    """A cost of a batch, linear in the number of items; None if it could not be measured."""
    if not costs:
        return None
    slope = (costs[1][number] - costs[0][number]) / (MORE - FEW)
    return max(0.0, costs[0][number] + slope * (items - FEW))


def _longest(trainer: Trainer, place: int) -> int:
    return max(trainer.order.lengths[index] for index in trainer.order.batches(0)[place])


def _cost(trainer: Trainer, index: int, items: int) -> tuple[float, float]:
    """FLOPs of one update with this many copies of an example, and bytes of its activations."""
    seed, examples = trainer.recipe.seed, trainer.examples
    drawn = [examples.example(index, generator_for(seed, "plan", number)) for number in range(items)]
    batch = Batch((0, 0), (Part(examples.collate(drawn), 1.0),))
    stepper = trainer.stepper
    parameters = [*stepper.parameters.values(), *stepper.adversary_parameters.values()]
    with Activations(parameters) as live, FlopCounterMode(display=False) as counter:
        trainer.update(batch)
    return float(counter.get_total_flops()), float(live.peak)


def _timed(trainer: Trainer, feed: Feed) -> list[tuple[float, float]]:
    """(seconds waited for the batch, seconds of the step) of a few steps."""
    times: list[tuple[float, float]] = []
    begin = time.perf_counter()
    while len(times) < WARM_UP + MOST_STEPS:
        if len(times) >= WARM_UP + FEWEST_STEPS and time.perf_counter() - begin > SECONDS:
            break
        start = time.perf_counter()
        batch = next(feed)
        got = time.perf_counter()
        trainer.update(batch)
        if trainer.accelerator.device.type != "cpu":
            torch.accelerator.synchronize()
        times.append((got - start, time.perf_counter() - start))
    return times[WARM_UP:]


def _time(times: Sequence[tuple[float, float]], settings: TrainingRecipe) -> dict[str, float] | None:
    """Seconds of a step and of all: the median, and the range that the quartiles of the steps give."""
    if not times:
        return None
    low, middle, high = statistics.quantiles([step for _, step in times], n=4, method="inclusive")
    most = 60 * settings.max_minutes if settings.max_minutes else float("inf")
    whole, least, longest = (min(most, settings.steps * seconds) for seconds in (middle, low, high))
    return {
        "step": middle,
        "step_low": low,
        "step_high": high,
        "waiting": sum(wait for wait, _ in times) / sum(step for _, step in times),
        "measured_steps": len(times),
        "all": whole,
        "all_low": least,
        "all_high": longest,
    }


def _memory(
    tensors: Held, settings: TrainingRecipe, nproc: int, activations: float | None, program: int
) -> dict[str, Any]:
    """Bytes of one process by purpose."""
    parts = asdict(tensors)
    if nproc > 1 and settings.shard:
        whole = parts["weights"]  # a complete copy for validation and export
        parts = {name: size // nproc for name, size in parts.items()}
        parts["weights"] += whole
    parts["exchange"] = parts["gradients"] if nproc > 1 else 0
    # AdamW needs some space too, when the activations are gone.
    parts["activations"] = None if activations is None else round(max(activations, parts["gradients"]))
    parts["program"] = program
    return parts | {"total": sum(size or 0 for size in parts.values())}


def _parameters(trainer: Trainer) -> dict[str, Any]:
    """Numbers of parameters: all, trained, and by slot."""
    head, stepper = trainer.stepper.head, trainer.stepper
    slots = {name: getattr(head, name, None) for name in getattr(head, "slots", {})}
    parts: dict[str, list[nn.Parameter]] = {
        name: list(module.parameters()) for name, module in slots.items() if isinstance(module, nn.Module)
    }
    inside = {id(parameter) for parameters in parts.values() for parameter in parameters}
    if rest := [parameter for parameter in head.parameters() if id(parameter) not in inside]:
        parts["head"] = rest
    own = _counted(list(head.parameters()))
    if stepper.adversary is not None:
        parts["critics"] = list(stepper.adversary.parameters())
    return own | {"by_slot": {name: _counted(parameters) for name, parameters in parts.items()}}


def _counted(parameters: Sequence[nn.Parameter]) -> dict[str, int]:
    return {
        "total": sum(parameter.numel() for parameter in parameters),
        "trained": sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
    }
