"""`mmzoo cache`: downloaded models."""

from __future__ import annotations

from typing import Annotated

import typer

from mmzoo.cli.output import print_json, print_table, say_row
from mmzoo.system import size_text

CACHE = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@CACHE.callback()
def cache() -> None:
    """List, measure or remove what mmzoo has downloaded and computed."""


@CACHE.command("list")
def list_models(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the models in the cache, with their sizes and commits."""
    from mmzoo.hub.cache import cached_models

    models = cached_models()
    if as_json:
        print_json([{"repo": m.repo, "commits": m.commits, "bytes": m.size, "path": str(m.path)} for m in models])
        return
    rows = [(m.repo, size_text(m.size), ", ".join(commit[:12] for commit in m.commits), str(m.path)) for m in models]
    print_table(("model", "size", "commits", "path"), rows)


@CACHE.command("size")
def size() -> None:
    """Print the size of the models, and of datasets and features."""
    from huggingface_hub import constants

    from mmzoo.data.cache import cache_dir
    from mmzoo.hub.cache import cached_models

    models, folder = sum(model.size for model in cached_models()), cache_dir()
    computed = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    rows = [
        ("models", size_text(models), constants.HF_HUB_CACHE),
        ("datasets and features", size_text(computed), str(folder)),
    ]
    print_table(("what", "size", "path"), rows)


@CACHE.command("remove")
def remove(
    names: Annotated[list[str], typer.Argument(help="Models, as org/name or by registered name.")],
) -> None:
    """Remove models from the cache; they are downloaded again when next used."""
    from mmzoo.hub.cache import remove as forget

    for name in names:
        repo = _repo(name)
        say_row(repo, f"{size_text(forget(repo))} freed")


def _repo(name: str) -> str:
    from mmzoo.hub.published import find_model

    if "/" in name and ":" not in name:
        return name
    source = find_model(name).source
    return source.place if source is not None and source.scheme == "hf-hub" else name
