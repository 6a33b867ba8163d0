"""Model folders of other libraries: recognized by config.json, read and written with a plugin's two-way key map."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from mmzoo import registry, schema
from mmzoo.composition.build import own_tensors
from mmzoo.composition.checking import check
from mmzoo.composition.load import some
from mmzoo.composition.plan import class_of
from mmzoo.composition.save import writable, write_weights
from mmzoo.errors import ConfigError, ExtraTensorsError, MissingTensorsError, TensorShapeError
from mmzoo.hub.tree import ResolvedModel
from mmzoo.interfaces.formats import ForeignFormat, Tie
from mmzoo.model_folder import CONFIG_NAME, WEIGHTS_NAME, ModelConfig, ModelFolder
from mmzoo.registry.names import show
from mmzoo.system import write_whole

if TYPE_CHECKING:
    from mmzoo.composition.load import TensorFile
    from mmzoo.interfaces.heads import TaskHead
    from mmzoo.registry.specs import ComponentSpec


def read_config(folder: Path) -> ModelConfig:
    """The `config.json` of a model folder, written by mmzoo or in a registered format.

    Raises:
        ConfigError, UnknownKeyError, ConfigTypeError: The config cannot be read; all messages name the file.
    """
    model, path = ModelFolder(folder), folder / CONFIG_NAME
    if model.is_own:
        return model.config
    foreign = recognized(model.content, path)
    if foreign is None:
        raise ConfigError(
            f"{path} lacks the key format_version; it is neither the config of an mmzoo model nor in a format that an"
            " installed plugin reads (`mmzoo list --kind format`).",
            path="format_version",
        )
    return ModelConfig(foreign.recipe(), "", foreign.task, foreign.modalities, foreign=foreign)


def recognized(content: Mapping[str, Any], path: Path) -> ForeignFormat | None:
    """Another library's config as a registered format; None if no format recognizes it.

    Raises:
        ConfigError, UnknownKeyError, ConfigTypeError: The format cannot read the config.
    """
    matching = [spec for spec in registry.catalog().components("format") if spec.detects(content)]
    if not matching:
        return None
    most = max(len(spec.detect) for spec in matching)
    closest = [spec for spec in matching if len(spec.detect) == most]
    if len(closest) > 1:
        names = " and ".join(f"{spec.plugin}:{spec.name}" for spec in closest)
        raise ConfigError(f"{path} is claimed by the formats {names}; disable one of their plugins.")
    return opened(closest[0], content, str(path))


def opened(spec: ComponentSpec, content: Mapping[str, Any], where: str) -> ForeignFormat:
    """A format constructed from a config whose keys are checked against its constructor.

    Args:
        spec: The registered format.
        content: The config.
        where: The file's name in messages.
    """
    cls: type[ForeignFormat] = class_of(spec)
    known = {key: value for key, value in content.items() if key not in spec.detect and key not in cls.ignored}
    resolved = schema.resolve(cls, known, path="", label=f"{where} (format {spec.name!r})")
    try:
        return cls(**resolved.arguments)
    except ConfigError as error:
        error.args = (f"{where}: {error}", *error.args[1:])
        raise


def tensors_of(config: ModelConfig, file: TensorFile) -> TensorFile:
    """An opened weights file with tensor names translated to those of the model with this config."""
    return file if config.foreign is None else ForeignTensors(file, config.foreign)


class ForeignTensors:
    """A weights file of another library, read by the model's tensor names."""

    def __init__(self, file: TensorFile, foreign: ForeignFormat) -> None:
        self.file, self.ties, self.label = file, foreign.ties(), file.label
        self.spelled = {foreign.spelling(name): name for name in file.entries}
        self.ties_of = {name: (tie, index) for tie in self.ties for index, name in enumerate(tie.ours)}

    @cached_property
    def entries(self) -> Mapping[str, tuple[torch.dtype, tuple[int, ...]]]:
        """Data type and shape of every tensor of the model, derived from the file's.

        Raises:
            MissingTensorsError, ExtraTensorsError, TensorShapeError: The file does not fit; the message uses its names.
        """
        wanted = [name for tie in self.ties for name in tie.theirs]
        if missing := [name for name in wanted if name not in self.spelled]:
            raise MissingTensorsError(f"{self.label} lacks {some(missing)}; its config.json describes another model.")
        if extra := sorted(self.spelled.keys() - set(wanted)):
            raise ExtraTensorsError(
                f"{self.label} also has {some(extra)}, which the model described by its config.json does not have."
            )
        entries = {}
        for tie in self.ties:
            for name, tensor in zip(tie.ours, self._converted(tie, self._blank), strict=True):
                entries[name] = (tensor.dtype, tuple(tensor.shape))
        return entries

    def read(self, name: str) -> Tensor:
        """The values of one tensor of the model."""
        tie, index = self.ties_of[name]
        return self._converted(tie, self.file.read)[index]

    def _blank(self, name: str) -> Tensor:
        dtype, shape = self.file.entries[name]
        return torch.empty(shape, dtype=dtype, device="meta")

    def _converted(self, tie: Tie, read: Any) -> Sequence[Tensor]:
        try:
            return tie.to_ours([read(self.spelled[name]) for name in tie.theirs])
        except (RuntimeError, IndexError, ValueError) as error:
            raise TensorShapeError(
                f"{self.label}: {some(list(tie.theirs))} do not fit together ({schema.first_line(error)}); its"
                " config.json describes another model."
            ) from error


def save_foreign(head: TaskHead, folder: str | Path, name: str) -> Path:
    """Write `config.json` and `model.safetensors` (float32) in another library's layout.

    Args:
        head: The model.
        folder: Created if needed.
        name: A registered format.

    Raises:
        UnknownNameError: There is no such format.
        ConfigError: The format cannot express the model.
        WeightsError: The folder cannot be written.
    """
    folder, spec = Path(folder), registry.catalog().component("format", name)
    cls, recipe = class_of(spec), dict(head.recipe)
    config = dict(_config(cls, recipe, name))
    foreign = opened(spec, config, f"the config for {folder}")
    _compare(check(ResolvedModel(foreign.recipe())).recipe(), recipe, name)
    tensors = own_tensors(head)
    written: dict[str, Tensor] = {}
    for tie in foreign.ties():
        values = tie.to_theirs([tensors[key].detach().float() for key in tie.ours])
        written |= {key: value.contiguous().clone() for key, value in zip(tie.theirs, values, strict=True)}
    with writable(folder):
        write_whole(folder / CONFIG_NAME, json.dumps({**spec.detect, **config}, indent=2) + "\n")
        write_weights(folder / WEIGHTS_NAME, written)
    return folder


def _config(cls: type[ForeignFormat], recipe: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    try:
        return cls.config_of(recipe)
    except (KeyError, TypeError) as error:
        parts = ", ".join(f"{slot} {value.get('name', value.get('model'))!r}" for slot, value in recipe.items())
        raise ConfigError(f"The format {name!r} cannot express a model made of {parts}.") from error


def _compare(there: Mapping[str, Any], here: Mapping[str, Any], name: str) -> None:
    """Raise ConfigError unless reading the config back gives the same parts; the head's settings may differ."""
    for slot in here:
        if slot != "head" and there.get(slot) != here[slot]:
            mine, theirs = here[slot], there.get(slot) or {}
            key = next((key for key in mine if theirs.get(key) != mine[key]), "name")
            raise ConfigError(f"The format {name!r} cannot express {slot}.{key} = {show(mine.get(key))}.")
