"""Model cards, generated from the files of a model repo: config, training record, evaluation and samples.

Generated sections are between `<!-- mmzoo:begin -->` and `<!-- mmzoo:end -->`; handwritten text below them is kept when
a card is regenerated.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmzoo.errors import CorruptFileError, UsageError
from mmzoo.hub.card_results import headlines, results
from mmzoo.hub.card_schema import PERMISSIVE
from mmzoo.hub.published import registration_of
from mmzoo.hub.sources import bundled_folder
from mmzoo.model_folder import (
    CARD_NAME,
    CONFIG_NAME,
    EVALUATION_NAME,
    TRAINING_NAME,
    ModelConfig,
    ModelFolder,
    read_record,
)
from mmzoo.registry import catalog
from mmzoo.registry.specs import CardText, ModelSpec, TaskSpec
from mmzoo.system import write_whole
from mmzoo.yaml_text import front_matter

BEGIN, END = "<!-- mmzoo:begin -->", "<!-- mmzoo:end -->"
MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def shown(value: object) -> str:
    """Text from a file of a model repo on one line, without control characters and with HTML escaped."""
    printable = "".join(c if c.isprintable() else " " for c in str(value))
    return html.escape(" ".join(printable.split()), quote=False)


def write_card(folder: Path, *, license: str | None = None) -> Path:
    """Write README.md of a model repo; handwritten text below the sections is kept. license: As for `render_card`."""
    path = folder / CARD_NAME
    write_whole(path, render_card(folder, license=license))
    return path


def render_card(folder: Path, *, license: str | None = None, called: str | None = None) -> str:
    """Generate the card of a model repo from its files.

    Args:
        folder: The model repo.
        license: The license of the weights; None keeps the one on the existing card, else uses the registered one, else
            that of the model that this one was fine-tuned from.
        called: The name given to `create` in the example; by default that of a bundled model, else the folder.

    Returns:
        The text of the card.

    Raises:
        ConfigError: config.json is missing or cannot be read.
        CorruptFileError: config.json gives the model an invalid name, or another file cannot be read.
        UsageError: The license is not the one that the model this one was fine-tuned from requires.
    """
    config = ModelFolder(folder).config
    name = config.name
    if not MODEL_NAME.fullmatch(name):
        raise CorruptFileError(
            f"{folder / CONFIG_NAME} names the model {name[:80]!r}; use letters, digits, '.', '-' and '_' only."
        )
    training, evaluation = read_record(folder / TRAINING_NAME), read_record(folder / EVALUATION_NAME)
    model = registration_of(name)
    task = catalog().task(config.task, model.plugin if model else None)
    base = (training or {}).get("base_model") or {}
    license = license or ModelFolder(folder).license or _registered_license(folder, model) or base.get("license")
    _check_license(license, base)
    old = read_card(folder / CARD_NAME) if (folder / CARD_NAME).is_file() else ""
    data = str(training["data"]["name"]) if training else ""
    text = _text(config, model, training)
    language = front_matter(old)[0].get("language") or text.language
    front = _front_matter(config, task, evaluation, license, language, data, base.get("name"))
    sections = [
        f"# {name}",
        text.intended,
        text.training,
        _use(task, called or (name if bundled_folder(name) == folder.resolve() else f"local-dir:{folder}")),
        _needs(config.recipe),
        _training(training),
        results(task, evaluation),
        _samples(folder, text.samples),
        f"## Limits\n\n{text.limits}",
        _license(license),
    ]
    body = "\n\n".join(section for section in sections if section)
    handwritten = text_by_hand(old)
    return f"---\n{front}---\n{BEGIN}\n\n{body}\n\n{END}\n" + (f"\n{handwritten}\n" if handwritten else "")


def read_card(path: Path) -> str:
    """The text of a card. Raises CorruptFileError if it is not UTF-8."""
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise CorruptFileError(f"{path} is not UTF-8 text; rewrite or remove it.") from error


def text_by_hand(card: str) -> str:
    """The handwritten text below the generated sections of a card; empty if it has no such sections."""
    return card.partition(END)[2].strip("\n")


def merged_card(mine: str, theirs: str | None) -> str:
    """The card to publish over an existing one; text written by hand on the Hub is never lost.

    Args:
        mine: The new card.
        theirs: The published card. Without generated sections it stays unchanged, unless it is only front matter.

    Returns:
        The sections of `mine`, and below them the handwritten text of `theirs`, unless `mine` already contains it.
        Front matter that only `theirs` has (the questions of a gated repo, a tag added on its page) is kept.
    """
    if theirs is None:
        return mine
    front, _, body = front_matter(theirs)
    if BEGIN not in theirs:
        return theirs if body.strip() else _with_front(mine, front)
    kept = text_by_hand(theirs)
    if kept and kept not in mine:
        mine = mine.partition(END)[0] + f"{END}\n\n{kept}\n" if END in mine else f"{mine.rstrip()}\n\n{kept}\n"
    return _with_front(mine, front)


def _with_front(card: str, more: Mapping[str, Any]) -> str:
    """The card with the keys added that its front matter lacks."""
    front, text, body = front_matter(card)
    missing = {key: value for key, value in more.items() if key not in front}
    if not missing:
        return card
    import yaml

    added = yaml.safe_dump(missing, sort_keys=False, allow_unicode=True)
    return f"---\n{text}{added}---\n{body}"


def _registered_license(folder: Path, model: ModelSpec | None) -> str | None:
    """The registered license, for the bundled repo only; other repos of that name may have another license."""
    if model is None or bundled_folder(model.name) != folder.resolve():
        return None
    return next((item.license for item in model.weights if item.license), None)


def _check_license(license: str | None, base: Mapping[str, Any]) -> None:
    """Raise UsageError for another license than that of the base model, unless that one is permissive."""
    required = base.get("license")
    if license != required and required is not None and required not in PERMISSIVE:
        raise UsageError(
            f"The model was fine-tuned from {base.get('name')}, whose license {required} also binds it; it cannot be"
            f" published under {license}."
        )


def _text(config: ModelConfig, model: ModelSpec | None, record: Mapping[str, Any] | None) -> CardText:
    """The registered text about a model, if it was trained on the data that the text is about; else a plain one."""
    data = str(record["data"]["name"]) if record else ""
    if model is not None and model.card is not None and (model.task, model.card.data) == (config.task, data):
        return model.card
    training = ""
    if record is not None:
        base = record.get("base_model")
        verb = f"fine-tuned from `{shown(base['name'])}`" if base else "trained"
        training = f"This model was {verb} on {_data(record)}."
    limits = "Nothing is known about gaps in its training data; see the results above for what was measured."
    return CardText(data, intended="", training=training, limits=limits)


def _front_matter(
    config: ModelConfig,
    task: TaskSpec | None,
    evaluation: Mapping[str, Any] | None,
    license: str | None,
    language: str | list[str] | None,
    data: str,
    base: str | None,
) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    judged = str((evaluation or {}).get("protocol", {}).get("data", data or "its own data"))
    results = [
        EvalResult(
            task_type=config.task,
            dataset_type=data or "unknown",
            dataset_name=judged,
            metric_type=kind,
            metric_name=name,
            metric_value=value,
        )
        for kind, name, value in headlines(task, evaluation)
    ]
    written = ModelCardData(
        language=language,
        license=license,
        base_model=base,
        library_name="mmzoo",
        pipeline_tag=task.pipeline if task else None,
        tags=["mmzoo", *config.modalities],
        model_name=config.name,
        eval_results=results or None,
    )
    return str(written.to_yaml()).strip("\n") + "\n"


def _use(task: TaskSpec | None, called: str) -> str:
    if task is None or not task.use:
        return ""
    return f"## Use\n\n```python\nimport mmzoo\n\n{task.use.replace('{name}', called)}\n```"


def _needs(recipe: Mapping[str, Any]) -> str:
    """A sentence about the plugins, other than mmzoo's own, that supply parts of the model."""
    names = [str(value.get("name", "")) for value in recipe.values() if isinstance(value, Mapping)]
    owners = sorted({shown(name.partition(":")[0]) for name in names if ":" in name})
    if not owners:
        return ""
    named = ", ".join(f"`{owner}`" for owner in owners)
    return f"This model needs the plugin{'s' * (len(owners) > 1)} {named}."


