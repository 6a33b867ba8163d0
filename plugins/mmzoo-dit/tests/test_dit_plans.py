"""Samplers as tables that an engine without torch can follow."""

import json

import numpy as np
import pytest
import torch

import mmzoo
from mmzoo.errors import ConfigError, InputError
from mmzoo.interfaces.plans import plans_of, solve


@pytest.mark.parametrize("name", mmzoo.list_components("sampler"))
@pytest.mark.parametrize("steps", [1, 2, 5, 8])
def test_a_plan_samples_as_its_sampler(name, steps):
    sampler = mmzoo.create(name)
    plans = json.loads(json.dumps(plans_of(sampler, 8)))
    weight, noise = torch.randn(6, 6), torch.randn(1, 9, 6)
    times = sampler.schedule(steps)

    def predict(x, time):
        return torch.tanh(x @ weight + time.sum())

    expected = sampler.sample(lambda x, index: predict(x, times[index]), noise, steps)
    given = []

    def called(x, time):
        given.append(time)
        return predict(torch.from_numpy(x), torch.from_numpy(time)).numpy()

    result = solve(plans, called, noise.numpy(), steps)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected.numpy(), atol=1e-5, rtol=1e-4)
    np.testing.assert_array_equal(np.stack(given), times.numpy())


def test_a_plan_has_a_largest_number_of_steps():
    plans = plans_of(mmzoo.create("sampler/euler"), 3)
    with pytest.raises(InputError, match=r"3.*4"):
        solve(plans, lambda x, time: x, np.zeros((1, 1, 1), np.float32), 4)


@pytest.mark.parametrize("change", [lambda x: x.clamp(-1, 1), lambda x: x + torch.randn_like(x), lambda x: x + 1])
def test_a_sampler_that_is_not_linear_is_refused(change):
    sampler = mmzoo.create("sampler/euler")
    original = sampler.sample
    sampler.sample = lambda predict, noise, steps: change(original(predict, noise, steps))
    with pytest.raises(ConfigError, match="Euler"):
        plans_of(sampler, 3)
