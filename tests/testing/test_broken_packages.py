"""Plugins that are broken as packages: each is caught by the check that is there for it."""

from __future__ import annotations

from typing import Any

import pytest

from mmzoo.errors import MmzooError, UnknownNameError
from mmzoo.testing.common import ConformanceError
from mmzoo.testing.kit import cases

HEADER = "from mmzoo import hookimpl\n"
REGISTER = "@hookimpl\ndef mmzoo_register(register):\n"
COMMAND = "    register.command('loose-c', 'loose.parts:c', summary='counts')\n"
METADATA = "Metadata-Version: 2.4\nName: loose\nVersion: 1.0\n"
SOUND = METADATA + "License-Expression: MIT\n\nA plugin that counts, and says so at some length here.\n"
PARTS = "def c(): pass\n"


def failures(site: Any, code: str = REGISTER + COMMAND, parts: str = PARTS, metadata: str = SOUND) -> dict[str, str]:
    """What the kit finds wrong with the plugin `loose`."""
    site.install("loose", code, files={"parts.py": parts, "home.py": CALL_HOME})
    (site.folder / "loose-1.0.dist-info" / "METADATA").write_text(metadata)
    found = {}
    for case in cases("loose"):
        try:
            case.run()
        except MmzooError as error:
            found[case.title] = str(error)
    return found


def test_a_sound_package_passes(site: Any) -> None:
    assert failures(site) == {}


CALL_HOME = "import socket\ntry: socket.create_connection(('192.0.2.1', 9))\nexcept OSError: pass\n"
HEAVY, SLOW = "import numpy\n", "import time\ntime.sleep(0.4)\n"
UNLICENSED = METADATA + "\nA plugin that counts, and says so at some length.\n"
UNTOLD = METADATA + "License-Expression: MIT\n\nShort.\n"
IN_HOOK = REGISTER + "    {}\n" + COMMAND
CALL_IN_HOOK = IN_HOOK.format("import loose.home")
BROKEN: dict[str, tuple[dict[str, str], str, str]] = {
    "does not load": ({"code": "raise ValueError('no')\n"}, "plugin loads", "is broken"),
    "registers nothing": ({"code": REGISTER + "    pass\n"}, "plugin loads", "registers nothing"),
    "imports a heavy package": ({"code": HEAVY + REGISTER + COMMAND}, "plugin light-import", "imports numpy"),
    "imports a heavy package in its hook": (
        {"code": IN_HOOK.format("import numpy")},
        "plugin light-import",
        "imports numpy",
    ),
    "takes its time": ({"code": SLOW + REGISTER + COMMAND}, "plugin light-import", "ms"),
    "takes its time in its hook": (
        {"code": IN_HOOK.format("import time; time.sleep(0.4)")},
        "plugin light-import",
        "ms",
    ),
    "calls home in its hook": ({"code": CALL_IN_HOOK}, "plugin network", "192.0.2.1"),
    "calls home": ({"code": CALL_HOME + REGISTER + COMMAND}, "plugin network", "192.0.2.1"),
    "has no licence": ({"metadata": UNLICENSED}, "plugin licence", "license"),
    "has no README": ({"metadata": UNTOLD}, "plugin readme", "README"),
    "names what is not there": ({"parts": ""}, "command/loose-c registration", "has no attribute"),
}
WAKE = {"names what is not there": {"command/loose-c signature"}}
"""What fails beside the check that is there for it, and cannot but fail."""


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_package_is_caught(how: str, site: Any) -> None:
    arguments, check, told = BROKEN[how]
    found = failures(site, **arguments)
    assert check in found and told in found[check], found
    assert set(found) - {check} == WAKE.get(how, set()), found


def test_a_plugin_that_is_not_installed_gets_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="'mmzoo-tts'"):
        cases("mmzoo-ttz")


def test_every_check_of_a_package_has_a_break(site: Any) -> None:
    site.install("loose", REGISTER + COMMAND, files={"parts.py": PARTS})
    known = {case.check for case in cases("loose") if case.target == "plugin"}
    assert known == {check.removeprefix("plugin ") for _, check, _ in BROKEN.values() if check.startswith("plugin")}


def test_every_entry_point_of_a_distribution_is_checked(site: Any) -> None:
    heavy = HEADER + "import numpy\n" + REGISTER + "    register.command('other', 'loose.parts:c', summary='counts')\n"
    points = {"loose": "loose.plugin", "more": "loose.more"}
    site.install("loose", REGISTER + COMMAND, points=points, files={"parts.py": PARTS, "more.py": heavy})
    found = [case for case in cases("loose") if case.check == "light-import"]
    assert [case.title for case in found] == ["plugin light-import", "plugin[1] light-import"]
    found[0].run()
    with pytest.raises(ConformanceError, match=r"'more'.*loose.*numpy"):
        found[1].run()
    assert {case.target for case in cases("more")} == {"plugin", "command/loose-c", "command/other"}
