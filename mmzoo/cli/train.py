"""`mmzoo train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mmzoo.cli.output import say
from mmzoo.errors import UsageError


def _help_recipe(requested: bool) -> None:
    """Print every key of a recipe and exit, before a recipe file is required."""
    if requested:
        from mmzoo.training.recipe import recipe_keys

        for key, kind, default, meaning in recipe_keys():
            say(f"{key}: {kind}, {default}\n    {meaning}")
        raise typer.Exit


def train(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a YAML file.", metavar="RECIPE.yaml")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Changes to the recipe: a.b=value, in YAML.", metavar="[KEY=VALUE]...")
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
) -> None:
    """Train a model from a recipe, or resume training.

    Examples:

        mmzoo train recipes/vqvae-speech.yaml

        mmzoo train recipes/vqvae-speech.yaml steps=2000 optimizer.lr=1e-3 --out runs/try

    Exit codes: 0 finished or paused, 1 failed, 2 wrong recipe or folder, 130 or 143 interrupted with a checkpoint.
    """
    if print_config:
        from mmzoo.training.recipe import dump_recipe, load_recipe

        say(dump_recipe(load_recipe(recipe, overrides or [])).rstrip("\n"))
        return
    from mmzoo.training.api import train as run

    if checkpoint is not None and not resume:
        raise UsageError("--checkpoint and --no-resume exclude each other; leave one of them out.")
    begin = checkpoint if checkpoint is not None else "auto" if resume else "never"
    result = run(recipe, overrides or [], out, begin, export_only=export_only)
    say(str(result.model or result.out))
    if result.exit_code:
        raise typer.Exit(result.exit_code)
