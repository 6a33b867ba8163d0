"""How many written texts `phonemizer-en` reads aloud as a careful reader does, by kind, and how long that takes.

    python benchmarks/spoken_text.py            prints a table
    python benchmarks/spoken_text.py --wrong    also prints the cases that are read wrongly
    python benchmarks/spoken_text.py --write    also measures an earlier commit, and writes spoken_text.md

The cases are in `plugins/mmzoo-tts/tests/spoken.tsv`: kind, written text, spoken words, and "yes" for the cases that
were written before anyone had seen how they are read. Spoken words are separated by
spaces and alternatives by ` | `. The article is `a`, the letter `A`; other letters are lower-case words of their own.
In the written text, `\\u2009` and the like stand for characters that would be invisible.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = Path(__file__).with_suffix(".md")
FILE = ROOT / "plugins" / "mmzoo-tts" / "tests" / "spoken.tsv"
BEFORE = "766532d"
HELD_OUT_BEFORE = "cc68b93"  # the rules as they were when the held-out cases were written
TEXTS = {
    "prose": "The old dog slept under the apple tree, but nobody listened when she said that it was a good idea. ",
    "with numbers": "A fox paid $3.50 at 10:45, didn't it? On May 3rd, 2024 the 12 cats ran 5 km for NASA. ",
}


@dataclass(frozen=True)
class Case:
    """One line of the file.

    Args:
        kind: What the case is an example of.
        written: The text.
        spoken: The accepted readings.
        held_out: It was written before anyone had seen how it is read.
    """

    kind: str
    written: str
    spoken: tuple[str, ...]
    held_out: bool = False


def cases() -> list[Case]:
    """All cases, in the order of the file."""
    with FILE.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        Case(row["kind"], _visible(row["written"]), tuple(row["spoken"].split(" | ")), row["held_out"] == "yes")
        for row in rows
    ]


def _visible(written: str) -> str:
    return re.sub(r"\\u([0-9a-f]{4})", lambda match: chr(int(match[1], 16)), written)


def said(text: str, known: Container[str]) -> str:
    """The words of a text as the file writes them; a refusal is in parentheses.

    Args:
        text: Any text.
        known: Words with a pronunciation.
    """
    from mmzoo_tts.text import Spoken, normalize

    from mmzoo.errors import InputError

    try:
        items = [item for item in normalize(text, known).items if isinstance(item, Spoken)]
    except InputError as error:
        return f"({error})"
    return " ".join("A" + item.word[1:] if item.letter and item.word[0] == "a" else item.word for item in items)


def measure() -> dict[str, Any]:
    """`right`, `total` and `wrong` by kind, the same of the cases `held_out`, and milliseconds per 1,000 words."""
    from mmzoo_tts.text import normalize

    import mmzoo

    phonemizer: Any = mmzoo.create("phonemizer-en")
    result: dict[str, Any] = {"right": {}, "total": {}, "held_out": {"right": {}, "total": {}}}
    wrong: list[tuple[str, str, str, str]] = []
    for case in cases():
        words = said(case.written, phonemizer)
        for counts in (result, result["held_out"])[: 1 + case.held_out]:
            counts["total"][case.kind] = counts["total"].get(case.kind, 0) + 1
            counts["right"][case.kind] = counts["right"].get(case.kind, 0) + (words in case.spoken)
        if words not in case.spoken:
            wrong.append((case.kind, case.written, words, case.spoken[0]))
    times = {}
    for name, text in TEXTS.items():
        words_1000 = " ".join((text * 1000).split()[:1000])
        times[name] = min(_seconds(lambda text=words_1000: normalize(text, phonemizer)) for _ in range(30)) * 1000
    return result | {"wrong": wrong, "milliseconds": times}


def _seconds(call: Any) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def measure_commit(commit: str) -> dict[str, Any]:
    """The same for the code of a commit, in a folder and a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        paths = ["pyproject.toml", "mmzoo", "plugins", "model_cards/phonemizer-en"]
        packed = subprocess.run(["git", "archive", commit, *paths], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "x", "-C", folder], input=packed, check=True)
        packages = [folder, *(str(path) for path in Path(folder, "plugins").iterdir())]
        done = subprocess.run(
            [sys.executable, __file__, "--json"],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(packages)},
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
        )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def table(now: dict[str, Any], before: dict[str, Any] | None) -> str:
    """Rows of kinds as a Markdown table."""
    lines = ["| kind | cases | right | wrong |", "|---|---:|---:|---:|"]
    if before:
        lines = ["| kind | cases | right before | right after | wrong before | wrong after |", "|---|" + "---:|" * 5]
    total = now["total"]
    rows = [(kind, [kind]) for kind in total] + [("**all**", list(total))]
    for name, kinds in rows:
        count = sum(total[kind] for kind in kinds)
        rights = [sum(result["right"][kind] for kind in kinds) for result in (before, now) if result]
        cells = [count, *rights, *(count - right for right in rights)]
        lines.append(f"| {name} | " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def page(now: dict[str, Any], before: dict[str, Any], commit: str, first: dict[str, Any]) -> str:
    """The page with the tables, what is still wrong, and the times."""
    from mmzoo.system import cpu_name

    wrong = "".join(f"- {kind}: `{written}` is read as `{words}`\n" for kind, written, words, _ in now["wrong"])
    times = "".join(
        f"| {name} | {before['milliseconds'][name]:.1f} | {now['milliseconds'][name]:.1f} |\n" for name in TEXTS
    )
    return f"""# Written text read aloud

Written by `python benchmarks/spoken_text.py --write` on {time.strftime("%Y-%m-%d")}. "Before" is commit {commit}.
A case is right if its words, and which of them are letters, are those of `plugins/mmzoo-tts/tests/spoken.tsv`.

{table(now, before)}
Of these cases, the following were held out: they were written before their author had seen what the rules say.
Readings that are as good were accepted afterwards. "Before" is commit {HELD_OUT_BEFORE}, the rules as they were then;
the rules of today were changed with their help.

{table(now["held_out"], first["held_out"])}
Still wrong:

{wrong}
Milliseconds to normalize 1,000 words, the best of 30 runs:

| text | before | after |
|---|---:|---:|
{times}
Python {platform.python_version()}; {cpu_name()}.
"""


def main() -> None:
    """Measure and print; with --write, also write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--wrong", action="store_true", help="print the cases that are read wrongly")
    parser.add_argument("--write", action="store_true", help=f"compare with --before and write {PAGE.name}")
    parser.add_argument("--before", default=BEFORE, metavar="COMMIT", help="the commit to compare with")
    parser.add_argument("--json", action="store_true", help="print the measurements as JSON only")
    options = parser.parse_args()
    now = measure()
    if options.json:
        print(json.dumps(now))
        return
    before = measure_commit(options.before) if options.write else None
    print(table(now, before), end="")
    if options.wrong:
        for kind, written, words, expected in now["wrong"]:
            print(f"{kind}: {written!r} is read as {words!r}, not {expected!r}")
    if before:
        first = measure_commit(HELD_OUT_BEFORE)
        PAGE.write_text(page(now, before, options.before, first), encoding="utf-8")


if __name__ == "__main__":
    main()
