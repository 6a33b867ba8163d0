"""What pytest gets from an installed mmzoo: `--mmzoo` and one fixture, and nothing heavy until either is used.

`pytest --mmzoo acme` holds the plugin acme to its contract: every check of every component and model is a test.
`mmzoo_plugins` lets the tests of a plugin run before it is installed:

    def test_grid(mmzoo_plugins):
        mmzoo_plugins("acme_mmzoo.plugin")
        check_quantizer("grid", dim=8)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mmzoo.registry.plugins import PluginRecord
    from mmzoo.testing.kit import Case

RESULT = "mmzoo-conformance"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("mmzoo")
    group.addoption("--mmzoo", metavar="PLUGIN", help="hold an installed mmzoo plugin to its contract")
    group.addoption("--mmzoo-json", metavar="FILE", type=Path, help="write what --mmzoo found as JSON")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("mmzoo", None):
        config.pluginmanager.register(Kit(config.getoption("mmzoo")), "mmzoo-kit")


class Kit:
    """What `--mmzoo` adds to a run of pytest."""

    def __init__(self, plugin: str) -> None:
        self.plugin = plugin
        self.results: list[tuple[str, str, str]] = []

    def pytest_ignore_collect(self, config: pytest.Config) -> bool | None:
        """Without files on the command line only the kit is run."""
        return None if config.args_source is config.ArgsSource.ARGS else True

    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """One test for each check."""
        from mmzoo.errors import MmzooError
        from mmzoo.testing.kit import cases

        try:
            found = cases(self.plugin)
        except MmzooError as error:
            raise pytest.UsageError(str(error)) from None
        items += [Check.from_parent(session, name=case.title, case=case) for case in found]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect outcomes; with several processes they arrive here as properties of the reports."""
        told = dict(report.user_properties).get(RESULT)
        if not isinstance(told, dict) or (report.when != "call" and report.passed):
            return
        outcome = "passed" if report.passed else told["exempt"] and f"exempt: {told['exempt']}"
        self.results.append((told["subject"], told["check"], outcome or f"failed: {_why(report)}"))

    def pytest_terminal_summary(self, terminalreporter: Any, config: pytest.Config) -> None:
        """The table; and the record is kept for `mmzoo show`."""
        from mmzoo.errors import MmzooError
        from mmzoo.testing.kit import keep, report

        if not self.results:
            return
        record = report(self.plugin, self.results)
        terminalreporter.section(f"conformance of {record['plugin']} {record['version']} (kit {record['kit']})")
        for subject, checks in record["results"].items():
            wrong = [name for name, told in checks.items() if told.startswith("failed")]
            exempt = [name for name, told in checks.items() if told.startswith("exempt")]
            line = f"{subject:<32} {len(checks) - len(wrong) - len(exempt)} of {len(checks)} checks passed"
            line += f"; failed: {', '.join(wrong)}" * bool(wrong) + f"; exempt: {', '.join(exempt)}" * bool(exempt)
            terminalreporter.write_line(line, red=bool(wrong))
        if (path := config.getoption("mmzoo_json")) is not None:
            path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        try:
            keep(record)
        except MmzooError as error:
            terminalreporter.write_line(f"The record was not kept: {error}")


def _why(report: pytest.TestReport) -> str:
    return " ".join(str(report.longrepr).split())[:500]


class Check(pytest.Item):
    """One check as a test; a failure is told in its one sentence."""

    def __init__(self, *, case: Case, **details: Any) -> None:
        super().__init__(**details)
        self.case = case
        told = {"subject": case.subject, "check": case.check, "exempt": case.exempt}
        self.user_properties.append((RESULT, told))

    def runtest(self) -> None:
        if self.case.exempt:
            pytest.skip(f"exempt: {self.case.exempt}")
        self.case.run()

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *_: Any) -> Any:
        """mmzoo's own errors without a traceback."""
        from mmzoo.errors import MmzooError

        return str(excinfo.value) if isinstance(excinfo.value, MmzooError) else super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, f"conformance: {self.name}"


@pytest.fixture
def mmzoo_plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[PluginRecord, ...]]]:
    """A function that adds plugin modules to the installed plugins until the test ends.

    It takes the names of modules with `mmzoo_register`, and returns what became of them. A module that fails to
    load fails the test with its own traceback; one that is installed already is left as it is.
    """
    from mmzoo.registry import index
    from mmzoo.registry.plugins import discover, from_module

    def add(*modules: str) -> tuple[PluginRecord, ...]:
        known = index.Catalog([*discover(), *(from_module(name) for name in modules)])
        for record in known.plugins():
            if record.target in modules and record.state not in ("loaded", "shadowed"):
                pytest.fail(f"the plugin {record.target} is {record.state}: {record.error}\n{record.traceback or ''}")
        monkeypatch.setattr(index, "_catalog", known)
        return tuple(record for record in known.plugins() if record.target in modules)

    yield add
