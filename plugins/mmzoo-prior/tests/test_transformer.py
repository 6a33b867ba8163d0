"""The transformers over codes: the cache, the past, the prefix."""

from __future__ import annotations

import pytest
import torch
from mmzoo_prior.transformer import CausalTransformer, Incremental, MaskedTransformer

from mmzoo.errors import ConfigError, InputError
from mmzoo.interfaces import Condition, Latents

CONDITIONS = [
    ({}, Condition()),
    (
        {"vector_channels": {"voice": 5}, "sequence_channels": {"words": 9}},
        Condition(
            {"voice": torch.randn(2, 5)},
            sequences={"words": Latents(torch.randn(2, 4, 9), torch.tensor([[True] * 4, [True, False, False, False]]))},
        ),
    ),
]


def made(kind=CausalTransformer, **config):
    torch.manual_seed(0)
    return kind(width=16, depth=2, heads=2, in_channels=6, **config).eval()


@pytest.mark.parametrize(("config", "condition"), CONDITIONS)
@pytest.mark.parametrize("sizes", [[1] * 7, [3, 1, 3], [7]])
def test_the_cache_changes_nothing(config, condition, sizes):
    backbone = made(**config)
    x = torch.randn(2, 7, 6)
    with torch.no_grad():
        whole = backbone(Latents(x), None, condition)
        cache = backbone.start(condition)
        parts = [backbone.extend(Latents(part), cache) for part in x.split(sizes, dim=1)]
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-5, rtol=1e-5)
    assert cache.count == 7


@pytest.mark.parametrize(("kind", "sees"), [(CausalTransformer, False), (MaskedTransformer, True)])
def test_who_sees_the_future(kind, sees):
    backbone, x = made(kind), torch.randn(1, 5, 6)
    other = x.clone()
    other[:, 3] += 1
    with torch.no_grad():
        first, second = (backbone(Latents(each), None, Condition()) for each in (x, other))
    assert torch.allclose(first[:, :3], second[:, :3], atol=1e-6) is not sees
    assert not torch.allclose(first[:, 3:], second[:, 3:])
    assert isinstance(backbone, Incremental) is not sees


def test_padding_of_the_prefix_moves_nothing():
    config, condition = CONDITIONS[1]
    backbone, x = made(**config), torch.randn(2, 3, 6)
    one = torch.tensor([1])
    with torch.no_grad():
        together = backbone(Latents(x), None, condition)[1:]
        short = Latents(condition.sequences["words"].x[1:, :1])
        alone = backbone(Latents(x[1:]), None, Condition(condition.select(one).vectors, {}, {"words": short}))
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_errors():
    with pytest.raises(ConfigError, match="heads"):
        CausalTransformer(width=12, depth=1, heads=2, in_channels=6, position="rope-2d")
    backbone = made()
    with pytest.raises(InputError, match="channels"):
        backbone(Latents(torch.randn(1, 2, 5)), None, Condition())
    with pytest.raises(InputError, match="words"):
        backbone(Latents(torch.randn(1, 2, 6)), None, Condition(sequences={"words": Latents(torch.randn(1, 2, 3))}))
