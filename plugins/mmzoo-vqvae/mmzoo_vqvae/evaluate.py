"""Evaluation of speech tokenizers: judges hear reconstructions of voices of training, other voices, and recordings."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from mmzoo.data import load_dataset_component, resample
from mmzoo.errors import MmzooError
from mmzoo.evaluation.heldout import SPEECH, held_out, mentions
from mmzoo.evaluation.sound import averages, high_band_distance, intelligibility, prosody
from mmzoo.evaluation.speech import (
    Judged,
    Panel,
    Sentence,
    by_speaker,
    compare,
    protocol,
    sentences_of,
    write_samples,
)
from mmzoo.interfaces import Audio
from mmzoo_vqvae.losses import code_statistics

JUDGES = ("whisper", "distill-mos", "dnsmos", "pocketsphinx")
SENTENCES, OTHERS = 300, 20
"""Most sentences of the first voice, and of each other voice."""
OTHER_SPLITS = {"sentences": 1, "voices": 1, "validation": 1}
"""Arguments of corpora that synthesizers speak; their test sentences do not depend on them."""
UNSEEN = {
    "flite": ("flite:rms", "flite:awb", "flite:kal16", "flite:slt"),
    "espeak-ng": ("espeak:en-us+f3", "espeak:en-gb", "espeak:en-us"),
}
"""Voices of each synthesizer; the first that training lacks is an unseen voice."""
RECORDINGS = "festvox-ru"
"""Real recordings, in another language than English."""
TIMED, THREADS = 20, (1, 2)
"""Sentences whose decoding is timed, and the numbers of threads."""


@dataclass(frozen=True, slots=True)
class Copied:
    """Reconstructions of a voice's sentences: sounds, codes, seconds spent, and distances from the originals."""

    sentences: Sequence[Sentence]
    copies: list[Audio]
    codes: list[Tensor]
    encode_s: float
    decode_s: float
    distances: list[dict[str, float]]


def evaluate_speech_tokenizer(
    model: Any,
    *,
    judges: Sequence[str] = JUDGES,
    data: Sequence[str] = (),
    limit: int | None = None,
    samples: Path | None = None,
) -> dict[str, Any]:
    """Measure a speech tokenizer.

    The rows are the originals (`teacher`) and their reconstructions (`copy`): pooled over the voices of training, then
    by voice, of voices that training lacks, and of real recordings. Further: distances of aligned sounds, code usage,
    and speed.

    Args:
        model: A speech tokenizer.
        judges: Names of judges that transcribe or rate.
        data: Datasets of held-out speech; by default those of the model's training.
        limit: Number of sentences of each voice; None for all of the first and some of the others.
        samples: Folder for audio samples; None for none.

    Returns:
        The content of `evaluation.json`.
    """
    panel = Panel.of(judges)
    held = held_out(model, data, SPEECH, **OTHER_SPLITS)
    known = by_speaker(held.test_rows(), limit or SENTENCES, limit or OTHERS)
    first = next(iter(known.values()))
    others, without = _other_voices(model, known, [s.text for s in first[: limit or OTHERS]], limit or OTHERS)
    model(first[0].audio)  # warm-up
    copied = {name: _copied(model, some, name) for name, some in (*known.items(), *others.items())}
    judged = {name: _judged(panel, one, name) for name, one in copied.items()}
    mine = [copied[name] for name in known]
    rows = {row: Judged.pooled([judged[name][row] for name in known]) for row in ("teacher", "copy")}
    sentences = [sentence for one in mine for sentence in one.sentences]
    if samples is not None:
        sounds = {"teacher": [s.audio for s in mine[0].sentences], "copy": mine[0].copies}
        write_samples(samples, mine[0].sentences, sounds)
    speech = sum(s.audio.duration for s in sentences)
    rate = float(model.encoder.rate)
    report = {
        "protocol": protocol(panel, sentences, f"held-out sentences of {held.title}{_voices(known)}"),
        "rows": {name: row.table() for name, row in rows.items()},
        "differences": compare(rows, "teacher"),
        "distances": averages([distance for one in mine for distance in one.distances]),
        "codes": {
            "bits_per_frame": model.quantizer.bits_per_step,
            "frames_per_second": rate,
            "kilobits_per_second": model.quantizer.bits_per_step * rate / 1000,
            **code_statistics(
                torch.cat([codes for one in mine for codes in one.codes]).unsqueeze(0), model.quantizer.codebook_sizes
            ),
        },
        "speed": {
            "encode_rtf": sum(one.encode_s for one in mine) / speech,
            "decode_rtf": sum(one.decode_s for one in mine) / speech,
            **_decoding_speed(model, [codes.unsqueeze(0) for codes in mine[0].codes[:TIMED]]),
        },
    }
    by_voice = list(judged) if len(known) > 1 else list(others)
    if by_voice:
        report["voices"] = {
            name: {
                "sentences": len(copied[name].sentences),
                "rows": {row: one.table() for row, one in judged[name].items()},
                "differences": compare(judged[name], "teacher"),
                "distances": averages(copied[name].distances),
            }
            for name in by_voice
        }
    return report | ({"without": without} if without else {})


