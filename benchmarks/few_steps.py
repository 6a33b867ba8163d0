"""Speech or pictures in 1, 2, 4 and 8 sampling steps: flow matching against models trained for few steps.

    python benchmarks/few_steps.py --train vqvae-dit-digits 400 --judge digit-reader
    python benchmarks/few_steps.py --arm flow=vqvae-dit-tts --arm shortcut=runs/voice-shortcut/model --texts FILE
        --judge whisper --judge distill-mos
    ... --write      also puts the table into few_steps.md

`--train MODEL STEPS` trains every sampler for this number of steps from the weights of one published model, on its own
data with its own settings; `key=value` changes those. `--arm NAME=MODEL` compares models that are trained already, by
name or folder. Pictures are drawn from captions of the data that the first model was trained on and was not shown, and
also compared with the pictures of those rows; speech is made of a file with one sentence a line.

Runs are kept under `runs/few-steps/` and resumed. Times are those of the processor, so that other work on the machine
does not count; nothing is trained or measured on more than one thread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import mmzoo
from mmzoo.data import load_dataset_component
from mmzoo.evaluation.judges import load_judge
from mmzoo.evaluation.pictures import pictures_of
from mmzoo.evaluation.words import ErrorRate, interval, mismatches, plain
from mmzoo.interfaces import Audio, Image
from mmzoo.model_folder import TRAINING_NAME, read_record
from mmzoo.system import cpu_name
from mmzoo.training.api import train

PAGE = Path(__file__).with_suffix(".md")
STEPS = (1, 2, 4, 8)
SIZED = {"step_size": True}
ARMS: dict[str, dict[str, Any]] = {
    "flow": {},
    "shortcut": {"sampler": {"name": "shortcut"}, "backbone": SIZED},
    "meanflow": {"sampler": {"name": "meanflow"}, "backbone": SIZED | {"time_scale": 10.0}},
}
"""The line of the recipe, `model.overrides`, of each arm."""


def trained(model: str, arm: str, steps: int, changes: Sequence[str]) -> Path:
    """The model folder of one arm; it trains unless it has."""
    out = Path("runs", "few-steps", f"{model}-{arm}-{steps}")
    if not (out / "model" / "config.json").is_file():
        recipe = {
            **settings_of(model),
            "name": f"{model}-{arm}",
            "model": {"name": model, "init_from": model, "overrides": ARMS[arm]},
            "steps": steps,
            "precision": "fp32",
            "num_threads": 1,
        }
        train(recipe, list(changes), out=out)
    return out / "model"


def settings_of(model: str) -> dict[str, Any]:
    """The recipe that a published model was trained with."""
    record = read_record(Path(mmzoo.create(model).folder or "") / TRAINING_NAME) or {}
    return dict(record["recipe"])


# --- what is measured ----------------------------------------------------------------------------------------


def percent(errors: ErrorRate) -> str:
    """A rate with half the width of its 95 % interval."""
    ends = interval(errors)
    return f"{errors.rate:.1%} ± {(ends['high'] - ends['low']) / 2:.1%}"


def drawn(model: Any, rows: Any, judges: Mapping[str, Any], steps: int) -> dict[str, str]:
    """Pictures of captions: what the judges read in them, and their distance from the pictures of the same rows."""
    start = time.process_time()
    texts = list(rows["text"])
    made: list[Image] = []
    for index in range(0, len(texts), 50):
        made += model.generate(texts[index : index + 50], steps=steps, seed=index)
    seconds = time.process_time() - start
    figures = {
        f"wrong, {name}": percent(mismatches(judge.read(made), list(rows["label"]))) for name, judge in judges.items()
    }
    figures["distance from real pictures"] = f"{distance(made, pictures_of(rows)):.3f}"
    return {**figures, "pictures a second": f"{len(made) / seconds:.1f}"}


def distance(made: Sequence[Image], real: Sequence[Image]) -> float:
    """The energy distance of two sets of pictures, 0 for equal distributions, relative to the spread of the real."""
    a, b = (torch.from_numpy(np.stack([p.pixels[::4, ::4] for p in some])).flatten(1).float() for some in (made, real))
    within = torch.cdist(b, b).mean()
    return float((2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - within) / within)


def spoken(model: Any, texts: Sequence[str], judges: Mapping[str, Any], steps: int) -> dict[str, str]:
    """Speech of sentences: words that listeners get wrong, and scores of raters."""
    start = time.process_time()
    sounds: list[Audio] = [model(text, steps=steps) for text in texts]
    seconds = time.process_time() - start
    figures: dict[str, str] = {}
    for name, judge in judges.items():
        if hasattr(judge, "rate"):
            scores = judge.rate(sounds)
            figures |= {f"{name} {key}": f"{np.mean([s[key] for s in scores]):.2f}" for key in scores[0]}
        else:
            heard = [plain(one.words) for one in judge.listen(sounds)]
            figures[f"words wrong, {name}"] = percent(ErrorRate.of([plain(text) for text in texts], heard))
    return {**figures, "times real time": f"{sum(sound.duration for sound in sounds) / seconds:.1f}"}


def table(arms: Mapping[str, str | Path], measure: Callable[[Any, int], Mapping[str, str]]) -> list[str]:
    """One line for each arm and number of steps."""
    lines: list[str] = []
    for arm, name in arms.items():
        model = mmzoo.create(name)
        for steps in STEPS:
            figures = measure(model, steps)
            if not lines:
                lines = [f"| trained as | steps | {' | '.join(figures)} |", "|---|---:|" + "---:|" * len(figures)]
            lines.append(f"| {arm} | {steps} | {' | '.join(figures.values())} |")
            print(lines[-1], flush=True)
    return lines


def main() -> None:
    """Train and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", nargs=2, metavar=("MODEL", "STEPS"))
    parser.add_argument("--arm", action="append", default=[], metavar="NAME=MODEL")
    parser.add_argument("--judge", action="append", default=[])
    parser.add_argument("--texts", type=Path, help="for speech: a file with one sentence a line")
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("changes", nargs="*", metavar="KEY=VALUE")
    options = parser.parse_args()
    torch.set_num_threads(1)
    arms: dict[str, str | Path] = dict(arm.split("=", 1) for arm in options.arm)
    if options.train:
        model, steps = options.train
        arms |= {"published": model} | {arm: trained(model, arm, int(steps), options.changes) for arm in ARMS}
    judges = {name: load_judge(name) for name in options.judge}
    if options.texts:
        texts = options.texts.read_text(encoding="utf-8").split("\n")
        texts = [text for text in map(str.strip, texts) if text][: options.limit]
        lines = table(arms, lambda model, steps: spoken(model, texts, judges, steps))
        what = f"{len(texts)} sentences"
    else:
        data = settings_of(str(next(iter(arms.values()))))["data"]
        rows = load_dataset_component(data["name"], **data["config"])["test"]
        rows = rows.select(range(min(options.limit, len(rows))))
        lines = table(arms, lambda model, steps: drawn(model, rows, judges, steps))
        what = f"{len(rows)} pictures of held-out captions"
    how = f"every arm trained for {steps} steps from the published model" if options.train else "models as named"
    text = "\n".join([f"{what}; {how} ({' '.join(options.changes)}); one thread of {cpu_name()}.", "", *lines])
    print(text)
    if options.write:
        before, begin, rest = PAGE.read_text("utf-8").partition("<!-- begin -->\n")
        PAGE.write_text(f"{before}{begin}{text}\n<!-- end -->{rest.partition('<!-- end -->')[2]}", "utf-8")


if __name__ == "__main__":
    main()
