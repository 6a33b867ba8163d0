"""Each way in which a plugin can be bad, as an installed distribution; everything else keeps working in each."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from mmzoo.cli.main import main
from mmzoo.errors import (
    AmbiguousNameError,
    BrokenPluginError,
    MissingDependencyError,
    MissingPluginError,
    UnknownNameError,
)
from mmzoo.registry import Catalog, PluginRecord, catalog, load_target

REGISTER = "@hookimpl\ndef mmzoo_register(register):\n"


def part(name: str, target: str = "bad_plugin.parts:Q", **details: Any) -> str:
    """A line of a hook that registers a quantizer."""
    more = "".join(f", {key}={value!r}" for key, value in details.items())
    return f"    register.quantizer({name!r}, {target!r}, summary='a part'{more})\n"


def record_of(catalog: Catalog, distribution: str) -> PluginRecord:
    (record,) = [record for record in catalog.plugins() if record.distribution == distribution]
    return record


def check_rest(catalog: Catalog) -> None:
    """The good plugin and mmzoo's own are untouched by the bad one."""
    assert record_of(catalog, "good-plugin").state == "loaded"
    assert catalog.model("good-plugin-m").task == "testing"
    assert load_target(catalog.component("quantizer", "good-plugin-q")).__name__ == "Q"  # type: ignore[attr-defined]
    assert record_of(catalog, "mmzoo-vqvae").state == "loaded"
    assert catalog.model("vqvae-speech").plugin == "mmzoo-vqvae"


BROKEN = {
    "import": ("import nothing_of_that_name\n" + REGISTER + part("bad-q"), "No module named 'nothing_of_that_name'"),
    "syntax": ("def broken(:\n", "SyntaxError"),
    "exit at import": ("import sys\nsys.exit(3)\n", "sys.exit(3)"),
    "exit in the hook": (REGISTER + part("bad-q") + "    raise SystemExit\n", "sys.exit(None)"),
    "raising hook": (REGISTER + part("bad-q") + "    raise ValueError('half way')\n", "ValueError: half way"),
    "misspelt hook": ("@hookimpl\ndef mmzoo_registr(register): pass\n", "mmzoo_registr"),
    "misspelt argument": ("@hookimpl\ndef mmzoo_register(registry): pass\n", "registry"),
    "no decorator": ("def mmzoo_register(register): pass\n", "@mmzoo.hookimpl"),
    "a name twice": (REGISTER + part("bad-q") + part("bad-q"), "'bad-q' twice"),
    "bad target": (REGISTER + part("bad-q", "bad_plugin.parts"), "package.module:Class"),
    "unknown detail": (REGISTER + part("bad-q", colour="red"), "colour"),
    "ill-typed api version": ("mmzoo_api_version = '1'\n" + REGISTER + part("bad-q"), "must be an integer"),
    "asks while loading": (
        "import mmzoo.registry\nmmzoo.registry.catalog()\n" + REGISTER + part("bad-q"),
        "query it",
    ),
    "base exception": ("class Odd(BaseException): pass\nraise Odd('odd')\n", "Odd: odd"),
}


@pytest.mark.parametrize(("code", "told"), BROKEN.values(), ids=BROKEN)
def test_broken_plugin_is_a_record(site: Any, code: str, told: str) -> None:
    from mmzoo.registry import catalog as shared

    site.install("bad-plugin", code)
    site.good()
    catalog = shared()
    record = record_of(catalog, "bad-plugin")
    assert record.state == "broken"
    assert told in (record.error or "")
    assert "\n" not in (record.error or "")
    assert "Traceback" in (record.traceback or "")
    assert (record.name, record.version, record.target) == ("bad_plugin", "1.0", "bad_plugin.plugin")
    assert not [spec for spec in catalog.components() if spec.plugin == "bad-plugin"]
    with pytest.raises(BrokenPluginError, match="`mmzoo doctor`") as error:
        catalog.component("quantizer", "bad-plugin:bad-q")
    assert error.value.plugin == "bad-plugin"
    check_rest(catalog)


def test_name_registered_before_the_failure_leads_to_the_plugin(site: Any) -> None:
    site.install("bad-plugin", REGISTER + part("bad-q") + "    1 / 0\n")
    catalog = Catalog()
    assert record_of(catalog, "bad-plugin").supplies == ("quantizer/bad-q",)
    with pytest.raises(BrokenPluginError, match=r"'bad-q' .* bad-plugin.*ZeroDivisionError.*mmzoo doctor"):
        catalog.component("quantizer", "bad-q")


