"""Word times as files: WebVTT (https://www.w3.org/TR/webvtt1/) and JSON."""

from __future__ import annotations

import html
import json

from mmzoo.interfaces import Audio


def webvtt(audio: Audio) -> str:
    """One cue per written word, in milliseconds."""
    cues = ["WEBVTT\n"]
    for word in audio.words:
        start = round(word.start * 1000)
        end = max(round(word.end * 1000), start + 1)
        cues.append(f"{_timestamp(start)} --> {_timestamp(end)}\n{html.escape(word.text, quote=False)}\n")
    return "\n".join(cues)


def word_times(audio: Audio) -> str:
    """A JSON object: `duration` in seconds, and `words`, each with `text`, `start` and `end` in seconds."""
    words = [{"text": w.text, "start": round(w.start, 6), "end": round(w.end, 6)} for w in audio.words]
    return json.dumps({"duration": round(audio.duration, 6), "words": words}, ensure_ascii=False, indent=1) + "\n"


def _timestamp(milliseconds: int) -> str:
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}.{milliseconds:03d}"
