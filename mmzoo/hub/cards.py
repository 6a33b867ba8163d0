"""Model cards, generated from what a model repo holds: config, training record, evaluation and samples.

Generated sections stand between `<!-- mmzoo:begin -->` and `<!-- mmzoo:end -->`; what is written by hand below
them is kept when a card is generated anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmzoo.errors import CorruptFileError, MmzooError
from mmzoo.hub.card_results import headlines, results
from mmzoo.hub.card_texts import PIPELINES, USES, Texts, shown, texts
from mmzoo.hub.sources import bundled_folder, card_license
from mmzoo.yaml_text import front_matter

BEGIN, END = "<!-- mmzoo:begin -->", "<!-- mmzoo:end -->"
MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def write_card(folder: Path, *, license: str | None = None) -> Path:
    """Write README.md of a model repo; text by hand below the sections is kept. license: see `render_card`."""
    path = folder / "README.md"
    staged = path.with_suffix(".partial")
    staged.write_text(render_card(folder, license=license), encoding="utf-8")
    staged.replace(path)
    return path


def render_card(folder: Path, *, license: str | None = None, called: str | None = None) -> str:
    """The card that the files of a model repo give.

    license: of the weights; None keeps what the card there says, else what is registered, and never invents one.
    called: what `create` is given in the example; by default the name of a bundled model, else the folder. Raises
    CorruptFileError when config.json cannot be read, or names the model as none can be called, and when the card there
    is no text.
    """
    config = _read(folder / "config.json")
    if config is None:
        raise CorruptFileError(f"{folder} has no config.json; a card is made from a model repo.")
    name, task = str(config.get("name", "")), str(config.get("task", ""))
    if not MODEL_NAME.fullmatch(name):
        raise CorruptFileError(
            f"{folder / 'config.json'} calls the model {name[:80]!r}; a name is letters, digits, '.', '-' and '_'."
        )
    training, evaluation = _read(folder / "training.json"), _read(folder / "evaluation.json")
    license = license or card_license(folder) or _registered_license(folder, name)
    own = texts(task, training)
    old = read_card(folder / "README.md") if (folder / "README.md").is_file() else ""
    data = str(training["data"]["name"]) if training else ""
    language = front_matter(old)[0].get("language") or own.language
    front = _front_matter(config, evaluation, license, language, data)
    sections = [
        f"# {name}",
        own.intended,
        own.teacher,
        _use(task, called or (name if bundled_folder(name) == folder.resolve() else f"local-dir:{folder}")),
        _needs(config.get("recipe")),
        _training(training),
        results(evaluation),
        _samples(folder, own),
        f"## Limits\n\n{own.limits}",
        _licence(license),
    ]
    body = "\n\n".join(section for section in sections if section)
    by_hand = text_by_hand(old)
    return f"---\n{front}---\n{BEGIN}\n\n{body}\n\n{END}\n" + (f"\n{by_hand}\n" if by_hand else "")


def read_card(path: Path) -> str:
    """The text of a card. Raises CorruptFileError if it is none."""
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise CorruptFileError(f"{path} is not UTF-8 text; write it anew, or remove it.") from error


def text_by_hand(card: str) -> str:
    """What stands below the generated sections of a card; nothing in a card without such sections."""
    return card.partition(END)[2].strip("\n")


def merged_card(mine: str, theirs: str | None) -> str:
    """The card to publish where there is one already: what was written by hand there is never lost.

    theirs: the card that is published. If it has no generated sections, it stays as it is, unless it is only front
    matter. Otherwise the sections are mine and the text below them is theirs, unless mine contains it. Front matter
    that only theirs has (how a gated repo asks, a tag set on its page) is kept.
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
    """The card with those keys of the other front matter that its own lacks."""
    front, text, body = front_matter(card)
    missing = {key: value for key, value in more.items() if key not in front}
    if not missing:
        return card
    import yaml

    added = yaml.safe_dump(missing, sort_keys=False, allow_unicode=True)
    return f"---\n{text}{added}---\n{body}"


