"""Model folders of other libraries, made to do harm: configs with senseless values, files with hostile tensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from fuzzing import changed, fuzz, numbers, scalars, values
from hypothesis import strategies as st
from torch import Tensor

from mmzoo.composition import check, compose, read_config
from mmzoo.composition.foreign import ForeignTensors, save_foreign
from mmzoo.hub.tensor_file import open_tensors
from mmzoo.hub.tree import ResolvedModel

pytestmark = pytest.mark.slow

ENCODEC = {
    "model_type": "encodec", "target_bandwidths": [12.0, 24.0], "sampling_rate": 24000, "audio_channels": 1,
    "normalize": False, "chunk_length_s": None, "hidden_size": 8, "num_filters": 4, "num_residual_layers": 1,
    "upsampling_ratios": [4, 2], "norm_type": "weight_norm", "kernel_size": 7, "last_kernel_size": 7,
    "residual_kernel_size": 3, "dilation_growth_rate": 2, "use_causal_conv": True, "pad_mode": "reflect", "compress": 2,
    "num_lstm_layers": 1, "trim_right_ratio": 1.0, "codebook_size": 16, "codebook_dim": None, "use_conv_shortcut": True,
}  # fmt: skip
lists = st.lists(numbers, max_size=4)
odd = st.dictionaries(st.sampled_from(sorted(ENCODEC.keys() - {"model_type"})), numbers | lists | scalars, max_size=3)


def test_configs(tmp_path: Path) -> None:
    def read(content: Mapping[str, Any]) -> None:
        (tmp_path / "config.json").write_text(json.dumps(content))
        config = read_config(tmp_path)
        assert check(ResolvedModel(config.recipe)).recipe()["encoder"]["name"] in ("seanet", "text-autoencoder")

    fuzz(odd.map(lambda more: {**ENCODEC, **more}) | changed(ENCODEC), read)


class Claimed:
    """An opened file that claims tensors; those that are read are zero."""

    label = "model.safetensors"

    def __init__(self, entries: Mapping[str, tuple[torch.dtype, tuple[int, ...]]]) -> None:
        self.entries = entries

    def read(self, name: str) -> Tensor:
        dtype, shape = self.entries[name]
        return torch.zeros(shape, dtype=dtype)


DTYPES = (torch.float32, torch.float16, torch.float8_e4m3fn, torch.int64, torch.uint8, torch.bool)
shapes = st.lists(st.integers(0, 5), max_size=4).map(tuple)
huge = st.lists(st.sampled_from([0, 1, 1 << 31, 1 << 40, 1 << 62]), max_size=3).map(tuple)


def test_tensors(tmp_path: Path) -> None:
    """Shapes are compared before anything is read, so that a file which claims huge ones takes no memory."""
    (tmp_path / "config.json").write_text(json.dumps(ENCODEC))
    config = read_config(tmp_path)
    assert config.foreign is not None
    save_foreign(compose(config.recipe, device="cpu"), tmp_path / "sound", "encodec")
    with open_tensors(tmp_path / "sound" / "model.safetensors") as file:
        entries = file.entries
    expected = ForeignTensors(Claimed(entries), config.foreign).entries
    names = st.sampled_from(sorted(entries))
    claims = st.dictionaries(names, st.tuples(st.sampled_from(DTYPES), shapes | huge) | st.none(), max_size=3)
    unknown = st.sampled_from(["encoder.layers.0.conv.weight_g", "a", "b.c"])
    more = st.dictionaries(unknown, st.just((DTYPES[0], ())))

    def read(case: tuple[Mapping[str, Any], Mapping[str, Any]]) -> None:
        changes, added = case
        claimed = {name: claim for name, claim in {**entries, **changes, **added}.items() if claim is not None}
        file = ForeignTensors(Claimed(claimed), config.foreign)  # type: ignore[arg-type]
        found = file.entries
        assert found.keys() == expected.keys()
        if found == expected:
            for name in list(found)[:5]:
                assert tuple(file.read(name).shape) == found[name][1]

    fuzz(st.tuples(claims, st.just({}) | st.just({}) | more), read)


def test_one_key_at_a_time(tmp_path: Path) -> None:
    """So that no other refusal stands before what its value leads to."""
    keys = st.sampled_from(sorted(ENCODEC.keys() - {"model_type"}))

    def read(case: tuple[str, Any]) -> None:
        (tmp_path / "config.json").write_text(json.dumps({**ENCODEC, case[0]: case[1]}))
        check(ResolvedModel(read_config(tmp_path).recipe))

    fuzz(st.tuples(keys, values | numbers | lists | st.integers(1, 64)), read)
