"""Schedule, optimizer groups, average, lock: the small parts, one by one."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
import torch
from torch import nn

from mmzoo.errors import CheckpointError, TrainingError
from mmzoo.training.blocks import blocks_of, checkpoint_activations, release
from mmzoo.training.ema import Ema, OwnTensors
from mmzoo.training.guard import RunLock
from mmzoo.training.log import Averages, duration
from mmzoo.training.optim import (
    adamw,
    clip_gradients,
    load_optimizer_tensors,
    lr_factor,
    optimizer_tensors,
    trainable_parameters,
)
from mmzoo.training.scale import LossScale
from mmzoo.training.seeds import derive_seed, generator_for, seed_everything


def test_schedule_values() -> None:
    def at(step: int) -> float:
        return lr_factor(step, steps=110, warmup_steps=10, final_fraction=0.1)

    assert at(0) == pytest.approx(0.1)
    assert at(9) == pytest.approx(1.0)
    assert at(10) == pytest.approx(1.0)
    assert at(60) == pytest.approx(0.55)
    assert at(85) == pytest.approx(0.1 + 0.9 * 0.5 * (1 + math.cos(0.75 * math.pi)))
    assert at(110) == at(500) == pytest.approx(0.1)
    assert lr_factor(0, steps=1, warmup_steps=0, final_fraction=0.0) == 1.0


def test_the_loss_scale_falls_at_once_and_rises_slowly() -> None:
    scale = LossScale(enabled=True)
    assert scale.value == 2**16
    assert [scale.overflowed() for _ in range(17)] == 16 * [True] + [False]  # at 1, the model itself is at fault
    assert scale.value == 1
    for _ in range(2 * 2000):
        scale.succeeded()
    assert scale.value == 4
    off = LossScale(enabled=False)
    off.succeeded()
    assert not off.overflowed() and off.value == 1


def test_clipping_scales_all_gradients_by_their_common_norm() -> None:
    net = nn.Linear(3, 2)
    for parameter in net.parameters():
        parameter.grad = torch.full_like(parameter, 2.0)
    assert float(clip_gradients(list(net.parameters()), None)) == pytest.approx(math.sqrt(8 * 4))
    assert net.bias.grad is not None and net.bias.grad.tolist() == [2.0, 2.0]
    clip_gradients(list(net.parameters()), 1.0)
    assert float(clip_gradients(list(net.parameters()), None)) == pytest.approx(1.0, abs=1e-5)


def test_the_blocks_of_a_model() -> None:
    """Elements of lists that have parts and are called; none that is frozen, or changes in a forward pass."""

    def layer(*more: nn.Module) -> nn.Sequential:
        return nn.Sequential(nn.Linear(2, 2), *more)

    nested = nn.Sequential(nn.ModuleList([layer(), nn.ModuleList([layer()])]))
    model = nn.ModuleDict(
        {
            "blocks": nn.ModuleList([layer(), layer()]),
            "nested": nested,
            "leaves": nn.ModuleList([nn.Linear(2, 2)]),
            "norms": nn.ModuleList([layer(nn.BatchNorm1d(2))]),
            "streams": nn.ModuleList([nn.ModuleDict({"image": layer()})]),
            "frozen": nn.ModuleList([layer()]),
        }
    )
    found = blocks_of(model, [model["frozen"]])
    inner = nested[0]
    assert isinstance(inner, nn.ModuleList) and isinstance(model["blocks"], nn.ModuleList)
    assert found == [*model["blocks"], inner[0], *inner[1]]  # type: ignore[misc]


def test_recomputed_blocks_have_the_same_gradients_and_can_be_released() -> None:
    block = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Dropout(0.5))
    x, gradients, calls = torch.randn(4, 3), [], []
    block[0].register_forward_hook(lambda *_: calls.append(1))
    for recompute in (False, True):
        if recompute:
            checkpoint_activations([block])
        torch.manual_seed(1)
        block.zero_grad()
        block(x).square().sum().backward()
        gradients.append(block[0].weight.grad.clone())
    assert torch.equal(*gradients) and len(calls) == 3
    release([block])
    block(x).sum().backward()
    assert len(calls) == 4


def test_weight_decay_spares_vectors_and_biases() -> None:
    net = nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2))
    optimizer = adamw(trainable_parameters(net), lr=1.0, betas=(0.9, 0.99), weight_decay=0.3, eps=1e-8)
    decays = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert {name: decays[id(p)] for name, p in net.named_parameters()} == {
        "0.weight": 0.3,
        "0.bias": 0.0,
        "1.weight": 0.0,
        "1.bias": 0.0,
    }


def test_optimizer_state_goes_through_names() -> None:
    def step(net: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad()
        net(torch.ones(1, 3)).square().sum().backward()
        optimizer.step()

    def make() -> tuple[nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        net = nn.Linear(3, 2)
        return net, adamw(trainable_parameters(net), lr=0.1, betas=(0.9, 0.99), weight_decay=0.1, eps=1e-8)

    net, optimizer = make()
    step(net, optimizer)
    other, fresh = make()
    other.load_state_dict(net.state_dict())
    load_optimizer_tensors(fresh, trainable_parameters(other), optimizer_tensors(optimizer, trainable_parameters(net)))
    step(net, optimizer)
    step(other, fresh)
    assert torch.equal(net.weight, other.weight)
    with pytest.raises(CheckpointError, match="'gone'"):
        load_optimizer_tensors(fresh, trainable_parameters(other), {"gone/exp_avg": torch.zeros(1)})
    with pytest.raises(CheckpointError, match="shape"):
        load_optimizer_tensors(fresh, trainable_parameters(other), {"weight/exp_avg": torch.zeros(1)})


class Buffers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2))
        self.register_buffer("mean", torch.zeros(1))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.register_buffer("scratch", torch.zeros(1), persistent=False)


def test_the_average_of_parameters_and_buffers() -> None:
    net = Buffers()
    ema = Ema(OwnTensors(net), decay=0.5, warmup=False)
    for value in (1.0, 2.0):
        net.weight.data.fill_(value)
        net.mean = torch.full((1,), 10 * value)  # replaced, not filled: the average must follow
        net.count += 1
        ema.update()
    state = ema.state()
    assert set(state) == {"weight", "mean", "count"}
    assert state["weight"].tolist() == [1.25, 1.25]  # 0.5 * (0.5 * 0 + 0.5 * 1) + 0.5 * 2
    assert state["mean"].tolist() == [12.5]
    assert state["count"].item() == 2
    with ema.swapped():
        assert net.weight.tolist() == [1.25, 1.25]
    assert net.weight.tolist() == [2.0, 2.0]


def test_warm_up_of_the_average() -> None:
    ema = Ema(OwnTensors(Buffers()), decay=0.99, warmup=True)
    assert [ema.decay_at(n) for n in (0, 8, 10_000)] == [0.1, 0.5, 0.99]


def test_the_average_leaves_out_models_in_slots() -> None:
    net = nn.Module()
    net.own, net.tokenizer = nn.Linear(1, 1), nn.Linear(1, 1)
    assert OwnTensors(net, ("tokenizer.",)).names == ["own.weight", "own.bias"]


def test_a_poisoned_buffer_gets_its_average_back() -> None:
    net = Buffers()
    net.mean.fill_(3.0)
    ema = Ema(OwnTensors(net), decay=0.5, warmup=False)
    net.mean.fill_(float("nan"))
    net.weight.data.fill_(float("nan"))
    assert ema.heal_buffers(dict(net.named_parameters())) == ["mean"]
    assert net.mean.item() == 3.0


def test_seeds() -> None:
    assert derive_seed(1, "a", 2) == derive_seed(1, "a", 2) != derive_seed(1, "a", 3)
    assert derive_seed(1, 12) != derive_seed(11, 2)
    a, b = (torch.rand(3, generator=generator_for(5)) for _ in range(2))
    assert torch.equal(a, b)
    seed_everything(1)
    first = torch.rand(2)
    seed_everything(1)
    assert torch.equal(first, torch.rand(2))


def test_averages_are_of_the_window() -> None:
    averages = Averages()
    averages.add({"a": torch.tensor(1.0)})
    averages.add({"a": torch.tensor(3.0), "b": torch.tensor(5.0)})
    assert averages.read() == {"a": 2.0, "b": 5.0}
    assert averages.read() == {}


def test_durations() -> None:
    assert [duration(s) for s in (4, 185, 3725)] == ["4s", "3m05s", "1h02m"]


def test_two_runs_cannot_share_a_folder(tmp_path: Path) -> None:
    with RunLock(tmp_path), pytest.raises(TrainingError, match=str(os.getpid())), RunLock(tmp_path):
        pass
    with RunLock(tmp_path):
        pass


def test_a_run_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="run"), RunLock(tmp_path / "file" / "run"):
        pass
