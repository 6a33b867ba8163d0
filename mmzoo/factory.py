"""`create`: from a name to a model that is ready to call. Resolve, check, build; or load what was exported."""

from __future__ import annotations

import os
import re
import shutil
import warnings
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmzoo.data import cache_dir
from mmzoo.engines.exported import export_key, exported_licenses, is_exported, load_exported
from mmzoo.engines.sessions import threads_of
from mmzoo.errors import (
    ChecksumError,
    ConfigError,
    CorruptFileError,
    MmzooError,
    NoWeightsError,
    UnknownNameError,
    UsageError,
    WeightsError,
)
from mmzoo.hub.published import model_name
from mmzoo.hub.sources import local_folder
from mmzoo.hub.tree import ModelRef, ResolvedModel
from mmzoo.registry.specs import PART_KINDS
from mmzoo.resolve import resolve

if TYPE_CHECKING:
    import torch

    from mmzoo.composition import Plan
    from mmzoo.interfaces import TaskHead

ENGINES = TORCH, ONNX = ("torch", "onnx")
ALLOW_LICENSES = "MMZOO_ALLOW_LICENSES"
"""Licenses under which weights are accepted, separated by commas."""


def create(
    name: str | os.PathLike[str],
    *,
    pretrained: bool | None = None,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    revision: str | None = None,
    part: str | None = None,
    allow_licenses: Collection[str] | None = None,
    engine: str | None = None,
    threads: int | None = None,
    **overrides: Any,
) -> Any:
    """Build a model, or one component, in eval mode and ready to call.

    Args:
        name: A registered model (`vqvae-speech`, or `vqvae-speech.tag` to choose among several weights), the path of a
            model's folder, also of an exported one, `hf-hub:org/name@revision`, or `kind/name` for a component
            (`quantizer/fsq`).
        pretrained: None loads the published weights of a model and gives a component fresh parameters; False gives
            fresh parameters.
        device: None is the CPU.
        dtype: None is float32, whatever dtype the weights are stored in.
        revision: The revision of a model on the Hub: a branch, a tag or a commit.
        part: A slot of the model; only that component is loaded.
        allow_licenses: The licenses accepted for weights, including those of models in slots. None accepts those in the
            environment variable MMZOO_ALLOW_LICENSES, or all if it is not set.
        engine: `torch`, or `onnx` to run the model with onnxruntime: it is exported into the cache on first use, and
            then loaded without importing torch. None is torch, and onnx for the folder of an exported model.
        threads: Threads of one call with onnx; None for those in the environment variable OMP_NUM_THREADS, or 1.
        overrides: By slot (`quantizer="fsq"`, `backbone={"depth": 12}`) or by key of the head (`steps=4`); for a
            component, its config.

    Returns:
        The model, or the component.

    Raises:
        UnknownNameError, AmbiguousNameError, NoWeightsError, UsageError, PluginError: The name cannot be used.
        ConfigError and its subclasses: A key is unknown, a value is ill-typed, ports do not fit, or overrides need
            fresh parameters.
        WeightsError and its subclasses, HubError: The weights cannot be fetched or used.
        ExportError: The model cannot be exported for the engine.
    """
    if not isinstance(name, str | os.PathLike) or not str(name).strip():
        raise UsageError(f"create takes the name of a model, not {name!r}; `mmzoo list` shows them.")
    name = model_name(name)
    if pretrained not in (None, True, False):
        raise UsageError(f"pretrained must be True, False or None, not {pretrained!r}.")
    if engine not in (None, *ENGINES):
        raise UsageError(f"engine must be {' or '.join(ENGINES)}, not {engine!r}.")
    licenses = _licenses(allow_licenses)
    folder = exported_folder(name)
    if folder is not None or engine == ONNX:
        if str(device or "cpu") != "cpu" or dtype is not None or part is not None or pretrained is False:
            raise UsageError("An exported model runs on the CPU as a whole; leave out device, dtype, part, pretrained.")
        if folder is None:
            tree = resolve(name, overrides, revision=revision)
            check_licenses(tree.walk(), licenses)
            return _cached_export(tree, threads_of(threads))
        if engine == TORCH or overrides or revision is not None:
            raise UsageError(f"{folder} holds an exported model, which cannot be changed; create it from its name.")
        if licenses is not None:
            check_stated(exported_licenses(folder).items(), licenses)
        return load_exported(folder, threads_of(threads))
    if threads is not None:
        raise UsageError("threads is for engine='onnx'; torch.set_num_threads sets those of torch.")
    from mmzoo.composition import check
    from mmzoo.composition.placement import device_of, dtype_of

    place, precision = device_of(device), dtype_of(dtype)
    if "/" in name and ":" not in name.partition("/")[0]:
        if part is not None or revision is not None:
            raise UsageError(f"{name[:80]!r} is itself a part; part= and revision= are for models.")
        return _create_part(name, pretrained, overrides, place, precision)
    tree = resolve(name, overrides, revision=revision, pretrained=pretrained is not False)
    check_licenses(tree.walk() if part is None else _loaded_for(tree, part), licenses)
    plan = check(tree)
    if part is not None:
        return build_part(plan, part, device=place, dtype=precision)
    return build(plan, device=place, dtype=precision)


