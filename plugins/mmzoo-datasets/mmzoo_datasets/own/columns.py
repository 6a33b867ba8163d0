"""Maps the columns of a user's table to ours."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from mmzoo.errors import ConfigError

SYNONYMS = {
    "image": ("image", "img", "picture", "photo", "jpg", "jpeg", "png", "webp"),
    "audio": ("audio", "sound", "speech", "wav", "flac", "mp3", "ogg"),
    "text": (
        "text", "caption", "captions", "sentence", "transcription", "transcript", "normalized_text", "description",
        "prompt", "txt",
    ),
    "label": ("label", "class", "category", "labels", "cls", "fine_label"),
    "speaker": ("speaker", "speaker_id", "voice"),
    "id": ("id", "__key__"),
}  # fmt: skip
"""Usual names of our columns, looked for in this order, unless the argument `columns` gives another."""


def mapped(present: Collection[str], given: Mapping[str, str], source: str) -> dict[str, str]:
    """For each of our columns that a table has, its name there.

    Args:
        present: The table's columns.
        given: Our names to the table's, as the user gives them; ours may be any columns that a head needs.
        source: The table, for messages.

    Raises:
        ConfigError: The table lacks a given column.
    """
    for ours, theirs in given.items():
        if theirs not in present:
            raise ConfigError(
                f"{source} has no column {theirs!r}, which columns.{ours} names; it has {', '.join(present)}.",
                path=f"columns.{ours}",
            )
    lower = {name.lower(): name for name in reversed(list(present))}
    taken = set(given.values())
    guessed = {
        ours: lower[name]
        for ours, names in SYNONYMS.items()
        if ours not in given
        for name in [next((name for name in names if name in lower and lower[name] not in taken), "")]
        if name
    }
    return {**guessed, **given}


def plain_text(value: Any) -> str:
    """A cell as one line of text; the first of several captions."""
    if isinstance(value, list | tuple):
        value = value[0] if value else ""
    return "" if value is None else " ".join(str(value).split())


def plain_label(value: Any) -> str | None:
    """A cell as a class name; None if it is empty."""
    return None if value is None or not str(value).strip() else str(value).strip()


def words_of(label: str | None) -> str:
    """The words of a class name, such as `travel places` of `travel-places`."""
    return " ".join((label or "").replace("_", " ").replace("-", " ").split())
