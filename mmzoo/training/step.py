"""One update: forward, backward, the adversary, clipping, skipping non-finite updates, the average."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from torch import Tensor, nn

from mmzoo.composition import own_tensors, submodels
from mmzoo.errors import ConfigError, PluginError, TrainingError
from mmzoo.interfaces import Adversary, Examples, Losses, TaskHead, Trainable, TrainingState
from mmzoo.training.ema import Ema, OwnTensors
from mmzoo.training.optim import adamw, gradient_norm, lr_factor, set_lr, trainable_parameters
from mmzoo.training.recipe import TrainingRecipe
from mmzoo.training.seeds import generator_for, seed_everything


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one update.

    Attributes:
        values: The scalars of this step, on the device.
        skipped: Why the update was skipped, or empty.
        flags: Each True if any rank set it.
    """

    values: Mapping[str, Tensor]
    skipped: str
    flags: tuple[bool, ...]


class _Task(nn.Module):
    """The head's training step as a `forward`, which DDP and autocast wrap.

    Only the total is returned, because DDP joins all outputs into one graph and the adversary's loss needs its own
    backward pass; `losses` holds the rest.
    """

    losses: Losses

    def __init__(self, head: TaskHead) -> None:
        super().__init__()
        self.head = head

    def forward(self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState) -> Tensor:
        self.losses = losses_of(self.head, batch, generator, state)
        return self.losses.total


def losses_of(head: TaskHead, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState) -> Losses:
    """The losses of one batch: the head's, and of each jointly trained model those of its own training step."""
    losses = trainable(head).training_step(batch, generator, state)
    models = {id(model): slot for slot, model in submodels(head).items() if slot in state.joint}  # each model once
    for slot in models.values():
        own = trainable(getattr(head, slot)).training_step(batch, generator)
        parts = {f"{slot}_{name}": value for name, value in own.parts.items()}
        losses = Losses(losses.total + own.total, {**losses.parts, **parts}, losses.adversary)
    return losses


def trainable(head: TaskHead) -> Trainable:
    """The head itself, typed as trainable. Raises TrainingError if it lacks the methods."""
    keys = getattr(head, "batch_keys", ())
    if isinstance(head, Trainable) and not isinstance(keys, str):
        return head
    missing = [name for name in ("batch_keys", "examples", "training_step") if not hasattr(head, name)]
    why = f"does not define {', '.join(missing)}" if missing else f"has the text {keys!r} as batch_keys, not a tuple"
    raise TrainingError(f"{head.name or type(head).__name__} cannot be trained: its head {why}.")


def check_batch_keys(head: TaskHead, joint: Sequence[str], examples: Examples) -> None:
    """Raise an error unless the examples' batches hold what the training steps of the head and of joint models need."""
    if isinstance(getattr(examples, "keys", ""), str):
        raise PluginError(
            f"The examples of {head.name or type(head).__name__} do not declare their keys; give their class an"
            " attribute keys, a tuple of the keys of its batches."
        )
    for slot, model in [("", head), *(pair for pair in submodels(head).items() if pair[0] in joint)]:
        missing = sorted(set(trainable(model).batch_keys) - set(examples.keys))
        if missing and slot:
            raise ConfigError(
                f"model.joint names {slot!r}, whose own loss needs {missing[0]!r}, which the batches of"
                f" {head.name or 'this model'} lack; train it on its own.",
                path="model.joint",
            )
        if missing:
            raise PluginError(
                f"The training step of {head.name or type(head).__name__} needs {missing[0]!r}, but its examples"
                f" declare only {', '.join(examples.keys)}; fix its plugin."
            )


def _submodule(head: nn.Module, path: str) -> nn.Module:
    try:
        return head.get_submodule(path)
    except AttributeError as error:
        raise ConfigError(
            f"model.freeze names {path!r}, which is not part of the model; name a submodule.", path="model.freeze"
        ) from error


def _nested(head: TaskHead, joint: Collection[str]) -> list[str]:
    """The model slots of jointly trained models, as dotted paths: what fills them stays frozen."""
    return [f"{slot}.{inner}" for slot in sorted(joint) for inner in submodels(getattr(head, slot))]


