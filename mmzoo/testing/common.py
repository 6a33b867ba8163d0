"""What every component must hold, whatever its kind: its registration, its config, how it is built and stored."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mmzoo.composition import Part, build_part, load_weights, make_part, own_tensors
from mmzoo.errors import MmzooError
from mmzoo.hub.tensor_file import open_tensors
from mmzoo.interfaces import Latents, Port, Ports

TOLERANCE = 1e-4
"""How far two ways of computing the same may be apart, relative to the largest value."""


class ConformanceError(MmzooError, AssertionError):
    """A component breaks its contract; the sentence says which part of it and what was expected."""


def require(holds: bool, sentence: str) -> None:
    """Raise ConformanceError with this sentence unless the condition holds."""
    if not holds:
        raise ConformanceError(sentence)


def close(a: Tensor, b: Tensor, tolerance: float = TOLERANCE) -> bool:
    """Same shape, and nowhere further apart than the tolerance times the largest value (or 1)."""
    if a.shape != b.shape:
        return False
    if a.numel() == 0:
        return True
    scale = max(1.0, float(b.abs().max()))
    return bool((a - b).abs().max() <= tolerance * scale)


def seeded(seed: int) -> AbstractContextManager[None]:
    """Torch's global random state is this seed's inside, and what it was before afterwards."""
    return _Seeded(seed)


class _Seeded(AbstractContextManager[None]):
    def __init__(self, seed: int) -> None:
        self.seed, self.fork = seed, torch.random.fork_rng(devices=[])

    def __enter__(self) -> None:
        self.fork.__enter__()
        torch.manual_seed(self.seed)

    def __exit__(self, *error: Any) -> None:
        self.fork.__exit__(*error)


# --- registration and configuration ------------------------------------------------------------------


def planned(kind: str, name: str, config: Mapping[str, Any]) -> Part:
    """The component's class with its checked config, after both have been checked for themselves.

    Its name is registered, its summary says something, every key of its config is JSON, and the config it reports
    builds the same component again.
    """
    from mmzoo import registry

    part = make_part(kind, kind, {**config, "name": name})
    spec = registry.catalog().component(kind, name)
    require(bool(spec.summary.strip()), f"{part.label} is registered without a summary; one line tells what it is.")
    kept = json.loads(json.dumps(part.config, allow_nan=False))
    require(kept == part.config, f"The config of {part.label} changes when it is written as JSON and read back.")
    again = make_part(kind, kind, {**kept, "name": name})
    require(again.config == part.config, f"The config that {part.label} reports does not give the same config again.")
    return part


def declared(part: Part) -> Ports:
    """The component's ports, which must be the same each time they are asked for."""
    ports = part.ports()
    require(ports == part.ports(), f"{part.label} declares other ports when it is asked a second time.")
    return ports


def port(part: Part, side: str, name: str) -> Port:
    """One declared port; ConformanceError if the component does not declare it."""
    found: Port | None = getattr(declared(part), side).get(name)
    if found is None:
        raise ConformanceError(
            f"{part.label} declares no port {name!r} among its {side}; return it from the classmethod `ports`."
        )
    return found


# --- building and storing ----------------------------------------------------------------------------


def built(part: Part, seed: int = 0) -> Any:
    """The component with the fresh parameters of a seed, in eval mode."""
    with seeded(seed):
        component = build_part(part, device="cpu")
    return component.eval() if isinstance(component, nn.Module) else component


