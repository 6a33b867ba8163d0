"""The house rules that can be read off the code: who imports whom, and what is never done."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import mmzoo

ROOT = Path(__file__).parent.parent
CORE = sorted((ROOT / "mmzoo").rglob("*.py"))
PLUGINS = sorted(path for folder in (ROOT / "plugins").glob("*/mmzoo_*") for path in folder.rglob("*.py"))

LAYERS = (
    {"errors"},
    {"system", "yaml_text", "safe_text"},
    {"media", "hardware"},
    {"interfaces", "nn"},
    {"registry", "hookspecs"},
    {"schema"},
    {"model_folder"},
    {"hub", "data", "command_line"},
    {"composition", "engines"},
    {"resolve"},
    {"factory"},
    {"training", "evaluation", "description"},
    {"testing", "bulk"},
    {"cli"},
)
"""From the ground up. A unit imports itself and what lies below it; the two of one layer do not know each other."""
RANK = {unit: rank for rank, units in enumerate(LAYERS) for unit in units}
TOGETHER = {("registry", "hookspecs"), ("hookspecs", "registry")}

PUBLIC_TO_PLUGINS = {
    "command_line",
    "interfaces",
    "nn",
    "data",
    "evaluation",
    "testing",
    "errors",
    "safe_text",
    "system",
    "hookspecs",
    "factory",
    "registry",
}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(path: Path) -> Iterator[str]:
    """Full dotted names of what a file imports from mmzoo and its plugins, and of `mmzoo.name` where it is used."""
    parsed = tree(path)
    for node in ast.walk(parsed):
        if isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: a relative import; write the whole name."
            for alias in node.names:
                yield resolved(f"{node.module}.{alias.name}")
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name != "mmzoo":
                    yield alias.name
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "mmzoo":
            yield resolved(f"mmzoo.{node.attr}")


def resolved(name: str) -> str:
    """`mmzoo.create` is at home in `mmzoo.factory`."""
    head, _, attribute = name.partition(".")
    home = mmzoo._HOME_OF.get(attribute) if head == "mmzoo" else None
    return f"{home}.{attribute}" if home else name


def unit_of(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "mmzoo" and len(parts) > 1 and parts[1] in RANK else None


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_every_unit_of_the_core_has_a_layer() -> None:
    units = {path.stem for path in (ROOT / "mmzoo").iterdir() if path.suffix == ".py"}
    units |= {path.name for path in (ROOT / "mmzoo").iterdir() if (path / "__init__.py").exists()}
    assert units - {"__init__", "__main__"} <= set(RANK)


@pytest.mark.parametrize("path", CORE, ids=relative)
def test_the_core_imports_only_downwards(path: Path) -> None:
    unit = path.relative_to(ROOT / "mmzoo").parts[0].removesuffix(".py")
    if unit in ("__init__", "__main__"):
        return
    wrong = [
        name
        for name in imports(path)
        if (other := unit_of(name)) not in (None, unit)
        and (unit, other) not in TOGETHER
        and RANK[str(other)] >= RANK[unit]
    ]
    assert not wrong, f"{relative(path)} is in the layer of {unit} and must not import {wrong}"


@pytest.mark.parametrize("path", CORE, ids=relative)
def test_the_core_knows_no_plugin(path: Path) -> None:
    assert [name for name in imports(path) if name.startswith("mmzoo_")] == []


@pytest.mark.parametrize("path", PLUGINS, ids=relative)
def test_a_plugin_imports_the_public_core_and_no_other_plugin(path: Path) -> None:
    own = path.relative_to(ROOT / "plugins").parts[1]
    for name in imports(path):
        first = name.partition(".")[0]
        if first.startswith("mmzoo_"):
            assert first == own, f"{relative(path)} imports {name}: plugins meet only through the registry"
        unit = unit_of(name)
        if unit == "registry":
            assert name.startswith("mmzoo.registry.listing."), f"{relative(path)} imports {name}, not mmzoo.hookspecs"
        elif unit == "factory":
            assert name == "mmzoo.factory.create", f"{relative(path)} imports {name}"
        elif unit is not None:
            assert unit in PUBLIC_TO_PLUGINS, f"{relative(path)} imports {name}, which is not public to plugins"


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT / "plugins").with_suffix("").parts[1:]).removesuffix(".__init__")


def test_no_imports_of_plugins_form_a_circle() -> None:
    modules = {module_of(path): path for path in PLUGINS}
    graph = {
        module: {
            next((known for known in (name, name.rpartition(".")[0]) if known in modules), module)
            for name in imports(path)
        }
        - {module}
        for module, path in modules.items()
    }
    TopologicalSorter(graph).prepare()  # raises CycleError, which lists the modules of a circle


KNOWS_NAMES = "registry/firstparty.py"
"""mmzoo's own distributions and what each supplies, to say which one to install."""


GENERAL = {"csv", "hub", "parquet", "tokens"}
"""Datasets that are named after a file format, a service or what the core writes, which it may name too."""


def own_names() -> set[str]:
    """What mmzoo's own plugins register that a core which knows no model has no reason to name."""
    from mmzoo.registry import catalog

    known = catalog()
    named = [*known.models(), *known.tasks(), *known.components("dataset"), *known.components("judge")]
    heads = [spec.recipe["head"] for spec in known.models() if spec.plugin.startswith("mmzoo-")]
    rows = [trial["rows"] for spec in known.components("head") for trial in spec.trials if "rows" in trial]
    sets = {name for row in rows if isinstance(row, dict) for name in row.get("phone_set", ())}
    voices = {voice for head in heads if isinstance(head, dict) for voice in head.get("voices", ())}
    assert voices and sets
    return ({spec.name for spec in named if spec.plugin.startswith("mmzoo-")} | voices | sets) - GENERAL