def _unfreeze(head: TaskHead, joint: Collection[str], frozen: Sequence[nn.Module]) -> None:
    """Let the jointly trained models learn. Raises ConfigError for one that is also part of a frozen model."""
    kept = {id(parameter) for module in frozen for parameter in module.parameters()}
    for slot in joint:
        for tensor in own_tensors(getattr(head, slot)).values():
            if id(tensor) in kept:
                raise ConfigError(
                    f"model.joint names {slot!r}, whose model is also part of a slot that stays frozen; name all slots"
                    " that hold it.",
                    path="model.joint",
                )
            if isinstance(tensor, nn.Parameter):
                tensor.requires_grad_(True)


def _check_freeze(joint: Collection[str], freeze: Sequence[str]) -> None:
    """Raise ConfigError for paths that freeze what is to be trained: everything, or a whole joint model."""
    for path in freeze:
        if not path or path in joint:
            what = f"{path!r}, which model.joint trains" if path else "the whole model"
            raise ConfigError(f"model.freeze names {what}; name a part of it.", path="model.freeze")


class Stepper:
    """A head in training, with its optimizers and its average.

    Args:
        recipe: The training recipe.
        head: The model to train.
        adversary: Its adversary, if the recipe has one.
        accelerator: The devices and processes to train on.
    """

    def __init__(
        self, recipe: TrainingRecipe, head: TaskHead, adversary: Adversary | None, accelerator: Accelerator
    ) -> None:
        self.recipe = recipe
        self.head = head
        self.accelerator = accelerator
        if unknown := set(recipe.model.joint) - set(submodels(head)):
            raise ConfigError(
                f"model.joint names {sorted(unknown)[0]!r}; the slots of this model that hold a model are"
                f" {', '.join(submodels(head)) or 'none'}.",
                path="model.joint",
            )
        _check_freeze(recipe.model.joint, recipe.model.freeze)
        self.joint = frozenset(recipe.model.joint)
        self.slots = [*(name for name in submodels(head) if name not in self.joint), *_nested(head, self.joint)]
        slot_models = [head.get_submodule(name) for name in self.slots]
        _unfreeze(head, self.joint, slot_models)
        self.frozen = [*slot_models, *(_submodule(head, path) for path in recipe.model.freeze)]
        for module in self.frozen:
            module.requires_grad_(False)
        self.adversary = adversary
        if self.adversary is not None:
            self.adversary.to(accelerator.device)
            if accelerator.num_processes > 1:
                broadcast([tensor.data for tensor in self.adversary.state_dict().values()])
        head.to(accelerator.device)
        self.own = OwnTensors(head, tuple(f"{name}." for name in self.slots))
        self.ema = Ema(self.own, decay=recipe.ema.decay, warmup=recipe.ema.warmup)
        self.parameters = trainable_parameters(head)
        self._list = list(self.parameters.values())
        self._ids = {id(parameter) for parameter in head.parameters()}
        settings = recipe.optimizer
        self.optimizer: torch.optim.Optimizer = adamw(
            self.parameters,
            lr=settings.lr,
            betas=(settings.betas[0], settings.betas[1]),
            weight_decay=settings.weight_decay,
            eps=settings.eps,
        )
        self._inner = _Task(head)
        self._task, self._stepped = accelerator.prepare(self._inner, self.optimizer)
        self.adversary_parameters: dict[str, nn.Parameter] = {}
        self.adversary_optimizer: torch.optim.Optimizer | None = None
        if self.adversary is not None and recipe.adversary is not None:
            self.adversary_parameters = trainable_parameters(self.adversary)
            self.adversary_optimizer = adamw(
                self.adversary_parameters,
                lr=recipe.adversary.lr,
                betas=(recipe.adversary.betas[0], recipe.adversary.betas[1]),
                weight_decay=recipe.adversary.weight_decay,
                eps=recipe.adversary.eps,
            )

    def train_mode(self) -> None:
        """Put all in training mode, except frozen submodules and models in slots that are not trained jointly."""
        self.head.train()
        for name in self.joint:
            getattr(self.head, name).train()
        for module in self.frozen:
            module.eval()
        if self.adversary is not None:
            self.adversary.train()

    def lr(self, step: int) -> float:
        """The learning rate of update `step`, counted from 0."""
        o = self.recipe.optimizer
        factor = lr_factor(
            step, steps=self.recipe.steps, warmup_steps=o.warmup_steps, final_fraction=o.final_lr_fraction
        )
        return o.lr * factor

    def adversary_lr(self, step: int) -> float:
        """The adversary's rate: constant after warm-up, because it must keep up with the model to the end."""
        a = self.recipe.adversary
        return 0.0 if a is None else a.lr * min(1.0, (step - a.start_step + 1) / max(1, a.warmup_steps))

    def state(self, step: int | None = None) -> TrainingState:
        """What takes part in update `step`; None means validation, which has no adversary."""
        settings = self.recipe.adversary
        if self.adversary is None or settings is None or step is None:
            return TrainingState(joint=self.joint)
        active = self.adversary if step >= settings.start_step else None
        return TrainingState(adversary=active, joint=self.joint)

    def update(self, batch: Mapping[str, Tensor], step: int, flags: tuple[bool, ...]) -> Outcome:
        """Make update `step`, and combine `flags` with those of the other ranks."""
        seed, rank = self.recipe.seed, self.accelerator.process_index
        seed_everything(seed, "step", step, rank)
        generator = generator_for(seed, "noise", step, rank)
        settings = self.recipe.adversary
        total: Tensor = self._task(batch, generator, self.state(step))
        adversary_loss = self._inner.losses.adversary
        self._backward(total, adversary_loss)
        norm = self._clip(self._list, self.recipe.optimizer.clip)
        finite = torch.isfinite(norm) & torch.isfinite(total.detach())
        values = {"loss": total.detach(), **self._inner.losses.parts, "grad_norm": norm}
        if adversary_loss is not None and settings is not None:
            adversary_norm = self._clip(list(self.adversary_parameters.values()), settings.clip)
            finite &= torch.isfinite(adversary_norm)
            values |= {"adversary": adversary_loss.detach(), "adversary_norm": adversary_norm}
        del self._inner.losses  # and with it the rest of the graph
        bad, *shared = self._any_rank((not bool(finite), *flags))
        if bad:
            return Outcome(values, self._skip(values), tuple(shared))
        set_lr(self.optimizer, self.lr(step))
        self._stepped.step()
        self._stepped.zero_grad()
        if adversary_loss is not None and self.adversary_optimizer is not None:
            set_lr(self.adversary_optimizer, self.adversary_lr(step))
            self.adversary_optimizer.step()
            self.adversary_optimizer.zero_grad()
        self.ema.update()
        return Outcome(values, "", tuple(shared))

    def _backward(self, total: Tensor, adversary_loss: Tensor | None) -> None:
        if self.accelerator.num_processes > 1:  # DDP's hooks need a plain backward
            self.accelerator.backward(total)
        else:
            # With inputs named, no gradients are computed for the weights of the adversary.
            self.accelerator.backward(total, inputs=self._list)
        if adversary_loss is None or self.adversary_optimizer is None:
            return
        self.adversary_optimizer.zero_grad()
        self.accelerator.backward(adversary_loss.float(), inputs=list(self.adversary_parameters.values()))
        if self.accelerator.num_processes > 1:
            self._average_adversary()

    def _average_adversary(self) -> None:
        gradients = [p.grad for p in self.adversary_parameters.values() if p.grad is not None]
        flat = self.accelerator.reduce(torch.cat([g.flatten() for g in gradients]), "mean")
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def _clip(self, parameters: list[nn.Parameter], limit: float | None) -> Tensor:
        if limit is None:
            return gradient_norm(parameters)
        norm: Tensor = self.accelerator.clip_grad_norm_(parameters, limit)
        return norm

    def _any_rank(self, flags: tuple[bool, ...]) -> tuple[bool, ...]:
        if self.accelerator.num_processes == 1:
            return flags
        votes = torch.tensor([float(flag) for flag in flags], device=self.accelerator.device)
        return tuple(vote > 0 for vote in self.accelerator.reduce(votes, "sum").tolist())

    def _skip(self, values: Mapping[str, Tensor]) -> str:
        self._stepped.zero_grad()
        if self.adversary_optimizer is not None:
            self.adversary_optimizer.zero_grad()
        names = [name for name, value in values.items() if not bool(torch.isfinite(value).all())]
        healed = self.ema.heal_buffers(self._ids)
        note = f"; reset {', '.join(healed)} to their average" if healed else ""
        return f"{', '.join(names) or 'another rank'} not finite{note}"
