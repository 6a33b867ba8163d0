"""Measurements of text to speech besides the rows of its voices: unseen words, steps, seeds, a control, and speed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from tqdm import tqdm

from mmzoo.data import load_dataset_component
from mmzoo.errors import InputError, MmzooError
from mmzoo.evaluation.speech import Listener, Panel, Sentence, sentences_of, target_error
from mmzoo.evaluation.speech import judge as heard_by
from mmzoo.evaluation.words import ErrorRate, difference
from mmzoo.interfaces import Audio

STEPS = (1, 2, 4, 8)
SEEDS = (0, 1, 2)
CONTROL = "espeak:en-us"
TEN_WORDS = "The quick brown fox jumps over the very lazy dog."
_SPEED = """
import json, resource, sys, time, torch, mmzoo
name, text = sys.argv[1:]
start = time.perf_counter()
model = mmzoo.create(name)
created = time.perf_counter() - start
model(text)
first, elapsed, seconds = [], 0.0, 0.0
for seed in range(10):
    start = time.perf_counter()
    stream = model.stream(text, seed=seed)
    chunk = next(stream)
    first.append(time.perf_counter() - start)
    seconds += chunk.duration + sum(c.duration for c in stream)
    elapsed += time.perf_counter() - start
speeds = {1: [], 2: []}
for seed in range(20):
    for threads, those in speeds.items():
        torch.set_num_threads(threads)
        start = time.perf_counter()
        duration = model(text, seed=seed).duration
        those.append(duration / (time.perf_counter() - start))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"rtf": elapsed / seconds, "times_real_time": seconds / elapsed, "first_audio_s": sorted(first)[5],
                  "times_real_time_1_thread": sorted(speeds[1])[10], "times_real_time_2_threads": sorted(speeds[2])[10],
                  "create_s": created, "peak_memory_mb": peak}))
"""


def bar(items: Sequence[Any], name: str) -> Any:
    """The items, with a progress bar."""
    return tqdm(items, desc=name, unit="sentence", disable=None, leave=False)


def unseen_words(model: Any, listener: Listener, sentences: Sequence[Sentence]) -> dict[str, Any]:
    """Error on the target word: from text, from the teacher's phones if known, and by letter-to-sound alone."""
    words = [s.target for s in sentences]
    phonemizer = model.phonemizer
    lexicon = dict(phonemizer.lexicon)
    in_lexicon = sum(word in lexicon for word in words)
    rows: dict[str, ErrorRate] = {"teacher": target_error(sentences, listener.listen([s.audio for s in sentences]))}
    spoken = [model(s.text) for s in bar(sentences, "unseen words")]
    rows["tts"] = target_error(sentences, listener.listen(spoken))
    # With the teacher's phones, errors come from the sound of new words, not from their spelling.
    if (known := speak_phones_of(model, sentences, model.voices[0])) is not None:
        rows["tts_known_phones"] = target_error(sentences, listener.listen(known))
    if in_lexicon:
        phonemizer.set_lexicon({word: phones for word, phones in lexicon.items() if word not in set(words)})
        try:
            spoken = [model(s.text) for s in bar(sentences, "by letters")]
        finally:
            phonemizer.set_lexicon(lexicon)
        rows["tts_by_letters"] = target_error(sentences, listener.listen(spoken))
    return {
        "words": len(words),
        "words_in_lexicon": in_lexicon,
        "error": {name: row.rate for name, row in rows.items()},
        "difference": {name: difference(row, rows["teacher"]) for name, row in rows.items() if name != "teacher"},
    }


def speak_phones_of(
    model: Any, sentences: Sequence[Sentence], voice: str, *, timed: bool = False
) -> list[Audio] | None:
    """The sentences from their phones, perhaps with their times; None if one has none, or phones of another set."""
    if not all(s.phones and (s.ends or not timed) for s in sentences):
        return None
    try:
        return [
            model.speak_phones(s.phones, _durations(s) if timed else None, voice=voice)
            for s in bar(sentences, f"{voice}, from phones")
        ]
    except InputError:
        return None


def _durations(sentence: Sentence) -> list[float]:
    starts = (0.0, *sentence.ends[:-1])
    return [max(end - start, 1e-3) for start, end in zip(starts, sentence.ends, strict=True)]


def by_steps(model: Any, panel: Panel, sentences: Sequence[Sentence]) -> dict[str, Any]:
    """Word errors, mean ratings and speed by the number of sampling steps."""
    table: dict[str, Any] = {"sentences": len(sentences)}
    for steps in sorted({*STEPS, model.num_steps}):
        start = time.perf_counter()
        spoken = [model(s.text, steps=steps) for s in bar(sentences, f"{steps} steps")]
        seconds = time.perf_counter() - start
        heard = heard_by(panel.lead, sentences, spoken, f"{steps} steps")
        table[str(steps)] = {
            "wer": heard.words.rate,
            **({"per": heard.phones.rate} if heard.phones.counts[:, 3].any() else {}),
            **{name: scores.rate for name, scores in panel.rate(spoken, f"{steps} steps").items()},
            "rtf": seconds / sum(a.duration for a in spoken),
        }
    return table


def by_seeds(model: Any, panel: Panel, sentences: Sequence[Sentence]) -> dict[str, Any]:
    """The influence of the initial noise: word error rates of the same sentences for several seeds."""
    rates = {}
    for seed in SEEDS:
        spoken = [model(s.text, seed=seed) for s in bar(sentences, f"seed {seed}")]
        rates[str(seed)] = heard_by(panel.lead, sentences, spoken, f"seed {seed}").words.rate
    return {"sentences": len(sentences), "wer": rates, "spread": max(rates.values()) - min(rates.values())}


def control(panel: Panel, count: int) -> dict[str, Any]:
    """The listeners' errors on an unrelated synthesizer: one that only understands the teacher would be biased."""
    texts = load_dataset_component("heldout-texts", limit=count)["test"]["text"]
    try:
        rows = sentences_of(load_dataset_component("spoken-texts", texts=list(texts), voice=CONTROL)["test"])
    except MmzooError as error:
        return {"note": str(error)}
    sounds = [s.audio for s in rows]
    rates = {name: heard_by(one, rows, sounds, "the control").words.rate for name, one in panel.listeners.items()}
    wer, *others = rates.values()
    figures: dict[str, Any] = {"voice": "espeak-ng en-us", "sentences": len(rows), "wer": wer}
    return figures | {f"wer_by_{name}": rate for name, rate in zip(list(rates)[1:], others, strict=True)}


def speed(model: Any) -> dict[str, float]:
    """Times real time, also by number of threads, time to first audio, time of `create`, and peak memory."""
    name = f"local-dir:{model.folder}" if model.folder is not None else model.name
    command = [sys.executable, "-c", _SPEED, name, TEN_WORDS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"Could not time {name!r} in a fresh process: {done.stderr.strip().splitlines()[-1]}")
    figures: dict[str, float] = json.loads(done.stdout)
    return figures
