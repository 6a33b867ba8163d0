"""Step sizes in the backbones, and few-step training against exact average velocities."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from mmzoo_dit.backbone import DiT
from mmzoo_dit.few_steps import AverageVelocity, MeanFlow, Shortcut
from mmzoo_dit.flow import Euler
from mmzoo_dit.joint import JointDiT
from torch import Tensor

from mmzoo.errors import ConfigError, InputError
from mmzoo.interfaces import Condition, DiffusionBackbone, Latents

SAMPLERS: dict[str, AverageVelocity] = {"shortcut": Shortcut(), "meanflow": MeanFlow()}
LARGE = {"shortcut": 2 / 128, "meanflow": 0.0}
"""Larger steps have exact targets; the halves of the smallest shortcuts count as velocities."""
BACKBONES: dict[str, tuple[Any, dict[str, Any]]] = {
    "dit": (DiT, {"in_channels": 2, "width": 32, "depth": 2, "heads": 2, "conv_position": 3}),
    "joint-dit": (JointDiT, {"channels": {"speech": 2, "image": 3}, "width": 32, "depth": 2, "heads": 2}),
}


def trained(name: str, **config: Any) -> DiffusionBackbone:
    """A backbone with random parameters everywhere, as if trained."""
    kind, small = BACKBONES[name]
    torch.manual_seed(0)
    model: DiffusionBackbone = kind(**small, **config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.15 * torch.randn(parameter.shape))
    return model.eval()


def pairs(*times: tuple[float, float]) -> Tensor:
    return torch.tensor(times)


# --- backbones ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BACKBONES)
def test_a_plain_backbone_becomes_one_with_step_sizes(name: str) -> None:
    """With its weights, and the new ones as they start, the prediction is the same bits whatever the step size."""
    plain = trained(name)
    kind, small = BACKBONES[name]
    sized = kind(**small, step_size=True).eval()
    missing, unexpected = sized.load_state_dict(plain.state_dict(), strict=False)
    assert not unexpected and missing and all(".step." in key for key in missing)
    x = Latents(torch.randn(3, 5, 2))
    t = pairs((0.0, 1.0), (0.3, 0.25), (0.9, 0.0))
    assert torch.equal(sized(x, t, Condition()), plain(x, t[:, 0], Condition()))


@pytest.mark.parametrize("name", BACKBONES)
def test_step_sizes_matter_and_zero_is_the_default(name: str) -> None:
    model, x = trained(name, step_size=True), Latents(torch.randn(2, 5, 2))
    t = pairs((0.2, 0.5), (0.6, 0.125))
    found = model(x, t, Condition())
    for item in range(2):
        table = model.precompute(t, Condition())
        torch.testing.assert_close(model(x, None, Condition(), table=table, step=item)[item], found[item])
    assert not torch.allclose(model(x, t * torch.tensor([1, 0]), Condition()), found, atol=1e-3)
    still = model(x, t * torch.tensor([1, 0]), Condition())
    torch.testing.assert_close(model(x, t[:, 0], Condition()), still)


@pytest.mark.parametrize("name", BACKBONES)
def test_a_plain_backbone_refuses_step_sizes(name: str) -> None:
    model, x = trained(name), Latents(torch.randn(2, 5, 2))
    with pytest.raises(InputError, match="step_size"):
        model(x, pairs((0, 1), (0, 1)), Condition())
    with pytest.raises(InputError, match="step_size"):
        model.precompute(pairs((0, 1)), Condition())


# --- exact average velocities ------------------------------------------------------------------------------

MEAN, STD = torch.tensor([1.5, -0.5], dtype=torch.float64), torch.tensor([0.3, 0.6], dtype=torch.float64)


def spread(t: Tensor) -> Tensor:
    """Std of x_t on the straight path from N(0, 1) to N(MEAN, STD^2)."""
    return ((1 - t) ** 2 + (t * STD) ** 2).sqrt()


def exact(x: Tensor, t: Tensor, d: Tensor) -> Tensor:
    """The average velocity between these Gaussians; the flow keeps (x - t MEAN) / spread(t)."""
    t, d = t.view(-1, 1, 1), d.view(-1, 1, 1)
    later = (t + d) * MEAN + spread(t + d) / spread(t) * (x - t * MEAN)
    rate = (t * STD**2 - (1 - t)) / spread(t) ** 2
    return torch.where(d > 0, (later - x) / d.clamp_min(1e-9), MEAN + rate * (x - t * MEAN))


@pytest.mark.parametrize("name", SAMPLERS)
def test_targets_of_exact_averages_are_exact_averages(name: str) -> None:
    sampler = SAMPLERS[name]
    generator = torch.Generator().manual_seed(0)
    t, d = sampler.steps(200, generator).double().unbind(-1)
    at = t.view(-1, 1, 1)
    x = at * MEAN + spread(at) * torch.randn(200, 3, 2, generator=generator, dtype=torch.float64)
    velocity = exact(x, t, torch.zeros_like(d))
    found = sampler.target(exact, x, t, d, velocity)
    large = d > LARGE[name]
    torch.testing.assert_close(found[large], exact(x, t, d)[large], atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(found, exact(x, t, d), atol=0.05, rtol=0.05)


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 2, 3, 8])
def test_any_number_of_steps_of_exact_averages_arrives(name: str, steps: int) -> None:
    sampler, noise = SAMPLERS[name], torch.randn(4, 3, 2, dtype=torch.float64)
    schedule = sampler.schedule(steps).double()
    out = sampler.sample(lambda x, i: exact(x, *schedule[i].expand(len(x), 2).unbind(-1)), noise, steps)
    torch.testing.assert_close(out, MEAN + STD * noise, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", SAMPLERS)
def test_steps_lie_on_the_path(name: str) -> None:
    t, d = SAMPLERS[name].steps(5000, torch.Generator().manual_seed(0)).unbind(-1)
    assert bool((t >= 0).all() and (d > 0).all() and (t + d <= 1 + 1e-6).all())


def test_shortcuts_are_halved_powers_of_two_from_their_multiples() -> None:
    t, d = Shortcut(finest=16).steps(5000, torch.Generator().manual_seed(0)).unbind(-1)
    assert set(d.tolist()) == {1, 1 / 2, 1 / 4, 1 / 8}
    assert torch.equal((t / d).round(), t / d)
    assert all(abs((d == size).float().mean() - 1 / 4) < 0.03 for size in (1, 1 / 2, 1 / 4, 1 / 8))
    assert set(t[d == 1 / 4].tolist()) == {0, 1 / 4, 1 / 2, 3 / 4}


def test_a_shortcut_is_two_halves() -> None:
    """The second half starts where the first has led, and the smallest halves are velocities."""
    asked: list[tuple[Tensor, Tensor]] = []

    def average(x: Tensor, t: Tensor, d: Tensor) -> Tensor:
        asked.append((t, d))
        return x + t.view(-1, 1, 1)

    x, t, d = torch.ones(2, 1, 1), torch.tensor([0.0, 0.75]), torch.tensor([0.5, 0.25])
    found = Shortcut(finest=8).target(average, x, t, d, x)
    first, ahead = x + t.view(-1, 1, 1), t + d / 2
    second = x + d.view(-1, 1, 1) / 2 * first + ahead.view(-1, 1, 1)
    torch.testing.assert_close(found, (first + second) / 2)
    for (at, size), start in zip(asked, (t, ahead), strict=True):
        assert torch.equal(at, start) and size.tolist() == [0.25, 0]


@pytest.mark.parametrize("name", BACKBONES)
def test_meanflow_differentiates_a_backbone_along_the_flow(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The target is v + d du/dt, with du/dt as central differences give it; without gradients, attention is fused."""
    monkeypatch.setattr(Tensor, "float", Tensor.double)  # sinusoids and rotations in float64 too
    model = trained(name, step_size=True).double()
    generator = torch.Generator().manual_seed(0)
    x, velocity = torch.randn(2, 3, 5, 2, generator=generator, dtype=torch.float64)
    mask = torch.arange(5) < torch.tensor([[5], [3], [1]])
    t, d = torch.tensor([[0.1, 0.4, 0.7], [0.9, 0.3, 0.05]], dtype=torch.float64)

    def average(x: Tensor, t: Tensor, d: Tensor) -> Tensor:
        return model(Latents(x, mask), torch.stack((t, d), dim=-1), Condition())

    with torch.no_grad():
        found = MeanFlow().target(average, x, t, d, velocity)
        own, tiny = average(x, t, 0 * d), 1e-6
        ends = [average(x + side * own, t + side, d - side) for side in (tiny, -tiny)]
    change = (ends[0] - ends[1]) / (2 * tiny)
    torch.testing.assert_close(found, velocity + d.view(-1, 1, 1) * change, atol=1e-4, rtol=1e-4)
    assert (found - velocity).abs().max() > 1


