"""Exported models: writing, loading without torch, the cache, and everything that can be wrong with a folder."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import mmzoo
from mmzoo import errors
from mmzoo.cli.main import main

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

PLUGIN = """
@hookimpl
def mmzoo_register(register):
    register.head("toy", "toy_plugin.head:Toy", runner="toy_plugin.runner:Runs", summary="a layer")
    register.head("still", "toy_plugin.head:Still", summary="a layer that is not exported")
    register.model("toy-layer", task="toying", recipe={"head": {"name": "toy"}}, summary="a layer")
    register.model("still-layer", task="toying", recipe={"head": {"name": "still"}}, summary="a layer")
    register.model("toy-pair", task="toying", recipe={"head": {"name": "toy"}, "inner": {"model": "toy-layer"}},
                   summary="a layer with a model in a slot")
"""
HEAD = """
import torch
from torch import nn
from mmzoo.interfaces import Graph, Size, Slot, TaskHead

class Still(TaskHead):
    def __init__(self, *, width: Size = 128) -> None:
        super().__init__()
        self.width, self.layer = width, nn.Linear(width, width)

class Toy(Still):
    slots = {"inner": Slot("head", model=True, optional=True)}
    def __call__(self, x):
        return self.layer(torch.as_tensor(x)).detach().numpy()
    def graphs(self):
        examples = [{"x": torch.randn(count, self.width)} for count in (3, 5)]
        return {"layer": Graph(self.layer, examples, ["y"])}
    def settings(self):
        return {"width": self.width}
    def specimen(self, number):
        import numpy as np
        return self(np.full((2, self.width), number, np.float32))
    def files(self):
        return {"words.txt": b"one two"}
    def load_files(self, folder):
        assert (folder / "words.txt").read_bytes() == b"one two"
"""
RUNNER = """
import numpy as np
from mmzoo.interfaces import Runner

class Runs(Runner):
    def __init__(self, exported):
        super().__init__(exported)
        self.width, self.words = exported.settings["width"], (exported.folder / "words.txt").read_text()
        self.inner = exported.models.get("inner")
    def __call__(self, x):
        return self.graphs["layer"](x=x)[0]
    def specimen(self, number):
        return self(np.full((2, self.width), number, np.float32))
"""
INPUT = np.linspace(-1, 1, 7 * 128, dtype=np.float32).reshape(7, 128)


@pytest.fixture
def toys(site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An installed plugin with the models `toy-layer`, `toy-pair` and `still-layer`, and an empty cache."""
    site.install("toy-plugin", PLUGIN, files={"head.py": HEAD, "runner.py": RUNNER})
    monkeypatch.setenv("MMZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return site


@pytest.fixture
def folder(toys: Any, tmp_path: Path) -> Path:
    """A folder as `export_model` writes it, with a graph that doubles."""
    from mmzoo.engines.exported import Manifest
    from mmzoo.system import sha256_of

    path = tmp_path / "out" / "doubler"
    path.mkdir(parents=True)
    types = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 128]) for name in ("x", "y")]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Add", ["x", "x"], ["y"])], "g", types[:1], types[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, path / "layer.onnx")
    (path / "words.txt").write_text("one two")
    files = {name: sha256_of(path / name) for name in ("layer.onnx", "words.txt")}
    graphs = {"layer": {"difference": 0.0, "tolerance": 1e-3}}
    recipe, settings = {"head": {"name": "toy"}}, {"width": 128}
    about = {"task": "toying", "license": "apache-2.0"}
    manifest = Manifest("toy-layer", "toy", recipe, settings, graphs, {}, files, **about)
    (path / "export.json").write_text(manifest.to_json())
    return path


# --- writing -----------------------------------------------------------------------------------------


