"""Judges by name, with what stands behind a colon, and who of them can be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mmzoo.errors import DataError, InputError, MissingPluginError, MmzooError, UnknownNameError
from mmzoo.evaluation.judges import judge_label, judge_spec, load_judge, ready_judges

PLUGIN = """
@hookimpl
def mmzoo_register(register):
    for name in ("ear", "deaf"):
        register.judge(
            name, f"acme_ears.parts:{name.title()}", summary="Hears", license="mit", source="acme's own code",
            independence="no part in training any model", tasks=("humming",),
        )
"""
PARTS = """
from mmzoo.errors import DataError

class Ear:
    def __init__(self, weights="own"):
        self.name = f"ear with {weights} weights"

class Deaf:
    name = "deaf"

    def fetch(self):
        raise DataError("no weights")
"""


@pytest.fixture
def ears(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMZOO_PLUGINS", "acme-ears")
    site.install("acme-ears", PLUGIN, files={"parts.py": PARTS})


@pytest.mark.usefixtures("ears")
@pytest.mark.parametrize(
    ("written", "weights", "label"),
    [
        ("ear", "own", "ear"),
        ("acme-ears:ear", "own", "ear"),
        ("ear:small", "small", "ear:small"),
        ("ear:/some/where", "/some/where", "ear:where"),
        ("acme-ears:ear:/some/where", "/some/where", "ear:where"),
        ("ear:a:b", "a:b", "ear:a:b"),
        ("ear:", "own", "ear"),
    ],
)
def test_a_judge_gets_what_stands_behind_its_name(written: str, weights: str, label: str) -> None:
    assert load_judge(written).name == f"ear with {weights} weights" and judge_label(written) == label


@pytest.mark.usefixtures("ears")
def test_a_judge_without_arguments_is_given_none() -> None:
    with pytest.raises(InputError, match="deaf"):
        load_judge("deaf:/weights")


@pytest.mark.usefixtures("ears")
@pytest.mark.parametrize(
    ("written", "error", "named"),
    [
        ("eear:/weights", UnknownNameError, "did you mean 'ear'"),
        ("nobody", UnknownNameError, "nobody"),
        ("other-ears:fine", MissingPluginError, "other-ears"),
    ],
)
def test_a_name_that_no_judge_has_is_refused(written: str, error: type[MmzooError], named: str) -> None:
    with pytest.raises(error, match=named):
        judge_spec(written)


@pytest.mark.usefixtures("ears")
def test_who_cannot_get_its_weights_is_left_out_unless_nobody_is_left() -> None:
    assert ready_judges(["deaf", "ear"]) == (["ear"], {"deaf": "no weights"})
    with pytest.raises(DataError, match="no weights"):
        ready_judges(["deaf"])


def test_whisper_reads_a_folder_and_knows_its_sizes(tmp_path: Path) -> None:
    pytest.importorskip("faster_whisper")
    folder = tmp_path / "whisper-tiny"
    folder.mkdir()
    with pytest.raises(InputError, match=r"model\.bin.*base"):
        load_judge(f"whisper:{folder}")
    (folder / "model.bin").write_bytes(b"weights")
    judge = load_judge(f"whisper:{folder}")
    judge.fetch()
    assert judge.name.startswith("Whisper tiny (") and judge_label(f"whisper:{folder}") == "whisper:whisper-tiny"


def test_whisper_that_cannot_be_downloaded_says_how_to_name_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    faster_whisper = pytest.importorskip("faster_whisper")

    def fails(size: str) -> str:
        raise OSError("no network")

    monkeypatch.setattr(faster_whisper, "download_model", fails)
    with pytest.raises(DataError, match=r"no network.*--judge whisper:FOLDER"):
        load_judge("whisper").fetch()
