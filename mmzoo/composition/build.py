"""From a plan to modules: a skeleton if weights will be loaded, initialized modules otherwise.

How tensors get their values:

- Fresh parameters: the model is constructed on the CPU, so every constructor initializes its module as usual.
- Loaded weights: the model is constructed as a skeleton on the meta device (`skeleton.py`), where initialization costs
  nothing. Buffers that are neither stored in the weights nor computed from constants are then allocated, and
  `reset_parameters` of the module that owns them fills them while the parameters are still on meta
  (`load.restore_buffers`). Finally the weights are assigned. A buffer that no `reset_parameters` wrote to, or a tensor
  still on meta at the end, raises an error that names it, so no value is ever silently wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from mmzoo.composition.plan import Part, Plan
from mmzoo.composition.skeleton import skeleton
from mmzoo.errors import ConfigError, MissingDependencyError, MmzooError, PluginError
from mmzoo.model_folder import ModelFolder
from mmzoo.schema import first_line
from mmzoo.system import sha256_of

if TYPE_CHECKING:
    from mmzoo.interfaces.heads import TaskHead


def construct(
    plan: Plan, models: Mapping[str, TaskHead], *, device: str | torch.device = "meta", name: str = ""
) -> TaskHead:
    """Construct the modules of a plan; on the meta device their tensors have shapes but no values.

    Args:
        plan: The checked recipe.
        models: The models for its model slots, already built.
        device: `meta` for a skeleton; any other device gets fresh parameters.
        name: The model's name.

    Raises:
        ConfigError: A constructor rejects its arguments.
        MissingDependencyError: A component needs a package that is not installed.
    """
    parts = {slot: construct_part(part, device=device) for slot, part in plan.parts.items()}
    head = cast("TaskHead", construct_part(plan.head, device=device))
    for slot in head.slots:
        setattr(head, slot, models[slot] if slot in models else parts.get(slot))
    head.recipe, head.name, head.folder, head.tree = plan.recipe(), name, None, plan.tree
    for slot, model in models.items():
        if model.folder is not None and "sha256" not in head.recipe[slot]:
            head.recipe[slot]["sha256"] = sha256_of(ModelFolder(model.folder).weights)
    _guarded(plan.head, device, head.connect)
    return head


def construct_part(part: Part, *, device: str | torch.device = "meta") -> Any:
    """Construct one component; its `config` holds every argument as JSON."""
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


def submodels(head: nn.Module) -> dict[str, TaskHead]:
    """The models in the model slots of a head, by slot; their tensors are not stored with the head's."""
    slots = getattr(head, "slots", {})
    return {
        slot: getattr(head, slot)
        for slot, wanted in slots.items()
        if wanted.model and getattr(head, slot, None) is not None
    }


def own_tensors(module: nn.Module) -> dict[str, Tensor]:
    """The tensors that are stored for a module, by name: no model slots, no cached buffers, tied tensors once.

    Raises:
        PluginError: The module has extra state, which safetensors cannot hold.
    """
    models = submodels(module)
    foreign = {id(tensor) for model in models.values() for tensor in chain(model.parameters(), model.buffers())}
    prefixes = tuple(f"{slot}." for slot in models)
    tensors: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in module.state_dict(keep_vars=True).items():
        if not isinstance(tensor, Tensor):
            raise PluginError(f"{name} is extra state rather than a tensor, so it cannot be stored; make it a buffer.")
        if name.startswith(prefixes) or id(tensor) in foreign or id(tensor) in seen:
            continue
        seen.add(id(tensor))
        tensors[name] = tensor
    return tensors
