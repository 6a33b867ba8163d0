"""A plugin of somebody else brings a task of its own: model, metric, judge, card, listing and README, no core code."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import mmzoo
from mmzoo.cli.main import main
from mmzoo.composition.save import save_model
from mmzoo.errors import InputError
from mmzoo.evaluation import runner
from mmzoo.hub.cards import render_card, write_card

ROOT = Path(__file__).parents[2]
PLUGIN = """
from mmzoo.hookspecs import CardText, Weights

@hookimpl
def mmzoo_register(register):
    register.head("counter", "acme_counting.parts:Counter", summary="Counts letters")
    register.judge(
        "abacus", "acme_counting.parts:Abacus", summary="Counts by itself", license="mit", source="acme's own code",
        independence="no part in training the counters", tasks=("counting",),
    )
    register.judge(
        "tired-abacus", "acme_counting.parts:Tired", summary="Counts too few", license="mit", source="acme's own code",
        independence="no part in training the counters", tasks=("counting",),
    )
    register.metric("counting", "acme_counting.parts:measure", summary="Counts again")
    register.task(
        "counting",
        summary="Texts to numbers",
        use='counter = mmzoo.create("{name}")\\nprint({"letters": counter("abc")})',
        pipeline="text-classification",
        headlines={"exact.short.share": "accuracy"},
        sections={"exact": "Counted exactly", "deep.down": "Deep down"},
        tables="acme_counting.parts:tables",
    )
    register.model(
        "letter-counter",
        task="counting",
        summary="Counts the letters of a text",
        recipe={"head": {"name": "counter"}},
        modalities=("text",),
        weights=[Weights("small", source="local-dir:FOLDER", license="mit")],
        card=CardText(
            data="acme-texts", intended="Counting letters.", training="Texts by acme.", limits="Cannot count to 1,000.",
            language="fi",
        ),
    )
"""
PARTS = """
import torch
from mmzoo.evaluation.judges import load_judge
from mmzoo.evaluation.tables import table
from mmzoo.interfaces import Losses, Ports, TaskHead

class Counter(TaskHead):
    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))

    @classmethod
    def ports(cls, config):
        return Ports()

    def __call__(self, text: str) -> int:
        return round(len(text) * float(self.scale))

    def training_step(self, batch, generator):
        return Losses(self.scale.square().sum(), {})

class Abacus:
    name = "abacus 1.0"

    def count(self, text):
        return len(text)

class Tired(Abacus):
    name = "abacus 0.5"

    def count(self, text):
        return len(text) - 1

def measure(model, *, judge: str = "abacus", limit=None, samples=None):
    counter = load_judge(judge)
    texts = ["a", "bb", "ccc", "dddd"][:limit]
    share = sum(model(text) == counter.count(text) for text in texts) / len(texts)
    return {
        "protocol": {"data": "four texts", "judge": counter.name},
        "exact": {"short": {"share": share, "low": 0.5, "high": 1.0}},
        "deep": {"down": {"texts": len(texts)}, "unlisted": {"figure": 77}},
    }

def tables(evaluation):
    return table(["length", "exact %"], [["short", f"{evaluation['exact']['short']['share'] * 100:.0f}"]])
"""
TRAINING = {
    "command": "mmzoo train letter-counter.yaml",
    "data": {"name": "acme-texts", "examples": 1000},
    "parameters": 1,
    "steps": 10,
    "seconds": 60,
    "seed": 0,
    "hardware": {"gpu": None, "threads": 1, "cpu": "a processor"},
}


@pytest.fixture
def folder(site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The model folder of `letter-counter`, trained and evaluated, in a world where only its plugin is loaded."""
    monkeypatch.setenv("MMZOO_PLUGINS", "acme-counting")
    place = tmp_path / "letter-counter"
    site.install("acme-counting", PLUGIN.replace("FOLDER", str(place)), files={"parts.py": PARTS})
    save_model(mmzoo.create("letter-counter", pretrained=False), place)
    (place / "training.json").write_text(json.dumps(TRAINING))
    runner.evaluate("letter-counter")
    return place


