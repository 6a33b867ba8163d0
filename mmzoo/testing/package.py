"""The contract of a plugin package: light and offline to import, with a license and a README."""

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
from mmzoo.registry.plugins import Candidate, PluginRecord, load
from mmzoo.testing.offline import offline
name, distribution, target, *heavy = sys.argv[1:]
candidate = Candidate(PluginRecord(name, distribution, "", target), EntryPoint(name, target, "mmzoo").load)
with offline() as tried:
    record, _ = load(candidate)
imported = [module for module in heavy if module in sys.modules]
print(json.dumps({"ms": record.ms, "error": record.error, "heavy": imported, "tried": tried}))
"""
"""Loads the plugin as the catalog does, in a fresh process with nothing else imported."""


class PackageTrial:
    """An installed plugin, loaded in separate processes."""

    def __init__(self, record: PluginRecord) -> None:
        self.record, self.label = record, f"plugin {record.title}"

    def checks(self) -> Checks:
        """All checks by name, in order."""
        return {
            "loads": self.check_loads,
            "light-import": self.check_import,
            "network": self.check_offline,
            "licence": self.check_license,  # records spell it this way
            "readme": self.check_readme,
        }

    def _probe(self) -> dict[str, Any]:
        record = self.record
        command = [sys.executable, "-c", PROBE, record.name, record.distribution, record.target, *HEAVY]
        here = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=here)
        require(done.returncode == 0, f"{self.label} cannot be loaded in a fresh process: {done.stderr.strip()[-200:]}")
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return result

    @cached_property
    def probed(self) -> dict[str, Any]:
        """The result of one fresh process."""
        return self._probe()

    def check_loads(self) -> None:
        """It loads and registers something."""
        record = self.record
        require(record.state == "loaded", f"{self.label} is {record.state}: {record.error}")
        require(bool(record.supplies), f"{self.label} registers nothing.")

    def check_import(self) -> None:
        """Loading imports no heavy package and stays within the time budget; best of three, since machines are busy."""
        heavy = self.probed["heavy"]
        require(
            not heavy, f"{self.label} imports {', '.join(heavy)} when it is listed; name classes as 'package.module:X'."
        )
        fastest = min(probe["ms"] for probe in (self.probed, self._probe(), self._probe()))
        require(
            fastest <= BUDGET_MS,
            f"{self.label} takes {fastest:.0f} ms to load; {BUDGET_MS:.0f} ms are allowed. Import inside functions.",
        )

    def check_offline(self) -> None:
        """It loads without a network."""
        refuse_reaching(self.label, self.probed["tried"], "it is loaded")

    def check_license(self) -> None:
        """The distribution declares a license."""
        fields = metadata.metadata(self.record.distribution)
        classifiers = [c for c in fields.get_all("Classifier") or () if c.startswith("License ::")]
        licenses = [fields[key] for key in ("License-Expression", "License") if key in fields] or classifiers
        require(
            bool(licenses),
            f'{self.label} declares no license; add license = "Apache-2.0" or another to pyproject.toml.',
        )

    def check_readme(self) -> None:
        """The distribution has a README that is not empty."""
        fields = metadata.metadata(self.record.distribution)
        text = fields["Description"] if "Description" in fields else fields.get_payload()  # type: ignore[attr-defined]
        require(
            len(str(text or "").strip()) >= 40,
            f"{self.label} has no README; describe what it registers and set readme in pyproject.toml.",
        )
