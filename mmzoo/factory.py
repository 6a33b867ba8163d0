"""`create`: a name to a model that is ready to call. Joins the registry, the sources and the composition."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmzoo.errors import (
    AmbiguousNameError,
    ConfigError,
    MmzooError,
    NoWeightsError,
    PluginError,
    UnknownNameError,
    UsageError,
    WeightsError,
)
from mmzoo.registry.specs import PART_KINDS

if TYPE_CHECKING:
    import torch

    from mmzoo.composition import ModelConfig, Plan, ResolveModel, SubModel
    from mmzoo.hub.published import FoundModel
    from mmzoo.interfaces import TaskHead

ALLOW_LICENSES = "MMZOO_ALLOW_LICENSES"
"""Licences under which weights are accepted, separated by commas."""


def create(
    name: str,
    *,
    pretrained: bool | None = None,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    revision: str | None = None,
    part: str | None = None,
    allow_licenses: Collection[str] | None = None,
    **overrides: Any,
) -> Any:
    """Build a model, or one part of a model, in eval mode and ready to call.

    name: a registered model (`vqvae-speech`, or `vqvae-speech.tag` for one of several weights),
    `local-dir:path`, `hf-hub:org/name@revision`, or `kind/name` for a component (`quantizer/fsq`).
    pretrained: None loads the published weights of a model and gives a component fresh parameters; False
    gives fresh parameters. device: the CPU unless given. dtype: None is float32, whatever the file holds.
    revision: of a model on the Hub. part: a slot of the model, to load that component alone.
    allow_licenses: the licences under which weights, those of models in slots included, are accepted; None accepts
    what the environment variable MMZOO_ALLOW_LICENSES lists, or all. overrides: by slot
    (`quantizer="fsq"`, `backbone={"depth": 12}`) or by key of the head (`steps=4`); for a component, its config.

    Raises UnknownNameError, AmbiguousNameError, NoWeightsError, ConfigError and its subclasses (unknown or
    ill-typed keys, ports that do not fit, overrides that need fresh parameters), WeightsError and its
    subclasses, HubError, PluginError, UsageError.
    """
    from mmzoo.composition.placement import device_of, dtype_of
    from mmzoo.hub.published import find_model

    if not isinstance(name, str) or not name.strip():
        raise UsageError(f"create takes the name of a model, not {name!r}; `mmzoo list` shows the names.")
    if pretrained not in (None, True, False):
        raise UsageError(f"pretrained must be True, False or None, not {pretrained!r}.")
    request = Request(device_of(device), dtype_of(dtype), _licenses(allow_licenses))
    if "/" in name and ":" not in name.partition("/")[0]:
        if part is not None or revision is not None:
            raise UsageError(f"{name[:80]!r} is itself a part; part= and revision= are for models.")
        return _create_part(name, request, pretrained, overrides)
    model = find_model(name, revision)
    if pretrained is False:
        return _fresh(model, request, part, overrides)
    return _load(model, request, part, overrides)


def build(recipe: Mapping[str, Any], *, name: str = "") -> TaskHead:
    """A model with fresh parameters on the CPU, in training mode, from a recipe; models in its slots are loaded.

    For training, and for recipes that are not registered. Raises what `create` raises.
    """
    from mmzoo.composition import compose

    return compose(recipe, resolve_model=Request().resolver(), device="cpu", name=name)


@dataclass(frozen=True)
class Request:
    """What holds for a model and the models in its slots: where they go, and whose licence is accepted."""

    device: Any = "cpu"
    dtype: torch.dtype | None = None
    licenses: frozenset[str] | None = None
    found: dict[tuple[str, str], SlotModel] = field(default_factory=dict)

    def check_license(self, model: FoundModel) -> None:
        """Raise WeightsError for weights whose licence the caller does not allow."""
        if self.licenses is None:
            return
        named = model.declared_license()
        allowed = ", ".join(sorted(self.licenses)) or "none"
        if named is None:
            raise WeightsError(
                f"The weights of {model.name!r} name no licence, and only these are allowed: {allowed};"
                f" leave allow_licenses (or {ALLOW_LICENSES}) out to use them all the same."
            )
        if named.lower() not in self.licenses:
            raise WeightsError(
                f"The weights of {model.name!r} are under {named[:80]!r}, and only these are allowed: {allowed};"
                f" add it to allow_licenses (or {ALLOW_LICENSES}) if you accept it."
            )

    def resolver(self, parent: FoundModel | None = None) -> ResolveModel:
        """The resolver of the model slots of `parent`; each model is looked up and loaded at most once.

        A config from the Hub may not name folders of this machine.
        """
        from mmzoo.hub.published import find_model

        def resolve(mapping: Mapping[str, Any], path: str) -> SubModel:
            key = (path, repr(sorted(mapping.items())))
            if key not in self.found:
                local = parent is None or not parent.downloaded
                self.found[key] = SlotModel(self, find_model(mapping["model"], local=local), mapping)
            try:
                return self.found[key].described()
            except NoWeightsError as error:
                raise NoWeightsError(
                    f"The slot {path} needs the weights of {mapping['model']!r}, which are not published or not in this"
                    f" installation; for fresh parameters there too, pass {path}={{'pretrained': False}}."
                ) from error

        return resolve


@dataclass
class SlotModel:
    """A model in a slot of another one."""

    request: Request
    model: FoundModel
    mapping: Mapping[str, Any]

    @property
    def pretrained(self) -> bool:
        return bool(self.mapping.get("pretrained", True))

    @cached_property
    def digest(self) -> str:
        """sha256 of its weights: as pinned by the recipe or the registry, else of the file that is there."""
        from mmzoo.hub.sources import sha256_of

        return self.mapping.get("sha256") or self.model.sha256 or sha256_of(self.model.weights_file())

    def described(self) -> SubModel:
        from mmzoo.composition import SubModel

        if self.pretrained:
            return SubModel(config_of(self.model).recipe, lambda: self.loaded, self.digest)
        return SubModel(fresh_recipe(self.model), lambda: self.loaded)

    @cached_property
    def loaded(self) -> TaskHead:
        if not self.pretrained:
            head: TaskHead = _fresh(self.model, self.request, None, {})
        else:
            head = _load(self.model, self.request, None, {}, pinned=self.digest)
        return head.requires_grad_(False)


# --- fresh parameters --------------------------------------------------------------------------------


def _create_part(name: str, request: Request, pretrained: bool | None, config: Mapping[str, Any]) -> Any:
    """`kind/name`: a component of its own."""
    from mmzoo.composition import build_part, make_part
    from mmzoo.schema import suggestion

    kind, _, component = name.partition("/")
    if kind not in PART_KINDS:
        raise UnknownNameError(
            f"{name[:80]!r} is neither a model nor a part, which is written kind/name: {suggestion(kind, PART_KINDS)}",
            name=name,
        )
    if pretrained:
        raise NoWeightsError(f"{name!r} is a part and has no weights of its own; load it from a model with part=.")
    return _placed(build_part(make_part(kind, kind, {**config, "name": component}), device="cpu"), request)


def _placed(component: Any, request: Request) -> Any:
    """A component on its device, in its dtype, in eval mode; a sampler has none of these."""
    from torch import nn

    if isinstance(component, nn.Module):
        return component.to(request.device, request.dtype).eval()
    return component


def fresh_recipe(model: FoundModel) -> Mapping[str, Any]:
    """The recipe of a model with fresh parameters: the registered one, else that of its config."""
    from mmzoo import registry

    return registry.catalog().settled(model.spec.recipe) if model.spec is not None else config_of(model).recipe


def _fresh(model: FoundModel, request: Request, part: str | None, overrides: Mapping[str, Any]) -> Any:
    from mmzoo.composition import build as build_plan
    from mmzoo.composition import build_part, make_plan
    from mmzoo.composition.overrides import apply_overrides

    recipe, resolver = fresh_recipe(model), request.resolver(model)
    if model.spec is None:
        with _naming_the_file(model):
            make_plan(recipe, resolver)
    plan = make_plan(apply_overrides(recipe, overrides), resolver)
    if part is None:
        return _placed(build_plan(plan, device="cpu", name=model.bare_name or model.name), request)
    _check_slot(part, plan, model)
    return (
        plan.models[part].load()
        if part in plan.models
        else _placed(build_part(plan.parts[part], device="cpu"), request)
    )


# --- published weights -------------------------------------------------------------------------------


def _load(
    model: FoundModel, request: Request, part: str | None, overrides: Mapping[str, Any], *, pinned: str | None = None
) -> Any:
    """A published model, or one part of it. Everything is checked before the weights are fetched or opened."""
    request.check_license(model)
    config = config_of(model)
    plan = _planned(model, request, config, overrides)
    if part is not None:
        return _load_part(model, request, plan, part, config)
    from mmzoo.composition import build as build_plan
    from mmzoo.composition import load_weights
    from mmzoo.hub.tensor_file import open_tensors

    path = model.weights_file(pinned)
    with open_tensors(path) as tensors:
        head = build_plan(plan, name=config.name or model.bare_name)
        load_weights(head, config.tensors(tensors), device=request.device, dtype=request.dtype)
    head.folder = path.parent
    _load_files(head, path.parent)
    return head.eval()


def _load_part(model: FoundModel, request: Request, plan: Plan, part: str, config: ModelConfig) -> Any:
    """One slot of a published model; of its weights only that slot's tensors are read, and, if the config carries a
    digest of the component, fetched.
    """
    from torch import nn

    from mmzoo.composition import build_part, load_weights
    from mmzoo.hub.tensor_file import open_tensors

    _check_slot(part, plan, model)
    if part in plan.models:
        return plan.models[part].load()
    if not issubclass(plan.parts[part].cls, nn.Module):
        return build_part(plan.parts[part], device="cpu")
    with open_tensors(model.part_file(part, config.components.get(part))) as tensors:
        component = build_part(plan.parts[part])
        load_weights(component, config.tensors(tensors), prefix=f"{part}.", device=request.device, dtype=request.dtype)
    return component.eval()


def config_of(model: FoundModel) -> ModelConfig:
    """What the config of a published model says; its bare names mean what they meant when it was written."""
    from mmzoo import registry
    from mmzoo.composition import read_config

    config = read_config(model.folder())
    return replace(config, recipe=registry.catalog().settled(config.recipe))


def _planned(model: FoundModel, request: Request, config: ModelConfig, overrides: Mapping[str, Any]) -> Plan:
    from mmzoo.composition import make_plan
    from mmzoo.composition.overrides import apply_overrides, check_harmless

    resolver = request.resolver(model)
    with _naming_the_file(model):
        plan = make_plan(config.recipe, resolver)
    if not overrides:
        return plan
    overridden = apply_overrides(config.recipe, overrides)
    check_harmless(config.recipe, overridden, resolver)
    return make_plan(overridden, resolver)


@contextmanager
def _naming_the_file(model: FoundModel) -> Iterator[None]:
    """Mistakes in the config of a model folder are reported with the path of the file."""
    try:
        yield
    except (ConfigError, UnknownNameError, AmbiguousNameError, PluginError) as error:
        path = model.folder() / "config.json"
        error.args = (f"{path}: {error}", *error.args[1:])
        raise


def _load_files(head: TaskHead, folder: Path) -> None:
    from mmzoo.schema import first_line

    try:
        head.load_files(folder)
    except MmzooError:
        raise
    except Exception as error:
        raise WeightsError(
            f"The files beside the weights in {folder} cannot be used ({first_line(error)}); get a sound copy of them."
        ) from error


def _check_slot(part: str, plan: Plan, model: FoundModel) -> None:
    from mmzoo.schema import suggestion

    slots = [*plan.parts, *plan.models]
    if part not in slots:
        raise UnknownNameError(
            f"The model {model.name!r} has no part {part!r}: {suggestion(str(part), slots)}", name=str(part)
        )


def _licenses(allowed: Collection[str] | None) -> frozenset[str] | None:
    """The licences that are accepted, in lower case; MMZOO_ALLOW_LICENSES holds where the caller says nothing."""
    if allowed is None:
        named = os.environ.get(ALLOW_LICENSES, "")
        allowed = [name.strip() for name in named.split(",") if name.strip()]
        if not allowed:
            return None
    names = [allowed] if isinstance(allowed, str) else list(allowed)
    if not all(isinstance(name, str) for name in names):
        raise UsageError(f"allow_licenses takes names of licences such as 'apache-2.0', not {allowed!r}.")
    return frozenset(name.lower() for name in names)
