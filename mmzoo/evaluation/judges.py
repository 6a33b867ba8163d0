"""Judges by name: what reads or hears a model's output and had no part in its training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmzoo.errors import MmzooError, PluginError
from mmzoo.registry import catalog, load_target
from mmzoo.registry.specs import ComponentSpec
from mmzoo.registry.targets import check_requirements
from mmzoo.schema import first_line


def load_judge(name: str) -> Any:
    """Create a registered judge.

    Raises:
        UnknownNameError: No judge has this name.
        MissingDependencyError: A package that it requires is not installed.
        PluginError: It cannot be created.
    """
    spec = catalog().component("judge", name)
    check_requirements(spec)
    judge: Any = load_target(spec)
    with plugin_errors(f"The judge {name!r}", spec, "cannot be created", "report it to the plugin's author"):
        return judge()


@contextmanager
def plugin_errors(what: str, spec: ComponentSpec, failed: str, advice: str) -> Iterator[None]:
    """Turn an error of a plugin's code inside the block into a PluginError; mmzoo's own errors pass unchanged.

    Args:
        what: What of the plugin is run.
        spec: Its registration.
        failed: What went wrong with it.
        advice: What to do.
    """
    try:
        yield
    except MmzooError:
        raise
    except Exception as error:
        raise PluginError(
            f"{what} of the plugin {spec.plugin} {failed} ({first_line(error)}); {advice}.", plugin=spec.plugin
        ) from error
