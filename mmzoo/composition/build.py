"""A plan to modules: as a skeleton when weights will be loaded, for real when they start fresh.

How tensors get their values:

- Fresh parameters: the model is simply constructed on the CPU, so every constructor initialises itself
  as its author meant it (`compose(recipe, device="cpu")`, `initialise`).
- Loaded weights: the model is constructed as a skeleton on the meta device (`skeleton.py`), where
  initialisation costs nothing. Buffers that are neither stored in weights nor computed from constants are then
  allocated and filled by `reset_parameters` of the module that owns them, while the parameters are
  still on meta (`load.restore_buffers`). Afterwards the weights are assigned. A buffer that no
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
