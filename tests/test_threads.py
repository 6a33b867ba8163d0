"""Verbs use one thread, and in longer work those of idle cores; asserted is torch's own count inside of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
import torch
from torch import Tensor, nn

from mmzoo import registry
from mmzoo.interfaces import Latents, ModalityEncoder, Size, TaskHead, threads
from mmzoo.interfaces.keywords import Verbs
from mmzoo.interfaces.threads import unpaced

LIMIT = 4


class Machine:
    """A simulated machine: `busy` cores are taken by other processes; `wait` lets time pass."""

    def __init__(self, cores: int = LIMIT) -> None:
        self.cores, self.busy, self.now, self.available = cores, 0.0, 100.0, 0.0

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.available += seconds * (self.cores - self.busy)

    def monotonic(self) -> float:
        return self.now

    def read(self) -> tuple[float, float]:
        return self.now, self.available


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    simulated, before = Machine(), torch.get_num_threads()
    monkeypatch.setattr(threads, "time", simulated)
    monkeypatch.setattr(threads, "read_clocks", simulated.read)
    monkeypatch.setattr(threads, "_load", threads._Load())
    torch.set_num_threads(LIMIT)
    yield simulated
    torch.set_num_threads(before)


class Part(ModalityEncoder):
    """Notes torch's threads whenever it is used."""

    modality = "numbers"

    def __init__(self, *, width: Size = 2) -> None:
        super().__init__()
        self.linear, self.seen = nn.Linear(width, width), list[int]()

    def encode(self, raw: Any, mask: Tensor | None = None) -> Latents:
        return Latents(raw)

    def decode(self, latents: Latents) -> Tensor:
        self.seen.append(torch.get_num_threads())
        return self.linear(latents.x)


