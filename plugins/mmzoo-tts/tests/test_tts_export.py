"""A small voice and its codec, exported and spoken with in processes that never import torch."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import mmzoo
from mmzoo.cli.main import main
from mmzoo.composition import save_model

pytest.importorskip("onnxscript")
pytestmark = pytest.mark.slow

SIZES = {"width": 24, "depth": 1, "latent_depth": 1, "decoder_width": 24, "decoder_depth": 1}
WIDTH = 64
PARTS = {
    "text": {"width": WIDTH, "depth": 1},
    "backbone": {
        "width": WIDTH,
        "depth": 1,
        "heads": 2,
        "vector_channels": {"voice": WIDTH},
        "aligned_channels": {"text": WIDTH, "prior": 36},
    },
}
TEXT = "Well, [pause 300ms] Doctor Smith's quizzaneer paid $3.50. And left!"
SAY = """
import json, sys
from mmzoo.cli.main import main
code = main(["say", sys.argv[1], "--model", sys.argv[2], "-o", sys.argv[3], "--json", sys.argv[4], "--steps", "2"])
assert code == 0
print(json.dumps(sorted({"torch", "datasets", "onnx", "scipy"} & set(sys.modules))))
"""


@pytest.fixture(scope="module")
def voice(tmp_path_factory) -> Path:
    """The folder of a voice over a codec, both with random weights."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    codec = mmzoo.create("vqvae-speech", pretrained=False, encoder=SIZES)
    save_model(codec, folder / "codec", dtype=torch.float32, name="small-codec", task="speech-tokenization")
    options = {"width": WIDTH, "voices": ["ann", "bob"], "num_steps": 2, "tokenizer": str(folder / "codec")}
    model = mmzoo.create("vqvae-dit-tts", pretrained=False, **options, **PARTS)
    with torch.no_grad():
        for parameter in model.backbone.parameters():
            parameter.normal_(std=0.1)
    save_model(model, folder / "voice", dtype=torch.float32, name="small-voice", task="text-to-speech")
    return folder / "voice"


@pytest.fixture(scope="module")
def exported(voice, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "voice"
    assert main(["export", str(voice), "--onnx", str(folder), "--no-compare"]) == 0
    return folder


def similar(first: mmzoo.Audio, second: mmzoo.Audio) -> None:
    assert len(first.samples) == len(second.samples)
    scale = np.abs(first.samples).max()
    assert np.isclose(first.samples, second.samples, atol=2e-3 * scale).mean() > 0.97  # a code may flip


def test_say_with_an_exported_voice_imports_no_torch(voice, exported, tmp_path):
    wav, times = tmp_path / "a.wav", tmp_path / "a.json"
    command = [sys.executable, "-c", SAY, TEXT, str(exported), str(wav), str(times)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []
    speech = mmzoo.create(voice)(TEXT, steps=2)
    similar(speech, mmzoo.Audio.load(wav))
    assert [word["text"] for word in json.loads(times.read_text())["words"]] == [word.text for word in speech.words]


def test_the_engine_onnx_equals_torch(voice, exported, tmp_path, monkeypatch):
    monkeypatch.setenv("MMZOO_CACHE", str(tmp_path))
    torch_voice = mmzoo.create(voice)
    with pytest.warns(UserWarning, match="exported"):
        cached = mmzoo.create(voice, engine="onnx", threads=2)
    for model in (cached, mmzoo.create(exported)):
        for options in ({}, {"voice": "bob", "speed": 1.3, "seed": 5, "steps": 4}, {"voice": {"ann": 3, "bob": 1}}):
            first, second = torch_voice(TEXT, **options), model(TEXT, **options)
            similar(first, second)
            assert first.notes == second.notes and [w.text for w in first.words] == [w.text for w in second.words]
            times = [[(w.start, w.end) for w in speech.words] for speech in (first, second)]
            np.testing.assert_allclose(*times, atol=1e-5)
        assert (
            model.phonemizer("The blorptious thwack").phones == torch_voice.phonemizer("The blorptious thwack").phones
        )
        codes = model.tokenizer.tokenize(torch_voice("Hello."))
        np.testing.assert_array_equal(codes.shape, torch_voice.tokenizer.tokenize(torch_voice("Hello.")).shape)


def test_eight_bits_keep_the_times_of_words(voice, exported, tmp_path):
    folder = tmp_path / "small"
    assert main(["export", str(voice), "--onnx", str(folder), "--int8", "--no-compare"]) == 0
    small, exact = mmzoo.create(folder), mmzoo.create(exported)
    assert [s.end for s in small(TEXT).segments] == [s.end for s in exact(TEXT).segments]
    assert not np.array_equal(small(TEXT).samples, exact(TEXT).samples)
    assert (folder / "predict.onnx").stat().st_size < 0.7 * (exported / "predict.onnx").stat().st_size
