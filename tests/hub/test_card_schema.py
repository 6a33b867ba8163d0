"""What the Hub would refuse at the top of a card is refused before anything is sent."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hub_client import MODEL_CARDS, Mmzoo
from hub_server import TOKEN, HubServer
from huggingface_hub import EvalResult, ModelCardData

from mmzoo.errors import UsageError
from mmzoo.hub.card_schema import LICENSES, check_front_matter

RESULT = {
    "task": {"type": "text-to-speech"},
    "dataset": {"type": "acme", "name": "Acme's sentences"},
    "metrics": [{"type": "wer", "value": 0.1}],
}


@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in MODEL_CARDS.glob("*/config.json")), ids=lambda folder: folder.name
)
def test_our_own_cards_are_accepted(folder: Path) -> None:
    check_front_matter(yaml.safe_load((folder / "README.md").read_text("utf-8").split("---")[1]), "the card")


def test_what_the_hubs_library_writes_is_accepted() -> None:
    result = EvalResult("text-to-speech", "acme", "Acme's", "wer", 0.1, dataset_split="test", metric_name="words wrong")
    data = ModelCardData(
        language=["en", "zh-Hant", "multilingual"], license="other", license_name="acme-1", license_link="LICENSE",
        library_name="mmzoo", tags=["a"], datasets=["acme/sentences"], base_model="acme/base", model_name="acme",
        eval_results=[result],
    )  # fmt: skip
    check_front_matter(data.to_dict(), "the card")


@pytest.mark.parametrize(
    ("front", "told"),
    [
        ({"license": "apache2"}, "'apache-2.0'.*`license: other`"),
        ({"license": "acme"}, "`license: other`"),
        ({"license": 3}, "license"),
        ({"license": "other", "license_name": "acme-1"}, "license_name and license_link"),
        ({"language": "English"}, "'English'"),
        ({"language": [3]}, "language"),
        ({"tags": {"a": 1}}, "tags"),
        ({"pipeline_tag": ["text-to-speech"]}, "pipeline_tag"),
        ({"model-index": "acme"}, "name"),
        ({"model-index": [{"name": "acme"}]}, "results"),
        ({"model-index": [{"name": "acme", "results": ["wer"]}]}, "task.*type"),
        ({"model-index": [{"name": "acme", "results": [{**RESULT, "dataset": {"type": "a"}}]}]}, "dataset.*type"),
        ({"model-index": [{"name": "acme", "results": [{**RESULT, "metrics": []}]}]}, "metrics"),
        ({"model-index": [{"name": "acme", "results": [{**RESULT, "metrics": [{"type": "wer"}]}]}]}, "type.*value"),
    ],
)
def test_what_the_hub_would_refuse(front: dict[str, Any], told: str) -> None:
    check_front_matter({"license": "mit", "model-index": [{"name": "acme", "results": [RESULT]}]}, "the card")
    with pytest.raises(UsageError, match=told) as caught:
        check_front_matter(front, "the card")
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_licences_are_identifiers() -> None:
    assert {"apache-2.0", "mit", "other"} < LICENSES and all(name == name.lower() for name in LICENSES)


def test_nothing_is_sent_with_such_a_card(
    hub: HubServer, mmzoo_command: Mmzoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    folder = tmp_path / "model"
    shutil.copytree(MODEL_CARDS / "vqvae-words", folder)
    card = folder / "README.md"
    for wrong in ("license: apache", "license: apache-2.0\nlanguage: English"):
        card.write_text(f"---\n{wrong}\n---\n# By hand\n")
        done = mmzoo_command("push", str(folder), "--repo", "tester/text")
        assert done.returncode != 0 and "front matter of README.md" in done.stderr and hub.requests == []
