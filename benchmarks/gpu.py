"""Training, components and models on a CUDA device; `benchmarks/gpu.sh` runs it with everything it needs.

    python benchmarks/gpu.py --write             writes benchmarks/gpu.md
    python benchmarks/gpu.py --quick             everything once with tiny settings, on any device; writes nothing

Peers (diffusers, vector-quantize-pytorch) that are not installed, and models whose plugins are not, are left out.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parent))

import engine
import quantizers

import mmzoo
from mmzoo.errors import MmzooError
from mmzoo.interfaces import Condition, Latents

PAGE = Path(__file__).with_suffix(".md")
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
TEXTS = (
    "Would you like some more coffee before we leave?",
    "A light wind carried the smell of fresh bread across the square.",
)
PROMPT = "a large red circle at the top left on a gray background"


@dataclass(frozen=True)
class Size:
    """A diffusion transformer and its batch: side of the latents in patches of 2 x 2, of 4 channels."""

    name: str
    width: int
    depth: int
    heads: int
    side: int
    batch: int


SIZES = (Size("DiT-S", 384, 12, 6, 16, 64), Size("DiT-B", 768, 12, 12, 16, 64))
TINY = (Size("tiny", 32, 2, 2, 4, 2),)


def seconds(run: Callable[[], object], repeats: int, device: str) -> float:
    """The median of `repeats` calls after 3 that are not timed."""
    times = []
    for _ in range(repeats + 3):
        start = time.perf_counter()
        run()
        if device != "cpu":
            torch.accelerator.synchronize()
        times.append(time.perf_counter() - start)
    return statistics.median(times[3:])


# --- diffusion transformers --------------------------------------------------------------------------


def our_dit(size: Size, device: str) -> tuple[nn.Module, Callable[[nn.Module], Tensor]]:
    """mmzoo's transformer, and a call with a fixed batch."""
    module = mmzoo.create(
        "backbone/dit", width=size.width, depth=size.depth, heads=size.heads, in_channels=16, position="rope-2d"
    ).to(device)
    rows, columns = torch.meshgrid(torch.arange(size.side), torch.arange(size.side), indexing="ij")
    positions = torch.stack([rows, columns], -1).flatten(0, 1).float().expand(size.batch, -1, -1).to(device)
    x = torch.randn(size.batch, size.side**2, 16, device=device)
    t = torch.rand(size.batch, device=device)
    latents = Latents(x, positions=positions, grid=(size.side, size.side))
    return module, lambda model: model(latents, t, Condition())


def their_dit(size: Size, device: str) -> tuple[nn.Module, Callable[[nn.Module], Tensor]] | None:
    """diffusers' transformer of the same size; None if diffusers is not installed."""
    try:
        from diffusers import DiTTransformer2DModel
    except ImportError:
        return None
    module = DiTTransformer2DModel(
        num_attention_heads=size.heads,
        attention_head_dim=size.width // size.heads,
        in_channels=4,
        out_channels=4,
        num_layers=size.depth,
        sample_size=2 * size.side,
        patch_size=2,
    ).to(device)
    x = torch.randn(size.batch, 4, 2 * size.side, 2 * size.side, device=device)
    t, labels = (torch.randint(0, 1000, (size.batch,), device=device) for _ in range(2))
    return module, lambda model: model(x, timestep=t, class_labels=labels).sample


def dit_table(sizes: Sequence[Size], repeats: int, device: str) -> str:
    """Forward, and forward with backward, of both."""
    lines = [
        "| transformer | precision | mode | ours ms | diffusers ms | ours / diffusers |",
        "|---|---|---|---:|---:|---:|",
    ]
    for size in sizes:
        for precision, dtype in DTYPES.items():
            pair = [our_dit(size, device), their_dit(size, device)]
            for mode in ("eval", "train"):
                cells = []
                for made in pair:
                    if made is None:
                        continue
                    module, call = made
                    module.train(mode == "train")

                    def run(module: nn.Module = module, call: Any = call, dtype: torch.dtype = dtype) -> None:
                        with torch.autocast(device, dtype, enabled=dtype != torch.float32):
                            result = call(module)
                        if module.training:
                            result.float().square().mean().backward()
                            module.zero_grad()

                    with torch.set_grad_enabled(mode == "train"):
                        cells.append(1e3 * seconds(run, repeats, device))
                theirs = [f"{cells[1]:.2f}", f"{cells[0] / cells[1]:.2f}"] if len(cells) == 2 else ["-", "-"]
                row = [f"{size.name}, {size.batch} x {size.side**2}", precision, mode, f"{cells[0]:.2f}", *theirs]
                lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines) + "\n"


