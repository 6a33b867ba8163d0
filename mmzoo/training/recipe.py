"""A training recipe: one YAML file, checked by one tree, with `a.b=c` overrides."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mmzoo.errors import ConfigError, ConfigTypeError, UnknownKeyError
from mmzoo.yaml_text import read_yaml

Positive = Annotated[int, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]


class _Tree(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ModelConfig(_Tree):
    """name: a registered model. overrides: of its recipe, as for `mmzoo.create`.

    init_from: a run folder or a model folder whose matching tensors are the starting point. freeze: submodules, such
    as `encoder.embed`, that stay as they are and in evaluation mode. joint: slots whose models, which otherwise stay as
    they are, train along: their own loss on the same batch is added, and each is written beside the model.
    """

    name: str
    overrides: dict[str, Any] = {}
    init_from: str | None = None
    freeze: list[str] = []
    joint: list[str] = []


class DataConfig(_Tree):
    """name: a registered dataset. split, validation_split: of what it returns. limit: use the first rows only.

    config: the dataset's own arguments.
    """

    name: str
    split: str = "train"
    validation_split: str | None = None
    limit: Positive | None = None
    config: dict[str, Any] = {}


class EmaConfig(_Tree):
    """decay: of the average; warmup: at most (1 + n) / (10 + n) after n updates."""

    decay: Decay = 0.999
    warmup: bool = True


class OptimizerConfig(_Tree):
    """AdamW, linear warm-up, cosine to `final_lr_fraction * lr`. clip: of the gradient's norm; null for none."""

    lr: PositiveFloat = 5e-4
    betas: Annotated[list[Decay], Field(min_length=2, max_length=2)] = [0.9, 0.99]
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    eps: PositiveFloat = 1e-8
    warmup_steps: Count = 500
    final_lr_fraction: Fraction = 0.05
    clip: PositiveFloat | None = 1.0


class AdversaryConfig(_Tree):
    """The head's adversary takes part from `start_step` on, warming up over `warmup_steps` to a constant `lr`."""

    start_step: Count = 0
    lr: PositiveFloat = 2e-4
    betas: Annotated[list[Decay], Field(min_length=2, max_length=2)] = [0.8, 0.99]
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    eps: PositiveFloat = 1e-8
    warmup_steps: Count = 0
    clip: PositiveFloat | None = 1.0


class TrainingRecipe(_Tree):
    """Everything that decides a training.

    steps: updates in all; the schedule runs over them. batch_size: items of a global batch, or batch_frames:
    the most that (longest length x items) may be. bucket: batches of like lengths. checkpoint_every: steps;
    checkpoint_minutes: the longest time without one. keep: checkpoints kept. balance: every label of the examples is
    drawn as often as any other. stop_after_minutes: stop this session with a checkpoint, to be resumed. max_minutes:
    of training in all sessions together, after which the model is finished as if `steps` were done. num_threads: of
    torch; null leaves it alone. num_workers: processes that build batches; 0 is one thread. max_bad_steps: steps in a
    row with NaN or infinity before training stops.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    model: ModelConfig
    data: DataConfig
    steps: Annotated[int, Field(gt=0, lt=10**8)]
    seed: Count = 0
    batch_size: Positive | None = None
    batch_frames: Positive | None = None
    bucket: bool = False
    balance: bool = False
    precision: Literal["bf16", "fp32"] = "fp32"
    device: Literal["auto", "cpu"] = "auto"
    ema: EmaConfig = EmaConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    adversary: AdversaryConfig | None = None
    log_every: Positive = 50
    checkpoint_every: Positive = 1000
    checkpoint_minutes: PositiveFloat | None = 15.0
    keep: Positive = 2
    preview_every: Positive | None = None
    preview_rows: Positive = 3
    validate_every: Positive | None = None
    validate_batches: Positive = 20
    num_threads: Positive | None = None
    num_workers: Count = 0
    max_bad_steps: Positive = 5
    stop_after_minutes: PositiveFloat | None = None
    max_minutes: PositiveFloat | None = None

    @model_validator(mode="after")
    def _one_batch_size(self) -> TrainingRecipe:
        if (self.batch_size is None) == (self.batch_frames is None):
            raise ValueError("give either batch_size (items) or batch_frames (frames), not both and not neither")
        return self


RESUME_FIXED = ("model", "data", "seed", "batch_size", "batch_frames", "bucket")
"""Keys a resumed run must not change: they decide the tensors or the order of the data."""
MAX_YAML = 1_000_000


def parse_yaml(text: str, *, where: str) -> Any:
    """Safe YAML without aliases. Raises ConfigError that says where."""
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
            # A part given by its bare name gains settings: quantizer=fsq, then quantizer.levels=[8, 8].
            child = node[key] = {"name": child}
        node = child
    node[keys[-1]] = value


def load_recipe(source: str | Path | Mapping[str, Any], overrides: Sequence[str] = ()) -> TrainingRecipe:
    """A recipe from a YAML file or a mapping, with overrides applied.

    Raises ConfigError for a file that cannot be read, UnknownKeyError for a key that nothing reads (with the
    nearest ones), and ConfigTypeError for a value of the wrong type or range; `path` is the dotted key.
    """
    if isinstance(source, Mapping):
        where, raw = "The recipe", _copied(source)
    else:
        path = Path(source)
        where = f"Recipe {path}"
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
    try:
        return TrainingRecipe.model_validate(raw)
    except ValidationError as error:
        raise _explained(error, where) from None


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    return list(map(_copied, value)) if isinstance(value, (list, tuple)) else value


def _explained(error: ValidationError, where: str) -> ConfigError:
    """The first problem, unknown keys before others, as one sentence."""
    problems = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    first = problems[0]
    location = [str(part) for part in first["loc"]]
    path = ".".join(location)
    if first["type"] == "extra_forbidden":
        known = _fields_at(location[:-1])
        near = difflib.get_close_matches(location[-1], known, n=3)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"known keys are {', '.join(known)}."
        return UnknownKeyError(f"{where} has the unknown key {path[:80]!r}; {hint}", path=path)
    if first["type"] == "missing":
        return ConfigError(f"{where} lacks the key {path!r}.", path=path)
    message = first["msg"].removeprefix("Value error, ")
    if not path:
        return ConfigError(f"{where} is wrong: {message}.", path=path)
    return ConfigTypeError(f"{where} has {path}={reprlib.repr(first['input'])}: {message}.", path=path)


def _fields_at(location: Sequence[str]) -> list[str]:
    model: type[BaseModel] = TrainingRecipe
    for key in location:
        annotation = model.model_fields[key].annotation
        options = [annotation, *get_args(annotation)]
        model = next(o for o in options if isinstance(o, type) and issubclass(o, BaseModel))
    return list(model.model_fields)


def dump_recipe(recipe: TrainingRecipe) -> str:
    """The merged recipe as YAML, every default written out."""
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


def fixed_part(recipe: TrainingRecipe) -> dict[str, Any]:
    """What a resumed run must not change; where the first tensors came from no longer matters."""
    part = recipe.model_dump(include=set(RESUME_FIXED))
    part["model"].pop("init_from")
    return part
