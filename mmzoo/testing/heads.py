"""The contract of a TaskHead with its slots filled."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch

from mmzoo.composition import submodels
from mmzoo.interfaces import Audio, Exportable, Generates, HasFeatures, Image, Port, Runner, Trainable
from mmzoo.registry import load_target
from mmzoo.registry.specs import HeadSpec
from mmzoo.schema import arguments_of
from mmzoo.testing.common import Checks, ConformanceError, NotChecked, applicable, require
from mmzoo.testing.encoders import raw_batch
from mmzoo.testing.filled_head import FilledHead
from mmzoo.testing.registration import RegisteredTrial, require_json
from mmzoo.testing.rows import rows_of
from mmzoo.testing.values import close, padding_of

if TYPE_CHECKING:
    from datasets import Dataset
    from torch import Tensor


class HeadTrial(RegisteredTrial, FilledHead):
    """A head with its slots filled, and rows if it can be trained."""

    def __init__(
        self,
        kind: str,
        name: str,
        config: Mapping[str, Any],
        *,
        slots: Mapping[str, Any] | None = None,
        rows: Any = None,
        batch: int = 2,
    ) -> None:
        """`rows` takes a dataset, or any value that `rows` of a trial takes."""
        super().__init__(kind, name, config)
        self.slots, self.trial_rows, self.batch = slots or {}, rows, batch

    @cached_property
    def rows(self) -> Dataset | None:
        return rows_of(self.trial_rows)

    @cached_property
    def recipe(self) -> Mapping[str, Any]:
        if not isinstance(self.slots, Mapping):
            raise ConformanceError(
                f"{self.label} has a trial with slots={self.slots!r}; a mapping of slots to parts was expected."
            )
        self.load()
        return {"head": {"name": self.name, **self.config}, **self.slots}

    def checks(self) -> Checks:
        return {
            "registration": self.check_registration,
            "prompts": self.check_prompts,
            "unknown-keys": self.check_unknown_keys,
            "config": self.check_config,
            "network": self.check_offline,
            "ports": self.check_links,
            "build": self.check_build,
            "meta": self.check_meta,
            "modes": self.check_modes,
            "determinism": self.check_determinism,
            "training": self.check_training,
            "batch-keys": self.check_keys,
            "masks": self.check_masks,
            "batch": self.check_batch,
            "gradients": self.check_gradients,
            "storage": self.check_storage,
            **self.running_checks(),
        }

    def check_registration(self) -> None:
        """Also: its runner, if it has one, is a `Runner`, and the head is `Exportable`."""
        super().check_registration()
        spec = self.spec
        if isinstance(spec, HeadSpec) and spec.runner is not None:
            runner: Any = load_target(spec.runs())
            require(
                isinstance(runner, type) and issubclass(runner, Runner),
                f"{self.label} is registered with the runner {spec.runner}, which is not a mmzoo.interfaces.Runner.",
            )
            require(
                issubclass(self.load(), Exportable),
                f"{self.label} has a runner, but lacks graphs, settings or specimen, which exporting needs.",
            )

    def check_prompts(self) -> None:
        """The arguments of `generate_item` are a schema, `seed` is one of them, and it says what it makes."""
        cls: Any = self.load()
        applicable(isinstance(cls, Generates), "it generates nothing from a prompt")
        require(
            cls.generates in (Audio, Image, str),
            f"{self.label}: generates must be Audio, Image or str, not {cls.generates!r}.",
        )
        require(
            "seed" in arguments_of(cls.generate_item),
            f"{self.label}: generate_item needs an argument seed, on which all its random draws depend.",
        )

    def check_config(self) -> None:
        """The config and the recipe survive a JSON round trip."""
        super().check_config()
        require_json(self.plan.recipe(), f"The recipe of {self.label}")

    def check_offline(self) -> None:
        self.check_import()
        FilledHead.check_offline(self)

    def check_links(self) -> None:
        """Both ends of every link are declared ports."""
        plan = self.plan
        ports = {"head": plan.head.ports()}
        ports |= {slot: part.ports() for slot, part in plan.parts.items()}
        ports |= {slot: model.head.ports() for slot, model in plan.models.items()}
        for link in getattr(plan.head.cls, "links", ()):
            for end, side in ((link.source, "outputs"), (link.target, "inputs")):
                slot, _, port = end.partition(".")
                if slot == "head" or slot in plan.models:
                    require(
                        port in getattr(ports[slot], side),
                        f"{self.label} links {end}, but {slot} declares no such port among its {side}.",
                    )

    def check_modes(self) -> None:
        """Models in slots stay in eval mode during training."""
        head = self.fresh().train()
        applicable(bool(submodels(head)), "it has no models in its slots")
        for slot, model in submodels(head).items():
            require(
                not model.training,
                f"{self.label}: the model in slot {slot} must stay in eval mode; do not override TaskHead.train.",
            )

    def check_training(self) -> None:
        """Equal batches and generators give equal losses, and no gradient reaches the models in slots."""
        totals = []
        for _ in range(2):
            head = self.fresh().train()
            total = self.loss(head)
            total.backward()  # type: ignore[no-untyped-call]
            totals.append(total.detach())
            for slot, model in submodels(head).items():
                for name, parameter in model.named_parameters():
                    require(
                        parameter.grad is None,
                        f"{self.label}: a gradient reaches {slot}.{name}, which belongs to the model in a slot.",
                    )
        require(
            close(totals[0], totals[1]),
            f"{self.label}: one batch under one seed gives two losses; draw from the given generator.",
        )

    def check_keys(self) -> None:
        """`batch_keys` names every key that a training step reads."""
        head = self.fresh()
        batch = self.make_batch(head)
        assert isinstance(head, Trainable)
        missing = sorted(set(head.batch_keys) - set(batch))
        require(not missing, f"{self.label}: its batch_keys name {', '.join(missing)}, which a batch does not have.")
        for key in set(batch) - set(head.batch_keys):
            try:
                self.train_step(head, {name: value for name, value in batch.items() if name != key})
            except KeyError as error:
                if error.args[:1] != (key,):
                    continue
                raise ConformanceError(
                    f"{self.label}: a training step reads {key!r}, which is missing from batch_keys."
                ) from error
            except Exception:  # without this key the batch may be unusable, which is not checked here
                continue

    def check_masks(self) -> None:
        """The contents of padding in a training batch do not affect the loss.

        Padding of the key `x`, or `xs`, is where the batch's `x_mask` is False.
        """
        head = self.fresh()
        batch = self.make_batch(head)
        filled = {key: _filled(key, value, batch) for key, value in batch.items()}
        padded = [key for key in batch if not torch.equal(filled[key], batch[key])]
        applicable(bool(padded), "its batches have no padding marked by a mask `x_mask`")
        first, second = self.train_step(head, batch), self.train_step(head, filled)
        require(
            close(second.total.detach(), first.total.detach()),
            f"{self.label}: the contents of padding in {', '.join(padded)} affect the loss; respect the masks.",
        )

    @torch.no_grad()
    def check_batch(self) -> None:
        """Padding an item in a batch does not change its features."""
        head = self.component()
        if not isinstance(head, HasFeatures):
            raise NotChecked("not applicable: it has no `features`, the only batched method that heads share")
        outputs = self.plan.head.ports().outputs
        modalities = [
            name for name in ("speech", "image", "text") if name in outputs and outputs[name].modality == name
        ]
        applicable(
            bool(modalities), "`features` takes speech, image or text, and no output port has one of these names"
        )
        raw, *mask = raw_batch(modalities[0], Port())
        together = head.features(raw, *mask).x
        alone = head.features(raw[1:, : int(mask[0][1].sum())] if mask else raw[1:]).x
        require(
            close(together[1:, : alone.shape[1]].float(), alone.float()),
            f"{self.label} gives an item other features when it is padded in a batch; respect the mask.",
        )


def _filled(key: str, value: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
    """A tensor of a batch with different values in its padding, or as it is if it has no mask."""
    mask = batch.get(f"{key}_mask", batch.get(f"{key.removesuffix('s')}_mask"))
    if mask is None or mask.dtype is not torch.bool or value.shape[: mask.dim()] != mask.shape:
        return value
    return torch.where(padding_of(value, mask), (value + 1).to(value.dtype), value)
