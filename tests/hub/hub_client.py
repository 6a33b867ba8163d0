"""What tests of the Hub say of its users: commands they run, and the models they have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MODEL_CARDS = Path(__file__).parents[2] / "model_cards"


@dataclass
class Done:
    """What a command did."""

    returncode: int
    stdout: str
    stderr: str


Mmzoo = Callable[..., Done]


def model_files(name: str) -> dict[str, bytes]:
    """The files of a bundled model repo, by their names in it."""
    folder = MODEL_CARDS / name
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
