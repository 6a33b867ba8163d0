"""golden.safetensors: small inputs and outputs stored with a model, to prove that a copy of it works.

The outputs are floats before quantization and decodings of stored codes, never sampled codes, so every machine
reproduces them up to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from mmzoo.errors import GoldenError, MmzooError
from mmzoo.hub.tensor_file import open_tensors
from mmzoo.interfaces import TaskHead
from mmzoo.model_folder import GOLDEN_NAME
from mmzoo.system import whole_file

TOLERANCE = 1e-4


def write_golden(head: TaskHead, folder: Path) -> Path | None:
    """Compute and store the golden inputs and outputs of a head in eval mode; returns None if it has none."""
    from safetensors.torch import save_file

    with torch.inference_mode():
        inputs, outputs = head.golden(None)
    if not outputs:
        return None
    tensors = {f"input.{name}": tensor for name, tensor in inputs.items()}
    tensors |= {f"output.{name}": tensor.float() for name, tensor in outputs.items()}
    path = folder / GOLDEN_NAME
    with whole_file(path) as staged:
        save_file({name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}, staged)
    return path


def check_golden(head: TaskHead, folder: Path, tolerance: float = TOLERANCE) -> Mapping[str, float]:
    """Recompute the stored outputs and compare them.

    Args:
        head: The model in eval mode.
        folder: The model's folder.
        tolerance: The largest error allowed.

    Returns:
        By output name, the largest absolute error divided by the largest absolute value, or by 1 if that is smaller.

    Raises:
        GoldenError: An error exceeds the tolerance, or the model cannot use the inputs.
        CorruptFileError: The file is missing or malformed.
    """
    with open_tensors(folder / GOLDEN_NAME) as file:
        stored = {name: file.read(name).clone() for name in file.entries}
    inputs = {name.removeprefix("input."): t.to(head.device) for name, t in stored.items() if name.startswith("input.")}
    expected = {name.removeprefix("output."): t for name, t in stored.items() if name.startswith("output.")}
    try:
        with torch.inference_mode():
            _, outputs = head.golden(inputs)
    except MmzooError:
        raise
    except Exception as error:
        raise GoldenError(
            f"{folder / GOLDEN_NAME} holds inputs that the model cannot use ({type(error).__name__}); get the file"
            " that belongs to it."
        ) from error
    if not expected or expected.keys() != outputs.keys():
        raise GoldenError(
            f"{folder / GOLDEN_NAME} holds the outputs {', '.join(expected) or 'none'}, and the model returns"
            f" {', '.join(outputs) or 'none'}; get the file that belongs to it, or write it with `mmzoo card`."
        )
    errors: dict[str, float] = {}
    for name, tensor in expected.items():
        if outputs[name].shape != tensor.shape or tensor.numel() == 0:
            raise GoldenError(
                f"{folder / GOLDEN_NAME} holds the output {name!r}, which the model does not return in that shape;"
                " get the file that belongs to it."
            )
        scale = max(1.0, float(tensor.abs().max()))
        errors[name] = float((outputs[name].float().cpu() - tensor).abs().max()) / scale
    wrong = [f"{name} by {error:.2g}" for name, error in errors.items() if not error <= tolerance]
    if wrong:
        raise GoldenError(
            f"The model in {folder} does not reproduce its stored outputs ({', '.join(wrong)}; at most {tolerance:g} is"
            " allowed); its weights or the code that runs them has changed."
        )
    return errors