def test_keyboard_interrupt_passes(site: Any) -> None:
    site.install("bad-plugin", "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        Catalog()


def test_newer_plugin_api_is_incompatible(site: Any) -> None:
    site.install("bad-plugin", "mmzoo_api_version = 99\n" + REGISTER + part("bad-q"))
    site.good()
    catalog = Catalog()
    record = record_of(catalog, "bad-plugin")
    assert record.state == "incompatible"
    assert "plugin API 99" in (record.error or "") and "newer mmzoo" in (record.error or "")
    with pytest.raises(BrokenPluginError, match="API 99"):
        catalog.component("quantizer", "bad-plugin:bad-q")
    check_rest(catalog)


def test_current_plugin_api_loads(site: Any) -> None:
    site.install("fine-plugin", "mmzoo_api_version = 1\n" + REGISTER + part("fine-q"))
    assert Catalog().component("quantizer", "fine-q").version == "1.0"


# --- names that clash --------------------------------------------------------------------------------


def test_one_entry_point_name_in_two_distributions_loads_both(site: Any) -> None:
    for distribution in ("acme-one", "acme-two"):
        package = distribution.replace("-", "_")
        site.install(distribution, REGISTER + part(f"{distribution}-q"), points={"codec": f"{package}.plugin"})
    site.good()
    catalog = Catalog()
    assert [record_of(catalog, name).state for name in ("acme-one", "acme-two")] == ["loaded", "loaded"]
    assert catalog.component("quantizer", "acme-one-q").plugin == "acme-one"
    assert catalog.component("quantizer", "acme-two-q").plugin == "acme-two"
    check_rest(catalog)


def test_one_entry_point_name_twice_in_a_distribution_is_shadowed(site: Any) -> None:
    site.install("twice", REGISTER + part("twice-q"), points={})
    (site.folder / "twice-1.0.dist-info" / "entry_points.txt").write_text(
        "[mmzoo]\ncodec = twice.plugin\ncodec = twice.other\n"
    )
    site.good()
    catalog = Catalog()
    records = [record for record in catalog.plugins() if record.distribution == "twice"]
    assert [record.state for record in records] == ["loaded", "shadowed"]
    assert "'codec'" in (records[1].error or "")
    assert "twice.other" not in sys.modules
    check_rest(catalog)


def test_one_module_in_two_distributions_is_shadowed(site: Any) -> None:
    module = site.install("acme-one", REGISTER + part("acme-q"))
    site.dist_info("acme-two", f"[mmzoo]\nagain = {module}\n")
    site.good()
    catalog = Catalog()
    assert record_of(catalog, "acme-one").state == "loaded"
    assert record_of(catalog, "acme-two").state == "shadowed"
    assert "acme-one" in (record_of(catalog, "acme-two").error or "")
    assert catalog.component("quantizer", "acme-q").plugin == "acme-one"
    check_rest(catalog)


def test_two_entry_points_of_a_distribution_may_not_share_a_name(site: Any) -> None:
    site.install(
        "acme",
        REGISTER + part("acme-q"),
        points={"a": "acme.plugin", "b": "acme.second"},
        files={"second.py": "from mmzoo import hookimpl\n" + REGISTER + part("acme-q") + part("other-q")},
    )
    catalog = Catalog()
    assert {record.name: record.state for record in catalog.plugins() if record.distribution == "acme"} == {
        "a": "loaded",
        "b": "broken",
    }
    assert catalog.component("quantizer", "acme-q").target == "bad_plugin.parts:Q"
    assert "acme" not in {spec.plugin for spec in catalog.components() if spec.name == "other-q"}


def test_component_name_of_two_plugins_is_ambiguous_until_qualified(site: Any) -> None:
    site.install("acme", REGISTER + part("fsq"))
    site.good()
    catalog = Catalog()
    with pytest.raises(AmbiguousNameError, match=r"acme:fsq.*mmzoo-vqvae:fsq") as error:
        catalog.component("quantizer", "fsq")
    assert error.value.candidates == ("acme:fsq", "mmzoo-vqvae:fsq")
    assert catalog.component("quantizer", "acme:fsq").plugin == "acme"
    assert catalog.component("quantizer", "Mmzoo_VQVAE:fsq").plugin == "mmzoo-vqvae"
    assert record_of(catalog, "acme").state == "loaded"
    check_rest(catalog)


def test_a_plugin_cannot_break_models_that_mean_mmzoos_own_part(site: Any) -> None:
    """Registered and stored recipes with bare names go on meaning what they meant; only typing one is ambiguous."""
    site.install("acme", REGISTER + part("fsq"))
    catalog = Catalog()
    recipe = {"head": {"name": "speech-vqvae", "dim": 4}, "quantizer": {"name": "fsq", "levels": [4]}, "encoder": "vit"}
    settled = catalog.settled(recipe)
    assert settled == {**recipe, "quantizer": {"name": "mmzoo-vqvae:fsq", "levels": [4]}}
    assert catalog.settled({"quantizer": "fsq"}) == {"quantizer": "mmzoo-vqvae:fsq"}
    theirs = {"quantizer": "acme:fsq", "tokenizer": {"model": "vqvae-speech"}}
    assert catalog.settled(theirs) == theirs


def test_model_name_of_two_plugins_is_listed_as_it_must_be_written(site: Any) -> None:
    from mmzoo.description import describe
    from mmzoo.registry.listing import list_models

    code = REGISTER + "    register.model('vqvae-speech', task='t', summary='s', recipe={'head': 'tts'})\n"
    site.install("acme", code)
    assert list_models("vqvae-speech") == ["acme:vqvae-speech", "mmzoo-vqvae:vqvae-speech"]
    assert list_models("acme:*") == ["acme:vqvae-speech"]
    assert describe("acme:vqvae-speech").plugin == "acme"
    with pytest.raises(AmbiguousNameError, match="acme:vqvae-speech"):
        describe("vqvae-speech")


# --- dependencies ------------------------------------------------------------------------------------


def test_missing_optional_dependency_says_what_to_install(site: Any) -> None:
    site.install(
        "optional-plugin",
        REGISTER + part("needy", "optional_plugin.parts:Q", requires=["absent-package>=2", "pytest"]),
        files={"parts.py": "import absent_package\nclass Q: pass\n"},
    )
    site.good()
    catalog = Catalog()
    assert record_of(catalog, "optional-plugin").state == "loaded"
    with pytest.raises(MissingDependencyError, match=r"pip install 'absent-package>=2'$") as error:
        load_target(catalog.component("quantizer", "needy"))
    assert error.value.plugin == "optional-plugin"
    check_rest(catalog)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import absent_package\n", "No module named 'absent_package'"),
        ("raise RuntimeError('of\\nits own')\n", "RuntimeError: of its own"),
        ("raise SystemExit(1)\n", "SystemExit"),
        ("class P: pass\n", "has no attribute 'Q'"),
    ],
)
def test_part_that_cannot_be_imported_names_its_plugin(site: Any, code: str, told: str) -> None:
    site.install("bad-plugin", REGISTER + part("bad-q"), files={"parts.py": code})
    site.good()
    catalog = Catalog()
    with pytest.raises(BrokenPluginError, match="bad-plugin") as error:
        load_target(catalog.component("quantizer", "bad-q"))
    assert told in str(error.value) and "\n" not in str(error.value)
    check_rest(catalog)


