"""A format of another library's model folders, read and written by a two-way key map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmzoo.interfaces import ForeignFormat, Tie


class AcmePart(ForeignFormat):
    """The arguments are the keys of that library's config.json; any other key is an error."""

    ignored = frozenset({"library_version"})
    task = "image-copying"
    modalities = ("image",)

    def __init__(self, *, hidden_size: int = 16, patch_size: int = 4) -> None:
        self.dim, self.patch = hidden_size, patch_size

    def recipe(self) -> Mapping[str, Any]:
        """The recipe of the model in such a folder."""
        encoder = {"name": "acme-part-encoder", "dim": self.dim, "patch": self.patch}
        return {"head": {"name": "acme-part-head", "dim": self.dim}, "encoder": encoder}

    @classmethod
    def config_of(cls, recipe: Mapping[str, Any]) -> Mapping[str, Any]:
        """The inverse of `recipe`."""
        return {"hidden_size": recipe["encoder"]["dim"], "patch_size": recipe["encoder"]["patch"]}

    def ties(self) -> Sequence[Tie]:
        """The other library's name for each tensor of the model; a Tie may also stack, transpose or split."""
        names = [("enter", "patch_embed.proj"), ("leave", "decoder.pred")]
        return [
            Tie((f"encoder.{ours}.{what}",), (f"{theirs}.{what}",))
            for ours, theirs in names
            for what in ("weight", "bias")
        ]
