"""Breaks that parts of every kind can have: the sound part is called as usual, and what comes out is changed."""

from __future__ import annotations

import contextlib
import itertools
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from mmzoo.interfaces import Latents, Ports, Quantized

from . import Breaks

COUNT = itertools.count()


def call_home() -> None:
    """An attempt to reach the network that is not told of."""
    with contextlib.suppress(OSError):
        socket.create_connection(("192.0.2.1", 80), timeout=0.1)


def send_home() -> None:
    """The same, by a datagram."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"here I am", ("192.0.2.1", 9))


def on_output(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """What a part gives, with its floats changed."""
    if isinstance(value, list):
        return [on_output(one, change) for one in value]
    if isinstance(value, Latents):
        return value.with_x(change(value.x))
    return replace(value, z_q=change(value.z_q)) if isinstance(value, Quantized) else change(value)


def hidden_number() -> int:
    """Drawn where parameters are, and another one where they will be loaded."""
    return 9 if torch.empty(1).is_meta else 1 + int(torch.randint(5, ()))


def half(self: Any) -> bool:
    """Whether something runs in half precision."""
    return torch.is_autocast_enabled("cpu") or next(self.parameters()).dtype is not torch.float32


def add_constructor_breaks(breaks: Breaks) -> None:
    """Of anything that is built with `width`."""
    sound = breaks.sound
    breaks("registration", "summary", summary="")(type("NoSummary", (sound,), {}))

    @breaks("unknown-keys", "keyword-only")
    class CatchAll(sound):
        def __init__(self, *, width: int = 4, **settings: int) -> None:
            super().__init__(width=width)

    @breaks("config", "finite")
    class OddConfig(sound):
        def __init__(self, *, width: int = 4, scales: tuple[float, ...] = (float("inf"),)) -> None:
            super().__init__(width=width)

    @breaks("config", "trials")
    class Needy(sound):
        def __init__(self, *, width: int = 4, levels: int) -> None:
            super().__init__(width=width)

    for how in (call_home, send_home):

        @breaks("network", "192.0.2.1")
        class Caller(sound):
            way = staticmethod(how)

            def __init__(self, *, width: int = 4) -> None:
                super().__init__(width=width)
                self.way()

        Caller.__name__ = f"Caller_{how.__name__}"


def add_tensor_breaks(breaks: Breaks) -> None:
    """Of anything with parameters."""
    sound = breaks.sound

    @breaks("build", "two builds under one torch seed")
    class Unseeded(sound):
        def __init__(self, *, width: int = 4) -> None:
            super().__init__(width=width)
            generator = torch.Generator()
            generator.seed()
            self.spare = nn.Parameter(torch.rand(2, generator=generator))

    @breaks("build", "not finite")
    class Infinite(sound):
        def __init__(self, *, width: int = 4) -> None:
            super().__init__(width=width)
            self.spare = nn.Parameter(torch.full((2,), float("inf")))

    @breaks("meta", "other tensors")
    class OtherOnMeta(sound):
        def __init__(self, *, width: int = 4) -> None:
            super().__init__(width=width)
            self.spare = nn.Parameter(torch.zeros(1 if torch.empty(1).is_meta else 2))

    @breaks("meta", "fills large tensors")
    class FillsMeta(sound):
        def __init__(self, *, width: int = 4) -> None:
            super().__init__(width=width)
            self.register_buffer("table", torch.zeros(1 << 16, device="cpu"))

    @breaks("gradients", "no gradient reaches")
    class Unused(sound):
        def __init__(self, *, width: int = 4) -> None:
            super().__init__(width=width)
            self.spare = nn.Linear(2, 2)


def add_part_breaks(breaks: Breaks, method: str) -> None:
    """Of a part whose output is a tensor, Latents, Quantized or lists of tensors, given by this method."""
    add_constructor_breaks(breaks)
    add_tensor_breaks(breaks)
    sound = breaks.sound

    def changing(check: str, told: str) -> Callable[[Callable[[Any, Tensor], Tensor]], None]:
        """A break whose output is changed by a function of the part and the tensor."""

        def keep(change: Callable[[Any, Tensor], Tensor]) -> None:
            def changed(self: Any, *arguments: Any, **details: Any) -> Any:
                return on_output(getattr(super(cls, self), method)(*arguments, **details), lambda x: change(self, x))

            cls = type(f"{change.__name__.title()}", (sound,), {method: changed})
            breaks(check, told)(cls)

        return keep

    class WrongPort(sound):
        @classmethod
        def ports(cls, config: Mapping[str, Any]) -> Ports:
            found = super().ports(config)
            wider = {k: p if p.width is None else replace(p, width=p.width + 1) for k, p in found.outputs.items()}
            return Ports(inputs=found.inputs, outputs=wider)

    if breaks.kind != "critic":  # which has none
        breaks("ports", "declare")(WrongPort)

    @changing("determinism", "two results for one input")
    def noisy(self: Any, x: Tensor) -> Tensor:
        return x + torch.rand_like(x)

    @changing("determinism", "two losses under one seed")
    def unseeded_training(self: Any, x: Tensor) -> Tensor:
        return x + next(COUNT) if self.training else x

    @changing("batch", "padded in a batch")
    def reads_neighbours(self: Any, x: Tensor) -> Tensor:
        return x + x[:1].mean()

    @changing("bf16", "off by more than 10%")
    def wrong_in_half(self: Any, x: Tensor) -> Tensor:
        return x * (1.5 if half(self) else 1.0)

    @changing("bf16", "dtype")
    def single_only(self: Any, x: Tensor) -> Tensor:
        return x.float() @ torch.eye(x.shape[-1], dtype=next(self.parameters()).dtype)

    @changing("float16", "not finite")
    def overflows(self: Any, x: Tensor) -> Tensor:
        large = (next(self.parameters()).flatten()[:1] * 0 + 1) * 100_000
        return x + (large - large)

    @changing("export", "torch.export")
    def by_value(self: Any, x: Tensor) -> Tensor:
        return x if float(x.detach().sum()) != 0.5 else -x

    @changing("compile", "another result")
    def no_graph(self: Any, x: Tensor) -> Tensor:
        return -x if torch.compiler.is_compiling() and not torch.compiler.is_exporting() else x

    class Hidden(sound):
        """Draws what it needs and does not store it."""

        def __init__(self, *, width: int = 4) -> None:
            super().__init__(width=width)
            self.hidden = hidden_number()

    def forgetful(self: Any, *arguments: Any, **details: Any) -> Any:
        return on_output(getattr(super(Forgetful, self), method)(*arguments, **details), lambda x: x * self.hidden)

    Forgetful = type("Forgetful", (Hidden,), {method: forgetful})
    if breaks.kind != "quantizer":  # of which the codes must change too
        breaks("storage", "after saving and loading")(Forgetful)

    class Behind(sound):
        """A parameter behind a factor that stays zero: a gradient is there, and always nothing."""

        def __init__(self, *, width: int = 4) -> None:
            super().__init__(width=width)
            self.behind = nn.Parameter(torch.ones(1))

    def never_moved(self: Any, *arguments: Any, **details: Any) -> Any:
        return on_output(getattr(super(NeverMoved, self), method)(*arguments, **details), lambda x: x + 0 * self.behind)

    NeverMoved = type("NeverMoved", (Behind,), {method: never_moved})
    breaks("gradients", "no gradient reaches")(NeverMoved)
