"""Measures text to speech: an independent judge transcribes held-out sentences and unseen words."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mmzoo.data import decode_audio, load_dataset_component
from mmzoo.errors import DataError, InputError
from mmzoo.evaluation.judges import load_judge
from mmzoo.evaluation.sound import averages, prosody
from mmzoo.evaluation.speech import Listener, Sentence, compare, protocol, sentences_of, target_error, write_samples
from mmzoo.evaluation.speech import judge as judged
from mmzoo.evaluation.words import ErrorRate, difference, plain
from mmzoo.interfaces import Audio
from mmzoo_tts.letters import phone_errors

DATA = "held-out sentences of flite-speech, voice slt (a synthetic voice)"
SENTENCES = 500
UNSEEN = 250
QUALITY_SENTENCES = 150
STEPS = (4, 8, 16)
SEEDS = (0, 1, 2)
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
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"rtf": elapsed / seconds, "times_real_time": seconds / elapsed, "first_audio_s": sorted(first)[5],
                  "create_s": created, "peak_memory_mb": peak}))
"""


def evaluate_tts(
    model: Any, *, judge: str = "pocketsphinx", limit: int | None = None, samples: Path | None = None
) -> dict[str, Any]:
    """Measure a text-to-speech model.

    The rows are the teacher, its reconstruction by the tokenizer, TTS with the teacher's durations, and TTS from text.
    Further: unseen words, quality by number of steps and by seed, prosody against the teacher, and speed. Without
    flite, the teacher's synthesizer, only TTS from text is measured.

    Args:
        model: A text-to-speech model.
        judge: Name of the speech recognizer that transcribes.
        limit: Number of sentences and of unseen words; None for all.
        samples: Folder for audio samples; None for none.

    Returns:
        The content of `evaluation.json`.

    Raises:
        DataError: flite is not installed and there is no earlier evaluation with the teacher's row.
    """
    listener = load_judge(judge)
    if not teacher_can_speak():
        return _without_teacher(model, listener, limit or SENTENCES)
    # The held-out texts are fixed, so there is no need to synthesize the training sentences.
    splits = load_dataset_component("flite-speech", sentences=1, validation=1)
    sentences = sentences_of(splits["test"], limit or SENTENCES)
    unseen = sentences_of(splits["unseen"], limit or UNSEEN)
    sounds: dict[str, list[Audio]] = {
        "teacher": [s.audio for s in sentences],
        "codec": [model.tokenizer(s.audio) for s in _bar(sentences, "codec")],
        "tts_true_durations": [_with_true_durations(model, s) for s in _bar(sentences, "true durations")],
        "tts": [model(s.text) for s in _bar(sentences, "speaking")],
    }
    rows = {name: judged(listener, sentences, sound, name) for name, sound in sounds.items()}
    if samples is not None:
        write_samples(samples, sentences, sounds)
    return {
        "protocol": {**protocol(listener, sentences, DATA), "unseen_words": len(unseen), "steps": model.num_steps},
        "rows": {name: row.table() for name, row in rows.items()},
        "differences": compare(rows, "teacher"),
        "unseen_words": _unseen(model, listener, unseen),
        "steps": _by_steps(model, listener, sentences[:QUALITY_SENTENCES]),
        "seeds": _by_seeds(model, listener, sentences[:QUALITY_SENTENCES]),
        "judge_control": _control(listener, min(QUALITY_SENTENCES, len(sentences))),
        "prosody": averages(
            [prosody(s.audio, t) for s, t in zip(sentences, _bar(sounds["tts"], "prosody"), strict=True)]
        ),
        "speaking_rate_ratio": sum(s.audio.duration for s in sentences) / sum(a.duration for a in sounds["tts"]),
        "speed": _speed(model),
    }


def evaluate_phonemizer(model: Any, *, limit: int | None = None, samples: Path | None = None) -> dict[str, Any]:
    """Error rates of the letter-to-sound network against flite, on words held out of training and lexicon."""
    rows = load_dataset_component("english-lexicon", words=140_000, heldout_only=True)["train"]
    chosen = [row for row in rows if row["word"].isalpha()][:limit]
    words, reference = [row["word"] for row in chosen], [row["phones"] for row in chosen]
    predicted = model.letters.pronounce(words)
    known = [word for word in words if word in model.lexicon]
    if known:
        raise DataError(f"The lexicon of {model.name} has held-out words, such as {known[0]!r}; train the model again.")
    phone_rate, word_rate = phone_errors(predicted, reference)
    return {
        "protocol": {"teacher": "flite's phones", "words": len(words), "words_in_the_lexicon": len(model.lexicon)},
        "held_out_words": {"phone_error_rate": phone_rate, "words_with_an_error": word_rate},
    }


def teacher_can_speak() -> bool:
    """Whether flite, the synthesizer that made the training speech, is installed."""
    return shutil.which("flite") is not None


