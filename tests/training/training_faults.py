"""Trainings that are killed, signaled, starved and damaged, and what is left of them.

    python training_faults.py FOLDER {"kind": cases, ...}

prints one JSON object: for each kind the number of cases and the failures. Every training is a fork of this process,
which shares the imports, so that a case takes a second.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import resource
import shutil
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch
from datasets import Dataset
from safetensors.torch import load_file, save_file
from torch import Tensor
from training_dummy import DummyHead, Rows, catalog_of_the_critic, make_rows, make_trainer, save_tensors

import mmzoo.training.checkpoint as checkpoint_module
from mmzoo.errors import CheckpointError, MmzooError
from mmzoo.interfaces import ALONE, Losses, Slot, TrainingState
from mmzoo.training.checkpoint import list_checkpoints, read_tensors, verify_checkpoint

BASE: dict[str, Any] = {
    "steps": 12,
    "batch_size": 6,
    "checkpoint_every": 4,
    "keep": 2,
    "log_every": 1,
    "validate_every": 4,
    "validate_batches": 2,
    "preview_every": 4,
    "preview_rows": 1,
    "precision": "fp32",
    "optimizer": {"warmup_steps": 2},
    "adversary": {"start_step": 3},
}
FILES = ("model", "ema", "optimizer", "adversary")
CRASHED = 99
EVERY_LINE = 1000
"""The number of cases that stands for all lines of the saver."""
SKIPPED = "skipped"
"""The number of skipped updates, among the tensors that a rank leaves behind."""
PATIENCE_S = 300.0


# --- heads --------------------------------------------------------------------------------------------


class FaultyHead(DummyHead):
    """The dummy, which stops for a while where it is told to, and dies, or is poisoned, in one step.

    Args:
        pause: The phase in which to touch `mark` and wait, once: data, first, training, validation, preview or export.
        mark: The file.
        die: The training step, counted from 1, in which to kill this process.
        nan: The training step whose loss is not a number.
        nap: Seconds that a step takes longer.
    """

    def __init__(
        self, *, pause: str = "", mark: Path | None = None, die: int = 0, nan: int = 0, nap: float = 0.0, width: int = 8
    ) -> None:
        super().__init__(width=width)
        self.pause, self.mark, self.die, self.nan, self.nap = pause, mark, die, nan, nap

    def at(self, phase: str) -> None:
        if phase == self.pause and self.mark is not None and not self.mark.exists():
            self.mark.touch()
            time.sleep(1.0)

    def examples(self, rows: Dataset, cache: Path) -> Any:
        self.at("data")
        return super().examples(rows, cache)

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        time.sleep(self.nap)
        if not self.training:
            self.at("validation")
            return super().training_step(batch, generator, state)
        self.at("first" if self.steps == 0 else "training")
        if self.steps + 1 == self.die:
            os.kill(os.getpid(), signal.SIGKILL)
        losses = super().training_step(batch, generator, state)
        if self.steps == self.nan:
            return Losses(losses.total * float("nan"), losses.parts, losses.adversary)
        return losses

    def previews(self, rows: Dataset) -> Iterator[tuple[str, Any]]:
        self.at("preview")
        return super().previews(rows)

    def finish(self, examples: Any) -> None:
        self.at("export")
        super().finish(examples)


class JointHead(FaultyHead):
    """The dummy with another one in a slot for models, which learns from its own loss."""

    slots: ClassVar[Mapping[str, Slot]] = {"inner": Slot("head", model=True)}

    def __init__(self, **changes: Any) -> None:
        super().__init__(**changes)
        self.inner, self.recipe = DummyHead(), {}


class LabeledRows(Rows):
    """Rows with labels, a few of which are rare."""

    @property
    def labels(self) -> list[str]:
        return ["rare" if index % 9 == 0 else "common" for index in range(len(self))]


class LabeledHead(FaultyHead):
    """The dummy with labeled rows."""

    def examples(self, rows: Dataset, cache: Path) -> Any:
        return LabeledRows(rows)


# --- processes ----------------------------------------------------------------------------------------


def started(out: Path, *, head: Callable[[], DummyHead] = FaultyHead, resume: str = "auto", **more: Any) -> int:
    """Start a training in a fork, a process group of its own, and return its process id.

    Args:
        out: The run folder; what the process prints is in `out.log`.
        head: Makes the model.
        resume: As for `Trainer.run`.
        more: Changes to the recipe; `before` is called first, and `rank` is (rank, world, port).
    """
    before, rank = more.pop("before", None), more.pop("rank", None)
    if pid := os.fork():
        return pid
    code = CRASHED
    try:
        os.setsid()
        log = os.open(f"{out}.log" if rank is None else f"{out}.{rank[0]}.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        if rank is not None:
            number, world, port = map(str, rank)
            os.environ |= {"RANK": number, "LOCAL_RANK": number, "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": world}
            os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "GLOO_SOCKET_IFNAME": "lo"}
        if before is not None:
            before()
        torch.manual_seed(0)
        trainer = make_trainer(out, head=head(), **{**BASE, **more})
        code = trainer.run(resume).exit_code
        if rank is not None:
            state = {name: tensor.clone() for name, tensor in trainer.head.state_dict().items()}
            save_file(state | {SKIPPED: torch.tensor(trainer.progress.skipped)}, f"{out}.{rank[0]}.safetensors")
    except MmzooError as error:
        code = error.exit_code
        with suppress(OSError):  # the disk may be full
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def ended(pid: int) -> int:
    """The exit code, negative for the signal that ended the process; what hangs is killed and reported."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    raise AssertionError(f"process {pid} did not end")


