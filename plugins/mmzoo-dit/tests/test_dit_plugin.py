"""What the plugin registers, and that listing it costs nothing."""

from __future__ import annotations

import importlib
import subprocess
import sys

import torch

from mmzoo.hookspecs import Register
from mmzoo.interfaces import DiffusionBackbone, Sampler


def test_registered_targets_exist_and_keep_their_contracts() -> None:
    from mmzoo_dit import plugin

    register = Register("mmzoo-dit")
    plugin.mmzoo_register(register)
    found = {}
    for spec in register.components:
        module, name = spec.target.split(":")
        found[spec.kind, spec.name] = getattr(importlib.import_module(module), name)
    samplers = {name for kind, name in found if kind == "sampler"}
    assert samplers == {"euler", "heun", "ddim", "dpm-solver", "shortcut", "meanflow"}
    assert issubclass(found["backbone", "dit"], DiffusionBackbone)
    assert all(isinstance(found["sampler", name](), Sampler) for name in samplers)


def test_plugin_imports_nothing_heavy() -> None:
    code = "import sys, mmzoo_dit.plugin; print(sorted({'torch', 'numpy', 'pydantic'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_readme_example_runs(tmp_path: object) -> None:
    from pathlib import Path

    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    code = text.split("```python\n")[1].split("```")[0]
    names: dict[str, object] = {}
    torch.manual_seed(0)
    exec(compile(code, "README.md", "exec"), names)
    mel = names["mel"]
    assert isinstance(mel, torch.Tensor) and mel.shape == (1, 160, 80) and bool(mel.isfinite().all())
