"""Every number in the config of a component has a range, and a value outside it is an error that names the key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

import numpy as np
import pytest
import torch

import mmzoo
from mmzoo import registry
from mmzoo.composition import check
from mmzoo.composition.plan import look_up
from mmzoo.errors import ConfigError
from mmzoo.resolve import resolve_recipe
from mmzoo.schema import arguments_of

KINDS = ("quantizer", "encoder", "fusion", "backbone", "sampler", "critic", "head")
FREE = {"layer", "logit_mean", "sway", "shift", "order", "levels", "snr_db"}
"""Keys without a range in the signature: any number, or one that the constructor checks."""


def components() -> Iterator[tuple[str, str]]:
    for kind in KINDS:
        for name in mmzoo.list_components(kind):
            yield kind, name.partition("/")[2]


def bounds(annotation: Any, metadata: tuple[Any, ...]) -> Iterator[tuple[Any, bool]]:
    """Each number in an annotation: a value outside its range, or None without a range; and whether it is in a list."""
    ends = [(getattr(m, "ge", None), getattr(m, "gt", None)) for m in metadata]
    low = [end for pair in ends for end in pair if end is not None]
    if annotation in (int, float):
        yield (low[0] - 1 if low else None), False
        return
    if get_origin(annotation) is Annotated:
        first, *rest = get_args(annotation)
        yield from bounds(first, tuple(rest))
        return
    nested = get_origin(annotation) in (list, dict, tuple) or "Sequence" in str(get_origin(annotation))
    for part in get_args(annotation):
        for value, inside in bounds(part, metadata):
            yield value, nested or inside


@pytest.mark.parametrize(("kind", "name"), list(components()))
def test_numbers_have_a_range(kind: str, name: str) -> None:
    trial = dict(registry.catalog().component(kind, name).trials[0])
    slots = trial.pop("slots", {})
    trial.pop("rows", None)
    for key, field in arguments_of(look_up(kind, name)[1]).items():
        for value, nested in bounds(field.annotation, tuple(field.metadata)):
            if key in FREE:
                continue
            assert value is not None, f"{key} has no range; use an annotation of mmzoo.interfaces.bounds"
            given = ({"image": value} if "dict" in str(field.annotation) else [value]) if nested else value
            with pytest.raises(ConfigError, match=rf"\b{re.escape(key)}\b"):
                if kind == "head":
                    check(resolve_recipe({"head": {"name": name, **trial, key: given}, **slots}))
                else:
                    mmzoo.create(f"{kind}/{name}", **{**trial, key: given})
            with pytest.raises(ConfigError, match=rf"\b{re.escape(key)}\b") as caught:
                look_up(kind, name)[1](**{**trial, key: given})
            assert caught.value.path == key


def test_numbers_and_lists_of_numpy_and_torch_are_stored_as_json() -> None:
    plain = mmzoo.create("quantizer/fsq", levels=[8, 5], dim=4, jitter=0.5).config
    for levels in (np.array([8, 5]), torch.tensor([8, 5]), (np.int64(8), np.uint8(5))):
        given = mmzoo.create("quantizer/fsq", levels=levels, dim=np.int32(4), jitter=np.float32(0.5))
        assert given.config == plain and json.dumps(given.config)
    for wrong in (np.float64(4), torch.tensor(4.5), np.array([4]), np.int64(0)):
        with pytest.raises(ConfigError, match=r"\bdim\b"):
            mmzoo.create("quantizer/fsq", levels=[8, 5], dim=wrong)
