"""The progress line on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class ProgressLine:
    """Step, bar, time left and the last losses, on stderr."""

    def __init__(self, steps: int) -> None:
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("train"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
            console=self._console,
            refresh_per_second=2,
        )
        self._task = self._progress.add_task("", total=steps)
        self._progress.start()

    def update(self, step: int, note: str | None) -> None:
        """Move to a step; `note` replaces the text at the end."""
        if note is None:
            self._progress.update(self._task, completed=step)
        else:
            self._progress.update(self._task, completed=step, description=note)

    def print(self, text: str) -> None:
        """Print a line above the bar."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Stop updating; the last state stays on the screen."""
        self._progress.stop()