# --- MMZOO_PLUGINS -----------------------------------------------------------------------------------


@pytest.mark.parametrize("choice", ["good-plugin,mmzoo-vqvae", "good_plugin, vqvae", "Good.Plugin ,vqvae,"])
def test_disabled_plugin_is_never_imported(site: Any, monkeypatch: pytest.MonkeyPatch, choice: str) -> None:
    module = site.install("bad-plugin", "raise SystemExit\n")
    site.good()
    monkeypatch.setenv("MMZOO_PLUGINS", choice)
    catalog = Catalog()
    record = record_of(catalog, "bad-plugin")
    assert record.state == "disabled" and choice in (record.error or "")
    assert module not in sys.modules
    with pytest.raises(MissingPluginError, match=r"bad-plugin.*MMZOO_PLUGINS="):
        catalog.component("quantizer", "bad-plugin:bad-q")
    with pytest.raises(MissingPluginError, match=r"mmzoo-tts.*MMZOO_PLUGINS="):
        catalog.model("vqvae-dit-tts")
    check_rest(catalog)


def test_none_disables_all(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    site.good()
    monkeypatch.setenv("MMZOO_PLUGINS", "none")
    catalog = Catalog()
    assert {record.state for record in catalog.plugins()} == {"disabled"}
    assert catalog.models() == () and catalog.components() == ()


@pytest.mark.parametrize("choice", ["", "  ", ",", " , ,"])
def test_empty_choice_is_no_choice(site: Any, monkeypatch: pytest.MonkeyPatch, choice: str) -> None:
    site.good()
    monkeypatch.setenv("MMZOO_PLUGINS", choice)
    check_rest(Catalog())


@pytest.mark.parametrize(
    ("choice", "unknown"),
    [
        ("nope", "nope"),
        ("good-plugin,nope", "nope"),
        (" nope , good-plugin ", "nope"),
        ("none,good-plugin", "none"),
        ("good-plugim", "good-plugim"),
        ("*", "*"),
    ],
)
def test_a_plugin_that_is_not_installed_cannot_be_chosen(
    site: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], choice: str, unknown: str
) -> None:
    site.good()
    monkeypatch.setenv("MMZOO_PLUGINS", choice)
    catalog(reload=True, choice_checked=False)
    for words in (["list"], ["list", "--components"], ["show", "vqvae-words"], ["which", "vqvae-words"], ["say", "hi"]):
        assert main(words) == 2
        error = capsys.readouterr().err
        assert repr(unknown) in error and "good-plugin" in error and "mmzoo-vqvae" in error and error.count("\n") == 1
    with pytest.raises(UnknownNameError) as caught:
        catalog()
    assert caught.value.name == unknown and caught.value.suggestions == (("good-plugin",) if "plugim" in choice else ())
    assert main(["doctor"]) == 1 and repr(unknown) in capsys.readouterr().out
    assert main(["plugins"]) == 0
    shown = capsys.readouterr()
    assert "good-plugin" in shown.out and repr(unknown) in shown.err


