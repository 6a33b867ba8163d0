"""`mmzoo pull`: download a model."""

from __future__ import annotations

from typing import Annotated

import typer

from mmzoo.cli.output import say_row
from mmzoo.errors import UsageError


def pull(
    names: Annotated[list[str], typer.Argument(help="Models: names, or hf-hub:org/name@revision.")],
    revision: Annotated[str | None, typer.Option(help="A branch, tag or commit, for one model.")] = None,
) -> None:
    """Download models, and the models in their slots, and print each one's name and folder.

    Only safetensors, JSON, Markdown, YAML and samples are downloaded. If a download fails, the finished files are kept.
    Damaged files in the cache are downloaded again, and the remains of killed downloads are removed.
    """
    from mmzoo.hub.published import find_model
    from mmzoo.hub.tree import ResolvedModel
    from mmzoo.hub.verify import fetch_all
    from mmzoo.resolve import resolve

    if revision is not None and len(names) > 1:
        raise UsageError("--revision is for one model; pull them one by one, or write hf-hub:org/name@revision.")
    for name in names:
        published = find_model(name, revision).at_commit()
        say_row(name, fetch_all(published).path)  # first, to repair a damaged config.json before it is resolved
        _, *inside = resolve(published.exact_name).walk()
        for model in {model.name: model for model in inside if isinstance(model, ResolvedModel)}.values():
            say_row(model.name, fetch_all(model.found).path)