def _voices(known: Mapping[str, Any]) -> str:
    named = [name for name in known if name]
    return f", voice{'s' * (len(named) > 1)} {', '.join(named)}" if named else ""


def _other_voices(
    model: Any, known: Mapping[str, Any], texts: Sequence[str], most: int
) -> tuple[dict[str, list[Sentence]], dict[str, str]]:
    """Sentences of voices that training lacks and of recordings, by a title; and why some cannot be had."""
    found: dict[str, list[Sentence]] = {}
    without: dict[str, str] = {}
    for synthesizer, voices in UNSEEN.items():
        new = [v for v in voices if v.partition(":")[2] not in known and not mentions(model, v)]
        try:
            for voice in new[:1]:
                rows = load_dataset_component("spoken-texts", texts=list(texts), voice=voice)["test"]
                found[f"unseen {voice}"] = sentences_of(rows)
        except MmzooError as error:
            without[f"an unseen voice of {synthesizer}"] = str(error)
    if not mentions(model, RECORDINGS):
        try:
            splits = load_dataset_component(RECORDINGS)
            rows = next(splits[split] for split in ("test", "validation", *splits) if split in splits)
            found[f"recordings {RECORDINGS}"] = sentences_of(rows, most)
        except MmzooError as error:
            without[f"recordings {RECORDINGS}"] = str(error)
    return found, without


def _copied(model: Any, sentences: Sequence[Sentence], name: str) -> Copied:
    """Reconstruct every sentence; the originals are resampled to the model's rate."""
    rate = model.sample_rate
    at_rate = [replace(s, audio=Audio(resample(s.audio.samples, s.audio.sample_rate, rate), rate)) for s in sentences]
    result = Copied(at_rate, [], [], 0.0, 0.0, [])
    encode_s = decode_s = 0.0
    for sentence in tqdm(at_rate, desc=f"copying {name}", unit="sentence", disable=None, leave=False):
        original = sentence.audio
        start = time.perf_counter()
        tokens = model.tokenize(original)
        middle = time.perf_counter()
        sound = model.reconstruct(tokens)
        encode_s, decode_s = encode_s + middle - start, decode_s + time.perf_counter() - middle
        copy = Audio(sound.samples[: len(original.samples)], sound.sample_rate)
        result.copies.append(copy)
        result.codes.append(tokens[0])
        result.distances.append(
            {
                **intelligibility(original, copy),
                **prosody(original, copy),
                "high_band_distance_db": high_band_distance(original, copy),
            }
        )
    return replace(result, encode_s=encode_s, decode_s=decode_s)


def _judged(panel: Panel, copied: Copied, name: str) -> dict[str, Judged]:
    sounds = {"teacher": [s.audio for s in copied.sentences], "copy": copied.copies}
    return {row: panel.judge(copied.sentences, some, f"{name} {row}") for row, some in sounds.items()}


def _decoding_speed(model: Any, tokens: Sequence[Tensor]) -> dict[str, float]:
    """The median times real time of decoding, by number of threads; the numbers take turns."""
    speeds: dict[int, list[float]] = {count: [] for count in THREADS}
    for codes in tokens:
        for count in THREADS:
            with _threads(count):
                start = time.perf_counter()
                sound = model.reconstruct(codes)
                speeds[count].append(sound.duration / (time.perf_counter() - start))
    return {
        f"decode_times_real_time_{count}_thread{'s' * (count > 1)}": statistics.median(some)
        for count, some in speeds.items()
    }


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """A number of torch's threads for a block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
