"""What an installed mmzoo adds to pytest: `--mmzoo` and one fixture, with nothing heavy imported until they are used.

`pytest --mmzoo acme` checks the plugin acme: every check of every component and model is a test. The fixture
`mmzoo_plugins` lets a plugin's tests run before it is installed:

    def test_grid(mmzoo_plugins):
        mmzoo_plugins("acme_mmzoo.plugin")
        check_quantizer("grid", dim=8)
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mmzoo.errors import MmzooError
from mmzoo.safe_text import one_line, plain
from mmzoo.testing.common import NotChecked

if TYPE_CHECKING:
    from mmzoo.registry.plugins import PluginRecord
    from mmzoo.testing.kit import Case

RESULT = "mmzoo-conformance"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("mmzoo")
    group.addoption("--mmzoo", metavar="PLUGIN", help="check an installed mmzoo plugin against its contract")
    group.addoption("--mmzoo-json", metavar="FILE", type=Path, help="write the results of --mmzoo as JSON")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("mmzoo", None):
        config.pluginmanager.register(Kit(config.getoption("mmzoo")), "mmzoo-kit")


class Kit:
    """The pytest hooks behind `--mmzoo`."""

    def __init__(self, plugin: str) -> None:
        self.plugin = plugin
        self.results: list[tuple[str, int, str, str]] = []

    def pytest_ignore_collect(self, config: pytest.Config) -> bool | None:
        """Without files on the command line, run only the kit."""
        return None if config.args_source is config.ArgsSource.ARGS else True

    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Add one test per check."""
        from mmzoo.testing.kit import cases

        try:
            all_cases = cases(self.plugin)
        except MmzooError as error:
            raise pytest.UsageError(one_line(error)) from None
        items += [Check.from_parent(session, name=case.title, case=case) for case in all_cases]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect outcomes from report properties, which xdist passes between processes."""
        from mmzoo.testing.records import NEUTRAL

        properties = dict(report.user_properties).get(RESULT)
        if not isinstance(properties, list) or (report.when != "call" and report.passed):
            return
        target, trial, check = properties
        reason = _reason(report)
        neutral = report.skipped and reason.startswith(NEUTRAL)
        outcome = "passed" if report.passed else reason if neutral else f"failed: {reason}"
        self.results.append((target, trial, check, outcome))

    def pytest_terminal_summary(self, terminalreporter: Any, config: pytest.Config) -> None:
        """Print the table, and save the record for `mmzoo show`."""
        from mmzoo.testing.kit import report
        from mmzoo.testing.records import NEUTRAL, NOT_RUN, save_record

        if not self.results:
            return
        record = report(self.plugin, self.results)
        title = f"conformance of {record['plugin']} {record['version']} (kit {record['kit']})"
        terminalreporter.section(one_line(title))
        reasons: dict[str, None] = {}
        for target, checks in record["results"].items():
            passed = sum(outcome == "passed" for outcome in checks.values())
            line = f"{target:<32} {passed} of {len(checks)} checks passed"
            for how in ("failed", NOT_RUN, *NEUTRAL):
                named = [name for name, outcome in checks.items() if outcome.startswith(how)]
                line += f"; {how}: {', '.join(named)}" * bool(named)
                reasons |= {f"{name}: {checks[name]}": None for name in named if how in NEUTRAL}
            terminalreporter.write_line(one_line(line), red="; failed:" in line)
        for reason in reasons:
            terminalreporter.write_line(one_line(reason))
        if (path := config.getoption("mmzoo_json")) is not None:
            path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        try:
            save_record(record)
        except MmzooError as error:
            terminalreporter.write_line(one_line(f"The record could not be saved: {error}"))


def _reason(report: pytest.TestReport) -> str:
    text = report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else report.longrepr
    return " ".join(str(text).split())[:500]


class Check(pytest.Item):
    """One check as a test; a failure is reported as one sentence."""

    def __init__(self, *, case: Case, **details: Any) -> None:
        super().__init__(**details)
        self.case = case
        self.user_properties.append((RESULT, [case.target, case.trial, case.check]))

    def runtest(self) -> None:
        if self.case.exempt:
            pytest.skip(one_line(f"exempt: {self.case.exempt}"))
        try:
            self.case.run()
        except NotChecked as reason:
            pytest.skip(one_line(reason))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *_: Any) -> Any:
        """mmzoo's own errors without a traceback, and no terminal control characters."""
        error = excinfo.value
        return one_line(error) if isinstance(error, MmzooError) else plain(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, f"conformance: {self.name}"


@pytest.fixture
def mmzoo_plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[PluginRecord, ...]]]:
    """A function that adds plugin modules to the installed plugins until the test ends.

    It takes the names of modules that define `mmzoo_register` and returns their plugin records. A module that fails to
    load fails the test with its traceback; one that is already installed stays as it is.
    """
    from mmzoo.registry import index
    from mmzoo.registry.plugins import CHOICE, LOCAL, discover, from_module

    def add(*modules: str) -> tuple[PluginRecord, ...]:
        if choice := os.environ.get(CHOICE):
            monkeypatch.setenv(CHOICE, f"{choice},{LOCAL}")  # modules that a test names are always enabled
        known = index.Catalog([*discover(), *(from_module(name) for name in modules)])
        for record in known.plugins():
            if record.target in modules and record.state not in ("loaded", "shadowed"):
                message = f"the plugin {record.target} is {record.state}: {record.error}\n{record.traceback or ''}"
                pytest.fail(plain(message))
        monkeypatch.setattr(index, "_catalog", known)
        return tuple(record for record in known.plugins() if record.target in modules)

    yield add
