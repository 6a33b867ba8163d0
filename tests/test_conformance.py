"""The first-party plugins hold their contracts."""

from __future__ import annotations

import pytest

from mmzoo import registry
from mmzoo.testing.common import NotChecked
from mmzoo.testing.kit import Case, cases

PLUGINS = [
    f"mmzoo-{name}"
    for name in ["datasets", "dit", "encoders", "image", "prior", "recognition", "transfer", "tts", "vqvae"]
]
COMPILERS = ("export", "compile", "inductor")
NOT_FOR_ALL = {
    "masks",
    "batch",
    "backward",
    "decoding",
    "gates",
    "modes",
    "rows",
    "licence",
    "card",
    "golden",
    "prompts",
}
"""Checks that may be of no use for a component: for text nothing is differentiable, pictures have no padding."""

KNOWS_NOTHING = "model/dit-digits-classifier["
"""Built with a fresh generator, which denoises alike under all classes, this model cannot be trained."""


def subjects() -> dict[str, list[Case]]:
    """Every component and model of mmzoo's own plugins, with its checks."""
    found: dict[str, list[Case]] = {}
    for plugin in PLUGINS:
        for case in cases(plugin):
            found.setdefault(f"{plugin}: {case.target}[{case.trial}]", []).append(case)
    return found


FIRST_PARTY = subjects()
QUICK_WHOLE = ("model/vqvae-words[", "head/text-vqvae[", "head/recognition[")
"""Heads and models take seconds each, so that all but these are left to the slow run."""


def marked(title: str) -> object:
    whole = ": model/" in title or ": head/" in title or ": encoder/timm" in title
    slow = whole and not any(quick in title for quick in QUICK_WHOLE)
    return pytest.param(title, marks=pytest.mark.slow) if slow else title


@pytest.mark.parametrize("title", map(marked, FIRST_PARTY))
def test_a_first_party_component_holds_its_contract(title: str) -> None:
    checked = 0
    for case in FIRST_PARTY[title]:
        if case.check not in COMPILERS:
            try:
                case.run()
                checked += 1
            except NotChecked:
                assert case.check in NOT_FOR_ALL or KNOWS_NOTHING in title
    assert checked >= 2


@pytest.mark.slow
@pytest.mark.parametrize("title", [t for t, found in FIRST_PARTY.items() if {c.check for c in found} & set(COMPILERS)])
def test_a_first_party_component_is_exported_and_compiled(title: str) -> None:
    for case in FIRST_PARTY[title]:
        if case.check in COMPILERS and not case.exempt:
            case.run()


def test_every_first_party_component_and_model_is_checked() -> None:
    known = registry.catalog()
    registered = {f"{s.kind}/{s.name}" for s in known.components() if s.plugin in PLUGINS}
    registered |= {f"model/{s.name}" for s in known.models() if s.plugin in PLUGINS}
    checked = {case.target for found in FIRST_PARTY.values() for case in found}
    assert checked == registered | {"plugin"}


def test_little_is_exempt() -> None:
    exempt = {(case.target, case.check) for found in FIRST_PARTY.values() for case in found if case.exempt}
    assert exempt == {("fusion/rnn", "export")}
