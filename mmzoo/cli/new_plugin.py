"""`mmzoo plugins new`: a small, complete plugin package, made from the files in `mmzoo/cli/scaffold`."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

from mmzoo.cli.plugin_names import check_free, check_identifier, check_package
from mmzoo.errors import UsageError

DISTRIBUTION = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
OWN_PREFIX = "mmzoo-"


@dataclass(frozen=True, slots=True)
class Piece:
    """One thing that the plugin registers. Its code is the file in `scaffold/parts` that is called like its kind.

    Attributes:
        kind: What it is.
        summary: Its summary.
        options: Further arguments of the registering call, as code.
        trial: A small config, which is registered and with which its test builds it.
        test: The body of its test, as code; by default the check of its kind.
        name: Its name, with `acme-part` in place of the author's.
        target: Its class or function.
    """

    kind: str
    summary: str
    options: tuple[str, ...] = ()
    trial: Mapping[str, Any] = field(default_factory=dict)
    test: str = ""
    name: str = "acme-part"
    target: str = "AcmePart"

    def registered(self) -> str:
        """The call that registers it."""
        target = f"acme_part.{self.kind}:{self.target}"
        arguments = [f'"{self.name}"', f'"{target}"', f'summary="{self.summary}"', *self.options]
        if self.trial:
            arguments.append(f"trials=[{json.dumps(self.trial)}]")
        lines = "".join(f"        {argument},\n" for argument in arguments)
        return f"    register.{self.kind}(\n{lines}    )\n"

    def tested(self) -> str:
        """The body of its test."""
        config = "".join(f", {key}={json.dumps(value)}" for key, value in self.trial.items())
        return self.test or f'check_{self.kind}("{self.name}"{config})'


IMAGES = ('modalities=("image",)',)
ENCODER = Piece("encoder", "Pictures to latents and back, one layer each way", IMAGES, {"dim": 6})
HEAD = Piece(
    "head",
    "Copies pictures through the latents of its encoder",
    IMAGES,
    {"dim": 6, "slots": {"encoder": {"name": "acme-part-encoder", "dim": 6}}},
)
DATASET = Piece(
    "dataset",
    "Pictures of two colors, generated from a seed",
    ('modalities=("image", "text")',),
    {"train": 4, "validation": 2},
    """splits = load_dataset_component("acme-part", train=4, validation=2)
    assert len(splits["train"]) == 4 and splits["train"][0]["label"] in ("left", "right")""",
    target="acme_part",
)
FORMAT = Piece(
    "format",
    "Model folders of another library",
    (*IMAGES, 'detect={"library": "acme-part"}'),
    {"hidden_size": 6, "patch_size": 2},
)
METRIC_TEST = """metric = load_target(catalog().component("metric", "acme-part"))
    assert metric(lambda image: image, limit=2)["copies"]["squared_error"] == 0"""
COMMAND_TEST = """assert main(["acme-part", "two", "words"]) == 0
    assert capsys.readouterr().out.strip() == "2\""""
OWN_ENCODER = replace(ENCODER, name="acme-part-encoder")
PIECES: dict[str, tuple[Piece, ...]] = {
    "quantizer": (Piece("quantizer", "Every channel rounded to a few levels", trial={"dim": 4}),),
    "encoder": (ENCODER,),
    "fusion": (Piece("fusion", "The mean over modalities", trial={"widths": {"image": 6, "text": 4}}),),
    "backbone": (
        Piece(
            "backbone",
            "Two layers at every position, and the mean over positions",
            trial={"in_channels": 4, "vector_channels": {"voice": 3}},
        ),
    ),
    "sampler": (Piece("sampler", "Flow matching along straight lines", test='check_sampler("acme-part", power=2.0)'),),
    "critic": (Piece("critic", "Scores of the patches of pictures", IMAGES, {"width": 8}),),
    "head": (HEAD, OWN_ENCODER),
    "model": (HEAD, OWN_ENCODER, replace(DATASET, name="acme-part-pictures")),
    "format": (FORMAT, replace(HEAD, name="acme-part-head"), OWN_ENCODER),
    "dataset": (DATASET,),
    "metric": (Piece("metric", "How well pictures are copied", test=METRIC_TEST, target="acme_part"),),
    "command": (Piece("command", "Count words", test=COMMAND_TEST, target="acme_part"),),
}
"""What the plugin for each kind registers; the first piece is the one that the author asked for."""
MODEL = """    register.model(
        "acme-part",
        task="image-copying",
        modalities=("image",),
        summary="Copies pictures",
        recipe={"head": {"name": "acme-part", "dim": 16}, "encoder": {"name": "acme-part-encoder", "dim": 16}},
    )
"""
MODEL_TEST = """

def test_the_model_is_created_and_called(mmzoo_plugins):
    mmzoo_plugins("acme_part.plugin")
    model = mmzoo.create("acme-part", pretrained=False)
    picture = mmzoo.Image(np.zeros((10, 12, 3), np.uint8))
    assert model(picture).pixels.shape == (10, 12, 3)
"""
IMPORTS = {
    "model": "import mmzoo\nimport numpy as np\nfrom mmzoo.testing import check_head\n",
    "dataset": "from mmzoo.data import load_dataset_component\n",
    "metric": "from mmzoo.registry import catalog, load_target\n",
    "command": "from mmzoo.cli.main import main\n",
}


