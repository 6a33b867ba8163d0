"""Draws an explanation, or the codes of a tokenizer, on one page."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mmzoo.errors import MissingDependencyError
from mmzoo.interfaces import Audio, Image
from mmzoo_recognition.explain import MISSING, Array, Explanation, log_mel

WIDTHS = {"image": 4.0, "speech": 6.0, "text": 5.0, "gates": 3.0}
"""Width of each panel in inches."""
HEIGHT, DPI = 4.0, 100
LETTERS_A_ROW, CODEBOOKS_A_ROW = 12, 4
LONGEST = 600
"""Characters shown of a text and of its copy."""


def explanation_page(explanation: Explanation) -> Image:
    """One panel per modality, evidence for the class in red and against it in blue, and one for the gates."""
    panels = [*explanation.attributions, *(["gates"] if len(explanation.gates) > 1 else [])]
    widths = [WIDTHS[name] for name in panels]
    figure = _figure(sum(widths), HEIGHT)
    labels, target = explanation.labels, explanation.target
    title = f"{labels.best}, probability {labels.probabilities[0]:.3f}"
    if target != labels.best:
        title += f"; explaining {target}, probability {labels.probabilities[labels.names.index(target)]:.3f}"
    figure.suptitle(title, parse_math=False)
    figure.supxlabel("\n".join(["red supports it, blue contradicts it", *explanation.notes]), fontsize=9)
    for name, axis in zip(panels, _axes(figure, 1, widths), strict=True):
        if name == "gates":
            _bars(axis, explanation.gates)
        else:
            values = explanation.attributions[name]
            PANELS[name](axis, explanation.shown[name], values, _limit(values))
            axis.set_title(f"{name}, {float(values.sum()):+.2f} of {explanation.rise:+.2f}")
    return _drawn(figure)


def usage_page(title: str, original: Any, copy: Any, usage: Sequence[Array]) -> Image:
    """An Image, Audio or text, its reconstruction, and how often each code of each codebook is used."""
    rows = -(-len(usage) // CODEBOOKS_A_ROW)
    figure = _figure(12.0, HEIGHT + 1.6 * rows)
    figure.suptitle(title, parse_math=False)
    above, below = figure.subfigures(2, 1, height_ratios=[HEIGHT, 1.6 * rows])
    for name, value, axis in zip(("original", "copy"), (original, copy), _axes(above, 1, [1, 1]), strict=True):
        _show(axis, value)
        axis.set_title(name)
    axes = _axes(below, rows, [1.0] * min(len(usage), CODEBOOKS_A_ROW))
    for number, (count, axis) in enumerate(zip(usage, axes, strict=False), 1):
        used = np.flatnonzero(count)
        axis.bar(used, count[used], width=max(1.0, len(count) / 200))
        axis.set_xlim(-1, len(count))
        axis.set_title(f"codebook {number}: {len(used)} of {len(count):,} codes", fontsize=8)
        axis.tick_params(labelsize=7)
    for axis in axes[len(usage) :]:
        axis.set_axis_off()
    return _drawn(figure)


# --- panels ------------------------------------------------------------------------------------------


def _picture(axis: Any, pixels: Array, values: Array, limit: float) -> None:
    height, width = pixels.shape[:2]
    axis.imshow(pixels.mean(-1), cmap="gray", vmin=0, vmax=255, extent=(0, width, height, 0))
    if values.ndim == 2:
        _overlay(axis, values, limit, (0, width, height, 0))
    else:
        axis.set_xlabel("not marked: its latents do not form a grid")
    axis.set_axis_off()


def _spectrogram(axis: Any, energies: Array, values: Array, limit: float) -> None:
    frames, bands = energies.shape
    axis.imshow(energies.T, cmap="gray", origin="lower", aspect="auto", extent=(0, frames, 0, bands))
    _overlay(axis, values.T if values.ndim == 2 else values[None], limit, (0, frames, 0, bands), origin="lower")
    axis.set_xlabel("frames")
    axis.set_ylabel("mel bands")


def _overlay(axis: Any, values: Array, limit: float, extent: tuple[int, int, int, int], **options: Any) -> None:
    strength = np.clip(np.abs(values) / limit, 0, 1)
    axis.imshow(
        values, cmap="bwr", vmin=-limit, vmax=limit, alpha=0.8 * strength, extent=extent, aspect=axis.get_aspect(),
        interpolation="nearest", **options,
    )  # fmt: skip


def _letters(axis: Any, text: str, values: Array, limit: float) -> None:
    """A text in rows of letters; if there are fewer values than letters, each covers several."""
    columns = max(LETTERS_A_ROW, math.ceil(math.sqrt(2 * len(text))))
    rows = max(4, math.ceil(len(text) / columns))
    cells = np.full(rows * columns, np.nan)
    cells[: len(text)] = values[np.arange(len(text)) * len(values) // len(text)]
    axis.imshow(cells.reshape(rows, columns), cmap="bwr", vmin=-limit, vmax=limit, alpha=0.6, aspect="auto")
    for index, letter in enumerate(text):
        axis.text(
            index % columns, index // columns, letter if letter.isprintable() else " ", ha="center", va="center",
            parse_math=False, family="monospace", fontsize=240 / columns,
        )  # fmt: skip
    axis.set_axis_off()


def _bars(axis: Any, gates: Mapping[str, float]) -> None:
    axis.bar(list(gates), list(gates.values()), color="gray")
    axis.set_ylim(0, 1)
    axis.set_title("gates")


PANELS: Mapping[str, Callable[[Any, Any, Array, float], None]] = {
    "image": _picture,
    "speech": _spectrogram,
    "text": _letters,
}


def _show(axis: Any, value: Any) -> None:
    """An input or output of a tokenizer."""
    if isinstance(value, Image):
        axis.imshow(value.pixels)
        axis.set_axis_off()
    elif isinstance(value, Audio):
        axis.imshow(log_mel(value.samples, value.sample_rate).T, origin="lower", aspect="auto", cmap="magma")
        axis.set_xlabel("frames")
        axis.set_ylabel("mel bands")
    else:
        axis.text(0, 1, textwrap.fill(value[:LONGEST], 40), va="top", parse_math=False)
        axis.set_axis_off()


def _limit(values: Array) -> float:
    """The attribution drawn at full strength: a high quantile, so that outliers do not make the rest pale."""
    return float(np.quantile(np.abs(values), 0.99)) or float(np.abs(values).max()) or 1.0


# --- figures, without pyplot, which would keep them open and pick a GUI backend ----------------------


def _figure(width: float, height: float) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(MISSING) from error

    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def _axes(figure: Any, rows: int, widths: Sequence[float]) -> list[Any]:
    return list(figure.subplots(rows, len(widths), squeeze=False, width_ratios=widths).flat)


def _drawn(figure: Any) -> Image:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image(np.array(canvas.buffer_rgba())[..., :3])
