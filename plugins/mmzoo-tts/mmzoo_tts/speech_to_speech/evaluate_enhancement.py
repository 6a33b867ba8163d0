"""Measures speech enhancement with judges that had no part in training, beside spectral gating."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmzoo.evaluation.judges import load_judge
from mmzoo.evaluation.sound import si_sdr
from mmzoo.evaluation.speakers import similarities
from mmzoo.evaluation.words import Scores
from mmzoo.interfaces import Audio
from mmzoo_tts.speech_to_speech import noises
from mmzoo_tts.speech_to_speech.judging import SHOWN, Row, Said, bar, heard, held_out, write_samples

SPEAKERS = ("hibari:heart", "piper:joe", "flite:awb", "espeak:en-us")
"""Voices from which noise is removed; the last two are not in training."""
SENTENCES = 50
"""Sentences to which noise is added, at each ratio."""
RATIOS_DB = (0, 5, 10)
NOISES = ("white", "babble", "hum", "wind", *noises.HELD_OUT)


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
    count = min(limit or SENTENCES, SENTENCES)
    spoken = held_out(SPEAKERS, SENTENCES, model)
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
        Audio(noisereduce.reduce_noise(y=one.samples, sr=rate), rate) for one in bar(noisy, "spectral gating")
    ]
    start = time.perf_counter()
    sounds["model"] = [model.convert(one) for one in bar(noisy, "removing noise")]
    seconds = time.perf_counter() - start
    voices = knower.embed(sounds["clean"], description="knowing the speakers")
    rows: dict[str, Row] = {}
    for name, some in sounds.items():
        rated = rater.rate(some, description=f"rating {name}")
        scores = {key: np.array([one[key] for one in rated], np.float64) for key in rated[0]}
        scores["speaker_similarity"] = similarities(knower.embed(some, description=f"recognizing {name}"), voices)
        if name != "clean":
            scores["si_sdr_db"] = np.array([si_sdr(a, b) for a, b in zip(sounds["clean"], some, strict=True)])
        words = heard(listener, [said.text for said in clean], some, name)
        rows[name] = Row(words, {key: Scores(values) for key, values in scores.items()})
    if samples is not None:
        shown = range(0, len(clean), max(1, len(clean) // SHOWN))
        texts = [f"{said.text} ({kind}, {ratio} dB)" for said, kind, ratio in zip(clean, kinds, ratios, strict=True)]
        write_samples(samples, [(texts[i], {name: some[i] for name, some in sounds.items()}) for i in shown])
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
