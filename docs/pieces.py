"""Draws docs/pieces.svg (how the pieces fit) and docs/flow.svg (how data flows through the models).

python docs/pieces.py
"""

from __future__ import annotations

from html import escape
from pathlib import Path

FOLDER = Path(__file__).parent
WIDTH, HEIGHT = 960, 524
INK, FAINT, PAPER = "#1f2933", "#52606d", "#ffffff"
FILLS = {"user": "#e3f2fd", "core": "#fff3d6", "plugin": "#e6f4ea", "model": "#f3e8fd", "file": "#f1f3f5"}


def box(x: int, y: int, w: int, h: int, fill: str, title: str, *lines: str) -> str:
    """A rounded box with a bold title and small lines under it."""
    middle = x + w / 2
    top = y + h / 2 - 8.0 * len(lines) + 5
    text = [f'<text x="{middle}" y="{top}" class="title">{escape(title)}</text>']
    text += [
        f'<text x="{middle}" y="{top + 17 * number}" class="line">{escape(line)}</text>'
        for number, line in enumerate(lines, 1)
    ]
    return f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="8" fill="{FILLS[fill]}" stroke="{FAINT}"/>' + "".join(
        text
    )


def arrow(*points: tuple[int, int]) -> str:
    """An arrow through the points."""
    path = "M" + " L".join(f"{x} {y}" for x, y in points)
    return f'<path d="{path}" class="arrow" marker-end="url(#head)"/>'


def frame(x: int, y: int, w: int, h: int, title: str) -> str:
    """A dashed frame with its title in the upper left corner."""
    return (
        f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="10" class="frame"/>'
        f'<text x="{x + 14}" y="{y + 21}" class="frame-title">{escape(title)}</text>'
    )


def pieces() -> str:
    """How the pieces fit, as SVG."""
    parts = [
        frame(20, 16, 920, 100, "users"),
        box(40, 46, 270, 56, "user", 'mmzoo.create("vqvae-dit-tts")', "a model, ready to call"),
        box(345, 46, 270, 56, "user", "mmzoo list, say, train, evaluate", "the command line"),
        box(650, 46, 270, 56, "user", "your own plugin", "a package with one entry point"),
        frame(20, 150, 600, 196, "the core: mmzoo"),
        box(40, 182, 560, 44, "core", "create: resolve, check, build", "a name to a model"),
        box(40, 264, 122, 66, "file", "model repo", "config.json,", "model.safetensors"),
        box(186, 264, 124, 66, "core", "hub", "bundled, hf-hub:,", "local-dir:"),
        box(326, 264, 142, 66, "core", "composition", "ports, skeleton,", "strict load"),
        box(484, 264, 116, 66, "core", "registry", "names to specs,", "no heavy imports"),
        frame(650, 150, 290, 196, "plugins mmzoo-*, through one hook"),
        box(668, 182, 124, 44, "plugin", "vqvae", "quantizers, VQ-VAE"),
        box(800, 182, 124, 44, "plugin", "dit", "backbone, samplers"),
        box(668, 234, 124, 44, "plugin", "encoders", "and fusions"),
        box(800, 234, 124, 44, "plugin", "heads", "tts, image, ..."),
        box(668, 286, 124, 44, "plugin", "datasets", "corpora, judges"),
        box(800, 286, 124, 44, "plugin", "yours", "the same hook"),
        frame(20, 380, 920, 124, "what create returns: a task head with filled slots, here vqvae-dit-tts"),
        box(40, 418, 132, 66, "model", "phonemizer", "a model of its own:", "text to phones"),
        box(196, 418, 132, 66, "model", "text", "an encoder:", "phone embeddings"),
        box(352, 418, 132, 66, "model", "durations, prior", "part of the head:", "phones to frames"),
        box(508, 418, 160, 66, "model", "backbone, sampler", "noise to latents", "in a few steps"),
        box(692, 418, 132, 66, "model", "tokenizer", "vqvae-speech:", "codes, samples"),
        box(848, 418, 76, 66, "file", "Audio", "samples,", "times"),
        arrow((175, 102), (175, 180)),
        arrow((480, 102), (480, 180)),
        arrow((785, 102), (785, 148)),
        arrow((248, 226), (248, 262)),
        arrow((397, 226), (397, 262)),
        arrow((542, 226), (542, 262)),
        arrow((162, 297), (184, 297)),
        arrow((650, 297), (602, 297)),
        arrow((397, 330), (397, 378)),
        arrow((172, 451), (194, 451)),
        arrow((328, 451), (350, 451)),
        arrow((484, 451), (506, 451)),
        arrow((668, 451), (690, 451)),
        arrow((824, 451), (846, 451)),
    ]
    return svg("How the pieces of mmzoo fit", parts)


