"""Measures voice conversion with judges that had no part in training."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmzoo.data import decode_audio, load_dataset_component
from mmzoo.errors import DataError, MmzooError
from mmzoo.evaluation.judges import load_judge
from mmzoo.evaluation.speakers import Vectors, nearest, similarities
from mmzoo.evaluation.words import ErrorRate, accuracy, difference, mismatches
from mmzoo.interfaces import Audio
from mmzoo_tts.speech_to_speech.judging import Said, bar, heard, held_out, words_wrong, write_samples
from mmzoo_tts.speech_to_speech.tasks import TEACHERS

SENTENCES = 150
"""Sentences of each group of sources."""
REFERENCES = 30
"""Further sentences by which a speaker is known."""
SOURCES = {
    "seen": ("hibari:heart", "piper:joe", "flite:slt", "flite:rms"),
    "unseen": ("flite:awb", "espeak:en-gb", "espeak:en-gb+f4"),
}
"""Voices that are converted: some of training, and others; of espeak-ng, training has other accents and variants."""
RECORDED = "festvox-ru"
"""A dataset of recordings of a person, in another language; judged is only who speaks."""

Job = tuple[str, Said, str]
"""A source voice, what it says, and the voice to convert it to."""


def evaluate_conversion(
    model: Any, *, judge: str = "whisper", limit: int | None = None, samples: Path | None = None
) -> dict[str, Any]:
    """Words wrong before and after conversion, and who speaks after it, for known and unknown source voices.

    Args:
        model: A voice conversion model.
        judge: Name of the speech recognizer that transcribes.
        limit: Number of sentences of each group of sources; None for all.
        samples: Folder for audio samples; None for none.

    Returns:
        The content of `evaluation.json`.

    Raises:
        DataError: The model has a voice whose synthesizer is not known.
    """
    if unknown := [voice for voice in model.voices if voice not in TEACHERS]:
        raise DataError(f"The synthesizer of the voice {unknown[0]!r} is not known; judged are {', '.join(TEACHERS)}.")
    listener, knower = load_judge(judge), load_judge("resemblyzer")
    sources = [voice for group in SOURCES.values() for voice in group]
    spoken = held_out([*sources, *(TEACHERS[voice] for voice in model.voices)], SENTENCES + REFERENCES, model)
    groups: dict[str, Sequence[str]] = dict(SOURCES)
    if recorded := recordings(model):
        groups["recorded"], spoken = [RECORDED], {**spoken, RECORDED: recorded}
    known = {
        name: knower.embed([said.audio for said in some[-REFERENCES:]], description=f"knowing {name}")
        for name, some in spoken.items()
    }
    report: dict[str, Any] = {"rows": {}, "differences": {}, "target_told": {}, "similarity": {}, "by_source": {}}
    shown: list[tuple[str, dict[str, Audio]]] = []
    seconds = made_seconds = 0.0
    for group, voices in groups.items():
        jobs = jobs_of(model.voices, voices, spoken)[: limit or SENTENCES]
        start = time.perf_counter()
        made = [model.convert(said.audio, voice=target) for _, said, target in bar(jobs, f"converting {group}")]
        seconds, made_seconds = seconds + time.perf_counter() - start, made_seconds + sum(a.duration for a in made)
        vectors = knower.embed(made, description=f"recognizing {group}")
        told, wanted = nearest(vectors, known), [TEACHERS[target] for _, _, target in jobs]
        report["target_told"][group] = accuracy(mismatches(told, wanted))
        report["similarity"][group] = {
            "to_target": _closeness(vectors, known, wanted),
            "to_source": _closeness(vectors, known, [source for source, _, _ in jobs]),
        }
        for (source, said, target), sound in list(zip(jobs, made, strict=True))[:1]:
            text = f"{said.text} ({source}, {group})"
            shown.append((text, {"source": said.audio, f"to-{target}": sound}))
        if group not in SOURCES:
            continue
        texts = [said.text for _, said, _ in jobs]
        before = heard(listener, texts, [said.audio for _, said, _ in jobs], f"{group} input")
        after = heard(listener, texts, made, group)
        report["rows"] |= {f"{group}_input": words_wrong(before), group: words_wrong(after)}
        report["differences"][group] = {"wer": difference(after, before)}
        for voice in voices:
            if mine := [index for index, (source, _, _) in enumerate(jobs) if source == voice]:
                report["by_source"][voice] = {
                    "sentences": len(mine),
                    "wer_input": ErrorRate(before.counts[mine]).rate,
                    "wer": ErrorRate(after.counts[mine]).rate,
                    "target_told": float(np.mean([told[index] == wanted[index] for index in mine])),
                }
    if samples is not None:
        write_samples(samples, shown)
    return {
        "protocol": {
            "data": "held-out sentences of natural-speech; sources seen in training are"
            f" {', '.join(SOURCES['seen'])}, and unseen ones {', '.join(SOURCES['unseen'])}"
            + (f"; recorded are sentences of {RECORDED}, in Russian" if recorded else ""),
            "sentences": min(limit or SENTENCES, SENTENCES),
            "judge": f"{listener.name}; {knower.name}, which chooses among all sources and targets",
            "steps": model.num_steps,
        },
        **report,
        "speed": {"times_real_time": made_seconds / seconds},
    }


def jobs_of(targets: Sequence[str], sources: Sequence[str], spoken: Mapping[str, Sequence[Said]]) -> list[Job]:
    """What is converted, each source in turn, into each voice but itself in turn.

    The last REFERENCES sentences of a source are left out: they say who it is.
    """
    jobs = []
    for index in range(len(spoken[sources[0]]) - REFERENCES):
        source = sources[index % len(sources)]
        others = [voice for voice in targets if TEACHERS[voice] != source] or list(targets)
        jobs.append((source, spoken[source][index], others[index // len(sources) % len(others)]))
    return jobs


def recordings(model: Any) -> list[Said]:
    """Sentences of RECORDED; none if it is not installed here."""
    try:
        rows = load_dataset_component(RECORDED, test=60)["test"]
    except MmzooError:
        return []
    return [Said(row["text"], decode_audio(row["audio"], sample_rate=model.sample_rate)) for row in rows]


def _closeness(vectors: Vectors, known: Mapping[str, Vectors], names: Sequence[str]) -> float:
    means = {name: known[name].mean(0) / np.linalg.norm(known[name].mean(0)) for name in set(names)}
    return float(similarities(vectors, np.stack([means[name] for name in names])).mean())
