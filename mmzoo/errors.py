"""Every error mmzoo raises on purpose, in one tree.

A message is one sentence that says what happened, where, what was expected and what to do. The class
decides the exit code of the command line: 1 for a failure, 2 for bad usage or configuration, 3 for
network and Hub trouble.
"""

from __future__ import annotations

from collections.abc import Sequence


class MmzooError(Exception):
    """Base of all errors raised by mmzoo and its plugins."""

    exit_code = 1


class UsageError(MmzooError):
    """The request itself is wrong: a name, a key, a value or an input."""

    exit_code = 2


# --- names and plugins -------------------------------------------------------------------------------


class UnknownNameError(UsageError):
    """No model, component, tag or command has this name."""

    def __init__(self, message: str, *, name: str = "", suggestions: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.name = name
        self.suggestions = tuple(suggestions)


class AmbiguousNameError(UsageError):
    """Two plugins supply this name; a `distribution:name` chooses one."""

    def __init__(self, message: str, *, name: str = "", candidates: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.name = name
        self.candidates = tuple(candidates)


class PluginError(MmzooError):
    """A plugin could not be loaded or used."""

    def __init__(self, message: str, *, plugin: str = "") -> None:
        super().__init__(message)
        self.plugin = plugin


class MissingPluginError(PluginError):
    """The plugin that would supply a name is not installed."""


class BrokenPluginError(PluginError):
    """The plugin that supplies a name is installed but failed to load."""


class MissingDependencyError(PluginError):
    """A component needs a Python package that is not installed."""


# --- configuration and composition -------------------------------------------------------------------


class ConfigError(UsageError):
    """A recipe, config file or override is wrong. `path` is the dotted key."""

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class UnknownKeyError(ConfigError):
    """A config key that nothing reads."""


class ConfigTypeError(ConfigError):
    """A config value of the wrong type or outside its range."""


class PortError(ConfigError):
    """Two parts of a recipe do not fit together."""


class OverrideError(ConfigError):
    """An override would change tensors of a model whose weights are to be loaded."""


# --- weights -----------------------------------------------------------------------------------------


class WeightsError(MmzooError):
    """Weights cannot be used."""


class NoWeightsError(WeightsError, UsageError):
    """The model has no published weights."""

    exit_code = 2


class MissingTensorsError(WeightsError):
    """The file lacks tensors that the model has."""


class ExtraTensorsError(WeightsError):
    """The file has tensors that the model does not have."""


class TensorShapeError(WeightsError):
    """A tensor has another shape than the model's."""


class TensorValueError(WeightsError):
    """A tensor holds NaN or infinity."""


class CorruptFileError(WeightsError):
    """The safetensors file is truncated or malformed."""


class HeaderTooLargeError(CorruptFileError):
    """The safetensors header is larger than mmzoo reads."""


class ChecksumError(WeightsError):
    """A file's sha256 is not the pinned one."""


class LockError(WeightsError):
    """What is here is not what a lock file says."""


class GoldenError(WeightsError):
    """A model does not reproduce the outputs that were stored with it."""


# --- running -----------------------------------------------------------------------------------------


class InputError(UsageError):
    """A model was given input it cannot use."""


class DataError(MmzooError):
    """A dataset is empty, lacks a column or holds a row that cannot be read."""


class TrainingError(MmzooError):
    """Training cannot start or go on."""


class CheckpointError(TrainingError):
    """A checkpoint does not verify or does not belong to this run."""


class HubError(MmzooError):
    """The Hub did not give what was asked for."""

    exit_code = 3
