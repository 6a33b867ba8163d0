"""What the conformance kit does not know of fusions: what each of them does with what it is given."""

from __future__ import annotations

import pytest
import torch

import mmzoo
from mmzoo.errors import ConfigError, InputError
from mmzoo.interfaces import Latents

WIDTHS = {"image": 6, "speech": 5, "text": 4}
NAMES = ("concat", "weighted", "late", "cnn", "rnn", "cross-attention")


def fresh(name: str, **settings):
    torch.manual_seed(0)
    return mmzoo.create(f"fusion/{name}", **{"widths": WIDTHS, "width": 16, **settings})


def parts(**lengths: int) -> dict[str, Latents]:
    generator = torch.Generator().manual_seed(1)
    return {name: Latents(torch.randn(3, count, WIDTHS[name], generator=generator)) for name, count in lengths.items()}


@pytest.mark.parametrize("name", NAMES)
def test_every_modality_counts(name):
    fusion, given = fresh(name), parts(image=4, speech=3, text=2)
    whole = fusion(given)
    for modality in WIDTHS:
        other = {**given, modality: Latents(given[modality].x.roll(1, 0))}
        assert not torch.allclose(fusion(other), whole, atol=1e-4)
        assert not torch.allclose(fusion({k: v for k, v in given.items() if k != modality}), whole, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_a_modality_of_it_is_refused(name):
    for given in ({}, {"video": parts(text=2)["text"]}):
        with pytest.raises(InputError, match="image, speech, text"):
            fresh(name)(given)
    with pytest.raises(ConfigError):
        fresh(name, widths={})


def test_gates_add_up_to_one_over_what_is_there():
    fusion, given = fresh("weighted"), parts(image=4, speech=3)
    mask = torch.tensor([[True] * 3, [False] * 3, [True, False, False]])
    gates = fusion.gates({**given, "speech": Latents(given["speech"].x, mask)})
    assert torch.allclose(sum(gates.values()), torch.ones(3))
    assert gates["text"].tolist() == [0, 0, 0] and gates["speech"][1] == 0 and gates["image"][1] == 1
    assert 0 < gates["speech"][0] < 1
    with pytest.raises(InputError, match="gates"):
        fresh("concat").gates(given)


def test_late_fusion_averages_logits():
    fusion, given = fresh("late"), parts(image=4, speech=3, text=2)
    classify = torch.nn.Linear(16, 5)
    alone = torch.stack([classify(fusion({name: latents})) for name, latents in given.items()])
    assert torch.allclose(classify(fusion(given)), alone.mean(0), atol=1e-5)


@pytest.mark.parametrize("name", ["cnn", "rnn"])
def test_order_matters_where_sequences_are_read_in_order(name):
    fusion, given = fresh(name), parts(speech=6)
    assert not torch.allclose(fusion({"speech": Latents(given["speech"].x.flip(1))}), fusion(given), atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_with_an_absent_modality(name):
    fusion = fresh(name).to(torch.bfloat16)
    given = {key: Latents(latents.x.bfloat16()) for key, latents in parts(speech=3).items()}
    assert fusion(given).dtype == torch.bfloat16
