"""The first-party plugins hold their contracts, and the kit notices every way of breaking one."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mmzoo import registry
from mmzoo.errors import InputError, UnknownKeyError, UsageError
from mmzoo.interfaces import (
    Condition,
    DiffusionBackbone,
    Latents,
    Losses,
    ModalityEncoder,
    Port,
    Ports,
    Quantized,
    Quantizer,
    Sampler,
    TaskHead,
)
from mmzoo.registry import Catalog
from mmzoo.registry.register import Register
from mmzoo.testing import ConformanceError, check_component, check_quantizer
from mmzoo.testing.any_kind import checks_of
from mmzoo.testing.common import perform
from mmzoo.testing.kit import Case, cases
from mmzoo.testing.running import has_compiler

PLUGINS = [
    f"mmzoo-{name}" for name in ["datasets", "dit", "encoders", "image", "recognition", "transfer", "tts", "vqvae"]
]
COMPILERS = ("export", "compile", "inductor")


def subjects() -> dict[str, list[Case]]:
    """Every component and model of mmzoo's own plugins, with its checks."""
    found: dict[str, list[Case]] = {}
    for plugin in PLUGINS:
        for case in cases(plugin):
            found.setdefault(f"{plugin}: {case.subject}[{case.trial}]", []).append(case)
    return found


FIRST_PARTY = subjects()


@pytest.mark.parametrize("title", FIRST_PARTY)
def test_a_first_party_component_holds_its_contract(title: str) -> None:
    checked = [case for case in FIRST_PARTY[title] if case.check not in COMPILERS]
    for case in checked:
        case.run()
    assert len(checked) >= 2


@pytest.mark.slow
@pytest.mark.parametrize("title", [t for t, found in FIRST_PARTY.items() if {c.check for c in found} & set(COMPILERS)])
def test_a_first_party_component_is_exported_and_compiled(title: str) -> None:
    for case in FIRST_PARTY[title]:
        if case.check in COMPILERS and not case.exempt:
            case.run()


def test_every_first_party_component_and_model_is_checked() -> None:
    known = registry.catalog()
    registered = {f"{s.kind}/{s.name}" for s in known.components() if s.plugin in PLUGINS}
    registered |= {f"model/{s.name}" for s in known.models() if s.plugin in PLUGINS}
    checked = {case.subject for found in FIRST_PARTY.values() for case in found}
    assert checked == registered | {"plugin"}


def test_little_is_exempt() -> None:
    exempt = {(case.subject, case.check) for found in FIRST_PARTY.values() for case in found if case.exempt}
    assert exempt == {("fusion/rnn", "export")}


# --- the kit itself ----------------------------------------------------------------------------------


class Grid(Quantizer):
    """A sound quantizer, of which the tests below break one thing at a time."""

    def __init__(self, *, dim: int = 4, levels: int = 5) -> None:
        super().__init__()
        self.dim, self.levels = dim, levels
        self.scale = nn.Parameter(torch.ones(dim))

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        z = Port(width=config["dim"])
        return Ports(inputs={"z": z}, outputs={"z": z, "codes": Port(codebooks=config["dim"])})

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        return (self.levels,) * self.dim

    def round(self, z: Tensor) -> Tensor:
        return ((z * self.scale).tanh() * (self.levels - 1) / 2 + (self.levels - 1) / 2).round()

    def encode(self, z: Tensor, mask: Tensor | None = None) -> Tensor:
        codes = self.round(z).long()
        return codes if mask is None else codes.masked_fill(~mask.unsqueeze(-1), -1)

    def decode(self, codes: Tensor) -> Tensor:
        if bool(((codes < 0) | (codes >= self.levels)).any()):
            raise InputError("Codes out of range.")
        return codes * 2 / (self.levels - 1) - 1

    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        bounded = (z * self.scale).tanh()
        z_q = bounded + (self.round(z) * 2 / (self.levels - 1) - 1 - bounded).detach()
        return Quantized(z_q, self.encode(z, mask), z_q.new_zeros(()), {}, torch.ones(self.dim))