# --- models -------------------------------------------------------------------------------------------


def speak(model: Any, batch: int) -> float:
    """Seconds of sound."""
    made = model([TEXTS[index % len(TEXTS)] for index in range(batch)], seed=0)
    return float(sum(one.duration for one in made))


def draw(model: Any, batch: int) -> float:
    """Number of pictures."""
    return float(len(model([PROMPT] * batch, seed=0)))


MODELS: dict[str, tuple[Callable[[Any, int], float], str]] = {
    "vqvae-dit-tts": (speak, "times real time"),
    "vqvae-dit-text2image": (draw, "pictures a second"),
}


def model_table(batches: Sequence[int], repeats: int, device: str) -> str:
    """Synthesis and generation in both precisions."""
    lines = ["| model | precision | batch | speed |", "|---|---|---:|---:|"]
    for name, (use, unit) in MODELS.items():
        for precision, dtype in DTYPES.items():
            try:
                model = mmzoo.create(name).to(device=device, dtype=dtype)
            except MmzooError as error:
                lines.append(f"| {name} | {precision} | | left out: {' '.join(str(error).split())[:80]} |")
                continue
            for batch in batches:
                amounts = []

                def run(model: Any = model, batch: int = batch, use: Any = use, amounts: Any = amounts) -> None:
                    amounts.append(use(model, batch))

                taken = seconds(run, repeats, device)
                lines.append(f"| {name} | {precision} | {batch} | {statistics.median(amounts) / taken:.1f} {unit} |")
    return "\n".join(lines) + "\n"


# --- the page -----------------------------------------------------------------------------------------


def engine_table(quick: bool, device: str) -> str:
    """The engine over a hand-written loop, in both precisions."""
    lines = ["| step of | precision | engine, ms | by hand, ms | ratio (95 %) |", "|---|---|---:|---:|---:|"]
    rounds, steps, rows = (1, 1, 8) if quick else (30, 20, None)
    recipes = {"vqvae-image": ("device=cpu", "batch_size=2")} if quick else engine.COMPARED
    for name, overrides in recipes.items():
        for precision in DTYPES:
            got = engine.compared(name, (*overrides, f"precision={precision}"), rounds, steps, rows)
            ratio = f"{got['ratio']:.3f} ({got['low']:.3f} to {got['high']:.3f})"
            lines.append(f"| {name} | {precision} | {got['engine_ms']:.1f} | {got['hand_ms']:.1f} | {ratio} |")
    return "\n".join(lines) + "\n"


def page(quick: bool) -> str:
    """All tables as Markdown; a section that fails says so and does not end the others."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    repeats = 1 if quick else 30
    shapes = ((1, 8, 64),) if quick else ((8, 512, 64), (16, 1024, 256))
    sections: dict[str, Callable[[], str]] = {
        "The engine over a hand-written loop": lambda: engine_table(quick, device),
        "Diffusion transformers": lambda: dit_table(TINY if quick else SIZES, repeats, device),
        "Quantizers": lambda: quantizers.table(repeats, device, shapes),
        "Models": lambda: model_table((1,) if quick else (1, 8, 32), repeats if quick else 5, device),
    }
    peers = []
    for name in ("diffusers", "vector-quantize-pytorch"):
        try:
            peers.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            peers.append(f"{name} is not installed")
    today = datetime.date.today().isoformat()
    blocks = [f"# On a GPU\n\nWritten by `benchmarks/gpu.sh` on {today}: {engine.machine()}; {', '.join(peers)}.\n"]
    for title, section in sections.items():
        print(f"{title} ...", file=sys.stderr, flush=True)
        try:
            text = section()
        except Exception as error:
            if quick:
                raise
            text = f"Failed: {type(error).__name__}: {' '.join(str(error).split())[:300]}\n"
        blocks.append(f"## {title}\n\n{text}")
    return "\n".join(blocks)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; with --write, also write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="everything once, with tiny settings")
    parser.add_argument("--write", action="store_true", help=f"also write {PAGE.name}")
    options = parser.parse_args(arguments)
    text = page(options.quick)
    print(text, end="")
    if options.write and not options.quick:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