def stirred(component: nn.Module, seed: int = 1) -> nn.Module:
    """The component with its parameters moved a little, so that what starts at zero is tested too."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in component.parameters():
            if parameter.is_floating_point():
                parameter.add_(torch.randn(parameter.shape, generator=generator).to(parameter), alpha=0.02)
    return component


def check_building(part: Part) -> None:
    """Fresh parameters are finite and those of the seed; on the meta device nothing has values, all has shapes."""
    first, second = own_tensors(built(part)), own_tensors(built(part))
    for name, tensor in first.items():
        if tensor.is_floating_point():
            require(bool(torch.isfinite(tensor).all()), f"{part.label}: {name} starts with values that are not finite.")
        require(
            torch.equal(tensor, second[name]),
            f"{part.label}: {name} differs between two builds under one torch seed; draw from torch's own generator.",
        )
    meta = own_tensors(build_part(part, device="meta"))
    shapes = {name: tuple(tensor.shape) for name, tensor in first.items()}
    require(
        {name: tuple(tensor.shape) for name, tensor in meta.items()} == shapes,
        f"{part.label} has other tensors when it is built on the meta device; create all of them in the constructor.",
    )


def check_storage(part: Part, run: Callable[[nn.Module], list[Tensor]]) -> None:
    """Saved and loaded into a skeleton, every tensor is the same, and so is what the component computes."""
    component = stirred(built(part))
    tensors = {name: tensor.detach().contiguous().clone() for name, tensor in own_tensors(component).items()}
    loaded = build_part(part, device="meta")
    if tensors:
        from safetensors.torch import save_file

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.safetensors"
            save_file(tensors, path)
            with open_tensors(path) as file:
                load_weights(loaded, file)
    else:
        loaded = build_part(part, device="cpu")
    loaded.eval()
    for name, tensor in own_tensors(loaded).items():
        require(torch.equal(tensor, tensors[name]), f"{part.label}: {name} has other values after saving and loading.")
    for mine, theirs in zip(run(component), run(loaded), strict=True):
        require(
            torch.equal(mine, theirs),
            f"{part.label} computes something else after saving and loading; what it needs must be a parameter,"
            " a buffer, or recomputed in reset_parameters.",
        )


def check_determinism(part: Part, run: Callable[[nn.Module], list[Tensor]]) -> None:
    """In eval mode the same input gives the same output, whatever the global random state, and changes no tensor."""
    component = stirred(built(part))
    before = {name: tensor.clone() for name, tensor in own_tensors(component).items()}
    with seeded(1):
        first = run(component)
    with seeded(2):
        second = run(component)
    for mine, theirs in zip(first, second, strict=True):
        require(torch.equal(mine, theirs), f"{part.label} in eval mode gives two results for one input.")
    for name, tensor in own_tensors(component).items():
        require(torch.equal(tensor, before[name]), f"{part.label} in eval mode changes its tensor {name}.")


def check_gradients(part: Part, component: nn.Module, loss: Tensor) -> None:
    """Every trainable parameter receives a finite gradient from the loss."""
    require(bool(torch.isfinite(loss)), f"{part.label}: the loss of random input is not finite.")
    if loss.requires_grad:
        loss.backward()  # type: ignore[no-untyped-call]
    for name, parameter in component.named_parameters():
        if not parameter.requires_grad:
            continue
        gradient = parameter.grad
        if gradient is None:
            raise ConformanceError(f"{part.label}: no gradient reaches the parameter {name}.")
        require(bool(torch.isfinite(gradient).all()), f"{part.label}: the gradient of {name} is not finite.")


# --- values ------------------------------------------------------------------------------------------


def check_latents(part: Part, latents: Any, mask: Tensor | None, wanted: Port) -> None:
    """Latents `[B, N, D]` float, with a mask `[B, N]` where the input had one, as the port declares them."""
    require(isinstance(latents, Latents), f"{part.label} returns {type(latents).__name__} where Latents are expected.")
    x = latents.x
    require(
        x.dim() == 3 and x.is_floating_point(),
        f"{part.label} returns latents of {x.dtype} {list(x.shape)}; float [B, N, D] was expected.",
    )
    if wanted.width is not None:
        require(
            x.shape[-1] == wanted.width, f"{part.label} declares latents of width {wanted.width}, not {x.shape[-1]}."
        )
    if wanted.rate is not None:
        require(
            latents.rate == wanted.rate, f"{part.label} declares {wanted.rate} latents a second, not {latents.rate}."
        )
    if mask is not None:
        got = latents.mask
        require(
            got is not None and got.dtype is torch.bool and got.shape == x.shape[:2],
            f"{part.label} was given a mask; its latents must have one, bool {list(x.shape[:2])}.",
        )
