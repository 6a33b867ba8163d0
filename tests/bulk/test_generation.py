"""`mmzoo generate`: of all bundled models, one item or a file of prompts, whose rows depend on nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import GENERATORS, MODELS, TEXTS, few_steps, needs, picture, weights_size

import mmzoo
from mmzoo.bulk.generation import SUFFIXES, content_of, generate_all
from mmzoo.cli.main import main
from mmzoo.data.jobs import Outcome
from mmzoo.errors import ConfigError, InputError
from mmzoo.interfaces import Audio, Image
from mmzoo.interfaces.options import row_seed

SMALLEST = min(
    (
        name
        for name in GENERATORS
        if needs(MODELS[name]) == "text" and few_steps(name) and MODELS[name].generates is Image
    ),
    key=weights_size,
)


def test_models_of_several_tasks_generate() -> None:
    made = {MODELS[name].generates for name in GENERATORS}
    assert made == {Audio, Image, str} and {needs(MODELS[name]) for name in GENERATORS} == {"text", "image", "audio"}


def rows_for(name: str, folder: Path) -> list[dict[str, Any]]:
    """Two prompts; files are named relative to the folder."""
    key = needs(MODELS[name])
    if key == "image":
        for index in range(2):
            picture(index).save(folder / f"{index}.png")
        return [{"image": f"{index}.png"} for index in range(2)]
    if key == "audio":
        tts = next(other for other in GENERATORS if needs(MODELS[other]) == "text" and MODELS[other].generates is Audio)
        mmzoo.create(tts)("a red circle").save(folder / "0.wav")
        return [{"audio": "0.wav"}, {"audio": "0.wav", "id": "again"}]
    return [{"text": text} for text in TEXTS]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def same(name: str, a: Any, b: Any) -> bool:
    return (
        np.array_equal(a.pixels, b.pixels) if MODELS[name].generates is Image else np.array_equal(a.samples, b.samples)
    )


@pytest.mark.parametrize(
    "name", [name if name == SMALLEST else pytest.param(name, marks=pytest.mark.slow) for name in GENERATORS]
)
def test_a_file_of_prompts_gives_what_single_prompts_give(name: str, tmp_path: Path) -> None:
    rows = rows_for(name, tmp_path)
    steps = few_steps(name)
    prompts, out = write(tmp_path / "p.jsonl", rows), tmp_path / "out"
    assert generate_all(name, prompts, out, options=steps, seed=3, shard_rows=1) == Outcome(2)
    lines = [json.loads(line) for path in sorted(out.glob("*/metadata.jsonl")) for line in path.open()]
    assert len(lines) == 2 and [line["id"] for line in lines] == [
        row.get("id", f"{n:08d}") for n, row in enumerate(rows, 1)
    ]
    model = mmzoo.create(name)
    for line, folder in zip(lines, sorted(out.glob("items-*")), strict=True):
        assert line["seed"] == row_seed(3, line["id"])
        keys = {key: line[key] for key in (needs(MODELS[name]), "seed", *steps)}
        keys |= {key: str(tmp_path / keys[key]) for key in ("image", "audio") if key in keys}
        single, kind = model.generate_item(**keys), MODELS[name].generates
        assert (folder / line["file_name"]).read_bytes() == content_of(single, SUFFIXES[kind][0])


def test_a_row_depends_on_its_id_and_the_seed_alone(tmp_path: Path) -> None:
    rows = [{"text": "one", "id": f"r{n}"} for n in range(4)]
    rows[3]["seed"] = 7
    write(tmp_path / "a.jsonl", rows)
    write(tmp_path / "b.jsonl", [{"class": "one", "id": "x"}, *reversed(rows)])
    made = {}
    for file, shard_rows, seed in (("a", 3, 0), ("b", 2, 0), ("a", 4, 1)):
        out = tmp_path / f"{file}{seed}"
        generate_all(SMALLEST, tmp_path / f"{file}.jsonl", out, options={"steps": 1}, seed=seed, shard_rows=shard_rows)
        made[f"{file}{seed}"] = {path.stem: path.read_bytes() for path in out.glob("*/*.png")}
    assert made["a0"] == {id: content for id, content in made["b0"].items() if id != "x"}
    assert len({*made["a0"].values()}) == 4
    assert [id for id in made["a0"] if made["a0"][id] == made["a1"][id]] == ["r3"]  # whose seed is its own


@pytest.fixture
def unloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> None:
        raise AssertionError("the weights were read")

    monkeypatch.setattr("mmzoo.bulk.generation.loaded", refuse)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"txet": "one"}', "'text'"),
        ('{"text": 3}', "text"),
        ('{"text": "one", "steps": "many"}', "steps"),
        ('{"text": "one", "steps": 0}', "steps"),
        ('{"text": "one", "size": [8]}', "size"),
        ('{"text": "one", "class": "two"}', "class"),
        ('{"steps": 1}', "text"),
        ("[1]", "object"),
        ('"one"', "object"),
        ('{"text": "one"', "JSON"),
        ('{"text": "one", "id": "../a"}', r"\.\./a"),
        ('{"text": "one", "id": ""}', "id"),
        ('{"text": "one", "id": "FIRST"}', "row 1"),
        ('{"text": NaN}', "text"),
    ],
)
def test_a_wrong_row_is_refused_before_anything_is_loaded(line: str, told: str, tmp_path: Path, unloaded: None) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(f'{{"text": "one", "id": "first"}}\n\n{line}\n')
    with pytest.raises(InputError, match=rf"p\.jsonl, row 3: .*{told}"):
        generate_all(SMALLEST, path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_files_of_rows_must_exist(tmp_path: Path, unloaded: None) -> None:
    name = next(name for name in GENERATORS if needs(MODELS[name]) == "image")
    with pytest.raises(InputError, match=r"row 1: image: .*gone\.png"):
        generate_all(name, write(tmp_path / "p.jsonl", [{"image": "gone.png"}]), tmp_path / "out")


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_a_file_without_rows_is_refused(content: str, tmp_path: Path, unloaded: None) -> None:
    (tmp_path / "p.jsonl").write_text(content)
    with pytest.raises(InputError):
        generate_all(SMALLEST, tmp_path / "p.jsonl", tmp_path / "out")


def test_rows_that_the_model_refuses_are_listed_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prompts = write(tmp_path / "p.jsonl", [{"text": "one"}, {"text": "blorp"}, {"text": "two"}])
    command = ["generate", SMALLEST, "--prompts", str(prompts), "--output", str(tmp_path / "out"), "--steps", "1"]
    for _ in range(2):
        assert main(command) == 1
        told = capsys.readouterr()
        assert "2 of 3 rows" in told.out and "00000002" in told.err and "blorp" in told.err
    (folder,) = (tmp_path / "out").glob("items-*")
    assert sorted(path.name for path in folder.iterdir()) == [
        "00000001.png", "00000003.png", "errors.jsonl", "metadata.jsonl",
    ]  # fmt: skip
    (error,) = (json.loads(line) for line in (folder / "errors.jsonl").open())
    assert error["id"] == "00000002" and error["steps"] == 1 and "blorp" in error["error"]
    assert main([*command, "--seed", "1"]) == 2 and "options.seed" in capsys.readouterr().err


def test_what_was_generated_is_data(tmp_path: Path) -> None:
    from mmzoo.data import guess, load_dataset_component

    write(tmp_path / "p.jsonl", [{"text": text, "steps": 1} for text in ("one", "two", "three")])
    generate_all(SMALLEST, tmp_path / "p.jsonl", tmp_path / "out", shard_rows=2)
    found = guess(tmp_path / "out")
    rows = load_dataset_component(found.name, **found.config, validation=0.0)["train"]
    assert sorted(rows["text"]) == ["one", "three", "two"] and "label" in rows.column_names


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--prompts", "p.jsonl"], "--output"),
        (["--prompts", "p.jsonl", "--output", "p.jsonl"], "is a file"),
        (["--prompts", "p.jsonl", "--output", "o", "-p", "one"], "--prompts"),
        (["--prompts", "p.jsonl", "--output", "o", "--seed", "random"], "--seed"),
        (["--prompts", "p.jsonl", "--output", "o", "--format", "wav"], "png"),
        (["--prompts", "none.jsonl", "--output", "o"], "none.jsonl"),
        (["-p", "one", "setps=1"], "'steps'"),
        (["-p", "one", "--steps", "1", "steps=1"], "steps"),
        (["-p", "one", "text=two"], "text"),
        (["-p", "one", "--format", "png"], "--format"),
        (["-p", "one", "-o", "a.wav"], ".png"),
        (["-p", "one", "-o", "a.txt"], "text"),
    ],
)
def test_wrong_options_are_refused(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "p.jsonl", [{"text": "one"}])
    assert main(["generate", SMALLEST, *arguments]) == 2
    error = capsys.readouterr().err
    assert told in error and "Traceback" not in error
    assert [path.name for path in tmp_path.iterdir()] == ["p.jsonl"]


class Writer:
    """A model that writes."""

    generates = str

    def generate_item(self, *, text: str, seed: int = 0) -> str:
        return f"{text} {seed}"


def test_texts_are_printed_or_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mmzoo, "create", lambda name, device: Writer())
    assert main(["generate", "writer", "-p", "Say", "--seed", "4"]) == 0
    assert capsys.readouterr().out == "Say 4\n"
    assert main(["generate", "writer", "-p", "Say", "-o", str(tmp_path / "a.txt")]) == 0
    assert (tmp_path / "a.txt").read_text() == "Say 0\n"
    assert main(["generate", "writer", "-p", "Say", "-o", str(tmp_path / "a.png")]) == 2
    assert main(["generate", "writer", "-p", "Say", "--num", "2"]) == 2


def test_sounds_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Voice:
        generates = Audio

        def generate_item(self, *, text: str, voice: str | None = None, seed: int = 0) -> Audio:
            return Audio(np.full(800, 0.1 * len(str(voice)), np.float32), 8000, notes=("a note",))

    monkeypatch.setattr(mmzoo, "create", lambda name, device: Voice())
    monkeypatch.chdir(tmp_path)
    assert main(["generate", "voice", "-p", "Hello", "voice=ann"]) == 0
    told = capsys.readouterr()
    assert "1 of 'Hello', 0.10 s" in told.out and "a note" in told.err
    assert np.allclose(Audio.load(tmp_path / "sound.wav").samples, 0.3, atol=1e-3)
    with pytest.raises(ConfigError, match="voice"):
        from mmzoo.bulk.prompts import prompt_of

        prompt_of({"text": "a", "voice": 3}, Voice, "voice")