COUNT = itertools.count()


class NoSummary(Grid):
    """Registered below without a summary."""


class CatchAll(Grid):
    def __init__(self, *, dim: int = 4, levels: int = 5, **settings: int) -> None:
        super().__init__(dim=dim, levels=levels)


class OddConfig(Grid):
    def __init__(self, *, dim: int = 4, levels: int = 5, scales: tuple[float, ...] = (float("inf"),)) -> None:
        super().__init__(dim=dim, levels=levels)


class Needy(Grid):
    def __init__(self, *, dim: int, levels: int = 5) -> None:
        super().__init__(dim=dim, levels=levels)


class Caller(Grid):
    def __init__(self, *, dim: int = 4, levels: int = 5) -> None:
        super().__init__(dim=dim, levels=levels)
        with contextlib.suppress(OSError):
            socket.create_connection(("192.0.2.1", 80), timeout=0.1)


class Unseeded(Grid):
    def __init__(self, *, dim: int = 4, levels: int = 5) -> None:
        super().__init__(dim=dim, levels=levels)
        generator = torch.Generator()
        generator.seed()
        self.scale = nn.Parameter(1 + torch.rand(dim, generator=generator))


class NoMeta(Grid):
    def __init__(self, *, dim: int = 4, levels: int = 5) -> None:
        super().__init__(dim=dim, levels=levels)
        self.scale = nn.Parameter(torch.full((int(torch.rand(3).sum() * 0) + dim,), float(torch.randn(1).exp() + 1)))


class WrongCodes(Grid):
    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        found = super().forward(z, mask)
        return Quantized(found.z_q, found.codes.int(), found.loss, {}, found.usage)


class WrongPort(Grid):
    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        return Ports(inputs={"z": Port(width=config["dim"])}, outputs={"codes": Port(codebooks=1)})


class Stuck(Grid):
    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        found = super().forward(z, mask)
        return Quantized(found.z_q.detach() * self.scale / self.scale, found.codes, found.loss, {}, found.usage)


class Noisy(Grid):
    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        return super().forward(z + torch.rand_like(z), mask)


class UnseededTraining(Grid):
    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        found = super().forward(z, mask)
        extra = found.z_q.new_tensor(next(COUNT)) if self.training else found.loss
        return Quantized(found.z_q, found.codes, found.loss + extra, {}, found.usage)


class NoMask(Grid):
    def encode(self, z: Tensor, mask: Tensor | None = None) -> Tensor:
        return super().encode(z)


class ReadsPadding(Grid):
    """Scales by the largest value, padding included."""

    def round(self, z: Tensor) -> Tensor:
        return super().round(z / z.abs().amax((1, 2), keepdim=True))

    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        found = super().forward(z, mask)
        z_q = self.decode(self.encode(z)) + found.z_q - found.z_q.detach()
        return Quantized(z_q, found.codes, found.loss, {}, found.usage)


class ReadsNeighbours(Grid):
    """What comes before an item in the batch changes it."""

    def round(self, z: Tensor) -> Tensor:
        return super().round(z - z[:1].mean())

    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        found = super().forward(z, mask)
        z_q = self.decode(self.encode(z)) + found.z_q - found.z_q.detach()
        return Quantized(z_q, found.codes, found.loss, {}, found.usage)


class OtherCodes(Grid):
    def decode(self, codes: Tensor) -> Tensor:
        return -super().decode(codes)


class Accepts(Grid):
    def decode(self, codes: Tensor) -> Tensor:
        return codes * 2 / (self.levels - 1) - 1


class Unused(Grid):
    def __init__(self, *, dim: int = 4, levels: int = 5) -> None:
        super().__init__(dim=dim, levels=levels)
        self.spare = nn.Linear(dim, dim)


