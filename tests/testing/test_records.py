"""What the record of a run tells, and what becomes of it when only a part is run again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mmzoo.registry import index, settings
from mmzoo.testing.kit import report
from mmzoo.testing.records import code_digest, conformity, save_record

PLUGIN = """
@hookimpl
def mmzoo_register(register):
    register.command("loose-c", "loose.parts:c", summary="counts")
    register.metric("m", "loose.parts:c", summary="s", trials=[{}, {}])
"""


def record(plugin: dict[str, str] | None = None, **checks: str) -> dict[str, Any]:
    results = {"plugin": {"loads": "passed"} if plugin is None else plugin, "quantizer/q": checks}
    return {"kit": "1.0", "date": "2026-05-01", "plugin": "acme", "version": "2", "mmzoo": "0.1", "results": results}


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (record(masks="passed", batch="passed"), "conforms (kit 1.0, 2026-05-01)"),
        (record(masks="passed", export="exempt: hard"), "conforms (kit 1.0, 2026-05-01); exempt export"),
        (
            record(masks="not applicable: no masks", card="not checked: absent"),
            "conforms (kit 1.0, 2026-05-01); not applicable masks; not checked card",
        ),
        (record(masks="failed: why", batch="passed"), "does not conform: masks (kit 1.0, 2026-05-01)"),
        (record(masks="failed: why", batch="not run"), "does not conform: masks (kit 1.0, 2026-05-01)"),
        (record({"licence": "failed: none"}, masks="passed"), "does not conform: plugin licence (kit 1.0, 2026-05-01)"),
        (record(masks="passed", batch="not run"), "incomplete (2 of 3 checks; kit 1.0, 2026-05-01)"),
        (record({"loads": "not run"}, masks="passed"), "incomplete (1 of 2 checks; kit 1.0, 2026-05-01)"),
        (record({}, masks="passed"), "incomplete (the checks of the package were not run; kit 1.0, 2026-05-01)"),
        (record(masks="perhaps"), "incomplete (1 of 2 checks; kit 1.0, 2026-05-01)"),
        (record() | {"results": []}, None),
        (record(masks="passed") | {"version": "3"}, None),
    ],
)
@pytest.mark.usefixtures("home")
def test_what_is_told_of_a_record(found: dict[str, Any], told: str | None) -> None:
    settings.write("conformance/acme.json", found)
    assert conformity("acme", "2", "quantizer/q") == told


@pytest.mark.usefixtures("home")
def test_a_partial_run_takes_nothing_from_a_whole_record_but_adds_what_failed() -> None:
    def told() -> str:
        return str(conformity("acme", "2", "quantizer/q")).partition(" (")[0]

    save_record(record(masks="passed", batch="not run"))
    assert told() == "incomplete"
    save_record(record(masks="passed", batch="passed"))
    save_record(record(masks="passed", batch="not run"))
    assert told() == "conforms"
    save_record(record(masks="not run", batch="failed: why"))
    assert told() == "does not conform: batch"
    save_record(record(masks="not run", batch="passed"))  # only a whole run says that all of it is well
    assert told() == "does not conform: batch"
    save_record(record(masks="passed", batch="passed"))
    assert told() == "conforms"
    save_record(record(masks="passed", batch="not run") | {"mmzoo": "0.2"})
    assert told() == "incomplete"


def test_a_report_tells_of_every_check_and_of_several_trials_the_worst(site: Any) -> None:
    site.install("loose", PLUGIN)
    results = [("metric/m", 0, "signature", "passed"), ("metric/m", 1, "signature", "failed: why")]
    results += [("metric/m", 0, "network", "passed"), ("metric/m", 0, "registration", "passed")]
    results += [("metric/m", 1, "registration", "not applicable: so")]
    found = report("loose", results)["results"]
    told = {"registration": "not applicable: so", "network": "not run", "signature": "failed: why"}
    assert found["metric/m"] == told
    assert set(found) == {"plugin", "metric/m", "command/loose-c"} and set(found["plugin"].values()) == {"not run"}


def test_a_verdict_is_of_the_code_that_was_tried(site: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(settings.HOME, str(tmp_path / "home"))
    site.install("acme", "@hookimpl\ndef mmzoo_register(register): ...\n", version="2", files={"parts.py": "Q = 1\n"})
    monkeypatch.setattr(index, "_catalog", index.Catalog())
    save_record(record(masks="passed") | {"code": code_digest("acme")})
    assert conformity("acme", "2", "quantizer/q") == "conforms (kit 1.0, 2026-05-01)"
    (site.folder / "acme" / "parts.py").write_text("Q = 2\n")
    assert conformity("acme", "2", "quantizer/q") == "not tried since its code was changed (kit 1.0, 2026-05-01)"
