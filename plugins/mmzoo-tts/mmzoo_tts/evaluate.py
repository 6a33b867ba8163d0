"""How good a synthesiser is: held-out sentences and unseen words, heard by an independent recogniser."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mmzoo.data import load_dataset_component
from mmzoo.errors import DataError, InputError
from mmzoo.evaluation.recogniser import listen
from mmzoo.evaluation.sound import averages, prosody
from mmzoo.evaluation.speech import (
    Sentence,
    compare,
    control,
    held_out,
    held_out_texts,
    judge,
    protocol,
    stored_report,
    target_error,
    teacher_can_speak,
    write_samples,
)
from mmzoo.evaluation.words import ErrorRate, difference, plain
from mmzoo.interfaces import Audio
from mmzoo_tts.letters import phone_errors

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
first, whole, seconds = [], 0.0, 0.0
for seed in range(10):
    start = time.perf_counter()
    stream = model.stream(text, seed=seed)
    chunk = next(stream)
    first.append(time.perf_counter() - start)
    seconds += chunk.duration + sum(c.duration for c in stream)
    whole += time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"rtf": whole / seconds, "times_real_time": seconds / whole, "first_audio_s": sorted(first)[5],
                  "create_s": created, "peak_memory_mb": peak}))
"""


def evaluate_tts(model: Any, *, limit: int | None = None, samples: Path | None = None) -> dict[str, Any]:
    """Rows teacher, codec copy, TTS with the teacher's phone times, and TTS from text; unseen words with the
    lexicon and by letters alone; quality by number of steps; prosody; speed."""
    if not teacher_can_speak():
        return _without_teacher(model, limit or SENTENCES)
    sentences = held_out("test", limit or SENTENCES)
    unseen = held_out("unseen", limit or UNSEEN)
    sounds: dict[str, list[Audio]] = {
        "teacher": [s.audio for s in sentences],
        "codec": [model.tokenizer(s.audio) for s in _bar(sentences, "codec")],
        "tts_true_durations": [_with_true_durations(model, s) for s in _bar(sentences, "true durations")],
        "tts": [model(s.text) for s in _bar(sentences, "speaking")],
    }
    rows = {name: judge(sentences, sound, name) for name, sound in sounds.items()}
    if samples is not None:
        write_samples(samples, sentences, sounds)
    return {
        "protocol": {**protocol(sentences), "unseen_words": len(unseen), "steps": model.num_steps},
        "rows": {name: row.table() for name, row in rows.items()},
        "differences": compare(rows, "teacher"),
        "unseen_words": _unseen(model, unseen),
        "steps": _by_steps(model, sentences[:QUALITY_SENTENCES]),
        "seeds": _by_seeds(model, sentences[:QUALITY_SENTENCES]),
        "judge_control": control(min(QUALITY_SENTENCES, len(sentences))),
        "prosody": averages(
            [prosody(s.audio, t) for s, t in zip(sentences, _bar(sounds["tts"], "prosody"), strict=True)]
        ),
        "speaking_rate_ratio": sum(s.audio.duration for s in sentences) / sum(a.duration for a in sounds["tts"]),
        "speed": _speed(model),
    }


def evaluate_phonemizer(model: Any, *, limit: int | None = None, samples: Path | None = None) -> dict[str, Any]:
    """Phones that the letter-to-sound network gives words which neither it nor the lexicon has met, against flite's."""
    rows = load_dataset_component("english-lexicon", words=140_000, heldout_only=True)["train"]
    chosen = [row for row in rows if row["word"].isalpha()][:limit]
    words, wanted = [row["word"] for row in chosen], [row["phones"] for row in chosen]
    found = model.letters.pronounce(words)
    known = [word for word in words if word in model.lexicon]
    if known:
        raise DataError(f"{model.name} has held-out words in its lexicon, such as {known[0]!r}; train it again.")
    phone_rate, word_rate = phone_errors(found, wanted)
    return {
        "protocol": {"teacher": "flite's phones", "words": len(words), "words_in_the_lexicon": len(model.lexicon)},
        "held_out_words": {"phone_error_rate": phone_rate, "words_with_an_error": word_rate},
    }


