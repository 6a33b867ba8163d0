"""How long the README's commands take, from a new plugin to a published plugin and model.

    python benchmarks/new_contributor.py            prints a table
    python benchmarks/new_contributor.py --write    also writes it to benchmarks/new_contributor.md

Runs the commands of the README's sections "Write a plugin" and "Publish your model" in a new virtual environment that
sees the packages of this one. The Hub is the tests' local server, so nothing leaves the machine, and login is skipped.
Ends with an error if a command fails, or if the server does not have the model that was trained.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import site
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

from mmzoo.system import cpu_name

ROOT = Path(__file__).resolve().parent.parent
PAGE = Path(__file__).with_suffix(".md")
SECTIONS = ("Write a plugin", "Publish your model")
NOT_HERE = ("hf auth login",)
SCRIPT = '#!/bin/sh\nexec "{python}" -m mmzoo "$@"\n'


def commands() -> list[str]:
    """The commands of the README's two sections, without comments."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = []
    for title in SECTIONS:
        section = re.search(rf"^## {title}\n(.*?)(?=^## )", readme, re.MULTILINE | re.DOTALL)
        if section is None:
            raise SystemExit(f"README.md has no section {title!r}.")
        lines += [line.partition("  #")[0].strip() for line in re.findall(r"^\$ (.*)$", section[1], re.MULTILINE)]
    return [command for command in lines if command not in NOT_HERE]


def environment(folder: Path, endpoint: str, token: str) -> dict[str, str]:
    """The variables of a virtual environment that sees this one's packages, for a new user with a token."""
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    (own,) = (folder / "venv").glob("lib/python*/site-packages")
    lines = [f"import site; site.addsitedir({path!r})" for path in site.getsitepackages()]
    (own / "others.pth").write_text("\n".join(lines) + "\n")
    (python.parent / "mmzoo").write_text(SCRIPT.format(python=python))
    (python.parent / "mmzoo").chmod(0o755)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "MMZOO_", "PIP_NO"))}
    places = {name: str(folder / name.lower()) for name in ("HF_HOME", "MMZOO_HOME", "MMZOO_CACHE")}
    hub = {"HF_ENDPOINT": endpoint, "HF_TOKEN": token, "HF_HUB_DISABLE_XET": "1"}
    return {**inherited, **places, **hub, "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}


def walk(folder: Path) -> list[tuple[str, float]]:
    """Run the commands one after another; returns each with its seconds."""
    sys.path.insert(0, str(ROOT / "tests" / "hub"))
    from hub_server import TOKEN, running

    timings, place = [], folder
    with running() as hub:
        env = environment(folder, hub.url, TOKEN)
        for command in commands():
            if command.startswith("cd "):
                place = place / command[3:]
                continue
            start = time.perf_counter()
            done = subprocess.run(command, shell=True, cwd=place, env=env, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"{command} failed:\n{done.stdout}\n{done.stderr}")
            timings.append((command, time.perf_counter() - start))
            print(f"{timings[-1][1]:7.1f} s  {command}", file=sys.stderr)
        pushed = (place / "runs/first/model/model.safetensors").read_bytes()
        (repo,) = hub.repos.values()
        if repo.files["model.safetensors"] != pushed:
            raise SystemExit("The weights on the Hub are not those that were trained.")
    return timings


def table() -> str:
    """The timings as a Markdown table."""
    with tempfile.TemporaryDirectory(prefix="new-contributor-") as folder:
        timings = walk(Path(folder))
    lines = ["| command | seconds |", "|---|---:|"]
    lines += [f"| `{command}` | {seconds:.1f} |" for command, seconds in timings]
    lines.append(f"| all of them | {sum(seconds for _, seconds in timings):.0f} |")
    return "\n".join(lines) + f"\n\nPython {platform.python_version()}, {os.cpu_count()} cores; {cpu_name()}.\n"


def main() -> None:
    """Measure and print; with --write, also write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"also write {PAGE.name}")
    options = parser.parse_args()
    text = table()
    print(text)
    if options.write:
        head = "# From an idea to a published plugin and model\n\n"
        PAGE.write_text(f"{head}Written by `python benchmarks/new_contributor.py --write`.\n\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()
