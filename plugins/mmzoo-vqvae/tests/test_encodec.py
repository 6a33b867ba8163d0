"""EnCodec folders: written by transformers with random weights, loaded by mmzoo, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmzoo_vqvae.encodec import EncodecFormat
from mmzoo_vqvae.seanet import SEANet, mirrored
from safetensors.torch import load_file, save_file

import mmzoo
from mmzoo import errors
from mmzoo.cli.main import main
from mmzoo.interfaces import Audio, Latents

transformers = pytest.importorskip("transformers", reason="the reference library is not installed")

SMALL = {"num_filters": 8, "hidden_size": 16, "codebook_size": 64, "upsampling_ratios": [5, 4, 2]}
LAYOUTS = {
    "24khz": {},
    "small": SMALL,
    "like-32khz": {
        "sampling_rate": 32000,
        "num_filters": 8,
        "hidden_size": 16,
        "codebook_size": 2048,
        "upsampling_ratios": [8, 5, 4, 4],
        "use_causal_conv": False,
        "use_conv_shortcut": False,
        "num_residual_layers": 2,
        "target_bandwidths": [2.2],
    },
    "bare": {**SMALL, "num_lstm_layers": 1, "num_residual_layers": 1, "kernel_size": 5, "residual_kernel_size": 5},
}


LARGE = [pytest.param("24khz", marks=pytest.mark.slow)]


def reference(folder: Path, **config: Any) -> Any:
    """A random EnCodec of the reference library, saved by it; its codebooks, zero at first, are drawn too."""
    torch.manual_seed(0)
    model = transformers.EncodecModel(transformers.EncodecConfig(**config)).eval()
    for layer in model.quantizer.layers:
        layer.codebook.embed.normal_(std=0.3)
        layer.codebook.embed_avg.copy_(layer.codebook.embed * 7)
        layer.codebook.cluster_size.fill_(7)
    for parameter in model.parameters():
        if parameter.dim() == 3 and parameter.shape[1:] == (1, 1):
            parameter.data.mul_(1.5)  # gains of other sizes than the directions'
    model.save_pretrained(folder)
    return model


@pytest.mark.parametrize("layout", ["small", "like-32khz", *LARGE, pytest.param("bare", marks=pytest.mark.slow)])
@torch.inference_mode()
def test_every_output_is_the_references(layout: str, tmp_path: Path) -> None:
    theirs = reference(tmp_path, **LAYOUTS[layout])
    ours = mmzoo.create(f"local-dir:{tmp_path}")
    for length in (theirs.config.sampling_rate, 7777, 500, 3, 1):
        sound = torch.randn(1, length) * 0.3
        latents = theirs.encoder(sound[:, None]).transpose(1, 2)
        torch.testing.assert_close(ours.encoder.encode(sound).x, latents, atol=1e-5, rtol=1e-5)
        codes = theirs.encode(sound[:, None], bandwidth=theirs.config.target_bandwidths[-1]).audio_codes[0]
        assert torch.equal(ours.quantizer.encode(latents), codes.transpose(1, 2))
        few = theirs.config.target_bandwidths[0]
        wanted = theirs.encode(sound[:, None], bandwidth=few).audio_codes[0].transpose(1, 2)
        assert torch.equal(ours.quantizer.encode(latents)[..., : wanted.shape[2]], wanted)
        decoded = theirs.decode(codes[None], [None]).audio_values[:, 0]
        mine = ours.encoder.decode(Latents(ours.quantizer.decode(codes.transpose(1, 2))))
        torch.testing.assert_close(mine, decoded, atol=1e-5, rtol=1e-5)
    audio = Audio(sound.repeat(1, 400)[0].numpy(), theirs.config.sampling_rate)
    assert len(ours(audio).samples) == 400
    assert ours(Audio(audio.samples, 8000)).sample_rate == theirs.config.sampling_rate


@pytest.mark.parametrize("layout", ["like-32khz", *LARGE])
@torch.inference_mode()
def test_items_of_a_batch_are_what_they_are_alone(layout: str, tmp_path: Path) -> None:
    reference(tmp_path, **LAYOUTS[layout])
    model = mmzoo.create(f"local-dir:{tmp_path}")
    lengths = [4000, 2345, 130, 3]
    sounds = [torch.randn(length) for length in lengths]
    batch = torch.nn.utils.rnn.pad_sequence(sounds, batch_first=True)
    mask = torch.arange(4000) < torch.tensor(lengths).unsqueeze(1)
    together = model.encoder.encode(batch.masked_fill(~mask, torch.pi), mask)
    back = model.encoder.decode(together)
    for index, sound in enumerate(sounds):
        alone = model.encoder.encode(sound[None])
        count = alone.x.shape[1]
        assert together.mask is not None and int(together.mask[index].sum()) == count
        torch.testing.assert_close(together.x[index, :count], alone.x[0], atol=1e-5, rtol=1e-5)
        samples = model.encoder.decode(alone)[0]
        torch.testing.assert_close(back[index, : len(samples)], samples, atol=1e-5, rtol=1e-5)
        assert not back[index, len(samples) :].any()


@torch.inference_mode()
def test_the_reference_library_reads_what_is_written_back(tmp_path: Path) -> None:
    theirs = reference(tmp_path / "theirs", **LAYOUTS["like-32khz"])
    assert main(["convert", f"local-dir:{tmp_path / 'theirs'}", str(tmp_path / "ours")]) == 0
    assert "recipe" in json.loads((tmp_path / "ours" / "config.json").read_text())
    assert main(["convert", f"local-dir:{tmp_path / 'ours'}", str(tmp_path / "back"), "--to", "encodec"]) == 0
    again = transformers.EncodecModel.from_pretrained(tmp_path / "back").eval()
    for key in ("sampling_rate", "upsampling_ratios", "num_quantizers", "use_causal_conv", "use_conv_shortcut"):
        assert getattr(again.config, key) == getattr(theirs.config, key)
    sound = torch.randn(1, 1, 9000) * 0.3
    bandwidth = theirs.config.target_bandwidths[-1]
    assert bandwidth in again.config.target_bandwidths
    first, second = (model.encode(sound, bandwidth=bandwidth).audio_codes for model in (theirs, again))
    assert torch.equal(first, second)
    decoded = [model.decode(first, [None]).audio_values for model in (theirs, again)]
    torch.testing.assert_close(*decoded, atol=1e-6, rtol=1e-6)
    before, after = (load_file(tmp_path / name / "model.safetensors") for name in ("theirs", "back"))
    averages = {name for name in before if name.endswith(("cluster_size", "embed_avg"))}
    assert before.keys() == after.keys()
    for name in before.keys() - averages:
        assert torch.equal(before[name], after[name]), name


@pytest.mark.slow
def test_a_converted_model_has_a_name_and_a_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reference(tmp_path / "theirs", **SMALL)
    copy = tmp_path / "my-codec"
    assert main(["convert", f"local-dir:{tmp_path / 'theirs'}", str(copy)]) == 0
    config = json.loads((copy / "config.json").read_text())
    assert (config["name"], config["task"]) == ("my-codec", "speech-tokenization") and config["modalities"] == [
        "speech"
    ]
    assert main(["card", str(copy), "--license", "mit"]) == 0
    assert main(["push", str(copy), "--repo", "me/codec", "--dry-run"]) == 0
    assert main(["show", f"local-dir:{tmp_path / 'theirs'}"]) == 0
    assert "a model of another library" in capsys.readouterr().out


def test_files_of_2023_have_other_names_for_the_same(tmp_path: Path) -> None:
    reference(tmp_path, **SMALL)
    new = mmzoo.create(f"local-dir:{tmp_path}")
    path = tmp_path / "model.safetensors"
    renamed = {
        name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): tensor
        for name, tensor in load_file(path).items()
    }
    assert any(name.endswith("weight_g") for name in renamed)
    save_file(renamed, path)
    old = mmzoo.create(f"local-dir:{tmp_path}")
    for (name, one), other in zip(new.state_dict().items(), old.state_dict().values(), strict=True):
        assert torch.equal(one, other), name


def change(folder: Path, **entries: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


@pytest.mark.parametrize(
    ("entries", "kind", "told"),
    [
        ({"audio_channels": 2}, errors.ConfigTypeError, "audio_channels"),
        ({"norm_type": "time_group_norm"}, errors.ConfigTypeError, "norm_type"),
        ({"normalize": True}, errors.ConfigTypeError, "normalize"),
        ({"chunk_length_s": 1.0}, errors.ConfigTypeError, "chunk_length_s"),
        ({"codebook_dim": 8}, errors.ConfigError, "codebook_dim"),
        ({"upsampling_ratios": []}, errors.ConfigError, "ratios"),
        ({"upsampling_ratios": [0, 4]}, errors.ConfigError, "ratios"),
        ({"target_bandwidths": []}, errors.ConfigError, "bandwidths"),
        ({"target_bandwidths": [1e9]}, errors.ConfigError, "codebooks"),
        ({"num_filters": "os.system"}, errors.ConfigTypeError, "num_filters"),
        ({"num_filter": 8}, errors.UnknownKeyError, "num_filter"),
        ({"auto_map": {"AutoModel": "evil.Model"}}, errors.UnknownKeyError, "auto_map"),
        ({"num_residual_layers": 2}, errors.MissingTensorsError, "encoder.layers"),
        ({"use_conv_shortcut": False}, errors.ExtraTensorsError, "shortcut"),
        ({"num_filters": 16}, errors.TensorShapeError, "should be"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(
    entries: dict[str, Any], kind: type[Exception], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reference(tmp_path, **SMALL)
    change(tmp_path, **entries)
    with pytest.raises(kind, match=told) as caught:
        mmzoo.create(f"local-dir:{tmp_path}")
    assert str(tmp_path) in str(caught.value) and str(caught.value)[-1] in ".?"
    capsys.readouterr()  # what the reference library printed
    assert main(["convert", f"local-dir:{tmp_path}", str(tmp_path / "copy")]) != 0
    told_user = capsys.readouterr().err.strip().splitlines()
    assert len(told_user) == 1 and not (tmp_path / "copy").exists()


def test_another_model_is_not_written_as_encodec(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "vqvae-speech", str(tmp_path / "copy"), "--to", "encodec"]) != 0
    assert (
        "'encodec' cannot express a model made of head 'speech-vqvae', encoder" in capsys.readouterr().err
        and not (tmp_path / "copy").exists()
    )


@given(
    levels=st.integers(1, 40),
    size=st.integers(2, 2048),
    rate=st.integers(8000, 48000),
    ratios=st.lists(st.integers(1, 8), min_size=1, max_size=4),
)
def test_config_and_recipe_are_inverse(levels: int, size: int, rate: int, ratios: list[int]) -> None:
    from mmzoo.composition import check
    from mmzoo.hub.tree import ResolvedModel

    encoder = {"name": "seanet", "dim": 4, "sample_rate": rate, "ratios": ratios, "width": 2}
    quantizer = {"name": "rvq", "dim": 4, "codebook_size": size, "levels": levels}
    head = {"name": "speech-vqvae", "dim": 4}
    recipe = check(ResolvedModel({"head": head, "encoder": encoder, "quantizer": quantizer})).recipe()
    again = EncodecFormat(**EncodecFormat.config_of(recipe)).recipe()
    assert check(ResolvedModel(again)).recipe() == recipe


@settings(max_examples=60)
@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    before=st.integers(0, 6),
    after=st.integers(0, 6),
    stride=st.integers(1, 5),
)
def test_every_item_is_mirrored_at_its_own_end(lengths: list[int], before: int, after: int, stride: int) -> None:
    x = torch.randn(len(lengths), 2, max(lengths))
    together = mirrored(x, torch.tensor(lengths), before, after, stride)
    for index, length in enumerate(lengths):
        alone = mirrored(x[index : index + 1, :, :length], None, before, after, stride)
        assert torch.equal(together[index, :, : alone.shape[2]], alone[0])
        assert not together[index, :, alone.shape[2] :].any()


def test_a_seanet_tokenizer_is_trained(tmp_path: Path) -> None:
    """The head trains any waveform autoencoder: all parameters move, and the loss is finite."""
    recipe = {
        "head": {"name": "speech-vqvae", "dim": 8},
        "encoder": {"name": "seanet", "dim": 8, "sample_rate": 16000, "ratios": [5, 4, 4], "width": 4},
        "quantizer": {"name": "rvq", "dim": 8, "codebook_size": 16, "levels": 2},
    }
    from mmzoo.composition import compose

    model = compose(recipe, device="cpu")
    assert isinstance(model.encoder, SEANet) and model.encoder.rate == 200
    losses = model.training_step({"speech": torch.randn(2, 8000) * 0.1}, torch.Generator())
    losses.total.backward()
    assert torch.isfinite(losses.total)
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_the_published_models_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--others", "--json"]) == 0
    found = {item["source"]: item["license"] for item in json.loads(capsys.readouterr().out)}
    assert found["hf-hub:facebook/encodec_24khz"] is None
    assert main(["show", "format/encodec"]) == 0
    told = capsys.readouterr().out
    assert "facebook/encodec_24khz, license not stated" in told and '"model_type": "encodec"' in told
