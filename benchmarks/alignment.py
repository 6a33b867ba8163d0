"""How far the times of phones are from those that flite spoke with, for both aligners, and how far they agree.

    python benchmarks/alignment.py            prints a table
    python benchmarks/alignment.py --write    also writes alignment.md

Both aligners get flite's own phones, so that only times differ. The learned times come from the recordings that are
aligned, without flite's times. Needs flite, Debian's festvox-ru, and what `natural-speech` needs.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

PAGE = Path(__file__).with_suffix(".md")
INTRODUCTION = """# Phone times

By `python benchmarks/alignment.py --write`: differences between the ends of phones in ms. The first rows are against
the times that flite spoke with, and both aligners got flite's phones. The learned times come from the listed sentences
alone. The times that come with the Russian recordings are in steps of 10 ms. Nobody knows the true times of the last
row.
"""
Timed = list[tuple[str, float]]
"""Phones, without pauses, with their ends in seconds."""


def learned(sounds: Sequence[Any], words: Sequence[Any]) -> list[Timed]:
    """Phones and ends by a model learned from these sounds."""
    from mmzoo_datasets import phone_hmm

    frames = [phone_hmm.features(sound) for sound in sounds]
    model = phone_hmm.learn(list(zip(frames, words, strict=True)))
    tasks = [(x, said, sound.duration) for x, said, sound in zip(frames, words, sounds, strict=True)]
    parts = [tasks[start : start + phone_hmm.AT_ONCE] for start in range(0, len(tasks), phone_hmm.AT_ONCE)]
    return [timed(found.phones, found.ends_s) for part in parts for found in phone_hmm.align(model, part)]


def by_pocketsphinx(sounds: Sequence[Any], words: Sequence[Any]) -> list[Timed | None]:
    """Phones and ends by pocketsphinx, or None for a sound that it cannot align."""
    from mmzoo_datasets.align import Aligner, CannotAlign, Said

    aligner, found = Aligner(), list[Timed | None]()
    for sound, said in zip(sounds, words, strict=True):
        # No word of the recognizer's dictionary has such a name, so its own pronunciations are not used.
        named = [Said("x".join(word) + "q", tuple(word)) for word in said if tuple(word) != ("pau",)]
        try:
            one = aligner.align(sound, "", named)
            found.append(timed(one.phones, one.ends_s))
        except CannotAlign:
            found.append(None)
    return found


def split_at_pauses(phones: Sequence[str]) -> list[tuple[str, ...]]:
    """Runs of phones, and the pauses between them."""
    return [("pau",) if quiet else tuple(part) for quiet, part in groupby(phones, "pau".__eq__)]


def timed(phones: Sequence[str], ends_s: Sequence[float]) -> Timed:
    """The phones without pauses; a phone before a pause ends where the pause begins."""
    return [(phone, end) for phone, end in zip(phones, ends_s, strict=True) if phone != "pau"]


def differences(one: Sequence[Timed | None], other: Sequence[Timed | None]) -> Any:
    """Of the ends of all phones that both have, in ms."""
    return 1000 * np.array(
        [
            mine - theirs
            for a, b in zip(one, other, strict=True)
            if a is not None and b is not None and [phone for phone, _ in a] == [phone for phone, _ in b]
            for (_, mine), (_, theirs) in zip(a, b, strict=True)
        ]
    )


def line(what: str, sounds: int, errors: Any) -> str:
    """A row of the table."""
    size = np.abs(errors)
    return (
        f"| {what} | {sounds} | {len(errors):,} | {np.median(size):.1f} | {size.mean():.1f} |"
        f" {np.percentile(size, 90):.0f} | {np.percentile(size, 95):.0f} | {np.median(errors):+.1f} |"
    )


def flite_lines(voice: str, count: int) -> list[str]:
    """Both aligners against flite's own times."""
    import mmzoo_datasets
    from mmzoo_datasets.flite import speak_all

    from mmzoo.data import decode_audio

    spoken = speak_all(mmzoo_datasets.heldout()["test"][:count], voice)
    sounds = [decode_audio({"bytes": said.wav}) for said in spoken]
    words = [split_at_pauses(said.phones) for said in spoken]
    true: list[Timed] = [timed(said.phones, said.ends_s) for said in spoken]
    return [
        line(f"learned, flite {voice}", count, differences(learned(sounds, words), true)),
        line(f"pocketsphinx, flite {voice}", count, differences(by_pocketsphinx(sounds, words), true)),
    ]


def festvox_line(count: int) -> str:
    """Learned times against those that come with recorded Russian."""
    from mmzoo_datasets.festvox import festvox_ru

    from mmzoo.data import decode_audio

    rows = festvox_ru()["train"].select(range(count))
    sounds = [decode_audio(row["audio"]) for row in rows]
    given: list[Timed] = [timed(row["phones"], row["phone_ends_s"]) for row in rows]
    found = learned(sounds, [split_at_pauses(phones) for phones in rows["phones"]])
    return line("learned, recorded Russian (festvox-ru)", count, differences(found, given))


def natural_line(count: int) -> str:
    """Both aligners on a neural voice, whose true times nobody knows."""
    from mmzoo_datasets.learned_times import words_of
    from mmzoo_datasets.natural_speech import natural_speech

    from mmzoo.data import decode_audio

    rows = natural_speech()["test"].select(range(count))
    sounds = [decode_audio(row["audio"]) for row in rows]
    words = [words_of(text, "phonemizer-en") for text in rows["text"]]
    apart = differences(learned(sounds, words), by_pocketsphinx(sounds, words))
    return line("learned minus pocketsphinx, natural-speech", count, apart)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write alignment.md")
    parser.add_argument("--natural", type=int, default=200, help="sentences of natural-speech; 0 leaves them out")
    parser.add_argument("--russian", type=int, default=100, help="recordings of festvox-ru; 0 leaves them out")
    options = parser.parse_args()
    lines = [
        "| aligner, voice | sentences | boundaries | median | mean | 90 % within | 95 % within | bias |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
        *flite_lines("slt", 200),
        *flite_lines("slt", 50),
        *flite_lines("rms", 50),
    ]
    if options.russian:
        lines.append(festvox_line(options.russian))
    if options.natural:
        lines.append(natural_line(options.natural))
    table = "\n".join(lines)
    print(table)
    if options.write:
        PAGE.write_text(f"{INTRODUCTION}\n{table}\n")


if __name__ == "__main__":
    main()
