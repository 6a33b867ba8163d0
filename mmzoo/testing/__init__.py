"""The conformance kit: three lines that hold a component to its contract.

    from mmzoo.testing import check_quantizer

    def test_grid():
        check_quantizer("grid", dim=8, levels=5)

`pytest --mmzoo acme` runs every check on every component and model of an installed plugin. Each function builds the
component by its registered name and runs the checks for its kind. If any fail, a single ConformanceError lists them
all, each with a sentence that says what was expected. The checks are imported when they run, because pytest imports
this package (as the plugin `mmzoo`) in every run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mmzoo.testing.common import ConformanceError, run_checks

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = [
    "ConformanceError",
    "check_backbone",
    "check_component",
    "check_critic",
    "check_encoder",
    "check_format",
    "check_fusion",
    "check_head",
    "check_quantizer",
    "check_sampler",
]


def check_component(kind: str, name: str, config: Mapping[str, Any] | None = None, **details: Any) -> None:
    """Check a component against the contract of its kind.

    Args:
        kind: encoder, quantizer, fusion, backbone, sampler, critic, head, format, dataset, metric, judge or
            command.
        name: The registered name.
        config: Its config; None for the defaults.
        **details: Further arguments of that kind's check, such as `slots` for a head.

    Raises:
        ConformanceError: One or more checks failed.
        UsageError: The kind has no conformance checks.
    """
    from mmzoo.testing.any_kind import trial_of

    trial = trial_of(kind, name, config or {}, **details)
    run_checks(trial.label, trial.checks())


def check_encoder(name: str, **config: Any) -> None:
    """Check a registered encoder against the contract of its kind.

    Inputs are 4800 audio samples, text ids below the `codebook_size` of the port `raw`, or 32 x 32 pixel images.

    Args:
        name: The registered name.
        **config: The encoder's config.

    Raises:
        ConformanceError: One or more checks failed.
    """
    check_component("encoder", name, config)


def check_quantizer(name: str, **config: Any) -> None:
    """Check a registered quantizer against the contract of its kind.

    Args:
        name: The registered name.
        **config: The quantizer's config.

    Raises:
        ConformanceError: One or more checks failed.
    """
    check_component("quantizer", name, config)


def check_fusion(name: str, **config: Any) -> None:
    """Check a registered fusion against the contract of its kind.

    It is called with two items whose sequences differ in length, for each of its input ports.

    Args:
        name: The registered name.
        **config: The fusion's config.

    Raises:
        ConformanceError: One or more checks failed.
    """
    check_component("fusion", name, config)


def check_backbone(
    name: str,
    *,
    vectors: Mapping[str, int] | None = None,
    aligned: Mapping[str, int] | None = None,
    sequences: Mapping[str, int] | None = None,
    **config: Any,
) -> None:
    """Check a registered backbone against the contract of its kind.

    It is called with sequences of latents, or with a 3 by 4 grid if the config has `position: rope-2d`.

    Args:
        name: The registered name.
        vectors: Width of each vector of the condition by name; None to read `vector_channels` of the config.
        aligned: Width of each aligned sequence by name; None to read `aligned_channels`.
        sequences: Width of each other sequence by name; None to read `sequence_channels`.
        **config: The backbone's config.

    Raises:
        ConformanceError: One or more checks failed.
    """
    check_component("backbone", name, config, vectors=vectors, aligned=aligned, sequences=sequences)


def check_sampler(name: str, **config: Any) -> None:
    """Check a registered sampler against the contract of its kind.

    Args:
        name: The registered name.
        **config: The sampler's config.

    Raises:
        ConformanceError: One or more checks failed.
    """
    check_component("sampler", name, config)


def check_critic(name: str, **config: Any) -> None:
    """Check a registered critic against the contract of its kind.

    Inputs are 4800 audio samples or 32 x 32 pixel images.

    Args:
        name: The registered name.
        **config: The critic's config.

    Raises:
        ConformanceError: One or more checks failed.
    """
    check_component("critic", name, config)


def check_head(
    name: str, *, slots: Mapping[str, Any] | None = None, rows: Dataset | None = None, batch: int = 2, **config: Any
) -> None:
    """Check a registered head, with its slots filled, against the contract of its kind.

    Args:
        name: The registered name.
        slots: As in a recipe: `{"quantizer": {"name": "vq", "dim": 8}}`. A model slot takes a model with weights, or
            `{"model": name, "pretrained": False}`.
        rows: A few dataset rows on which to check training steps; None for no training.
        batch: Examples in a training batch.
        **config: The head's config.

    Raises:
        ConformanceError: One or more checks failed.
        MmzooError: The recipe is invalid, as for `create`.
    """
    check_component("head", name, config, slots=slots, rows=rows, batch=batch)


def check_format(name: str, **config: Any) -> None:
    """Check a registered format against the contract of its kind.

    Args:
        name: The registered name.
        **config: The config.json of a small model in that format.

    Raises:
        ConformanceError: One or more checks failed.
    """
    check_component("format", name, config)
