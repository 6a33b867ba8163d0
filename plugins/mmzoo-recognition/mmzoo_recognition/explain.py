"""Attributes a class to pixels, spectrogram bins and letters; gates of a fusion; codebook usage."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from mmzoo.data import as_batch
from mmzoo.errors import InputError, MissingDependencyError
from mmzoo.interfaces import Labels, Latents, ModalityEncoder, Tokenizer
from mmzoo.interfaces.keywords import hinted
from mmzoo.nn.mel import BandNorm, LogMel
from mmzoo_recognition.examples import batch_of
from mmzoo_recognition.head import Recognizer

Array = np.ndarray[Any, Any]

MISSING = "Explaining needs captum and matplotlib; run: pip install captum matplotlib"
STEPS, AT_ONCE = 64, 8
"""Integration points between baseline and input, and how many are computed per batch."""
MOST_CODES = 1 << 20
TOLERANCE = 0.05
"""Relative error of the sum of attributions above which a note says so."""
LAYERS: Mapping[str, tuple[type[nn.Module], ...]] = {"speech": (BandNorm, LogMel), "text": (nn.Embedding,)}
"""Encoder layers that output a spectrogram, or a vector for each letter; the first kind present is used."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Evidence for and against a class.

    Args:
        labels: The model's prediction.
        target: The class that is explained.
        attributions: By modality, positive where it supports the class: `[side, side]` of an image, `[frames, bands]`
            of a spectrogram, `[letters]` of a text. If no gradient reaches these, it is the encoder's latents:
            `[rows, columns]` for an image whose latents form a grid, else `[positions]`.
        shown: The inputs as displayed: pixels uint8 `[side, side, 3]`, log-mel energies `[frames, bands]`, and the
            text as the encoder reads it.
        rise: The logit of the class minus its logit at the baseline; all attributions sum to it.
        gates: The weight of each modality in the fusion; empty if it has no gates.
        notes: Caveats about the attributions.
    """

    labels: Labels
    target: str
    attributions: Mapping[str, Array]
    shown: Mapping[str, Any]
    rise: float
    gates: Mapping[str, float]
    notes: tuple[str, ...] = ()


class Seam(NamedTuple):
    """The tensor of a modality that a class is attributed to.

    Args:
        x: Its value, `[1, ...]`.
        baseline: Its value for an empty input.
        onward: Computes the latents from a batch of such values.
        inner: x is the latents themselves.
    """

    x: Tensor
    baseline: Tensor
    onward: Callable[[Tensor], Latents]
    inner: bool = False


@hinted
@torch.enable_grad()
def explain(
    model: Recognizer, *, image: Any = None, speech: Any = None, text: Any = None, target: str | None = None
) -> Explanation:
    """Attribute a class to the parts of one item by integrated gradients (Sundararajan et al., arXiv 1703.01365).

    All modalities move from baseline to input together. The baseline of an image is its mean color; of speech, the mean
    of each band (or noise as faint as its quietest part, if the encoder does not standardize bands); of a text, zero
    embeddings.

    Args:
        model: A model with the recognition head.
        image: An image as `Recognizer.recognize` takes it, or None.
        speech: Speech as `Recognizer.recognize` takes it, or None.
        text: A text, or None.
        target: The class; by default the most probable.

    Raises:
        InputError: No input or a list is given, or the model does not have the class.
        MissingDependencyError: captum is not installed.
    """
    try:
        from captum.attr import IntegratedGradients
    except ImportError as error:
        raise MissingDependencyError(MISSING) from error

    if not isinstance(model, Recognizer):
        raise InputError(f"Only models with the head recognition can be explained, not {type(model).__name__}.")
    given = {"image": image, "speech": speech, "text": text}
    if lists := [name for name, value in given.items() if as_batch(value) is not None]:
        raise InputError(f"{lists[0]} is a list; explain one item at a time.")
    labels = model.recognize(**given)
    target = labels.best if target is None else target
    names = model.names or [str(index) for index in range(model.classes)]
    if target not in names:
        raise InputError(f"The model has no class {target!r}; its classes are {', '.join(names)}.")
    batch = batch_of([given], model.modalities, side=model.side, sample_rate=model.sample_rate)
    seams = {name: seam(model, name, batch) for name in model.modalities if name in batch}

    def logits(*values: Tensor) -> Tensor:
        return model.logits({name: way.onward(x) for (name, way), x in zip(seams.items(), values, strict=True)})

    inputs, baselines = tuple(way.x for way in seams.values()), tuple(way.baseline for way in seams.values())
    index = names.index(target)
    attributions = IntegratedGradients(logits).attribute(
        inputs, baselines, target=index, n_steps=STEPS, internal_batch_size=AT_ONCE
    )
    with torch.no_grad():
        parts = {name: way.onward(way.x) for name, way in seams.items()}
        rise = float((logits(*inputs) - logits(*baselines))[0, index])
    values = {name: value[0].double().cpu().numpy() for name, value in zip(seams, attributions, strict=True)}
    notes = [f"{name}: attributed to positions of latents" for name, way in seams.items() if way.inner]
    total = sum(float(value.sum()) for value in values.values())
    if abs(total - rise) > TOLERANCE * max(1.0, abs(rise)):
        notes.append(f"inexact: attributions add up to {total:.2f}, the logit rose by {rise:.2f}")
    shown = {name: _shown(name, batch, way, model.sample_rate) for name, way in seams.items()}
    laid_out = {name: _laid_out(name, values[name], parts[name], seams[name].inner) for name in seams}
    if "text" in seams and not seams["text"].inner:
        laid_out["text"] = _by_letter(laid_out["text"], shown["text"])
    return Explanation(labels, target, laid_out, shown, rise, _gates(model, parts), tuple(notes))


# --- what a class is attributed to --------------------------------------------------------------------


def seam(model: Recognizer, name: str, batch: Mapping[str, Tensor]) -> Seam:
    """The pixels, spectrogram or letter embeddings of a modality; its latents if no gradient reaches those."""
    encoder: ModalityEncoder = getattr(model, name)
    mask = batch.get(f"{name}_mask")
    with torch.no_grad():
        raw, seen_mask = model._seen(name, batch[name], mask)
    if name == "image" and model.image_model is None:
        ways = [Seam(raw, _blank(name, batch[name]).to(raw), encoder.encode)]
    else:
        ways = list(_layer_seams(encoder, name, raw, seen_mask))
    if len(ways) == 1 and _reaches(ways[0]):
        return ways[0]
    with torch.no_grad():
        latents = encoder.encode(raw, seen_mask)
        # Not zeros: a fusion normalizes its inputs, so near zero small values would count as much as large ones.
        baseline = encoder.encode(*model._seen(name, _blank(name, batch[name]), mask)).x
    return Seam(latents.x, baseline, partial(_with_x, latents), inner=True)


def _blank(name: str, raw: Tensor) -> Tensor:
    """An image of its mean color, silence or spaces, in the layout of `batch_of`."""
    if name == "image":
        return (raw.float().mean((1, 2), keepdim=True) / 255).expand(raw.shape)
    return torch.zeros_like(raw) if name == "speech" else torch.full_like(raw, ord(" "))


def _layer_seams(encoder: ModalityEncoder, name: str, raw: Tensor, mask: Tensor | None) -> Iterator[Seam]:
    """A seam at the output of each encoder layer of the first kind in LAYERS that is present."""
    kinds = (kind for kind in LAYERS.get(name, ()) if any(isinstance(layer, kind) for layer in encoder.modules()))
    wanted = next(kinds, ())
    for layer in encoder.modules():
        if isinstance(layer, wanted):
            outputs = _outputs(encoder, layer, raw, mask)
            if len(outputs) == 1 and (name != "text" or outputs[0].shape[:2] == raw.shape):
                baseline = _hiss(layer, outputs[0]) if isinstance(layer, LogMel) else torch.zeros_like(outputs[0])
                yield Seam(outputs[0], baseline, partial(_through, encoder, layer, raw, mask))


def _hiss(layer: LogMel, x: Tensor) -> Tensor:
    """White noise as faint as the quietest part of a spectrogram `[1, frames, bands]`.

    A constant baseline would be worse: an encoder that normalizes frames amplifies the first small deviation from it,
    so almost all of the change would fall into the first integration step.
    """
    bands = layer.filters.sum(0).clamp_min(0.1).log()
    return (x.min() + bands - bands.min()).expand_as(x)


def _outputs(encoder: ModalityEncoder, layer: nn.Module, raw: Tensor, mask: Tensor | None) -> list[Tensor]:
    """Every output of a layer during one `encode`."""
    outputs: list[Tensor] = []
    with torch.no_grad(), _hooked(layer, lambda module, inputs, output: outputs.append(output)):
        encoder.encode(raw, mask)
    return outputs


def _through(encoder: ModalityEncoder, layer: nn.Module, raw: Tensor, mask: Tensor | None, x: Tensor) -> Latents:
    """The latents of B items when x `[B, ...]` replaces the output of the layer."""
    with _hooked(layer, lambda *_: x):
        return encoder.encode(_repeated(raw, len(x)), None if mask is None else _repeated(mask, len(x)))


@contextmanager
def _hooked(layer: nn.Module, hook: Callable[..., Any]) -> Iterator[None]:
    handle = layer.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def _with_x(latents: Latents, x: Tensor) -> Latents:
    return replace(latents, x=x, mask=None if latents.mask is None else _repeated(latents.mask, len(x)))


def _repeated(one: Tensor, count: int) -> Tensor:
    return one.expand(count, *one.shape[1:])


def _reaches(way: Seam) -> bool:
    """Whether the gradient of the latents with respect to x is nonzero."""
    x = way.x.detach().clone().requires_grad_()
    latents = way.onward(x).x.flatten()
    # Weighted, because the plain sum of normalized values does not depend on x.
    total = (latents * torch.arange(len(latents), device=latents.device).cos()).sum()
    slope = torch.autograd.grad(total, x, allow_unused=True)[0] if total.requires_grad else None
    return slope is not None and bool(slope.any())


# --- what is shown -----------------------------------------------------------------------------------


def _shown(name: str, batch: Mapping[str, Tensor], way: Seam, sample_rate: int) -> Any:
    if name == "text":
        return bytes(batch["text"][0].tolist()).decode()
    if name == "speech":
        return log_mel(batch["speech"][0].numpy(), sample_rate) if way.inner else way.x[0].float().cpu().numpy()
    return batch["image"][0].numpy()


def log_mel(samples: Array, sample_rate: int) -> Array:
    """Samples `[T]` to log-mel energies `[frames, 64]` at 100 frames per second, for display."""
    hop = sample_rate // 100
    mel = LogMel(sample_rate=sample_rate, window=4 * hop, hop=hop, bands=64)
    energies: Array = mel(torch.from_numpy(np.pad(samples, (0, -len(samples) % hop))).unsqueeze(0))[0].numpy()
    return energies


def _laid_out(name: str, values: Array, latents: Latents, inner: bool) -> Array:
    """Attributions summed over colors or channels; those of an image's latents on their grid."""
    if name == "speech" and not inner:
        return values
    summed: Array = values.sum(-1)
    if name == "image" and inner:
        side = math.isqrt(len(summed))
        grid = latents.grid or ((side, side) if side * side == len(summed) else (len(summed),))
        return summed.reshape(grid)
    return summed


