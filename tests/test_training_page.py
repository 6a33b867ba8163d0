"""Every command of docs/training.md works: two processes on the CPU stand for GPUs, and a script stands for srun."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^(?:\w*)\$ (.*)$", PAGE, re.MULTILINE)
SCRIPT = re.search(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
EXAMPLE = ROOT / "examples" / "mmzoo-acme"
RECIPE = """
name: page
model: {name: acme-pictures}
data: {name: acme-halves}
steps: 4
batch_size: 16
device: cpu
num_threads: 1
"""
SRUN = """#!/bin/bash
# Starts the command in two tasks, as srun does, with the variables that it sets.
while [[ $1 == -* ]]; do shift; done
export SLURM_JOB_ID=$$ SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=2 SLURM_STEP_NODELIST='localhost'
SLURM_PROCID=1 SLURM_LOCALID=1 "$@" & other=$!
SLURM_PROCID=0 SLURM_LOCALID=0 "$@"; first=$?
wait $other && exit $first
"""
TIMEOUT = 1500


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, install: Callable[[Path, Path], None]) -> Path:
    """A folder with a recipe, the job script, the commands on its path and the model's plugin."""
    assert SCRIPT is not None
    folder = tmp_path_factory.mktemp("page")
    install(EXAMPLE, folder / "site")
    (folder / "recipe.yaml").write_text(RECIPE)
    (folder / "train.sh").write_text(adapted(SCRIPT[1], folder))
    programs = {
        "mmzoo": f'#!/bin/bash\nexec {sys.executable} -m mmzoo "$@"\n',
        "torchrun": f'#!/bin/bash\nexec {sys.executable} -m torch.distributed.run "$@"\n',
        "accelerate": f'#!/bin/bash\nexec {sys.executable} -m accelerate.commands.accelerate_cli "$@"\n',
        "srun": SRUN,
        "sbatch": '#!/bin/bash\nexec bash "$@"\n',
    }
    (folder / "bin").mkdir()
    for name, text in programs.items():
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    return folder


def adapted(command: str, folder: Path) -> str:
    """The command for two processes on this machine."""
    two = re.sub(r"(--nproc|--num_processes) 8", r"\1 2", command).replace("--nproc-per-node 8", "--nproc-per-node 2")
    if "--nnodes 2" in command:
        two = two.replace("--nproc-per-node 2", "--nproc-per-node 1")
        two = two.replace("--master-addr first", "--master-addr 127.0.0.1")
    return two.replace("/shared/run", str(folder / "run"))


def start(command: str, bench: Path, out: Path) -> subprocess.Popen[str]:
    """Start a command of the page, in a folder of its own where it names none."""
    line = adapted(command, bench)
    if not re.search(" --out |sbatch| plan ", line):
        line += f" --out {out}"
    search = [str(bench / "site"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {
        "PATH": f"{bench / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(filter(None, search)),
        "MMZOO_PLUGINS": "mmzoo-acme",
        "MMZOO_CACHE": str(bench / "cache"),
        "GLOO_SOCKET_IFNAME": "lo",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        shlex.split(line), cwd=bench, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(*processes: subprocess.Popen[str]) -> str:
    """Their standard output, once all have ended well."""
    outputs = [process.communicate(timeout=TIMEOUT) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), outputs
    return "".join(output for output, _ in outputs)


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(command, id=command.replace(" recipe.yaml", ""))
        for command in COMMANDS
        if "--nnodes" not in command
    ],
)
def test_a_command_trains(command: str, bench: Path, tmp_path: Path) -> None:
    out = bench / "run" if "sbatch" in command else tmp_path
    printed = finish(start(command, bench, tmp_path))
    if " plan " in command:
        assert "memory of a process\t" in printed
        return
    if "--dry-run" in command:
        assert printed == "" and not any(out.iterdir())
        return
    assert printed.split() == [str(out / "model")]  # one process speaks
    record = json.loads((out / "model" / "training.json").read_text())
    assert record["steps"] == 4
    assert record["processes"] == (1 if command == "mmzoo train recipe.yaml" else 2)


@pytest.mark.slow
def test_two_machines_train(bench: Path, tmp_path: Path) -> None:
    first, second = (command.replace("/shared/run", str(tmp_path)) for command in COMMANDS if "--nnodes" in command)
    assert second == first.replace("--node-rank 0", "--node-rank 1")
    finish(start(first, bench, tmp_path), start(second, bench, tmp_path))
    assert json.loads((tmp_path / "model" / "training.json").read_text())["processes"] == 2
