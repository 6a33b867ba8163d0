"""The pages say what is: generated parts are up to date, links lead somewhere, and the README's code runs."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import mmzoo

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")]
PAGES += sorted((ROOT / "docs").glob("*.md")) + sorted(ROOT.glob("plugins/*/README.md"))
USE = """\
import mmzoo
tts = mmzoo.create("vqvae-dit-tts")
speech = tts("Doctor Smith paid $3.50 at 10:45.", voice="heart", speed=1.0, steps=1, seed=0)   # Audio
speech.samples, speech.sample_rate, speech.segments   # float32 [T], int, words and phones with times
speech.save("out.wav")
for chunk in tts.stream(long_text): ...               # first chunk before the rest is computed
tts(["one", "two"])                                    # batch: same samples as one by one, to 1e-3
codes = mmzoo.create("vqvae-speech").tokenize(speech)  # int64 [1, N, Q]; .reconstruct(codes) gives Audio
"""


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text(path), re.MULTILINE | re.DOTALL)


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"docs_{name}", ROOT / "docs" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# --- what is generated -------------------------------------------------------------------------------


def test_the_numbers_are_those_of_the_cards() -> None:
    numbers = script("readme_numbers")
    page = text(ROOT / "README.md")
    assert page == numbers.updated(page, numbers.numbers()), "run: python docs/readme_numbers.py"


def test_without_evaluations_the_readme_says_so(tmp_path: Path) -> None:
    assert script("readme_numbers").numbers(tmp_path) == script("readme_numbers").NOTHING


def test_numbers_are_taken_from_evaluations_as_their_tasks_lay_them_out(tmp_path: Path) -> None:
    difference = {"difference": 0.024, "low": 0.011, "high": 0.037}
    speech: dict[str, Any] = {
        "task": "text-to-speech",
        "protocol": {"sentences": 500, "judge": "a judge", "data": "synthetic"},
        "rows": {
            "teacher": {"wer": 0.21, "cer": 0.1, "per": 0.3},
            "tts_true_durations": {"wer": 0.234, "words_skipped": 0.02},
        },
        "differences": {"tts_true_durations": {"wer": difference, "words_garbled": 0.013}},
        "unseen_words": {"words": 250, "error": {"teacher": 0.5, "tts": 0.524}, "difference": {"tts": difference}},
        "steps": {"sentences": 150, "4": {"wer": 0.25, "per": 0.31, "rtf": 0.02}},
        "speed": {"times_real_time": 31.5},
        "machine": {"cpu": "A processor", "cores": 2, "threads": 2},
    }
    pictures = {
        "task": "image-tokenization",
        "scenes_right": {"true": {"shape": 1.0}, "copy": {"shape": 0.975}},
        "digits_right": {"true": 0.99, "copy": 0.985},
        "psnr_db": {"scenes": 36.65123},
    }
    for name, evaluation in {"some-model": speech, "other-model": pictures}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "evaluation.json").write_text(json.dumps(evaluation))
    told = script("readme_numbers").numbers(tmp_path)
    assert (
        "**[some-model](model_cards/some-model)**: 500 sentences; synthetic; a judge; A processor, 2 threads." in told
    )
    assert "| teacher | 21.0 | 10.0 | 30.0 | -, -, - | - |  |" in told
    assert "| tts true durations | 23.4 | - | - | 2.0, -, - | 1.3 | +2.4 (+1.1 to +3.7) |" in told
    assert "| 250 unseen words | missed %" in told and "| tts | 52.4 | +2.4 (+1.1 to +3.7) |" in told
    assert "| 4 | 25.0 | 31.0 | 50 |" in told and "Speed: times real time 31.5." in told
    assert "| read right % | shape | digits |" in told and "| copy | 97.5 | 98.5 |" in told
    assert "PSNR of copies in dB: scenes 36.65." in told


@pytest.mark.parametrize("name", ["cli", "recipes"])
def test_a_generated_reference_is_up_to_date(name: str) -> None:
    done = subprocess.run([sys.executable, f"docs/{name}.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_picture_is_what_its_script_draws() -> None:
    drawn = script("pieces")
    for name in ("pieces", "flow"):
        assert text(ROOT / "docs" / f"{name}.svg") == getattr(drawn, name)(), "run: python docs/pieces.py"


# --- what is written by hand -------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", re.sub(r"```.*?```", "", text(path), flags=re.DOTALL)):
        if not re.match(r"[a-z]+:", target):
            assert (path.parent / target).exists(), f"{relative(path)} links to {target}"


@pytest.mark.parametrize("path", PAGES, ids=relative)
def test_python_blocks_are_python(path: Path) -> None:
    for block in blocks(path, "python"):
        ast.parse(block)


def test_the_readme_begins_with_the_two_commands_and_then_the_use() -> None:
    fences = re.findall(r"^```(\w+)\n(.*?)^```$", text(ROOT / "README.md"), re.MULTILINE | re.DOTALL)
    assert fences[0][0] == "console" and re.findall(r"\$ (make \w+)", fences[0][1]) == ["make demo", "make test"]
    assert fences[1] == ("python", USE)


def test_every_make_target_of_the_pages_exists() -> None:
    targets = set(re.findall(r"^([\w-]+):", text(ROOT / "Makefile"), re.MULTILINE))
    for path in PAGES:
        assert set(re.findall(r"\bmake ([\w-]+)(?=[ \n`])", text_of_code(path))) <= targets, relative(path)


def text_of_code(path: Path) -> str:
    return "\n".join(re.findall(r"```console\n.*?```|`[^`\n]+`", text(path), re.DOTALL))


def test_every_command_of_the_pages_exists() -> None:
    from mmzoo.cli.commands import all_commands

    known = {spec.name for spec in all_commands()} | {"COMMAND"}
    for path in PAGES:
        named = set(re.findall(r"(?:^|`|\$ )mmzoo ([a-z][a-z-]*)\b", text_of_code(path), re.MULTILINE))
        assert named <= known, relative(path)


def test_a_plugins_readme_names_everything_it_registers() -> None:
    from mmzoo.registry import catalog

    known = catalog()
    for spec in (*known.models(), *known.components()):
        if spec.plugin.startswith("mmzoo-"):
            readme = ROOT / "plugins" / spec.plugin / "README.md"
            assert f"`{spec.name}`" in text(readme), f"{relative(readme)} does not name {spec.name}"


def test_the_architecture_names_every_unit_of_the_core() -> None:
    page = text(ROOT / "docs" / "architecture.md")
    for entry in (ROOT / "mmzoo").iterdir():
        if entry.suffix == ".py" and not entry.name.startswith("__"):
            assert entry.name in page, entry.name
        elif (entry / "__init__.py").exists():
            assert f"{entry.name}/" in page, entry.name


def test_the_license_and_the_version_are_stated() -> None:
    assert "END OF TERMS AND CONDITIONS" in text(ROOT / "LICENSE")
    assert f"## [{mmzoo.__version__}]" in text(ROOT / "CHANGELOG.md")


def test_the_parts_of_the_readme_can_be_created() -> None:
    parts = next(block for block in blocks(ROOT / "README.md", "python") if "list_components" in block)
    statements = ast.parse(parts).body
    # The last one takes a part of published weights, which the slow test below covers.
    code = "\n".join(ast.unparse(statement) for statement in statements[:-1])
    names = {"mmzoo": mmzoo}
    exec(code, names)


@pytest.mark.parametrize("plugin", ["mmzoo-dit", "mmzoo-encoders"])
def test_the_code_of_a_plugins_readme_runs(plugin: str) -> None:
    for block in blocks(ROOT / "plugins" / plugin / "README.md", "python"):
        exec(block, {})


# --- the README's use, with the bundled weights ------------------------------------------------------


@pytest.mark.slow
def test_the_readmes_use_runs(tmp_path: Path) -> None:
    parts = next(block for block in blocks(ROOT / "README.md", "python") if "list_components" in block)
    code = f"long_text = 'One sentence. And another one.'\n{USE}\nassert codes.ndim == 3\n{parts}"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    assert mmzoo.Audio.load(tmp_path / "out.wav").duration > 1


@pytest.mark.slow
def test_the_readmes_road_from_an_idea_to_a_published_model(tmp_path: Path) -> None:
    """Every command of `Write a plugin` and `Publish your model`, in a new environment, against a Hub on loopback."""
    pytest.importorskip("hatchling")
    done = subprocess.run([sys.executable, ROOT / "benchmarks" / "new_contributor.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "| `mmzoo push runs/first/model --repo you/acme-pictures --public` |" in done.stdout
    assert "| `mmzoo verify hf-hub:you/acme-pictures` |" in done.stdout
