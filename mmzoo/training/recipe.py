"""A training recipe: one YAML file, validated against one schema, with `a.b=c` overrides."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import Field, model_validator
from pydantic.fields import FieldInfo

from mmzoo.errors import ConfigError, ConfigTypeError
from mmzoo.interfaces.bounds import Count, Fraction, Positive, Size, Weight
from mmzoo.schema import Keys, check, nested_schema, to_json, type_name
from mmzoo.yaml_text import read_yaml

Decay = Annotated[float, Field(ge=0, lt=1)]
AUTO: Final = "auto"
Betas = Annotated[list[Decay], Field(min_length=2, max_length=2)]


def _about(schema: type[Keys]) -> str:
    return str(schema.__doc__)


def fixed(default: Any = ..., **about: Any) -> Any:
    """A key that decides the tensors, the data or their order, so that a resumed run must not change it."""
    return Field(default, json_schema_extra={"fixed": True}, **about)


class ModelConfig(Keys):
    """The model to train and where it starts from."""

    name: str = fixed(description="A registered model, or the path of a model's folder.")
    overrides: dict[str, Any] = fixed(default={}, description="Changes to its recipe, as for `mmzoo.create`.")
    init_from: str | None = Field(
        default=None,
        description="A model or a run folder whose tensors of the same name and shape are the starting point.",
    )
    freeze: list[str] = fixed(
        default=[], description="Submodules, such as `encoder.embed`, that are not trained and stay in eval mode."
    )
    joint: list[str] = fixed(
        default=[],
        description="Slots whose models are trained too (by default they are frozen): their own loss on the same batch"
        " is added, and each is exported beside the model.",
    )


class DataConfig(Keys):
    """The rows to train on."""

    name: str = fixed(description="A registered dataset.")
    split: str = fixed(default="train", description="The split to train on.")
    validation_split: str | None = Field(
        default=None, description="The split to validate on; null means no validation."
    )
    limit: Size | None = fixed(default=None, description="Use only the first rows, this many; null means all.")
    config: dict[str, Any] = fixed(default={}, description="The dataset's own arguments.")
    title: str | None = Field(default=None, description="What the card calls the data; null means the dataset's name.")


class EmaConfig(Keys):
    """The exponential moving average of parameters and buffers, which is what gets exported."""

    decay: Decay = Field(default=0.999, description="Decay of the average; 0 means no averaging.")
    warmup: bool = Field(default=True, description="Limit the decay to (1 + n) / (10 + n) after n updates.")


class OptimizerConfig(Keys):
    """AdamW with linear warm-up, then a cosine."""

    lr: Positive = Field(default=5e-4, description="Learning rate after warm-up.")
    betas: Betas = Field(default=[0.9, 0.99], description="AdamW's two betas.")
    weight_decay: Weight = Field(default=0.01, description="AdamW's weight decay.")
    eps: Positive = Field(default=1e-8, description="AdamW's epsilon.")
    warmup_steps: Count = Field(default=500, description="Steps of linear warm-up.")
    final_lr_fraction: Fraction = Field(default=0.05, description="The cosine ends at this fraction of `lr`.")
    clip: Positive | None = Field(default=1.0, description="Largest norm of the gradient; null means no clipping.")


class AdversaryConfig(Keys):
    """Critics that the model is trained against, and AdamW for them, at a constant rate after its warm-up."""

    critics: list[str | dict[str, Any]] = Field(
        default=[],
        description="Registered critics, each a name or a mapping with `name` and config keys; an empty list means"
        " those that the head names. The critics in a checkpoint cannot be exchanged.",
    )
    loss: Literal["hinge", "least-squares"] = Field(default="hinge", description="Loss of the critics and the model.")
    start_step: Count = Field(default=0, description="The step at which the critics start to take part.")
    lr: Positive = Field(default=2e-4, description="Learning rate after warm-up.")
    betas: Betas = Field(default=[0.8, 0.99], description="AdamW's two betas.")
    weight_decay: Weight = Field(default=0.0, description="AdamW's weight decay.")
    eps: Positive = Field(default=1e-8, description="AdamW's epsilon.")
    warmup_steps: Count = Field(default=0, description="Steps of linear warm-up, counted from `start_step`.")
    clip: Positive | None = Field(default=1.0, description="Largest norm of the gradient; null means no clipping.")


class TrainingRecipe(Keys):
    """All settings of a training run."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = Field(
        description="Name of the run; its folder is `runs/NAME` unless `--out` says otherwise."
    )
    model: ModelConfig = Field(description=_about(ModelConfig))
    data: DataConfig = Field(description=_about(DataConfig))
    steps: Annotated[int, Field(gt=0, lt=10**8)] = Field(
        description="Number of updates; the learning-rate schedule spans them."
    )
    seed: Count = fixed(
        default=0, description="Seed of the initial parameters, the order of the data and every random choice."
    )
    batch_size: Size | None = fixed(
        default=None, description="Items in a global batch. Give either this or `batch_frames`."
    )
    batch_frames: Size | None = fixed(
        default=None, description="Largest size of a global batch as (longest length) x (items), for sequences."
    )
    bucket: bool = fixed(default=False, description="Put items of similar length into the same batch.")
    balance: bool | Fraction = fixed(
        default=False,
        description="Draw every label of the examples equally often; a fraction, such as 0.5, evens their numbers out"
        " in part, to count ** (1 - fraction).",
    )
    accumulate: Size = Field(
        default=1,
        description="Parts in which each process computes its share of a global batch, one after the other: less"
        " memory, the same update. Codebooks and other running statistics move with each part.",
    )
    checkpoint_activations: bool = Field(
        default=False,
        description="Keep only the inputs of each block of the model, and compute the rest again in the backward pass:"
        " less memory, a third more time.",
    )
    compile: bool = Field(
        default=False,
        description="Compile each block of the model by torch.compile; on CPUs, this needs a C++ compiler.",
    )
    shard: bool = Field(
        default=False,
        description="With several processes, split parameters, gradients, moments and averages among them (FSDP2)."
        " Checkpoints and the exported model are the same as without.",
    )
    precision: Literal["auto", "bf16", "fp16", "fp32"] = Field(
        default=AUTO,
        description="Precision of the forward and backward pass. `auto` is bf16 where the GPU supports it, or where the"
        " processor multiplies it faster than fp32, by a measurement of some milliseconds; otherwise fp32. A resumed"
        " run keeps what was chosen. The loss is scaled in fp16.",
    )
    device: Literal["auto", "cpu"] = Field(default="auto", description="`auto` uses a GPU if there is one.")
    ema: EmaConfig = Field(default=EmaConfig(), description=_about(EmaConfig))
    optimizer: OptimizerConfig = Field(default=OptimizerConfig(), description=_about(OptimizerConfig))
    adversary: AdversaryConfig | None = Field(
        default=None, description=f"{_about(AdversaryConfig)} Null means training without it."
    )
    log_every: Size = Field(default=50, description="Steps between two lines of the log.")
    checkpoint_every: Size = Field(default=1000, description="Steps between two checkpoints.")
    checkpoint_minutes: Positive | None = Field(default=15.0, description="Longest time between two checkpoints.")
    keep: Size = Field(default=2, description="Checkpoints to keep; older ones are deleted.")
    preview_every: Size | None = Field(default=None, description="Steps between two previews; null means no previews.")
    preview_rows: Size = Field(default=3, description="Rows in a preview.")
    validate_every: Size | None = Field(default=None, description="Steps between two validations; null means none.")
    validate_batches: Size = Field(default=20, description="Batches in a validation.")
    num_threads: Size | Literal["auto"] | None = Field(
        default=AUTO,
        description="Threads for torch in each process. `auto` is torch's own setting, divided among the processes of a"
        " machine; a resumed run keeps it. Null leaves torch's own setting.",
    )
    num_workers: Count = Field(
        default=0, description="Processes that build batches; 0 means one thread in this process."
    )
    max_bad_steps: Size = Field(
        default=5, description="Consecutive steps with a loss or gradient that is not finite before training stops."
    )
    stop_after_minutes: Positive | None = Field(
        default=None, description="Write a checkpoint and stop this session after this time; it can be resumed."
    )
    max_minutes: Positive | None = Field(
        default=None,
        description="Training time over all sessions, after which the model is exported as if `steps` were reached.",
    )

    @model_validator(mode="after")
    def _one_batch_size(self) -> TrainingRecipe:
        if (self.batch_size is None) == (self.batch_frames is None):
            raise ValueError("give exactly one of batch_size (items) and batch_frames (frames)")
        return self


