"""Samples of 1, 2, 4 and 8 steps: flow matching against samplers that are trained for few steps.

    python benchmarks/few_steps.py --ring
    python benchmarks/few_steps.py --train vqvae-dit-digits 400 --judge digit-reader batch_size=16
    python benchmarks/few_steps.py --arm shortcut=vqvae-dit-tts --arm flow=runs/voice-flow/model --texts FILE
        --judge whisper --judge distill-mos
    ... --write      also puts the table into few_steps.md

`--ring` trains small transformers from nothing on eight Gaussians in the plane. `--train MODEL STEPS` trains a
published model with each sampler for this number of steps, from its weights or with `--fresh` from nothing, on its own
data and with its own settings, which `key=value` changes. `--arm NAME=MODEL` compares models that are trained already,
by name or folder. Pictures are drawn from the captions of held-out rows of the first model's data, and also compared
with the pictures of those rows; speech is made of a file with one sentence a line.

Runs are kept under `runs/few-steps/` and resumed. Everything runs on one thread, and times are those of the processor,
so that other work on the machine hardly counts.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import mmzoo
from mmzoo.data import load_dataset_component
from mmzoo.evaluation.judges import load_judge
from mmzoo.evaluation.pictures import pictures_of
from mmzoo.evaluation.words import ErrorRate, interval, mismatches, plain
from mmzoo.interfaces import Condition, Latents
from mmzoo.interfaces.guidance import prediction
from mmzoo.model_folder import TRAINING_NAME, read_record
from mmzoo.system import cpu_name
from mmzoo.training.api import train

PAGE = Path(__file__).with_suffix(".md")
STEPS = (1, 2, 4, 8)
MANY = 32
SIZED: dict[str, Any] = {"step_size": True}
ARMS: dict[str, dict[str, Any]] = {
    "flow": {"sampler": {"name": "euler"}, "backbone": {"step_size": False}},
    "shortcut": {"sampler": {"name": "shortcut"}, "backbone": SIZED},
    "meanflow": {"sampler": {"name": "meanflow"}, "backbone": SIZED | {"time_scale": 10.0}},
}
"""What each arm has for `model.overrides`, one line of a recipe."""

Measure = Callable[[str, Any, int], Mapping[str, str]]
"""The figures of a model by column, for an arm, its model and a number of steps."""


def table(arms: Mapping[str, Any], measure: Measure, steps: Sequence[int] = STEPS) -> list[str]:
    """One line for each arm and number of steps."""
    lines: list[str] = []
    for arm, model in arms.items():
        for count in steps:
            figures = measure(arm, model, count)
            if not lines:
                lines = [f"| trained as | steps | {' | '.join(figures)} |", "|---|---:|" + "---:|" * len(figures)]
            lines.append(f"| {arm} | {count} | {' | '.join(figures.values())} |")
            print(lines[-1], flush=True)
    return lines


def energy_distance(made: Tensor, real: Tensor) -> float:
    """Of two sets of vectors: 0 for equal distributions; relative to the mean distance within the real ones."""
    within = torch.cdist(real, real).mean()
    return float((2 * torch.cdist(made, real).mean() - torch.cdist(made, made).mean() - within) / within)


# --- eight Gaussians -----------------------------------------------------------------------------------------


def ring(count: int, generator: torch.Generator) -> Tensor:
    """Points of eight Gaussians on a circle, `[count, 1, 2]`."""
    angle = torch.randint(8, (count,), generator=generator) * (math.pi / 4)
    centers = torch.stack((angle.cos(), angle.sin()), dim=-1)
    return 1.4 * (centers + 0.08 * torch.randn(count, 2, generator=generator)).unsqueeze(1)


def fitted(arm: str, steps: int) -> tuple[Any, Any]:
    """A small transformer trained on the ring, and its sampler."""
    torch.manual_seed(0)
    settings = ARMS[arm]["backbone"]
    model = mmzoo.create("backbone/dit", width=48, depth=2, heads=2, in_channels=2, **settings).train()
    sampler = mmzoo.create(f"sampler/{ARMS[arm]['sampler']['name']}")
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=0)
    generator = torch.Generator().manual_seed(1)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 4e-3 * min(1, (step + 1) / 30) * (1 + math.cos(math.pi * step / steps)) / 2
        optimizer.zero_grad()
        sampler.loss(model, Latents(ring(192, generator)), Condition(), generator).total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return model.eval(), sampler


@torch.inference_mode()
def points(arm: str, fitted: tuple[Any, Any], steps: int) -> Mapping[str, str]:
    """The distance of 2,000 samples from the ring."""
    model, sampler = fitted
    generator = torch.Generator().manual_seed(2)
    noise, real = torch.randn(2000, 1, 2, generator=generator), ring(2000, generator)
    predict = prediction(model, sampler, Latents(noise), Condition(), num_steps=steps)
    made = sampler.sample(predict, noise, steps)
    return {"distance from the ring": f"{energy_distance(made[:, 0], real[:, 0]):.4f}"}


# --- models --------------------------------------------------------------------------------------------------


def settings_of(model: str) -> dict[str, Any]:
    """The recipe that a model was trained with."""
    record = read_record(Path(mmzoo.create(model).folder or "") / TRAINING_NAME) or {}
    return dict(record["recipe"])


def trained(model: str, arm: str, steps: int, changes: Sequence[str], *, fresh: bool) -> Path:
    """The model folder of one arm; it is trained unless it is there."""
    out = Path("runs", "few-steps", f"{model}-{arm}-{steps}{'-fresh' * fresh}")
    if not (out / "model" / "config.json").is_file():
        start = None if fresh else model
        own = {"name": f"{model}-{arm}", "model": {"name": model, "init_from": start, "overrides": ARMS[arm]}}
        train({**settings_of(model), **own, "steps": steps, "num_threads": 1}, list(changes), out=out)
    return out / "model"


def percent(errors: ErrorRate) -> str:
    """A rate with half the width of its 95 % interval."""
    ends = interval(errors)
    return f"{errors.rate:.1%} ± {(ends['high'] - ends['low']) / 2:.1%}"


def drawing(rows: Any, judges: Mapping[str, Any]) -> Measure:
    """Pictures of the captions of rows: what judges read in them, and their distance from the rows' own pictures."""

    def pixels(pictures: Sequence[Any]) -> Tensor:
        return torch.from_numpy(np.stack([picture.pixels[::4, ::4] for picture in pictures])).flatten(1).float()

    def measure(arm: str, model: Any, steps: int) -> Mapping[str, str]:
        start, texts, made = time.process_time(), list(rows["text"]), []
        for index in range(0, len(texts), 50):
            made += model.generate(texts[index : index + 50], steps=steps, seed=index)
        seconds = time.process_time() - start
        wrong = {f"wrong, {name}": mismatches(judge.read(made), list(rows["label"])) for name, judge in judges.items()}
        return {
            **{name: percent(errors) for name, errors in wrong.items()},
            "distance from real pictures": f"{energy_distance(pixels(made), pixels(pictures_of(rows))):.3f}",
            "pictures a second": f"{len(made) / seconds:.1f}",
        }

    return measure


