"""A plan to modules: as a skeleton when weights will be loaded, for real when they start fresh.

How tensors get their values:

- Fresh parameters: the model is simply constructed on the CPU, so every constructor initialises itself
  as its author meant it (`compose(recipe, device="cpu")`, `initialise`).
- Loaded weights: the model is constructed as a skeleton on the meta device (`skeleton.py`), where
  initialisation costs nothing. Buffers that are neither stored in weights nor computed from constants are then
  allocated and filled by `reset_parameters` of the module that owns them, while the parameters are
  still on meta (`restore_buffers`). Afterwards the weights are assigned (`load.py`). A buffer that no
  `reset_parameters` wrote to, and a tensor that is still on meta at the end, are errors that name it:
  there is no way to end with silently wrong values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from mmzoo.composition.plan import Part, Plan, ResolveModel, SubModel, make_plan, no_models
from mmzoo.composition.skeleton import skeleton
from mmzoo.errors import ConfigError, MmzooError, PluginError
from mmzoo.schema import first_line

if TYPE_CHECKING:
    from mmzoo.interfaces.components import TaskHead


def compose(
    recipe: Mapping[str, Any],
    *,
    resolve_model: ResolveModel = no_models,
    device: str | torch.device = "meta",
    name: str = "",
) -> TaskHead:
    """Check a recipe and build its model; on the meta device its tensors have shapes but no values.

    Models in slots are loaded, whatever the device. Raises what `make_plan` raises, and ConfigError when a
    constructor refuses its values.
    """
    return build(make_plan(recipe, resolve_model), device=device, name=name)


def build(plan: Plan, *, device: str | torch.device = "meta", name: str = "") -> TaskHead:
    """Build a checked recipe; the models of its model slots are loaded."""
    filled: dict[str, Any] = {slot: model.load() for slot, model in plan.models.items()}
    filled.update({slot: build_part(part, device=device) for slot, part in plan.parts.items()})
    head = cast("TaskHead", build_part(plan.head, device=device))
    for slot in head.slots:
        setattr(head, slot, filled.get(slot))
    head.recipe, head.name, head.folder = plan.recipe(), name, None
    _guarded(plan.head, device, head.connect)
    return head


def build_part(part: Part, *, device: str | torch.device = "meta") -> Any:
    """Construct one component; `config` holds every argument as JSON."""
    component = _guarded(part, device, lambda: part.cls(**part.resolved.arguments))
    component.config = part.config
    return component


def _guarded(part: Part, device: str | torch.device, action: Any) -> Any:
    try:
        with skeleton() if torch.device(device).type == "meta" else torch.device(device):
            return action()
    except MmzooError:
        raise
    except ImportError as error:
        from mmzoo.errors import MissingDependencyError

        raise MissingDependencyError(
            f"{part.label} needs the Python package {error.name or error}; install it to use this component."
        ) from error
    except Exception as error:
        where = " on the meta device" if torch.device(device).type == "meta" else ""
        raise ConfigError(
            f"{part.label} in slot {part.slot} cannot be built{where} with its configuration"
            f" ({first_line(error)}); check the values of {', '.join(part.config) or 'its parts'}.",
            path=part.slot,
        ) from error


def initialise(head: TaskHead) -> TaskHead:
    """Give a head from the meta device fresh parameters on the CPU, in place.

    The model is constructed once more from `head.recipe` on the CPU and its content taken over, since
    only constructors are trusted to initialise. Models in slots stay as they are.
    """

    def kept(mapping: Mapping[str, Any], path: str) -> SubModel:
        model = attrgetter(path)(head)
        return SubModel(model.recipe, lambda: model, mapping.get("sha256"))

    twin = build(make_plan(head.recipe, kept), device="cpu", name=head.name)
    twin.folder = head.folder
    head.__dict__.clear()
    head.__dict__.update(twin.__dict__)
    return head


def submodels(head: nn.Module) -> dict[str, TaskHead]:
    """The models in the model slots of a head, by slot; their tensors are not stored with the head's."""
    slots = getattr(head, "slots", {})
    return {
        slot: getattr(head, slot)
        for slot, wanted in slots.items()
        if wanted.model and getattr(head, slot, None) is not None
    }


