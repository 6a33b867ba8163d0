"""What `mmzoo doctor` says of the hardware; the measurement itself is in tests/training/test_training_compute.py."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from mmzoo.cli import doctor
from mmzoo.cli.main import main
from mmzoo.hardware import PRECISIONS, instruction_sets, used_instructions

MEASURED = {
    "cpu": "a processor", "instructions": "AVX-512, AMX", "cores": 8, "threads": 4, "gpu": None,
    "instruction_sets": ["AVX2", "AVX-512", "AMX"], "gflops": {"fp32": 100.4, "bf16": 1400.0, "fp16": 3.6},
    "precision": "bf16",
}  # fmt: skip
Child = Callable[..., None]


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Child:
    """`child(stdout, stderr, code)`: what the process that measures does, or the exception of starting it."""

    def does(stdout: str | Exception, stderr: str = "", code: int = 0) -> None:
        def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
            if isinstance(stdout, Exception):
                raise stdout
            return subprocess.CompletedProcess(command, code, stdout, stderr)

        monkeypatch.setattr(doctor.subprocess, "run", run)
        doctor.hardware.cache_clear()

    return does


@pytest.fixture(autouse=True)
def _not_kept() -> Any:
    yield
    doctor.hardware.cache_clear()


@pytest.mark.parametrize("gpu", [None, "a GPU"])
def test_the_hardware_is_printed(child: Child, capsys: pytest.CaptureFixture[str], gpu: str | None) -> None:
    measured = MEASURED | {"gpu": gpu, "gpu_gflops": {"fp32": 20_000.0, "bf16": 200_000.0, "fp16": 200_000.0}}
    child(json.dumps(measured))
    main(["doctor"])
    shown = capsys.readouterr().out
    assert "a processor, 8 cores; AVX2, AVX-512, AMX; torch uses AVX-512, AMX" in shown
    assert "4 threads" in shown and "auto` means bf16" in shown
    assert "fp32 100 GFLOP/s, bf16 1,400 GFLOP/s, fp16 4 GFLOP/s" in shown
    assert ("a GPU: fp32 20,000 GFLOP/s" if gpu else "no GPU") in shown
    main(["doctor", "--json"])
    assert json.loads(capsys.readouterr().out)["hardware"] == measured


@pytest.mark.parametrize(
    ("done", "says"),
    [
        (("", "Traceback\nImportError: no torch", 1), "no torch"),
        (("", "", -4), "-4"),
        (("not JSON",), "Expecting value"),
        ((subprocess.TimeoutExpired("python", 60),), "60"),
        ((OSError("no processes"),), "no processes"),
    ],
)
def test_a_measurement_that_fails_is_a_note(
    child: Child, capsys: pytest.CaptureFixture[str], done: tuple[Any, ...], says: str
) -> None:
    child(*done)
    main(["doctor", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert says in report["hardware"]["error"] and any(says in note for note in report["notes"])
    assert not any(says in problem for problem in report["problems"])
    main(["doctor"])
    assert "not measured" in capsys.readouterr().out


def test_this_machine_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "MEASURING_S", 600)  # on a machine that is busy with other things
    found = doctor.hardware()
    assert "error" not in found and found["instructions"] == used_instructions()
    assert found["instruction_sets"] == instruction_sets() and set(found["gflops"]) == set(PRECISIONS)
    assert all(speed > 0 for speed in found["gflops"].values()) and found["precision"] in ("bf16", "fp32")
