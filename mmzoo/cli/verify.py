"""`mmzoo verify`: check a model's files and its golden outputs."""

from __future__ import annotations

from typing import Annotated

import typer

from mmzoo.cli.output import note, print_json, say_row


def verify(
    names: Annotated[list[str], typer.Argument(help="Models: names, folders, or hf-hub:org/name@revision.")],
    files_only: Annotated[bool, typer.Option("--files-only", help="Do not load and run the models.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check the checksums of a model's files, load it strictly, and recompute its golden outputs.

    Prints what each file was compared with, and the largest error of each golden output.
    """
    from mmzoo.factory import create
    from mmzoo.hub.golden import check_golden
    from mmzoo.hub.published import find_model
    from mmzoo.hub.verify import verify_files
    from mmzoo.model_folder import GOLDEN_NAME

    report = {}
    for name in names:
        model = find_model(name).at_commit()
        files, outputs = verify_files(model), {}
        if not files_only:
            head = create(model.exact_name)
            if (head.folder / GOLDEN_NAME).is_file():
                outputs = dict(check_golden(head, head.folder))
            else:
                note(f"{name} has no {GOLDEN_NAME}, so its outputs cannot be checked.")
        report[name] = {"files": files, "outputs": outputs}
        if not as_json:
            for row in (*files.items(), *((output, f"reproduced to {error:.2g}") for output, error in outputs.items())):
                say_row(name, *row)
    if as_json:
        print_json(report)
