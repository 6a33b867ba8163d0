"""`mmzoo pull`: have a model on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from mmzoo.cli.output import say_row
from mmzoo.errors import UsageError


def pull(
    names: Annotated[list[str], typer.Argument(help="Models: names, or hf-hub:org/name@revision.")],
    revision: Annotated[str | None, typer.Option(help="A branch, tag or commit, for one model.")] = None,
) -> None:
    """Fetch models, and those they are made of, and print each one's name and folder.

    Only safetensors, JSON, Markdown, YAML and samples are fetched. Finished files are kept when a download breaks,
    damaged files in the cache are fetched again, and what killed downloads left is removed.
    """
    from mmzoo.hub.published import find_model
    from mmzoo.hub.tree import ResolvedModel
    from mmzoo.hub.verify import fetch_all
    from mmzoo.resolve import resolve

    if revision is not None and len(names) > 1:
        raise UsageError("--revision is for one model; pull them one by one, or write hf-hub:org/name@revision.")
    for name in names:
        found = find_model(name, revision).at_commit()
        say_row(name, fetch_all(found).path)  # first, so that a damaged config.json is whole when it is resolved
        _, *inside = resolve(found.exact_name).walk()
        for model in {model.name: model for model in inside if isinstance(model, ResolvedModel)}.values():
            say_row(model.name, fetch_all(model.found).path)