@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_meanflow_trains_in_half_precision_and_with_conditions(dtype: torch.dtype, cross: bool) -> None:
    more: dict[str, Any] = {"sequence_channels": {"caption": 4}} if cross else {"aligned_channels": {"text": 4}}
    model, sampler = trained("dit", step_size=True, **more), MeanFlow(fraction=1.0)
    given = torch.randn(3, 5, 4, requires_grad=True)
    condition = Condition(sequences={"caption": Latents(given)}) if cross else Condition(aligned={"text": given})
    data = Latents(torch.randn(3, 5, 2), torch.arange(5) < torch.tensor([[5], [3], [1]]))
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype is torch.bfloat16):
        losses = sampler.loss(model, data, condition, torch.Generator().manual_seed(0))
    losses.total.backward()
    assert losses.total.isfinite() and losses.parts.keys() == {"steps"}
    assert given.grad is not None and given.grad.isfinite().all() and given.grad.abs().sum() > 0


@pytest.mark.parametrize("name", SAMPLERS)
def test_targets_leave_the_gradients_of_half_precision_alone(name: str) -> None:
    """Weights that autocast has cached for the targets, without gradients, would have none in the prediction."""
    gradients = []
    for half in (False, True):
        model = trained("dit", step_size=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            data = Latents(torch.randn(8, 5, 2, generator=torch.Generator().manual_seed(1)))
            SAMPLERS[name].loss(model, data, Condition(), torch.Generator().manual_seed(0)).total.backward()
        assert all(p.grad is not None for p in model.parameters())
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    exact, found = gradients
    assert (found - exact).norm() < 0.2 * exact.norm()


def test_meanflow_divides_each_item_by_its_own_error() -> None:
    errors = torch.tensor([[4.0, 2.0, 100.0], [0.1, 0.3, 0.2]])
    mask = torch.tensor([[True, True, False], [True, True, True]])
    assert MeanFlow(power=0.0).mean(errors, mask, None) == errors[mask].mean()
    wanted = (6 / (3 + 1e-3) + 0.6 / (0.2 + 1e-3)) / 5
    torch.testing.assert_close(MeanFlow().mean(errors, mask, None), torch.tensor(wanted))


# --- the loss ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLERS)
def test_without_steps_the_loss_is_that_of_flow_matching(name: str) -> None:
    plain = type(SAMPLERS[name])(fraction=0.0, training_times="uniform")
    backbone, data = trained("dit", step_size=True), Latents(torch.randn(6, 5, 2), torch.rand(6, 5) < 0.8)
    wanted, found = (
        sampler.loss(backbone, data, Condition(), torch.Generator().manual_seed(3)) for sampler in (Euler(), plain)
    )
    torch.testing.assert_close(found.parts["flow"], wanted.total.detach())
    assert set(found.parts) == {"flow"}


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("batch", [1, 7])
def test_a_fraction_of_the_items_trains_steps(name: str, batch: int) -> None:
    seen: list[int] = []

    def backbone(x_t: Latents, t: Tensor, condition: Condition) -> Tensor:
        if x_t.x.requires_grad:
            seen.append(int((t[:, 1] > 0).sum()))
        return x_t.x * 0

    model: Any = backbone
    data = Latents(torch.randn(batch, 2, 2, requires_grad=True))
    generator = torch.Generator().manual_seed(0)
    for _ in range(400):
        SAMPLERS[name].loss(model, data, Condition(), generator)
    assert len(seen) == 400 and set(seen) == {int(batch / 4), int(batch / 4) + 1}
    assert abs(sum(seen) / 400 - batch / 4) < 0.07


@pytest.mark.parametrize("name", SAMPLERS)
def test_weights_select_positions_and_conditions_follow_their_items(name: str) -> None:
    """Exact predictions where the weight is, from what each item is given; nonsense elsewhere."""
    data = torch.randn(8, 4, 2, dtype=torch.float64)
    weight = (torch.rand(8, 4) < 0.5).double()
    positions = torch.rand(8, 4, 1, dtype=torch.float64)

    def backbone(x_t: Latents, t: Tensor, condition: Condition) -> Tensor:
        given = condition.sequences["given"].x[:, :4]
        assert x_t.positions is not None and torch.equal(condition.vectors["first"], x_t.positions[:, 0])
        found = (given - x_t.x) / (1 - t[:, 0]).view(-1, 1, 1)  # the velocity to a single point
        return torch.where(condition.aligned["weight"] > 0, found, 7.0)

    model: Any = backbone
    condition = Condition(
        {"first": positions[:, 0]},
        {"weight": weight.unsqueeze(-1)},
        {"given": Latents(torch.cat((data, data), 1), torch.ones(8, 8, dtype=torch.bool))},
    )
    frame = Latents(data, positions=positions)
    for seed in range(3):
        losses = SAMPLERS[name].loss(model, frame, condition, torch.Generator().manual_seed(seed), weight)
        assert losses.total < 1e-6
    losses = SAMPLERS[name].loss(model, frame, condition, torch.Generator().manual_seed(0))
    assert losses.total > 0.5


def test_bad_settings() -> None:
    for config, key in [({"finest": 6}, "finest"), ({"finest": 1}, "finest"), ({"fraction": 1.5}, "fraction")]:
        with pytest.raises(ConfigError) as caught:
            Shortcut(**config)
        assert caught.value.path == key
    with pytest.raises(InputError, match=r"\b1\b"):
        Shortcut().schedule(0)


# --- training ----------------------------------------------------------------------------------------------


def ring(count: int, generator: torch.Generator) -> Tensor:
    """Eight Gaussians on a circle, `[count, 1, 2]`."""
    angle = torch.randint(8, (count,), generator=generator) * (math.pi / 4)
    centre = torch.stack((angle.cos(), angle.sin()), dim=-1)
    return 1.4 * (centre + 0.08 * torch.randn(count, 2, generator=generator)).unsqueeze(1)


def distance(found: Tensor, wanted: Tensor) -> float:
    """The energy distance, 0 between equal distributions."""
    within = torch.cdist(found, found).mean() + torch.cdist(wanted, wanted).mean()
    return float(2 * torch.cdist(found, wanted).mean() - within)


def fitted(sampler: Euler, steps: int = 400) -> DiT:
    """A small DiT trained on the ring."""
    torch.manual_seed(0)
    step_size = isinstance(sampler, AverageVelocity)
    model = DiT(width=48, depth=2, heads=2, in_channels=2, step_size=step_size, time_scale=10.0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, betas=(0.9, 0.95), weight_decay=0)
    generator = torch.Generator().manual_seed(1)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 4e-3 * (1 + math.cos(math.pi * step / steps)) / 2
        optimizer.zero_grad()
        sampler.loss(model, Latents(ring(192, generator)), Condition(), generator).total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return model.eval()


@torch.inference_mode()
def error(model: DiT, sampler: Euler, steps: int) -> float:
    """Distance of samples from the ring."""
    generator = torch.Generator().manual_seed(2)
    noise, wanted = torch.randn(2000, 1, 2, generator=generator), ring(2000, generator)
    table = model.precompute(sampler.schedule(steps), Condition())
    out = sampler.sample(lambda x, i: model(Latents(x), None, Condition(), table=table, step=i), noise, steps)
    return distance(out[:, 0], wanted[:, 0])


@pytest.fixture(scope="module")
def flow() -> DiT:
    return fitted(Euler())


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLERS)
def test_one_step_after_training_beats_one_step_of_flow_matching(name: str, flow: DiT) -> None:
    """And is about as good as many steps of it."""
    found = error(fitted(SAMPLERS[name]), SAMPLERS[name], 1)
    assert found < 0.1 * error(flow, Euler(), 1)
    assert found < error(flow, Euler(), 32) + 0.03
