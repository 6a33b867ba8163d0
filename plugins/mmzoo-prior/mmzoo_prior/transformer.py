"""Transformers over embedded codes: one that sees the past only, with a key-value cache, and one that sees everything.

Both are diffusion backbones whose noise is the absence of codes (absorbing diffusion, Austin et al., arXiv 2107.03006),
so they have the ports of a diffusion transformer, which can replace the masked one. They ignore times: the number of
absent codes is visible in the input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.errors import ConfigError, InputError
from mmzoo.interfaces import Condition, DiffusionBackbone, Fraction, Latents, Port, Ports, Positive, Size
from mmzoo.nn.attention import attend
from mmzoo.nn.conditions import AXES, check_names, positions_of, projections
from mmzoo.nn.norm import QueryKeyNorm, RMSNorm
from mmzoo.nn.rope import rotate, rotations


@dataclass(frozen=True, slots=True)
class Table:
    """What depends on the condition alone.

    Args:
        added: The sum of the projected vectors `[B, 1, width]`, added to every position; None without vectors.
        prefix: The projected sequences `[B, P, width]`, put before the codes; None without sequences.
        prefix_mask: Bool `[B, P]`.
    """

    added: Tensor | None
    prefix: Tensor | None
    prefix_mask: Tensor | None


@dataclass(slots=True)
class Cache:
    """The keys and values of all positions so far, of each block.

    Args:
        table: The condition.
        mask: Which of the positions may be attended to, bool `[B, T]`.
        blocks: Keys and values `[B, heads, T, head_dim]` of each block.
        count: Number of positions, without the prefix.
    """

    table: Table
    mask: Tensor
    blocks: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    count: int = 0


@runtime_checkable
class Incremental(Protocol):
    """A backbone whose prediction at a position depends only on this position and those before it."""

    def start(self, condition: Condition) -> Any:
        """The cache before the first position."""

    def extend(self, x: Latents, cache: Any) -> Tensor:
        """The prediction for the next positions `[B, M, C]`, which are added to the cache."""


class Block(nn.Module):
    """Attention with QK norm and rotary positions, then SwiGLU (Shazeer, arXiv 2002.05202), each after an RMS norm."""

    def __init__(self, width: int, heads: int, hidden: int, *, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.attention_norm = RMSNorm(width, eps=1e-6)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.norm = QueryKeyNorm(width // heads)
        self.out = nn.Linear(width, width, bias=False)
        self.mlp_norm = RMSNorm(width, eps=1e-6)
        self.up = nn.Linear(width, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(
        self, x_BND: Tensor, rotation: Tensor, mask: Tensor, past: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The residual stream, and the keys and values of all positions, those of the past included.

        Args:
            x_BND: The residual stream at the N new positions.
            rotation: Rotary angles of the new positions.
            mask: Which of all T positions each new one sees, bool `[B, 1, N, T]`.
            past: Keys and values of earlier positions.
        """
        batch, count, width = x_BND.shape
        qkv = self.qkv(self.attention_norm(x_BND)).view(batch, count, 3, self.heads, width // self.heads)
        v = qkv[:, :, 2].transpose(1, 2)
        qk = rotate(self.norm(qkv[:, :, :2]), rotation).to(v.dtype)
        q, k = qk[:, :, 0].transpose(1, 2), qk[:, :, 1].transpose(1, 2)
        if past is not None:
            k, v = torch.cat((past[0], k), dim=2), torch.cat((past[1], v), dim=2)
        x_BND = x_BND + self._dropped(self.out(attend(q, k, v, mask))).to(x_BND.dtype)
        gate, value = self.up(self.mlp_norm(x_BND)).chunk(2, dim=-1)
        return x_BND + self._dropped(self.down(F.silu(gate) * value)).to(x_BND.dtype), (k, v)

    def _dropped(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training) if self.dropout else x


class CodeTransformer(DiffusionBackbone):
    """A pre-norm transformer over embedded codes; see the two subclasses.

    Vectors of the condition are added to the input at every position. Sequences become a prefix, whose entries see
    each other only; an entry's position is counted back from the first code, so padding at its end moves nothing.

    Args:
        width: Channels of the residual stream.
        depth: Number of blocks.
        heads: Attention heads; width / heads must be a multiple of twice the number of position axes.
        in_channels: Channels of the embedded codes.
        out_channels: Channels of the prediction; in_channels by default.
        mlp_ratio: Hidden width of the feed-forward over width.
        vector_channels: Widths of the condition's vectors by name.
        sequence_channels: Widths of its sequences by name.
        position: Axes of the rotary positions, read from `Latents.positions`, or counted if there are none.
        dropout: Dropout on the output of attention and feed-forward.
    """

    entries: ClassVar[tuple[str, ...]] = ("precompute", "forward", "start", "extend")
    causal: ClassVar[bool]

    def __init__(
        self,
        *,
        width: Size,
        depth: Size,
        heads: Size,
        in_channels: Size,
        out_channels: Size | None = None,
        mlp_ratio: Positive = 2.5,
        vector_channels: dict[str, Size] | None = None,
        sequence_channels: dict[str, Size] | None = None,
        position: Literal["rope-1d", "rope-2d"] = "rope-1d",
        dropout: Fraction = 0.0,
    ) -> None:
        super().__init__()
        self.axes = AXES[position]
        if width % heads or (width // heads) % (2 * self.axes):
            raise ConfigError(
                f"width {width} with {heads} heads does not fit; width / heads must be a multiple of {2 * self.axes}.",
                path="heads",
            )
        self.in_channels, self.head_dim = in_channels, width // heads
        self.input = nn.Linear(in_channels, width)
        self.vectors = projections(vector_channels, width)
        self.sequences = projections(sequence_channels, width)
        hidden = round(width * mlp_ratio)
        self.blocks = nn.ModuleList(Block(width, heads, hidden, dropout=dropout) for _ in range(depth))
        self.norm = RMSNorm(width, eps=1e-6)
        self.output = nn.Linear(width, out_channels or in_channels)
        self.reset_parameters()

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Inputs `x` and one for each named condition; output `prediction`."""
        inputs = {"x": Port(width=config["in_channels"]), "times": Port(width=1)}
        for kind in ("vector_channels", "sequence_channels"):
            inputs |= {name: Port(width=width) for name, width in (config.get(kind) or {}).items()}
        return Ports(inputs, {"prediction": Port(width=config.get("out_channels") or config["in_channels"])})

    def reset_parameters(self) -> None:
        """Scale what each block adds down by the number of additions (Radford et al. 2019, section 2.3)."""
        super().reset_parameters()
        scale = (2 * len(self.blocks)) ** -0.5
        with torch.no_grad():
            for block in self.blocks:
                assert isinstance(block, Block)
                block.out.weight.mul_(scale)
                block.down.weight.mul_(scale)

    # --- the contract of backbones -----------------------------------------------------------------------

    def precompute(self, t: Tensor | None, condition: Condition) -> Table:
        """The projected condition; the times are not used."""
        check_names(type(self).__name__, "vectors", self.vectors, condition.vectors)
        check_names(type(self).__name__, "sequences", self.sequences, condition.sequences)
        if condition.aligned:
            raise InputError(f"{type(self).__name__} takes no aligned sequences; it got {sorted(condition.aligned)}.")
        added = None
        for name, project in self.vectors.items():
            projected = project(condition.vectors[name]).unsqueeze(1)
            added = projected if added is None else added + projected
        if not self.sequences:
            return Table(added, None, None)
        entries = [condition.sequences[name] for name in self.sequences]
        prefix = [project(entry.x) for project, entry in zip(self.sequences.values(), entries, strict=True)]
        masks = [entry.full_mask for entry in entries]
        return Table(added, torch.cat(prefix, dim=1), torch.cat(masks, dim=1))

    def forward(
        self,
        x_t: Latents,
        t: Tensor | None,
        condition: Condition,
        *,
        table: Table | None = None,
        step: int | None = None,
    ) -> Tensor:
        """Prediction `[B, N, C]`, zero where the mask is False.

        Args:
            x_t: Embedded codes of B items.
            t: Not used.
            condition: The condition; ignored if there is a table, which contains it.
            table: From `precompute`.
            step: Not used.

        Raises:
            InputError: Shapes or names of the condition do not match the configuration.
        """
        cache = self._begin(self.precompute(t, condition) if table is None else table, len(x_t.x))
        prediction = self._extended(x_t, cache)
        return prediction if x_t.mask is None else prediction.masked_fill(~x_t.mask.unsqueeze(-1), 0)

    # --- shared ------------------------------------------------------------------------------------------

    def _begin(self, table: Table, batch: int) -> Cache:
        """A cache that holds the prefix."""
        for given in (table.added, table.prefix):
            if given is not None and len(given) != batch:
                raise InputError(f"{type(self).__name__} got {batch} items with conditions for {len(given)}.")
        if table.prefix is None or table.prefix_mask is None:
            empty = torch.ones(batch, 0, dtype=torch.bool, device=self.input.weight.device)
            return Cache(table, empty)
        count = table.prefix.shape[1]
        backward = -1.0 - torch.arange(count, dtype=torch.float32, device=table.prefix.device)
        positions = backward.view(1, count, 1).expand(1, count, self.axes)
        cache = Cache(table, table.prefix_mask)
        self._through(table.prefix, positions, table.prefix_mask[:, None, None, :].expand(-1, 1, count, -1), cache)
        return cache

    def _extended(self, x: Latents, cache: Cache) -> Tensor:
        """The prediction for new positions, which are added to the cache."""
        _, count, channels = x.x.shape
        if channels != self.in_channels:
            raise InputError(
                f"{type(self).__name__} got vectors with {channels} channels; it was built for {self.in_channels}."
            )
        h = self.input(x.x).to(x.x.dtype)
        if cache.table.added is not None:
            h = h + cache.table.added
        real = x.full_mask
        h = h.masked_fill(~real.unsqueeze(-1), 0)
        before = cache.mask.shape[1]
        cache.mask = torch.cat((cache.mask, real), dim=1)
        sees = cache.mask[:, None, None, :].expand(-1, 1, count, -1)
        if self.causal:
            later = torch.ones(count, before + count, dtype=torch.bool, device=h.device).triu(before + 1)
            sees = sees & ~later
        positions = positions_of(type(self).__name__, x.x, x.positions, x.grid, self.axes, cache.count)
        cache.count += count
        out: Tensor = self.output(self.norm(self._through(h, positions, sees, cache))).to(x.x.dtype)
        return out

    def _through(self, h: Tensor, positions: Tensor, sees: Tensor, cache: Cache) -> Tensor:
        """The residual stream of new positions after all blocks, whose keys and values are added to the cache."""
        rotation = rotations(positions, self.head_dim)
        past, cache.blocks = cache.blocks, []
        for index, block in enumerate(self.blocks):
            h, keys_values = block(h, rotation, sees, past[index] if past else None)
            cache.blocks.append(keys_values)
        return h


class CausalTransformer(CodeTransformer):
    """Predicts at each position from this one and those before it; `extend` gives the same with a key-value cache."""

    causal = True

    def start(self, condition: Condition) -> Cache:
        """The cache before the first code."""
        first = next(iter((*condition.vectors.values(), *(entry.x for entry in condition.sequences.values()))), None)
        return self._begin(self.precompute(None, condition), 1 if first is None else len(first))

    def extend(self, x: Latents, cache: Cache) -> Tensor:
        """The prediction for the next positions `[B, M, C]`, which are added to the cache."""
        if len(cache.mask) == 1 != len(x.x):  # started without a condition
            cache.mask = cache.mask.expand(len(x.x), -1)
        return self._extended(x, cache)


class MaskedTransformer(CodeTransformer):
    """Predicts at each position from all others, for codes that are revealed in any order (MaskGIT, 2202.04200)."""

    causal = False
