"""What a plugin may register is one page; tasks and judges that cannot be used are refused when they are registered."""

from __future__ import annotations

from typing import Any

import pytest

from mmzoo.errors import PluginError
from mmzoo.hookspecs import Register
from mmzoo.registry import Catalog, catalog
from mmzoo.registry.specs import KINDS

JUDGE: dict[str, Any] = {
    "summary": "reads",
    "license": "mit",
    "source": "its own code",
    "independence": "no part in training any model",
    "tasks": ("copying",),
}


def test_the_page_has_a_method_for_every_kind() -> None:
    methods = {name for name in vars(Register) if not name.startswith("_")}
    assert methods == {*KINDS, "model", "task"}


@pytest.mark.parametrize("key", ["license", "source", "independence"])
@pytest.mark.parametrize("value", ["", " ", None])
def test_a_judge_says_what_it_is_and_what_it_is_independent_of(key: str, value: Any) -> None:
    register = Register("acme")
    with pytest.raises(PluginError, match=key):
        register.judge("reader", "acme.judges:Reader", **{**JUDGE, key: value})
    register.judge("reader", "acme.judges:Reader", **JUDGE)
    assert register.supplies() == ("judge/reader",)


def test_the_tasks_of_a_judge_are_a_list() -> None:
    with pytest.raises(PluginError, match="tasks"):
        Register("acme").judge("reader", "acme.judges:Reader", **{**JUDGE, "tasks": "copying"})


@pytest.mark.parametrize(
    "options",
    [
        {"tables": "no target"},
        {"numbers": "acme.results"},
        {"headlines": ["a.b"]},
        {"headlines": {"a.b": 3}},
        {"sections": {"a": None}},
        {"summary": None},
    ],
)
def test_a_malformed_task_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(PluginError, match="copying"):
        Register("acme").task("copying", **{"summary": "copies", **options})


def test_a_task_is_registered_once() -> None:
    register = Register("acme")
    register.task("copying", summary="copies", aliases=("duplication",))
    for name in ("copying", "duplication"):
        with pytest.raises(PluginError, match="twice"):
            register.task(name, summary="again")


def test_a_task_that_plugins_share_is_the_models_own_else_mmzoos() -> None:
    """A stranger's plugin that registers a task of ours changes nothing for our models."""
    ours = next(task for task in catalog().tasks() if task.plugin.startswith("mmzoo-"))
    known = Catalog(candidates=())
    for plugin in ("aaa-stranger", ours.plugin, "zzz-stranger"):
        register = Register(plugin)
        register.task(ours.name, summary=f"of {plugin}")
        known._tasks += register.tasks
    assert [
        getattr(known.task(ours.name, plugin), "plugin", None) for plugin in (None, ours.plugin, "zzz-stranger")
    ] == [
        ours.plugin,
        ours.plugin,
        "zzz-stranger",
    ]
    assert known.task("nobody-registers-this") is None
