"""A diffusion transformer over sequences of latents of any modality (DiT, arXiv 2212.09748)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmzoo.errors import ConfigError, InputError
from mmzoo.interfaces import Condition, Count, DiffusionBackbone, Latents, Port, Ports, Positive, Size
from mmzoo.nn.attention import key_mask
from mmzoo.nn.conditions import AXES, check_names, positions_of, projections
from mmzoo.nn.convnext import DepthwiseConv1d
from mmzoo.nn.norm import adaptive_layer_norm
from mmzoo.nn.rope import rotations
from mmzoo_dit.blocks import Block, CrossBlock, Gelu
from mmzoo_dit.modulation import ROWS_PER_BLOCK, Modulation, Table, TimeEmbedding


class DiT(DiffusionBackbone):
    """adaLN-zero transformer with rotary positions.

    Args:
        width: Channels of the residual stream.
        depth: Number of blocks.
        heads: Attention heads; width / heads must be a multiple of twice the number of position axes.
        in_channels: Channels of the noisy latents.
        out_channels: Channels of the prediction; in_channels by default.
        mlp_ratio: Hidden width of the feed-forward over width.
        vector_channels: Widths of the condition's vectors by name; they are added to the time embedding.
        aligned_channels: Widths of its aligned sequences by name; they are added to the input.
        sequence_channels: Widths of its other sequences by name; every block attends to them. No positions are added,
            so their vectors must encode the order.
        position: Axes of the rotary positions, read from `Latents.positions`, or counted if there are none.
        rope_theta: Base of the rotary frequencies.
        qk_norm: Normalize queries and keys.
        conv_position: Odd kernel size of a depthwise convolution at the input, 0 for none; rope-1d only.
        shared_modulation: One modulation for all blocks plus a bias for each.
        gelu: `none` is exact, and faster on a CPU; `tanh` is the approximation.
        step_size: Also take the size of the sampling step, which few-step samplers need.
        time_scale: Largest frequency of the time embedding, in radians per unit of time. MeanFlow, which differentiates
            it, needs a smooth one: about 10.
    """

    def __init__(
        self,
        *,
        width: Size,
        depth: Size,
        heads: Size,
        in_channels: Size,
        out_channels: Size | None = None,
        mlp_ratio: Positive = 4.0,
        vector_channels: dict[str, Size] | None = None,
        aligned_channels: dict[str, Size] | None = None,
        sequence_channels: dict[str, Size] | None = None,
        position: Literal["rope-1d", "rope-2d"] = "rope-1d",
        rope_theta: Positive = 10000.0,
        qk_norm: bool = True,
        conv_position: Count = 0,
        shared_modulation: bool = False,
        gelu: Gelu = "none",
        step_size: bool = False,
        time_scale: Positive = 1000.0,
    ) -> None:
        super().__init__()
        _check(width, depth, heads, position, conv_position)
        self.axes, self.rope_theta, self.head_dim = AXES[position], rope_theta, width // heads
        self.in_channels = in_channels
        self.input = nn.Linear(in_channels, width)
        self.vectors = projections(vector_channels, width)
        self.aligned = projections(aligned_channels, width)
        self.sequences = projections(sequence_channels, width)
        self.neighbours = DepthwiseConv1d(width, conv_position) if conv_position else None
        self.time = TimeEmbedding(width, scale=time_scale, step_size=step_size)
        self.modulation = Modulation(width, depth, shared=shared_modulation)
        kind = CrossBlock if sequence_channels else Block
        hidden = round(width * mlp_ratio)
        self.blocks = nn.ModuleList(kind(width, heads, hidden, qk_norm=qk_norm, gelu=gelu) for _ in range(depth))
        self.output = nn.Linear(width, in_channels if out_channels is None else out_channels)
        self.reset_parameters()

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Inputs `x`, `times` and one for each named condition; output `prediction`."""
        inputs = {"x": Port(width=config["in_channels"]), "times": Port(width=2 if config.get("step_size") else 1)}
        for kind in ("vector_channels", "aligned_channels", "sequence_channels"):
            inputs |= {name: Port(width=width) for name, width in (config.get(kind) or {}).items()}
        return Ports(inputs, {"prediction": Port(width=config.get("out_channels") or config["in_channels"])})

    def reset_parameters(self) -> None:
        """Glorot-uniform linear layers; modulation, output and cross-attention start at zero."""
        super().reset_parameters()
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        self.time.start()
        self.modulation.zero()
        nn.init.zeros_(self.output.weight)
        for block in self.blocks:
            if isinstance(block, CrossBlock):
                nn.init.zeros_(block.cross_attention.out.weight)

    def precompute(self, t: Tensor, condition: Condition) -> Table:
        """Modulation, aligned input, keys and values for times t `[S]` or `[S, 2]`; see DiffusionBackbone."""
        return self._table(t.unsqueeze(1), condition)

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

        With a table, t and the condition are ignored: the table already contains them.

        Raises:
            InputError: Shapes or names of the condition do not match the configuration.
        """
        if table is None:
            if t is None:
                raise InputError("DiT got neither times t nor a precomputed table; pass t [B] or table and step.")
            table, step = self._table(t.unsqueeze(0), condition), 0
        if step is None:
            raise InputError("DiT got a table without a step; pass step=i, the index into the precomputed times.")
        h = self._through(x_t, table, step, len(self.blocks))
        shift, factor = table.rows[step].unbind(0)[-2:]
        prediction: Tensor = self.output(adaptive_layer_norm(h, shift, factor)).to(x_t.x.dtype)
        return prediction if x_t.mask is None else prediction.masked_fill(~x_t.mask.unsqueeze(-1), 0)

    def hidden(self, x_t: Latents, t: Tensor, condition: Condition, *, depth: int) -> Tensor:
        """The residual stream after `depth` blocks, `[B, N, width]` (Xiang et al., arXiv 2303.09769)."""
        if not 0 <= depth <= len(self.blocks):
            raise InputError(f"DiT has {len(self.blocks)} blocks, so depth {depth} is out of range.")
        return self._through(x_t, self._table(t.unsqueeze(0), condition), 0, depth)

    def _through(self, x_t: Latents, table: Table, step: int, depth: int) -> Tensor:
        """The residual stream after the first `depth` blocks."""
        rows = table.rows[step].unbind(0)
        self._check_batch(x_t, table)
        dtype = x_t.x.dtype
        h = self.input(x_t.x).to(dtype)  # the residual stream keeps the input's precision under autocast
        if table.aligned is not None:
            h = h + table.aligned
        if x_t.mask is not None:
            # Nothing in the padding, NaN included, may reach the convolution's neighbors.
            h = h.masked_fill(~x_t.mask.unsqueeze(-1), 0)
        if self.neighbours is not None:
            h = h + F.gelu(self.neighbours(h)).to(h.dtype)
        rotation = rotations(
            positions_of("DiT", x_t.x, x_t.positions, x_t.grid, self.axes), self.head_dim, self.rope_theta
        )
        mask = key_mask(x_t.mask)
        for index, block in enumerate(self.blocks[:depth]):
            memory = table.memory[index] if table.memory else None
            block_rows = rows[ROWS_PER_BLOCK * index : ROWS_PER_BLOCK * (index + 1)]
            h = block(h, block_rows, rotation, mask, memory, table.memory_mask)
        return cast(Tensor, h)

    def _table(self, t_SR: Tensor, condition: Condition) -> Table:
        """Everything but x_t that the blocks need; shared by training (S = 1, R = B) and sampling (R = 1)."""
        check_names("DiT", "vectors", self.vectors, condition.vectors)
        check_names("DiT", "aligned", self.aligned, condition.aligned)
        check_names("DiT", "sequences", self.sequences, condition.sequences)
        dtype, device = self.input.weight.dtype, self.input.weight.device
        aligned = None
        for name, project in self.aligned.items():
            projected = project(condition.aligned[name]).to(dtype)
            aligned = projected if aligned is None else aligned + projected
        memory, memory_mask = self._memory(condition)
        with torch.autocast(device.type, enabled=False):  # 1 + scale in bfloat16 would lose the scale's bits
            embedding = self.time(t_SR.to(device))
            for name, project in self.vectors.items():
                embedding = embedding + project(condition.vectors[name].to(dtype))
            return Table(self.modulation(embedding), aligned, memory, memory_mask)

    def _memory(self, condition: Condition) -> tuple[tuple[tuple[Tensor, Tensor], ...], Tensor | None]:
        """For each block, keys and values of all attended sequences concatenated; and their mask."""
        if not self.sequences:
            return (), None
        entries = [condition.sequences[name] for name in self.sequences]
        context = [project(entry.x) for project, entry in zip(self.sequences.values(), entries, strict=True)]
        mask = None
        if any(entry.mask is not None for entry in entries):
            mask = key_mask(torch.cat([entry.full_mask for entry in entries], dim=1))
        joined = torch.cat(context, dim=1)
        return tuple(cast(Block, block).memory(joined) for block in self.blocks), mask

    def _check_batch(self, x_t: Latents, table: Table) -> None:
        batch, count, channels = x_t.x.shape
        if channels != self.in_channels:
            raise InputError(f"DiT got latents with {channels} channels; it was built for {self.in_channels}.")
        if table.rows.shape[2] not in {1, batch}:
            raise InputError(
                f"DiT got {batch} items with times or vectors for {table.rows.shape[2]}; give one per item."
            )
        if table.aligned is not None and table.aligned.shape[1] != count:
            raise InputError(
                f"DiT got {count} noisy positions with aligned sequences of {table.aligned.shape[1]};"
                " the lengths must match."
            )


def _check(width: int, depth: int, heads: int, position: str, conv_position: int) -> None:
    if position not in AXES:
        raise ConfigError(f"position is {position!r}; choose one of {', '.join(AXES)}.", path="position")
    if depth < 1:
        raise ConfigError(f"depth is {depth}; it must be at least 1.", path="depth")
    if heads < 1 or width % heads or (width // heads) % (2 * AXES[position]):
        raise ConfigError(
            f"width {width} with {heads} heads does not fit; width / heads must be a multiple of {2 * AXES[position]}.",
            path="heads",
        )
    if conv_position and (AXES[position] != 1 or conv_position % 2 == 0 or conv_position < 0):
        raise ConfigError(
            f"conv_position is {conv_position} with {position}; it must be an odd kernel size, and needs rope-1d.",
            path="conv_position",
        )