class NeverMoved(Grid):
    """A second parameter behind a factor that stays zero: a gradient is there, and always nothing."""

    def __init__(self, *, dim: int = 4, levels: int = 5) -> None:
        super().__init__(dim=dim, levels=levels)
        self.behind = nn.Parameter(torch.ones(dim))

    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        return super().forward(z + 0.0 * self.behind, mask)


class Forgetful(Grid):
    """Draws what it needs and does not store it."""

    def __init__(self, *, dim: int = 4, levels: int = 5) -> None:
        super().__init__(dim=dim, levels=levels)
        self.hidden = 9 if torch.empty(1).is_meta else 1 + int(torch.randint(5, ()))

    def round(self, z: Tensor) -> Tensor:
        return super().round(z * self.hidden)

    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        found = super().forward(z, mask)
        z_q = self.decode(self.encode(z)) + found.z_q - found.z_q.detach()
        return Quantized(z_q, found.codes, found.loss, {}, found.usage)


class SingleOnly(Grid):
    """Multiplies what it casts to float32 by parameters that it does not."""

    def round(self, z: Tensor) -> Tensor:
        return super().round(z.float() @ torch.diag(torch.ones_like(self.scale)))


class Overflows(Grid):
    """Fine in bfloat16, whose range is that of float32, and not in float16."""

    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        large = (self.scale * 100_000).mean()
        found = super().forward(z, mask)
        return Quantized(found.z_q + (large - large), found.codes, found.loss, {}, found.usage)


class ByValue(Grid):
    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        found = super().forward(z, mask)
        return found if float(z.sum()) != 0.5 else super().forward(-z, mask)


class NoGraph(Grid):
    """What it computes depends on whether it is compiled."""

    def forward(self, z: Tensor, mask: Tensor | None = None) -> Quantized:
        if torch.compiler.is_compiling() and not torch.compiler.is_exporting():
            z = -z
        return super().forward(z, mask)


BROKEN: dict[type, tuple[str, str]] = {
    NoSummary: ("registration", "summary"),
    CatchAll: ("unknown-keys", "keyword-only"),
    OddConfig: ("config", "JSON"),
    Needy: ("config", "trials"),
    Caller: ("network", "192.0.2.1"),
    Unseeded: ("build", "two builds under one torch seed"),
    NoMeta: ("meta", "meta"),
    WrongCodes: ("ports", "int64"),
    WrongPort: ("ports", "declares codes"),
    Stuck: ("ports", "no finite gradient passes"),
    Noisy: ("determinism", "two results for one input"),
    UnseededTraining: ("determinism", "two losses under one seed"),
    NoMask: ("masks", "mark padding"),
    ReadsPadding: ("masks", "what stands in the padding"),
    ReadsNeighbours: ("batch", "padded in a batch"),
    OtherCodes: ("codes", "decode(codes) must be z_q"),
    Accepts: ("refusals", "decode accepted"),
    Unused: ("gradients", "no gradient reaches the parameter spare"),
    NeverMoved: ("gradients", "no gradient reaches the parameter behind"),
    Forgetful: ("storage", "after saving and loading"),
    SingleOnly: ("bf16", "dtype"),
    Overflows: ("float16", "not finite"),
    ByValue: ("export", "torch.export"),
    NoGraph: ("compile", "another result"),
}
"""Each in one way: the check that must catch it, and a word of what it says."""


