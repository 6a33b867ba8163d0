"""A diffusion transformer over several streams at once: joint attention, separate weights and times."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.errors import ConfigError, InputError
from mmzoo.interfaces import Condition, DiffusionBackbone, Latents, Port, Ports, Positive, Size
from mmzoo.nn.attention import attend
from mmzoo.nn.norm import QueryKeyNorm, adaptive_layer_norm
from mmzoo.nn.rope import grid_positions, rotate, rotations
from mmzoo_dit.blocks import FeedForward
from mmzoo_dit.modulation import ROWS_PER_BLOCK, Modulation, TimeEmbedding

AXES = 2
"""Position axes: row and column in images, index and 0 in sequences."""
GIVEN = 1.0
"""The time of a given stream: data without noise."""


@dataclass(frozen=True, slots=True)
class JointTable:
    """Modulation of each stream for all steps, `[S, 6 * depth + 2, R, 1, D]`; S is 1 for given streams."""

    rows: Mapping[str, Tensor]
    given: Mapping[str, Latents]


class StreamBlock(nn.Module):
    """The part of a block that belongs to one stream."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.norm = QueryKeyNorm(width // heads)
        self.out = nn.Linear(width, width)
        self.feed_forward = FeedForward(width, hidden)

    def queries_keys_values(self, x_BND: Tensor, rows: Sequence[Tensor], rotation: Tensor) -> tuple[Tensor, Tensor]:
        """Queries and keys with rotary positions, `[B, N, 2, heads, head_dim]`, and values."""
        y = self.qkv(adaptive_layer_norm(x_BND, rows[0], rows[1]))
        qkv = y.view(*y.shape[:2], 3, self.heads, -1)
        values = qkv[:, :, 2]
        return rotate(self.norm(qkv[:, :, :2]), rotation).to(values.dtype), values

    def take(self, x_BND: Tensor, attended_BND: Tensor, rows: Sequence[Tensor]) -> Tensor:
        """Add the output of joint attention, then the feed-forward."""
        x_BND = torch.addcmul(x_BND, rows[2], self.out(attended_BND).to(x_BND.dtype))
        y = self.feed_forward(adaptive_layer_norm(x_BND, rows[3], rows[4]))
        return torch.addcmul(x_BND, rows[5], y.to(x_BND.dtype))


