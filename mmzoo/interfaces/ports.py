"""Ports: the inputs and outputs of a component as data, which can be compared before anything is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields


@dataclass(frozen=True, slots=True)
class Port:
    """One side of a connection. None means "any".

    Args:
        modality: speech, image, text or latent.
        width: Channels.
        rate: Positions per second.
        codebook_size: Number of codes in each codebook, for codes.
        codebooks: Number of codebooks, for codes.
        sample_rate: Hz.
    """

    modality: str | None = None
    width: int | None = None
    rate: float | None = None
    codebook_size: int | None = None
    codebooks: int | None = None
    sample_rate: int | None = None

    def mismatches(self, other: Port) -> list[str]:
        """The names of the properties in which two ports differ."""
        return [
            f.name
            for f in fields(self)
            if (mine := getattr(self, f.name)) is not None
            and (theirs := getattr(other, f.name)) is not None
            and mine != theirs
        ]

    def __str__(self) -> str:
        known = [f"{f.name}={value}" for f in fields(self) if (value := getattr(self, f.name)) is not None]
        return ", ".join(known) or "anything"


@dataclass(frozen=True, slots=True)
class Ports:
    """All ports of a component by name, e.g. `inputs={"z": Port(width=36)}`."""

    inputs: Mapping[str, Port] = field(default_factory=dict)
    outputs: Mapping[str, Port] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Slot:
    """A named slot of a task head, which a component or a model fills.

    Args:
        kind: The kind of component; `head` for a model.
        model: Whether a model fills it.
        optional: Whether a recipe may omit it; the attribute is then None, and links to it are not checked.
        contract: A class such as `Tokenizer`, or a runtime-checkable protocol with methods only such as `HasFeatures`,
            that the model must satisfy.
    """

    kind: str
    model: bool = False
    optional: bool = False
    contract: type | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """Two ports that must fit: source `slot.output` and target `slot.input`; the slot `head` is the head itself."""

    source: str
    target: str
