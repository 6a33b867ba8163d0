"""What is sound of the kinds that are only called, and its breaks."""

from __future__ import annotations

import itertools
from typing import Any

from . import Breaks
from .parts import call_home

DATASETS = Breaks("dataset", {"count": 2}, elsewhere=("network",))
METRICS = Breaks("metric", elsewhere=("network",))
JUDGES = Breaks("judge", elsewhere=("network",))
COMMANDS = Breaks("command", elsewhere=("network",))
COUNT = itertools.count()


def splits(count: int, text: str = "a", **splits: Any) -> Any:
    from datasets import Dataset, DatasetDict

    from mmzoo.data import make_row, row_features

    rows = [make_row(id=f"{index}", text=text, split="train") for index in range(count)]
    return DatasetDict(train=Dataset.from_list(rows, features=row_features()), **splits)


def pictures(*, count: int = 2) -> Any:
    return splits(count)


def judge(model: Any, *, limit: int | None = None) -> dict[str, Any]:
    return {}


class Judge:
    def read(self, pictures: list[Any]) -> list[str]:
        return []


def say(text: str) -> None:
    print(text)


DATASETS.sound, METRICS.sound, JUDGES.sound, COMMANDS.sound = pictures, judge, Judge, say
DATASETS("registration", "summary", summary="")(pictures)
METRICS("registration", "summary", summary=" ")(judge)
JUDGES("registration", "summary", summary="")(Judge)
COMMANDS("registration", "summary", summary="two\nlines")(say)


@DATASETS("signature", "count")
def by_position(count: int = 2) -> Any:
    return splits(count)


@DATASETS("signature", "catch-all")
def catch_all(*, count: int = 2, **anything: Any) -> Any:
    return splits(count)


@DATASETS("rows", "make_row")
def no_columns(*, count: int = 2) -> Any:
    from datasets import Dataset, DatasetDict

    return DatasetDict(train=Dataset.from_list([{"x": 1}] * count))


@DATASETS("rows", "other rows")
def unseeded(*, count: int = 2) -> Any:
    return splits(count, text=str(next(COUNT)))


@DATASETS("rows", "no rows in the split")
def empty(*, count: int = 2) -> Any:
    return {split: rows.select([]) for split, rows in splits(count).items()}


@DATASETS("rows", "192.0.2.1")
def calls_home(*, count: int = 2) -> Any:
    call_home()
    return splits(count)


@METRICS("signature", "the model it judges")
def no_model() -> dict[str, Any]:
    return {}


@METRICS("signature", "the model it judges")
def keywords(**settings: Any) -> dict[str, Any]:
    return {}


@METRICS("signature", "the model it judges")
def only_named(*, model: Any) -> dict[str, Any]:
    return {}


@METRICS("signature", "put `*` before")
def settings_by_position(model: Any, limit: int = 3) -> dict[str, Any]:
    return {}


@JUDGES("signature", "without arguments")
class Demanding(Judge):
    def __init__(self, threshold: float) -> None:
        self.threshold = threshold


class Constant:
    """What can be called by nobody."""

    __name__ = "constant"


COMMANDS("signature", "cannot be called")(Constant())
