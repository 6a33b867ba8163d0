"""Removes paths, user names and tokens of the author's machine from the files of a model repo."""

from __future__ import annotations

import getpass
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmzoo.safe_text import TOKENS

PATHS = re.compile(r"(?<![\w.:/~<])(?:[A-Za-z]:)?[/\\](?:[\w.@+-]+[/\\])+([\w.@+-]*)")
"""Absolute paths with at least two components, not after `:`, `/` or a letter. The last component is the group."""
NOT_PEOPLE = {"root", "user", "admin", "ubuntu", "runner", "nobody", "test", "home", "model", "data"}
SECRET_NAMES = ("TOKEN", "SECRET", "PASSWORD", "API_KEY")


def scrubbed(text: str, *, people: bool = False) -> tuple[str, int]:
    """Hide tokens and cut absolute paths to their last component.

    Args:
        text: Any text.
        people: Also replace the name of this account where it is a word.

    Returns:
        The changed text and the number of replacements.
    """
    count = 0
    for secret in _own_secrets():
        count += text.count(secret)
        text = text.replace(secret, "***")
    text, replaced = TOKENS.subn("***", text)
    count += replaced
    text, replaced = PATHS.subn(lambda match: match[1] or "...", text)
    count += replaced
    for name in _account() if people else ():
        text, replaced = re.subn(rf"(?<![\w-]){re.escape(name)}(?![\w-])", "user", text)
        count += replaced
    return text, count


def scrubbed_json(text: str, *, people: bool = False) -> tuple[str, int]:
    """As `scrubbed`, for the strings in a JSON text; without replacements the text stays the same, byte for byte."""
    count = 0

    def clean(value: Any) -> Any:
        nonlocal count
        if isinstance(value, str):
            value, replaced = scrubbed(value, people=people)
            count += replaced
            return value
        if isinstance(value, list):
            return [clean(item) for item in value]
        if isinstance(value, dict):
            return {clean(key): clean(item) for key, item in value.items()}
        return value

    cleaned = clean(json.loads(text))
    return (json.dumps(cleaned, indent=2, ensure_ascii=False) + "\n" if count else text), count


def betrays(data: bytes) -> str | None:
    """What a file that may not be changed leaks: `a token`, `the path of a home folder` or None."""
    text = data.decode("latin-1")
    if TOKENS.search(text) or any(secret in text for secret in _own_secrets()):
        return "a token"
    home = str(Path.home())
    if len(home) > 3 and re.search(rf"{re.escape(home)}[/\\]", text):
        return "the path of a home folder"
    return None


def _own_secrets() -> Iterable[str]:
    """Tokens that this process could use, whatever their format."""
    from huggingface_hub import get_token

    named = [value for name, value in os.environ.items() if name.upper().endswith(SECRET_NAMES)]
    return sorted({value for value in (*named, get_token()) if value and len(value) >= 12})


def _account() -> set[str]:
    try:
        names = {getpass.getuser(), Path.home().name}
    except (KeyError, OSError):
        names = {Path.home().name}
    return {name for name in names if len(name) >= 3 and name.lower() not in NOT_PEOPLE}
