"""`mmzoo push`: publish a model on the Hub."""

from __future__ import annotations

from typing import Annotated

import typer

from mmzoo.cli.output import note, one_line, say_row


def push(
    model: Annotated[str, typer.Argument(help="A model folder, or the name of a model.")],
    repo: Annotated[str, typer.Option(help="The repository, org/name; created if it does not exist.")],
    private: Annotated[
        bool | None, typer.Option("--private/--public", help="Visibility of a new repository; private by default.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the model and print what would be sent; send nothing.")
    ] = False,
    revision: Annotated[str | None, typer.Option(help="The branch; main by default.")] = None,
    tag: Annotated[str | None, typer.Option(help="The tag; by default the next of v1, v2, ...")] = None,
    license: Annotated[
        str | None, typer.Option(help="License of the weights, such as apache-2.0, if the card states none.")
    ] = None,
) -> None:
    """Publish a model in one commit and one tag, and print its files with their sizes.

    Before anything is sent, paths, user names and tokens are removed, and a fresh process loads the model strictly and
    reproduces its golden outputs. The last line of output registers the model in a plugin.
    """
    from mmzoo.hub.publishing import publish
    from mmzoo.system import size_text

    done = publish(model, repo, private=private, revision=revision, tag=tag, license=license, dry_run=dry_run)
    for name, size in done.files.items():
        say_row(name, size_text(size))
    for text in done.notes:
        note(one_line(f"note: {text}"))
    kept = " (if new)" if dry_run and private is None else ""
    total = size_text(sum(done.files.values()))
    say_row(done.repo, f"{done.visibility}{kept}", f"license {done.license}", f"{total} in total")
    if dry_run:
        note("Nothing was sent.")
        return
    say_row(f"commit {done.commit}", f"tag {done.tag}", "new" if done.created else "nothing had changed")
    say_row(done.registration())
