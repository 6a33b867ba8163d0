"""The contract of a plugin as a package: light to import, without network, licensed and described."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cached_property
from importlib import metadata
from typing import Any

from mmzoo.registry import PluginRecord
from mmzoo.testing.common import Checks, require
from mmzoo.testing.registration import refuse_reaching

BUDGET_MS = 200.0
HEAVY = ("torch", "numpy", "pydantic", "datasets", "accelerate", "transformers", "huggingface_hub")
PROBE = """
import json, sys
from importlib.metadata import EntryPoint
from mmzoo.registry.plugins import Candidate, Loader, PluginRecord
from mmzoo.testing.offline import offline
name, distribution, target, *heavy = sys.argv[1:]
candidate = Candidate(PluginRecord(name, distribution, "", target), EntryPoint(name, target, "mmzoo").load)
loader = Loader()
with offline() as tried:
    record, _ = loader.load(candidate)
found = [module for module in heavy if module in sys.modules]
print(json.dumps({"ms": record.ms, "error": record.error, "heavy": found, "tried": tried}))
"""
"""Imports the plugin and calls its hook, as the catalog does; in a process where nothing else was imported."""


class PackageTrial:
    """An installed plugin; it is loaded in processes of their own."""

    def __init__(self, record: PluginRecord) -> None:
        self.record, self.label = record, f"plugin {record.title}"

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
        record = self.record
        command = [sys.executable, "-c", PROBE, record.name, record.distribution, record.target, *HEAVY]
        here = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=here)
        require(done.returncode == 0, f"{self.label} cannot be loaded by itself: {done.stderr.strip()[-200:]}")
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    @cached_property
    def probed(self) -> dict[str, Any]:
        """What one process found."""
        return self._probe()

    def check_loads(self) -> None:
        """It loads, and registers something."""
        record = self.record
        require(record.state == "loaded", f"{self.label} is {record.state}: {record.error}")
        require(bool(record.supplies), f"{self.label} registers nothing.")

    def check_import(self) -> None:
        """Loading it imports no heavy package and takes no time; the best of three, as machines are busy."""
        heavy = self.probed["heavy"]
        require(
            not heavy, f"{self.label} imports {', '.join(heavy)} when it is listed; name classes as 'package.module:X'."
        )
        fastest = min(probe["ms"] for probe in (self.probed, self._probe(), self._probe()))
        require(
            fastest <= BUDGET_MS,
            f"{self.label} takes {fastest:.0f} ms to load, and {BUDGET_MS:.0f} are allowed; import inside functions.",
        )

    def check_offline(self) -> None:
        """It is imported and registers without a network."""
        refuse_reaching(self.label, self.probed["tried"], "it is loaded")

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
