"""The contract of a plugin as a package: light to import, without network, licensed and described."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from typing import Any

from mmzoo.registry import PluginRecord
from mmzoo.testing.common import Checks, require

BUDGET_MS = 200.0
HEAVY = ("torch", "numpy", "pydantic", "datasets", "accelerate", "transformers", "huggingface_hub")
PROBE = """
import importlib, json, socket, sys, time
import mmzoo.registry.register, mmzoo.registry.specs
tried = []
def refuse(*arguments, **_):
    tried.append(str(arguments))
    raise OSError("no network")
socket.getaddrinfo = socket.create_connection = refuse
class Refusing(socket.socket):
    connect = connect_ex = refuse
socket.socket = Refusing
start = time.perf_counter()
try:
    importlib.import_module(sys.argv[1])
except OSError:
    pass
took = (time.perf_counter() - start) * 1000
print(json.dumps({"ms": took, "heavy": [name for name in sys.argv[2:] if name in sys.modules], "tried": tried}))
"""


class PackageTrial:
    """An installed plugin; its module is imported in processes of their own."""

    def __init__(self, record: PluginRecord) -> None:
        self.record, self.label = record, f"plugin {record.distribution}"

    def checks(self) -> Checks:
        """All checks by name, in order."""
        return {
            "loads": self.check_loads,
            "light-import": self.check_import,
            "network": self.check_offline,
            "licence": self.check_licence,
            "readme": self.check_readme,
        }

    def _probe(self) -> dict[str, Any]:
        command = [sys.executable, "-c", PROBE, self.record.target.partition(":")[0], *HEAVY]
        here = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=here)
        require(done.returncode == 0, f"{self.label} cannot be imported by itself: {done.stderr.strip()[-200:]}")
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def check_loads(self) -> None:
        """It loads, and registers something."""
        record = self.record
        require(record.state == "loaded", f"{self.label} is {record.state}: {record.error}")
        require(bool(record.supplies), f"{self.label} registers nothing.")

    def check_import(self) -> None:
        """Its module imports no heavy package and takes no time; the best of three, as machines are busy."""
        probes = [self._probe() for _ in range(3)]
        heavy = probes[0]["heavy"]
        require(
            not heavy, f"{self.label} imports {', '.join(heavy)} when it is listed; name classes as 'package.module:X'."
        )
        fastest = min(probe["ms"] for probe in probes)
        require(
            fastest <= BUDGET_MS,
            f"{self.label} takes {fastest:.0f} ms to import, and {BUDGET_MS:.0f} are allowed; import inside functions.",
        )

    def check_offline(self) -> None:
        """Its module is imported without a network."""
        require(not self._probe()["tried"], f"{self.label} tries to reach the network when it is imported.")

    def check_licence(self) -> None:
        """The distribution names its licence."""
        found = metadata.metadata(self.record.distribution)
        classified = [c for c in found.get_all("Classifier") or () if c.startswith("License ::")]
        told = [found[key] for key in ("License-Expression", "License") if key in found] or classified
        require(
            bool(told), f'{self.label} names no licence; write license = "Apache-2.0" or another in pyproject.toml.'
        )

    def check_readme(self) -> None:
        """The distribution has a README that says something."""
        found = metadata.metadata(self.record.distribution)
        text = found["Description"] if "Description" in found else found.get_payload()  # type: ignore[attr-defined]
        require(
            len(str(text or "").strip()) >= 40,
            f"{self.label} has no README; write what it supplies and name it in pyproject.toml.",
        )
