"""The dataset `heldout-texts`: fixed held-out sentences, words and questions, as text or spoken by any synthesizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmzoo_datasets import heldout, voices

if TYPE_CHECKING:
    from datasets import DatasetDict


def heldout_texts(*, voice: str | None = None, limit: int | None = None) -> DatasetDict:
    """The held-out texts; columns id, text and target (the unseen word, else empty).

    Splits: `test` and `unseen` (words) are in no training text of `flite-speech`, the words of `unwritten` in no
    document of `natural-speech`; `questions` are answered by yes or no.

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
        split: [_row(f"{split}-{i:05d}", item) for i, item in enumerate(items)] for split, items in held.items()
    }
    rows = {split: items[:limit] for split, items in rows.items()}
    if voice is not None:
        for items in rows.values():
            for item, cell in zip(items, voices.speak_all([item["text"] for item in items], voice), strict=True):
                item["audio"] = cell
    return DatasetDict({split: Dataset.from_list(items) for split, items in rows.items()})


def _row(name: str, item: str | dict[str, str]) -> dict[str, Any]:
    text, target = (item, "") if isinstance(item, str) else (item["text"], item["word"])
    return {"id": name, "text": text, "target": target}