def _registered_license(folder: Path, name: str) -> str | None:
    """What is registered of the weights in their own model repo; others of that name may have another licence."""
    from mmzoo import registry

    if bundled_folder(name) != folder.resolve():
        return None
    try:
        weights = registry.catalog().model(name).weights
    except MmzooError:
        return None
    return next((item.license for item in weights if item.license), None)


def _read(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        found: Any = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise CorruptFileError(f"{path} is not valid JSON: {error}.") from error
    if not isinstance(found, dict):
        raise CorruptFileError(f"{path} holds no JSON object.")
    return found


def _front_matter(
    config: Mapping[str, Any],
    evaluation: Mapping[str, Any] | None,
    license: str | None,
    language: str | list[str] | None,
    data: str,
) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    judged = str((evaluation or {}).get("protocol", {}).get("data", data or "its own data"))
    results = [
        EvalResult(
            task_type=config.get("task", ""),
            dataset_type=data or "unknown",
            dataset_name=judged,
            metric_type=kind,
            metric_name=name,
            metric_value=value,
        )
        for kind, name, value in headlines(config.get("task", ""), evaluation)
    ]
    told = ModelCardData(
        language=language,
        license=license,
        library_name="mmzoo",
        pipeline_tag=PIPELINES.get(config.get("task", "")),
        tags=["mmzoo", *config.get("modalities", ())],
        model_name=config["name"],
        eval_results=results or None,
    )
    return str(told.to_yaml()).strip("\n") + "\n"


def _use(task: str, called: str) -> str:
    use = USES.get(task)
    return f"## Use\n\n```python\nimport mmzoo\n\n{use.format(name=called)}\n```" if use else ""


def _needs(recipe: Any) -> str:
    """Which plugins, other than mmzoo's own, supply parts of the model."""
    values = recipe.values() if isinstance(recipe, Mapping) else ()
    names = [str(value.get("name", "")) for value in values if isinstance(value, Mapping)]
    owners = sorted({shown(name.partition(":")[0]) for name in names if ":" in name})
    if not owners:
        return ""
    named = ", ".join(f"`{owner}`" for owner in owners)
    return f"Parts of it come with the plugin{'s' * (len(owners) > 1)} {named}, to be installed first."


def _training(record: Mapping[str, Any] | None) -> str:
    if record is None:
        return "## Training\n\nThere is no training record."
    stages = [record]
    while (before := stages[0].get("began_from")) and "command" in before:
        stages.insert(0, before)
    lines = [
        *(_stage(stage) for stage in stages),
        f"- data: `{shown(record['data']['name'])}`, {record['data']['examples']:,} examples",
        f"- {record['parameters'] / 1e6:.2f} million parameters, kept in 16 bits",
        *(f"- {shown(note)}" for note in record.get("notes", ())),
    ]
    return "## Training\n\n" + "\n".join(lines)


def _stage(record: Mapping[str, Any]) -> str:
    """One run of the engine: its command, how long it took, and on what."""
    hardware = record["hardware"]
    where = shown(hardware["gpu"] or f"{hardware['threads']} threads of {hardware['cpu']}, no GPU")
    took = f"{record['steps']:,} steps in {record['seconds'] / 60:.0f} minutes on {where}; seed {record['seed']}"
    return f"- `{shown(record['command'])}`: {took}"


def _samples(folder: Path, own: Texts) -> str:
    samples = folder / "samples"
    lines = []
    for number, text in (_read(samples / "texts.json") or {}).items():
        links = [f"[{p.stem.partition('-')[2]}](samples/{p.name})" for p in sorted(samples.glob(f"{number}-*.wav"))]
        lines.append(f"{shown(number)}. {shown(text)} {', '.join(links)}")
    sheets = [f"![{path.stem}](samples/{path.name})" for path in sorted(samples.glob("*.png"))]
    found = ["\n".join(lines), own.samples if sheets else "", *sheets]
    return "\n\n".join(("## Samples", *filter(None, found))) if any(found) else ""


def _licence(license: str | None) -> str:
    if license is None:
        return "## Licence\n\nNo licence is stated; ask the author before using the weights."
    return f"## Licence\n\n{'Apache-2.0' if license == 'apache-2.0' else shown(license)}, weights included."