def readme_section(folder: Path) -> str:
    spec = importlib.util.spec_from_file_location("docs_readme_numbers", ROOT / "docs" / "readme_numbers.py")
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return str(script.section(folder.name, json.loads((folder / "evaluation.json").read_text())))


def test_its_card_says_how_it_is_used_what_was_measured_and_where_it_ends(folder: Path) -> None:
    card = write_card(folder, license="mit").read_text("utf-8")
    front = yaml.safe_load(card.split("---")[1])
    assert front["pipeline_tag"] == "text-classification" and front["language"] == "fi" and front["license"] == "mit"
    [result] = front["model-index"][0]["results"]
    assert result["task"]["type"] == "counting" and result["dataset"]["type"] == "acme-texts"
    assert [(m["type"], m["name"], m["value"]) for m in result["metrics"]] == [("accuracy", "exact short share", 1.0)]
    assert f'create("local-dir:{folder}")\nprint({{"letters": counter("abc")}})' in card
    assert "Counting letters." in card and "Texts by acme." in card and "Cannot count to 1,000." in card
    results = card.partition("## Results")[2].partition("\n## ")[0]
    order = ["Judge: abacus 1.0".lower(), "| short | 100 |", "| Counted exactly: short | 1.0 (0.5 to 1.0) |"]
    places = [results.lower().find(order[0]), *(results.find(text) for text in order[1:])]
    assert -1 not in places and places == sorted(places)
    assert "| Deep down: texts | 4 |" in results and "77" not in results


def test_its_text_is_not_claimed_of_other_data(folder: Path) -> None:
    (folder / "training.json").write_text(json.dumps({**TRAINING, "data": {"name": "others", "examples": 3}}))
    card = render_card(folder)
    assert "Cannot count" not in card and "the dataset `others`" in card and "| Deep down: texts | 4 |" in card


@pytest.mark.parametrize(
    ("hardware", "precision", "says"),
    [
        ({"instructions": "AVX2"}, "fp32", "1 minutes on 1 thread of a processor (AVX2), no GPU, in fp32; seed 0"),
        ({"instructions": "AVX-512, AMX", "gpu": "a GPU"}, "bf16", "1 minutes on a GPU, in bf16; seed 0"),
        ({}, None, "1 minutes on 1 thread of a processor, no GPU; seed 0"),  # an older record
    ],
)
def test_its_training_time_names_instructions_and_precision(
    folder: Path, hardware: dict[str, str], precision: str | None, says: str
) -> None:
    record = {**TRAINING, "hardware": {**TRAINING["hardware"], **hardware}}
    (folder / "training.json").write_text(json.dumps(record | ({"precision": precision} if precision else {})))
    assert says in render_card(folder)


def test_its_numbers_stand_in_a_readme(folder: Path) -> None:
    section = readme_section(folder)
    assert section.startswith("**[letter-counter](model_cards/letter-counter)**: four texts; abacus 1.0; ")
    assert "| short | 100 |" in section and "Deep down: texts 4." in section


def test_it_is_shown_with_the_figures_that_matter(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "letter-counter"]) == 0
    shown = capsys.readouterr().out
    assert "task        counting" in shown and "figures     exact short share 1.0" in shown
    assert main(["show", "judge/abacus"]) == 0
    shown = capsys.readouterr().out
    assert "license     mit" in shown and "no part in training the counters" in shown


@pytest.mark.usefixtures("folder")
def test_another_of_its_judges_is_chosen_by_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folder / "evaluation.json").read_bytes()
    assert main(["evaluate", "letter-counter", "--judge", "tired-abacus", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["protocol"]["judge"] == "abacus 0.5" and report["exact"]["short"]["share"] == 0
    assert (folder / "evaluation.json").read_bytes() == before
    with pytest.raises(InputError, match="cannot judge speaking"):
        runner.check_judge("abacus", "speaking")


def test_without_headlines_and_sections_everything_is_shown(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "task": "nobody-registers-this"}))
    evaluation = json.loads((folder / "evaluation.json").read_text())
    (folder / "evaluation.json").write_text(json.dumps({**evaluation, "task": "nobody-registers-this"}))
    card = render_card(folder)
    assert "## Use" not in card and "| deep: unlisted figure | 77 |" in card and "- type: share" in card
    assert "Deep down" not in card