def recipe_keys(schema: type[Keys] = TrainingRecipe, prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    """(dotted key, type, default, meaning) of every key of a recipe, for the documentation."""
    for key, field in schema.model_fields.items():
        inner = nested_schema(field.annotation)
        kind = type_name(field.annotation).replace(inner.__name__, "mapping") if inner else type_name(field.annotation)
        default = "its own defaults" if isinstance(field.default, Keys) else json.dumps(field.default, default=str)
        yield (
            f"{prefix}{key}",
            kind,
            "required" if field.is_required() else f"default {default}",
            f"{field.description}{' A resumed run cannot change it.' if _is_fixed(field) else ''}",
        )
        if inner:
            yield from recipe_keys(inner, f"{prefix}{key}.")


MAX_YAML = 1_000_000


def parse_yaml(text: str, *, where: str) -> Any:
    """Parse safe YAML without aliases; a ConfigError names `where`."""
    if len(text) > MAX_YAML:
        raise ConfigError(f"{where} is {len(text)} characters long; a recipe has at most {MAX_YAML}.")
    try:
        return read_yaml(text)
    except ValueError as error:
        raise ConfigError(f"{where} is not valid YAML: {error}.") from error


def apply_override(tree: dict[str, Any], override: str) -> None:
    """Set `a.b=value` in a nested dict, in place; the value is read as YAML."""
    path, equals, text = override.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(f"Override {override[:80]!r} is not of the form key.subkey=value.", path=path)
    value = parse_yaml(text, where=f"The value of override {path[:80]!r}")
    node = tree
    for depth, key in enumerate(keys[:-1]):
        child = node.get(key)
        if child is None:
            child = node[key] = {}
        elif not isinstance(child, dict):
            if depth == 0:
                raise ConfigTypeError(
                    f"Override {override[:80]!r}: {key!r} is {reprlib.repr(child)}, not a mapping.", path=path
                )
            # A component given by name alone gains settings: quantizer=fsq, then quantizer.levels=[8, 8].
            child = node[key] = {"name": child}
        node = child
    node[keys[-1]] = value


def load_recipe(source: str | Path | Mapping[str, Any], overrides: Sequence[str] = ()) -> TrainingRecipe:
    """A recipe from a YAML file or a mapping, with overrides applied.

    Raises:
        ConfigError: The file cannot be read.
        UnknownKeyError: A key does not exist; similar ones are suggested.
        ConfigTypeError: A value has the wrong type or range; `path` is the dotted key.
    """
    if isinstance(source, Mapping):
        where, raw = "the recipe", to_json(source, "", "the recipe")
    else:
        path = Path(source)
        where = f"recipe {path}"
        try:
            raw = parse_yaml(path.read_text(encoding="utf-8"), where=where)
        except FileNotFoundError as error:
            raise ConfigError(f"There is no recipe at {path}.") from error
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"Cannot read recipe {path}: {error}.") from error
    if not isinstance(raw, dict):
        raise ConfigTypeError(f"{where} must be a mapping of keys to values, not {type(raw).__name__}.")
    for override in overrides:
        apply_override(raw, override)
    return check(TrainingRecipe, raw, path="", label=where)


def dump_recipe(recipe: TrainingRecipe) -> str:
    """The recipe as YAML, with every default written out."""
    text: str = yaml.safe_dump(recipe.model_dump(), sort_keys=False, allow_unicode=True)
    return text


def changed_keys(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Dotted keys on which two nested mappings differ."""
    keys: list[str] = []
    for key in sorted({*old, *new}):
        a, b = old.get(key), new.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            keys += changed_keys(a, b, f"{prefix}{key}.")
        elif a != b:
            keys.append(f"{prefix}{key}")
    return keys


def fixed_part(recipe: Mapping[str, Any], schema: type[Keys] = TrainingRecipe) -> dict[str, Any]:
    """The `fixed` keys of a recipe, whose mapping may come from an older version that lacked some of them."""
    part: dict[str, Any] = {}
    for key, field in schema.model_fields.items():
        if inner := nested_schema(field.annotation):
            if kept := fixed_part(recipe.get(key) or {}, inner):
                part[key] = kept
        elif _is_fixed(field):
            part[key] = recipe.get(key, field.get_default())
    return part


def _is_fixed(field: FieldInfo) -> bool:
    return isinstance(field.json_schema_extra, dict) and bool(field.json_schema_extra.get("fixed"))
