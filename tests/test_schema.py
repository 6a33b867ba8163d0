"""Configs are checked against constructor signatures."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmzoo.errors import ConfigError, ConfigTypeError, MmzooError, PluginError, UnknownKeyError
from mmzoo.interfaces import Count, Fraction, Positive, Size
from mmzoo.schema import arguments_of, resolve


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
        one: Literal[1] = 1,
        either: int | float | str = 0,
        nested: dict[str, list[tuple[int, str]]] | None = None,
        names: Sequence[str] = (),
        free: Mapping[str, Any] | None = None,
        copy: int = 0,
        model_fields: str = "",
        _low: bool = False,
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
    assert resolve(Part, checked.config, path="p").config == checked.config


@pytest.mark.parametrize(
    ("key", "value", "path", "words"),
    [
        ("width", True, "p.width", "integer, not True"),
        ("width", 2.0, "p.width", "integer, not 2.0"),
        ("width", "3", "p.width", "integer, not '3'"),
        ("width", None, "p.width", "integer, not None"),
        ("rate", float("nan"), "p.rate", "finite number, not nan"),
        ("rate", float("inf"), "p.rate", "finite number, not inf"),
        ("rate", 10**400, "p.rate", "finite number, not 1"),
        ("rate", False, "p.rate", "number, not False"),
        ("bias", 1, "p.bias", "boolean, not 1"),
        ("title", 1, "p.title", "string, not 1"),
        ("title", ["\n" * 200], "p.title", "string, not ['"),
        ("levels", [1, "2"], "p.levels[1]", "integer, not '2'"),
        ("levels", [1, True], "p.levels[1]", "integer, not True"),
        ("levels", {"0": 1}, "p.levels", "a list, not {'0': 1}"),
        ("pair", [1], "p.pair", "longer, not [1]"),
        ("pair", [1, 2, 3], "p.pair", "at most 2 items"),
        ("many", [1, None], "p.many[1]", "integer, not None"),
        ("mode", "c", "p.mode", "'a' or 'b' or 3, not 'c'"),
        ("mode", 3.0, "p.mode", "'a' or 'b' or 3, not 3.0"),
        ("one", True, "p.one", "1, not True"),
        ("either", [], "p.either", "int or float or str, not []"),
        ("either", [[1]], "p.either", "int or float or str, not [[1]]"),
        ("sizes", {"a": 1.5}, "p.sizes.a", "integer, not 1.5"),
        ("sizes", 3, "p.sizes", "a mapping, not 3"),
        ("nested", {"a": [[1, "x"], [1, 2]]}, "p.nested.a[1][1]", "string, not 2"),
        ("names", "abc", "p.names", "a list, not 'abc'"),
        ("free", {"x": {1, 2}}, "p.free.x", "JSON value, not {1, 2}"),
        ("free", {"x": [{1: 2}]}, "p.free.x[0]", "string keys, not {1: 2}"),
        ("free", {"x": float("nan")}, "p.free.x", "finite number, not nan"),
    ],
)
def test_ill_typed(key: str, value: Any, path: str, words: str) -> None:
    with pytest.raises(ConfigTypeError) as caught:
        resolve(Part, {"width": 1, key: value}, path="p", label="part")
    text = str(caught.value)
    assert caught.value.path == path and text.startswith(f"{path} of part ") and words in text
    assert text.endswith(".") and "\n" not in text and len(text) < 200


@pytest.mark.parametrize("depth", [300, 100_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    value: Any = []
    for _ in range(depth):
        value = [value]
    with pytest.raises(ConfigTypeError) as caught:
        resolve(Part, {"width": 1, "free": {"x": value}}, path="p", label="part")
    assert caught.value.path.startswith("p") and len(str(caught.value)) < 200


def test_an_int_of_too_many_digits_is_refused() -> None:
    with pytest.raises(ConfigTypeError) as caught:
        resolve(Part, {"width": 10**5000}, path="p", label="part")
    assert len(str(caught.value)) < 200


def test_unknown_and_missing_keys() -> None:
    with pytest.raises(UnknownKeyError, match=r"Unknown key p\.widht for part: did you mean 'width'\?$") as caught:
        resolve(Part, {"widht": 1}, path="p", label="part")
    assert caught.value.path == "p.widht"
    with pytest.raises(UnknownKeyError, match="there are"):
        resolve(Part, {"width": 1, "_target_\n": "os.system"}, path="p", label="part")
    with pytest.raises(ConfigError, match=r"part needs the key p\.width \(int\), which is missing; add it\."):
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
        (Bare, "no type"),
        (Odd, "annotated Part"),
        (Unreadable, "cannot be read"),
    ]:
        with pytest.raises(PluginError, match=word) as caught:
            arguments_of(cls)
        assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_functions_have_a_schema_whatever_they_return() -> None:
    def build(*, root: str, words: Sequence[str] = ("a",)) -> Missing:  # type: ignore[name-defined]  # noqa: F821
        raise AssertionError

    assert resolve(build, {"root": "x", "words": ["b"]}, path="").config == {"root": "x", "words": ["b"]}
    assert resolve(build, {"root": "x"}, path="").arguments == {"root": "x", "words": ("a",)}


class Renamed:
    renamed: ClassVar = {"square": "patch"}

    def __init__(self, *, patch: int = 2) -> None: ...


def test_an_old_key_is_read_with_a_warning() -> None:
    with pytest.warns(FutureWarning, match=r"p\.square of part is now called patch"):
        assert resolve(Renamed, {"square": 4}, path="p", label="part").config == {"patch": 4}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert resolve(Renamed, {"patch": 4}, path="p", label="part").config == {"patch": 4}


def test_a_function_may_rename_arguments_too() -> None:
    def build(*, side: int = 8) -> None: ...

    build.renamed = {"size": "side"}  # type: ignore[attr-defined]
    with pytest.warns(FutureWarning, match="size of build is now called side"):
        assert resolve(build, {"size": 4}, path="").config == {"side": 4}


def test_an_old_and_its_new_key_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match="give only patch") as caught:
        resolve(Renamed, {"square": 4, "patch": 4}, path="p", label="part")
    assert caught.value.path == "p.square"


def test_an_ill_typed_value_under_an_old_key_is_refused_by_the_new_name() -> None:
    with pytest.warns(FutureWarning), pytest.raises(ConfigTypeError) as caught:
        resolve(Renamed, {"square": "4"}, path="p", label="part")
    assert caught.value.path == "p.patch"


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
    again = resolve(Part, json.loads(json.dumps(checked.config, allow_nan=False)), path="p")
    assert json.dumps(again.config) == json.dumps(checked.config)


@pytest.mark.parametrize(
    ("wrong", "path"),
    [({"choice": True}, "choice"), ({"choices": [1.0]}, "choices[0]"), ({"choices": [3]}, "choices[0]")],
)
def test_literals_are_exact_wherever_they_stand(wrong: dict[str, Any], path: str) -> None:
    def function(*, choice: Literal[1, 2] | None = None, choices: list[Literal[1, 2]] = []) -> None:  # noqa: B006
        """Takes choices."""

    assert resolve(function, {"choice": 2, "choices": [1]}, path="").arguments == {"choice": 2, "choices": [1]}
    with pytest.raises(ConfigTypeError) as refused:
        resolve(function, wrong, path="")
    assert refused.value.path == path


@pytest.mark.parametrize(
    ("key", "value", "path", "words"),
    [
        ("dim", 0, "p.dim", "equal to 1, not 0"),
        ("dim", True, "p.dim", "integer, not True"),
        ("share", 2, "p.share", "less than or equal to 1"),
        ("share", -0.1, "p.share", "greater than or equal to 0"),
        ("share", float("nan"), "p.share", "finite"),
        ("ratio", 0.0, "p.ratio", "greater than 0"),
        ("depth", -1, "p.depth", "equal to 0, not -1"),
        ("widths", [4, 0], "p.widths[1]", "equal to 1, not 0"),
        ("sizes", {"a": 0}, "p.sizes.a", "equal to 1, not 0"),
        ("maybe", 0, "p.maybe", "equal to 1, not 0"),
    ],
)
def test_a_number_outside_its_range_is_named(key: str, value: Any, path: str, words: str) -> None:
    def function(
        *,
        dim: Size = 1,
        depth: Count = 0,
        share: Fraction = 0.5,
        ratio: Positive = 1.0,
        widths: Sequence[Size] = (4,),
        sizes: dict[str, Size] | None = None,
        maybe: Size | None = None,
    ) -> None: ...

    with pytest.raises(ConfigTypeError, match=re.escape(words)) as told:
        resolve(function, {key: value}, path="p")
    assert told.value.path == path
    assert resolve(function, {"dim": 3, "share": 1, "maybe": None}, path="p").config["share"] == 1.0