def _without_teacher(model: Any, listener: Listener, limit: int) -> dict[str, Any]:
    """The TTS row alone, next to the stored row of the teacher."""
    path = None if model.folder is None else Path(model.folder) / "evaluation.json"
    if path is None or not path.is_file():
        raise DataError(
            "flite is not installed, and the model has no evaluation.json with the teacher's row;"
            " install the Debian package flite."
        )
    stored = json.loads(path.read_text("utf-8"))
    texts = list(load_dataset_component("heldout-texts")["test"]["text"])[:limit]
    heard = listener.listen([model(text) for text in _bar(texts, "speaking")], description="judging tts")
    words = ErrorRate.of([plain(text) for text in texts], [plain(h.words) for h in heard])
    teacher = stored["rows"]["teacher"]
    return {
        "complete": False,
        "protocol": {
            **stored["protocol"],
            "sentences": len(texts),
            "note": "flite is not installed: the teacher's row is the stored one, only tts was judged",
        },
        "rows": {"teacher": teacher, "tts": {"wer": words.rate, **words.parts()}},
        "differences": {"tts": {"wer": {"difference": words.rate - teacher["wer"]}}},
        "speed": _speed(model),
    }


def _control(listener: Listener, limit: int) -> dict[str, Any]:
    """The judge's errors on an unrelated synthesizer: a judge that only understands flite would be biased."""
    if shutil.which("espeak-ng") is None:
        return {"note": "espeak-ng is not installed; install Debian's package espeak-ng for the judge's control"}
    rows = load_dataset_component("heldout-texts", voice="espeak:en-us", limit=limit)["test"]
    heard = listener.listen([decode_audio(row["audio"]) for row in rows], description="judging the control")
    words = ErrorRate.of([plain(row["text"]) for row in rows], [plain(h.words) for h in heard])
    return {"voice": "espeak-ng en-us", "sentences": len(rows), "wer": words.rate}


def _bar(items: Sequence[Any], name: str) -> Any:
    return tqdm(items, desc=name, unit="sentence", disable=None, leave=False)


def _with_true_durations(model: Any, sentence: Sentence) -> Audio:
    starts = (0.0, *sentence.ends[:-1])
    durations = [max(end - start, 1e-3) for start, end in zip(starts, sentence.ends, strict=True)]
    sound: Audio = model.speak_phones(sentence.phones, durations)
    return sound


def _unseen(model: Any, listener: Listener, sentences: Sequence[Sentence]) -> dict[str, Any]:
    """Error on the target word: from text, from the teacher's phones, and by letter-to-sound alone."""
    words = [s.target for s in sentences]
    phonemizer = model.phonemizer
    lexicon = dict(phonemizer.lexicon)
    in_lexicon = sum(word in lexicon for word in words)
    rows: dict[str, ErrorRate] = {"teacher": target_error(sentences, listener.listen([s.audio for s in sentences]))}
    spoken = [model(s.text) for s in _bar(sentences, "unseen words")]
    rows["tts"] = target_error(sentences, listener.listen(spoken))
    # With the teacher's phones, errors come from the sound of new words, not from their spelling.
    spoken = [model.speak_phones(s.phones) for s in _bar(sentences, "known phones")]
    rows["tts_known_phones"] = target_error(sentences, listener.listen(spoken))
    if in_lexicon:
        phonemizer.set_lexicon({word: phones for word, phones in lexicon.items() if word not in set(words)})
        try:
            spoken = [model(s.text) for s in _bar(sentences, "by letters")]
        finally:
            phonemizer.set_lexicon(lexicon)
        rows["tts_by_letters"] = target_error(sentences, listener.listen(spoken))
    return {
        "words": len(words),
        "words_in_lexicon": in_lexicon,
        "error": {name: row.rate for name, row in rows.items()},
        "difference": {name: difference(row, rows["teacher"]) for name, row in rows.items() if name != "teacher"},
    }


def _by_steps(model: Any, listener: Listener, sentences: Sequence[Sentence]) -> dict[str, Any]:
    table: dict[str, Any] = {"sentences": len(sentences)}
    for steps in STEPS:
        start = time.perf_counter()
        spoken = [model(s.text, steps=steps) for s in _bar(sentences, f"{steps} steps")]
        seconds = time.perf_counter() - start
        row = judged(listener, sentences, spoken, f"{steps} steps")
        table[str(steps)] = {
            "wer": row.words.rate,
            "per": row.phones.rate,
            "rtf": seconds / sum(a.duration for a in spoken),
        }
    return table


def _by_seeds(model: Any, listener: Listener, sentences: Sequence[Sentence]) -> dict[str, Any]:
    """The influence of the initial noise: word error rates of the same sentences for several seeds."""
    rates = {}
    for seed in SEEDS:
        spoken = [model(s.text, seed=seed) for s in _bar(sentences, f"seed {seed}")]
        rates[str(seed)] = judged(listener, sentences, spoken, f"seed {seed}").words.rate
    return {"sentences": len(sentences), "wer": rates, "spread": max(rates.values()) - min(rates.values())}


def _speed(model: Any) -> dict[str, float]:
    """Real-time factor and time to first audio after a warm-up, time of `create`, and peak memory of the process."""
    name = f"local-dir:{model.folder}" if model.folder is not None else model.name
    command = [sys.executable, "-c", _SPEED, name, TEN_WORDS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"Could not time {name!r} in a fresh process: {done.stderr.strip().splitlines()[-1]}")
    figures: dict[str, float] = json.loads(done.stdout)
    return figures
