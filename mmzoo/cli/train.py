"""`mmzoo train`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from mmzoo.cli.output import note, say
from mmzoo.errors import UsageError


def _help_recipe(requested: bool) -> None:
    """Print every key of a recipe and exit, before a recipe file is required."""
    if requested:
        from mmzoo.training.recipe import recipe_keys

        for key, kind, default, meaning in recipe_keys():
            say(f"{key}: {kind}, {default}\n    {meaning}")
        raise typer.Exit


def train(
    recipe: Annotated[
        str | None, typer.Argument(help="The recipe, a YAML file; left out with --from.", metavar="[RECIPE.yaml]")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Changes to the recipe: a.b=value, in YAML.", metavar="[KEY=VALUE]...")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Fine-tune this model (a name or folder), instead of a recipe.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(help="With --from: a file or folder, hub:org/name, or the name of a registered dataset."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The run folder; runs/<name> by default.")] = None,
    resume: Annotated[bool, typer.Option(help="Resume from the newest valid checkpoint of the run, if any.")] = True,
    checkpoint: Annotated[Path | None, typer.Option(help="Resume from this checkpoint folder instead.")] = None,
    print_config: Annotated[bool, typer.Option("--print-config", help="Print the merged recipe and stop.")] = False,
    help_recipe: Annotated[
        bool, typer.Option("--help-recipe", callback=_help_recipe, is_eager=True, help="List the keys of a recipe.")
    ] = False,
    export_only: Annotated[
        bool, typer.Option("--export-only", help="Export the newest checkpoint without training further.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Train, validate, preview, save, resume and export in two steps; keep nothing."),
    ] = False,
    nproc: Annotated[
        int, typer.Option("--nproc", help="Train in this many processes on this machine, one for each GPU.", min=1)
    ] = 1,
) -> None:
    """Train a model from a recipe, fine-tune a model on data of your own, or resume training.

    --from derives a recipe from the model's own, and writes it to the run folder. --nproc trains on several GPUs;
    torchrun, accelerate launch and srun can start the same command on several machines (docs/training.md).

    Examples:

        mmzoo train --from vqvae-image --data ./my-pictures

        mmzoo train recipes/vqvae-speech.yaml

        mmzoo train recipes/vqvae-speech.yaml steps=2000 optimizer.lr=1e-3 --out runs/try

        mmzoo train recipes/vqvae-speech.yaml --nproc 8

    Exit codes: 0 finished or paused, 1 failed, 2 wrong recipe or folder, 130 or 143 interrupted with a checkpoint.
    """
    given: str | Mapping[str, Any]
    given, changes, command = recipe or "", overrides or [], None
    if start is not None:
        from mmzoo.training.derive import derived_recipe

        changes = [*([recipe] if recipe else []), *changes]
        if data is None:
            raise UsageError("--from also needs --data: a file, a folder, or a dataset's name.")
        given = derived_recipe(start, data, changes)
        command = shlex.join(["mmzoo", "train", "--from", start, "--data", data, *changes])
    elif data is not None or recipe is None:
        raise UsageError("Give a recipe, or a model with --from and --data; `mmzoo train --help` has examples.")
    if print_config:
        from mmzoo.training.recipe import dump_recipe, load_recipe

        say(dump_recipe(load_recipe(given, changes)).rstrip("\n"))
        return
    if checkpoint is not None and not resume:
        raise UsageError("--checkpoint and --no-resume exclude each other; leave one of them out.")
    if nproc > 1:
        from mmzoo.training.launch import check_nproc, launch
        from mmzoo.training.recipe import load_recipe

        check_nproc(nproc, load_recipe(given, changes))
        options = {"--from": start, "--data": data, "--out": out, "--checkpoint": checkpoint}
        switches = {"--no-resume": not resume, "--export-only": export_only, "--dry-run": dry_run}
        words = [word for option, value in options.items() if value is not None for word in (option, str(value))]
        words += [switch for switch, on in switches.items() if on]
        if code := launch(["train", *([recipe] if recipe else []), *(overrides or []), *words], nproc):
            raise typer.Exit(code)
        return
    from mmzoo.training import api
    from mmzoo.training.ranks import is_first_rank

    if dry_run:
        api.dry_run(given, changes, out)
        if is_first_rank():
            note("The dry run passed: training, validation, previews, saving, resuming and export work.")
        return
    begin = checkpoint if checkpoint is not None else "auto" if resume else "never"
    result = api.train(given, changes, out, begin, export_only=export_only, command=command)
    if is_first_rank():
        say(str(result.model or result.out))
    if result.exit_code:
        raise typer.Exit(result.exit_code)
