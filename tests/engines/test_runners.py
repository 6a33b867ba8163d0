"""The runners of all heads."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from mmzoo.registry import catalog
from mmzoo.registry.specs import HeadSpec

RUNNERS = [spec.runs() for spec in catalog().components("head") if isinstance(spec, HeadSpec) and spec.runner]
PROGRAM = """
import sys
from mmzoo.registry import catalog, load_target
for name in sys.argv[1:]:
    load_target(catalog().component("head", name).runs())
    heavy = {"torch", "pydantic", "datasets", "onnx", "typer"} & set(sys.modules)
    assert not heavy, f"the runner of {name} imports {heavy}"
"""


def test_runners_import_nothing_heavy() -> None:
    names = [f"{spec.plugin}:{spec.name}" for spec in RUNNERS]
    done = subprocess.run([sys.executable, "-c", PROGRAM, *names], capture_output=True, text=True, check=False)
    assert names and done.returncode == 0, done.stderr


@pytest.mark.parametrize("spec", RUNNERS, ids=lambda spec: spec.name)
def test_a_runner_has_the_verbs_of_its_head(spec) -> None:
    import inspect

    from mmzoo.interfaces import Exportable, Runner
    from mmzoo.registry import load_target

    head, runner = load_target(catalog().component("head", f"{spec.plugin}:{spec.name}")), load_target(spec)
    assert issubclass(runner, Runner) and issubclass(head, Exportable)
    for name, verb in inspect.getmembers(runner, inspect.isfunction):
        if name == "__call__" or not name.startswith("_"):
            given = list(inspect.signature(verb).parameters)
            assert given == list(inspect.signature(getattr(head, name)).parameters)[: len(given)], name


@pytest.mark.parametrize(("runner", "words"), [("Plain", "Plain"), ("Runs", "graphs")])
def test_the_kit_checks_runners(site: Any, runner: str, words: str) -> None:
    from mmzoo.testing import ConformanceError, check_head

    code = f"""
    @hookimpl
    def mmzoo_register(register):
        register.head("bare", "bare_plugin.parts:Bare", runner="bare_plugin.parts:{runner}", summary="a head")
    """
    parts = """
    from mmzoo.interfaces import Runner, TaskHead
    class Bare(TaskHead): pass
    class Plain: pass
    class Runs(Runner): pass
    """
    site.install("bare-plugin", code, files={"parts.py": parts})
    with pytest.raises(ConformanceError, match=words):
        check_head("bare", rows=False)


@pytest.mark.parametrize("runner", ["not a target", 3])
def test_a_runner_must_be_a_target(site: Any, runner: Any) -> None:
    site.install(
        "bare-plugin",
        f"""
        @hookimpl
        def mmzoo_register(register):
            register.head("bare", "bare_plugin.parts:Bare", runner={runner!r}, summary="a head")
        """,
    )
    [record] = [record for record in catalog().plugins() if record.distribution == "bare-plugin"]
    assert record.state == "broken" and repr(runner) in str(record.error)