class JointDiT(DiffusionBackbone):
    """Streams that attend to each other, as in MMDiT (Esser et al., arXiv 2403.03206), each at a time of its own, as in
    UniDiffuser (Bao et al., arXiv 2303.06555).

    A stream can be noisy, given (its time is 1) or absent; `joint` predicts all that are present. As a backbone it
    predicts the stream named by `x_t.modality`, given those in the condition's sequences. Positions are row and column
    for latents with a grid, and the index for others.

    Args:
        channels: Channels of the latents of each stream, by name.
        width: Channels of the residual streams.
        depth: Number of blocks.
        heads: Attention heads.
        stream: The noisy stream if x_t names none; the first by default.
        mlp_ratio: Hidden width of the feed-forward over width.
        rope_theta: Base of the rotary frequencies.
        step_size: Also take the size of the sampling step, which few-step samplers need.
        time_scale: Largest frequency of the time embedding, in radians per unit of time. MeanFlow, which differentiates
            it, needs a smooth one: about 10.
    """

    entries = (*DiffusionBackbone.entries, "joint")

    def __init__(
        self,
        *,
        channels: dict[str, Size],
        width: Size,
        depth: Size,
        heads: Size,
        stream: str | None = None,
        mlp_ratio: Positive = 4.0,
        rope_theta: Positive = 10000.0,
        step_size: bool = False,
        time_scale: Positive = 1000.0,
    ) -> None:
        super().__init__()
        _check(channels, width, depth, heads, stream)
        self.channels, self.stream = dict(channels), stream or next(iter(channels))
        self.heads, self.head_dim, self.rope_theta = heads, width // heads, rope_theta
        names, hidden = sorted(channels), round(width * mlp_ratio)
        self.input = _each(names, lambda name: nn.Linear(channels[name], width))
        self.time = _each(names, lambda _: TimeEmbedding(width, scale=time_scale, step_size=step_size))
        self.modulation = _each(names, lambda _: Modulation(width, depth, shared=False))
        blocks = (_each(names, lambda _: StreamBlock(width, heads, hidden)) for _ in range(depth))
        self.blocks = cast(Sequence[Mapping[str, StreamBlock]], nn.ModuleList(cast(Iterable[nn.Module], blocks)))
        self.output = _each(names, lambda name: nn.Linear(width, channels[name]))
        self.reset_parameters()

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Inputs `x`, `times` and one for each stream by its name; output `prediction` of the default stream."""
        channels: Mapping[str, int] = config["channels"]
        own = channels.get(config["stream"] or next(iter(channels), ""))
        inputs = {"x": Port(width=own), "times": Port(width=2 if config.get("step_size") else 1)}
        inputs |= {name: Port(width=width) for name, width in channels.items()}
        return Ports(inputs, {"prediction": Port(width=own)})

    def reset_parameters(self) -> None:
        """Glorot-uniform linear layers; modulation and outputs start at zero."""
        super().reset_parameters()
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        for name in self.channels:
            self.time[name].start()
            self.modulation[name].zero()
            nn.init.zeros_(self.output[name].weight)

    def joint(self, streams: Mapping[str, Latents], times: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Predictions `[B, N, C]` of every stream at its times `[B]` or `[B, 2]`, zero where its mask is False."""
        if set(times) != set(streams):
            raise InputError(
                f"JointDiT got streams {sorted(streams)} and times for {sorted(times)}; the names must match."
            )
        rows = {name: self._rows(name, times[name].unsqueeze(0))[0] for name in self._known(streams)}
        return self._through(streams, rows)

    def precompute(self, t: Tensor, condition: Condition) -> JointTable:
        """Modulation at times t `[S]` for every stream that may be noisy, and at time 1 for the given ones."""
        given = self._given(condition)
        clean = t.new_full((1, 1), GIVEN)
        noisy = {name: self._rows(name, t.unsqueeze(1)) for name in self.channels if name not in given}
        return JointTable(noisy | {name: self._rows(name, clean) for name in given}, given)

    def forward(
        self,
        x_t: Latents,
        t: Tensor | None,
        condition: Condition,
        *,
        table: JointTable | None = None,
        step: int | None = None,
    ) -> Tensor:
        """Prediction `[B, N, C]` of one stream conditioned on the given ones; see DiffusionBackbone."""
        name = x_t.modality if x_t.modality in self.channels else self.stream
        if table is None:
            if t is None:
                raise InputError("JointDiT got neither times t nor a precomputed table; pass t [B] or table and step.")
            given = self._given(condition)
            clean = {other: t.new_full(t.shape[:1], GIVEN) for other in given}
            if name in given:
                raise InputError(f"JointDiT got the stream {name} both noisy and given; remove it from the condition.")
            return self.joint({name: x_t, **given}, {name: t, **clean})[name]
        if step is None or name not in table.rows or name in table.given:
            raise InputError(
                f"JointDiT needs a table in which {name} is not given, and a step, the index into its times."
            )
        rows = {other: table.rows[other][0] for other in table.given} | {name: table.rows[name][step]}
        return self._through({name: x_t, **table.given}, rows)[name]

    def _known(self, streams: Mapping[str, Latents]) -> Mapping[str, Latents]:
        if not streams or not set(streams) <= set(self.channels):
            raise InputError(f"JointDiT got streams {sorted(streams)}; it has {sorted(self.channels)}.")
        for name, latents in streams.items():
            if latents.x.shape[-1] != self.channels[name]:
                raise InputError(
                    f"JointDiT got {name} with {latents.x.shape[-1]} channels; it was built for {self.channels[name]}."
                )
        return streams

    def _given(self, condition: Condition) -> Mapping[str, Latents]:
        if condition.vectors or condition.aligned:
            raise InputError("JointDiT takes no vectors or aligned sequences; pass streams as sequences.")
        return self._known(condition.sequences) if condition.sequences else {}

    def _rows(self, name: str, t_SR: Tensor) -> Tensor:
        device = self.input[name].weight.device
        with torch.autocast(device.type, enabled=False):  # 1 + scale in bfloat16 would lose the scale's bits
            rows: Tensor = self.modulation[name](self.time[name](t_SR.to(device)))
            return rows

    def _through(self, streams: Mapping[str, Latents], rows: Mapping[str, Tensor]) -> dict[str, Tensor]:
        names = sorted(streams)
        h, turns = {}, {}
        for name in names:
            latents = streams[name]
            x = self.input[name](latents.x).to(latents.x.dtype)
            h[name] = x if latents.mask is None else x.masked_fill(~latents.mask.unsqueeze(-1), 0)
            turns[name] = rotations(_positions(latents), self.head_dim, self.rope_theta)
        mask = _joined_mask([streams[name] for name in names])
        for index, block in enumerate(self.blocks):
            own = {name: rows[name][ROWS_PER_BLOCK * index : ROWS_PER_BLOCK * (index + 1)].unbind(0) for name in names}
            pieces = [block[name].queries_keys_values(h[name], own[name], turns[name]) for name in names]
            qk, v = (torch.cat(some, dim=1) for some in zip(*pieces, strict=True))
            q, k, v = qk[:, :, 0].transpose(1, 2), qk[:, :, 1].transpose(1, 2), v.transpose(1, 2)
            attended = attend(q, k, v, mask)
            parts = torch.split(attended, [h[name].shape[1] for name in names], dim=1)
            h = {name: block[name].take(h[name], part, own[name]) for name, part in zip(names, parts, strict=True)}
        predictions = {}
        for name in names:
            shift, factor = rows[name][-2:].unbind(0)
            out = self.output[name](adaptive_layer_norm(h[name], shift, factor)).to(streams[name].x.dtype)
            real = streams[name].mask
            predictions[name] = out if real is None else out.masked_fill(~real.unsqueeze(-1), 0)
        return predictions


