"""Writes docs/cli.md, the command-line reference, from the commands' own help.

python docs/cli.py            writes the page
python docs/cli.py --check    exit code 1 if the page is out of date
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

Written by `python docs/cli.py` from the commands' own help; a test checks that it is up to date.

Data go to standard output; progress, notes, warnings and errors go to standard error. When piped, listing commands
print tab-separated lines without a header; with `--json` they print JSON. An error is one line; `--debug` before the
command, or `MMZOO_DEBUG=1`, adds the traceback.

| exit code | meaning | examples |
|---|---|---|
| 0 | success | also an empty listing, with a note |
| 1 | failure, with a one-line reason | a corrupt weights file, a broken plugin that is needed |
| 2 | wrong usage, name, configuration or input | an unknown model, an unknown key, a text with nothing to say |
| 3 | network or Hub error | no such repository, no connection |
| 130, 143 | interrupted by Ctrl-C, or by SIGTERM while training | training has written a checkpoint to resume from |

Environment variables: `MMZOO_PLUGINS` (plugins to load, comma-separated, or `none`), `MMZOO_CACHE` (folder of cached
datasets and features), `MMZOO_HOME` (folder of settings, `~/.config/mmzoo` by default), `MMZOO_ALLOW_LICENSES`
(accepted licenses of weights, comma-separated), `MMZOO_DEBUG`, and those of the Hugging Face Hub (`HF_HOME`,
`HF_TOKEN`, `HF_HUB_OFFLINE`).
"""


def page() -> str:
    """The complete page."""
    from mmzoo.cli.commands import all_commands, typed

    names = [typed(spec) for spec in all_commands()]
    blocks = [INTRODUCTION, block("mmzoo --help", help_of([]))]
    for name in names:
        blocks.append(f"## mmzoo {name}\n\n{block(f'mmzoo {name} --help', help_of([name]))}")
        blocks += [block(f"mmzoo {name} {action} --help", help_of([name, action])) for action in ACTIONS.get(name, ())]
    return "\n".join(blocks)


def block(command: str, output: str) -> str:
    return f"```console\n$ {command}\n{output.strip()}\n```\n"


def help_of(words: list[str]) -> str:
    """The output of `mmzoo WORDS --help`."""
    from mmzoo.cli.main import main

    with contextlib.redirect_stdout(io.StringIO()) as output:
        code = main([*words, "--help"])
    if code:
        raise SystemExit(f"`mmzoo {' '.join(words)} --help` ended with exit code {code}.")
    return "\n".join(line.rstrip() for line in output.getvalue().splitlines())


def main() -> int:
    """Write or check the page."""
    own = ",".join(SUPPLIES)
    os.environ.update({"MMZOO_PLUGINS": own, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"})
    text = page()
    if sys.argv[1:] == ["--check"]:
        # Line breaks differ between versions of argparse and click, so only the words are compared.
        written = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
        if written.split() != text.split():
            print(f"{PAGE.name} is out of date; run: python docs/{PAGE.stem}.py", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
