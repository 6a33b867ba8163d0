"""Evaluation of speech tokenizers: an independent judge listens to reconstructions of held-out speech."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from mmzoo.data import load_dataset_component
from mmzoo.evaluation.judges import load_judge
from mmzoo.evaluation.sound import averages, high_band_distance, intelligibility, prosody
from mmzoo.evaluation.speech import compare, protocol, sentences_of, write_samples
from mmzoo.evaluation.speech import judge as judged
from mmzoo_vqvae.losses import code_statistics

SENTENCES = 500
DATA = "held-out sentences of flite-speech, voice slt (a synthetic voice)"


def evaluate_speech_tokenizer(
    model: Any, *, judge: str = "pocketsphinx", limit: int | None = None, samples: Path | None = None
) -> dict[str, Any]:
    """Judged originals (`teacher`) and reconstructions (`copy`), aligned distances, code usage and speed."""
    listener = load_judge(judge)
    # The held-out texts are fixed, so the training sentences need not be synthesized.
    rows = load_dataset_component("flite-speech", sentences=1, validation=1)["test"]
    sentences = sentences_of(rows, limit or SENTENCES)
    copies, codes, distances = [], [], []
    encode_s = decode_s = 0.0
    model(sentences[0].audio)  # warm-up
    for sentence in tqdm(sentences, desc="copying", unit="sentence", disable=None, leave=False):
        start = time.perf_counter()
        tokens = model.tokenize(sentence.audio)
        middle = time.perf_counter()
        copy = model.reconstruct(tokens)
        encode_s, decode_s = encode_s + middle - start, decode_s + time.perf_counter() - middle
        copies.append(copy)
        codes.append(tokens[0])
        distances.append(
            {
                **intelligibility(sentence.audio, copy),
                **prosody(sentence.audio, copy),
                "high_band_distance_db": high_band_distance(sentence.audio, copy),
            }
        )
    table = {
        "teacher": judged(listener, sentences, [s.audio for s in sentences], "teacher"),
        "copy": judged(listener, sentences, copies, "copy"),
    }
    if samples is not None:
        write_samples(samples, sentences, {"teacher": [s.audio for s in sentences], "copy": copies})
    speech = sum(s.audio.duration for s in sentences)
    rate = float(model.encoder.rate)
    return {
        "protocol": protocol(listener, sentences, DATA),
        "rows": {name: row.table() for name, row in table.items()},
        "differences": compare(table, "teacher"),
        "distances": averages(distances),
        "codes": {
            "bits_per_frame": model.quantizer.bits_per_step,
            "frames_per_second": rate,
            "kilobits_per_second": model.quantizer.bits_per_step * rate / 1000,
            **code_statistics(torch.cat(codes).unsqueeze(0), model.quantizer.codebook_sizes),
        },
        "speed": {"encode_rtf": encode_s / speech, "decode_rtf": decode_s / speech},
    }