Made = TypeVar("Made", bound=nn.Module)


def _each(names: Iterable[str], make: Callable[[str], Made]) -> Mapping[str, Made]:
    """A ModuleDict with one module for each name, typed by its values."""
    return cast(Mapping[str, Made], nn.ModuleDict({name: make(name) for name in names}))


def _positions(latents: Latents) -> Tensor:
    """`[B or 1, N, 2]`."""
    count, device = latents.x.shape[1], latents.x.device
    positions = latents.positions
    if positions is None and latents.grid is not None and latents.grid[0] * latents.grid[1] == count:
        return grid_positions(*latents.grid, device=device)
    if positions is None:
        positions = torch.arange(count, dtype=torch.float32, device=device).view(1, count, 1)
    return F.pad(positions.float(), (0, AXES - positions.shape[-1]))


def _joined_mask(streams: Sequence[Latents]) -> Tensor | None:
    """The keys that may be attended to, `[B, 1, 1, N]`; None if all may."""
    if all(latents.mask is None for latents in streams):
        return None
    return torch.cat([latents.full_mask for latents in streams], dim=1)[:, None, None, :]


def _check(channels: Mapping[str, int], width: int, depth: int, heads: int, stream: str | None) -> None:
    if not channels:
        raise ConfigError("channels is empty; give the width of each stream by name.", path="channels")
    if stream is not None and stream not in channels:
        raise ConfigError(f"stream is {stream!r}; choose one of {', '.join(channels)}.", path="stream")
    if depth < 1:
        raise ConfigError(f"depth is {depth}; it must be at least 1.", path="depth")
    if heads < 1 or width % heads or (width // heads) % (2 * AXES):
        raise ConfigError(
            f"width {width} with {heads} heads does not fit; width / heads must be a multiple of {2 * AXES}.",
            path="heads",
        )