def trained(out: Path, **more: Any) -> int:
    """Train in a fork, and return the exit code."""
    return ended(started(out, **more))


def in_two_ranks(out: Path, heads: list[Callable[[], DummyHead]] | None = None, **more: Any) -> list[int]:
    """Train in two ranks, each with a head of its own; returns their exit codes."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    makers = heads or [more.pop("head", FaultyHead)] * 2
    more.pop("head", None)
    pids = [started(out, head=head, rank=(rank, 2, port), **more) for rank, head in enumerate(makers)]
    return [ended(pid) for pid in pids]


# --- what must hold -----------------------------------------------------------------------------------


def final(out: Path) -> dict[str, Tensor]:
    """All tensors of the last checkpoint and of the exported model."""
    path = list_checkpoints(out / "checkpoints")[-1]
    verify_checkpoint(path)
    stored = {f"{stem}/{key}": value for stem in FILES for key, value in read_tensors(path, stem).items()}
    model = load_file(out / "model" / "model.safetensors")
    return {"step": torch.tensor(int(path.name[5:])), **stored, **{f"exported/{k}": v for k, v in model.items()}}


def assert_same(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> None:
    assert set(a) == set(b), set(a) ^ set(b)
    different = [name for name in a if not torch.equal(a[name], b[name])]
    assert not different, f"{len(different)} tensors differ: {different[:3]}"


def newest_valid(out: Path) -> str:
    """The name of the newest checkpoint that verifies; empty if there is none."""
    for path in reversed(list_checkpoints(out / "checkpoints")):
        try:
            verify_checkpoint(path)
        except CheckpointError:
            continue
        return path.name
    return ""


def assert_resumes(out: Path, whole: Path, **more: Any) -> None:
    """The same command continues from the newest valid checkpoint, to the same weights as without the fault."""
    kept, before = newest_valid(out), _said(out)
    ranks = more.pop("ranks", 1)
    codes = in_two_ranks(out, **more) if ranks == 2 else [trained(out, **more)]
    said = _said(out)[len(before) :]
    assert codes == [0] * ranks, f"the resumed run ended with {codes}: {said[-500:]}"
    assert not kept or f"{kept} at step" in said, f"not resumed from {kept}: {said[-500:]}"
    assert_same(final(out), final(whole))
    left = [path.name for path in (out / "checkpoints").iterdir() if path.name.startswith(".")]
    assert not left, f"left behind: {left}"


def _said(out: Path) -> str:
    log = out / "train.log"
    return log.read_text(encoding="utf-8") if log.is_file() else ""


# --- kinds of faults: each yields (name, check), and a check raises AssertionError ---------------------

Case = tuple[str, Callable[[], None]]
A = TypeVar("A")
B = TypeVar("B")


def saver_lines(work: Callable[[int, str], None]) -> Callable[[], None]:
    """Calls `work` with a count and a place before every line of the saver that runs in this process's main thread."""
    counter = itertools.count(1)
    watched = {"write_checkpoint", "prune", "_fsync"}

    def trace(frame: Any, event: str, _: Any) -> Any:
        code = frame.f_code
        if code.co_filename != checkpoint_module.__file__ or code.co_name not in watched:
            return None
        if event == "line":
            work(next(counter), f"{code.co_name}:{frame.f_lineno}")
        return trace

    return lambda: sys.settrace(trace)