def test_an_export_runs_without_torch(toys: Any, tmp_path: Path, python: Any) -> None:
    """The one test that exports in the default run; the graph has one layer, and yet it takes seconds."""
    from mmzoo.engines.exported import read_manifest
    from mmzoo.engines.writing import export_model

    model = mmzoo.create("toy-layer", pretrained=False)
    folder = tmp_path / "new" / "folder"
    export_model(model, folder)
    assert {path.name for path in folder.iterdir()} == {"export.json", "layer.onnx", "words.txt"}
    manifest = read_manifest(folder)
    assert manifest.graphs["layer"]["difference"] < 1e-5 and manifest.versions["toy-plugin"] == "1.0"
    np.save(tmp_path / "x.npy", INPUT)
    program = (
        "import sys, json, numpy, mmzoo\n"
        "model = mmzoo.create(sys.argv[1])\n"
        "y = model(numpy.load('x.npy'))\n"
        "print(json.dumps([y.tolist(), sorted({'torch', 'pydantic', 'datasets', 'onnx'} & set(sys.modules))]))"
    )
    result, heavy = json.loads(python(["-c", program, str(folder)], tmp_path, toys.folder))
    np.testing.assert_allclose(result, model(INPUT), atol=1e-5)
    assert heavy == []
    with pytest.raises(errors.UsageError, match="folder"):
        export_model(model, folder)


@pytest.mark.slow
def test_models_in_slots_int8_and_the_cache(toys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mmzoo.composition import save_model
    from mmzoo.engines import writing
    from mmzoo.engines.writing import export_model

    inner = {"model": "toy-layer", "pretrained": False}
    pair = mmzoo.create("toy-pair", pretrained=False, inner=inner)
    export_model(pair, tmp_path / "pair", int8=True)
    runner = mmzoo.create(tmp_path / "pair")
    np.testing.assert_allclose(runner.inner(INPUT), pair.inner(INPUT), atol=0.05)
    assert 1e-6 < np.abs(runner(INPUT) - pair(INPUT)).max() < 0.05
    assert (tmp_path / "pair" / "layer.onnx").stat().st_size < 128 * 128 * 2

    saved = tmp_path / "saved"
    save_model(mmzoo.create("toy-layer", pretrained=False), saved, dtype=torch.float32, name="mine", task="toying")
    made = []
    original = writing.export_model
    monkeypatch.setattr(writing, "export_model", lambda *a, **k: (made.append(1), original(*a, **k)))
    results = [mmzoo.create(saved, engine="onnx")(INPUT) for _ in range(2)]
    np.testing.assert_allclose(results[0], mmzoo.create(saved)(INPUT), atol=1e-5)
    [cached] = (tmp_path / "cache" / "onnx").iterdir()
    assert len(made) == 1 and cached.name.startswith("mine-")
    (cached / "layer.onnx").write_bytes(b"damaged")
    np.testing.assert_array_equal(mmzoo.create(saved, engine="onnx")(INPUT), results[1])
    assert len(made) == 2
    (saved / "words.txt").write_bytes(b"one two ")  # another file is another model
    with pytest.raises(errors.WeightsError):
        mmzoo.create(saved, engine="onnx")


@pytest.mark.slow
def test_a_graph_that_differs_from_torch_is_refused(toys: Any, tmp_path: Path) -> None:
    from mmzoo.engines.writing import export_model
    from mmzoo.interfaces import Graph

    model = mmzoo.create("toy-layer", pretrained=False)
    examples = [{"x": torch.randn(count, 128)} for count in (3, 5)]

    def unlike(x: torch.Tensor) -> torch.Tensor:
        return x + (0.0 if torch.compiler.is_exporting() else 1.0)

    model.graphs = lambda: {"layer": Graph(unlike, examples, ["y"])}
    with pytest.raises(errors.ExportError, match=r"layer.*toy-layer"):
        export_model(model, tmp_path / "out")
    model.graphs = lambda: {"layer": Graph(lambda x: x if x.sum() > 0 else -x, examples, ["y"])}
    with pytest.raises(errors.ExportError, match=r"layer.*toy-layer"):
        export_model(model, tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))


def test_what_cannot_be_exported(toys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mmzoo.engines.writing import export_model

    with pytest.raises(errors.ExportError, match="still-layer"):
        export_model(mmzoo.create("still-layer", pretrained=False), tmp_path / "out")
    model = mmzoo.create("toy-layer", pretrained=False)
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.UsageError, match="file"):
        export_model(model, tmp_path / "file" / "out")
    monkeypatch.setattr("mmzoo.engines.writing.PACKAGES", ("no-such-package",))
    with pytest.raises(errors.MissingDependencyError, match=r"no-such-package.*mmzoo\[export\]"):
        export_model(model, tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))