def _by_letter(values: Array, text: str) -> Array:
    """Attributions of the bytes of a text, summed for each letter."""
    lengths = [len(letter.encode()) for letter in text]
    summed: Array = np.add.reduceat(values, np.cumsum([0, *lengths[:-1]]))
    return summed


def _gates(model: Recognizer, parts: Mapping[str, Latents]) -> dict[str, float]:
    try:
        with torch.no_grad():
            gates = model.fusion.gates(parts)
    except InputError:  # this fusion has no gates
        return {}
    return {name: float(gates[name][0]) for name in parts}


# --- codes -------------------------------------------------------------------------------------------


def codebook_usage(tokenizer: Tokenizer, given: Any) -> list[Array]:
    """Count how often each code occurs.

    Args:
        tokenizer: A tokenizer.
        given: An input of `tokenize`, or a list of them; they are encoded one by one, so images may differ in size.

    Returns:
        Counts int64 `[size]` for each codebook.

    Raises:
        InputError: A codebook has too many codes to count each, as that of FSQ may.
    """
    if (largest := max(tokenizer.codebook_sizes)) > MOST_CODES:
        raise InputError(f"A codebook of {largest:,} codes is too large to count each; the limit is {MOST_CODES:,}.")
    counts = [np.zeros(size, np.int64) for size in tokenizer.codebook_sizes]
    for one in given if isinstance(given, list) else [given]:
        codes = tokenizer.tokenize(one).flatten(0, 1).cpu().numpy()
        for count, column in zip(counts, codes.T, strict=True):
            count += np.bincount(column[column >= 0], minlength=len(count))
    return counts
