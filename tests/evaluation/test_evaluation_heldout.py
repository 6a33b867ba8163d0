"""What a model is evaluated on: the held-out rows of its training data, or of data that are named."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mmzoo.errors import ConfigError, DataError, InputError, MmzooError
from mmzoo.evaluation.heldout import held_out, mentions, teacher_of

PLUGIN = """
@hookimpl
def mmzoo_register(register):
    for name in ("hums", "songs", "choir", "words"):
        register.dataset(name, f"acme_hums.parts:{name}", summary="Sounds")
"""
PARTS = """
from typing import Any

from datasets import Dataset, DatasetDict

from mmzoo.errors import ConfigError

ASKED = []

def _splits(counts, voice):
    return DatasetDict({
        name: Dataset.from_dict({"text": [f"{name} {i}" for i in range(count)], "speaker": [voice] * count})
        for name, count in counts.items()
    })

def hums(*, voice: str = "ann", sentences: int = 50, validation: int = 5, test: int = 3, parts: Any = None):
    ASKED.append({"voice": voice, "sentences": sentences, "validation": validation, "parts": parts})
    return _splits({"train": sentences, "validation": validation, "test": test}, voice)

def choir(*, voices: dict[str, int] | None = None, sentences: int | None = None):
    if voices is not None and sentences is not None:
        raise ConfigError("either voices or sentences")
    return _splits({"train": sum(voices.values()) if voices else sentences or 500, "test": 2}, "all")

def words(*, needs: list[str], words: int = 10, heldout_only: bool = False):
    ASKED.append({"needs": needs, "words": words, "heldout_only": heldout_only})
    return _splits({"train": 1 if heldout_only else words}, "none")

def songs(*, sentences: list[int] = [4], folder: str):
    return _splits({"train": sentences[0], "check": 2}, folder)
"""


@pytest.fixture(autouse=True)
def acme(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMZOO_PLUGINS", "acme-hums")
    site.install("acme-hums", PLUGIN, files={"parts.py": PARTS})


def trained_on(folder: Path, **data: Any) -> Any:
    (folder / "training.json").write_text(json.dumps({"recipe": {"data": data}}))
    return SimpleNamespace(folder=folder, name="hummer")


def test_the_test_rows_of_the_training_data_without_the_training_rows(tmp_path: Path) -> None:
    model = trained_on(tmp_path, name="hums", config={"voice": "acme:bea", "sentences": 9000})
    held = held_out(model, sentences=1, validation=1, unknown=1)
    (rows,) = held.test_rows()
    assert held.title == "hums" and len(rows) == 3 and len(held.splits[0]["train"]) == 1
    from acme_hums.parts import ASKED  # type: ignore[import-not-found]

    assert ASKED == [{"voice": "acme:bea", "sentences": 1, "validation": 1, "parts": None}]


def test_other_columns_and_only_held_out_rows(tmp_path: Path) -> None:
    model = trained_on(tmp_path, name="words", config={"words": 70})
    held = held_out(model, needed=("word", "phones"), heldout_only=True)
    from acme_hums.parts import ASKED

    assert ASKED[-1] == {"needs": ["phones", "word"], "words": 70, "heldout_only": True}
    assert [len(rows) for rows in held.rows("train")] == [1]


@pytest.mark.parametrize(
    ("config", "rows"), [({"voices": {"acme:ann": 900, "acme:bea": 300}}, 2), ({"sentences": 900}, 1), ({}, 1)]
)
def test_sizes_replace_those_of_several_voices(tmp_path: Path, config: Any, rows: int) -> None:
    model = trained_on(tmp_path, name="choir", config=config)
    held = held_out(model, sentences=1, voices=1, validation=1)
    assert len(held.splits[0]["train"]) == rows
    if "voices" in config:
        assert teacher_of(model, "bea") == "acme:bea"


def test_the_validation_rows_where_there_are_no_test_rows(tmp_path: Path) -> None:
    data = {"name": "songs", "config": {"folder": "mine"}, "title": "my songs"}
    held = held_out(trained_on(tmp_path, **data, validation_split="check"), sentences=1)
    assert held.title == "my songs" and [len(rows) for rows in held.test_rows()] == [2]
    assert len(held.splits[0]["train"]) == 4  # `sentences` is no number here
    with pytest.raises(DataError, match=r"my songs.*--data"):
        held_out(trained_on(tmp_path, **data)).test_rows()


def test_named_data_take_arguments_behind_commas() -> None:
    model = SimpleNamespace(folder=None, name="hummer")
    held = held_out(model, ["hums,voice=cy,test=2", "songs:his,sentences=[7]"])
    assert [source.config for source in held.sources] == [
        {"voice": "cy", "test": 2},
        {"folder": "his", "sentences": [7]},
    ]
    assert [rows["text"] for rows in held.test_rows()] == [["test 0", "test 1"]] and held.title == "hums and his"


@pytest.mark.parametrize(
    ("given", "error"),
    [("hums,voice", ConfigError), ("hums,=a", ConfigError), ("hums,voice=[", ConfigError), ("hums,loud=1", ConfigError),
     ("no-such-data", DataError), ("hums:x", ConfigError)],
)  # fmt: skip
def test_data_that_cannot_be_had_are_refused(given: str, error: type[MmzooError]) -> None:
    with pytest.raises(error):
        held_out(SimpleNamespace(folder=None, name="hummer"), [given])


def test_without_a_record_data_must_be_named(tmp_path: Path) -> None:
    for folder in (None, tmp_path):
        with pytest.raises(InputError, match="--data"):
            held_out(SimpleNamespace(folder=folder, name="hummer"))


def test_the_synthesizer_of_a_voice_is_found_among_the_arguments(tmp_path: Path) -> None:
    parts = [{"voice": "acme:ann"}, {"voices": ["choir:/voices/cy.onnx", "dee"]}]
    model = trained_on(tmp_path, name="hums", config={"voice": "other:bea", "parts": parts})
    assert [teacher_of(model, voice) for voice in ("ann", "bea", "cy")] == [
        "acme:ann", "other:bea", "choir:/voices/cy.onnx",
    ]  # fmt: skip
    assert teacher_of(model, "dee") is None and teacher_of(SimpleNamespace(folder=None), "ann") is None
    assert mentions(model, "acme:ann") and mentions(model, "hums") and not mentions(model, "acme:dee")
