"""Writes a model as graphs, each compared with PyTorch."""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmzoo.engines.exported import SUFFIX, Manifest, runner_of, source_of, versions
from mmzoo.engines.sessions import Session, onnxruntime
from mmzoo.errors import ExportError, MissingDependencyError, MmzooError, UsageError
from mmzoo.hub.tree import ResolvedModel
from mmzoo.interfaces import Exportable, Graph, HasFiles, TaskHead
from mmzoo.model_folder import EXPORT_NAME
from mmzoo.registry import catalog
from mmzoo.safe_text import one_line
from mmzoo.system import sha256_of, write_whole

PACKAGES = ("onnx", "onnxscript")
"""What exporting needs beside onnxruntime."""
FLIPS = 0.01
"""The largest accepted fraction of integers that differ: two codes may be equally near."""
OPSET = 20
SMALL = 64
"""Matrices with fewer rows or columns are not quantized: that would save nothing."""


@torch.no_grad()
def export_model(head: TaskHead, folder: Path, *, int8: bool = False) -> None:
    """Write a model, and those in its slots, so that `mmzoo.create(folder)` runs them without PyTorch.

    Args:
        head: The model, on the CPU in float32.
        folder: The folder to write, which must not exist. It appears when it is complete.
        int8: Quantize matrix products to 8 bits.

    Raises:
        UsageError: The folder exists.
        ExportError: The model cannot be exported, or a graph differs from PyTorch by more than its tolerance.
        MissingDependencyError: The packages for exporting are not installed.
    """
    _require_packages()
    if not isinstance(head, TaskHead):
        raise UsageError(f"{getattr(head, 'folder', head)} is exported already; export the original model.")
    if folder.exists():
        raise UsageError(f"{folder} exists already; choose another folder.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as staging:
            staged = Path(staging) / folder.name
            _write(head, staged, int8)
            staged.rename(folder)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror or error}.") from error


def _require_packages() -> None:
    onnxruntime()
    for name in PACKAGES:
        try:
            metadata.distribution(name)
        except metadata.PackageNotFoundError as error:
            raise MissingDependencyError(
                f"Exporting a model needs {name}, which is not installed; run: pip install 'mmzoo[export]'"
            ) from error


def _write(head: TaskHead, folder: Path, int8: bool) -> str:
    """Write one model and those in its slots; returns the digest of its manifest."""
    if not isinstance(head, Exportable):
        raise ExportError(
            f"{head.name or type(head).__name__} cannot be exported: its head {type(head).__name__} has no graphs."
        )
    name = str(head.recipe["head"]["name"])
    runner_of(name)
    folder.mkdir()
    models = {
        slot: _write(getattr(head, slot), folder / slot, int8)
        for slot, kind in head.slots.items()
        if kind.model and getattr(head, slot, None) is not None
    }
    graphs = {label: _graph(label, head, graph, folder, int8) for label, graph in head.graphs().items()}
    if isinstance(head, HasFiles):
        for file, content in head.files().items():
            write_whole(folder / file, content)
    tree = head.tree
    manifest = Manifest(
        head.name,
        name,
        head.recipe,
        head.settings(),
        graphs,
        models,
        {path.name: sha256_of(path) for path in sorted(folder.iterdir()) if path.is_file()},
        task=_task(head),
        license=tree.license if isinstance(tree, ResolvedModel) else None,
        int8=int8,
        source=source_of(tree) if isinstance(tree, ResolvedModel) else {},
        versions={**versions(), **{name: metadata.version(name) for name in ("torch", "onnx", "onnxruntime")}},
    )
    write_whole(folder / EXPORT_NAME, manifest.to_json())
    return sha256_of(folder / EXPORT_NAME)


def _task(head: TaskHead) -> str:
    if isinstance(head.tree, ResolvedModel) and head.tree.config.task:
        return head.tree.config.task
    return next((spec.task for spec in catalog().models() if spec.name == head.name), "")


# --- one graph ---------------------------------------------------------------------------------------