def own_tensors(module: nn.Module) -> dict[str, Tensor]:
    """The tensors that are stored for a module, by name: no model slots, tied tensors once, no cached buffers.

    Raises PluginError for a module with extra state, which safetensors cannot hold.
    """
    foreign = {id(tensor) for model in submodels(module).values() for tensor in _all_tensors(model)}
    prefixes = tuple(f"{slot}." for slot in submodels(module))
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in module.state_dict(keep_vars=True).items():
        if not isinstance(tensor, Tensor):
            raise PluginError(f"{name} is extra state and no tensor, so it cannot be stored; make it a buffer.")
        if name.startswith(prefixes) or id(tensor) in foreign or id(tensor) in seen:
            continue
        seen.add(id(tensor))
        found[name] = tensor
    return found


def _all_tensors(module: nn.Module) -> Iterator[Tensor]:
    yield from module.parameters()
    yield from module.buffers()


def temporary_buffers(module: nn.Module) -> Iterator[tuple[str, nn.Module, str, Tensor]]:
    """(dotted name, owner, attribute, buffer) of every buffer on meta that is not stored in weights."""
    for prefix, owner in module.named_modules():
        for name in sorted(owner._non_persistent_buffers_set):
            buffer = owner._buffers.get(name)
            if buffer is not None and buffer.is_meta:
                yield (f"{prefix}.{name}" if prefix else name), owner, name, buffer


def restore_buffers(module: nn.Module) -> None:
    """Make the buffers that are not stored real (on the CPU) and let their owners recompute them.

    Raises PluginError naming a buffer that no `reset_parameters` has written.
    """
    pending = list(temporary_buffers(module))
    blanks: dict[str, tuple[Tensor, int]] = {}
    for dotted, owner, name, buffer in pending:
        blank = torch.empty(buffer.shape, dtype=buffer.dtype, device="cpu")
        owner._buffers[name] = blank
        blanks[dotted] = (blank, blank._version)
    owners = {id(owner): owner for _, owner, _, _ in pending}
    with torch.no_grad(), torch.device("cpu"), skeleton(allocate=False):
        for owner in owners.values():
            reset = getattr(owner, "reset_parameters", None)
            if callable(reset):
                try:
                    reset()
                except MmzooError:
                    raise
                except Exception as error:
                    raise PluginError(
                        f"{type(owner).__name__}.reset_parameters failed while its parameters were on the meta"
                        f" device ({first_line(error)}); compute buffers from settings alone."
                    ) from error
    for dotted, owner, name, _ in pending:
        now = owner._buffers.get(name)
        blank, version = blanks[dotted]
        if now is None or now.is_meta or (now is blank and now._version == version):
            raise PluginError(
                f"The buffer {dotted} is not stored in weights and {type(owner).__name__} does not recompute it;"
                " fill it in reset_parameters, or register it with persistent=True."
            )


def check_real(module: nn.Module) -> None:
    """Raise PluginError naming the first tensor that has no values: parameter, buffer or plain attribute."""
    for prefix, owner in module.named_modules():
        named: list[tuple[str, Any]] = [*owner._parameters.items(), *owner._buffers.items()]
        for key, value in vars(owner).items():
            if key not in ("_parameters", "_buffers", "_modules"):
                named += [(key, item) for item in _tensors_in(value)]
        for key, value in named:
            if isinstance(value, Tensor) and value.is_meta:
                dotted = f"{prefix}.{key}" if prefix else key
                raise PluginError(
                    f"{dotted} of {type(owner).__name__} has no values after loading;"
                    " register it as a parameter or buffer, or recompute it in reset_parameters."
                )


def _tensors_in(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, nn.Module):
        yield from _all_tensors(value)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors_in(item)
