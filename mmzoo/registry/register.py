"""The `register` object that hook implementations receive: one method for each kind of thing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mmzoo.errors import PluginError
from mmzoo.registry.specs import ComponentSpec, ModelSpec, Weights


class Register:
    """Collects what one plugin supplies; the catalog takes it over only if the whole plugin loads."""

    def __init__(self, plugin: str, version: str = "") -> None:
        self.plugin = plugin
        self.version = version
        self.components: list[ComponentSpec] = []
        self.models: list[ModelSpec] = []

    def _component(
        self,
        kind: str,
        name: str,
        target: str,
        *,
        summary: str,
        modalities: Iterable[str] = (),
        requires: Iterable[str] = (),
        aliases: Iterable[str] = (),
        deprecated: str | None = None,
    ) -> None:
        if target.count(":") != 1 or not all(part for part in target.split(":")):
            raise PluginError(
                f"Plugin {self.plugin} registers {kind} {name!r} with target {target!r};"
                " a target is written 'package.module:Class'.",
                plugin=self.plugin,
            )
        self.components.append(
            ComponentSpec(
                kind,
                name,
                target,
                summary,
                self.plugin,
                self.version,
                tuple(modalities),
                tuple(requires),
                tuple(aliases),
                deprecated,
            )
        )

    def encoder(self, name: str, target: str, *, summary: str, **details: Any) -> None:
        """Register a ModalityEncoder."""
        self._component("encoder", name, target, summary=summary, **details)

    def quantizer(self, name: str, target: str, *, summary: str, **details: Any) -> None:
        """Register a Quantizer."""
        self._component("quantizer", name, target, summary=summary, **details)

    def backbone(self, name: str, target: str, *, summary: str, **details: Any) -> None:
        """Register a DiffusionBackbone."""
        self._component("backbone", name, target, summary=summary, **details)

    def head(self, name: str, target: str, *, summary: str, **details: Any) -> None:
        """Register a TaskHead."""
        self._component("head", name, target, summary=summary, **details)

    def sampler(self, name: str, target: str, *, summary: str, **details: Any) -> None:
        """Register a Sampler."""
        self._component("sampler", name, target, summary=summary, **details)

    def dataset(self, name: str, target: str, *, summary: str, **details: Any) -> None:
        """Register a dataset builder: a callable of keyword-only JSON arguments that returns a `datasets.DatasetDict`."""
        self._component("dataset", name, target, summary=summary, **details)

    def metric(self, name: str, target: str, *, summary: str, **details: Any) -> None:
        """Register an evaluation: a callable `(model, **settings) -> dict` named after the task it judges."""
        self._component("metric", name, target, summary=summary, **details)

    def command(self, name: str, target: str, *, summary: str, **details: Any) -> None:
        """Register a command-line verb: a typer-style function, imported when it is first run."""
        self._component("command", name, target, summary=summary, **details)

    def model(
        self,
        name: str,
        *,
        task: str,
        recipe: Mapping[str, Any],
        summary: str,
        modalities: Iterable[str] = (),
        weights: Iterable[Weights] = (),
        aliases: Iterable[str] = (),
        deprecated: str | None = None,
    ) -> None:
        """Register a model: a recipe that names components, and where its weights are."""
        self.models.append(
            ModelSpec(
                name,
                task,
                recipe,
                summary,
                self.plugin,
                self.version,
                tuple(modalities),
                tuple(weights),
                tuple(aliases),
                deprecated,
            )
        )


RegisterHook = Callable[[Register], None]