def _training(record: Mapping[str, Any] | None) -> str:
    if record is None:
        return "## Training\n\nThere is no training record."
    stages = [record]
    while (before := stages[0].get("began_from")) and "command" in before:
        stages.insert(0, before)
    millions = record["parameters"] / 1e6
    lines = [
        *(_stage(stage) for stage in stages),
        f"- data: {_data(record).removeprefix('the dataset ')}, {record['data']['examples']:,} examples",
        f"- {millions:.{2 if millions >= 1 else 3}f} million parameters, stored in 16 bits",
        *(f"- {shown(note)}" for note in record.get("notes", ())),
    ]
    return "## Training\n\n" + "\n".join(lines)


def _data(record: Mapping[str, Any]) -> str:
    """The dataset of a training record, and what its owner calls it."""
    title = record["data"].get("title")
    dataset = f"the dataset `{shown(record['data']['name'])}`"
    return f"`{shown(title)}` ({dataset})" if title else dataset


def _stage(record: Mapping[str, Any]) -> str:
    """One training run: command, steps, time, hardware, precision and seed. Older records lack some of it."""
    hardware, precision = record["hardware"], record.get("precision")
    instructions = f" ({hardware['instructions']})" if hardware.get("instructions") else ""
    threads = f"{hardware['threads']} thread{'s' * (hardware['threads'] > 1)}"
    where = shown(hardware["gpu"] or f"{threads} of {hardware['cpu']}{instructions}, no GPU")
    where += f", in {shown(precision)}" if precision else ""
    run = f"{record['steps']:,} steps in {record['seconds'] / 60:.0f} minutes on {where}; seed {record['seed']}"
    return f"- `{shown(record['command'])}`: {run}"


def _samples(folder: Path, reading: str) -> str:
    samples = folder / "samples"
    lines = []
    for number, text in (read_record(samples / "texts.json") or {}).items():
        sounds = sorted(path for path in samples.glob(f"{number}-*") if path.suffix in (".flac", ".ogg", ".wav"))
        links = [f"[{path.stem.partition('-')[2]}](samples/{path.name})" for path in sounds]
        lines.append(f"{shown(number)}. {shown(text)} {', '.join(links)}")
    sheets = [f"![{path.stem}](samples/{path.name})" for path in sorted(samples.glob("*.png"))]
    parts = ["\n".join(lines), reading if sheets else "", *sheets]
    return "\n\n".join(("## Samples", *filter(None, parts))) if any(parts) else ""


def _license(license: str | None) -> str:
    if license is None:
        return "## License\n\nNo license is stated; ask the author before using the weights."
    return f"## License\n\n{'Apache-2.0' if license == 'apache-2.0' else shown(license)}, weights included."
