"""The dataset `heldout-texts`: the fixed held-out sentences and words, as text or spoken by any synthesizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmzoo_datasets import heldout, voices

if TYPE_CHECKING:
    from datasets import DatasetDict


def heldout_texts(*, voice: str | None = None, limit: int | None = None) -> DatasetDict:
    """The held-out texts; splits test and unseen, columns id, text and target (the unseen word, else empty).

    Args:
        voice: A voice such as `espeak:en-us` that speaks the texts in a column audio, as a control for a judge.
        limit: Only the first rows of each split.

    Raises:
        ConfigError: The voice is unknown.
        DataError: Its synthesizer is missing.
    """
    from datasets import Dataset, DatasetDict

    held = heldout()
    rows: dict[str, list[dict[str, Any]]] = {
        "test": [{"id": f"test-{i:05d}", "text": text, "target": ""} for i, text in enumerate(held["test"])],
        "unseen": [
            {"id": f"unseen-{i:05d}", "text": item["text"], "target": item["word"]}
            for i, item in enumerate(held["unseen"])
        ],
    }
    rows = {split: items[:limit] for split, items in rows.items()}
    if voice is not None:
        for items in rows.values():
            for item, cell in zip(items, voices.speak_all([item["text"] for item in items], voice), strict=True):
                item["audio"] = cell
    return DatasetDict({split: Dataset.from_list(items) for split, items in rows.items()})
