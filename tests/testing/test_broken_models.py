"""Registered models that are broken: in their head, their registration or their published weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from broken import Break
from broken.heads import HEADS, TEACHER, Guess

from mmzoo.composition import save_model
from mmzoo.factory import create
from mmzoo.hub.golden import write_golden
from mmzoo.interfaces import Slot
from mmzoo.registry.specs import Weights
from mmzoo.testing.common import Checks, NotChecked, run_check
from mmzoo.testing.models import ModelTrial
from mmzoo.testing.registration import NONSENSE

RECIPE = {"head": {"name": "guess", "width": 4}, "teacher": {"model": "teacher"}}
SOUND: dict[str, Any] = {"summary": "a test model", "task": "t", "modalities": ("text",), "recipe": RECIPE}


def trial(catalog: Callable[..., Any], head: Any = Guess, **changes: Any) -> ModelTrial:
    made = catalog(
        ("head", "teacher", Guess, {}),
        ("head", "guess", head, {}),
        ("model", "teacher", None, TEACHER),
        ("model", "pupil", None, {**SOUND, **changes}),
    )
    return ModelTrial(made.model("pupil"))


def first_failure(checks: Checks) -> tuple[str, str]:
    for check, run in checks.items():
        try:
            run_check("model", check, run)
        except NotChecked:
            continue
        except Exception as error:
            return check, str(error)
    return "", ""


@pytest.fixture
def published(catalog: Callable[..., Any], tmp_path: Path) -> Path:
    """The folder of a sound model with weights, golden outputs and a card."""
    trial(catalog, recipe={"head": RECIPE["head"]})
    head = create("pupil", pretrained=False)
    save_model(head, tmp_path, dtype=torch.float32)
    write_golden(head, tmp_path)
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n# Pupil\n")
    return tmp_path


def with_weights(catalog: Callable[..., Any], folder: Path | str, license: str | None = "mit") -> ModelTrial:
    weights = [Weights("a", source=f"local-dir:{folder}", license=license)]
    return trial(catalog, recipe={"head": RECIPE["head"]}, weights=weights)


class TakesAnything(Guess):
    slots: ClassVar[Mapping[str, Slot]] = {**Guess.slots, NONSENSE: Slot("encoder", optional=True)}


MODEL_CHECKS = (
    "network",
    "build",
    "meta",
    "determinism",
    "gradients",
    "storage",
    "export",
    "compile",
    "bf16",
    "float16",
)
OF_HEADS = [one for one in HEADS.found if one.check in MODEL_CHECKS] + [Break(TakesAnything, "unknown-keys", NONSENSE)]
OF_REGISTRATION: dict[str, tuple[dict[str, Any], str, str]] = {
    "no task": ({"task": " "}, "registration", "without a task"),
    "no modalities": ({"modalities": ()}, "registration", "without modalities"),
    "no summary": ({"summary": ""}, "registration", "summary"),
    "unknown key": ({"recipe": {"head": {"name": "guess", "depth": 1}}}, "config", "depth"),
    "no head": ({"recipe": {"head": {"name": "nowhere"}}}, "config", "nowhere"),
    "no licence": ({"weights": [Weights("a")]}, "licence", "no license"),
    "no weights": ({"weights": [Weights("a", license="mit")]}, "card", "are not there"),
}


def test_a_sound_model_passes(catalog: Callable[..., Any], published: Path) -> None:
    assert first_failure(trial(catalog).checks()) == ("", "")
    assert first_failure(with_weights(catalog, published).checks()) == ("", "")


@pytest.mark.parametrize("broken", OF_HEADS, ids=lambda one: one.name)
def test_a_model_with_a_broken_head_is_caught(broken: Break, catalog: Callable[..., Any]) -> None:
    check, told = first_failure(trial(catalog, broken.what).checks())
    assert check == broken.check and broken.told in told


@pytest.mark.parametrize("how", OF_REGISTRATION)
def test_a_broken_registration_is_caught(how: str, catalog: Callable[..., Any]) -> None:
    changes, check, told = OF_REGISTRATION[how]
    found = first_failure(trial(catalog, **changes).checks())
    assert found[0] == check and told in found[1]


def no_card(folder: Path) -> None:
    (folder / "README.md").unlink()


def other_licence(folder: Path) -> None:
    (folder / "README.md").write_text("---\nlicense: gpl-3.0\n---\n# Pupil\n")


def no_golden(folder: Path) -> None:
    (folder / "golden.safetensors").unlink()


def other_golden(folder: Path) -> None:
    with torch.no_grad():
        head = create(f"local-dir:{folder}")
        head.out.bias += 1
    write_golden(head, folder)


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


OF_WEIGHTS = {
    no_card: ("card", "has no card"),
    other_licence: ("card", "'gpl-3.0' on its card and 'mit'"),
    no_golden: ("golden", "has no golden.safetensors"),
    other_golden: ("golden", "does not reproduce"),
    no_weights: ("card", "are not there"),
}


@pytest.mark.parametrize("spoil", OF_WEIGHTS)
def test_broken_weights_are_caught(spoil: Callable[[Path], None], catalog: Callable[..., Any], published: Path) -> None:
    model = with_weights(catalog, published)
    spoil(published)
    check, told = first_failure(model.checks())
    assert (check, OF_WEIGHTS[spoil][1] in told) == (OF_WEIGHTS[spoil][0], True), told


def test_weights_without_a_licence_are_caught(catalog: Callable[..., Any], published: Path) -> None:
    (published / "README.md").write_text("# Pupil\n")
    check, told = first_failure(with_weights(catalog, published, license=None).checks())
    assert check == "licence" and "no license" in told


def test_every_check_of_a_model_has_a_break(catalog: Callable[..., Any]) -> None:
    broken = {one.check for one in OF_HEADS} | {check for _, check, _ in OF_REGISTRATION.values()}
    assert set(trial(catalog).checks()) == broken | {check for check, _ in OF_WEIGHTS.values()}


def test_weights_on_the_hub_that_are_not_here_are_told_as_not_checked(
    catalog: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    pins = {"config.json": "0" * 64}
    weights = [Weights("a", f"hf-hub:acme/pupil@{'0' * 40}", "mit", "0" * 64, pins)]
    model = trial(catalog, weights=weights)
    for check in ("card", "golden"):
        with pytest.raises(NotChecked, match=r"^not checked: .*\ba\b"):
            model.checks()[check]()
    model.checks()["licence"]()


def test_a_head_without_golden_outputs_is_told_as_not_applicable(catalog: Callable[..., Any]) -> None:
    silent = type("Silent", (Guess,), {"golden": lambda self, inputs: ({}, {})})
    for check in ("determinism", "storage", "bf16"):
        with pytest.raises(NotChecked, match=r"^not applicable: .*golden"):
            trial(catalog, silent).checks()[check]()


def test_rows_that_do_not_suit_a_model_are_told_as_not_applicable(catalog: Callable[..., Any]) -> None:
    from mmzoo.errors import DataError

    def refuse(*_: Any) -> Any:
        raise DataError("There is no column smell.")

    with pytest.raises(NotChecked, match=r"^not applicable: .*There is no column smell"):
        trial(catalog, type("Picky", (Guess,), {"examples": refuse})).checks()["gradients"]()