# --- the path ----------------------------------------------------------------------------------------


def test_malformed_metadata_of_others_does_no_harm(site: Any) -> None:
    site.dist_info("stranger", "this is no entry point\n")
    site.dist_info("odd", "[console_scripts]\nno equals sign\n", metadata=False)
    site.good()
    check_rest(Catalog())


def test_malformed_entry_points_of_a_plugin_are_its_own_fault(site: Any) -> None:
    site.dist_info("bad-plugin", "[mmzoo]\nno equals sign\n")
    site.good()
    catalog = Catalog()
    record = record_of(catalog, "bad-plugin")
    assert record.state == "broken" and "entry points cannot be read" in (record.error or "")
    check_rest(catalog)


def test_plugin_without_metadata_does_no_harm(site: Any) -> None:
    site.install("nameless", REGISTER + part("nameless-q"), metadata=False)
    site.good()
    check_rest(Catalog())


def test_order_is_by_distribution_whatever_the_path(site: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    second = tmp_path / "second"
    second.mkdir()
    for distribution in ("zeta", "alpha"):
        site.install(distribution, REGISTER + part(f"{distribution}-q"))
    for moved in [path for path in site.folder.iterdir() if path.name.startswith("alpha")]:
        moved.rename(second / moved.name)
    monkeypatch.setattr(sys, "path", [str(second), *sys.path])
    first = [record.distribution for record in Catalog().plugins()]
    monkeypatch.setattr(sys, "path", [*sys.path[1:], str(second)])
    assert [record.distribution for record in Catalog().plugins()] == first == sorted(first)


def test_first_copy_on_the_path_counts(site: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module = site.install("acme", REGISTER + part("acme-q"), version="2.0")
    old = type(site)(tmp_path / "old")
    old.folder.mkdir()
    monkeypatch.setattr(sys, "path", [*sys.path, str(old.folder)])
    old.install("acme", "raise RuntimeError", version="1.0")
    record = record_of(Catalog(), "acme")
    assert (record.version, record.target, record.state) == ("2.0", module, "loaded")


def test_what_a_plugin_prints_is_no_data(site: Any, capsys: pytest.CaptureFixture[str]) -> None:
    site.install("chatty", "print('hello from import')\n" + REGISTER + "    print('and from the hook')\n")
    assert record_of(Catalog(), "chatty").state == "loaded"
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "hello from import" in captured.err and "and from the hook" in captured.err


def test_reload_finds_new_plugins(site: Any) -> None:
    from mmzoo.registry import catalog

    assert not [record for record in catalog().plugins() if record.distribution == "good-plugin"]
    site.good()
    assert not [record for record in catalog().plugins() if record.distribution == "good-plugin"]
    assert record_of(catalog(reload=True), "good-plugin").state == "loaded"


def test_object_with_hooks_can_be_a_plugin(site: Any) -> None:
    code = "class Plugin:\n    @hookimpl\n    def mmzoo_register(self, register):\n    " + part("object-q")
    site.install("objects", code + "plugin = Plugin()\n", points={"objects": "objects.plugin:plugin"})
    assert Catalog().component("quantizer", "object-q").plugin == "objects"
