"""Every error that mmzoo raises on purpose.

A message is one sentence that says what happened, where, what was expected and what to do. The class determines the
exit code of the command line: 1 for a failure, 2 for bad usage or configuration, 3 for network and Hub problems.
"""

from __future__ import annotations

from collections.abc import Sequence


class MmzooError(Exception):
    """Base of all errors raised by mmzoo and its plugins."""

    exit_code = 1


class UsageError(MmzooError):
    """The request is invalid: a name, key, value or input."""

    exit_code = 2


# --- names and plugins -------------------------------------------------------------------------------


class UnknownNameError(UsageError):
    """No model, component, tag or command has this name."""

    def __init__(self, message: str, *, name: str = "", suggestions: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.name = name
        self.suggestions = tuple(suggestions)


class AmbiguousNameError(UsageError):
    """Two plugins supply this name; `distribution:name` selects one."""

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
    """A recipe, config file or override is invalid. `path` is the dotted key."""

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class UnknownKeyError(ConfigError, TypeError):
    """A config has a key that does not exist; also a TypeError, because such a key may be an argument of `create`."""


class ConfigTypeError(ConfigError):
    """A config value has the wrong type or is out of range."""


class PortError(ConfigError):
    """Two parts of a recipe do not fit together."""


class OverrideError(ConfigError):
    """An override would change tensors of a model that is loaded with weights."""


# --- weights -----------------------------------------------------------------------------------------


class WeightsError(MmzooError):
    """The weights cannot be used."""


class NoWeightsError(WeightsError, UsageError):
    """The model has no published weights."""

    exit_code = 2


class MissingTensorsError(WeightsError):
    """The file lacks tensors that the model has."""


class ExtraTensorsError(WeightsError):
    """The file has tensors that the model does not have."""


class TensorShapeError(WeightsError):
    """A tensor's shape differs from the model's."""


class TensorValueError(WeightsError):
    """A tensor holds NaN or infinity."""


class CorruptFileError(WeightsError):
    """The safetensors file is truncated or malformed."""


class HeaderTooLargeError(CorruptFileError):
    """The safetensors header exceeds the size that mmzoo reads."""


class ChecksumError(WeightsError):
    """A file's sha256 differs from the pinned one."""


class LockError(WeightsError):
    """The environment does not match the lock file."""


class GoldenError(WeightsError):
    """A model does not reproduce its stored golden outputs."""


class ExportError(MmzooError):
    """A model cannot be exported, or its graphs do not reproduce it."""


# --- running -----------------------------------------------------------------------------------------


class InputError(UsageError):
    """A model cannot use the input it was given."""


class DataError(MmzooError):
    """A dataset is empty, lacks a column or has an unreadable row."""


class TrainingError(MmzooError):
    """Training cannot start or continue."""


class CheckpointError(TrainingError):
    """A checkpoint is corrupt or belongs to another run."""


class HubError(MmzooError):
    """The Hub did not return what was requested."""

    exit_code = 3
