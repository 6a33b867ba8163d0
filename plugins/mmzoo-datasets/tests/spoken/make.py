"""Writes the recordings of this folder with flite: `python plugins/mmzoo-datasets/tests/spoken/make.py`."""

from __future__ import annotations

import json
from pathlib import Path

from mmzoo_datasets.flite import speak

from mmzoo.data import decode_audio, encode_audio

TEXTS = {
    "SP001-0001": "Open the door.",
    "SP001-0002": "We met her.",
    "SP001-0003": "A red paper.",
}


def main() -> None:
    """One FLAC file a text, and flite's phone times in `spoken.json`."""
    here = Path(__file__).parent
    times = {}
    for name, text in TEXTS.items():
        said = speak(text)
        (here / f"{name}.flac").write_bytes(encode_audio(decode_audio({"bytes": said.wav}), "FLAC"))
        times[name] = {"text": text, "phones": said.phones, "ends_s": said.ends_s}
    (here / "spoken.json").write_text(json.dumps(times, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
