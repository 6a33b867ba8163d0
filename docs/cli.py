"""Writes docs/cli.md, the reference of the command line, from the commands themselves.

python docs/cli.py            writes the page
python docs/cli.py --check    exit code 1 if the page is not what the commands say
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path

from mmzoo.registry.firstparty import SUPPLIES

PAGE = Path(__file__).with_name("cli.md")
ACTIONS = {"plugins": ("new", "enable", "disable")}

INTRODUCTION = """# Command line

Written by `python docs/cli.py` from the commands themselves; a test holds it to them.

Data goes to the standard output, everything else (progress, notes, warnings, errors) to the standard error. Into a
pipe, listing commands print tab-separated lines without a header; with `--json` they print JSON. An error is one
line; `--debug` before the command, or `MMZOO_DEBUG=1`, adds its traceback.

| exit code | meaning | for example |
|---|---|---|
| 0 | done | also a listing that is empty, with a note |
| 1 | failed, for a reason that one line tells | a corrupt weights file, a broken plugin that is needed |
| 2 | wrong usage, name, configuration or input | an unknown model, an unknown key, a text with nothing to say |
| 3 | trouble with the network or the Hub | no such repository, no connection |
| 130, 143 | interrupted by Ctrl-C, or by SIGTERM while training | a training has written a checkpoint to go on from |

Environment: `MMZOO_PLUGINS` (plugins to load, by comma, or `none`), `MMZOO_CACHE` (where datasets and features are
kept), `MMZOO_HOME` (where settings are kept, `~/.config/mmzoo`), `MMZOO_ALLOW_LICENSES` (licences of weights that are
accepted, by comma), `MMZOO_DEBUG`, and those of the Hugging Face Hub (`HF_HOME`, `HF_TOKEN`, `HF_HUB_OFFLINE`).
"""


def page() -> str:
    """The whole page."""
    from mmzoo.cli.commands import all_commands, typed

    names = [typed(spec) for spec in all_commands()]
    blocks = [INTRODUCTION, block("mmzoo --help", helped([]))]
    for name in names:
        blocks.append(f"## mmzoo {name}\n\n{block(f'mmzoo {name} --help', helped([name]))}")
        blocks += [block(f"mmzoo {name} {action} --help", helped([name, action])) for action in ACTIONS.get(name, ())]
    return "\n".join(blocks)


def block(command: str, output: str) -> str:
    return f"```console\n$ {command}\n{output.strip()}\n```\n"


def helped(words: list[str]) -> str:
    """What `mmzoo WORDS --help` prints."""
    from mmzoo.cli.main import main

    with contextlib.redirect_stdout(io.StringIO()) as told:
        code = main([*words, "--help"])
    if code:
        raise SystemExit(f"`mmzoo {' '.join(words)} --help` ended with exit code {code}.")
    return "\n".join(line.rstrip() for line in told.getvalue().splitlines())


def main() -> int:
    """Write or check the page."""
    own = ",".join(SUPPLIES)
    os.environ.update({"MMZOO_PLUGINS": own, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"})
    now = page()
    if sys.argv[1:] == ["--check"]:
        # Line breaks differ between versions of argparse and click; the words must be the same.
        written = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
        if written.split() != now.split():
            print(f"{PAGE.name} is not what the commands say; run: python docs/{PAGE.stem}.py", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(now, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
