"""Writes docs/samples/speech.md: one paragraph in every voice of a model, beside its teacher's, with spectrograms.

    python docs/speech_samples.py            with the bundled voice
    python docs/speech_samples.py MODEL      with another model, by name or folder

A teacher's sample needs its synthesizer; without it the page says so.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "samples"
PAGE = FOLDER / "speech.md"
TEXT = (
    "When the last ferry had left, the harbor grew quiet. Only a gull called from the roof of the old customs house."
    " Shall we wait for the morning?"
)
FORMAT = "flac"
"""Lossless, so that nothing of what is heard comes from the file, and half the size of WAV."""
MOST_BYTES = 3_000_000


def samples(model: Any, folder: Path) -> list[dict[str, str]]:
    """Write the files of each voice.

    Returns:
        A row for each voice: `voice`, `own` and `teacher` (what to write in their cells), and `picture`.
    """
    from mmzoo_tts.evaluate import said_by, teacher_voice

    from mmzoo.errors import MmzooError
    from mmzoo.evaluation.speech import spectrograms

    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for voice in model.voices:
        sounds = {voice: model(TEXT, voice=voice)}
        source, missing = teacher_voice(model, voice), "unknown"
        if source is not None:
            try:
                sounds[f"{voice}-teacher"] = said_by(source, [TEXT])[0].audio
            except MmzooError as error:
                missing = f"{source}: {error}"
        for name, sound in sounds.items():
            sound.save(folder / f"{name}.{FORMAT}")
        picture = folder / f"{voice}.png"
        spectrograms(picture, {name.replace("-", ", "): sound for name, sound in sounds.items()})
        links = [f"[{sound.duration:.1f} s]({name}.{FORMAT})" for name, sound in sounds.items()]
        teacher = f"{source}: {links[1]}" if len(links) > 1 else missing
        rows.append({"voice": voice, "own": links[0], "teacher": teacher, "picture": picture.name})
    return rows


def page(name: str, rows: list[dict[str, str]]) -> str:
    """The page about these files."""
    from mmzoo.evaluation.tables import table

    command = f"python docs/speech_samples.py {name}"
    listed = table(["voice", "the model", "its teacher"], ([row["voice"], row["own"], row["teacher"]] for row in rows))
    pictures = "\n\n".join(f"![{row['voice']}: the model above its teacher]({row['picture']})" for row in rows)
    return f"# Speech samples of {name}\n\nWritten by `{command}`.\n\n> {TEXT}\n\n{listed}\n\n{pictures}\n"


def main() -> int:
    """Write the page and its files."""
    import mmzoo

    name = sys.argv[1] if len(sys.argv) > 1 else "vqvae-dit-tts"
    model: Any = mmzoo.create(name)
    for old in FOLDER.glob("*.*"):
        if old.suffix in (f".{FORMAT}", ".png"):
            old.unlink()
    rows = samples(model, FOLDER)
    PAGE.write_text(page(model.name or name, rows), encoding="utf-8")
    total = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f"{PAGE}: {len(rows)} voices, {total / 1e6:.2f} MB")
    if total > MOST_BYTES:
        print(f"The samples have {total:,} bytes; the limit is {MOST_BYTES:,}.", file=sys.stderr)
    return int(total > MOST_BYTES)


if __name__ == "__main__":
    sys.exit(main())
