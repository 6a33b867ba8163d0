"""Recipes: what is read, what is refused and how overrides apply."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from training_dummy import make_recipe

from mmzoo.cli.main import main
from mmzoo.errors import ConfigError, ConfigTypeError, UnknownKeyError
from mmzoo.training import load_recipe
from mmzoo.training.recipe import apply_override, changed_keys, dump_recipe, fixed_part, parse_yaml, recipe_keys


def test_a_yaml_file_with_overrides(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("name: a\nmodel: {name: m}\ndata: {name: d}\nsteps: 10\nbatch_size: 4\noptimizer: {lr: 3e-4}\n")
    recipe = load_recipe(path, ["optimizer.betas=[0.5, 0.6]", "model.overrides.quantizer.levels=[8, 5]", "ema.decay=0"])
    assert recipe.optimizer.lr == 3e-4
    assert recipe.optimizer.betas == [0.5, 0.6]
    assert recipe.model.overrides == {"quantizer": {"levels": [8, 5]}}
    assert recipe.ema.decay == 0


def test_the_dump_of_a_recipe_is_the_same_recipe(tmp_path: Path) -> None:
    recipe = load_recipe(make_recipe(optimizer={"lr": 1e-4}))
    path = tmp_path / "dump.yaml"
    path.write_text(dump_recipe(recipe))
    assert load_recipe(path) == recipe


def test_scientific_notation_without_a_dot_is_a_number() -> None:
    assert parse_yaml("1e-3", where="x") == 1e-3
    assert parse_yaml("-2E5", where="x") == -2e5
    assert parse_yaml("e3", where="x") == "e3"


def test_an_override_into_a_bare_component_name_keeps_the_name() -> None:
    tree: dict[str, Any] = {"model": {"overrides": {"quantizer": "fsq"}}}
    apply_override(tree, "model.overrides.quantizer.levels=[8]")
    assert tree["model"]["overrides"]["quantizer"] == {"name": "fsq", "levels": [8]}


@pytest.mark.parametrize(
    ("override", "kind", "path", "hint"),
    [
        ("optimiser.lr=1", UnknownKeyError, "optimiser", "'optimizer'"),
        ("optimizer.warmup=1", UnknownKeyError, "optimizer.warmup", "'warmup_steps'"),
        ("adversary.startstep=1", UnknownKeyError, "adversary.startstep", "'start_step'"),
        ("steps=many", ConfigTypeError, "steps", "integer"),
        ("steps=true", ConfigTypeError, "steps", "integer"),
        ("steps=0", ConfigTypeError, "steps", "greater"),
        ("steps.x=1", ConfigTypeError, "steps.x", "not a mapping"),
        ("bucket=1", ConfigTypeError, "bucket", "boolean"),
        ("precision=fp8", ConfigTypeError, "precision", "bf16"),
        ("optimizer.lr=-1", ConfigTypeError, "optimizer.lr", "greater"),
        ("optimizer.betas=[0.9]", ConfigTypeError, "optimizer.betas", "2 items"),
        ("batch_frames=10", ConfigError, "", "exactly one of batch_size"),
        ("name=../evil", ConfigTypeError, "name", "pattern"),
        ("noequals", ConfigError, "noequals", "key.subkey=value"),
        ("a..b=1", ConfigError, "a..b", "key.subkey=value"),
        ("steps=[", ConfigError, "", "not valid YAML"),
    ],
)
def test_bad_overrides_say_where_and_what(override: str, kind: type[ConfigError], path: str, hint: str) -> None:
    with pytest.raises(kind) as caught:
        load_recipe(make_recipe(), [override])
    assert caught.value.path == path
    assert hint in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_missing_key_is_named() -> None:
    recipe = make_recipe()
    del recipe["steps"]
    with pytest.raises(ConfigError, match="steps"):
        load_recipe(recipe)


@pytest.mark.parametrize("text", ["- a list", "name: !!python/object/apply:os.system [x]", "a: &x 1\nb: *x", "\x00"])
def test_bad_files_are_config_errors(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError):
        load_recipe(path)
    with pytest.raises(ConfigError, match=r"absent\.yaml"):
        load_recipe(tmp_path / "absent.yaml")


FIXED = {
    *("model.name", "model.overrides", "model.freeze", "model.joint"),
    *("data.name", "data.split", "data.limit", "data.config"),
    *("seed", "batch_size", "batch_frames", "bucket", "balance"),
}
"""The keys that decide tensors, data or their order; all others may change when a run is resumed."""


def test_only_keys_that_decide_the_run_are_fixed() -> None:
    keys = {key for key, _, _, meaning in recipe_keys() if "resumed run cannot change" in meaning}
    assert keys == FIXED
    base = make_recipe()
    for key, kind, _, _ in recipe_keys():
        if kind.startswith("mapping"):
            continue
        changed = json.loads(json.dumps(base))
        apply_override(changed, f"{key}=99")
        assert changed_keys(fixed_part(base), fixed_part(changed)) == ([key] if key in FIXED else []), key


def test_a_key_that_an_old_recipe_lacks_has_its_default() -> None:
    new = load_recipe(make_recipe()).model_dump()
    old = {key: value for key, value in new.items() if key not in ("balance", "bucket", "adversary")}
    assert changed_keys(fixed_part(old), fixed_part(new)) == ["bucket"]  # make_recipe sets it


def test_the_source_mapping_is_not_changed() -> None:
    source = make_recipe()
    load_recipe(source, ["optimizer.lr=1e-6", "model.overrides.x=1"])
    assert source == make_recipe()


ALIASED = "a: &a [1, 1]\nb: [*a, *a]\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 2020-13-45", "month must be in 1..12"),
        ("[" * 20_000, "it is more than 50 levels deep (line 1, column 51)"),
        ("{" * 20_000, "it is more than 50 levels deep"),
        ("- " * 20_000, "it is more than 50 levels deep"),
        (ALIASED, "it uses an alias (*name), repeat the value instead (line 2, column 5)"),
        ("&a [*a]", "alias"),
        ("a: !!int ''", "IndexError"),
        ("a: !!bool x", "KeyError"),
        ("a: !!timestamp x", "AttributeError"),
        ("a: !!python/name:os.system", "could not determine a constructor"),
        ("a: 0x" + "f" * 5_000, "integer string conversion"),
        ("a: \x1b[2J", "special characters are not allowed"),
        ("a: [1, 2\nb: \u202e", "(line 2, column 2)"),
        ("x" * 1_000_001, "1000001 characters long"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_yaml_that_cannot_be_read_is_a_sentence(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(text)
    for read in (
        lambda: parse_yaml(text, where="The recipe"),
        lambda: apply_override({}, f"a={text}"),
        lambda: load_recipe(tmp_path / "recipe.yaml"),
    ):
        with pytest.raises(ConfigError) as caught:
            read()
        said = str(caught.value)
        assert told in said and said.isprintable() and said.endswith(".") and len(said) < 400, said


def test_the_help_lists_every_key_with_its_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help-recipe"]) == 0
    lines = capsys.readouterr().out.splitlines()
    told = dict(zip(lines[::2], lines[1::2], strict=True))
    assert all(meaning.startswith("    ") and meaning.endswith(".") and len(meaning) > 10 for meaning in told.values())
    assert "steps: int, required" in told
    assert "optimizer.betas: list[float], default [0.9, 0.99]" in told
    assert "adversary: mapping or null, default null" in told
    keys = {line.partition(":")[0] for line in told}
    dumped = load_recipe(make_recipe(adversary={})).model_dump()

    def dotted(tree: dict[str, Any], prefix: str = "") -> set[str]:
        """The keys of the schema; a recipe's own `overrides` and `config` are free."""
        return {f"{prefix}{key}" for key in tree}.union(
            *(
                dotted(value, f"{prefix}{key}.")
                for key, value in tree.items()
                if isinstance(value, dict) and key not in ("overrides", "config")
            )
        )

    assert keys == dotted(dumped)
