"""Marks on the phones of a text: where words begin, and how phrases end.

In the column `phones`, `_dh` is a `dh` that begins a word, and `pau?` the pause after a question. A model whose phones
have no marks reads them without.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

WORD = "_"
ENDS = ".?!;:-,"


def begun(phones: Sequence[str]) -> tuple[str, ...]:
    """The phones of a word, the first with the mark of a beginning."""
    return tuple(WORD * (index == 0) + phone for index, phone in enumerate(phones))


def bare(phone: str) -> str:
    """A phone without its mark."""
    return phone.removeprefix(WORD).rstrip(ENDS) or phone


def remarked(phones: Iterable[str], marked: Sequence[str]) -> Iterator[str]:
    """Phones, in which `marked` may have fewer pauses, with its marks.

    Raises:
        ValueError: The phones are not those of `marked` and others between them.
    """
    rest = iter(marked)
    wanted = next(rest, None)
    for phone in phones:
        if wanted is not None and bare(wanted) == phone:
            yield wanted
            wanted = next(rest, None)
        else:
            yield phone
    if wanted is not None:
        raise ValueError(f"The phone {wanted!r} is missing.")
