"""One update: forward, backward, the adversary, clipping, skipping non-finite updates, the average."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from torch import Tensor, nn

from mmzoo.composition import own_tensors, submodels
from mmzoo.errors import ConfigError, PluginError, TrainingError
from mmzoo.interfaces import Adversary, Examples, Losses, TaskHead, Trainable, TrainingState
from mmzoo.training.blocks import blocks_of, checkpoint_activations, compile_blocks, release
from mmzoo.training.ema import Ema, OwnTensors
from mmzoo.training.feed import Part
from mmzoo.training.optim import adamw, clip_gradients, lr_factor, set_lr, trainable_parameters
from mmzoo.training.recipe import TrainingRecipe
from mmzoo.training.scale import LossScale
from mmzoo.training.seeds import generator_for, seed_everything
from mmzoo.training.shard import copied, local_gradients, shard
from mmzoo.training.sums import Gradients, Means

HALVES = (torch.float16, torch.bfloat16)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one update.

    Attributes:
        values: The scalars of this step, on the device.
        skipped: Why the update was skipped, or empty.
        flags: Each True if any rank set it.
        overflow: Whether the loss scale may have been the reason, which half precision expects now and then.
    """

    values: Mapping[str, Tensor]
    skipped: str
    flags: tuple[bool, ...]
    overflow: bool = False