# --- loading -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", [str, Path, lambda path: f"local-dir:{path}", lambda path: f"{path}/"])
def test_a_folder_is_created_by_its_path(folder: Path, written: Any) -> None:
    model = mmzoo.create(written(folder), threads=2, engine="onnx", allow_licenses={"apache-2.0"})
    np.testing.assert_array_equal(model(INPUT), 2 * INPUT)
    assert (model.name, model.width, model.words) == ("toy-layer", 128, "one two")
    assert model.folder.resolve() == folder.resolve()


@pytest.mark.parametrize(
    "options",
    [
        {"engine": "torch"},
        {"engine": "tensorrt"},
        {"device": "cuda"},
        {"dtype": "float16"},
        {"part": "inner"},
        {"pretrained": False},
        {"revision": "main"},
        {"width": 3},
        {"threads": 0},
        {"threads": True},
        {"threads": "two"},
    ],
    ids=str,
)
def test_options_that_do_not_fit_are_refused(folder: Path, options: dict[str, Any]) -> None:
    with pytest.raises(errors.UsageError):
        mmzoo.create(folder, **options)


def test_threads_are_for_onnx(toys: Any) -> None:
    with pytest.raises(errors.UsageError, match="threads"):
        mmzoo.create("toy-layer", pretrained=False, threads=2)
    with pytest.raises(errors.UsageError, match="pretrained"):
        mmzoo.create("toy-layer", pretrained=False, engine="onnx")
    with pytest.raises(errors.NoWeightsError):
        mmzoo.create("toy-layer", engine="onnx")


def test_threads_come_from_the_caller_or_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from mmzoo.engines.sessions import threads_of

    for named, expected in (("3", 3), ("4,2", 4), ("0", 1), ("many", 1), ("", 1)):
        monkeypatch.setenv("OMP_NUM_THREADS", named)
        assert threads_of() == expected and threads_of(7) == 7


def test_licenses_are_checked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(errors.WeightsError, match=r"toy-layer.*apache-2\.0"):
        mmzoo.create(folder, allow_licenses={"mit"})
    monkeypatch.setenv("MMZOO_ALLOW_LICENSES", "mit")
    with pytest.raises(errors.WeightsError, match="toy-layer"):
        mmzoo.create(folder)


def _manifest(**change: Any) -> Any:
    def damage(folder: Path) -> None:
        path = folder / "export.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | change))

    return damage


@pytest.mark.parametrize(
    ("damage", "error", "names"),
    [
        (lambda folder: (folder / "layer.onnx").unlink(), errors.ChecksumError, "layer.onnx"),
        (lambda folder: (folder / "layer.onnx").write_bytes(b"x"), errors.ChecksumError, "layer.onnx"),
        (lambda folder: (folder / "words.txt").write_text("three"), errors.ChecksumError, "words.txt"),
        (lambda folder: (folder / "export.json").write_text("{"), errors.CorruptFileError, "export.json"),
        (lambda folder: (folder / "export.json").write_text("[]"), errors.CorruptFileError, "export.json"),
        (_manifest(format=1), errors.ConfigError, "export.json"),
        (_manifest(surprise=1), errors.ConfigError, "export.json"),
        (_manifest(head=3), errors.ConfigError, "export.json"),
        (_manifest(graphs={"../layer": {}}), errors.ConfigError, "export.json"),
        (_manifest(models={"/etc": "0"}), errors.ConfigError, "export.json"),
        (_manifest(models={"inner": "0"}), errors.ChecksumError, "inner"),
        (_manifest(files={}), errors.ChecksumError, "layer.onnx"),
        (_manifest(files={"../secret": "0"}), errors.ChecksumError, "secret"),
        (_manifest(head="no-such-head"), errors.UnknownNameError, "no-such-head"),
        (_manifest(head="still"), errors.PluginError, "still"),
    ],
)
def test_a_damaged_folder_is_explained(folder: Path, damage: Any, error: Any, names: str) -> None:
    damage(folder)
    with pytest.raises(error, match=names):
        mmzoo.create(folder)


