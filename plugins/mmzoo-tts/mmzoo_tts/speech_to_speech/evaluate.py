"""Measures voice conversion and speech enhancement with judges that had no part in training."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mmzoo.data import decode_audio, load_dataset_component
from mmzoo.errors import DataError
from mmzoo.evaluation.judges import load_judge
from mmzoo.evaluation.sound import si_sdr
from mmzoo.evaluation.speakers import Vectors, nearest, similarities
from mmzoo.evaluation.speech import Listener, spectrograms
from mmzoo.evaluation.words import ErrorRate, accuracy, difference, interval, mismatches, plain
from mmzoo.interfaces import Audio
from mmzoo_tts.speech_to_speech import noises
from mmzoo_tts.speech_to_speech.tasks import TEACHERS

SENTENCES, REFERENCES = 300, 30
"""Sentences of each group of sources, and further ones by which the speakers are known."""
SOURCES = {
    "seen": ("hibari:heart", "piper:joe", "flite:slt", "flite:rms"),
    "unseen": ("flite:awb", "espeak:en-us", "espeak:en-gb+f3"),
}
"""Voices that are converted: those of training, and others."""
SPEAKERS = ("hibari:heart", "piper:joe", "flite:awb", "espeak:en-us")
"""Voices from which noise is removed; the last two are not in training."""
NOISY = 100
"""Sentences to which noise is added, at each ratio."""
RATIOS_DB = (0, 5, 10)
NOISES = ("white", "babble", "hum", "wind", *noises.HELD_OUT)
SHOWN = 3
"""Samples to write."""


@dataclass(frozen=True, slots=True)
class Said:
    """A held-out sentence, said by a voice."""

    text: str
    audio: Audio


@dataclass(frozen=True, slots=True)
class Row:
    """What the judges made of some sounds.

    Attributes:
        words: Errors of the words heard.
        scores: Scores by name, `[sounds]` each.
    """

    words: ErrorRate
    scores: Mapping[str, Vectors]

    def of(self, chosen: Sequence[int]) -> Row:
        """The same for some of the sounds only."""
        indices = np.asarray(chosen, np.int64)
        return Row(ErrorRate(self.words.counts[indices]), {name: each[indices] for name, each in self.scores.items()})

    def table(self) -> dict[str, Any]:
        """The figures, with 95 % intervals."""
        wrong = interval(self.words)
        figures: dict[str, Any] = {"wer": wrong["rate"], "wer_low": wrong["low"], "wer_high": wrong["high"]}
        return figures | {name: float(each.mean()) for name, each in self.scores.items()}

    def against(self, base: Row) -> dict[str, Any]:
        """Differences from another row of the same sounds, with 95 % intervals."""
        scores = {name: _mean_difference(each, base.scores[name]) for name, each in self.scores.items()}
        return {"wer": difference(self.words, base.words), **scores}


def _mean_difference(mine: Vectors, base: Vectors, *, draws: int = 2000, seed: int = 0) -> dict[str, float]:
    """mine - base with a 95 % interval, by a paired bootstrap."""
    gaps = mine - base
    means = np.sort(gaps[np.random.default_rng(seed).integers(0, len(gaps), (draws, len(gaps)))].mean(1))
    low, high = means[int(0.025 * draws)], means[int(0.975 * draws) - 1]
    return {"difference": float(gaps.mean()), "low": float(low), "high": float(high)}


# --- voice conversion ----------------------------------------------------------------------------------------


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
    count = min(limit or SENTENCES, SENTENCES)
    sources = [voice for group in SOURCES.values() for voice in group]
    spoken = held_out([*sources, *(TEACHERS[voice] for voice in model.voices)], SENTENCES + REFERENCES, model)
    known = {
        name: knower.embed([said.audio for said in some[SENTENCES:]], description=f"knowing {name}")
        for name, some in spoken.items()
    }
    report: dict[str, Any] = {"rows": {}, "differences": {}, "target_told": {}, "similarity": {}, "by_source": {}}
    shown: list[tuple[str, dict[str, Audio]]] = []
    seconds = made_seconds = 0.0
    for group, voices in SOURCES.items():
        jobs = [_job(model.voices, voices, index, spoken) for index in range(count)]
        start = time.perf_counter()
        made = [model.convert(said.audio, voice=target) for _, said, target in _bar(jobs, f"converting {group}")]
        seconds, made_seconds = seconds + time.perf_counter() - start, made_seconds + sum(a.duration for a in made)
        texts = [said.text for _, said, _ in jobs]
        before = heard(listener, texts, [said.audio for _, said, _ in jobs], f"{group} input")
        after = heard(listener, texts, made, group)
        vectors = knower.embed(made, description=f"recognizing {group}")
        told = nearest(vectors, known)
        wanted = [TEACHERS[target] for _, _, target in jobs]
        report["rows"] |= {f"{group}_input": _words(before), group: _words(after)}
        report["differences"][group] = {"wer": difference(after, before)}
        report["target_told"][group] = accuracy(mismatches(told, wanted))
        report["similarity"][group] = {
            "to_target": _closeness(vectors, known, wanted),
            "to_source": _closeness(vectors, known, [source for source, _, _ in jobs]),
        }
        for voice in voices:
            mine = [index for index, (source, _, _) in enumerate(jobs) if source == voice]
            if mine:
                report["by_source"][voice] = {
                    "sentences": len(mine),
                    "wer_input": ErrorRate(before.counts[mine]).rate,
                    "wer": ErrorRate(after.counts[mine]).rate,
                    "target_told": float(np.mean([told[index] == wanted[index] for index in mine])),
                }
        for (source, said, target), sound in list(zip(jobs, made, strict=True))[:SHOWN]:
            text = f"{said.text} ({source}, {group} in training)"
            shown.append((text, {"source": said.audio, f"to-{target}": sound}))
    if samples is not None:
        _write(samples, shown)
    return {
        "protocol": {
            "data": "held-out sentences of natural-speech; sources seen in training are"
            f" {', '.join(SOURCES['seen'])}, and unseen ones {', '.join(SOURCES['unseen'])}",
            "sentences": count,
            "judge": f"{listener.name}; {knower.name}, which chooses among all sources and targets",
            "steps": model.num_steps,
        },
        **report,
        "speed": {"times_real_time": made_seconds / seconds},
    }


def _job(
    targets: Sequence[str], sources: Sequence[str], index: int, spoken: Mapping[str, Sequence[Said]]
) -> tuple[str, Said, str]:
    """The source voice of an item, what it says, and the voice to convert it to, which is another one."""
    source = sources[index % len(sources)]
    others = [voice for voice in targets if TEACHERS[voice] != source] or list(targets)
    return source, spoken[source][index], others[index // len(sources) % len(others)]


def _closeness(vectors: Vectors, known: Mapping[str, Vectors], names: Sequence[str]) -> float:
    means = {name: known[name].mean(0) / np.linalg.norm(known[name].mean(0)) for name in set(names)}
    return float(similarities(vectors, np.stack([means[name] for name in names])).mean())


# --- speech enhancement --------------------------------------------------------------------------------------


def evaluate_enhancement(
    model: Any, *, judge: str = "whisper", limit: int | None = None, samples: Path | None = None
) -> dict[str, Any]:
    """Quality, words wrong, speaker and SI-SDR of noisy speech, beside spectral gating (the package noisereduce).

    Args:
        model: A speech enhancement model.
        judge: Name of the speech recognizer that transcribes.
        limit: Number of sentences at each ratio; None for all.
        samples: Folder for audio samples; None for none.

    Returns:
        The content of `evaluation.json`.
    """
    import noisereduce

    listener, rater, knower = load_judge(judge), load_judge("dnsmos"), load_judge("resemblyzer")
    count = min(limit or NOISY, NOISY)
    spoken = held_out(SPEAKERS, NOISY, model)
    rate = model.sample_rate
    clean = [spoken[SPEAKERS[index % len(SPEAKERS)]][index] for index in range(count)] * len(RATIOS_DB)
    ratios = [ratio for ratio in RATIOS_DB for _ in range(count)]
    kinds = [NOISES[(index + index // count) % len(NOISES)] for index in range(len(clean))]
    noisy = [
        spoiled(said.audio, kind, ratio, index, spoken)
        for index, (said, kind, ratio) in enumerate(zip(clean, kinds, ratios, strict=True))
    ]
    sounds: dict[str, list[Audio]] = {"clean": [said.audio for said in clean], "noisy": noisy}
    sounds["spectral_gating"] = [
        Audio(noisereduce.reduce_noise(y=one.samples, sr=rate), rate) for one in _bar(noisy, "spectral gating")
    ]
    start = time.perf_counter()
    sounds["model"] = [model.convert(one) for one in _bar(noisy, "removing noise")]
    seconds = time.perf_counter() - start
    voices = knower.embed(sounds["clean"], description="knowing the speakers")
    rows: dict[str, Row] = {}
    for name, some in sounds.items():
        rated = rater.rate(some, description=f"rating {name}")
        scores = {key: np.array([one[key] for one in rated]) for key in rated[0]}
        scores["speaker_similarity"] = similarities(knower.embed(some, description=f"recognizing {name}"), voices)
        if name != "clean":
            scores["si_sdr_db"] = np.array([si_sdr(a, b) for a, b in zip(sounds["clean"], some, strict=True)])
        rows[name] = Row(heard(listener, [said.text for said in clean], some, name), scores)
    if samples is not None:
        shown = range(0, len(clean), max(1, len(clean) // SHOWN))
        texts = [f"{said.text} ({kind}, {ratio} dB)" for said, kind, ratio in zip(clean, kinds, ratios, strict=True)]
        _write(samples, [(texts[i], {name: some[i] for name, some in sounds.items()}) for i in shown])
    by_ratio = {str(ratio): [i for i, one in enumerate(ratios) if one == ratio] for ratio in RATIOS_DB}
    by_noise = {kind: [i for i, one in enumerate(kinds) if one == kind] for kind in NOISES if kind in kinds}
    return {
        "protocol": {
            "data": f"held-out sentences of natural-speech, said by {', '.join(SPEAKERS)}, with noise at"
            f" {', '.join(map(str, RATIOS_DB))} dB: {', '.join(NOISES)}; training had none of"
            f" {', '.join(noises.HELD_OUT)}",
            "sentences": len(clean),
            "judge": f"{listener.name}; {rater.name}; {knower.name}",
            "steps": model.num_steps,
        },
        "rows": {name: row.table() for name, row in rows.items()},
        "differences": _differences(rows),
        "by_ratio_db": {ratio: _part(rows, chosen) for ratio, chosen in by_ratio.items()},
        "by_noise": {kind: _part(rows, chosen) for kind, chosen in by_noise.items()},
        "speed": {"times_real_time": sum(one.duration for one in noisy) / seconds},
    }


def spoiled(clean: Audio, kind: str, ratio_db: float, seed: int, spoken: Mapping[str, Sequence[Said]]) -> Audio:
    """Speech with noise of a kind, from a seed that training does not use; babble is of the same voices."""
    generator = np.random.default_rng((seed, 20_240_101))
    people = [said.audio.samples for some in spoken.values() for said in some]

    def somebody(count: int, generator: np.random.Generator) -> noises.Samples:
        return np.resize(people[int(generator.integers(len(people)))], count)

    added = noises.noise(kind, len(clean.samples), clean.sample_rate, generator, somebody)
    return Audio(noises.mixed(clean.samples, added, ratio_db), clean.sample_rate)


def _differences(rows: Mapping[str, Row]) -> dict[str, Any]:
    return {f"model_against_{base}": rows["model"].against(rows[base]) for base in ("noisy", "spectral_gating")}


def _part(rows: Mapping[str, Row], chosen: Sequence[int]) -> dict[str, Any]:
    some = {name: row.of(chosen) for name, row in rows.items()}
    return {
        "rows": {name: row.table() for name, row in some.items()},
        "differences": _differences(some),
    }


# --- shared --------------------------------------------------------------------------------------------------


def held_out(voices: Sequence[str], count: int, model: Any) -> dict[str, list[Said]]:
    """What each voice says of `count` held-out sentences, at the model's sample rate."""
    counts = dict.fromkeys(dict.fromkeys(voices), 0)
    # Test sentences only: the voices need not say any for training.
    rows = load_dataset_component("natural-speech", voices=counts, validation=1, test=count)["test"]
    said = [Said(row["text"], decode_audio(row["audio"], sample_rate=model.sample_rate)) for row in rows]
    return {voice: said[number * count : (number + 1) * count] for number, voice in enumerate(counts)}


def heard(listener: Listener, texts: Sequence[str], sounds: Sequence[Audio], name: str) -> ErrorRate:
    """Errors of the words that a listener heard; `name` is shown in progress bars."""
    transcripts = listener.listen(sounds, description=f"judging {name}")
    return ErrorRate.of([plain(text) for text in texts], [plain(one.words) for one in transcripts])


def _words(errors: ErrorRate) -> dict[str, float]:
    return Row(errors, {}).table() | errors.parts()


def _bar(items: Sequence[Any], name: str) -> Any:
    return tqdm(items, desc=name, unit="sentence", disable=None, leave=False)


def _write(folder: Path, shown: Sequence[tuple[str, Mapping[str, Audio]]]) -> None:
    """Numbered WAV files with a text for each number, and the spectrograms of the first ones."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (_, sounds) in enumerate(shown, 1):
        for name, sound in sounds.items():
            sound.save(folder / f"{number}-{name}.wav")
    texts = {str(number): text for number, (text, _) in enumerate(shown, 1)}
    (folder / "texts.json").write_text(json.dumps(texts, indent=2) + "\n", encoding="utf-8")
    spectrograms(folder / "spectrogram.png", shown[0][1])
