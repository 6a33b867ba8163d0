"""`mmzoo export`: write a model as graphs that run without PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mmzoo.cli.output import print_table, say


def export(
    model: Annotated[str, typer.Argument(help="A name, a folder, or hf-hub:org/name@revision.")],
    onnx: Annotated[Path, typer.Option(help="The folder to write ONNX graphs to; it must not exist yet.")],
    int8: Annotated[bool, typer.Option("--int8", help="Quantize matrix products to 8 bits.")] = False,
    judge: Annotated[
        list[str] | None, typer.Option(help="A judge of quality that rates the results of both engines; repeatable.")
    ] = None,
    compare: Annotated[bool, typer.Option(help="Compare the results, speed and memory of both engines.")] = True,
) -> None:
    """Write a model as ONNX graphs with which `mmzoo.create(FOLDER)` runs it on onnxruntime, without importing torch.

    Every graph is compared with PyTorch; without --int8, a difference above its tolerance, usually a thousandth of the
    largest value, is an error. Needs the extra `export`; running the result needs only the extra `onnx`.
    """
    from mmzoo.engines.exported import load_exported
    from mmzoo.engines.writing import export_model
    from mmzoo.factory import create

    head = create(model)
    export_model(head, onnx, int8=int8)
    rows = list(_graphs(onnx))
    print_table(("graph", "MB", "difference"), rows)
    if compare:
        from mmzoo.engines.comparing import comparison
        from mmzoo.evaluation.judges import load_judge

        judges = {name: load_judge(name) for name in judge or []}
        compared = comparison(model, head, onnx, load_exported(onnx, 1), judges)
        print_table(*compared.table())
        if summary := compared.summary():
            say(summary)
    size = sum(path.stat().st_size for path in onnx.rglob("*") if path.is_file())
    say(f"{onnx}: {len(rows)} graphs, {size / 1e6:.1f} MB")


def _graphs(folder: Path, inside: str = "") -> Any:
    """Name, size and difference of each graph of a model and of those in its slots."""
    from mmzoo.engines.exported import SUFFIX, read_manifest

    manifest = read_manifest(folder)
    for name, graph in manifest.graphs.items():
        yield (
            f"{inside}{name}",
            f"{(folder / f'{name}{SUFFIX}').stat().st_size / 1e6:.2f}",
            f"{graph['difference']:.1e}",
        )
    for slot in manifest.models:
        yield from _graphs(folder / slot, f"{inside}{slot}/")
