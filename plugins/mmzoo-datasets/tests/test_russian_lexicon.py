"""Russian words and Festival's phones for them: which words, and what is done with what Festival prints."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from mmzoo_datasets import russian_lexicon as module
from mmzoo_datasets.festvox import RUSSIAN
from mmzoo_datasets.russian_lexicon import pronounce, russian_lexicon

from mmzoo.data import load_dataset_component
from mmzoo.errors import ConfigError, DataError

FESTIVAL = f"""#!{sys.executable}
import re, sys
for word in re.findall('say "(.+)"', open(sys.argv[2], encoding="utf-8").read()):
    said = "a pau b" if word == "двое" else " ".join("x" + letter for letter in word)
    sys.stdout.buffer.write(f"{{word}}\\tpau {{said}} pau \\n".encode())
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small festvox-ru, and a Festival that says each letter."""
    monkeypatch.setenv("MMZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "RUSSIAN", str(tmp_path / "voice"))
    monkeypatch.setattr(module, "HELD_OUT", 2)
    monkeypatch.setattr(module, "PART", 3)
    for name in ("voice/etc", "voice/dict", "bin"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "voice" / "etc" / "txt.done.data").write_text('( a "Прядь вол+ос, за ухо." )\n', encoding="utf-8")
    words = ["за", "кот", "ёж", "двое", "пол-литра", "дом", "лес", "сад"]
    entries = "\n".join(f'("{word}" n (1))' for word in words)
    (tmp_path / "voice" / "dict" / "msu_ru_nsh_dict.scm").write_text(f"MNCL\n{entries}\n", encoding="utf-8")
    program = tmp_path / "bin" / "festival"
    program.write_text(FESTIVAL, encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


def test_recorded_words_come_first_and_held_out_ones_are_marked(package: Path) -> None:
    rows = load_dataset_component("russian-lexicon", words=6)["train"]
    learned = [row["word"] for row in rows if not row["heldout"]]
    held = [row["word"] for row in rows if row["heldout"]]
    assert learned[:4] == ["прядь", "волос", "за", "ухо"]
    assert not set(held) & set(learned) and "пол-литра" not in {*held, *learned}
    assert set(held) <= {"кот", "ёж", "дом", "лес", "сад"}
    only = load_dataset_component("russian-lexicon", words=6, heldout_only=True)["train"]
    assert only["word"] == held and all(only["heldout"])
    assert all(row["phones"] == ["x" + letter for letter in row["word"]] for row in rows)
    (package / "bin" / "festival").unlink()
    assert russian_lexicon(words=6)["train"]["word"] == rows["word"]  # from the cache


def test_words_said_as_several_are_left_out(package: Path) -> None:
    assert pronounce(["двое", "кот", 'a") (quit']) == {"кот": ["xк", "xо", "xт"]}


def test_what_is_missing_is_named(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="words"):
        load_dataset_component("russian-lexicon", words=0)
    (package / "bin" / "festival").write_text(f"#!{sys.executable}\nraise SystemExit('no voice')\n")
    with pytest.raises(DataError, match="no voice"):
        russian_lexicon(words=5)
    (package / "bin" / "festival").unlink()
    with pytest.raises(DataError, match="apt-get install festival"):
        russian_lexicon(words=5)
    monkeypatch.setattr(module, "RUSSIAN", str(package / "nowhere"))
    with pytest.raises(DataError, match="festvox-ru"):
        russian_lexicon(words=5)


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("festival") and Path(RUSSIAN).is_dir()), reason="festvox-ru is not installed")
def test_festival_says_russian_words() -> None:
    said = pronounce(["молодую", "сад", "ещё"])
    assert said == {"молодую": "m ay l a d uu j u".split(), "сад": ["s", "aa", "t"], "ещё": ["j", "e", "sch", "oo"]}