def write_plugin(name: str, kind: str, into: Path) -> Path:
    """Write the package `name`, which supplies one component of this kind, to a new folder in `into`.

    Returns:
        The folder.

    Raises:
        UsageError: The name is malformed, taken, or would break the package; or the folder exists.
    """
    if not DISTRIBUTION.fullmatch(name) or len(name) > 60:
        raise UsageError(f"{name[:80]!r} is not a name for a plugin; use lowercase words and dashes, such as acme-fsq.")
    if name.startswith(OWN_PREFIX):
        raise UsageError(f"Names that start with {OWN_PREFIX} are reserved for mmzoo's plugins; choose another prefix.")
    folder = into / name
    if folder.exists():
        raise UsageError(f"{folder} exists already; choose another name or another folder.")
    if not into.is_dir():
        raise UsageError(f"There is no folder {into}; create it first.")
    _check(name, kind)
    with tempfile.TemporaryDirectory(dir=into, prefix=".new-plugin-") as staging:
        staged = Path(staging) / name
        for path, content in plugin_files(name, kind).items():
            (staged / path).parent.mkdir(parents=True, exist_ok=True)
            (staged / path).write_text(content, encoding="utf-8")
        staged.rename(folder)
    return folder


def _check(name: str, kind: str) -> None:
    renamed = _renaming(name, kind)
    check_package(name)
    if kind == "model":
        check_free(kind, name)
    for piece in PIECES[kind]:
        check_free(piece.kind, renamed(piece.name))
        code = _scaffold(f"parts/{piece.kind}.py").replace(piece.target, "_")
        check_identifier(renamed(piece.target), f"{piece.kind}.py", code)


def plugin_files(name: str, kind: str) -> dict[str, str]:
    """The contents of every file of the package, by path."""
    pieces = PIECES[kind]
    files = {
        "pyproject.toml": _scaffold("pyproject.toml"),
        "README.md": _scaffold("README.md"),
        ".github/workflows/tests.yml": _scaffold("workflow.yml"),
        ".gitignore": "__pycache__/\n*.egg-info/\n.pytest_cache/\ndist/\n.venv/\n",
        "acme_part/__init__.py": f'"""An mmzoo plugin: {kind}."""\n',
        "acme_part/plugin.py": _plugin(pieces, kind),
        "tests/test_acme_part.py": _test(pieces[0], kind),
    }
    files |= {f"acme_part/{piece.kind}.py": _scaffold(f"parts/{piece.kind}.py") for piece in pieces}
    if kind == "model":
        files["acme_part/recipes/acme-part.yaml"] = _scaffold("recipe.yaml")
    renamed = _renaming(name, kind)
    return {renamed(path): renamed(content) for path, content in files.items()}


def _renaming(name: str, kind: str) -> Callable[[str], str]:
    """A function that replaces the placeholders in a text."""
    words = {
        "newlisted": name if kind == "model" else f"{kind}/{name}",
        "newsummary": PIECES[kind][0].summary,
        "newkind": kind,
        "acme-part": name,
        "acme_part": name.replace("-", "_"),
        "AcmePart": "".join(word.capitalize() for word in name.split("-")),
    }
    pattern = re.compile("|".join(words))
    return lambda text: pattern.sub(lambda match: words[match[0]], text)


def _scaffold(path: str) -> str:
    return resources.files("mmzoo.cli.scaffold").joinpath(*path.split("/")).read_text(encoding="utf-8")


def _plugin(pieces: tuple[Piece, ...], kind: str) -> str:
    registered = "".join(piece.registered() for piece in pieces) + (MODEL if kind == "model" else "")
    return f'''"""What acme-part registers. Import nothing heavy here; targets are imported when they are used."""

from __future__ import annotations

from mmzoo.hookspecs import Register, hookimpl

mmzoo_api_version = 1


@hookimpl
def mmzoo_register(register: Register) -> None:
    """The newkind."""
{registered}'''


def _test(piece: Piece, kind: str) -> str:
    imports = IMPORTS.get(kind, f"from mmzoo.testing import check_{kind}\n")
    fixtures = ", capsys" if kind == "command" else ""
    return f"""{imports}

def test_acme_part_holds_its_contract(mmzoo_plugins{fixtures}):
    mmzoo_plugins("acme_part.plugin")  # so that the test also runs before anything is installed
    {piece.tested()}
{MODEL_TEST if kind == "model" else ""}"""
