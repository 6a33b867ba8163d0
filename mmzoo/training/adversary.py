"""The adversary that a recipe asks for: critics from the registry that judge what the head makes."""

from __future__ import annotations

from mmzoo.composition import Part, construct_part, make_part
from mmzoo.errors import ConfigError
from mmzoo.interfaces import Adversary, HasCritics, TaskHead
from mmzoo.training.recipe import AdversaryConfig


def make_adversary(settings: AdversaryConfig, head: TaskHead) -> Adversary:
    """Build the critics with fresh parameters.

    Args:
        settings: The key `adversary` of the recipe.
        head: The model to train.

    Raises:
        ConfigError and its subclasses: The head is not trained against critics, or a critic does not fit.
        UnknownNameError, AmbiguousNameError, PluginError: The name of a critic cannot be used.
    """
    if not isinstance(head, HasCritics):
        raise ConfigError(
            f"The recipe has an adversary, but the head of {head.name or type(head).__name__} is not trained against"
            " critics; leave adversary out.",
            path="adversary",
        )
    parts = [
        make_part(f"adversary.critics[{index}]", "critic", critic)
        for index, critic in enumerate(settings.critics or head.critics)
    ]
    for part in parts:
        _check_modality(part, head)
    critics = [construct_part(part, device="cpu") for part in parts]
    return Adversary(critics, settings.loss, [part.entry() for part in parts])


def _check_modality(part: Part, head: TaskHead) -> None:
    """Raise ConfigError for a critic of something that the head's ports do not put out."""
    config = getattr(head, "config", None)
    made = {} if config is None else type(head).ports(config).outputs
    modalities = sorted({port.modality for port in made.values() if port.modality})
    judged: str = part.cls.modality  # type: ignore[attr-defined]
    if modalities and judged not in modalities:
        raise ConfigError(
            f"{part.slot} names the {part.label}, which judges {judged}, but {head.name or type(head).__name__} makes"
            f" {' and '.join(modalities)}; name another critic.",
            path=part.slot,
        )
