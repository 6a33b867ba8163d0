"""The evaluation itself is sane: its metrics rank what is known to be better above what is known to be worse."""

from __future__ import annotations

import io
import shutil

import numpy as np
import pytest
import torch

import mmzoo
from mmzoo.evaluation.recogniser import listen
from mmzoo.evaluation.sound import prosody
from mmzoo.evaluation.speech import held_out_texts
from mmzoo.evaluation.words import ErrorRate, plain
from mmzoo.interfaces import Audio


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("flite") is None, reason="flite, the teacher, is not installed")
def test_metrics_rank_teacher_codec_tts_untrained_noise(tmp_path, monkeypatch):
    pytest.importorskip("pocketsphinx")
    import soundfile
    from mmzoo_datasets.flite import speak

    monkeypatch.setenv("MMZOO_CACHE", str(tmp_path))
    texts = [text for text, _ in held_out_texts("test", 24)]
    spoken = [soundfile.read(io.BytesIO(speak(text, "slt").wav), dtype="float32") for text in texts]
    teacher = [Audio(samples, rate) for samples, rate in spoken]
    tts = mmzoo.create("vqvae-dit-tts")
    torch.manual_seed(0)
    untrained = mmzoo.create("vqvae-dit-tts", pretrained=False)  # its tokenizer and phonemizer are trained
    generator = np.random.default_rng(0)
    rows = {
        "teacher": teacher,
        "codec": [tts.tokenizer(audio) for audio in teacher],
        "tts": [tts(text) for text in texts],
        "untrained": [untrained(text) for text in texts],
        "noise": [
            Audio(0.1 * generator.standard_normal(len(a.samples)).astype(np.float32), a.sample_rate) for a in teacher
        ],
    }
    distance = {
        name: np.mean([prosody(a, b)["mcd_mfcc13"] for a, b in zip(teacher, sounds, strict=True)])
        for name, sounds in rows.items()
    }
    assert sorted(distance, key=distance.__getitem__) == list(rows), distance
    assert distance["teacher"] < 1e-3 and distance["tts"] < 0.6 * distance["untrained"], distance
    words = {
        name: ErrorRate.of([plain(t) for t in texts], [plain(h.words) for h in listen(sounds)]).rate
        for name, sounds in rows.items()
    }
    # A recogniser does not tell the first three apart on so few sentences; evaluation.json has 500.
    trained = max(words[name] for name in ("teacher", "codec", "tts"))
    assert trained < 0.5 < 0.8 < min(words["untrained"], words["noise"]), words