class _Module(nn.Module):
    """A function of a head as a module, so that the exporter finds the parameters."""

    def __init__(self, head: TaskHead, graph: Graph) -> None:
        super().__init__()
        self.head, self.graph = head, graph

    def forward(self, *inputs: Tensor) -> Any:
        return self.graph.run(*inputs)


def _graph(label: str, head: TaskHead, graph: Graph, folder: Path, int8: bool) -> dict[str, float]:
    """Write one graph and compare it with PyTorch on all examples; returns its entry in the manifest."""
    what = f"the graph {label!r} of {head.name or type(head).__name__}"
    path = folder / f"{label}{SUFFIX}"
    module = _Module(head, graph).eval()
    try:
        with _quietly():
            program: Any = torch.onnx.export(
                module,
                tuple(graph.examples[0].values()),
                input_names=list(graph.examples[0]),
                output_names=list(graph.outputs),
                dynamic_shapes=(tuple(_dynamic(graph, name) for name in graph.examples[0]),),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
            program.save(path, external_data=False)
            if int8 and graph.int8:
                _quantize(path)
    except Exception as error:
        reason = " ".join(_root(error).split())[:300].rstrip(".")
        raise ExportError(f"torch.onnx cannot export {what}: {one_line(reason)}.") from error
    session = Session(path, threads=1)
    differences = [_difference(what, module, session, graph, inputs) for inputs in graph.examples]
    if not int8 and max(differences) > graph.tolerance:
        raise ExportError(f"{what.capitalize()} differs from PyTorch by {max(differences):.1e} of its largest value.")
    return {"difference": max(differences), "tolerance": graph.tolerance}


def _dynamic(graph: Graph, name: str) -> dict[int, Any]:
    """The axes of an input that may have any size; that they do is checked with the other examples."""
    shapes = [inputs[name].shape for inputs in graph.examples]
    return {axis: torch.export.Dim.AUTO for axis, sizes in enumerate(zip(*shapes, strict=True)) if len(set(sizes)) > 1}


def _difference(what: str, module: nn.Module, session: Session, graph: Graph, inputs: Mapping[str, Tensor]) -> float:
    """The largest difference between both engines on one example, relative to the largest value of each result."""
    expected = module(*inputs.values())
    given: Sequence[Tensor] = (expected,) if isinstance(expected, Tensor) else expected
    try:
        results = session(**{name: tensor.numpy() for name, tensor in inputs.items()})
    except MmzooError as error:
        raise ExportError(f"{what.capitalize()} does not run: {error}") from error
    largest = 0.0
    for name, tensor, result in zip(graph.outputs, given, results, strict=True):
        if tuple(tensor.shape) != result.shape:
            raise ExportError(f"The result {name} of {what} has the shape {result.shape}, not {tuple(tensor.shape)}.")
        if not tensor.is_floating_point():
            flipped = float((tensor.numpy() != result).mean())
            largest = max(largest, 0.0 if flipped <= FLIPS else flipped)
            continue
        scale = max(float(tensor.abs().max()), 1e-12)
        largest = max(largest, float(np.abs(tensor.numpy() - result).max()) / scale)
    return largest


def _quantize(path: Path) -> None:
    """Quantize the weights of matrix products to 8 bits; their inputs are quantized as they come."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load(path)
    sizes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    products = [node for node in model.graph.node if node.op_type in ("MatMul", "Gemm")]
    kept = [node.name for node in products if min(sizes.get(node.input[1], (0,))) < SMALL]
    if len(kept) == len(products):
        return
    target = path.with_suffix(".int8")
    quantize_dynamic(
        path,
        target,
        op_types_to_quantize=["MatMul", "Gemm"],
        per_channel=True,
        reduce_range=False,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=kept,
    )
    shutil.move(target, path)


def _root(error: BaseException) -> str:
    """The message of the first cause, which says more than that of torch.onnx."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error) or type(error).__name__


@contextlib.contextmanager
def _quietly() -> Any:
    """Suppress what the exporters print, log and warn."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
