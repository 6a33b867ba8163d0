"""The dataset `heldout-texts`: the fixed held-out sentences and words without sound, for where flite is absent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmzoo_datasets import heldout

if TYPE_CHECKING:
    from datasets import DatasetDict


def heldout_texts() -> DatasetDict:
    """Splits test and unseen with the columns id, text and target (the unseen word, else empty)."""
    from datasets import Dataset, DatasetDict

    held = heldout()
    rows = {
        "test": [{"id": f"test-{i:05d}", "text": text, "target": ""} for i, text in enumerate(held["test"])],
        "unseen": [
            {"id": f"unseen-{i:05d}", "text": item["text"], "target": item["word"]}
            for i, item in enumerate(held["unseen"])
        ],
    }
    return DatasetDict({split: Dataset.from_list(items) for split, items in rows.items()})