def test_a_file_that_is_no_graph_is_explained(folder: Path) -> None:
    from mmzoo.engines.sessions import Session

    (folder / "layer.onnx").write_bytes(b"not a graph")
    with pytest.raises(errors.CorruptFileError, match=r"layer\.onnx"):
        Session(folder / "layer.onnx", 1)(x=INPUT)


def test_onnxruntime_may_be_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(errors.MissingDependencyError, match=r"onnxruntime.*pip install 'mmzoo\[onnx\]'"):
        mmzoo.create(folder)


def test_inputs_that_do_not_fit_are_explained(folder: Path) -> None:
    with pytest.raises(errors.InputError, match=r"layer\.onnx.*\[7, 3\]"):
        mmzoo.create(folder)(INPUT[:, :3])


def test_an_exported_folder_is_not_shown_or_used_in_a_slot(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments in (["show", str(folder)], ["verify", str(folder)], ["card", str(folder)]):
        assert main(arguments) in (1, 2)
        assert len(capsys.readouterr().err.splitlines()) == 1
    with pytest.raises(errors.ConfigError, match="exported"):
        mmzoo.create("toy-pair", pretrained=False, inner=str(folder))


def test_a_registered_name_comes_before_a_folder(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "toy-layer")
    with pytest.raises(errors.NoWeightsError):
        mmzoo.create("toy-layer")
    assert mmzoo.create("./toy-layer").name == "toy-layer"


# --- the command -------------------------------------------------------------------------------------


def test_the_command_refuses_with_a_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, names in (
        (["toy-layer", "--onnx", "new"], "toy-layer"),
        (["no-such-model", "--onnx", "new"], "no-such-model"),
        ([str(folder), "--onnx", "new"], "doubler"),
        (["toy-layer"], "--onnx"),
    ):
        assert main(["export", *arguments]) in (1, 2)
        output = capsys.readouterr()
        assert names in output.err and len(output.err.splitlines()) == 1 and not output.out


def test_the_command_prints_sizes_differences_and_costs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], python: Any, tmp_path: Path
) -> None:
    from mmzoo.engines.comparing import Cost

    class Doubles:
        def specimen(self, number: int) -> mmzoo.Audio:
            return mmzoo.Audio(np.full(4000, 0.1 * number, np.float32), 8000)

    def exported(head: Any, target: Path, *, int8: bool) -> None:
        assert int8
        shutil.copytree(folder, target)

    monkeypatch.setattr("mmzoo.factory.create", lambda name: Doubles())
    monkeypatch.setattr("mmzoo.engines.writing.export_model", exported)
    monkeypatch.setattr("mmzoo.engines.exported.load_exported", lambda folder, threads: Doubles())
    monkeypatch.setattr("mmzoo.engines.comparing.cost_of", lambda name: Cost(0.1, 0.2, 0.3, 0.4, 5.0, 66.0))
    assert main(["export", "toy-layer", "--onnx", "new", "--int8"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("\t")[0] == "layer" and [line.split("\t")[0] for line in lines[1:3]] == ["torch", "onnx"]
    assert "66" in lines[1] and "0.0e+00" in lines[3] and lines[4].startswith("new:")


def test_costs_are_measured_in_a_fresh_process(toys: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mmzoo.engines.comparing import cost_of

    monkeypatch.setenv("PYTHONPATH", f"{toys.folder}:{':'.join(sys.path)}")
    cost = cost_of(folder)
    assert cost.import_s > 0 and cost.create_s > 0 and cost.times_real_time == 0 and 10 < cost.peak_mb < 1000
    with pytest.raises(errors.ExportError, match="no-such-model"):
        cost_of("no-such-model")


def test_spectral_distance() -> None:
    from mmzoo.engines.comparing import differences

    noise = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)
    sounds = [mmzoo.Audio(samples, 8000) for samples in (noise, 2 * noise, noise[:7000])]
    assert differences(sounds[:1], sounds[2:]) == (0.0, pytest.approx(0.0, abs=0.2))
    largest, distance = differences(sounds[:1], sounds[1:2]) or (0, 0)
    assert largest == pytest.approx(np.abs(noise).max()) and distance == pytest.approx(6.02, abs=0.05)
    assert differences(["text"], ["text"]) is None
