"""The logs of a training run: a progress line on a terminal, train.log, metrics.jsonl and TensorBoard."""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmzoo.interfaces import Audio, Image


class Averages:
    """Means of scalars over a log window, summed on the device, so that no step waits for a value."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, values: Mapping[str, Tensor]) -> None:
        """Add one step's scalars."""
        for name, value in values.items():
            value = value.detach().float()
            if name in self._sums:
                self._sums[name] += value
                self._counts[name] += 1
            else:
                self._sums[name] = value.clone()
                self._counts[name] = 1

    def read(self) -> dict[str, float]:
        """The means since the last read, which starts a new window."""
        if not self._sums:
            return {}
        totals = torch.stack([total.reshape(()) for total in self._sums.values()]).tolist()
        means = {name: total / self._counts[name] for name, total in zip(self._sums, totals, strict=True)}
        self._sums.clear()
        self._counts.clear()
        return means


def duration(seconds: float) -> str:
    """1h02m, 3m05s or 12s."""
    total = round(seconds)
    if total >= 3600:
        return f"{total // 3600}h{total % 3600 // 60:02d}m"
    return f"{total // 60}m{total % 60:02d}s" if total >= 60 else f"{total}s"


class RunLog:
    """Writes to stderr, `<out>/train.log`, `<out>/metrics.jsonl` and, if installed, TensorBoard.

    What cannot be written, as on a full disk, is reported once on stderr and does not end the training.

    Args:
        out: The run folder.
        steps: The number of steps, for the progress line.
        active: False in all but the main process, which alone writes.
    """

    def __init__(self, out: Path, *, steps: int, active: bool = True) -> None:
        self.active = active
        self._progress: Any = None
        self._board: Any = None
        self._failed = False
        if not active:
            return
        self._text = (out / "train.log").open("a", encoding="utf-8")
        self._metrics = (out / "metrics.jsonl").open("a", encoding="utf-8")
        if sys.stderr.isatty():
            from mmzoo.training.bar import ProgressLine

            self._progress = ProgressLine(steps)
        if importlib.util.find_spec("tensorboard") is None:
            self.say("TensorBoard is not installed, so only train.log and metrics.jsonl are written.")
        else:
            from torch.utils.tensorboard.writer import SummaryWriter

            self._board = SummaryWriter(str(out / "tensorboard"))

    def say(self, text: str) -> None:
        """Write one line, with the time, to stderr and train.log."""
        if not self.active:
            return
        stamped = f"{time.strftime('%H:%M:%S')} {text}"
        with self._tolerant():
            self._text.write(f"{stamped}\n")
            self._text.flush()
        with self._tolerant():
            if self._progress is not None:
                self._progress.print(stamped)
            else:
                print(stamped, file=sys.stderr, flush=True)

    def tick(self, step: int, note: str | None = None) -> None:
        """Move the progress line."""
        if self._progress is not None:
            self._progress.update(step, note)

    def metrics(self, step: int, values: Mapping[str, float], *, kind: str = "train") -> None:
        """Write the scalars of a step to metrics.jsonl and TensorBoard."""
        if not self.active:
            return
        with self._tolerant():
            self._metrics.write(json.dumps({"step": step, "kind": kind, **values}) + "\n")
            self._metrics.flush()
        if self._board is not None:
            with self._tolerant():
                for name, value in values.items():
                    self._board.add_scalar(f"{kind}/{name}", value, step)

    @contextmanager
    def _tolerant(self) -> Iterator[None]:
        """Survive errors of writing."""
        try:
            yield
        except OSError as error:
            if not self._failed:
                with suppress(OSError):  # stderr may be a file on the same disk
                    print(f"warning: the log cannot be written: {error}; training continues", file=sys.stderr)
            self._failed = True

    def preview(self, step: int, name: str, value: Audio | Image, picture: Image | None = None) -> None:
        """Write a sound with its spectrogram, or a picture, to TensorBoard."""
        if self._board is None:
            return
        if isinstance(value, Audio):
            samples = torch.from_numpy(value.samples).clamp(-1, 1).unsqueeze(0)
            self._board.add_audio(name, samples, step, sample_rate=value.sample_rate)
        else:
            picture = value
        if picture is not None:
            self._board.add_image(name, picture.pixels, step, dataformats="HWC")

    def close(self) -> None:
        """Flush and close everything."""
        if not self.active:
            return
        if self._progress is not None:
            self._progress.close()
        for file in (self._board, self._text, self._metrics):
            if file is not None:
                with self._tolerant():
                    file.close()
        self.active = False
