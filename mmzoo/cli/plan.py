"""`mmzoo plan`: what a training will need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from mmzoo.cli.output import note, print_json, print_table
from mmzoo.system import size_text


def plan(
    recipe: Annotated[str, typer.Argument(help="The recipe, a YAML file.", metavar="RECIPE.yaml")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Changes to the recipe: a.b=value, in YAML.", metavar="[KEY=VALUE]...")
    ] = None,
    nproc: Annotated[int, typer.Option("--nproc", help="Plan for this many processes on this machine.", min=1)] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with bytes and seconds.")] = False,
) -> None:
    """Say what a training needs before it starts: parameters, operations, memory and time.

    It makes a few steps with the recipe's own data, and keeps only cached examples. Memory is that of one process, for
    the longest batch. The time is that of the steps alone, without validation, previews and, with several processes,
    what they send to each other. With `compile: true`, it is that of the model before compilation.

    Examples:

        mmzoo plan recipes/vqvae-speech.yaml

        mmzoo plan recipes/vqvae-speech.yaml batch_size=64 --nproc 8
    """
    from mmzoo.training.launch import check_nproc
    from mmzoo.training.memory import alternatives
    from mmzoo.training.plan import plan as measure
    from mmzoo.training.recipe import load_recipe

    if nproc > 1:
        check_nproc(nproc, load_recipe(Path(recipe), overrides or ()))
    found = measure(recipe, overrides or (), nproc=nproc)
    if as_json:
        print_json(found)
        return
    print_table(("what", "how much"), list(_rows(found)))
    if not found["memory"]["fits"]:
        note(f"It does not fit into memory; try {alternatives(found['knobs'])}.")


def _rows(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    from mmzoo.training.log import duration

    memory, batch, parameters, taken = (found[key] for key in ("memory", "batch", "parameters", "time"))
    yield (
        "machine",
        f"{found['hardware']['gpu' if found['device'] == 'cuda' else 'cpu']}, precision {found['precision']}",
    )
    yield (
        "processes",
        f"{found['processes']}, each with {found['threads']} threads and {batch['items_of_process']:g} items",
    )
    yield "parameters", f"{_count(parameters['total'])}, {_count(parameters['trained'])} of them trained"
    for slot, one in parameters["by_slot"].items():
        yield f"  {slot}", f"{_count(one['total'])}, {_count(one['trained'])} trained"
    yield "steps", f"{found['steps']} with {batch['items']:g} items on average, {batch['epochs']:g} epochs"
    if found["flops"]["step"] is not None:
        yield "FLOPs of a step", f"{found['flops']['step']:.3g}; of all steps {found['flops']['all']:.3g}"
    yield "memory of a process", f"{size_text(memory['total'])}"
    for part in ("weights", "gradients", "moments", "averages", "activations", "exchange", "program"):
        if memory[part]:
            yield f"  {part}", size_text(memory[part])
    yield "memory here", f"{size_text(memory['free'])} free of {size_text(memory['of'])}"
    others = found["memory_by_processes"].items()
    yield "memory of each, by number of processes", ", ".join(f"{count}: {size_text(size)}" for count, size in others)
    if taken is not None:
        yield (
            "time",
            f"{duration(taken['all'])} ({duration(taken['all_low'])} to {duration(taken['all_high'])}, by the quartiles"
            f" of {taken['measured_steps']} steps), {1 / taken['step']:.3g} steps a second",
        )
        yield "waiting for data", f"{100 * taken['waiting']:.1f} %"


def _count(number: int) -> str:
    """A number of parameters, such as `1.23 M`."""
    for unit, scale in (("B", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= scale:
            return f"{number / scale:.2f} {unit}"
    return str(number)
