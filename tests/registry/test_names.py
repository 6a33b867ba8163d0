"""How a name finds its model or component: aliases, deprecations, tags, wildcards and suggestions."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmzoo.errors import UnknownNameError, UsageError
from mmzoo.registry import Catalog
from mmzoo.registry.listing import list_components, list_models
from mmzoo.registry.names import did_you_mean, natural, split_qualifier, split_tag, suggestions

PLUGIN = """
from mmzoo.registry.specs import Weights

@hookimpl
def mmzoo_register(register):
    register.quantizer("round", "acme.parts:Q", summary="rounds", aliases=["nearest"])
    register.quantizer("lookup", "acme.parts:Q", summary="looks up", aliases=["round-old"], deprecated="use 'round'.")
    register.model(
        "acme-9", task="t", summary="s", recipe={"head": "tts"}, modalities=["speech"], aliases=["acme-small"],
        weights=[Weights("base", license="mit"), Weights("large", license="mit")],
    )
    register.model("acme-12", task="t", summary="s", recipe={"head": "tts"}, deprecated="use 'acme-9'.")
"""


@pytest.fixture
def catalog(site: Any) -> Catalog:
    site.install("acme", PLUGIN)
    return Catalog()


def test_an_alias_finds_what_it_stands_for(catalog: Catalog) -> None:
    assert catalog.component("quantizer", "nearest").name == "round"
    assert catalog.component("quantizer", "acme:nearest").name == "round"
    assert catalog.model("acme-small.large").name == "acme-9"


def test_a_name_outranks_another_plugins_alias(site: Any, catalog: Catalog) -> None:
    site.install(
        "beta",
        "@hookimpl\ndef mmzoo_register(register):\n"
        "    register.quantizer('other', 'beta.parts:Q', summary='s', aliases=['round'])\n",
    )
    both = Catalog()
    assert both.component("quantizer", "round").plugin == "acme"
    assert both.component("quantizer", "beta:round").name == "other"


def test_deprecated_names_warn_once_and_work(catalog: Catalog) -> None:
    with pytest.warns(FutureWarning, match=r"'lookup'.*'round'"):
        assert catalog.component("quantizer", "round-old").name == "lookup"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert catalog.component("quantizer", "lookup").name == "lookup"
    with pytest.warns(FutureWarning, match="'acme-9'"):
        catalog.model("acme-12")


def test_tags(catalog: Catalog) -> None:
    assert catalog.model("acme-9.base").name == "acme-9"
    with pytest.raises(UnknownNameError, match=r"'lagre'.*'large'"):
        catalog.model("acme-9.lagre")
    with pytest.raises(UnknownNameError, match="base, large"):
        catalog.model("acme-9.zzz")
    with pytest.raises(UnknownNameError, match="none"):
        catalog.model("acme-12.zzz")


def test_names_are_listed_in_natural_order_and_by_wildcard(catalog: Catalog) -> None:
    assert [spec.name for spec in catalog.models() if spec.plugin == "acme"] == ["acme-9", "acme-12"]
    assert list_models("acme-?") == ["acme-9"]
    assert list_models("acme-*", pretrained=True) == ["acme-9"]
    assert list_models("acme-*", pretrained=False) == []  # what is deprecated works, but is not offered
    assert list_models("acme-12") == ["acme-12"]
    assert list_models("acme-*", modality="speech") == ["acme-9"]
    assert list_models("ACME-9") == []
    assert list_components("quantizer", "ro*") == ["quantizer/round"]


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        ("quantizer", "rond", "did you mean 'round'"),
        ("quantizer", "acme-9", "there is a model with that name"),
        ("backbone", "round", "there is a quantizer with that name"),
        ("quantizer", "zzzzzz", "mmzoo list --components"),
        ("quantizer", "", "There is no quantizer ''"),
        ("quantizer", "x" * 10_000, "There is no quantizer"),
    ],
)
def test_unknown_names_lead_somewhere(catalog: Catalog, kind: str, name: str, told: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        catalog.component(kind, name)
    assert told in str(caught.value) and len(str(caught.value)) < 300 and "\n" not in str(caught.value)


def test_unknown_kinds_lead_somewhere(catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="quantizer"):
        catalog.component("quantiser", "round")


@given(st.text(), st.text(alphabet=st.characters(exclude_characters=".:")))
def test_splitting_takes_nothing_away(distribution: str, bare: str) -> None:
    assert split_qualifier(f"{distribution}:{bare}") == (distribution, bare)
    assert split_tag(f"{distribution}:{bare}.tag") == (f"{distribution}:{bare}", "tag")
    assert split_tag(f"{distribution}:{bare}") == (f"{distribution}:{bare}", None)


@settings(deadline=None)
@given(st.lists(st.from_regex(r"[a-z]{1,6}-[0-9]{1,4}", fullmatch=True), max_size=8), st.text(max_size=12))
def test_suggestions_are_known_names(known: list[str], name: str) -> None:
    found = suggestions(name, known)
    assert len(found) <= 3 and set(found) <= set(known) and len(set(found)) == len(found)
    assert bool(did_you_mean(found)) is bool(found)
    assert all(suggestions(own, known)[0] == own for own in known)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_numbers_in_names_are_ordered_as_numbers(a: int, b: int) -> None:
    assert (natural(f"dit-{a}-x") < natural(f"dit-{b}-x")) is (a < b)


def test_the_core_knows_which_of_its_plugins_supplies_each_name() -> None:
    from mmzoo.registry import catalog as shared
    from mmzoo.registry.firstparty import SUPPLIER

    known = shared()
    specs = [("model", m) for m in known.models()] + [(c.kind, c) for c in known.components()]
    specs += [("task", task) for task in known.tasks()]
    told = {f"{kind}/{spec.name}": spec.plugin for kind, spec in specs if spec.plugin.startswith("mmzoo-")}
    assert told == SUPPLIER


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("fsqvae-speech", "vqvae-speech"),
        ("rvqvae-speech", "vqvae-speech"),
        ("vqvae-speech-24khz", "vqvae-speech"),
        ("vqvae-dit-tts-24khz", "vqvae-dit-tts"),
    ],
)
def test_a_model_that_is_gone_is_answered_with_the_one_to_use(old: str, new: str) -> None:
    with pytest.raises(UnknownNameError, match=f"did you mean '{new}'"):
        Catalog().model(old)
