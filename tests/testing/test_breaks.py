"""The kit notices every way of breaking a contract, in the check that is there for it and in none before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from broken import COMPILERS, Break, Breaks
from broken.backbones import BACKBONES
from broken.critics import CRITICS
from broken.encoders import ENCODERS
from broken.formats import DETECT, FORMATS
from broken.functions import COMMANDS, DATASETS, JUDGES, METRICS
from broken.fusions import FUSIONS
from broken.heads import HEADS
from broken.quantizers import QUANTIZERS
from broken.samplers import SAMPLERS

from mmzoo.testing.any_kind import trial_of
from mmzoo.testing.common import Checks, NotChecked, run_check
from mmzoo.testing.running import has_compiler

ALL = (QUANTIZERS, ENCODERS, FUSIONS, BACKBONES, SAMPLERS, CRITICS, HEADS, FORMATS, DATASETS, METRICS, JUDGES, COMMANDS)
REQUIRED = {
    "format": {"detect": DETECT},
    "judge": {"license": "mit", "source": "here", "independence": "no part in training", "tasks": ["testing"]},
}
"""What registering a kind takes beside a summary."""
KINDS = {found.kind: found for found in ALL}
BROKEN = [pytest.param(found, one, id=f"{kind}-{one.name}") for kind, found in KINDS.items() for one in found.found]


def checks(catalog: Callable[..., Any], breaks: Breaks, what: Any, **details: Any) -> tuple[str, Checks]:
    """The checks of something that is registered with what it needs."""
    details = {**REQUIRED.get(breaks.kind, {}), **details}
    catalog((breaks.kind, "part", what, details), *breaks.others)
    trial = trial_of(breaks.kind, "part", breaks.config, **breaks.trial)
    return trial.label, trial.checks()


def outcome(label: str, check: str, run: Callable[[], None]) -> str | None:
    """What a check says if it fails."""
    try:
        run_check(label, check, run)
    except NotChecked:
        return None
    except Exception as error:
        return str(error)
    return None


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_sound_passes(kind: str, catalog: Callable[..., Any]) -> None:
    breaks = KINDS[kind]
    label, found = checks(catalog, breaks, breaks.sound)
    for check, run in found.items():
        if check != "inductor":
            run_check(label, check, run)


@pytest.mark.parametrize(("breaks", "broken"), BROKEN)
def test_a_break_is_caught_by_its_check_and_by_none_before(
    breaks: Breaks, broken: Break, catalog: Callable[..., Any]
) -> None:
    label, found = checks(catalog, breaks, broken.what, **broken.details)
    for check, run in found.items():
        if check in COMPILERS and check != broken.check:
            continue
        told = outcome(label, check, run)
        if check == broken.check:
            assert told is not None and broken.told in told
            return
        assert told is None, f"{check}: {told}"


@pytest.mark.parametrize("kind", KINDS)
def test_every_check_has_a_break(kind: str, catalog: Callable[..., Any]) -> None:
    breaks = KINDS[kind]
    _, found = checks(catalog, breaks, breaks.sound)
    assert set(found) - {"inductor"} == {one.check for one in breaks.found} | set(breaks.elsewhere)


@pytest.mark.slow
@pytest.mark.skipif(not has_compiler(), reason="inductor needs a C++ compiler")
def test_what_inductor_gets_wrong_is_caught(catalog: Callable[..., Any]) -> None:
    (broken,) = [one for one in QUANTIZERS.found if one.check == "compile"]
    label, found = checks(catalog, QUANTIZERS, broken.what)
    assert "another result" in str(outcome(label, "inductor", found["inductor"]))
