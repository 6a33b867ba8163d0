"""The DiT backbone: identity at the start, masks, tables, and a block against formulas written out."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmzoo_dit.backbone import DiT
from mmzoo_dit.modulation import timestep_embedding
from torch import Tensor, nn

from mmzoo.errors import ConfigError, InputError
from mmzoo.interfaces import Condition, Latents

SMALL: dict[str, Any] = {"width": 32, "depth": 2, "heads": 2, "in_channels": 6}
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "shared": {"shared_modulation": True},
    "vectors": {"vector_channels": {"speaker": 5, "style": 3}},
    "aligned": {"aligned_channels": {"text": 7}, "conv_position": 5},
    "cross": {"sequence_channels": {"caption": 4, "sound": 9}, "shared_modulation": True},
    "image": {"position": "rope-2d", "vector_channels": {"label": 4}},
    "sized": {"step_size": True, "vector_channels": {"label": 4}},
    "all": {
        "out_channels": 4,
        "qk_norm": False,
        "gelu": "tanh",
        "conv_position": 3,
        "vector_channels": {"speaker": 5},
        "aligned_channels": {"text": 7, "pitch": 1},
        "sequence_channels": {"caption": 4},
    },
}
COUNT = 12
GRID = (3, 4)


def trained(seed: int = 0, **config: Any) -> DiT:
    """A backbone with random parameters everywhere, as if trained."""
    model = DiT(**{**SMALL, **config})
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.15)
    return model.eval()


def noisy(model: DiT, batch: int = 3, count: int = COUNT, mask: Tensor | None = None, seed: int = 1) -> Latents:
    x = torch.randn(batch, count, model.in_channels, generator=torch.Generator().manual_seed(seed))
    return Latents(x, mask, grid=GRID if count == COUNT else None)


def condition(config: dict[str, Any], batch: int = 3, count: int = COUNT, seed: int = 2) -> Condition:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    sequences = {}
    for index, (name, width) in enumerate(config.get("sequence_channels", {}).items()):
        length = 4 + index
        mask = torch.arange(length) < torch.tensor([length, 2, 1, 3][:batch]).unsqueeze(1)
        sequences[name] = Latents(normal(batch, length, width), mask if index == 0 else None)
    return Condition(
        {name: normal(batch, width) for name, width in config.get("vector_channels", {}).items()},
        {name: normal(batch, count, width) for name, width in config.get("aligned_channels", {}).items()},
        sequences,
    )


def items(given: Condition, row: int, length: int) -> Condition:
    """One item of a condition, unpadded."""
    sequences = {}
    for name, entry in given.sequences.items():
        size = entry.x.shape[1] if entry.mask is None else int(entry.mask[row].sum())
        sequences[name] = Latents(entry.x[row : row + 1, :size])
    return Condition(
        {name: value[row : row + 1] for name, value in given.vectors.items()},
        {name: value[row : row + 1, :length] for name, value in given.aligned.items()},
        sequences,
    )


@pytest.mark.parametrize("name", VARIANTS)
def test_every_block_starts_as_the_identity_and_the_output_as_zero(name: str) -> None:
    model = DiT(**SMALL, **VARIANTS[name])
    changes: list[float] = []
    for block in model.blocks:
        block.register_forward_hook(lambda _, args, out: changes.append((args[0] - out).abs().max().item()))
    prediction = model(noisy(model), torch.rand(3), condition(VARIANTS[name]))
    assert changes == [0.0] * SMALL["depth"]
    assert prediction.shape == (3, COUNT, VARIANTS[name].get("out_channels", 6))
    assert not prediction.any()


@pytest.mark.parametrize("name", VARIANTS)
def test_a_batch_is_its_items(name: str) -> None:
    model, given = trained(**VARIANTS[name]), condition(VARIANTS[name])
    lengths = [12, 12, 12] if name == "image" else [12, 7, 1]
    mask = torch.arange(COUNT) < torch.tensor(lengths).unsqueeze(1)
    t = torch.tensor([0.1, 0.5, 0.9])
    latents = noisy(model, mask=mask)
    together = model(latents, t, given)
    for row, length in enumerate(lengths):
        single = Latents(latents.x[row : row + 1, :length], grid=latents.grid)
        alone = model(single, t[row : row + 1], items(given, row, length))
        torch.testing.assert_close(together[row, :length], alone[0], atol=1e-5, rtol=1e-5)
        assert not together[row, length:].any()


@pytest.mark.parametrize("name", VARIANTS)
def test_what_lies_in_the_padding_does_not_matter(name: str) -> None:
    model, given = trained(**VARIANTS[name]), condition(VARIANTS[name])
    mask = torch.arange(COUNT) < torch.tensor([12, 7, 1]).unsqueeze(1)
    latents, t = noisy(model, mask=mask), torch.tensor([0.1, 0.5, 0.9])
    dirty_x = torch.where(mask.unsqueeze(-1), latents.x, torch.nan)
    dirty = Condition(
        given.vectors,
        {k: torch.where(mask.unsqueeze(-1), v, torch.nan) for k, v in given.aligned.items()},
        {
            k: v if v.mask is None else Latents(torch.where(v.mask.unsqueeze(-1), v.x, torch.tensor(1e4)), v.mask)
            for k, v in given.sequences.items()
        },
    )
    clean = model(latents, t, given)
    torch.testing.assert_close(model(Latents(dirty_x, mask, grid=GRID), t, dirty), clean, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", VARIANTS)
def test_table_is_the_direct_path(name: str) -> None:
    model, given = trained(**VARIANTS[name]), condition(VARIANTS[name])
    latents, times = noisy(model), torch.tensor([0.0, 0.2, 0.7])
    table = model.precompute(times, given)
    for step, t in enumerate(times):
        direct = model(latents, t.expand(3), given)
        torch.testing.assert_close(
            model(latents, None, Condition(), table=table, step=step), direct, atol=1e-5, rtol=1e-5
        )


@pytest.mark.parametrize("name", VARIANTS)
def test_modulation_is_one_product_however_many_steps(name: str) -> None:
    model, given = trained(**VARIANTS[name]), condition(VARIANTS[name])
    calls: list[str] = []
    for path, module in model.named_modules():
        if isinstance(module, nn.Linear):
            module.register_forward_hook(lambda *_, path=path: calls.append(path))
    counts = []
    for steps in (1, 4, 50):
        calls.clear()
        model.precompute(torch.linspace(0, 1, steps), given)
        counts.append(len(calls))
        assert calls.count("modulation.project") == 1
    assert len(set(counts)) == 1
    calls.clear()
    model(noisy(model), None, given, table=model.precompute(torch.tensor([0.5]), given), step=0)
    in_loop = [
        path for path in calls[counts[0] :] if path.startswith(("modulation", "time", "vectors", "aligned", "seq"))
    ]
    assert in_loop == []
    assert not any(path.endswith("key_value") for path in calls[counts[0] :])


def test_shared_modulation_saves_parameters_and_blocks_still_differ() -> None:
    def count(**config: Any) -> int:
        return sum(p.numel() for p in DiT(**SMALL, **config).modulation.parameters())

    assert count(shared_modulation=True) < count() * 0.7
    rows = trained(shared_modulation=True).precompute(torch.tensor([0.5]), Condition()).rows
    assert rows.shape == (1, 6 * 2 + 2, 1, 1, 32)
    assert not torch.allclose(rows[0, 0], rows[0, 6])


def reference_rope(x: Tensor, positions: Tensor) -> Tensor:
    """Rotary code with cosines and sines, for `[B, N, H, E]`."""
    axes = positions.shape[-1]
    pairs = x.shape[-1] // 2 // axes
    out = x.clone()
    for axis in range(axes):
        for pair in range(pairs):
            angle = positions[..., axis] * 10000 ** (-pair / pairs)
            cos, sin = angle.cos().unsqueeze(-1), angle.sin().unsqueeze(-1)
            channel = 2 * (axis * pairs + pair)
            a, b = x[..., channel], x[..., channel + 1]
            out[..., channel], out[..., channel + 1] = a * cos - b * sin, a * sin + b * cos
    return out


def plain_norm(x: Tensor) -> Tensor:
    return (x - x.mean(-1, keepdim=True)) / (x.var(-1, unbiased=False, keepdim=True) + 1e-6).sqrt()


def rms(x: Tensor) -> Tensor:
    return x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt()


@pytest.mark.parametrize("position", ["rope-1d", "rope-2d"])
def test_the_whole_network_against_the_equations(position: str) -> None:
    """Equations of the DiT paper, one operation at a time, with QK norm and rotary codes."""
    model = trained(vector_channels={"label": 4}, position=position, gelu="tanh")
    label, t = torch.randn(3, 4), torch.tensor([0.0, 0.3, 1.0])
    latents = noisy(model)
    if position == "rope-1d":
        positions = torch.arange(COUNT).float().view(1, COUNT, 1)
    else:
        positions = torch.tensor([[[n // 4, n % 4] for n in range(COUNT)]]).float()

    freqs = torch.tensor([10000 ** (-i / 128) for i in range(128)])
    angles = 1000 * t[:, None] * freqs
    sinusoid = torch.cat((angles.cos(), angles.sin()), -1)
    torch.testing.assert_close(timestep_embedding(t), sinusoid, atol=2e-4, rtol=1e-4)
    hidden = model.time.inner(timestep_embedding(t))
    c = model.time.outer(hidden * hidden.sigmoid()) + model.vectors["label"](label)
    rows = (c * c.sigmoid()) @ model.modulation.project.weight.T + model.modulation.project.bias
    rows = rows.view(3, 14, 1, 32)

    h = model.input(latents.x)
    for index, block in enumerate(model.blocks):
        s1, f1, g1, s2, f2, g2 = rows[:, 6 * index : 6 * index + 6].unbind(1)
        y = plain_norm(h) * (1 + f1) + s1
        q, k, v = (part.view(3, COUNT, 2, 16) for part in block.attention.qkv(y).chunk(3, -1))
        q = reference_rope(rms(q) * block.attention.norm.weight[0], positions)
        k = reference_rope(rms(k) * block.attention.norm.weight[1], positions)
        weights = (torch.einsum("bnhe,bmhe->bhnm", q, k) / math.sqrt(16)).softmax(-1)
        y = torch.einsum("bhnm,bmhe->bnhe", weights, v).reshape(3, COUNT, 32)
        h = h + g1 * block.attention.out(y)
        u = block.feed_forward.up(plain_norm(h) * (1 + f2) + s2)
        u = 0.5 * u * (1 + torch.tanh(math.sqrt(2 / math.pi) * (u + 0.044715 * u**3)))
        h = h + g2 * block.feed_forward.down(u)
    shift, factor = rows[:, 12:].unbind(1)
    expected = model.output(plain_norm(h) * (1 + factor) + shift)
    torch.testing.assert_close(model(latents, t, Condition({"label": label})), expected, atol=2e-5, rtol=2e-5)


@settings(max_examples=10, deadline=None)
@given(shift=st.floats(-50, 50), seed=st.integers(0, 9))
def test_only_differences_of_positions_matter(shift: float, seed: int) -> None:
    model = trained(seed)
    x = noisy(model, seed=seed).x
    positions = torch.rand(3, COUNT, 1, generator=torch.Generator().manual_seed(seed)) * 20
    t = torch.full((3,), 0.4)
    here = model(Latents(x, positions=positions), t, Condition())
    there = model(Latents(x, positions=positions + shift), t, Condition())
    torch.testing.assert_close(here, there, atol=1e-3, rtol=1e-3)


@settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(COUNT)))
def test_latents_are_a_set_of_positioned_vectors(order: list[int]) -> None:
    model = trained(aligned_channels={"text": 7})
    latents, given = noisy(model), condition({"aligned_channels": {"text": 7}})
    positions = torch.arange(COUNT).float().view(1, COUNT, 1)
    t = torch.full((3,), 0.4)
    before = model(Latents(latents.x, positions=positions), t, given)
    moved = Condition(aligned={"text": given.aligned["text"][:, order]})
    after = model(Latents(latents.x[:, order], positions=positions[:, order]), t, moved)
    torch.testing.assert_close(after, before[:, order], atol=1e-5, rtol=1e-5)
    counted = model(Latents(latents.x), t, given)
    torch.testing.assert_close(counted, before)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_parameter_learns(name: str) -> None:
    model, given = DiT(**SMALL, **VARIANTS[name]), condition(VARIANTS[name])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    target = torch.randn(3, COUNT, VARIANTS[name].get("out_channels", 6))
    for _ in range(4):  # zero gates open one after the other
        optimizer.zero_grad()
        loss = (model(noisy(model), torch.tensor([0.1, 0.5, 0.9]), given) - target).square().mean()
        loss.backward()
        optimizer.step()
    still = [
        path
        for path, p in model.named_parameters()
        if p.grad is None or not p.grad.isfinite().all() or not p.grad.any()
    ]
    assert still == []


def test_built_on_meta_and_reset_is_built() -> None:
    with torch.device("meta"):
        model = DiT(**SMALL, **VARIANTS["all"])
    model.to_empty(device="cpu")
    for parameter in model.parameters():
        nn.init.constant_(parameter, torch.nan)
    model.reset_parameters()
    assert all(p.isfinite().all() for p in model.parameters())
    assert not list(model.buffers())
    first = DiT(**SMALL, **VARIANTS["all"]).state_dict()
    for name, again in model.state_dict().items():
        assert again.shape == first[name].shape
        assert again.std() == first[name].std() or 0.7 < again.std() / first[name].std() < 1.4, name
    assert not model(noisy(model), torch.rand(3), condition(VARIANTS["all"])).any()


@pytest.mark.parametrize("name", VARIANTS)
def test_low_precision(name: str) -> None:
    model, given, t = trained(**VARIANTS[name]), condition(VARIANTS[name]), torch.tensor([0.1, 0.5, 0.9])
    exact = model(noisy(model), t, given)
    with torch.autocast("cpu", torch.bfloat16):
        rough = model(noisy(model), t, given)
        rows = model.precompute(t, given).rows
    assert torch.equal(rows, model.precompute(t, given).rows)
    assert rough.dtype == torch.float32
    assert (rough - exact).norm() / exact.norm() < 0.05
    latents = noisy(model)
    model.bfloat16()
    assert model(Latents(latents.x.bfloat16(), grid=GRID), t, given).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"heads": 3}, "heads"),
        ({"width": 12, "heads": 2, "position": "rope-2d"}, "heads"),
        ({"depth": 0}, "depth"),
        ({"position": "learned"}, "position"),
        ({"conv_position": 4}, "conv_position"),
        ({"conv_position": 3, "position": "rope-2d"}, "conv_position"),
    ],
)
def test_bad_configs_name_their_key(config: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        DiT(**{**SMALL, **config})
    assert caught.value.path == key


def test_bad_inputs_are_sentences() -> None:
    model = trained(aligned_channels={"text": 7})
    given, latents, t = condition({"aligned_channels": {"text": 7}}), noisy(model), torch.rand(3)
    with pytest.raises(InputError, match=r"\['text'\].*\[\]"):
        model(latents, t, Condition())
    with pytest.raises(InputError):
        model(latents, None, given)
    with pytest.raises(InputError, match="step"):
        model(latents, None, given, table=model.precompute(t, given))
    with pytest.raises(InputError, match=r"\b5\b.*\b6\b"):
        model(Latents(latents.x[..., :5]), t, given)
    with pytest.raises(InputError, match=r"\b3\b.*\b2\b"):
        model(latents, t[:2], given)
    with pytest.raises(InputError, match=r"\b11\b.*\b12\b"):
        model(Latents(latents.x[:, :11]), t, given)
    with pytest.raises(InputError, match="rope-1d"):
        model(Latents(latents.x, positions=torch.zeros(3, COUNT, 2)), t, given)
    image = trained(position="rope-2d")
    with pytest.raises(InputError, match="grid"):
        image(Latents(latents.x), t, Condition())


def test_ports_name_widths() -> None:
    ports = DiT.ports({**SMALL, **VARIANTS["all"]})
    assert {name: port.width for name, port in ports.inputs.items()} == {
        "x": 6, "times": 1, "speaker": 5, "text": 7, "pitch": 1, "caption": 4,
    }  # fmt: skip
    assert ports.outputs["prediction"].width == 4
    assert DiT.ports(SMALL).outputs["prediction"].width == 6
