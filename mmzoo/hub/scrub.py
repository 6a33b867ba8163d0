"""Takes out of a model repo what belongs to its author's machine: paths, user names, tokens."""

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
"""Absolute paths: at least two components, the last of which is kept. What follows `:`, `/` or a letter is none."""
NOT_PEOPLE = {"root", "user", "admin", "ubuntu", "runner", "nobody", "test", "home", "model", "data"}
SECRET_NAMES = ("TOKEN", "SECRET", "PASSWORD", "API_KEY")


def scrubbed(text: str, *, people: bool = False) -> tuple[str, int]:
    """The text with tokens hidden, absolute paths cut to their last part, and how many places were changed.

    people: also replace the name of this account, as a word.
    """
    count = 0
    for secret in _own_secrets():
        count += text.count(secret)
        text = text.replace(secret, "***")
    text, found = TOKENS.subn("***", text)
    count += found
    text, found = PATHS.subn(lambda match: match[1] or "...", text)
    count += found
    for name in _account() if people else ():
        text, found = re.subn(rf"(?<![\w-]){re.escape(name)}(?![\w-])", "user", text)
        count += found
    return text, count


def scrubbed_json(text: str, *, people: bool = False) -> tuple[str, int]:
    """As `scrubbed`, of the strings in a JSON text; unchanged to the byte where there is nothing to take out."""
    count = 0

    def clean(value: Any) -> Any:
        nonlocal count
        if isinstance(value, str):
            value, found = scrubbed(value, people=people)
            count += found
            return value
        if isinstance(value, list):
            return [clean(item) for item in value]
        if isinstance(value, dict):
            return {clean(key): clean(item) for key, item in value.items()}
        return value

    cleaned = clean(json.loads(text))
    return (json.dumps(cleaned, indent=2, ensure_ascii=False) + "\n" if count else text), count


def betrays(data: bytes) -> str | None:
    """What a file that may not be changed gives away: `a token` or `the path of a home folder`, or None."""
    text = data.decode("latin-1")
    if TOKENS.search(text) or any(secret in text for secret in _own_secrets()):
        return "a token"
    home = str(Path.home())
    if len(home) > 3 and re.search(rf"{re.escape(home)}[/\\]", text):
        return "the path of a home folder"
    return None


def _own_secrets() -> Iterable[str]:
    """Tokens this process could use, whatever they look like."""
    from huggingface_hub import get_token

    named = [value for name, value in os.environ.items() if name.upper().endswith(SECRET_NAMES)]
    return sorted({value for value in (*named, get_token()) if value and len(value) >= 12})


def _account() -> set[str]:
    try:
        names = {getpass.getuser(), Path.home().name}
    except (KeyError, OSError):
        names = {Path.home().name}
    return {name for name in names if len(name) >= 3 and name.lower() not in NOT_PEOPLE}
