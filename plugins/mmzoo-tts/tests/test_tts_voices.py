"""A voice or a mixture of voices: weights, how the command line writes them, and vectors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmzoo_tts.voices import mixed, voice_weights, written_voice

import mmzoo
from mmzoo.cli.main import main
from mmzoo.errors import InputError
from mmzoo.interfaces import Audio

VOICES = ["ann", "bob", "cy:2"]


@pytest.mark.parametrize(
    ("voice", "weights"),
    [
        (None, (1, 0, 0)),
        ("bob", (0, 1, 0)),
        ({"bob": 0.3}, (0, 1, 0)),
        ({"ann": 1, "bob": 0, "cy:2": 0}, (1, 0, 0)),
        ({"ann": 0.75, "cy:2": 0.25}, (0.75, 0, 0.25)),
        ({"cy:2": np.float32(2), "ann": torch.tensor(6)}, (0.75, 0, 0.25)),
        ({"ann": 1e308, "bob": 1e308, "cy:2": 1e308}, (1 / 3, 1 / 3, 1 / 3)),
        ({"ann": 5e-324, "bob": 5e-324}, (0.5, 0.5, 0)),
    ],
    ids=str,
)
def test_weights_sum_to_one(voice: Any, weights: tuple[float, ...]) -> None:
    found = voice_weights(voice, VOICES, "x")
    assert found == pytest.approx(weights, rel=1e-12) and math.fsum(found) == pytest.approx(1)
    assert weights.count(1) == 0 or found == weights, "a voice alone has a weight of exactly 1"


@pytest.mark.parametrize("factor", [1e-300, 0.1, 3, 10**30])
def test_order_and_scale_change_nothing(factor: float) -> None:
    mixture = {"ann": 0.6, "bob": 0.3, "cy:2": 0.7}
    expected = voice_weights(mixture, VOICES, "x")
    assert voice_weights(dict(reversed(mixture.items())), VOICES, "x") == expected
    scaled = {name: weight * factor for name, weight in mixture.items()}
    assert voice_weights(scaled, VOICES, "x") == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("voice", "told"),
    [
        ("Elvis", "'Elvis'.*ann, bob"),
        ({"Elvis": 1.0}, "'Elvis'.*ann, bob"),
        ({"ann": 1.0, "Elvis": 0.0}, "'Elvis'.*ann, bob"),
        ({}, "ann, bob"),
        ({"ann": 0, "bob": 0.0}, "ann, bob"),
        ({"ann": -1, "bob": 2}, "ann.*-1"),
        ({"ann": math.nan}, "ann.*nan"),
        ({"ann": math.inf}, "ann.*inf"),
        ({"ann": 10**400}, "ann"),
        ({"ann": "1"}, "ann.*'1'"),
        ({"ann": True}, "ann.*True"),
        ({"ann": None}, "ann.*None"),
        (["ann"], "ann, bob"),
        (0, "ann, bob"),
    ],
    ids=str,
)
def test_what_is_no_voice_and_no_mixture_is_refused(voice: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        voice_weights(voice, VOICES, "x")


@pytest.mark.parametrize(
    ("text", "voice"),
    [
        (None, None),
        ("ann", "ann"),
        ("cy:2", "cy:2"),  # the name of a voice
        ("Elvis", "Elvis"),  # which the model then refuses
        ("ann:0.6,bob:0.4", {"ann": 0.6, "bob": 0.4}),
        ("ann:3, cy:2:1", {"ann": 3.0, "cy:2": 1.0}),
        ("bob:1e-3", {"bob": 0.001}),
    ],
)
def test_the_command_line_writes_mixtures(text: Any, voice: Any) -> None:
    assert written_voice(text, VOICES) == voice


@pytest.mark.parametrize("text", ["ann,bob", "ann:", "ann:x", "ann:1,", "ann:1,ann:2", "a:b:c", ",", ":"])
def test_a_mixture_that_is_not_written_like_one_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"--voice.*ann, bob, cy:2.*VOICE:WEIGHT"):
        written_voice(text, VOICES)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_vectors_are_averaged_and_a_voice_alone_keeps_its_own(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    voices = torch.nn.Embedding(3, 50, dtype=dtype)
    for index in range(3):
        assert torch.equal(mixed(voices, torch.eye(3)[index : index + 1]), voices(torch.tensor([index])))
    mean = 0.75 * voices.weight[0] + 0.25 * voices.weight[2]
    torch.testing.assert_close(mixed(voices, torch.tensor([[0.75, 0.0, 0.25]]))[0], mean)


def test_say_speaks_in_a_mixture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Any] = []

    class Speaker:
        voices = VOICES

        def stream(self, text: str, *, voice: Any, **_: Any) -> Iterator[Audio]:
            asked.append(voice)
            yield Audio(np.zeros(1600, np.float32), 16000)

    monkeypatch.setattr(mmzoo, "create", lambda name, **_: Speaker())
    command = ["say", "Hi.", "-o", str(tmp_path / "a.wav"), "--voice"]
    assert main([*command, "ann:3,bob:1"]) == 0 and main([*command, "cy:2"]) == 0
    assert asked == [{"ann": 3.0, "bob": 1.0}, "cy:2"]
    assert "voice ann:3,bob:1," in capsys.readouterr().out
    assert main([*command, "ann,bob"]) == 2 and "VOICE:WEIGHT" in capsys.readouterr().err
