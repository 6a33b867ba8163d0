"""Checks and collects what one plugin registers; the methods that plugins call are in `mmzoo.hookspecs`."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from mmzoo.errors import PluginError
from mmzoo.registry.names import NAME, NAME_RULE
from mmzoo.registry.specs import (
    EXEMPTIBLE,
    PINNED,
    ComponentSpec,
    DatasetSpec,
    HeadSpec,
    JudgeSpec,
    ModelSpec,
    TaskSpec,
    Weights,
)

TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


class Registrations:
    """What one plugin registered; the catalog uses it only if the plugin loads without errors."""

    def __init__(self, plugin: str, version: str = "") -> None:
        self.plugin = plugin
        self.version = version
        self.components: list[ComponentSpec] = []
        self.models: list[ModelSpec] = []
        self.tasks: list[TaskSpec] = []

    @property
    def specs(self) -> tuple[ModelSpec | ComponentSpec | TaskSpec, ...]:
        """Everything registered so far."""
        return (*self.models, *self.components, *self.tasks)

    def supplies(self) -> tuple[str, ...]:
        """Everything registered so far, as `kind/name`."""
        return tuple(f"{spec.kind}/{spec.name}" for spec in self.specs)

    def _component(
        self, kind: str, name: str, target: str, *, of: type[ComponentSpec] = ComponentSpec, **fields: Any
    ) -> None:
        """Register a spec of class `of` with these fields, which are checked first."""
        self._check_target(kind, name, target)
        for key in ("modalities", "requires", "aliases"):
            fields[key] = self._strings(kind, name, key, fields.get(key, ()))
        fields["trials"] = self._trials(kind, name, fields.get("trials", ({},)))
        fields["exempt"] = self._exempt(kind, name, fields.get("exempt", {}))
        spec = of(kind, name, target, plugin=self.plugin, version=self.version, **fields)
        self._check(spec)
        self.components.append(spec)

    def _error(self, what: str) -> PluginError:
        return PluginError(f"Plugin {self.plugin} registers {what}", plugin=self.plugin)

    def _check_target(self, kind: str, name: str, target: str) -> None:
        if not isinstance(target, str) or not TARGET.fullmatch(target):
            raise self._error(f"{kind} {name!r} with target {target!r}; it must be written 'package.module:Class'.")

    def _check(self, spec: ComponentSpec | ModelSpec | TaskSpec) -> None:
        kind = spec.kind
        taken = {name for other in self.specs if other.kind == kind for name in (other.name, *other.aliases)}
        for spelling in (spec.name, *spec.aliases):
            if not isinstance(spelling, str) or not NAME.fullmatch(spelling):
                raise self._error(f"{kind} {spelling!r}; a name must consist of {NAME_RULE}.")
            if spelling in taken:
                raise self._error(f"{kind} {spelling!r} twice; rename one of them.")
            taken.add(spelling)
        if not isinstance(spec.summary, str):
            raise self._error(f"{kind} {spec.name!r} with summary={spec.summary!r}; it must be a string.")

    def _strings(self, kind: str, name: str, key: str, values: Iterable[str]) -> tuple[str, ...]:
        # A string is an iterable of letters, so a forgotten list would go unnoticed.
        strings = () if isinstance(values, str) else tuple(values)
        if isinstance(values, str) or not all(isinstance(value, str) for value in strings):
            raise self._error(f"{kind} {name!r} with {key}={values!r}; it must be a list of strings.")
        return strings

    def _trials(self, kind: str, name: str, trials: Iterable[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
        configs = () if isinstance(trials, Mapping) else tuple(trials)
        try:
            json.dumps(configs, allow_nan=False)
            valid = bool(configs) and all(isinstance(config, Mapping) for config in configs)
        except (TypeError, ValueError):
            valid = False
        if not valid:
            raise self._error(f"{kind} {name!r} with trials={trials!r}; it must be a list of configs of JSON values.")
        return tuple(copy.deepcopy(dict(config)) for config in configs)

    def _exempt(self, kind: str, name: str, exempt: Mapping[str, str]) -> Mapping[str, str]:
        if not isinstance(exempt, Mapping) or not all(
            check in EXEMPTIBLE and isinstance(reason, str) and reason.strip() for check, reason in exempt.items()
        ):
            raise self._error(
                f"{kind} {name!r} with exempt={exempt!r}; it must map any of {', '.join(EXEMPTIBLE)} to a reason, the"
                " other checks are mandatory."
            )
        return dict(exempt)

    def _head(self, name: str, target: str, *, runner: str | None, **options: Any) -> None:
        if runner is not None:
            self._check_target("head", name, runner)
        self._component("head", name, target, of=HeadSpec, runner=runner, **options)

    def _format(self, name: str, target: str, *, detect: Mapping[str, Any], **options: Any) -> None:
        if not isinstance(detect, Mapping) or not detect or not all(isinstance(key, str) for key in detect):
            raise self._error(
                f"format {name!r} with detect={detect!r}; it must hold entries of a config.json such as"
                " {'model_type': 'encodec'}."
            )
        self._component("format", name, target, detect=dict(detect), **options)

    def _dataset(self, name: str, target: str, *, recognizes: str | None, **options: Any) -> None:
        if recognizes is not None:
            self._check_target("dataset", name, recognizes)
        self._component("dataset", name, target, of=DatasetSpec, recognizes=recognizes, **options)

    def _judge(self, name: str, target: str, *, tasks: Iterable[str], **options: Any) -> None:
        for key in ("license", "source", "independence"):
            if not isinstance(options[key], str) or not options[key].strip():
                raise self._error(f"judge {name!r} with {key}={options[key]!r}; it must be a nonempty string.")
        options["tasks"] = self._strings("judge", name, "tasks", tasks)
        self._component("judge", name, target, of=JudgeSpec, **options)

    def _task(self, spec: TaskSpec) -> None:
        for target in (spec.tables, spec.numbers):
            if target is not None:
                self._check_target("task", spec.name, target)
        for key in ("headlines", "sections"):
            value = getattr(spec, key)
            texts = (*value.keys(), *value.values()) if isinstance(value, Mapping) else (value,)
            if not all(isinstance(text, str) for text in texts):
                raise self._error(f"task {spec.name!r} with {key}={value!r}; it must map strings to strings.")
        self._check(spec)
        self.tasks.append(spec)

    def _model(self, spec: ModelSpec) -> None:
        name = spec.name
        try:
            json.dumps(spec.recipe, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise self._error(f"model {name!r} with a recipe that is not JSON: {error}.") from error
        spec = replace(spec, recipe=copy.deepcopy(dict(spec.recipe)))
        self._check(spec)
        tags = [item.tag for item in spec.weights]
        if len(set(tags)) < len(tags) or not all(NAME.fullmatch(tag) for tag in tags):
            raise self._error(
                f"model {name!r} with the weights tags {tags}; they must be distinct and consist of {NAME_RULE}."
            )
        for item in spec.weights:
            self._check_pins(name, item)
        self.models.append(spec)

    def _check_pins(self, name: str, weights: Weights) -> None:
        """Require pins for weights on the Hub, where the content behind a name can change."""
        missing = PINNED - weights.pins.keys()
        hub = weights.source.startswith("hf-hub:")
        if hub and (missing or not re.fullmatch(r"[^@]+@[0-9a-f]{40}", weights.source)):
            what = f"sha256 of {' and '.join(sorted(missing))}" if missing else "commit of 40 hexadecimal digits"
            raise self._error(
                f"weights {weights.tag!r} of model {name!r} on the Hub without a {what}; copy the registration that"
                " `mmzoo push` prints."
            )
        for file, digest in weights.pins.items():
            if not isinstance(digest, str) or not re.fullmatch(r"[0-9a-fA-F]{64}", digest):
                raise self._error(
                    f"model {name!r} with the pin {str(digest)[:80]!r} of {file}; the 64 hexadecimal digits"
                    " of its sha256 were expected."
                )
