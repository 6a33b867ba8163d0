"""What the generated cases are made of, and how one is judged."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmzoo import errors
from mmzoo.cli.output import plain

CASES = int(os.environ.get("MMZOO_TEST_CASES", "1250"))
LOUD = "a\x1b[2J\u202e\nb"
Strategy = st.SearchStrategy[Any]

words = st.sampled_from(["name", "head", "recipe", "tts", "fsq", "vq", "model", "os.system", "a:b", LOUD])
text = words | st.text(max_size=12)
numbers = st.integers() | st.floats() | st.sampled_from([0, -1, 2**63, 10**30, 1e300])
scalars = st.none() | st.booleans() | numbers | text
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4), max_leaves=12
)


def changed(sound: Mapping[str, Any], most: int = 2, put: Strategy = values) -> Strategy:
    """A sound mapping of which at most so many keys, of any depth, have other values, are gone, or are joined."""
    places = st.sampled_from(_places(sound))
    changes = st.lists(st.tuples(places, st.sampled_from(["set", "set", "drop", "add"]), put, text), max_size=most)
    return changes.map(lambda chosen: _apply(sound, chosen))


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, Mapping) else ()
    return [place for key, item in items for place in [(*at, key), *_places(item, (*at, key))]]


def _apply(sound: Any, changes: list[tuple[tuple[Any, ...], str, Any, str]]) -> Any:
    found = _copy(sound)
    for place, what, value, key in changes:
        node: Any = found
        for step in place[:-1]:
            node = node.get(step) if isinstance(node, dict) else None
        if isinstance(node, dict):
            if what == "drop":
                node.pop(place[-1], None)
            else:
                node[key if what == "add" else place[-1]] = value
    return found


def _copy(value: Any) -> Any:
    return {key: _copy(item) for key, item in value.items()} if isinstance(value, Mapping) else value


def fuzz(cases: Strategy, read: Callable[[Any], Any], *, least: float = 0.03) -> None:
    """Read CASES generated values. Each is read, or refused in one of our sentences; and some of both happen.

    least: the share of either, below which the cases would not test what they are for.
    """
    count: Counter[str] = Counter()

    @settings(max_examples=CASES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(cases)
    def each(case: Any) -> None:
        try:
            read(case)
        except errors.MmzooError as error:
            sentence(error)
            count["refused"] += 1
        else:
            count["read"] += 1

    each()
    assert count.total() >= CASES
    assert min(count["read"], count["refused"]) >= least * CASES, count


def sentence(error: Exception) -> None:
    """One line that ends like a sentence and holds nothing that a terminal obeys."""
    told = str(error)
    assert plain(told) == told and "\n" not in told and "\t" not in told, repr(told)
    assert told.rstrip(")")[-1] in ".?!" and len(told) < 2000, told
