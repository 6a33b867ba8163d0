"""What `mmzoo train --from MODEL --data FOLDER` gives on real data, measured on rows held out of the training.

    npm pack @iconify-json/noto && tar xzf iconify-json-noto-*.tgz    the emoji, Apache-2.0; makes the folder package/
    python benchmarks/fine_tuning.py --noto package --emoji emoji     renders them to emoji/CATEGORY/NAME.png and stops
    python benchmarks/fine_tuning.py --emoji emoji --sounds /usr/share/festival/voices/russian/msu_ru_nsh_clunits/wav
                                                                      trains what runs/ lacks, and prints the table
    ... --write                                                       also writes benchmarks/fine_tuning.md

The sounds are those of Debian's package festvox-ru: 620 Russian sentences of one speaker. Rendering needs resvg-py.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import mmzoo
from mmzoo.data import decode_audio, fit_image, load_dataset_component
from mmzoo.data.image import decode_image
from mmzoo.evaluation.pictures import psnr
from mmzoo.evaluation.sound import averages, high_band_distance, intelligibility
from mmzoo.system import cpu_name
from mmzoo.yaml_text import read_yaml

PAGE = Path(__file__).with_suffix(".md")
SIDE = 64
SOUNDS = 40
"""Sounds that are judged."""
TONES = re.compile(r"(light|medium|dark)-skin-tone|-skin")


def render(package: Path, folder: Path) -> int:
    """Draw the emoji of an unpacked npm package into a folder for each category, without variants of skin."""
    import resvg_py

    icons = json.loads((package / "icons.json").read_text(encoding="utf-8"))
    categories = json.loads((package / "metadata.json").read_text(encoding="utf-8"))["categories"]
    drawn: set[str] = set()
    for category, names in categories.items():
        place = folder / re.sub(r"\W+", "-", category.lower())
        place.mkdir(parents=True, exist_ok=True)
        for name in names:
            if name in drawn or name not in icons["icons"] or TONES.search(name):
                continue
            drawn.add(name)
            icon = icons["icons"][name]
            width, height = icon.get("width", icons["width"]), icon.get("height", icons["height"])
            svg = (
                '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
                f' viewBox="{icon.get("left", 0)} {icon.get("top", 0)} {width} {height}">{icon["body"]}</svg>'
            )
            png = resvg_py.svg_to_bytes(svg_string=svg, width=SIDE, height=SIDE, background="white")
            (place / f"{name}.png").write_bytes(bytes(png))
    return len(drawn)


def trained(start: str, data: Path, more: list[str]) -> Path:
    """The run folder of a fine-tuning; it runs unless it has run."""
    run = Path("runs", f"{start}-{data.name}")
    if not (run / "model" / "config.json").is_file():
        command = [sys.executable, "-m", "mmzoo", "train", "--from", start, "--data", str(data), *more]
        subprocess.run(command, check=True)
    return run


def held_out(run: Path):
    """The validation rows of a run."""
    data = read_yaml((run / "recipe.yaml").read_text(encoding="utf-8"))["data"]
    return load_dataset_component(data["name"], **data["config"])[data["validation_split"]]


def described(run: Path) -> str:
    record = json.loads((run / "model" / "training.json").read_text(encoding="utf-8"))
    steps, size = record["steps"], record["recipe"]["batch_size"]
    precision = record.get("precision", record["recipe"]["precision"])
    return f"{steps} steps of {size}, {precision}, {record['seconds'] / 60:.0f} minutes"


def pictures(data: Path, more: list[str]) -> list[str]:
    """PSNR of held-out pictures."""
    run = trained("vqvae-image", data, more)
    shown = [fit_image(decode_image(row["image"]), (SIDE, SIDE)) for row in held_out(run)]
    before, after = (
        psnr(shown, [model(picture) for picture in shown])
        for model in (mmzoo.create("vqvae-image"), mmzoo.create(run / "model"))
    )
    what = f"{len(shown)} emoji, PSNR of the copy"
    return [f"| `vqvae-image` | {what} | {before:.1f} dB | {after:.1f} dB | {described(run)} |"]


def classes(data: Path, more: list[str]) -> list[str]:
    """Accuracy on held-out pictures, beside always naming the most frequent class."""
    run = trained("vqvae-dit-recognition", data, ["balance=true", *more])
    model, rows = mmzoo.create(run / "model"), held_out(run)
    right = sum(model.recognize(image=row["image"]).best == row["label"] for row in rows)
    most = Counter(rows["label"]).most_common(1)[0][1]
    return [
        f"| `vqvae-dit-recognition` | {len(rows)} emoji, category right | {most / len(rows):.0%} (most frequent) |"
        f" {right / len(rows):.0%} | {described(run)} |"
    ]


def sounds(data: Path, more: list[str]) -> list[str]:
    """Intelligibility (STOI) and spectral distance of held-out sounds."""
    run = trained("vqvae-speech", data, more)
    rows = held_out(run)
    published: Any = mmzoo.create("vqvae-speech")
    chosen = rows.select(range(min(SOUNDS, len(rows))))
    clips = [decode_audio(row["audio"], sample_rate=published.sample_rate) for row in chosen]
    measured = []
    for model in (published, mmzoo.create(run / "model")):
        copies = [model(clip) for clip in clips]
        measured.append(
            averages(
                [
                    {**intelligibility(clip, copy), "distance": high_band_distance(clip, copy)}
                    for clip, copy in zip(clips, copies, strict=True)
                ]
            )
        )
    before, after = measured
    what = f"| `vqvae-speech` | {len(clips)} Russian sentences"
    return [
        f"{what}, STOI of the copy | {before['stoi']:.3f} | {after['stoi']:.3f} | {described(run)} |",
        f"{what}, distance above 2 kHz | {before['distance']:.1f} dB | {after['distance']:.1f} dB | |",
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emoji", type=Path, required=True, help="the folder of emoji")
    parser.add_argument("--noto", type=Path, help="render the emoji of this unpacked npm package there, and stop")
    parser.add_argument("--sounds", type=Path, help="the folder of recordings")
    parser.add_argument("--steps", type=int, help="train for this many steps instead of as many as the data are worth")
    parser.add_argument("--write", action="store_true", help="also write benchmarks/fine_tuning.md")
    options = parser.parse_args()
    if options.noto is not None:
        print(f"{render(options.noto, options.emoji)} emoji in {options.emoji}")
        return 0
    more = [] if options.steps is None else [f"steps={options.steps}"]
    rows = [*pictures(options.emoji, more), *classes(options.emoji, more)]
    rows += sounds(options.sounds, more) if options.sounds else []
    text = "\n".join(
        [
            "# Fine-tuning on real data",
            "",
            f"`python benchmarks/fine_tuning.py --write` on {datetime.date.today().isoformat()}, {cpu_name()}.",
            "Every row is one `mmzoo train --from MODEL --data FOLDER steps=STEPS` (the classes with `balance=true`),",
            "measured on rows held out of its training.",
            "",
            "| model | measured on | before | after | trained |",
            "|---|---|---:|---:|---|",
            *rows,
            "",
        ]
    )
    print(text)
    if options.write:
        PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