def _without_teacher(model: Any, limit: int) -> dict[str, Any]:
    """The TTS row alone, beside the stored rows of what only the teacher's speech can give."""
    stored = stored_report(model.folder)
    texts = [text for text, _ in held_out_texts("test", limit)]
    heard = listen([model(text) for text in _bar(texts, "speaking")], description="judging tts")
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


def _bar(items: Sequence[Any], name: str) -> Any:
    return tqdm(items, desc=name, unit="sentence", disable=None, leave=False)


def _with_true_durations(model: Any, sentence: Sentence) -> Audio:
    starts = (0.0, *sentence.ends[:-1])
    durations = [max(end - start, 1e-3) for start, end in zip(starts, sentence.ends, strict=True)]
    sound: Audio = model.speak_phones(sentence.phones, durations)
    return sound


def _unseen(model: Any, sentences: Sequence[Sentence]) -> dict[str, Any]:
    """Error on the target word: as in use, with the teacher's phones, and by letter-to-sound alone."""
    words = [s.target for s in sentences]
    phonemizer = model.phonemizer
    lexicon = dict(phonemizer.lexicon)
    in_lexicon = sum(word in lexicon for word in words)
    rows: dict[str, ErrorRate] = {"teacher": target_error(sentences, listen([s.audio for s in sentences]))}
    spoken = [model(s.text) for s in _bar(sentences, "unseen words")]
    rows["tts"] = target_error(sentences, listen(spoken))
    # The same with the teacher's phones: what is left is the sound of new words, not their spelling.
    spoken = [model.speak_phones(s.phones) for s in _bar(sentences, "known phones")]
    rows["tts_known_phones"] = target_error(sentences, listen(spoken))
    if in_lexicon:
        phonemizer.set_lexicon({word: phones for word, phones in lexicon.items() if word not in set(words)})
        try:
            spoken = [model(s.text) for s in _bar(sentences, "by letters")]
        finally:
            phonemizer.set_lexicon(lexicon)
        rows["tts_by_letters"] = target_error(sentences, listen(spoken))
    return {
        "words": len(words),
        "words_in_lexicon": in_lexicon,
        "error": {name: row.rate for name, row in rows.items()},
        "difference": {name: difference(row, rows["teacher"]) for name, row in rows.items() if name != "teacher"},
    }


def _by_steps(model: Any, sentences: Sequence[Sentence]) -> dict[str, Any]:
    table: dict[str, Any] = {"sentences": len(sentences)}
    for steps in STEPS:
        start = time.perf_counter()
        spoken = [model(s.text, steps=steps) for s in _bar(sentences, f"{steps} steps")]
        seconds = time.perf_counter() - start
        row = judge(sentences, spoken, f"{steps} steps")
        table[str(steps)] = {
            "wer": row.words.rate,
            "per": row.phones.rate,
            "rtf": seconds / sum(a.duration for a in spoken),
        }
    return table


def _by_seeds(model: Any, sentences: Sequence[Sentence]) -> dict[str, Any]:
    """How much the noise a text starts from matters: word error rates of the same sentences."""
    rates = {}
    for seed in SEEDS:
        spoken = [model(s.text, seed=seed) for s in _bar(sentences, f"seed {seed}")]
        rates[str(seed)] = judge(sentences, spoken, f"seed {seed}").words.rate
    return {"sentences": len(sentences), "wer": rates, "spread": max(rates.values()) - min(rates.values())}


def _speed(model: Any) -> dict[str, float]:
    """Real-time factor, time to first audio and time of create after torch, all warm; peak memory of the whole."""
    name = f"local-dir:{model.folder}" if model.folder is not None else model.name
    command = [sys.executable, "-c", _SPEED, name, TEN_WORDS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"Could not time {name!r} in a fresh process: {done.stderr.strip().splitlines()[-1]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found
