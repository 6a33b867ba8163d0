"""A model and the models in its slots as one frozen tree, which `resolve` returns and everything else walks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from mmzoo.errors import (
    AmbiguousNameError,
    ConfigError,
    ConfigTypeError,
    PluginError,
    UnknownKeyError,
    UnknownNameError,
)
from mmzoo.hub.published import FoundModel
from mmzoo.model_folder import CONFIG_NAME, ModelConfig, ModelFolder
from mmzoo.registry.names import did_you_mean, show, suggestions

MODEL_KEYS = ("model", "sha256", "pretrained", "frozen")


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model named in a slot of a recipe.

    Args:
        name: A registered name or a source.
        sha256: The pinned digest of its weights file, if any.
        pretrained: False for fresh parameters.
    """

    name: str
    sha256: str | None = None
    pretrained: bool = True

    @classmethod
    def of(cls, value: object, path: str) -> ModelRef:
        """Read an entry of a recipe.

        Args:
            value: A name, or `{"model": name, "sha256": ..., "pretrained": ...}`.
            path: The dotted slot, for messages.

        Raises:
            ConfigTypeError, UnknownKeyError: The value is anything else.
        """
        if isinstance(value, str):
            value = {"model": value}
        if not isinstance(value, Mapping):
            raise _wrong(path, f"the name of a model or a mapping with the key model, not {show(value)}")
        for key in value:
            if key not in MODEL_KEYS:
                hint = did_you_mean(suggestions(str(key), MODEL_KEYS)) or f"there are {', '.join(MODEL_KEYS)}."
                dotted = f"{path}.{key if str(key).isidentifier() else show(key)}"
                raise UnknownKeyError(f"Unknown key {dotted} for a model in a slot: {hint}", path=dotted)
        name, digest, pretrained = value.get("model"), value.get("sha256"), value.get("pretrained", True)
        if not isinstance(name, str):
            raise _wrong(f"{path}.model", f"the name of a model, not {show(name)}")
        if value.get("frozen", True) is not True:
            raise _wrong(f"{path}.frozen", "true: the weights of a model in a slot are stored in its own repo")
        if not isinstance(pretrained, bool):
            raise _wrong(f"{path}.pretrained", "true or false")
        if digest is not None and not (isinstance(digest, str) and re.fullmatch(r"[0-9a-f]{64}", digest)):
            raise _wrong(f"{path}.sha256", f"64 lower-case hexadecimal digits, not {show(digest)}")
        return cls(name, digest, pretrained)

    def entry(self) -> dict[str, Any]:
        """Its entry in a recipe."""
        pinned = {"sha256": self.sha256} if self.sha256 else {}
        return {"model": self.name, **pinned, **({} if self.pretrained else {"pretrained": False})}


def models_in(recipe: Mapping[str, Any]) -> dict[str, ModelRef]:
    """The models that a recipe names, by slot. Raises ConfigTypeError, UnknownKeyError.

    An entry with a `name` is a component, whose config may have its own key `model`.
    """
    return {
        slot: ModelRef.of(value, slot)
        for slot, value in recipe.items()
        if isinstance(value, Mapping) and "model" in value and "name" not in value
    }


def _wrong(path: str, expected: str) -> ConfigTypeError:
    return ConfigTypeError(f"{path} must be {expected}.", path=path)


@dataclass(frozen=True)
class ResolvedModel:
    """A model whose config and card have been read, but no weights.

    Args:
        recipe: The head and the entries of its slots, with overrides applied.
        ref: The name it was requested by, the pinned digest of its weights, and whether to load these.
        models: The models in its slots; a `ModelRef` for one that contains itself or is nested too deep.
        title: The model's own name.
        found: The model that its name stands for.
        folder: Its folder; None if the recipe comes from a registration or from the caller.
        config: The content of `config.json` in that folder.
        stored: The same model without overrides, if there were any.
    """

    recipe: Mapping[str, Any]
    ref: ModelRef = ModelRef("", pretrained=False)
    models: Mapping[str, ResolvedModel | ModelRef] = field(default_factory=dict)
    title: str = ""
    found: FoundModel = field(default_factory=lambda: FoundModel(""))
    folder: ModelFolder | None = None
    config: ModelConfig = field(default_factory=lambda: ModelConfig({}))
    stored: ResolvedModel | None = None

    @property
    def name(self) -> str:
        """The name it was requested by; empty for a recipe without a name."""
        return self.ref.name

    @property
    def pretrained(self) -> bool:
        """Whether its weights are to be loaded."""
        return self.ref.pretrained

    @property
    def license(self) -> str | None:
        """The registered license of its weights, else the one on its card."""
        return self.found.license or (self.folder.license if self.folder is not None else None)

    def walk(self) -> Iterator[ResolvedModel | ModelRef]:
        """The model itself, then the models in its slots, then those in theirs.

        Each name comes once, or twice if the model is used both with its weights and with fresh parameters.
        """
        nodes: list[ResolvedModel | ModelRef] = [self]
        seen: set[tuple[str, bool]] = set()
        for node in nodes:  # the list grows as it is walked
            if (node.name, node.pretrained) not in seen:
                seen.add((node.name, node.pretrained))
                yield node
                nodes += node.models.values() if isinstance(node, ResolvedModel) else ()

    @contextmanager
    def naming_its_file(self) -> Iterator[None]:
        """Prefix errors about a recipe read from `config.json` with the path of that file."""
        try:
            yield
        except (ConfigError, UnknownNameError, AmbiguousNameError, PluginError) as error:
            if self.folder is not None and self.stored is None:
                error.args = (f"{self.folder.path / CONFIG_NAME}: {error}", *error.args[1:])
            raise
