"""Weights into models: what is refused, what it costs, and that no buffer is silently wrong."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from mmzoo import errors
from mmzoo.composition import compose, load_weights, own_tensors
from mmzoo.composition.load import finite, restore_buffers
from mmzoo.factory import create
from mmzoo.interfaces.components import Component

TOKENIZER = {"head": "tokenizer", "encoder": {"name": "encoder", "dim": 4}, "quantizer": "vq"}


class FakeFile:
    """Tensors in memory that look like an opened file."""

    label = "weights.safetensors"

    def __init__(self, tensors: dict[str, torch.Tensor]) -> None:
        self.tensors, self.read_names = tensors, list[str]()
        self.entries = {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in tensors.items()}

    def read(self, name: str) -> torch.Tensor:
        self.read_names.append(name)
        return self.tensors[name]


@pytest.fixture
def tensors(world: Any) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {name: tensor.detach() for name, tensor in own_tensors(compose(TOKENIZER, device="cpu")).items()}


def refuse(kind: type[Exception], match: str, tensors: dict[str, torch.Tensor], **settings: Any) -> FakeFile:
    file = FakeFile(tensors)
    with pytest.raises(kind, match=match) as caught:
        load_weights(compose(TOKENIZER), file, **settings)
    text = str(caught.value)
    assert type(caught.value) is kind and text.startswith("weights.safetensors") and text.endswith(".")
    assert "\n" not in text
    return file


def test_missing_extra_and_misshaped_tensors_before_any_data(tensors: dict[str, torch.Tensor]) -> None:
    one = {name: tensor for name, tensor in tensors.items() if name != "out.weight"}
    assert not refuse(errors.MissingTensorsError, r"out\.weight", one).read_names
    refuse(errors.MissingTensorsError, r", .*\d+ more", {"gain": tensors["gain"]})
    extra = {**tensors, "other": torch.zeros(1)}
    assert not refuse(errors.ExtraTensorsError, r"\bother\b", extra).read_names
    wrong = {**tensors, "out.weight": torch.zeros(3, 5), "gain": torch.zeros(2)}
    file = refuse(errors.TensorShapeError, r"out\.weight.*\[3, 5\].*\[3, 4\]", wrong)
    assert not file.read_names
    many = {name: torch.zeros(9, 9, 9) for name in tensors}
    refuse(errors.TensorShapeError, r"\d+ more", many)
    float_counts = {**tensors, "quantizer.counts": torch.zeros(16)}
    refuse(errors.TensorShapeError, "counts.*float32.*int64", float_counts)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_not_finite(tensors: dict[str, torch.Tensor], bad: float) -> None:
    spoilt = tensors["out.weight"].clone()
    spoilt[1, 2] = bad
    damaged = {**tensors, "out.weight": spoilt}
    refuse(errors.TensorValueError, r"out\.weight", damaged)


def test_values_out_of_a_dtypes_range(tensors: dict[str, torch.Tensor]) -> None:
    large = {**tensors, "gain": torch.tensor([1e6])}
    refuse(errors.TensorValueError, "gain.*float16", large, dtype=torch.float16)


def test_finite() -> None:
    assert finite(torch.empty(0)) and finite(torch.ones(3, dtype=torch.int64)) and finite(torch.ones(2).bool())
    assert not finite(torch.tensor([1j * float("nan")])) and finite(torch.tensor([1j]))
    assert finite(torch.ones(3).to(torch.float8_e4m3fn)) and finite(torch.ones(3, dtype=torch.bfloat16))


def test_values_are_copied_out_of_the_file(tensors: dict[str, torch.Tensor]) -> None:
    head = compose(TOKENIZER)
    load_weights(head, FakeFile(tensors))
    tensors["gain"].fill_(7)
    assert float(head.gain.detach()) != 7


def test_nothing_random_is_drawn(tok: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    for name in ("normal_", "uniform_", "trunc_normal_", "kaiming_uniform_"):
        original = getattr(nn.init, name)

        def spy(tensor: torch.Tensor, *args: Any, original: Any = original, **kwargs: Any) -> Any:
            if not tensor.is_meta:
                drawn.append(original)
            return original(tensor, *args, **kwargs)

        monkeypatch.setattr(nn.init, name, spy)
    state = torch.get_rng_state()
    create("tok")
    assert torch.equal(state, torch.get_rng_state()) and not drawn
    create("tok", pretrained=False)
    assert drawn and not torch.equal(state, torch.get_rng_state())


def test_tied_tensors(world: Any, tmp_path: Path) -> None:
    class Tied(world.module.Tokenizer):  # type: ignore[misc,name-defined]
        def connect(self) -> None:
            super().connect()
            self.again = nn.Linear(4, 3)
            self.again.weight = self.out.weight

    world.add("head", "tied", Tied)
    folder = world.publish("tied", {**TOKENIZER, "head": "tied"}, tmp_path / "tied")
    stored = load_file(folder / "model.safetensors")
    assert ("out.weight" in stored) != ("again.weight" in stored)
    model = create("tied")
    assert model.again.weight is model.out.weight and not model.out.weight.is_meta


def test_tensors_of_a_submodel_under_another_name_are_not_stored(world: Any, tok: Path, tmp_path: Path) -> None:
    class Borrower(world.module.Speaker):  # type: ignore[misc,name-defined]
        def connect(self) -> None:
            self.borrowed = self.tokenizer.out

    world.add("head", "borrower", Borrower)
    recipe = {"head": "borrower", "tokenizer": {"model": "tok"}, "sampler": "euler"}
    folder = world.publish("borrower", recipe, tmp_path / "borrower")
    assert set(load_file(folder / "model.safetensors")) == {"net.weight", "net.bias"}
    model = create("borrower")
    assert model.borrowed.weight is model.tokenizer.out.weight and not model.borrowed.weight.is_meta


# --- buffers that are not stored ---------------------------------------------------------------------


def _encoder(world: Any, buffer: Any, reset: Any) -> None:
    """Register an encoder with a buffer that is not stored, made by `buffer()` and reset by `reset(self)`."""
    base = world.module.Encoder

    class Buffered(base):  # type: ignore[misc,valid-type]
        def __init__(self, *, dim: int = 4) -> None:
            super().__init__(dim=dim)
            self.register_buffer("table", buffer(self), persistent=False)

        def reset_parameters(self) -> None:
            super().reset_parameters()
            reset(self)

    world.add("encoder", "buffered", Buffered)


RECIPE = {"head": "tokenizer", "encoder": "buffered", "quantizer": "vq"}


@pytest.mark.parametrize(
    ("buffer", "reset"),
    [
        (lambda self: torch.linspace(0, 1, 5), lambda self: None),
        (lambda self: torch.arange(5.0) / 4, lambda self: None),
        (lambda self: torch.tensor([0, 0.25, 0.5, 0.75, 1]), lambda self: None),
        (lambda self: torch.zeros(5) + torch.linspace(0, 1, 5), lambda self: None),
        (lambda self: torch.empty(5), lambda self: self.table.copy_(torch.linspace(0, 1, 5))),
        (lambda self: torch.empty(5), lambda self: setattr(self, "table", torch.linspace(0, 1, 5))),
        (lambda self: self.linear.weight.sum() * torch.ones(5), lambda self: self.table.copy_(torch.linspace(0, 1, 5))),
    ],
)
def test_buffers_that_are_not_stored_are_right(world: Any, tmp_path: Path, buffer: Any, reset: Any) -> None:
    _encoder(world, buffer, reset)
    world.publish("m", RECIPE, tmp_path / "m")
    assert torch.equal(create("m").encoder.table, torch.linspace(0, 1, 5))


@pytest.mark.parametrize(
    ("buffer", "reset", "message"),
    [
        (
            lambda self: torch.empty(5),
            lambda self: None,
            r"encoder\.table",
        ),
        (lambda self: torch.rand(5), lambda self: None, r"encoder\.table"),
        (lambda self: self.linear.weight[0], lambda self: None, r"encoder\.table"),
        (
            lambda self: torch.empty(8),
            lambda self: setattr(self, "table", self.linear.weight[0].detach()),
            r"encoder\.table|reset_parameters",
        ),
        (
            lambda self: torch.empty(8),
            lambda self: self.table.copy_(self.linear.weight[0]),
            "parameters",
        ),
        (
            lambda self: torch.zeros(8).copy_(self.linear.weight[0]),
            lambda self: None,
            "parameters",
        ),
        (lambda self: torch.zeros(8).add_(self.linear.weight[0]), lambda self: None, "parameters"),
    ],
)
def test_buffers_that_nobody_recomputes_are_an_error(
    world: Any, tmp_path: Path, buffer: Any, reset: Any, message: str
) -> None:
    _encoder(world, lambda self: torch.arange(5), lambda self: None)
    world.publish("m", RECIPE, tmp_path / "m")
    _encoder(world, buffer, reset)
    with pytest.raises(errors.PluginError, match=message) as caught:
        create("m")
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


@pytest.mark.parametrize("attribute", [lambda t: t, lambda t: [t], lambda t: {"x": (t,)}, lambda t: [nn.Linear(2, 2)]])
def test_plain_attributes_without_values_are_an_error(world: Any, tmp_path: Path, attribute: Any) -> None:
    class Hoarder(world.module.Tokenizer):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.hoard = attribute(torch.empty(3))

    world.add("head", "hoarder", Hoarder)
    world.publish("m", {**TOKENIZER, "head": "hoarder"}, tmp_path / "m")
    with pytest.raises(errors.PluginError, match=r"hoard.*Hoarder"):
        create("m")


def test_constants_can_be_read_while_building(world: Any, tmp_path: Path) -> None:
    class Reader(world.module.Tokenizer):  # type: ignore[misc,name-defined]
        def __init__(self, *, depth: int = 3) -> None:
            super().__init__()
            self.rates = [rate.item() for rate in torch.linspace(0, 0.5, depth)]

    world.add("head", "reader", Reader)
    world.publish("m", {**TOKENIZER, "head": "reader"}, tmp_path / "m")
    assert create("m").rates == [0.0, 0.25, 0.5]


def test_restore_buffers_of_plain_modules() -> None:
    class Plain(Component):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Module()
            self.inner.register_buffer("window", torch.empty(3, device="meta"), persistent=False)

    with pytest.raises(errors.PluginError, match=r"inner\.window"):
        restore_buffers(Plain())


@pytest.mark.slow
def test_building_to_load_imports_no_compiler(tok: Path) -> None:
    """On meta, a window or a filter would import torch's compiler, which takes longer than the whole load."""
    script = (
        "import sys, torch\n"
        "from mmzoo.composition.skeleton import skeleton\n"
        "with skeleton():\n"
        "    torch.hann_window(16) * torch.linspace(0, 1, 16)\n"
        "    torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Conv1d(4, 4, 3), torch.nn.LayerNorm(4))\n"
        "    torch.nn.init.trunc_normal_(torch.empty(4, 4))\n"
        "    for fill in ('normal_', 'xavier_normal_', 'kaiming_normal_', 'orthogonal_', 'zeros_', 'dirac_'):\n"
        "        getattr(torch.nn.init, fill)(torch.empty(4, 4, 4))\n"
        "    torch.empty(4).normal_().mul_(2).clamp_(-1, 1)\n"
        "    torch.empty(4)[:2] = torch.arange(2.0)\n"
        "assert 'torch._dynamo' not in sys.modules and 'sympy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


# --- memory ------------------------------------------------------------------------------------------

MEMORY_SCRIPT = """
import sys, threading, time
import torch
from torch import nn
from mmzoo.composition import load_weights
from mmzoo.composition.skeleton import skeleton
from mmzoo.hub.tensor_file import open_tensors
from pathlib import Path

def anonymous():
    for line in open("/proc/self/status"):
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024

class Block(nn.Module):
    def __init__(self, depth, width):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.wide = nn.Parameter(torch.ones(width, 16 * width))

depth, width = int(sys.argv[2]), int(sys.argv[3])
with skeleton():
    warm = nn.Linear(2, 2)
with open_tensors(Path(sys.argv[1])) as tensors:
    with skeleton():
        module = Block(depth, width)
    peak, done = 0, False
    def watch():
        global peak
        while not done:
            peak = max(peak, anonymous())
            time.sleep(0.001)
    base = anonymous()
    watcher = threading.Thread(target=watch)
    watcher.start()
    load_weights(module, tensors)
    done = True
    watcher.join()
total = sum(p.numel() * 4 for p in module.parameters())
print(total, peak - base, anonymous() - base)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads anonymous memory from /proc")
@pytest.mark.parametrize("dtype", [torch.float32, pytest.param(torch.float16, marks=pytest.mark.slow)])
def test_peak_memory_of_a_load(tmp_path: Path, dtype: torch.dtype) -> None:
    """A model of 200 MB as loaded: 1.2 times that, and 16 MB of everything else, are enough."""
    depth, width = 32, 1024
    tensors = {
        f"layers.{i}.{name}": torch.ones(shape, dtype=dtype)
        for i in range(depth)
        for name, shape in [("weight", (width, width)), ("bias", (width,))]
    }
    tensors["wide"] = torch.ones(width, 16 * width, dtype=dtype)
    save_file(tensors, tmp_path / "model.safetensors")
    del tensors
    command = [sys.executable, "-c", MEMORY_SCRIPT, str(tmp_path / "model.safetensors"), str(depth), str(width)]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    total, peak, after = (int(number) for number in result.stdout.split())
    assert total > 190e6
    assert 0.9 * total < after and peak < 1.2 * total + 16e6


# --- files -------------------------------------------------------------------------------------------


def test_a_truncated_file(tok: Path) -> None:
    path = tok / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(errors.CorruptFileError):
        create("tok")


def test_an_oversized_header(tok: Path) -> None:
    (tok / "model.safetensors").write_bytes(struct.pack("<Q", 1 << 40) + b"{}")
    with pytest.raises(errors.HeaderTooLargeError, match="1099511627776"):
        create("tok")


def test_a_file_of_another_configuration(tok: Path) -> None:
    config = json.loads((tok / "config.json").read_text())
    config["recipe"]["quantizer"]["size"] = 32
    (tok / "config.json").write_text(json.dumps(config))
    with pytest.raises(errors.TensorShapeError, match=r"quantizer\.codebook.*\[16, 4\].*\[32, 4\]"):
        create("tok")
