"""Runs graphs with onnxruntime."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mmzoo.errors import CorruptFileError, InputError, MissingDependencyError, UsageError
from mmzoo.safe_text import one_line

THREADS = "OMP_NUM_THREADS"
DEFAULT_THREADS = 1

Array = np.ndarray[Any, np.dtype[Any]]


class Session:
    """A graph in a file. It is read when it is first called, so that a graph that is not needed costs nothing.

    Args:
        path: The file.
        threads: Threads of one call.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self.path, self.threads = path, threads

    def __call__(self, **inputs: Array) -> tuple[Array, ...]:
        """The results of the graph, in order, for inputs by name. Raises InputError if it cannot take them."""
        session = self._session
        try:
            return tuple(session.run(None, inputs))
        except Exception as error:  # onnxruntime has a class for each kind of failure
            shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in inputs.items())
            reason = one_line(error)[-200:].rstrip(".")
            raise InputError(
                f"The graph {self.path.name} cannot take {shapes}, perhaps too short: {reason}."
            ) from error

    @cached_property
    def _session(self) -> Any:
        runtime = onnxruntime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
        options.log_severity_level = 4  # errors are raised
        # Waiting threads must not take the cores of other processes.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            return runtime.InferenceSession(str(self.path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has a class for each kind of failure
            reason = one_line(error)[:200].rstrip(".")
            raise CorruptFileError(f"{self.path} cannot be used ({reason}); export the model again.") from error


def onnxruntime() -> Any:
    """The module. Raises MissingDependencyError if it is not installed."""
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependencyError(
            "Exported models run on onnxruntime, which is not installed; run: pip install 'mmzoo[onnx]'"
        ) from error
    return onnxruntime


def threads_of(given: Any = None) -> int:
    """Threads of one call: the caller's choice, else OMP_NUM_THREADS, else 1. Raises UsageError."""
    if given is None:
        named = os.environ.get(THREADS, "").partition(",")[0].strip()
        return int(named) if named.isdigit() and int(named) else DEFAULT_THREADS
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise UsageError(f"threads must be an integer of at least 1, not {given!r}.")
    return given