def flow() -> str:
    """How data flows through the models, as SVG: one row per path from a modality to another."""
    rows = (
        ("text to speech", ("text", ""), ("phonemizer-en", "phones"), ("durations, prior", "frames"), "vqvae-speech"),
        ("text to image", ("caption", "or class"), ("symbols", "word embeddings"), None, "vqvae-image"),
        ("edits", ("image", "degraded"), ("vqvae-image", "latents, hints"), None, "vqvae-image"),
    )
    ends = {"vqvae-speech": "Audio", "vqvae-image": "Image"}
    parts = []
    for index, (title, given, *inner, tokenizer) in enumerate(rows):
        y = 40 + 100 * index
        parts += [frame(20, y - 24, 920, 92, title), box(34, y, 112, 56, "user", *filter(None, given))]
        right = 146
        for x, step in zip((176, 336), inner, strict=True):
            if step is not None:
                parts += [box(x, y, 136, 56, "plugin", *step), arrow((right, y + 28), (x - 2, y + 28))]
                right = x + 136
        parts += [
            arrow((right, y + 28), (494, y + 28)),
            box(496, y, 136, 56, "model", "DiT, sampler", "noise to latents"),
            arrow((632, y + 28), (660, y + 28)),
            box(662, y, 136, 56, "model", tokenizer, "quantize, decode"),
            arrow((798, y + 28), (818, y + 28)),
            box(820, y, 106, 56, "file", ends[tokenizer]),
        ]
    paths = (
        ("image to speech", "image", ("vqvae-image", "latents, encoder"), "text to speech", "Audio"),
        ("speech to image", "speech", ("speech encoder", "25 vectors / second"), "text to image", "Image"),
    )
    for y, (title, raw, encoder, model, end) in zip((340, 440), paths, strict=True):
        parts += [
            frame(20, y - 24, 920, 92, title),
            box(34, y, 112, 56, "user", raw),
            arrow((146, y + 28), (174, y + 28)),
            box(176, y, 136, 56, "plugin", *encoder),
            arrow((312, y + 28), (334, y + 28)),
            box(336, y, 136, 56, "model", "words", "CTC, no alignment"),
            arrow((472, y + 28), (660, y + 28)),
            box(662, y, 136, 56, "model", model, "a model in a slot"),
            arrow((798, y + 28), (818, y + 28)),
            box(820, y, 106, 56, "file", end),
        ]
    y = 540
    parts += [
        frame(20, y - 24, 920, 92, "recognition"),
        box(34, y, 112, 56, "user", "any of three", "modalities"),
        arrow((146, y + 28), (174, y + 28)),
        box(176, y, 136, 56, "plugin", "one encoder each", "pixels, codes, ..."),
        arrow((312, y + 28), (494, y + 28)),
        box(496, y, 136, 56, "plugin", "fusion", "gates, attention, ..."),
        arrow((632, y + 28), (660, y + 28)),
        box(662, y, 136, 56, "model", "one linear layer", "classes"),
        arrow((798, y + 28), (818, y + 28)),
        box(820, y, 106, 56, "file", "Labels"),
    ]
    return svg("How data flows through the models of mmzoo", parts, height=628)


def svg(title: str, parts: list[str], height: int = HEIGHT) -> str:
    """The complete SVG document."""
    style = (
        "text{font-family:Helvetica,Arial,sans-serif;fill:" + INK + "}"
        ".title{font-size:13px;font-weight:bold;text-anchor:middle}"
        ".line{font-size:12px;text-anchor:middle;fill:" + FAINT + "}"
        ".frame-title{font-size:12px;fill:" + FAINT + "}"
        ".frame{fill:none;stroke:#9aa5b1;stroke-dasharray:5 4}"
        ".arrow{fill:none;stroke:" + FAINT + ";stroke-width:1.5}"
    )
    head = (
        '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7"'
        f' orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" fill="{FAINT}"/></marker></defs>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        f' aria-label="{escape(title)}">'
        f'<style>{style}</style>{head}<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


if __name__ == "__main__":
    for page in (pieces, flow):
        (FOLDER / f"{page.__name__}.svg").write_text(page(), encoding="utf-8")
