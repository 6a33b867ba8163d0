"""Configs are checked against constructor signatures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmzoo.composition.schema import arguments_of, resolve
from mmzoo.errors import ConfigError, ConfigTypeError, MmzooError, PluginError, UnknownKeyError


class Part:
    def __init__(
        self,
        *,
        width: int,
        rate: float = 1.0,
        bias: bool = False,
        title: str = "",
        levels: list[int] | None = None,
        pair: tuple[int, float] = (1, 2.0),
        many: tuple[int, ...] = (),
        sizes: dict[str, int] | None = None,
        mode: Literal["a", "b", 3] = "a",
        either: int | float | str = 0,
        nested: dict[str, list[tuple[int, str]]] | None = None,
        names: Sequence[str] = (),
        free: Mapping[str, Any] | None = None,
    ) -> None: ...


def test_defaults_and_conversions() -> None:
    checked = resolve(
        Part,
        {"width": 3, "rate": 2, "pair": [4, 5], "many": [1, 2], "nested": {"a": [[1, "x"]]}, "either": 3},
        path="p",
    )
    assert checked.arguments["rate"] == 2.0 and type(checked.arguments["rate"]) is float
    assert checked.arguments["pair"] == (4, 5.0) and checked.arguments["many"] == (1, 2)
    assert checked.arguments["nested"] == {"a": [(1, "x")]}
    assert type(checked.arguments["either"]) is int
    assert checked.config["pair"] == [4, 5.0] and checked.config["bias"] is False and checked.config["levels"] is None
    assert json.loads(json.dumps(checked.config)) == checked.config
    assert resolve(Part, checked.config, path="p") == checked


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("width", True, "p.width of part must be int, not True."),
        ("width", 2.0, "p.width of part must be int, not 2.0."),
        ("width", "3", "p.width of part must be int, not '3'."),
        ("width", None, "p.width of part must be int, not None."),
        ("rate", float("nan"), "p.rate of part must be a finite float, not nan."),
        ("rate", float("inf"), "p.rate of part must be a finite float, not inf."),
        ("rate", 10**400, "p.rate of part must be a finite float, not 1000"),
        ("rate", False, "p.rate of part must be float, not False."),
        ("bias", 1, "p.bias of part must be bool, not 1."),
        ("title", 1, "p.title of part must be str, not 1."),
        ("levels", [1, "2"], "p.levels of part must be list[int] or null, not [1, '2']."),
        ("levels", [1, True], "p.levels of part must be list[int] or null, not [1, True]."),
        ("pair", [1], "p.pair of part must be a list of 2 values, not [1]."),
        ("many", [1, None], "p.many[1] of part must be int, not None."),
        ("mode", "c", "p.mode of part must be 'a' or 'b' or 3, not 'c'."),
        ("mode", 3.0, "p.mode of part must be 'a' or 'b' or 3, not 3.0."),
        ("either", [], "p.either of part must be int or float or str, not []."),
        ("sizes", {"a": 1.5}, "p.sizes of part must be dict[str, int] or null, not {'a': 1.5}."),
        ("names", "abc", "p.names of part must be list[str], not 'abc'."),
        ("title", ["\n" * 200], r"p.title of part must be str, not ['\n\n"),
        ("free", {"x": {1, 2}}, "p.free of part must be"),
    ],
)
def test_ill_typed(key: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigTypeError) as caught:
        resolve(Part, {"width": 1, key: value}, path="p", label="part")
    text = str(caught.value)
    assert text.startswith(message) and text.endswith(".") and "\n" not in text and len(text) < 200
    assert caught.value.path.startswith(f"p.{key}")


def test_unknown_and_missing_keys() -> None:
    with pytest.raises(UnknownKeyError, match=r"Unknown key p\.widht for part: did you mean 'width'\?$") as caught:
        resolve(Part, {"widht": 1}, path="p", label="part")
    assert caught.value.path == "p.widht"
    with pytest.raises(UnknownKeyError, match=r"width.*bias"):
        resolve(Part, {"width": 1, "_target_\n": "os.system"}, path="p", label="part")
    with pytest.raises(ConfigError, match=r"part.*p\.width.*int"):
        resolve(Part, {}, path="p", label="part")


def test_constructors_that_cannot_be_configured() -> None:
    class Positional:
        def __init__(self, width: int) -> None: ...

    class CatchAll:
        def __init__(self, **settings: int) -> None: ...

    class Bare:
        def __init__(self, *, width) -> None: ...  # type: ignore[no-untyped-def]

    class Odd:
        def __init__(self, *, part: Part) -> None: ...

    class Unreadable:
        def __init__(self, *, width: Missing) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    for cls, word in [
        (Positional, "keyword-only"),
        (CatchAll, "keyword-only"),
        (Bare, "width"),
        (Odd, "part.*Part"),
        (Unreadable, "Missing"),
    ]:
        with pytest.raises(PluginError, match=word) as caught:
            arguments_of(cls)
        assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(arguments_of(Part))) | st.text(max_size=3), json_values, max_size=5))
def test_any_config_is_resolved_or_refused(config: dict[str, Any]) -> None:
    try:
        checked = resolve(Part, config, path="p")
    except MmzooError as error:
        assert "\n" not in str(error) and str(error)[-1] in ".?"
        return
    assert resolve(Part, json.loads(json.dumps(checked.config, allow_nan=False)), path="p") == checked