class _Task(nn.Module):
    """The head's training step as a `forward`, which DDP or FSDP and autocast wrap.

    Only the total is returned, because DDP joins all outputs into one graph and the adversary's loss needs its own
    backward pass; `losses` holds the rest.
    """

    losses: Losses

    def __init__(self, head: TaskHead, autocast: Callable[[], AbstractContextManager[Any]]) -> None:
        super().__init__()
        self.head, self._autocast = head, autocast

    def forward(self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState) -> Tensor:
        with self._autocast():
            self.losses = losses_of(self.head, batch, generator, state)
        total = self.losses.total
        return total.float() if total.dtype in HALVES else total


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
        head: The model to train. If its parameters are sharded, a copy of it is trained.
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
        self.sharded = recipe.shard and accelerator.num_processes > 1
        self.whole = head
        if self.sharded:
            self.head = head = copied(head, self.frozen)
        self.blocks = blocks_of(head, self.frozen)
        if recipe.checkpoint_activations:
            checkpoint_activations(self.blocks)
        if recipe.compile:
            compile_blocks(self.blocks)
        self._inner = _Task(head, self.autocast)
        self.scale = LossScale(enabled=recipe.precision == "fp16")
        if self.sharded:
            broadcast([tensor.data for tensor in head.state_dict().values()])  # as DDP does
            shard(self._inner, self.blocks, accelerator.device)
        self.own = OwnTensors(head, tuple(f"{name}." for name in self.slots))
        self.ema = Ema(self.own, decay=recipe.ema.decay, warmup=recipe.ema.warmup)
        self.parameters = trainable_parameters(head)
        self._list = list(self.parameters.values())
        self._names = {name for name, _ in head.named_parameters(remove_duplicate=False)}
        settings = recipe.optimizer
        self.optimizer: torch.optim.Optimizer = adamw(
            self.parameters,
            lr=settings.lr,
            betas=(settings.betas[0], settings.betas[1]),
            weight_decay=settings.weight_decay,
            eps=settings.eps,
        )
        self._task: Any = self._inner if self.sharded else accelerator.prepare(self._inner)
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

    def autocast(self) -> AbstractContextManager[Any]:
        """The precision of the forward pass; Accelerate offers float16 on GPUs only."""
        if self.recipe.precision == "fp16":
            return torch.autocast(self.accelerator.device.type, torch.float16)
        context: AbstractContextManager[Any] = self.accelerator.autocast()
        return context

    @contextmanager
    def averaged(self) -> Iterator[TaskHead]:
        """The head with averaged weights, in eval mode and without gradients; all ranks enter together."""
        with torch.no_grad():
            if self.sharded:
                self._load_average()
                yield self.whole.eval()
                return
            with self.ema.swapped():
                self.head.eval()
                try:
                    yield self.head
                finally:
                    self.train_mode()

    def _load_average(self) -> None:
        OwnTensors(self.whole, tuple(f"{name}." for name in self.slots)).load(self.ema.state())

    def finished(self) -> TaskHead:
        """The head with averaged weights, as it was given: complete, and without what only training needs."""
        if self.sharded:
            self._load_average()
        else:
            self.ema.copy_to_model()
        release(self.blocks)
        return self.whole

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

    def update(self, parts: Sequence[Part], step: int, flags: tuple[bool, ...]) -> Outcome:
        """Make update `step` with the gradients of all parts, and combine `flags` with those of the other ranks."""
        means, critics = Means(), Gradients(list(self.adversary_parameters.values()))
        self._share_buffers()
        for number, part in enumerate(parts):
            with self._gradients_shared(last=number == len(parts) - 1):
                self._accumulate(part, step, number, means, critics)
        norm = self._clip(self._list, self.recipe.optimizer.clip)
        values = means.read()
        finite = torch.isfinite(norm) & torch.isfinite(values["loss"])
        values["grad_norm"] = norm
        if critics.used and self.recipe.adversary is not None:
            critics.store(self.accelerator)
            adversary_norm = self._clip(critics.parameters, self.recipe.adversary.clip)
            finite &= torch.isfinite(adversary_norm)
            values["adversary_norm"] = adversary_norm
        bad, *shared = self._any_rank(~finite, flags)
        if bad:
            return self._skip(values, tuple(shared))
        self.scale.succeeded()
        set_lr(self.optimizer, self.lr(step))
        self.optimizer.step()
        self.optimizer.zero_grad()
        if critics.used and self.adversary_optimizer is not None:
            set_lr(self.adversary_optimizer, self.adversary_lr(step))
            self.adversary_optimizer.step()
            self.adversary_optimizer.zero_grad()
        self.ema.update()
        return Outcome(values, "", tuple(shared))

    def _accumulate(self, part: Part, step: int, number: int, means: Means, critics: Gradients) -> None:
        """Add the gradients of one part. Its random numbers are those of a rank that trains on it alone."""
        seed, rank = self.recipe.seed, self.accelerator.process_index + self.accelerator.num_processes * number
        seed_everything(seed, "step", step, rank)
        total: Tensor = self._task(part.tensors, generator_for(seed, "noise", step, rank), self.state(step))
        losses = self._inner.losses
        del self._inner.losses  # and with it, after this function, the rest of the graph
        factor = self.scale.value * part.weight
        scaled = total if factor == 1 else total * factor
        if self.accelerator.num_processes > 1:  # DDP's and FSDP's hooks need a plain backward
            scaled.backward()  # type: ignore[no-untyped-call]
        else:
            # With inputs named, no gradients are computed for the weights of the adversary.
            scaled.backward(inputs=self._list)  # type: ignore[no-untyped-call]
        values = {"loss": total, **losses.parts}
        if losses.adversary is not None and self.adversary_optimizer is not None:
            values["adversary"] = losses.adversary
            loss = losses.adversary.float()
            critics.add(loss if factor == 1 else loss * factor)
        means.add(values, part.weight)

    def _gradients_shared(self, *, last: bool) -> AbstractContextManager[Any]:
        """Ranks exchange their gradients in the backward pass of the last part only."""
        if self.sharded:
            self._task.set_requires_gradient_sync(last)
        elif self.accelerator.num_processes > 1 and not last:
            context: AbstractContextManager[Any] = self._task.no_sync()
            return context
        return nullcontext()

    def _share_buffers(self) -> None:
        """Give all ranks the buffers of rank 0, as DDP does."""
        if self.sharded:
            for name, tensor in zip(self.own.names, self.own.tensors(), strict=True):
                if name not in self._names:
                    torch.distributed.broadcast(tensor, 0)

    def _clip(self, parameters: list[nn.Parameter], limit: float | None) -> Tensor:
        """Undo the loss scale, and clip."""
        if self.scale.value != 1:
            torch._foreach_mul_(local_gradients(parameters), 1 / self.scale.value)
        return clip_gradients(parameters, limit)

    def _any_rank(self, bad: Tensor, flags: tuple[bool, ...]) -> tuple[bool, ...]:
        """Whether `bad`, and each flag, is set on any rank; the only place of a step that waits for the device."""
        if self.accelerator.num_processes == 1:
            return bool(bad), *flags
        asked = torch.tensor(flags, dtype=torch.float32).to(self.accelerator.device, non_blocking=True)
        votes = torch.cat([bad.float().reshape(1), asked])
        return tuple(vote > 0 for vote in self.accelerator.reduce(votes, "sum").tolist())

    def _skip(self, values: Mapping[str, Tensor], flags: tuple[bool, ...]) -> Outcome:
        self.optimizer.zero_grad()
        if self.adversary_optimizer is not None:
            self.adversary_optimizer.zero_grad()
        names = [name for name, value in values.items() if not bool(torch.isfinite(value).all())]
        healed = self.ema.heal_buffers(self._names)
        note = f"; reset {', '.join(healed)} to their average" if healed else ""
        overflow = self.scale.overflowed()
        note += f"; the loss scale is now {self.scale.value:g}" if overflow else ""
        return Outcome(values, f"{', '.join(names) or 'another rank'} not finite{note}", flags, overflow)