def texts_of(path: Path) -> Iterator[tuple[int, str]]:
    """Line and value of every string in a file's code: not in docstrings, and not in the help of an option."""
    parsed = tree(path)
    skipped = {id(node.value) for node in ast.walk(parsed) if isinstance(node, ast.Expr)}
    for node in ast.walk(parsed):
        if isinstance(node, ast.keyword) and node.arg == "help":
            skipped |= {id(part) for part in ast.walk(node.value)}
    for node in ast.walk(parsed):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.lineno, node.value


def test_the_core_names_no_model_task_voice_phone_set_or_dataset() -> None:
    names = re.compile(rf"(?<![\w-])({'|'.join(sorted(map(re.escape, own_names())))})(?![\w-])")
    said = {
        f"{relative(path)}:{line} {found[0]}"
        for path in CORE
        if path != ROOT / "mmzoo" / KNOWS_NAMES
        for line, text in texts_of(path)
        for found in names.finditer(text)
    }
    assert said == set()


HEAVY = {"torch", "numpy", "scipy", "datasets", "soundfile", "PIL", "pydantic", "typer", "rich", "accelerate", "timm"}


@pytest.mark.parametrize("path", [path for path in PLUGINS if path.name == "plugin.py"], ids=relative)
def test_a_plugin_file_imports_nothing_heavy(path: Path) -> None:
    assert not {name.partition(".")[0] for name in all_imports(path)} & HEAVY


def all_imports(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_no_submodule_bears_the_name_of_a_lazy_public_name() -> None:
    """A module `mmzoo/create.py`, once imported, would be what `mmzoo.create` gives."""
    for package in [path.parent for path in CORE if path.name == "__init__.py"]:
        parsed = tree(package / "__init__.py")
        if not any(isinstance(node, ast.FunctionDef) and node.name == "__getattr__" for node in parsed.body):
            continue
        public = next(
            {ast.literal_eval(item) for item in node.value.elts}
            for node in parsed.body
            if isinstance(node, ast.Assign)
            and isinstance(node.value, ast.List)
            and getattr(node.targets[0], "id", "") == "__all__"
        )
        modules = {path.stem for path in package.glob("*.py")} | {path.parent.name for path in package.glob("*/*.py")}
        assert not (public & modules) - {"errors"}, f"{relative(package)}: {public & modules}"


# --- what is never done ------------------------------------------------------------------------------

PICKLES = {"pickle", "cPickle", "_pickle", "dill", "joblib", "cloudpickle", "marshal", "shelve"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_METHODS = {("torch", "load"), ("torch", "save"), ("os", "system"), ("yaml", "load"), ("yaml", "unsafe_load")}


def dotted(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def offences(path: Path) -> Iterator[str]:
    parsed = tree(path)
    safe = {
        node.name
        for node in ast.walk(parsed)
        if isinstance(node, ast.ClassDef) and any(getattr(base, "attr", "") == "SafeLoader" for base in node.bases)
    }
    for node in ast.walk(parsed):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in PICKLES:
            yield f"line {line}: imports {node.module}"
        if isinstance(node, ast.Import):
            yield from (f"line {line}: imports {a.name}" for a in node.names if a.name.partition(".")[0] in PICKLES)
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id in FORBIDDEN_CALLS:
            yield f"line {line}: calls {called.id}"
        method = (dotted(called.value), called.attr) if isinstance(called, ast.Attribute) else ("", "")
        given = {dotted(value) for value in (*node.args, *(keyword.value for keyword in node.keywords))}
        if method in FORBIDDEN_METHODS and not (method == ("yaml", "load") and safe & given):
            yield f"line {line}: calls {'.'.join(method)}"
        for keyword in node.keywords:
            if keyword.arg in ("allow_pickle", "shell", "trust_remote_code") and not (
                isinstance(keyword.value, ast.Constant) and keyword.value.value is False
            ):
                yield f"line {line}: {keyword.arg} is not False"


@pytest.mark.parametrize("path", [*CORE, *PLUGINS], ids=relative)
def test_nothing_is_unpickled_or_evaluated(path: Path) -> None:
    assert list(offences(path)) == []


def test_offences_are_found(tmp_path: Path) -> None:
    code = "import pickle\nfrom dill import load\ntorch.load(x)\neval('1')\nf(allow_pickle=True)\nmodel.eval()\n"
    (tmp_path / "bad.py").write_text(code)
    assert len(list(offences(tmp_path / "bad.py"))) == 5


DYNAMIC = {"registry/targets.py", "registry/plugins.py"}


@pytest.mark.parametrize("path", [*CORE, *PLUGINS], ids=relative)
def test_modules_are_imported_by_name_only_where_names_come_from_plugins(path: Path) -> None:
    """No config can lead to an import: `import_module` is called by the registry and by lazy packages alone."""
    calls = [
        node
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and (getattr(node.func, "attr", "") == "import_module" or getattr(node.func, "id", "") == "import_module")
    ]
    allowed = path.name == "__init__.py" or relative(path).removeprefix("mmzoo/") in DYNAMIC
    assert allowed or not calls, f"{relative(path)} imports a module by name"


# --- no trace of the machine -------------------------------------------------------------------------

MACHINE_PATH = re.compile(r"(?<![\w.:/])/(work|root|home/\w+|Users/\w+|tmp)/")
TEXT_SUFFIXES = {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".txt", ".svg", ".cfg", ""}


def committed() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def test_no_file_names_a_path_of_the_machine_it_was_made_on() -> None:
    found = [
        f"{relative(path)}:{number}"
        for path in committed()
        if path.suffix in TEXT_SUFFIXES and path.stat().st_size < 5_000_000
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="ignore").splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert found == []