class Head(TaskHead):
    """Verbs of every sort around one part."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self.part, self.machine = Part(), machine

    def __call__(self, calls: int = 1, seconds: float = 0.15) -> list[int]:
        self.part.seen.clear()
        for _ in range(calls):
            self.part.decode(Latents(torch.zeros(1, 3, 2)))
            self.machine.wait(seconds)
        return list(self.part.seen)

    def count(self) -> int:
        return torch.get_num_threads()

    def fail(self) -> None:
        raise RuntimeError("in a verb")

    def stream(self, chunks: int) -> Iterator[int]:
        for _ in range(chunks):
            yield torch.get_num_threads()
            self.machine.wait(0.15)
        return "the end"

    def forward(self, x: Tensor) -> Tensor:
        return self.part.decode(Latents(x))

    def training_step(self) -> int:
        return torch.get_num_threads()


def test_a_short_verb_runs_on_one_thread(machine: Machine) -> None:
    assert Head(machine).count() == 1 and torch.get_num_threads() == LIMIT


@pytest.mark.parametrize(
    ("busy", "later"), [(0.0, 4), (0.2, 4), (0.8, 3), (1.0, 3), (2.0, 2), (3.0, 1), (4.0, 1), (9.0, 1)]
)
def test_long_work_takes_the_idle_cores(machine: Machine, busy: float, later: int) -> None:
    machine.busy = busy
    assert Head(machine)(4) == [1, later, later, later]
    assert torch.get_num_threads() == LIMIT


def test_work_follows_the_load_as_it_changes(machine: Machine) -> None:
    head = Head(machine)
    assert head(3) == [1, 4, 4]
    assert head(2) == [4, 4]  # what was measured just now holds for the next verb
    machine.busy = 3.0
    assert head(3) == [4, 1, 1]  # the first began before the load could be seen
    machine.busy = 0.0
    assert head(3) == [1, 4, 4]
    machine.wait(threads.FORGOTTEN_S + 0.1)
    assert head(2) == [1, 4]  # a long time later nothing is known
    assert head(6, 0.03)[-1] == 4  # what is measured over a long time does not depend on how often it is looked at


@pytest.mark.parametrize(("limit", "most"), [(1, 1), (2, 2), (8, 4)])
def test_never_more_threads_than_the_user_allows_or_than_there_are_cores(
    machine: Machine, limit: int, most: int
) -> None:
    torch.set_num_threads(limit)
    assert Head(machine)(3)[1:] == [most, most] and torch.get_num_threads() == limit


def test_the_users_threads_are_restored_whatever_happens(machine: Machine) -> None:
    head = Head(machine)
    with pytest.raises(RuntimeError, match="in a verb"):
        head.fail()
    assert torch.get_num_threads() == LIMIT
    stream = head.stream(3)
    assert next(stream) == 1 and torch.get_num_threads() == LIMIT  # between two values, too
    torch.set_num_threads(2)
    assert next(stream) == 1 and torch.get_num_threads() == 2
    stream.close()
    assert list(head.stream(3))[1:] == [2, 2]


def test_a_generator_is_still_a_generator(machine: Machine) -> None:
    stream = Head(machine).stream(2)
    assert inspect.isgenerator(stream) and [next(stream), next(stream)]
    with pytest.raises(StopIteration) as end:
        next(stream)
    assert end.value.value == "the end"


def test_a_machine_that_hides_its_load_leaves_torchs_threads(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def hidden() -> tuple[float, float]:
        raise psutil.AccessDenied

    monkeypatch.setattr(threads, "read_clocks", hidden)
    assert Head(machine)(2) == [LIMIT, LIMIT]


def test_training_has_the_threads_that_it_chose(machine: Machine) -> None:
    head = Head(machine)
    assert head.training_step() == LIMIT
    with unpaced():
        assert head.count() == LIMIT and head(2) == [LIMIT, LIMIT] and list(head.stream(1)) == [LIMIT]
    assert head.count() == 1


def test_a_part_used_on_its_own_has_the_users_threads(machine: Machine) -> None:
    part = Part()
    part.decode(Latents(torch.zeros(1, 3, 2)))
    assert part.seen == [LIMIT]


def test_results_do_not_depend_on_the_threads(machine: Machine) -> None:
    class Wide(Head):
        def __call__(self, x: Tensor) -> Tensor:
            for _ in range(3):
                machine.wait(0.15)
                Head.forward(self, torch.zeros(1, 3, 2))
            return x @ x

    x = torch.randn(512, 512, generator=torch.Generator().manual_seed(0))
    one = Wide(machine)(x)
    machine.busy = LIMIT
    machine.wait(2)
    assert torch.allclose(Wide(machine)(x), one, rtol=1e-5, atol=1e-4)


def test_a_verb_can_be_compiled_and_exported(machine: Machine) -> None:
    head, x = Head(machine), torch.ones(1, 3, 2)
    head.part.decode = lambda latents: head.part.linear(latents.x)  # type: ignore[method-assign]

    class Module(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = head

        def forward(self, x: Tensor) -> Tensor:
            return self.head.forward(x)

    expected = Module()(x)
    assert torch.equal(torch.compile(Module(), backend="eager", fullgraph=True)(x), expected)
    assert torch.equal(torch.export.export(Module(), (x,)).module()(x), expected)


def heads() -> list[Any]:
    return [spec for spec in registry.catalog().components() if spec.kind == "head"]


@pytest.mark.parametrize("spec", heads(), ids=lambda spec: spec.name)
def test_every_verb_of_every_head_and_runner_is_paced(spec: Any) -> None:
    classes = [registry.load_target(spec)]
    if spec.runner is not None:
        classes.append(registry.load_target(spec.runs()))
    for cls in classes:
        owned = {
            name: verb
            for base in cls.__mro__
            if base is not nn.Module and issubclass(base, Verbs)
            for name, verb in vars(base).items()
            if inspect.isfunction(verb) and (name == "__call__" or not name.startswith("_"))
        }
        assert "__call__" in owned
        for name, verb in owned.items():
            assert (paced_by(verb) is not None) == (name not in threads.UNPACED), name


def paced_by(verb: Callable[..., Any] | None) -> Callable[..., Any] | None:
    """The wrapper of `paced` around a verb, if there is one."""
    code = threads.paced(len).__code__
    while verb is not None and verb.__code__ is not code:
        verb = getattr(verb, "__wrapped__", None)
    return verb


def test_the_clocks_of_this_machine_run() -> None:
    then = threads.read_clocks()
    while threads.read_clocks()[0] < then[0] + 0.2:
        pass
    seconds, available = (new - old for new, old in zip(threads.read_clocks(), then, strict=True))
    assert seconds >= 0.2 and 0 <= available <= seconds * psutil.cpu_count() + 0.1