class Reversed(Sampler):
    """Runs from data to noise, the wrong way round."""

    def times(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        return torch.rand(count, generator=generator)

    def corrupt(self, data: Tensor, noise: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        t = t.view(-1, 1, 1)
        return (1 - t) * data + t * noise, noise - data

    def schedule(self, num_steps: int) -> Tensor:
        return torch.linspace(0, 1, num_steps + 1)[:-1]

    def sample(self, predict: Any, noise: Tensor, num_steps: int) -> Tensor:
        return noise


class Leaky(ModalityEncoder):
    """Reads the padding."""

    modality = "text"

    def __init__(self, *, width: int = 4) -> None:
        super().__init__()
        self.embed = nn.Embedding(9, width)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        return Ports(
            inputs={"raw": Port(modality="text", codebook_size=9)}, outputs={"latents": Port(width=config["width"])}
        )

    def encode(self, raw: Any, mask: Tensor | None = None) -> Latents:
        x = self.embed(raw)
        return Latents(x - x.mean(1, keepdim=True), mask)


class Mixer(DiffusionBackbone):
    """A backbone in miniature, sound unless it is told to read the padding or to use another table."""

    def __init__(self, *, channels: int = 3, respect: bool = True, delay: float = 0.0) -> None:
        super().__init__()
        self.linear, self.respect, self.delay = nn.Linear(channels, channels), respect, delay

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        port = Port(width=config["channels"])
        return Ports(inputs={"x": port}, outputs={"prediction": port})

    def precompute(self, t: Tensor, condition: Condition) -> Tensor:
        return t + self.delay

    def forward(
        self, x_t: Latents, t: Tensor | None, condition: Condition, *, table: Any = None, step: int | None = None
    ) -> Tensor:
        time = table[step].view(1) if t is None else t
        weight = torch.ones(x_t.x.shape[:2]) if x_t.mask is None or not self.respect else x_t.mask.float()
        mean = (x_t.x * weight.unsqueeze(-1)).sum(1, keepdim=True) / weight.sum(1).view(-1, 1, 1)
        prediction: Tensor = self.linear((x_t.x + mean).to(self.linear.weight)) * (1 + time.view(-1, 1, 1))
        return prediction


class Reader(TaskHead):
    """A head with a file beside its weights, which it forgets to read unless it is told to."""

    def __init__(self, *, reads: bool = True) -> None:
        super().__init__()
        self.linear, self.reads, self.words = nn.Linear(2, 2), reads, b""

    def connect(self) -> None:
        self.words = self.words or str(next(COUNT)).encode()

    def files(self) -> Mapping[str, bytes]:
        return {"words.txt": self.words}

    def load_files(self, folder: Path) -> None:
        if self.reads:
            self.words = (folder / "words.txt").read_bytes()

    def training_step(self, batch: Mapping[str, Tensor], generator: torch.Generator) -> Losses:
        raise AssertionError


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    catalog, module, register = Catalog(candidates=()), ModuleType("conformance_parts"), Register("acme", "1.0")
    kinds = {
        "quantizer": (Grid, *BROKEN),
        "sampler": (Reversed,),
        "encoder": (Leaky,),
        "backbone": (Mixer,),
        "head": (Reader,),
    }
    for kind, classes in kinds.items():
        for cls in classes:
            setattr(module, cls.__name__, cls)
            summary = "" if cls is NoSummary else "a test part"
            getattr(register, kind)(cls.__name__.lower(), f"conformance_parts:{cls.__name__}", summary=summary)
    catalog._components += register.components
    monkeypatch.setitem(sys.modules, "conformance_parts", module)
    monkeypatch.setattr(registry, "catalog", lambda: catalog)


def failures(kind: str, name: str, *, leave: tuple[str, ...] = (), **config: Any) -> dict[str, str]:
    """The checks that fail, with what they say."""
    label, checks = checks_of(kind, name, config)
    found = {}
    for check, run in checks.items():
        if check in leave:
            continue
        try:
            perform(label, check, run)
        except Exception as error:
            found[check] = str(error)
    return found


@pytest.mark.usefixtures("parts")
def test_a_sound_quantizer_passes() -> None:
    assert failures("quantizer", "grid", dim=3, leave=("inductor",)) == {}


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize("cls", BROKEN)
def test_every_break_is_caught_by_the_right_check(cls: type) -> None:
    check, told = BROKEN[cls]
    found = failures("quantizer", cls.__name__.lower(), leave=tuple({*COMPILERS} - {check}))
    assert check in found and told in found[check], found
    # Others may fail in its wake, but none of those that come before it.
    order = list(checks_of("quantizer", "grid", {})[1])
    assert min(found, key=order.index) == check, found


@pytest.mark.slow
@pytest.mark.usefixtures("parts")
@pytest.mark.skipif(not has_compiler(), reason="inductor needs a C++ compiler")
def test_what_inductor_gets_wrong_is_caught() -> None:
    assert "another result" in failures("quantizer", "nograph")["inductor"]


@pytest.mark.usefixtures("parts")
def test_every_check_of_a_quantizer_has_a_break() -> None:
    assert set(checks_of("quantizer", "grid", {})[1]) - {"inductor"} == {check for check, _ in BROKEN.values()}


@pytest.mark.usefixtures("parts")
def test_a_sampler_that_runs_backwards_is_noticed() -> None:
    with pytest.raises(ConformanceError, match="must be the noise"):
        check_component("sampler", "reversed")


@pytest.mark.usefixtures("parts")
def test_an_encoder_that_reads_padding_is_noticed() -> None:
    with pytest.raises(ConformanceError, match="what stands in the padding"):
        check_component("encoder", "leaky")


@pytest.mark.usefixtures("parts")
def test_a_backbone_that_reads_padding_or_has_another_table_is_noticed() -> None:
    check_component("backbone", "mixer")
    with pytest.raises(ConformanceError, match="respect the masks"):
        check_component("backbone", "mixer", {"respect": False})
    with pytest.raises(ConformanceError, match="precomputed table"):
        check_component("backbone", "mixer", {"delay": 0.1})


@pytest.mark.usefixtures("parts")
def test_a_head_that_does_not_read_its_files_is_noticed() -> None:
    check_component("head", "reader")
    with pytest.raises(ConformanceError, match="load_files"):
        check_component("head", "reader", {"reads": False})


@pytest.mark.usefixtures("parts")
def test_mistakes_of_the_caller_are_the_usual_errors() -> None:
    with pytest.raises(UnknownKeyError, match="dims"):
        check_quantizer("grid", dims=3)
    with pytest.raises(UsageError, match="dataset"):
        check_component("dataset", "grid")


def test_the_pytest_plugin_imports_nothing_heavy() -> None:
    code = (
        "import sys, mmzoo.testing.pytest_plugin, mmzoo.testing;"
        "heavy = {'torch', 'pydantic', 'datasets', 'rich'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


LOOSE_PLUGIN = """
from mmzoo import hookimpl

@hookimpl
def mmzoo_register(register):
    register.quantizer("loose", "nowhere:Loose", summary="Not installed")
"""
LOOSE_TESTS = """
import mmzoo

def test_with(mmzoo_plugins):
    assert mmzoo_plugins("loose_plugin")[0].state == "loaded"
    assert "quantizer/loose" in mmzoo.list_components()

def test_without():
    assert "quantizer/loose" not in mmzoo.list_components()

def test_a_plugin_that_fails(mmzoo_plugins):
    mmzoo_plugins("no_such_plugin")
"""


def test_the_fixture_adds_a_plugin_that_is_not_installed(tmp_path: Path) -> None:
    (tmp_path / "loose_plugin.py").write_text(LOOSE_PLUGIN)
    (tmp_path / "test_loose.py").write_text(LOOSE_TESTS)
    # Without the entry points, as this plugin may or may not be installed where the tests run.
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "pytest", "-p", "mmzoo.testing.pytest_plugin", "-c", os.devnull, "--rootdir=."]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert "1 failed, 2 passed" in done.stdout, done.stdout + done.stderr
    assert "the plugin no_such_plugin is broken: ModuleNotFoundError" in done.stdout


def test_the_pytest_plugin_is_an_entry_point() -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"mmzoo": "mmzoo.testing.pytest_plugin"}
