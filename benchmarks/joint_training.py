"""Two-stage against joint training of the VQ-VAE and the diffusion transformer, on digits and on scenes.

    python benchmarks/joint_training.py [--steps 1000] [--world digits|scenes] [--write]

Every arm starts from the same published models and trains for the same number of steps, on the same batches, with the
same learning rate. The arms differ only in what is trained: the diffusion transformer on a frozen tokenizer (two
stages); both, each with its own loss; both, with the diffusion loss also reaching the tokenizer's encoder. All are
evaluated by `mmzoo evaluate --limit 100` on held-out data. Runs are kept under `runs/` and resumed.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mmzoo.evaluation.runner import evaluate
from mmzoo.system import cpu_name
from mmzoo.training.api import train

LIMIT = 100
"""Held-out pictures of each kind."""
TOKENIZER = "vqvae-image"
ARMS: dict[str, tuple[list[str], bool] | None] = {
    "published": None,
    "two stages": ([], False),
    "joint, each from its own loss": (["tokenizer"], False),
    "joint, losses summed": (["tokenizer"], True),
}
"""Arm to (slots whose models are trained too, whether the diffusion loss reaches them)."""


@dataclass(frozen=True)
class World:
    """A model, its training data, and the reported figures of its evaluation: dotted path by column."""

    model: str
    data: Mapping[str, Any]
    figures: Mapping[str, str]


EDITS = {
    f"{name}, dB": f"edits.{task}.model.psnr_db"
    for name, task in {"fill": "inpaint", "enlarge": "upscale", "denoise": "denoise"}.items()
}
COPIES = {"digits copied, dB": "psnr_db.digits", "scenes copied, dB": "psnr_db.scenes"}
WORLDS = {
    "digits": World(
        "vqvae-dit-digits",
        {"name": "spoken-digits", "config": {"side": 64, "speech": False}},
        {"digits right": "digits_right.drawn.share", **EDITS},
    ),
    "scenes": World(
        "vqvae-dit-text2image",
        {"name": "spoken-scenes", "config": {"train": 12000, "speech": False}, "limit": 4000},
        {
            "attributes right, one thing": "attributes_right.one.all.share",
            "two things": "attributes_right.two.all.share",
            **EDITS,
        },
    ),
}


def recipe(world: World, steps: int, joint: list[str], through: bool) -> dict[str, Any]:
    """The training recipe of one arm."""
    return {
        "name": "joint-training",
        "model": {
            "name": world.model,
            "init_from": f"model_cards/{world.model}",
            "joint": joint,
            "overrides": {"head": {"through": through}},
        },
        "data": dict(world.data),
        "steps": steps,
        "batch_size": 8,
        "precision": "fp32",
        "num_threads": torch.get_num_threads(),
        "ema": {"decay": 0.99},
        "optimizer": {"lr": 2e-4, "betas": [0.9, 0.99], "weight_decay": 0.02, "warmup_steps": 50, "clip": 1.0},
        "log_every": 100,
        "checkpoint_every": 250,
    }


def figures(of: World, model: str, tokenizer: str, out: Path) -> list[float]:
    """Evaluate a model and its tokenizer; returns the figures in the order of the columns."""
    drawn = evaluate(model, limit=LIMIT, out=out / "model.json")
    copied = evaluate(tokenizer, limit=LIMIT, out=out / "tokenizer.json")
    return [look_up(drawn, path) for path in of.figures.values()] + [look_up(copied, path) for path in COPIES.values()]


def look_up(report: Mapping[str, Any], path: str) -> float:
    """The number at a dotted path of a report."""
    value: Any = report
    for key in path.split("."):
        value = value[key]
    return float(value)


def compare(name: str, steps: int) -> list[str]:
    """The table of one world as lines of Markdown."""
    world = WORLDS[name]
    columns = [*world.figures, *COPIES, "seconds a step"]
    lines = [f"| {name} | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for arm, settings in ARMS.items():
        out = Path("runs") / "joint" / name / arm.replace(",", "").replace(" ", "-")
        out.mkdir(parents=True, exist_ok=True)
        model, tokenizer, seconds = world.model, TOKENIZER, ""
        if settings is not None:
            if not (out / "model").is_dir():
                train(recipe(world, steps, *settings), out=out)
            model = f"local-dir:{out / 'model'}"
            tokenizer = f"local-dir:{out / 'model-tokenizer'}" if settings[0] else tokenizer
            record = json.loads((out / "model" / "training.json").read_text("utf-8"))
            seconds = f"{record['seconds'] / record['steps']:.2f}"
        values = " | ".join(
            f"{value:.3f}" if value <= 1 else f"{value:.2f}" for value in figures(world, model, tokenizer, out)
        )
        lines.append(f"| {arm} | {values} | {seconds} |")
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    """Print the tables; with --write, also put them between the markers of joint_training.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--world", choices=WORLDS, action="append")
    parser.add_argument("--write", action="store_true", help="put the tables into benchmarks/joint_training.md")
    options = parser.parse_args()
    tables = ["\n".join(compare(name, options.steps)) for name in options.world or WORLDS]
    machine = f"{torch.get_num_threads()} threads of {cpu_name()} ({platform.machine()})"
    where = f"{options.steps} steps of 8 pictures per arm, {machine}, fp32"
    text = "\n\n".join([f"{where}; {LIMIT} held-out pictures of each kind.", *tables])
    print(text)
    if options.write:
        page = Path(__file__).with_suffix(".md")
        before, begin, rest = page.read_text("utf-8").partition("<!-- begin -->\n")
        page.write_text(f"{before}{begin}{text}\n<!-- end -->{rest.partition('<!-- end -->')[2]}", "utf-8")


if __name__ == "__main__":
    main()
