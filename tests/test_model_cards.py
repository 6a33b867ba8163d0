"""Every model repo in model_cards: generated card, links, sizes, golden outputs, and that a change is noticed."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from huggingface_hub import ModelCardData
from safetensors.torch import load_file, save_file

import mmzoo
from mmzoo.cli.main import main
from mmzoo.errors import ConfigError, GoldenError, WeightsError
from mmzoo.hub.card_results import headlines
from mmzoo.hub.cards import END, render_card, write_card
from mmzoo.hub.golden import check_golden, write_golden

ROOT = Path(__file__).parents[1] / "model_cards"
FOLDERS = sorted(path.parent for path in ROOT.glob("*/config.json"))
each = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def test_there_are_models():
    assert {"vqvae-speech", "phonemizer-en", "vqvae-dit-tts"} <= {folder.name for folder in FOLDERS}


@each
def test_the_card_is_up_to_date(folder):
    """Only that: what a card must say is asserted below, from the files it speaks of."""
    assert (folder / "README.md").read_text("utf-8") == render_card(folder)


@each
def test_the_card_tells_what_the_files_of_the_repo_say(folder):
    card = (folder / "README.md").read_text("utf-8").partition("\n---\n")[2]
    training, evaluation = (
        json.loads((folder / f"{name}.json").read_text("utf-8")) for name in ("training", "evaluation")
    )
    assert f"# {folder.name}\n" in card and f'create("{folder.name}")' in card
    assert f"{training['steps']:,} steps" in card and f"seed {training['recipe']['seed']}" in card
    assert f"`{training['data']['name']}`" in card and f"`{evaluation['command']}`" in card
    (millions,) = re.findall(r"([\d.]+) million parameters", card)
    assert float(millions) == pytest.approx(training["parameters"] / 1e6, rel=0.01)


@each
def test_links_in_the_card_lead_somewhere(folder):
    card = (folder / "README.md").read_text("utf-8")
    for link in re.findall(r"\]\(([^)]+)\)", card):
        assert link.startswith("https://") or (folder / link).is_file(), link


@each
def test_the_front_matter_survives_the_hubs_own_reader(folder):
    front = yaml.safe_load((folder / "README.md").read_text("utf-8").split("---")[1])
    data = ModelCardData(**front)
    assert data.license == "apache-2.0" and data.library_name == "mmzoo"


SPEECH = [
    ("wer", "rows.copy.wer"),
    ("mos", "rows.copy.ratings.mos.mean"),
    ("estoi", "distances.estoi"),
]
SHAPES = [("mean_iou", "iou.mean.iou")]
FIGURES = {
    "dit-segmentation": SHAPES,
    "unet-segmentation": SHAPES,
    "vqvae-prior-image": [
        ("accuracy", "digits.model.right.share"),
        ("accuracy", "scenes.model.right.all.share"),
    ],
    "vqvae-prior-speech": [("accuracy", "right.model.share")],
    "vqvae-prior-text": [("likely_share", "likely.new"), ("copied_share", "copied.new")],
    "vqvae-words": [("cer", "copies.cer"), ("exact_match", "copies.exact")],
    "vqvae-speech": SPEECH,
    "phonemizer-en": [
        ("per", "held_out_words.phone_error_rate"),
        ("wer", "held_out_words.words_with_an_error"),
    ],
    "vqvae-dit-digits": [("accuracy", "digits_right.drawn.share"), ("psnr", "edits.denoise.model.psnr_db")],
    "vqvae-dit-image2speech": [
        ("accuracy", "attributes_heard.model.all.share"),
        ("accuracy", "round_trip.model.all.share"),
    ],
    "vqvae-dit-recognition": [
        ("accuracy", "recognised.whole.image.accuracy"),
        ("accuracy", "recognised.whole.image+speech+text.accuracy"),
        ("accuracy", "recognised.degraded.image+speech+text.accuracy"),
    ],
    "vqvae-dit-speech2image": [
        ("accuracy", "attributes_right.test.all.share"),
        ("accuracy", "attributes_right.unseen_voice.all.share"),
        ("wer", "words_wrong.test.rate"),
        ("wer", "words_wrong.unseen_voice.rate"),
    ],
    "vqvae-dit-text2image": [
        ("accuracy", "attributes_right.one.all.share"),
        ("accuracy", "attributes_right.two.all.share"),
        ("psnr", "edits.inpaint.model_told.psnr_db"),
        ("psnr", "edits.denoise.model.psnr_db"),
        ("psnr", "edits.upscale.model.psnr_db"),
    ],
    "vqvae-dit-revoice": [("wer", "rows.unseen.wer"), ("accuracy", "target_told.unseen.share")],
    "vqvae-dit-tts": [
        ("wer", "rows.tts.wer"),
        ("mos", "rows.tts.ratings.mos.mean"),
        ("mos", "rows.tts.ratings.p808.mean"),
    ],
    "vqvae-image": [("accuracy", "digits_right.copy"), ("psnr", "psnr_db.scenes"), ("psnr", "psnr_db.digits")],
}
"""Which figures of evaluation.json stand for a model on the Hub, written by hand: metric, and keys from the top."""


@each
def test_the_hub_gets_the_figures_that_matter(folder):
    front = yaml.safe_load((folder / "README.md").read_text("utf-8").split("---")[1])
    (entry,) = front["model-index"]
    (result,) = entry["results"]
    assert result["task"]["type"] == json.loads((folder / "config.json").read_text("utf-8"))["task"]
    assert result["dataset"]["type"] == json.loads((folder / "training.json").read_text("utf-8"))["data"]["name"]
    expected = []
    for metric, keys in FIGURES[folder.name]:
        figure = json.loads((folder / "evaluation.json").read_text("utf-8"))
        for key in keys.split("."):
            figure = figure[key]
        expected.append((metric, figure))
    assert [(metric["type"], metric["value"]) for metric in result["metrics"]] == expected


def test_a_changed_figure_changes_the_card_and_what_the_hub_gets(tmp_path):
    folder = tmp_path / "vqvae-words"
    shutil.copytree(ROOT / "vqvae-words", folder)
    evaluation = json.loads((folder / "evaluation.json").read_text("utf-8"))
    evaluation["copies"]["cer"] = 0.1234
    (folder / "evaluation.json").write_text(json.dumps(evaluation), "utf-8")
    _, front, card = render_card(folder).split("---", 2)
    assert yaml.safe_load(front)["model-index"][0]["results"][0]["metrics"][0]["value"] == 0.1234
    assert "0.1234" in card


def test_the_figures_of_an_unknown_task_are_the_first_ones():
    evaluation = {
        "protocol": {"data": "theirs", "items": 3},
        "right": {"share": 0.5, "low": 0.4, "high": 0.6},
        "speed": {"items_per_second": 3.0},
        "loss": 1.5,
        "complete": True,
    }
    assert headlines(None, evaluation) == [("share", "right share", 0.5), ("loss", "loss", 1.5)]
    assert headlines(None, None) == []


def test_a_language_is_claimed_only_where_it_is_known(tmp_path):
    folder = tmp_path / "vqvae-image"
    shutil.copytree(ROOT / "vqvae-image", folder)
    assert "language:" not in render_card(folder)
    card = folder / "README.md"
    card.write_text(card.read_text("utf-8").replace("library_name:", "language: fi\nlibrary_name:", 1))
    assert "\nlanguage: fi\n" in render_card(folder)


def test_a_model_of_ones_own_is_not_said_to_be_the_zoos(tmp_path):
    """No licence is invented for it, and its card loads it and not the bundled model of that name."""
    folder = tmp_path / "mine"
    shutil.copytree(ROOT / "vqvae-words", folder)
    (folder / "README.md").unlink()
    card = render_card(folder)
    assert "license:" not in card and "No license is stated" in card
    assert f'create("local-dir:{folder}")' in card and 'create("vqvae-words")' not in card
    assert 'create("hf-hub:me/text")' in render_card(folder, called="hf-hub:me/text")
    assert main(["card", str(folder), "--license", "apache"]) == 2
    assert not (folder / "README.md").exists()


def test_the_card_says_which_plugins_are_needed(tmp_path):
    folder = tmp_path / "mine"
    shutil.copytree(ROOT / "vqvae-words", folder)
    assert "needs the plugin" not in render_card(folder)
    config = json.loads((folder / "config.json").read_text())
    config["recipe"]["quantizer"]["name"] = "acme-vq:vq"
    (folder / "config.json").write_text(json.dumps(config))
    assert "needs the plugin `acme-vq`." in render_card(folder)


def test_golden_outputs_that_hold_are_left_as_they_are(tmp_path):
    folder = tmp_path / "vqvae-words"
    shutil.copytree(ROOT / "vqvae-words", folder)
    stored = load_file(folder / "golden.safetensors")
    stored["output.latents"] += 1e-6
    save_file(stored, folder / "golden.safetensors")
    before = (folder / "golden.safetensors").read_bytes()
    assert main(["card", str(folder)]) == 0
    assert (folder / "golden.safetensors").read_bytes() == before
    stored["output.latents"] += 1
    save_file(stored, folder / "golden.safetensors")
    assert main(["card", str(folder)]) == 0
    check_golden(mmzoo.create(f"local-dir:{folder}"), folder)


def test_hostile_golden_files_are_refused_in_a_sentence(tmp_path):
    folder = tmp_path / "vqvae-words"
    shutil.copytree(ROOT / "vqvae-words", folder)
    head, path = mmzoo.create(f"local-dir:{folder}"), folder / "golden.safetensors"
    path.write_bytes(b"\xff" * 64)
    with pytest.raises(WeightsError, match=r"golden\.safetensors"):
        check_golden(head, folder)
    save_file({"input.codes": torch.full((1, 2, 3), -7), "output.latents": torch.zeros(1)}, path)
    with pytest.raises(GoldenError, match=r"golden\.safetensors"):
        check_golden(head, folder)
    path.unlink()
    with pytest.raises(WeightsError, match=r"golden\.safetensors"):
        check_golden(head, folder)


@each
def test_golden_outputs_are_reproduced(folder):
    head = mmzoo.create(f"local-dir:{folder}")
    assert check_golden(head, folder)


@each
def test_a_changed_weight_is_noticed(folder, tmp_path):
    head = mmzoo.create(f"local-dir:{folder}")
    with torch.no_grad():
        others = tuple(f"{slot}." for slot, of in type(head).slots.items() if of.model)
        own = [p for n, p in head.named_parameters() if not n.startswith(others)]
        matrices = [p for p in own if p.dim() > 1]  # a constant added to what follows a LayerNorm would change nothing
        (matrices or own)[-1].mul_(1.1)
    with pytest.raises(GoldenError, match=re.escape(str(folder))):
        check_golden(head, folder)


@each
def test_weights_are_small(folder):
    assert (folder / "model.safetensors").stat().st_size <= 25e6


@each
def test_the_evaluation_is_of_these_weights(folder):
    told = json.loads((folder / "evaluation.json").read_text("utf-8"))
    assert told.get("complete", True) and "--limit" not in told["command"]
    mine = {"model": folder}
    for slot, entry in json.loads((folder / "config.json").read_text("utf-8"))["recipe"].items():
        if "model" in entry:
            mine[slot] = ROOT / entry["model"]
    found = {name: hashlib.sha256((of / "model.safetensors").read_bytes()).hexdigest() for name, of in mine.items()}
    assert told["sha256"] == found


@each
def test_the_repo_is_complete(folder):
    present = {str(path.relative_to(folder)) for path in folder.rglob("*")}
    wanted = {"README.md", "config.json", "evaluation.json", "training.json", "golden.safetensors", "model.safetensors"}
    if "rows" in json.loads((folder / "evaluation.json").read_text("utf-8")):
        wanted |= {"samples/spectrogram.png", "samples/texts.json"}
        assert any(re.fullmatch(r"samples/1-.+\.ogg", path) for path in present)
    assert wanted <= present


def test_the_codec_keeps_what_the_teacher_said():
    told = json.loads((ROOT / "vqvae-speech" / "evaluation.json").read_text("utf-8"))
    assert told["protocol"]["sentences"] >= 300
    assert told["differences"]["copy"]["wer"]["difference"] <= 0.02
    # Its noise is not the original's, which STOI counts against it, but listeners do not.
    assert told["differences"]["copy"]["ratings"]["mos"]["difference"] >= -0.5
    assert told["distances"]["stoi"] >= 0.93 and told["distances"]["estoi"] >= 0.88


def test_the_voice_is_understood_like_its_teacher():
    told = json.loads((ROOT / "vqvae-dit-tts" / "evaluation.json").read_text("utf-8"))
    assert told["protocol"]["sentences"] >= 300
    assert told["differences"]["tts"]["wer"]["difference"] <= 0.03
    assert {"teacher", "codec", "tts"} <= set(told["rows"])
    assert told["protocol"]["steps"] == 1 and list(told["voices"]) == ["joe", "slt", "rms"]
    assert told["unseen_words"]["words"] >= 120
    assert told["unseen_words"]["difference"]["tts"]["difference"] <= 0.06


def test_pictures_are_read_from_their_copies_as_from_themselves():
    told = json.loads((ROOT / "vqvae-image" / "evaluation.json").read_text("utf-8"))
    assert told["protocol"]["scenes"] >= 400 and min(told["scenes_right"]["true"].values()) >= 0.995
    assert all(lost["difference"] <= 0.015 for lost in told["scenes_lost"].values())


def evaluation(name: str) -> dict:
    return json.loads((ROOT / name / "evaluation.json").read_text("utf-8"))


def test_what_is_asked_for_is_drawn():
    scenes, digits = evaluation("vqvae-dit-text2image"), evaluation("vqvae-dit-digits")
    assert scenes["protocol"]["scenes"] >= 400 and digits["protocol"]["digits"] >= 500
    assert scenes["attributes_right"]["one"]["all"]["share"] >= 0.95
    assert scenes["attributes_right"]["two"]["all"]["share"] >= 0.80
    assert digits["digits_right"]["drawn"]["share"] >= 0.95 and digits["variety"]["drawn_to_real_spread"] > 0.5


@pytest.mark.parametrize("name", ["vqvae-dit-text2image", "vqvae-dit-digits"])
def test_edits_beat_what_needs_no_model(name):
    for task, arms in evaluation(name)["edits"].items():
        for arm in set(arms) - {"baseline"}:
            assert arms[arm]["psnr_db"] > arms["baseline"]["psnr_db"], (task, arm)
            assert arms[arm]["right"] >= arms["baseline"]["right"], (task, arm)


def test_speech_is_drawn_and_pictures_are_told():
    drawn, told = evaluation("vqvae-dit-speech2image"), evaluation("vqvae-dit-image2speech")
    assert drawn["protocol"]["utterances"] >= 400 and told["protocol"]["scenes"] >= 400
    assert drawn["attributes_right"]["test"]["all"]["share"] >= 0.90
    assert drawn["attributes_right"]["unseen_voice"]["all"]["share"] >= 0.80
    assert told["attributes_heard"]["model"]["all"]["share"] >= 0.90


def test_digits_are_recognised_and_together_better_than_alone():
    found = evaluation("vqvae-dit-recognition")
    assert found["protocol"]["digits"] == 400 and found["recognised"]["whole"]["image"]["accuracy"] >= 0.98
    assert found["all_against_best_single_on_degraded"]["wrong"]["difference"] <= -0.08
    arms = found["tables"]["arms"]
    assert arms["image alone"]["whole"]["accuracy"] >= 0.98 and arms["image alone"]["seeds"] == 5
    best = max(row["degraded"]["accuracy"] for name, row in arms.items() if name.endswith("fusion"))
    assert best - max(row["degraded"]["accuracy"] for name, row in arms.items() if name.endswith("alone")) >= 0.08


def test_all_weights_together_are_small():
    sizes = {folder.name: (folder / "model.safetensors").stat().st_size for folder in FOLDERS}
    assert max(sizes.values()) <= 25e6 and sum(sizes.values()) <= 80e6


def test_a_voice_and_what_it_needs_are_small():
    folders = [ROOT / name for name in ("phonemizer-en", "vqvae-speech", "vqvae-dit-tts")]
    needed = [path for folder in folders for path in (folder / "model.safetensors", folder / "lexicon.json")]
    assert sum(path.stat().st_size for path in needed if path.exists()) <= 24e6


def test_text_by_hand_is_kept(tmp_path):
    shutil.copy(FOLDERS[0] / "config.json", tmp_path)
    card = write_card(tmp_path)
    assert "not been evaluated" in card.read_text("utf-8")
    card.write_text(card.read_text("utf-8") + "\n## By hand\n\nKeep me.\n", "utf-8")
    write_card(tmp_path)
    assert card.read_text("utf-8").partition(END)[2].strip() == "## By hand\n\nKeep me."


def test_nothing_of_our_data_is_claimed_of_a_model_that_learned_from_others(tmp_path):
    for name in ("config.json", "training.json"):
        shutil.copy(ROOT / "vqvae-dit-tts" / name, tmp_path)
    assert "flite" in render_card(tmp_path)
    record = json.loads((tmp_path / "training.json").read_text("utf-8"))
    record["data"]["name"] = "ljspeech"
    (tmp_path / "training.json").write_text(json.dumps(record), "utf-8")
    card = render_card(tmp_path)
    assert "the dataset `ljspeech`" in card and "flite" not in card and "Four synthetic voices" not in card


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"config\.json"):
        render_card(tmp_path)


def test_golden_is_stable(tmp_path):
    head = mmzoo.create("phonemizer-en")
    first = write_golden(head, tmp_path).read_bytes()
    assert write_golden(head, tmp_path).read_bytes() == first