def build(plan: Plan, *, device: str | torch.device = "cpu", dtype: torch.dtype | None = None) -> TaskHead:
    """Build a checked model: construct modules, assign tensors, read the files beside the weights.

    Args:
        plan: The plan from `check`.
        device: The device of all tensors.
        dtype: The dtype of floating-point tensors; None is float32 for weights that are loaded.

    Returns:
        The model in eval mode. A model in two slots is built once.

    Raises:
        ConfigError, PluginError: A component cannot be constructed.
        WeightsError and its subclasses, HubError: The weights cannot be fetched or do not fit.
    """
    return _build(plan, device, dtype, {})


def build_models(plan: Plan) -> dict[str, TaskHead]:
    """Build the models in the slots of a plan, on the CPU and frozen."""
    return _build_models(plan, "cpu", None, {})


# --- exported models ---------------------------------------------------------------------------------


def exported_folder(name: str) -> Path | None:
    """The folder of an exported model, if a name from `model_name` stands for one."""
    scheme, _, place = name.partition(":")
    return Path(place) if scheme == "local-dir" and is_exported(local_folder(place)) else None


def _cached_export(tree: ResolvedModel, threads: int) -> Any:
    """The model from the cache, where it is exported first if it is not there or damaged."""
    title = re.sub(r"[^A-Za-z0-9_-]+", "-", tree.title)[:60]
    folder = cache_dir() / ONNX / f"{title}-{export_key(tree)}"
    if folder.is_dir():
        with suppress(ConfigError, CorruptFileError, ChecksumError):
            return load_exported(folder, threads)
        shutil.rmtree(folder, ignore_errors=True)
    from mmzoo.composition import check
    from mmzoo.engines.writing import export_model

    warnings.warn(f"{tree.name} is exported for onnxruntime, once; this takes about a minute.", stacklevel=3)
    head = build(check(tree))
    try:
        export_model(head, folder)
    except UsageError:
        if not folder.is_dir():  # otherwise another process was faster
            raise
    return load_exported(folder, threads)


# --- models ------------------------------------------------------------------------------------------


def _build(plan: Plan, device: Any, dtype: torch.dtype | None, built: dict[int, TaskHead]) -> TaskHead:
    from mmzoo.composition import construct, load_weights
    from mmzoo.composition.foreign import tensors_of
    from mmzoo.hub.tensor_file import open_tensors

    if id(plan) in built:
        return built[id(plan)]
    tree = plan.tree
    if not tree.pretrained:
        models = _build_models(plan, device, dtype, built)
        head = _placed(construct(plan, models, device="cpu", name=tree.title), device, dtype)
    else:
        path = tree.found.weights_file(tree.ref.sha256)
        models = _build_models(plan, device, dtype, built)
        head = construct(plan, models, name=tree.title)
        with open_tensors(path) as tensors:
            load_weights(head, tensors_of(tree.config, tensors), device=device, dtype=dtype)
        head.folder = path.parent
        _load_files(head, path.parent)
    built[id(plan)] = head.eval()
    return built[id(plan)]


def _build_models(
    plan: Plan, device: Any, dtype: torch.dtype | None, built: dict[int, TaskHead]
) -> dict[str, TaskHead]:
    return {slot: _build(model, device, dtype, built).requires_grad_(False) for slot, model in plan.models.items()}


def _load_files(head: TaskHead, folder: Path) -> None:
    from mmzoo.interfaces import HasFiles
    from mmzoo.schema import first_line

    if not isinstance(head, HasFiles):
        return
    try:
        head.load_files(folder)
    except MmzooError:
        raise
    except Exception as error:
        raise WeightsError(
            f"The files beside the weights in {folder} cannot be used ({first_line(error)}); get another copy of them."
        ) from error


# --- parts -------------------------------------------------------------------------------------------


