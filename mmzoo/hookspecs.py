"""What a plugin may implement. This page is the whole plugin interface."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from mmzoo.registry.register import Register

PROJECT = "mmzoo"
PLUGIN_API_VERSION = 1
"""A plugin module may set `mmzoo_api_version`; a newer one than this is refused with a sentence."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def mmzoo_register(register: Register) -> None:
    """Register components and models by calling methods of `register`; import nothing heavy."""
