"""The catalog: everything that plugins registered, by name."""

from __future__ import annotations

import hashlib
import json
import threading
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import mmzoo
from mmzoo.errors import (
    AmbiguousNameError,
    BrokenPluginError,
    MissingPluginError,
    MmzooError,
    PluginError,
    UnknownNameError,
    UsageError,
)
from mmzoo.registry import firstparty
from mmzoo.registry.names import did_you_mean, natural, normalized, split_qualifier, split_tag, suggestions
from mmzoo.registry.plugins import CHOICE, Candidate, PluginRecord, discover, load_all, unmatched_choices
from mmzoo.registry.register import Registrations
from mmzoo.registry.specs import KINDS, PART_KINDS, ComponentSpec, ModelSpec, TaskSpec

Spec = TypeVar("Spec", ModelSpec, ComponentSpec)


class Catalog:
    """The plugins of this process and what they supply. A plugin that fails becomes a record, never an exception."""

    def __init__(self, candidates: Iterable[Candidate] | None = None) -> None:
        """Load these plugins, by default the installed ones."""
        self._records: list[PluginRecord] = []
        self._models: list[ModelSpec] = []
        self._components: list[ComponentSpec] = []
        self._tasks: list[TaskSpec] = []
        self._warned: set[str] = set()
        for record, register in load_all(discover() if candidates is None else candidates):
            self._records.append(self._take(record, register))
        # MMZOO_PLUGINS chooses among the installed plugins only.
        self.unmatched = unmatched_choices(self._records) if candidates is None else []

    def _take(self, record: PluginRecord, register: Registrations | None) -> PluginRecord:
        if register is None:
            return record
        duplicates = set(register.supplies()) & {
            supplied
            for other in self._records
            if other.state == "loaded" and normalized(other.distribution) == normalized(record.distribution)
            for supplied in other.supplies
        }
        if duplicates:
            names = ", ".join(sorted(duplicates))
            error = f"{names} is already registered by another entry point of {record.distribution}."
            return replace(record, state="broken", error=error)
        self._models += register.models
        self._components += register.components
        self._tasks += register.tasks
        return record

    # --- listings ---

    def plugins(self) -> tuple[PluginRecord, ...]:
        """The record of every installed plugin, in loading order."""
        return tuple(self._records)

    def models(self) -> tuple[ModelSpec, ...]:
        """All registered models, in natural order."""
        return tuple(sorted(self._models, key=lambda spec: natural(spec.name)))

    def components(self, kind: str | None = None) -> tuple[ComponentSpec, ...]:
        """The registered components of one kind, or all, sorted by kind and then in natural order."""
        if kind is not None:
            check_kind(kind)
        specs = [spec for spec in self._components if kind in (None, spec.kind)]
        return tuple(sorted(specs, key=lambda spec: (KINDS.index(spec.kind), natural(spec.name))))

    def specs(self) -> list[ModelSpec | ComponentSpec]:
        """All registered models, then all components, each in the order of its listing."""
        return [*self.models(), *self.components()]

    def written(self, spec: ModelSpec | ComponentSpec) -> str:
        """The unambiguous name of a spec: bare, or `distribution:name` if two plugins share it."""
        pool: Sequence[ModelSpec | ComponentSpec] = self._models if isinstance(spec, ModelSpec) else self._components
        sharing = sum(other.name == spec.name and other.kind == spec.kind for other in pool)
        return spec.name if sharing == 1 else f"{spec.plugin}:{spec.name}"

    def digest(self) -> str:
        """sha256 of the versions of mmzoo and its plugins and of what they register; ranks compare it."""
        content = {
            "mmzoo": mmzoo.__version__,
            "plugins": [(record.distribution, record.version, record.target, record.state) for record in self._records],
            "models": [(spec.plugin, spec.name, spec.recipe) for spec in self.models()],
            "components": [(spec.plugin, spec.kind, spec.name, spec.target) for spec in self.components()],
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    # --- lookups ---

    def model(self, name: str) -> ModelSpec:
        """The model with this name, alias or `distribution:name`, with or without `.tag`.

        Raises UnknownNameError, AmbiguousNameError, MissingPluginError or BrokenPluginError.
        """
        base, tag = split_tag(name)
        spec = self._find("model", base, self._models)
        if tag is not None and tag not in (tags := [weights.tag for weights in spec.weights]):
            close = suggestions(tag, tags)
            hint = did_you_mean(close) or f"its tags are: {', '.join(tags) or 'none'}."
            raise UnknownNameError(
                f"The model {base!r} has no weights tagged {tag!r}; {hint}", name=name, suggestions=close
            )
        return spec

    def component(self, kind: str, name: str) -> ComponentSpec:
        """The component of this kind with this name, alias or `distribution:name`.

        Raises what `model` raises, and UsageError for an unknown kind.
        """
        check_kind(kind)
        return self._find(kind, name, [spec for spec in self._components if spec.kind == kind])

    def tasks(self) -> tuple[TaskSpec, ...]:
        """All registered tasks, in natural order."""
        return tuple(sorted(self._tasks, key=lambda spec: natural(spec.name)))

    def task(self, name: str, plugin: str | None = None) -> TaskSpec | None:
        """The task with this name; None if no plugin registers it, which is allowed.

        If several plugins register it, that of `plugin` is preferred, then mmzoo's own, then the first.
        """
        sharing = [spec for spec in self._tasks if name in (spec.name, *spec.aliases)]
        rank = {plugin: 0, firstparty.SUPPLIER.get(f"task/{name}"): 1}
        return min(sharing, key=lambda spec: rank.get(spec.plugin, 2), default=None)

    def settled(self, recipe: Mapping[str, Any]) -> dict[str, Any]:
        """A registered or stored recipe in which bare names that several plugins share are qualified as mmzoo's own.

        Such recipes always qualify the names of other plugins. Names that users type remain ambiguous.
        """
        return {slot: self._settled(value) for slot, value in recipe.items()}

    def _settled(self, value: Any) -> Any:
        name = value.get("name") if isinstance(value, Mapping) else value
        if not isinstance(name, str) or ":" in name:
            return value
        for kind in (*PART_KINDS, "head"):
            sharing = [spec for spec in self._components if spec.kind == kind and name in (spec.name, *spec.aliases)]
            owner = firstparty.SUPPLIER.get(f"{kind}/{name}")
            if len(sharing) > 1 and any(spec.plugin == owner for spec in sharing):
                written = f"{owner}:{name}"
                return {**value, "name": written} if isinstance(value, Mapping) else written
        return value

    def _find(self, kind: str, name: str, pool: Sequence[Spec]) -> Spec:
        distribution, bare = split_qualifier(name)
        if distribution is not None:
            pool = [spec for spec in pool if normalized(spec.plugin) == normalized(distribution)]
        # Names take precedence over aliases, so an alias never makes another plugin's name ambiguous.
        found = [spec for spec in pool if spec.name == bare] or [spec for spec in pool if bare in spec.aliases]
        if not found:
            raise self._not_found(kind, name, distribution, bare, pool)
        if len(found) > 1:
            candidates = sorted(f"{spec.plugin}:{spec.name}" for spec in found)
            raise AmbiguousNameError(
                f"The {kind} {name!r} is supplied by {len(found)} plugins; write {' or '.join(candidates)}.",
                name=name,
                candidates=candidates,
            )
        spec = found[0]
        key = f"{kind}/{spec.plugin}:{spec.name}"
        if spec.deprecated and key not in self._warned:
            self._warned.add(key)
            warnings.warn(f"The {kind} {spec.name!r} is deprecated: {spec.deprecated}", FutureWarning, stacklevel=3)
        return spec

    # --- unknown names ---

    def _not_found(
        self, kind: str, name: str, distribution: str | None, bare: str, pool: Sequence[ModelSpec | ComponentSpec]
    ) -> MmzooError:
        what = f"The {kind} {name[:80]!r}"
        supplier = self._supplier(kind, bare) if distribution is None else distribution
        if supplier is not None:
            records = [record for record in self._records if normalized(record.distribution) == normalized(supplier)]
            for record in records:
                if record.state != "loaded":
                    return _unusable(what, record)
            if not records and supplier in firstparty.SUPPLIES:
                how = firstparty.how_to_install(supplier)
                what += f" comes with the plugin {supplier}, which is not installed; {how}"
                return MissingPluginError(what, plugin=supplier)
            if not records:
                what += f" names the plugin {supplier[:80]!r}, which is not installed; see `mmzoo plugins`."
                return MissingPluginError(what, plugin=supplier)
        close = suggestions(bare, [spelling for spec in pool for spelling in (spec.name, *spec.aliases)])
        named = [spec.kind for spec in self.specs() if spec.name == bare and spec.kind != kind]
        if named:
            advice = f"there is a {named[0]} with that name."
        elif close:
            advice = did_you_mean(close)
        else:
            advice = f"`{'mmzoo list' if kind == 'model' else 'mmzoo list --components'}` lists the names."
            titles = ", ".join(record.title for record in self._records if record.failed)
            if titles and distribution is None:
                advice += f" (The plugin {titles} failed to load and may supply it; see `mmzoo doctor`.)"
        return UnknownNameError(f"There is no {kind} {name[:80]!r}; {advice}", name=name, suggestions=close)

    def _supplier(self, kind: str, name: str) -> str | None:
        """The distribution that should supply a name without a qualifier: a plugin that failed, or mmzoo's own."""
        key = f"{kind}/{name}"
        broken = (record for record in self._records if record.state == "broken" and key in record.supplies)
        return next((record.distribution for record in broken), firstparty.SUPPLIER.get(key))


def _unusable(what: str, record: PluginRecord) -> PluginError:
    what += f" comes with the plugin {record.distribution}, which"
    if record.state == "disabled":
        return MissingPluginError(f"{what} is switched off: {record.error}", plugin=record.distribution)
    return BrokenPluginError(
        f"{what} failed to load: {record.error} `mmzoo doctor` shows details.", plugin=record.distribution
    )


def check_kind(kind: str) -> None:
    """Raise UsageError unless this is a component kind."""
    if kind not in KINDS:
        advice = did_you_mean(suggestions(str(kind), KINDS)) or f"the kinds are {', '.join(KINDS)}."
        raise UsageError(f"There is no component kind {kind!r}; {advice}")


# --- the catalog of this process ---------------------------------------------------------------------

_catalog: Catalog | None = None
_lock = threading.RLock()
_loading = False


def catalog(*, reload: bool = False, choice_checked: bool = True) -> Catalog:
    """The catalog of this process, created on first use.

    Args:
        reload: Discover the plugins again.
        choice_checked: Whether a name in MMZOO_PLUGINS that is of no installed plugin is an error; not for the commands
            that explain it.

    Raises:
        UnknownNameError: MMZOO_PLUGINS names a plugin that is not installed.
        PluginError: Plugins are being loaded.
    """
    global _catalog, _loading
    with _lock:
        if _loading:
            raise PluginError(
                "The registry was queried while plugins were being loaded; query it later, inside a function."
            )
        if _catalog is None or reload:
            _loading = True
            try:
                _catalog = Catalog()
            finally:
                _loading = False
        if choice_checked and (unknown := _catalog.unmatched):
            installed = sorted({record.distribution for record in _catalog.plugins()}, key=natural)
            close = suggestions(unknown[0], installed)
            raise UnknownNameError(
                f"{CHOICE} names {unknown[0][:80]!r}, but no installed plugin has that name"
                f"{f' ({did_you_mean(close)})' if close else ''}; change or unset it. The plugins are"
                f" {', '.join(installed) or 'none'}.",
                name=unknown[0],
                suggestions=close,
            )
        return _catalog
