"""Two machines: network namespaces with an address each, connected by a cable. One is killed, and the run resumed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mmzoo.training.checkpoint import list_checkpoints

ROOT = Path(__file__).parents[2]
TIMEOUT = 900


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def machines() -> Iterator[list[tuple[str, str, str]]]:
    """(namespace, network interface, address) of two machines."""
    tag = f"{os.getpid() % 100000}"
    found = [(f"mmzoo-{tag}-{i}", f"mz{tag}{i}", f"10.77.0.{i + 1}") for i in range(2)]
    if shutil.which("ip") is None or os.geteuid() != 0:
        pytest.skip("needs `ip` and root to make network namespaces")
    try:
        try:
            for space, _, _ in found:
                ip("netns", "add", space)
            (space, device, _), (other, peer, _) = found
            ip("link", "add", device, "netns", space, "type", "veth", "peer", "name", peer, "netns", other)
            for space, device, address in found:
                ip("-n", space, "addr", "add", f"{address}/24", "dev", device)
                ip("-n", space, "link", "set", device, "up")
                ip("-n", space, "link", "set", "lo", "up")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"this system does not permit network namespaces: {error.stderr.decode().strip()}")
        yield found
    finally:
        for space, _, _ in found:
            subprocess.run(["ip", "netns", "del", space], capture_output=True)


@pytest.mark.slow
def test_a_run_on_two_machines_survives_the_loss_of_one(
    machines: list[tuple[str, str, str]], install: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    install(ROOT / "examples" / "mmzoo-acme", tmp_path / "site")
    recipe, out = tmp_path / "site" / "mmzoo_acme" / "recipes" / "acme-pictures.yaml", tmp_path / "run"
    search = [str(tmp_path / "site"), str(ROOT), os.environ.get("PYTHONPATH", "")]

    def start(rank: int, *more: str) -> subprocess.Popen[bytes]:
        space, device, _ = machines[rank]
        launcher = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--node-rank", str(rank)]
        launcher += ["--nproc-per-node", "1", "--master-addr", machines[0][2], "--master-port", "29500", "-m", "mmzoo"]
        settings = ["device=cpu", "num_threads=1", "log_every=5", "checkpoint_every=5", *more]
        return subprocess.Popen(
            ["ip", "netns", "exec", space, *launcher, "train", str(recipe), *settings, "--out", str(out)],
            env=os.environ
            | {
                "PYTHONPATH": os.pathsep.join(filter(None, search)),
                "MMZOO_PLUGINS": "mmzoo-acme",
                "MMZOO_CACHE": str(tmp_path / "cache"),
                "GLOO_SOCKET_IFNAME": device,
                "OMP_NUM_THREADS": "1",
            },
            stderr=(tmp_path / f"{rank}.log").open("ab"),
            stdout=subprocess.DEVNULL,
        )

    def members(rank: int) -> list[int]:
        """The processes of a machine."""
        listed = subprocess.run(["ip", "netns", "pids", machines[rank][0]], capture_output=True, text=True, check=True)
        return [int(number) for number in listed.stdout.split()]

    both = [start(rank, "steps=1000000") for rank in range(2)]
    try:
        deadline = time.monotonic() + TIMEOUT
        while not list_checkpoints(out / "checkpoints"):
            assert time.monotonic() < deadline and all(process.poll() is None for process in both)
            time.sleep(0.2)
        for process in members(1):
            os.kill(process, signal.SIGKILL)
        assert both[1].wait(60) == -signal.SIGKILL
        assert both[0].wait(TIMEOUT) not in (0, None)
    finally:
        for rank in range(2):
            for process in members(rank):
                os.kill(process, signal.SIGKILL)
    step = int(list_checkpoints(out / "checkpoints")[-1].name.removeprefix("step-"))
    again = [start(rank, f"steps={step + 5}") for rank in range(2)]
    assert [process.wait(TIMEOUT) for process in again] == [0, 0], (tmp_path / "0.log").read_text()[-3000:]
    record = json.loads((out / "model" / "training.json").read_text())
    assert (record["steps"], record["sessions"], record["processes"]) == (step + 5, 2, 2)
