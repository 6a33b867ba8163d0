"""`mmzoo push`: publish a model on the Hub."""

from __future__ import annotations

from typing import Annotated

import typer

from mmzoo.cli.output import note, one_line, say_row


def push(
    model: Annotated[str, typer.Argument(help="A model folder, or the name of a model.")],
    repo: Annotated[str, typer.Option(help="Where to: org/name; made if it is not there.")],
    private: Annotated[
        bool | None, typer.Option("--private/--public", help="What a new repository is; private by default.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Prove it and say what would be sent; send nothing.")
    ] = False,
    revision: Annotated[str | None, typer.Option(help="The branch; main by default.")] = None,
    tag: Annotated[str | None, typer.Option(help="The tag; by default the next of v1, v2, ...")] = None,
    license: Annotated[
        str | None, typer.Option(help="Of the weights, if the card does not say it: apache-2.0.")
    ] = None,
) -> None:
    """Publish a model: its files, and how many bytes each, in one commit and one tag.

    Before anything leaves, paths, user names and tokens are taken out, and a fresh process loads the model strictly
    and reproduces the outputs that travel with it. The last line registers the model in a plugin.
    """
    from mmzoo.cli.cache import told
    from mmzoo.hub.publishing import publish

    done = publish(model, repo, private=private, revision=revision, tag=tag, license=license, dry_run=dry_run)
    for name, size in done.files.items():
        say_row(name, told(size))
    for text in done.notes:
        note(one_line(f"note: {text}"))
    kept = " (or what it is, if it is there)" if dry_run and private is None else ""
    whole = told(sum(done.files.values()))
    say_row(done.repo, f"{done.visibility}{kept}", f"licence {done.license}", f"{whole} in all")
    if dry_run:
        note("Nothing was sent.")
        return
    say_row(f"commit {done.commit}", f"tag {done.tag}", "new" if done.created else "nothing had changed")
    say_row(done.registration())
