"""A token is told to the Hub and to nobody else: not to any output, log, run folder, card, lock or file."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hub_client import Mmzoo, model_files
from hub_server import TOKEN, HubServer

from mmzoo import Audio, Image
from mmzoo.cli.commands import all_commands, typed

RECIPE = """
name: tiny
model:
  name: vqvae-image
  overrides: {encoder: {widths: [16, 16], depth: 1}}
data:
  name: spoken-digits
  config: {speech: false}
steps: 2
batch_size: 2
checkpoint_every: 1
"""

COMMANDS: Mapping[str, Sequence[str]] = {
    "list": ["list", "list --components --json", "list --others"],
    "show": ["show hf-hub:me/text", "show vqvae-words --json", "!show hf-hub:me/none"],
    "which": ["which vqvae-words", "!which {token}"],
    "plugins": [
        "plugins",
        "plugins new acme-token --kind quantizer",
        "plugins disable mmzoo-tts",
        "plugins enable mmzoo-tts",
    ],
    "doctor": ["doctor", "doctor --json"],
    "train": ["train tiny.yaml --print-config", "train tiny.yaml --out run", "!train missing.yaml"],
    "evaluate": ["evaluate vqvae-words --limit 2", "!evaluate hf-hub:me/none"],
    "card": ["card copy", "card copy --check"],
    "pull": [
        "pull hf-hub:me/text",
        "!pull hf-hub:me/none",
        "!--debug pull hf-hub:me/none",
        "!--debug pull hf-hub:me/gated",
    ],
    "verify": ["verify hf-hub:me/text", "verify vqvae-words --json"],
    "convert": ["convert hf-hub:me/text converted"],
    "push": [
        "push copy --repo me/new --dry-run",
        "push copy --repo me/new --public",
        "push copy --repo me/new",
        "!--debug push copy --repo me/full",
    ],
    "lock": ["lock hf-hub:me/text vqvae-words --file mmzoo.lock"],
    "sync": ["sync --frozen --file mmzoo.lock"],
    "cache": ["cache list", "cache size", "cache remove me/text"],
    "export": [
        "!export vqvae-words --onnx graphs",
        "!export {token} --onnx graphs",
        "!export hf-hub:me/none --onnx none",
    ],
    "plan": ["plan tiny.yaml", "!plan none.yaml"],
    "segment": ["!segment vqvae-words --image none.png -o mask.png"],
    "revoice": ["!revoice none.wav --voice joe -o out.wav"],
    "denoise-speech": ["!denoise-speech none.wav -o out.wav"],
    "demo": ["demo Hello. -o demo.wav"],
    "say": ["say Hello. -o said.wav"],
    "generate": [
        "generate vqvae-dit-digits --class three --steps 2 -o drawn.png",
        "!--debug generate hf-hub:me/none -p x",
    ],
    "tokenize": [
        "tokenize vqvae-image --data spoken-digits data.config.speech=false data.limit=4 --output codes",
        "!--debug tokenize hf-hub:me/none --data spoken-digits --output none",
    ],
    "edit": ["edit vqvae-dit-digits -i drawn.png --denoise --steps 2 -o edited.png"],
    "transfer": ["transfer vqvae-dit-image2speech scene.png -o told.wav"],
    "recognize": ["recognize vqvae-dit-recognition --image drawn.png --json"],
    "explain": ["explain vqvae-dit-recognition --image drawn.png -o why.png"],
}
"""Of every command, calls that end well, and after `!` such that do not. {token}: the token, typed by mistake."""
QUICK = ("list", "show", "which", "plugins", "doctor", "card", "pull", "push", "lock", "sync", "cache")
"""What runs no model for long: the rest is left to the slow run."""


@pytest.fixture
def workplace(hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user who is logged in by the environment, with a model, a picture, a recipe, and a Hub of their own."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.setenv(name, TOKEN)
    for name in ("MMZOO_HOME", "MMZOO_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.chdir(tmp_path)
    hub.add("me/text", model_files("vqvae-words"), private=True)
    hub.add("me/full", model_files("vqvae-image"))
    hub.fail("POST /api/models/me/full/commit", status=403)
    hub.add("me/gated", model_files("vqvae-words"), gated=True)
    copy = tmp_path / "copy"
    for name, data in model_files("vqvae-words").items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes(data)
    (copy / "training.json").write_text(
        (copy / "training.json").read_text().replace('"seed"', f'"note": "{TOKEN}", "seed"', 1)
    )
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    Image(np.zeros((64, 64, 3), np.uint8)).save(tmp_path / "scene.png")
    Audio(np.zeros(16000, np.float32), 16000).save(tmp_path / "silence.wav")
    return tmp_path


def test_every_command_is_tried() -> None:
    assert set(COMMANDS) == {typed(spec) for spec in all_commands()}


@pytest.mark.parametrize("commands", [QUICK, pytest.param(COMMANDS, marks=pytest.mark.slow)], ids=["quick", "all"])
def test_no_command_tells_the_token(
    commands: Collection[str], hub: HubServer, workplace: Path, mmzoo_command: Mmzoo
) -> None:
    given = {path for path in workplace.rglob("*") if path.is_file()}
    for command in commands:
        for call in COMMANDS[command]:
            words = [word.format(token=TOKEN) for word in call.removeprefix("!").split()]
            done = mmzoo_command(*words)
            assert (done.returncode != 0) == call.startswith("!"), (call, done)
            assert TOKEN not in done.stdout + done.stderr, call
    assert hub.count("GET /me/text/resolve")  # which is private, so the token was sent
    written = [path for path in workplace.rglob("*") if path.is_file() and path not in given]
    folders = {"hf", "acme-token"}
    if "train" in commands:
        trained = json.loads((workplace / "run" / "model" / "config.json").read_text())
        assert (trained["name"], trained["task"]) == ("tiny", "image-tokenization")  # with another encoder
        folders |= {"run", "converted"}
    assert folders <= {path.relative_to(workplace).parts[0] for path in written}
    for path in written:
        assert TOKEN.encode() not in path.read_bytes(), path
    for name, repo in hub.repos.items():
        for file, data in repo.files.items():
            assert TOKEN.encode() not in data, (name, file)