def speaking(texts: Sequence[str], judges: Mapping[str, Any]) -> Measure:
    """Speech of sentences: the words that listeners get wrong, and the scores of raters."""

    def measure(arm: str, model: Any, steps: int) -> Mapping[str, str]:
        start = time.process_time()
        sounds = [model(text, steps=steps) for text in texts]
        seconds = time.process_time() - start
        figures: dict[str, str] = {}
        for name, judge in judges.items():
            if hasattr(judge, "rate"):
                scores = judge.rate(sounds)
                figures |= {f"{name}: {key}": f"{np.mean([score[key] for score in scores]):.2f}" for key in scores[0]}
            else:
                heard = [plain(one.words) for one in judge.listen(sounds)]
                figures[f"words wrong, {name}"] = percent(ErrorRate.of([plain(text) for text in texts], heard))
        return {**figures, "times real time": f"{sum(sound.duration for sound in sounds) / seconds:.1f}"}

    return measure


def main() -> None:
    """Train, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ring", action="store_true")
    parser.add_argument("--train", nargs=2, metavar=("MODEL", "STEPS"))
    parser.add_argument("--fresh", action="store_true", help="train from nothing")
    parser.add_argument("--arm", action="append", default=[], metavar="NAME=MODEL")
    parser.add_argument("--judge", action="append", default=[])
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--limit", type=int, default=200, help="the largest number of captions or sentences")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("changes", nargs="*", metavar="KEY=VALUE", help="changes to the recipe, for --train")
    options = parser.parse_args()
    torch.set_num_threads(1)
    names: dict[str, str | Path] = dict(arm.split("=", 1) for arm in options.arm)
    how = "models as named"
    if options.train:
        model, steps = options.train
        names |= {arm: trained(model, arm, int(steps), options.changes, fresh=options.fresh) for arm in ARMS}
        start = "from nothing" if options.fresh else "from its weights"
        how = f"`{model}` trained {start} for {steps} steps ({' '.join(options.changes) or 'its recipe'})"
    judges = {name: load_judge(name) for name in options.judge}
    arms = {arm: mmzoo.create(name) for arm, name in names.items()}
    if options.ring:
        kind, how, measured = "ring", "eight Gaussians, 500 steps of 192 points from nothing", "2,000 samples"
        lines = table({arm: fitted(arm, 500) for arm in ARMS}, points, (*STEPS, MANY))
    elif options.texts:
        texts = [text for line in options.texts.read_text(encoding="utf-8").splitlines() if (text := line.strip())]
        texts = texts[: options.limit]
        kind, measured, lines = "speech", f"{len(texts)} sentences", table(arms, speaking(texts, judges))
    else:
        data = settings_of(str(next(iter(names.values()))))["data"]
        rows = load_dataset_component(data["name"], **data["config"])["test"]
        rows = rows.select(range(min(options.limit, len(rows))))
        kind = "fresh pictures" if options.fresh else "pictures"
        measured, lines = f"{len(rows)} held-out captions", table(arms, drawing(rows, judges))
    text = "\n".join([f"{how}; {measured}; one thread of {cpu_name()}.", "", *lines])
    print(text)
    if options.write:
        before, begin, rest = PAGE.read_text("utf-8").partition(f"<!-- begin {kind} -->\n")
        after = rest.partition(f"<!-- end {kind} -->")[2]
        PAGE.write_text(f"{before}{begin}{text}\n<!-- end {kind} -->{after}", "utf-8")


if __name__ == "__main__":
    main()
