"""Two stages against training the VQ-VAE and the diffusion transformer together, from the same staged start.

python benchmarks/joint_training.py [STEPS]

From the shipped `vqvae-image` and `vqvae-dit-digits`, as many further steps of each arm, on the same batches: the
tokenizer frozen (two stages, as everything in the zoo is trained), or trained along with its own loss added, with and
without the diffusion's gradient in it. Prints held-out figures of `mmzoo evaluate --limit 100`. Runs are kept under
`runs/` and are resumed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mmzoo.evaluation.runner import evaluate
from mmzoo.training.api import train

RECIPE = "plugins/mmzoo-image/mmzoo_image/recipes/vqvae-dit-digits-joint.yaml"
LIMIT = 100
"""Held-out pictures of each kind."""
ARMS = {
    "shipped": None,
    "two stages": ("model.joint=[]", "model.overrides={}"),
    "together, each from its own loss": ("model.overrides={head: {through: false}}",),
    "together, losses summed": (),
}


def row(model: str, tokenizer: str) -> list[float]:
    """Digits drawn right, spread, edits in dB; copies of digits and of scenes in dB."""
    drawn: dict[str, Any] = evaluate(model, limit=LIMIT, out="runs/joint-evaluation.json")
    copied: dict[str, Any] = evaluate(tokenizer, limit=LIMIT, out="runs/joint-evaluation.json")
    edits = [drawn["edits"][task]["model"]["psnr_db"] for task in ("inpaint", "upscale", "denoise")]
    right, spread = drawn["digits_right"]["drawn"]["share"], drawn["variety"]["drawn_to_real_spread"]
    return [100 * right, spread, *edits, copied["psnr_db"]["digits"], copied["psnr_db"]["scenes"]]


def main(steps: str = "150") -> None:
    """One line for each arm, as Markdown."""
    lines = [
        "| | digits right % | spread | fill dB | enlarge dB | denoise dB | digits copied dB | scenes copied dB |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, overrides in ARMS.items():
        model, tokenizer = "vqvae-dit-digits", "vqvae-image"
        if overrides is not None:
            out = Path("runs") / f"joint-{name.replace(',', '').replace(' ', '-')}"
            if not (out / "model").is_dir():
                start = (
                    "model.init_from=model_cards/vqvae-dit-digits",
                    f"steps={steps}",
                    "preview_every=100000",
                    "num_threads=null",
                )
                train(RECIPE, [*start, *overrides], out)
            model = f"local-dir:{out / 'model'}"
            tokenizer = f"local-dir:{out / 'model-tokenizer'}" if (out / "model-tokenizer").is_dir() else tokenizer
        figures = row(model, tokenizer)
        lines.append(f"| {name} | {figures[0]:.1f} | " + " | ".join(f"{figure:.2f}" for figure in figures[1:]) + " |")
        print(lines[-1], flush=True)
    print("\n".join(lines))


if __name__ == "__main__":
    main(*sys.argv[1:])
