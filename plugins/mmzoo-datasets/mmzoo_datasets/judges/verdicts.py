"""Keeps the verdicts of judges on disk, so that no sound is judged twice."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mmzoo.data import cache_dir
from mmzoo.system import write_whole


def kept(
    judge: str, sounds: Sequence[bytes], decide: Callable[[list[int]], Iterable[Any]], description: str
) -> list[Any]:
    """The verdict on each sound, from the cache where it is known.

    Args:
        judge: The judge with its version and settings; other ones have other verdicts.
        sounds: What the judge hears, sample by sample.
        decide: Judges the sounds with these indices, in this order; a verdict is JSON data.
        description: Shown in the progress bar.
    """
    from tqdm import tqdm

    folder = cache_dir() / "judge" / re.sub(r"[^A-Za-z0-9.]+", "-", judge).strip("-")
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{hashlib.sha256(sound).hexdigest()}.json" for sound in sounds]
    verdicts = {index: json.loads(path.read_text("utf-8")) for index, path in enumerate(paths) if path.exists()}
    todo = [index for index in range(len(sounds)) if index not in verdicts]
    made = decide(todo) if todo else ()
    bar = tqdm(
        made, total=len(sounds), initial=len(verdicts), desc=description, unit="sound", disable=None, leave=False
    )
    for index, verdict in zip(todo, bar, strict=True):
        write_whole(paths[index], json.dumps(verdict))
        verdicts[index] = verdict
    return [verdicts[index] for index in range(len(sounds))]