def _create_part(name: str, pretrained: bool | None, config: Mapping[str, Any], device: Any, dtype: Any) -> Any:
    """A component by its name `kind/name`."""
    from mmzoo.composition import construct_part, make_part
    from mmzoo.schema import suggestion

    kind, _, component = name.partition("/")
    if kind not in PART_KINDS:
        raise UnknownNameError(
            f"There is no folder {name[:80]!r} with a config.json, and {kind[:80]!r} is not a kind of part:"
            f" {suggestion(kind, PART_KINDS)}",
            name=name,
        )
    if pretrained:
        raise NoWeightsError(f"{name!r} is a part and has no weights of its own; load it from a model with part=.")
    part = make_part(kind, kind, {**config, "name": component})
    return _placed(construct_part(part, device="cpu"), device, dtype)


def build_part(plan: Plan, slot: str, *, device: Any, dtype: torch.dtype | None) -> Any:
    """Build the component or model in one slot of a checked model.

    Only that slot's tensors are read, and only those are fetched if the config has a digest of the component.

    Args:
        plan: The plan of the model.
        slot: The slot to build.
        device: The device of its tensors.
        dtype: The dtype of floating-point tensors, as for `build`.

    Returns:
        The component in eval mode, or the model, frozen.

    Raises:
        UnknownNameError: The model has no such part. Also what `build` raises.
    """
    from torch import nn

    from mmzoo.composition import construct_part, load_weights
    from mmzoo.composition.foreign import tensors_of
    from mmzoo.hub.tensor_file import open_tensors
    from mmzoo.schema import suggestion

    tree = plan.tree
    if slot in plan.models:
        return build(plan.models[slot], device=device, dtype=dtype).requires_grad_(False)
    if slot not in plan.parts:
        hint = suggestion(str(slot), [*plan.parts, *plan.models])
        raise UnknownNameError(f"The model {tree.name!r} has no part {slot!r}: {hint}", name=str(slot))
    part = plan.parts[slot]
    if not tree.pretrained or not issubclass(part.cls, nn.Module):
        return _placed(construct_part(part, device="cpu"), device, dtype)
    with open_tensors(tree.found.part_file(slot, tree.config.components.get(slot))) as tensors:
        component = construct_part(part)
        load_weights(component, tensors_of(tree.config, tensors), prefix=f"{slot}.", device=device, dtype=dtype)
    return component.eval()


def _placed(component: Any, device: Any, dtype: torch.dtype | None) -> Any:
    """A module on the device, in the dtype and in eval mode; a sampler, which is not a module, as it is."""
    from torch import nn

    return component.to(device, dtype).eval() if isinstance(component, nn.Module) else component


# --- licenses ----------------------------------------------------------------------------------------


def check_licenses(models: Iterable[ResolvedModel | ModelRef], allowed: frozenset[str] | None) -> None:
    """Raise WeightsError for weights whose license the caller does not allow.

    Args:
        models: The models to load; those without weights are skipped.
        allowed: The allowed licenses in lower case; None allows all.
    """
    if allowed is not None:
        loaded = (model for model in models if isinstance(model, ResolvedModel) and model.pretrained)
        check_stated(((model.name, model.license) for model in loaded), allowed)


def check_stated(stated: Iterable[tuple[str, str | None]], allowed: frozenset[str] | None) -> None:
    """The same for the names of models and their licenses."""
    if allowed is None:
        return
    listed = ", ".join(sorted(allowed)) or "none"
    for name, license in stated:
        if license is None:
            raise WeightsError(
                f"The weights of {name!r} state no license, and only these are allowed: {listed};"
                f" leave out allow_licenses (or unset {ALLOW_LICENSES}) to use them anyway."
            )
        if license.lower() not in allowed:
            raise WeightsError(
                f"The weights of {name!r} are under {license[:80]!r}, and only these are allowed: {listed};"
                f" add it to allow_licenses (or {ALLOW_LICENSES}) if you accept it."
            )


def _loaded_for(tree: ResolvedModel, part: str) -> Iterable[ResolvedModel | ModelRef]:
    """The model, and the models whose weights `build_part` loads for one of its parts."""
    model = tree.models.get(part)
    return [tree, *(model.walk() if isinstance(model, ResolvedModel) else ())]


def _licenses(allowed: Collection[str] | None) -> frozenset[str] | None:
    """The accepted licenses in lower case: the caller's, else those in MMZOO_ALLOW_LICENSES; None accepts all."""
    if allowed is None:
        named = os.environ.get(ALLOW_LICENSES, "")
        allowed = [name.strip() for name in named.split(",") if name.strip()]
        if not allowed:
            return None
    names = [allowed] if isinstance(allowed, str) else list(allowed)
    if not all(isinstance(name, str) for name in names):
        raise UsageError(f"allow_licenses takes license names such as 'apache-2.0', not {allowed!r}.")
    return frozenset(name.lower() for name in names)