def kill_in_saver(folder: Path, cases: int) -> Iterator[Case]:
    """kill -9 before every line of the saver, in the second save of a run that keeps one checkpoint."""
    whole, places = folder / "whole", folder / "places"
    quick = {"keep": 1, "preview_every": None, "validate_every": None, "steps": 12}

    def record(number: int, place: str) -> None:
        with places.open("a") as file:
            file.write(f"{number} {place}\n")

    assert trained(whole, before=saver_lines(record), **quick) == 0
    points = [line.split() for line in places.read_text().splitlines()]
    starts = [int(n) for n, place in points if place == points[0][1]]
    lines = [(int(n), place) for n, place in points if starts[1] <= int(n) < starts[2]]
    for number, place in lines[:: max(1, len(lines) // cases)]:

        def check(number: int = number) -> None:
            def die(at: int, _: str) -> None:
                if at == number:
                    os.kill(os.getpid(), signal.SIGKILL)

            out = folder / f"line-{number}"
            assert trained(out, before=saver_lines(die), **quick) == -signal.SIGKILL
            assert newest_valid(out) in ("step-00000004", "step-00000008")
            assert_resumes(out, whole, **quick)

        yield place, check


def kill_anywhere(folder: Path, cases: int) -> Iterator[Case]:
    """kill -9 at a random moment, twice in a row, with 0 and 2 workers."""
    for workers in (0, 2)[:cases]:
        more = {"num_workers": workers, "steps": 16, "head": lambda: FaultyHead(nap=0.01)}
        whole = folder / f"whole-{workers}"
        start = time.monotonic()
        assert trained(whole, **more) == 0
        seconds = time.monotonic() - start
        for number in range((cases + 1 - workers // 2) // 2):

            def check(
                number: int = number, more: dict[str, Any] = more, whole: Path = whole, seconds: float = seconds
            ) -> None:
                out = folder / f"{whole.name}-{number}"
                for _ in range(2):
                    pid = started(out, **more)
                    time.sleep(random.uniform(0, seconds))
                    os.kill(pid, signal.SIGKILL)
                    assert ended(pid) in (0, -signal.SIGKILL)
                assert_resumes(out, whole, **more)

            yield f"{workers} workers", check


SAVED = {"first", "training", "validation", "preview", "saving"}
PHASES = ("training", "first", "validation", "preview", "saving", "export", "data")


def crossed(first: Sequence[A], second: Sequence[B]) -> list[tuple[A, B]]:
    """All pairs; every one of the first comes once before any comes again, with those of the second in turn."""
    return [(one, second[(i + turn) % len(second)]) for turn in range(len(second)) for i, one in enumerate(first)]


def terminate(folder: Path, cases: int) -> Iterator[Case]:
    """SIGTERM to the process group in every phase, with 0 and 2 workers."""
    whole = folder / "whole"
    assert trained(whole) == 0
    for phase, workers in crossed(PHASES, (2, 0))[:cases]:

        def check(phase: str = phase, workers: int = workers) -> None:
            out, mark = folder / f"{phase}-{workers}", folder / f"{phase}-{workers}.mark"

            def slow_rename() -> None:
                rename = os.rename

                def slow(source: Any, target: Any) -> None:
                    if ".staging-0" in str(source) and not mark.exists():
                        mark.touch()
                        time.sleep(1.0)
                    rename(source, target)

                os.rename = slow

            before = slow_rename if phase == "saving" else None
            pid = started(out, head=lambda: FaultyHead(pause=phase, mark=mark), num_workers=workers, before=before)
            deadline = time.monotonic() + PATIENCE_S
            while not mark.exists():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            os.killpg(pid, signal.SIGTERM)
            code = ended(pid)
            assert code == (143 if phase in SAVED else -signal.SIGTERM), f"ended with {code}"
            assert (newest_valid(out) != "") == (phase != "data")
            assert not (out / "model").exists()
            assert_resumes(out, whole, num_workers=workers)

        yield f"{phase}, {workers} workers", check


def full_disk(folder: Path, cases: int) -> Iterator[Case]:
    """No file may grow beyond a limit, from the tensors down to the log."""
    wide = {"head": lambda: FaultyHead(width=4000), "steps": 20, "validate_every": None, "preview_every": None}
    # The model has 144 kB, and its moments twice as much.
    whole = folder / "whole"
    assert trained(whole, **wide) == 0
    for limit in [60_000, 200_000, 1_000, 4_000][:cases]:

        def check(limit: int = limit) -> None:
            out = folder / f"limit-{limit}"
            assert trained(out, **{**wide, "head": lambda: FaultyHead(width=4000, die=6)}) == -signal.SIGKILL

            def limited() -> None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

            code = trained(out, before=limited, **wide)
            assert code == 1, f"ended with {code}"
            assert newest_valid(out) == "step-00000004"
            assert_resumes(out, whole, **wide)

        yield f"{limit} bytes", check


DAMAGES: dict[str, Callable[[bytearray], bytes]] = {
    "torn": lambda data: bytes(data[: random.randrange(len(data))]),
    "empty": lambda data: b"",
    "bit": lambda data: _flipped(data),
    "zeros": lambda data: bytes(len(data)),
}


def _flipped(data: bytearray) -> bytes:
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return bytes(data)


def damaged(folder: Path, cases: int) -> Iterator[Case]:
    """A file of the newest checkpoint is torn, empty, missing, zeroed, or has one bit flipped."""
    whole = folder / "whole"
    assert trained(whole) == 0
    interrupted = folder / "interrupted"
    assert trained(interrupted, head=lambda: FaultyHead(die=10)) == -signal.SIGKILL
    names = [*(f"{stem}.safetensors" for stem in FILES), "state.json", "manifest.json"]
    for number in range(cases):
        name, how = names[number % len(names)], [*DAMAGES, "missing"][number % (len(DAMAGES) + 1)]

        def check(number: int = number, name: str = name, how: str = how) -> None:
            out = folder / f"case-{number}"
            shutil.copytree(interrupted, out)
            file = out / "checkpoints" / "step-00000008" / name
            if how == "missing":
                file.unlink()
            else:
                file.write_bytes(DAMAGES[how](bytearray(file.read_bytes())))
            assert_resumes(out, whole)

        yield f"{name}: {how}", check


def two_runs(folder: Path, cases: int) -> Iterator[Case]:
    """A second run in the folder of one that is at work is refused, and does not disturb it."""
    whole = folder / "whole"
    assert trained(whole) == 0
    for number in range(cases):

        def check(number: int = number) -> None:
            out, mark = folder / f"case-{number}", folder / f"case-{number}.mark"
            pid = started(out, head=lambda: FaultyHead(pause=PHASES[number % 4], mark=mark, nap=0.05))
            while not mark.exists():
                time.sleep(0.01)
            log = Path(f"{out}.log")
            assert trained(out) == 1
            assert f"process {pid}" in log.read_text(), log.read_text()[-300:]
            assert ended(pid) == 0
            assert_same(final(out), final(whole))

        yield f"in {PHASES[number % 4]}", check


def nan_on_one_rank(folder: Path, cases: int) -> Iterator[Case]:
    """A loss of one rank of two is not a number: both skip the update, and stay equal."""
    for number in range(cases):

        def check(number: int = number) -> None:
            out, step, rank = folder / f"case-{number}", 1 + 5 * (number // 2) % 12, number % 2
            heads: list[Callable[[], DummyHead]] = [FaultyHead, FaultyHead]
            heads[rank] = lambda: FaultyHead(nan=step)
            assert in_two_ranks(out, heads, validate_every=None) == [0, 0]
            one, other = (load_file(f"{out}.{rank}.safetensors") for rank in (0, 1))
            assert one[SKIPPED] == other[SKIPPED] == 1
            parameters = [name for name in one if name.startswith("net")]
            # Rank 0 ends with the average, which it exports; what was saved is the state of both.
            assert all(bool(torch.isfinite(one[name]).all()) for name in parameters)
            assert_same({n: one[n] for n in parameters}, {n: other[n] for n in parameters})

        yield f"rank {number % 2}", check


def out_of_memory(folder: Path, cases: int) -> Iterator[Case]:
    """Memory runs out in the first step: the error says what is held and what to change; then the run works."""
    kinds = [torch.OutOfMemoryError("CUDA out of memory."), MemoryError(), None]
    for number, kind in enumerate(kinds[:cases]):

        def check(number: int = number, kind: BaseException | None = kind) -> None:
            class Greedy(FaultyHead):
                def training_step(self, *args: Any, **kwargs: Any) -> Losses:
                    if kind is not None:
                        raise kind
                    torch.empty(10**18)
                    raise AssertionError

            out, whole = folder / f"case-{number}", folder / f"whole-{number}"
            assert trained(out, head=Greedy) == 1
            said = Path(f"{out}.log").read_text()
            assert all(word in said for word in ("step 1", "weights", "moments", "accumulate=2", "batch_size=3")), said
            assert trained(whole, accumulate=2) == 0
            assert_resumes(out, whole, accumulate=2)

        yield "torch's allocator" if kind is None else type(kind).__name__, check


OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "accumulation": {"accumulate": 2},
    "EMA": {"ema": {"decay": 0.9, "warmup": False}},
    "bf16": {"precision": "bf16"},
    "fp16": {"precision": "fp16"},
    "joint": {"model": {"joint": ["inner"]}, "head": JointHead},
    "balance": {"balance": 0.5, "head": LabeledHead},
    "everything": {
        "accumulate": 2,
        "precision": "bf16",
        "balance": True,
        "ema": {"decay": 0.9, "warmup": True},
        "head": LabeledHead,
    },
}


def exact_resume(folder: Path, cases: int) -> Iterator[Case]:
    """Killed between two checkpoints and resumed, with every option, 0 and 2 workers, 1 and 2 ranks."""
    for option, (workers, ranks) in crossed(list(OPTIONS), [(0, 1), (2, 1), (0, 2), (2, 2)])[:cases]:

        def check(option: str = option, workers: int = workers, ranks: int = ranks) -> None:
            changes = {**OPTIONS[option], "num_workers": workers}
            make: Callable[..., DummyHead] = changes.pop("head", FaultyHead)
            name = f"{option}-{workers}-{ranks}"
            whole, out = folder / f"whole-{name}", folder / name
            parts = changes.get("accumulate", 1)  # training steps of an update

            def run(where: Path, **faults: Any) -> list[int]:
                more = {**changes, "head": lambda: make(**faults)}
                return in_two_ranks(where, **more) if ranks == 2 else [trained(where, **more)]

            assert run(whole) == [0] * ranks
            codes = run(out, die=10 * parts)
            assert -signal.SIGKILL in codes and 0 not in codes, f"ended with {codes}"
            assert newest_valid(out) == "step-00000008"
            assert_resumes(out, whole, ranks=ranks, head=make, **changes)

        yield f"{option}, {workers} workers, {ranks} ranks", check


KINDS: dict[str, tuple[Callable[[Path, int], Iterator[Case]], int]] = {
    "kill -9 in the saver": (kill_in_saver, EVERY_LINE),
    "kill -9 at a random moment": (kill_anywhere, 50),
    "SIGTERM": (terminate, 14),
    "full disk": (full_disk, 4),
    "damaged checkpoint": (damaged, 60),
    "two runs in one folder": (two_runs, 4),
    "NaN on one rank": (nan_on_one_rank, 6),
    "out of memory": (out_of_memory, 3),
    "exact resume": (exact_resume, 32),
}
"""Each kind with the number of cases of a complete run."""


def outcomes(folder: Path, kind: str, cases: int) -> dict[str, Any]:
    """The number of cases of a kind, and what failed."""
    function, _ = KINDS[kind]
    count, failures, name = 0, [], "before the first case"
    folder.mkdir(parents=True)
    try:
        for name, check in function(folder, cases):
            count += 1
            try:
                check()
            except Exception as error:
                failures.append(f"{name}: {type(error).__name__}: {error}"[:1000])
    except Exception as error:
        count += 1
        failures.append(f"after {name}: {type(error).__name__}: {error}"[:1000])
    return {"about": " ".join(str(function.__doc__).split()), "cases": count, "failures": failures}


def main() -> None:
    """Run the kinds that the second argument names, each as often as it says."""
    import mmzoo.composition
    from mmzoo.registry import index

    torch.set_num_threads(1)
    mmzoo.composition.save_model = save_tensors  # type: ignore[attr-defined]
    index._catalog = catalog_of_the_critic()
    from torch.utils import tensorboard  # noqa: F401 - for the forks

    make_rows()
    found = {}
    for number, (kind, cases) in enumerate(json.loads(sys.argv[2]).items()):
        found[kind] = outcomes(Path(sys.argv[1]) / str(number), kind, cases)
        if found[kind]["failures"]:
            print(kind, *found[kind]["failures"], sep="\n  ", file=sys.stderr, flush=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
