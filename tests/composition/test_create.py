"""`create`, end to end, on a world of small parts."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from mmzoo import errors
from mmzoo import resolve as resolving
from mmzoo.composition import checking, compose, own_tensors, save_model
from mmzoo.factory import create
from mmzoo.interfaces.heads import TaskHead
from mmzoo.interfaces.ports import Link, Port, Ports, Slot
from mmzoo.interfaces.values import ALONE, Losses, TrainingState
from mmzoo.registry.specs import Weights
from mmzoo.system import sha256_of

TOKENIZER = {"head": "tokenizer", "encoder": {"name": "encoder", "dim": 4}, "quantizer": "vq"}


def refuse(kind: type[BaseException], match: str, name: str, **settings: Any) -> errors.MmzooError:
    with pytest.raises(kind, match=match) as caught:
        create(name, **settings)
    assert type(caught.value) is kind
    text = str(caught.value)
    assert "\n" not in text and text[-1] in ".?" and len(text) < 500, text
    return caught.value  # type: ignore[return-value]


def rewrite(folder: Path, **changes: Any) -> None:
    """Change the recipe in a folder's config.json, by slot."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["recipe"].update(changes)
    path.write_text(json.dumps(config))


# --- what works --------------------------------------------------------------------------------------


def test_loads_what_was_saved(tok: Path) -> None:
    model = create("tok")
    stored = load_file(tok / "model.safetensors")
    assert not model.training and model.words == b'["a"]' and model.folder == tok and model.name == "tok"
    assert own_tensors(model).keys() == stored.keys()
    for name, tensor in own_tensors(model).items():
        assert torch.equal(tensor, stored[name].to(tensor.dtype)) and not tensor.is_meta
    assert model.out.weight.dtype is torch.float32 and stored["out.weight"].dtype is torch.float16
    assert stored["quantizer.codebook"].dtype is torch.float32  # buffers keep their range
    assert torch.equal(model.encoder.hann, torch.hann_window(8))
    assert model.recipe["quantizer"]["decay"] == 0.9 and model.quantizer.config["pair"] == [1, 2.0]
    assert model.quantizer.pair == (1, 2.0)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_dtype(tok: Path) -> None:
    model = create("tok", dtype="bfloat16")
    assert model.out.weight.dtype is torch.bfloat16 and model.encoder.hann.dtype is torch.bfloat16
    assert model.quantizer.counts.dtype is torch.int64
    assert create("tok", dtype=torch.float16, pretrained=False).out.weight.dtype is torch.float16


def test_by_folder(tok: Path, world: Any) -> None:
    model = create(f"local-dir:{tok}")
    assert model.name == "tok" and torch.equal(model.gain, create("tok").gain)
    fresh = create(f"local-dir:{tok}", pretrained=False)
    assert not torch.equal(model.out.weight, fresh.out.weight)


def test_tags_choose_weights(tok: Path, world: Any, tmp_path: Path) -> None:
    other = save_model(compose(TOKENIZER, device="cpu", name="tok"), tmp_path / "other")
    weights = [Weights("a", f"local-dir:{tok}"), Weights("b", f"local-dir:{other}")]
    world.model("tok", TOKENIZER, weights=weights)
    assert create("tok").folder == create("tok.a").folder == create("acme:tok.a").folder == tok
    assert create("tok.b").folder == other
    refuse(errors.UnknownNameError, "'c'", "tok.c")


def test_fresh_parameters_are_initialised(world: Any) -> None:
    torch.manual_seed(0)
    first = create("tok", pretrained=False)
    torch.manual_seed(0)
    second = compose(TOKENIZER, device="cpu")
    assert torch.equal(first.out.weight, second.out.weight) and float(first.out.weight.detach().std()) > 0
    assert not first.training and second.training


def test_submodel(speaker: Path) -> None:
    model = create("speaker")
    assert set(load_file(speaker / "model.safetensors")) == {"net.weight", "net.bias"}
    for name, tensor in own_tensors(create("tok")).items():
        assert torch.equal(tensor, own_tensors(model.tokenizer)[name])
    assert model.tokenizer.words == b'["a"]' and model.tokenizer.name == "tok"
    assert not any(parameter.requires_grad for parameter in model.tokenizer.parameters())
    assert all(parameter.requires_grad for parameter in model.net.parameters())
    model.train()
    assert model.training and not model.tokenizer.training
    fresh = create("speaker", pretrained=False)
    assert torch.equal(fresh.tokenizer.gain, model.tokenizer.gain)
    assert not torch.equal(fresh.net.weight, model.net.weight)
    unlike = create("speaker", pretrained=False, tokenizer={"pretrained": False})
    assert not torch.equal(unlike.tokenizer.gain, model.tokenizer.gain)


def test_a_model_keeps_what_it_was_built_from(speaker: Path, tok: Path) -> None:
    tree = create("speaker").tree
    assert [model.name for model in tree.walk()] == ["speaker", "tok"]
    assert [model.folder.path for model in tree.walk()] == [speaker, tok]
    assert tree.models["tokenizer"].ref.sha256 == sha256_of(tok / "model.safetensors")
    assert create("tok", pretrained=False).tree.folder is None


class Pair(TaskHead):
    """A head with the same model twice."""

    slots: ClassVar = {"first": Slot("head", model=True), "second": Slot("head", model=True)}

    def __init__(self) -> None:
        super().__init__()


def test_a_model_in_two_slots_is_looked_up_and_loaded_once(
    world: Any, tok: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mmzoo.hub.published import FoundModel

    asked, loaded = [], []
    look_up, weights_file = resolving.find_model, FoundModel.weights_file
    monkeypatch.setattr(resolving, "find_model", lambda name, *a, **k: asked.append(name) or look_up(name, *a, **k))
    monkeypatch.setattr(
        FoundModel, "weights_file", lambda self, pinned=None: loaded.append(self.name) or weights_file(self, pinned)
    )
    world.add("head", "pair", Pair)
    world.model("pair", {"head": "pair", "first": {"model": "tok"}, "second": {"model": "tok"}})
    model = create("pair", pretrained=False)
    assert model.first is model.second and asked == ["pair", "tok"] and loaded == ["tok"]


def test_a_license_is_asked_for_where_only_one_of_two_slots_loads_the_weights(world: Any, tok: Path) -> None:
    (tok / "README.md").write_text("---\nlicense: mit\n---\n")
    world.add("head", "pair", Pair)
    first, second = {"model": "tok", "pretrained": False}, {"model": "tok"}
    world.model("pair", {"head": "pair", "first": first, "second": second})
    refuse(errors.WeightsError, "'tok' are under 'mit'", "pair", pretrained=False, allow_licenses={"cc0-1.0"})
    model = create("pair", pretrained=False, allow_licenses={"mit"})
    assert not torch.equal(model.first.gain, model.second.gain)


def test_parts(world: Any) -> None:
    quantizer = create("quantizer/fsq", levels=[8, 5, 5, 5])
    assert quantizer.levels == [8, 5, 5, 5] and not quantizer.training and quantizer.config == {"levels": [8, 5, 5, 5]}
    assert create("sampler/euler", shift=2).shift == 2.0
    assert float(create("quantizer/vq").codebook.std()) > 0
    assert create("quantizer/vq", dtype="float16").codebook.dtype is torch.float16
    assert create("quantizer/acme:vq").codebook.shape == (16, 4)


def test_part_of_a_model(tok: Path, speaker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mmzoo.hub.tensor_file import OpenTensors

    whole, read = create("tok"), []
    original = OpenTensors.read
    monkeypatch.setattr(OpenTensors, "read", lambda self, name: read.append(name) or original(self, name))
    quantizer = create("tok", part="quantizer")
    assert torch.equal(quantizer.codebook, whole.quantizer.codebook) and not quantizer.training
    assert sorted(read) == ["quantizer.codebook", "quantizer.counts"]
    assert create("speaker", part="sampler").shift == 1.0
    assert create("speaker", part="tokenizer").name == "tok"
    assert create("tok", part="encoder", pretrained=False).window == 8
    refuse(errors.UnknownNameError, "'quantiser'.*'quantizer'", "tok", part="quantiser")
    refuse(errors.UnknownNameError, "'x'.*encoder, quantizer", "tok", part="x", pretrained=False)


# --- overrides ---------------------------------------------------------------------------------------


def test_overrides_of_fresh_models(world: Any) -> None:
    model = create("tok", pretrained=False, quantizer={"name": "fsq", "levels": [2, 2, 2]}, encoder={"dim": 3}, steps=4)
    assert model.quantizer.levels == [2, 2, 2] and model.steps == 4 and model.encoder.config["dim"] == 3
    assert model.recipe["head"] == {"name": "acme:tokenizer", "scale": 1.0, "steps": 4}
    assert create("tok", pretrained=False, quantizer={"size": 8}).quantizer.codebook.shape == (8, 4)
    assert create("tok", pretrained=False, head={"steps": 5}).steps == 5


def test_harmless_overrides_of_loaded_models(tok: Path, speaker: Path) -> None:
    model = create("tok", steps=4, quantizer={"decay": 0.5})
    assert model.steps == 4 and model.quantizer.config["decay"] == 0.5
    assert torch.equal(model.gain, create("tok").gain)
    assert type(create("speaker", sampler="heun").sampler).__name__ == "Heun"
    assert create("speaker", tokenizer="tok").tokenizer.name == "tok"


def test_an_override_replaces_a_stored_key_of_the_other_name(
    tok: Path, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of the config and the caller still uses the old name."""
    classes = [world.module.VQ, world.module.Tokenizer]
    for cls, renamed in zip(classes, ({"forgetting": "decay"}, {"repeats": "steps"}), strict=True):
        monkeypatch.setattr(cls, "renamed", renamed, raising=False)
    with pytest.warns(FutureWarning):
        model = create("tok", repeats=4, quantizer={"forgetting": 0.5})
    assert model.steps == 4 and model.quantizer.config["decay"] == 0.5
    config = json.loads((tok / "config.json").read_text())
    config["recipe"]["quantizer"]["forgetting"] = config["recipe"]["quantizer"].pop("decay")
    config["recipe"]["head"]["repeats"] = config["recipe"]["head"].pop("steps")
    (tok / "config.json").write_text(json.dumps(config))
    with pytest.warns(FutureWarning):
        model = create("tok", steps=4, quantizer={"decay": 0.5})
    assert model.steps == 4 and model.quantizer.config["decay"] == 0.5
    assert "repeats" not in model.recipe["head"] and "forgetting" not in model.recipe["quantizer"]
    with pytest.warns(FutureWarning), pytest.raises(errors.ConfigError, match=r"repeats.*steps"):
        create("tok", repeats=4, steps=4)


def test_overrides_that_change_tensors(
    tok: Path, speaker: Path, world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.publish("tok2", TOKENIZER, tmp_path / "tok2")
    (tok / "model.safetensors").write_bytes(b"never opened")
    monkeypatch.setattr("mmzoo.hub.tensor_file.open_tensors", None)
    refuse(errors.OverrideError, r"quantizer\.codebook.*\[16, 4\].*\[8, 4\].*\b1\b", "tok", quantizer={"size": 8})
    refuse(errors.OverrideError, r"\[16, 4\]", "tok", quantizer={"name": "fsq", "levels": [2] * 4})
    refuse(errors.OverrideError, "tokenizer", "speaker", tokenizer="tok2")
    refuse(errors.UnknownKeyError, "quantiser.*'quantizer'", "tok", quantiser="fsq")
    refuse(errors.UnknownKeyError, "step .*'steps'", "tok", step=3)
    refuse(errors.UnknownKeyError, r"quantizer\.sise.*'size'", "tok", quantizer={"sise": 3})
    refuse(errors.ConfigTypeError, "steps.*'acme:tokenizer'.*int.*'3'", "tok", steps="3")
    refuse(errors.ConfigTypeError, "quantizer.*\\b3\\b", "tok", quantizer=3)
    refuse(errors.ConfigError, r"quantizer\.levels", "tok", quantizer="fsq")
    refuse(errors.UnknownNameError, "'vqq'.*'vq'", "tok", quantizer="vqq")


def test_one_override_of_a_loaded_model_costs_two_plans_and_two_builds_for_comparison(
    speaker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = {"plans": 0, "compared": 0}

    def counting(name: str, what: Any) -> Any:
        def call(*arguments: Any, **details: Any) -> Any:
            counted[name] += 1
            return what(*arguments, **details)

        return call

    monkeypatch.setattr(checking, "_plan", counting("plans", checking._plan))
    monkeypatch.setattr(checking, "construct", counting("compared", checking.construct))
    create("tok")
    assert counted == {"plans": 1, "compared": 0}
    create("tok", steps=4)
    assert counted == {"plans": 1 + 2, "compared": 2}
    counted.update(plans=0, compared=0)
    create("speaker", sampler="heun")
    assert counted == {"plans": 2 + 1, "compared": 2 * 2}  # the tokenizer: one plan, and part of both builds


# --- ports -------------------------------------------------------------------------------------------


def test_ports_that_do_not_fit(world: Any) -> None:
    error = refuse(errors.PortError, "width", "tok", pretrained=False, encoder={"dim": 6})
    text = str(error)
    for piece in ("encoder.latents", "encoder 'encoder'", "quantizer.z", "quantizer 'vq'", "width=6", "width=4"):
        assert piece in text
    assert text.endswith("set quantizer.dim to 6 or set encoder.dim to 4.")
    error = refuse(
        errors.PortError,
        "quantizer 'vq'",
        "tok",
        pretrained=False,
        quantizer={"name": "fsq", "levels": [2]},
    )
    assert "set encoder.dim to 1" in str(error)


def test_ports_are_checked_before_anything_is_built(world: Any, tok: Path) -> None:
    class Exploding(world.module.Encoder):  # type: ignore[misc,name-defined]
        def __init__(self, *, dim: int = 6) -> None:
            raise AssertionError("built")

    class Listener(world.module.Speaker):  # type: ignore[misc,name-defined]
        @classmethod
        def ports(cls, config: Mapping[str, Any]) -> Ports:
            return Ports(inputs={"latents": Port(width=config["dim"])})

    class Loud(world.module.Tokenizer):  # type: ignore[misc,name-defined]
        @classmethod
        def ports(cls, config: Mapping[str, Any]) -> Ports:
            return Ports(outputs={"latents": Port(width=config["steps"])})

    world.add("encoder", "exploding", Exploding)
    world.add("head", "listener", Listener)
    world.add("head", "loud", Loud)
    refuse(errors.PortError, "width", "tok", pretrained=False, encoder="exploding")
    with pytest.raises(errors.ConfigError, match="AssertionError: built"):
        create("tok", pretrained=False, encoder={"name": "exploding", "dim": 4})
    world.model("loud", {**TOKENIZER, "head": "loud"})
    world.model(
        "listener", {"head": "listener", "tokenizer": {"model": "loud", "pretrained": False}, "sampler": "euler"}
    )
    error = refuse(errors.PortError, r"tokenizer\.latents.*'loud'.*width=8", "listener", pretrained=False)
    assert str(error).endswith("set head.dim to 8.")
    assert create("listener", pretrained=False, dim=8).tokenizer.steps == 8


# --- requests that cannot be met ---------------------------------------------------------------------


def test_no_weights(world: Any, tmp_path: Path) -> None:
    refuse(errors.NoWeightsError, "pretrained=False", "tok")
    refuse(errors.NoWeightsError, "tok", "tok", part="quantizer")
    refuse(errors.NoWeightsError, "quantizer/fsq", "quantizer/fsq", pretrained=True, levels=[2])
    refuse(errors.NoWeightsError, r"tokenizer=\{'pretrained': False\}", "speaker", pretrained=False)
    world.model("tok", TOKENIZER, weights=[Weights("v1")])
    refuse(errors.NoWeightsError, "pretrained=False", "tok")


@pytest.mark.parametrize(
    ("kind", "match", "name", "settings"),
    [
        (errors.UnknownNameError, "'tokk'.*'tok'", "tokk", {}),
        (errors.UnknownNameError, "'fsqq'.*'fsq'", "quantizer/fsqq", {}),
        (errors.UnknownNameError, "'quantizer'", "quantiser/fsq", {}),
        (errors.UnknownNameError, "encoder, quantizer, fusion, backbone, sampler", "head/tokenizer", {}),
        (errors.UnknownNameError, "torch.nn:Linear", "torch.nn:Linear.x.y", {}),
        (errors.UnknownNameError, r"a\\nb", "a\nb", {}),
        (errors.ConfigTypeError, "import path.*never", "quantizer/torch.nn.Linear", {}),
        (errors.UnknownKeyError, "'levels'", "quantizer/fsq", {"level": [2]}),
        (errors.ConfigTypeError, "quantizer.levels", "quantizer/fsq", {"levels": 3}),
        (errors.ConfigError, "ValueError: levels", "quantizer/fsq", {"levels": [1]}),
        (errors.UsageError, "name", "", {}),
        (errors.UsageError, "name", 3, {}),
        (errors.UsageError, "pretrained", "tok", {"pretrained": "v1"}),
        (errors.ConfigError, "'nowhere'", "tok", {"device": "nowhere"}),
        (errors.ConfigError, "'meta'", "tok", {"device": "meta"}),
        (errors.UsageError, "dtype", "tok", {"dtype": "int8"}),
        (errors.UsageError, "dtype", "tok", {"dtype": torch.int64}),
        (errors.UsageError, "'main'", "tok", {"revision": "main"}),
        (errors.UsageError, "revision|Hub", "local-dir:x", {"revision": "main"}),
        (errors.UsageError, "not/there", "local-dir:not/there", {}),
        (errors.UsageError, "local-dir:", "local-dir:", {}),
        (errors.UsageError, "bundled:", "bundled:tok", {}),
        (errors.UsageError, "hf-hub:../x", "hf-hub:../x", {}),
        (errors.UsageError, "revision", "hf-hub:a/b@x", {"revision": "y"}),
        (errors.UsageError, "../x", "hf-hub:a/b@../x", {}),
        (errors.UsageError, "part", "quantizer/vq", {"part": "x"}),
        (errors.UsageError, "allow_licenses", "tok", {"allow_licenses": [3]}),
    ],
)
def test_requests_that_make_no_sense(world: Any, kind: Any, match: str, name: Any, settings: dict[str, Any]) -> None:
    refuse(kind, match, name, **settings)


def test_licences(world: Any, tmp_path: Path, tok: Path, speaker: Path) -> None:
    refuse(errors.WeightsError, "allow_licenses|licen[cs]e", "tok", allow_licenses={"mit"})
    (tok / "README.md").write_text("---\nlicense: MIT\n---\n# Tok\n")
    assert create("tok", allow_licenses={"mit"}).name == "tok"
    assert create("tok", allow_licenses="mit").name == "tok"
    refuse(
        errors.WeightsError,
        r"'MIT'.*apache-2\.0",
        "tok",
        allow_licenses=["Apache-2.0"],
    )
    (speaker / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    refuse(errors.WeightsError, "'tok'.*'MIT'", "speaker", allow_licenses=["apache-2.0"])
    assert create("speaker", allow_licenses=["apache-2.0", "mit"]).name == "speaker"
    world.publish("tok3", TOKENIZER, tmp_path / "tok3", license="gpl-3.0")
    refuse(errors.WeightsError, "'gpl-3.0'", "tok3", allow_licenses=["mit"])


def test_checksums(world: Any, tok: Path, speaker: Path, tmp_path: Path) -> None:
    assert create("speaker").recipe["tokenizer"]["sha256"] == sha256_of(tok / "model.safetensors")
    tensors = load_file(tok / "model.safetensors")
    save_file({**tensors, "gain": tensors["gain"] + 1}, tok / "model.safetensors")
    refuse(errors.ChecksumError, "sha256", "speaker")
    world.model("tok", TOKENIZER, weights=[Weights("v1", f"local-dir:{tok}", sha256="0" * 64)])
    refuse(errors.ChecksumError, "0000", "tok")


def test_broken_files_beside_the_weights(tok: Path) -> None:
    (tok / "words.json").unlink()
    refuse(errors.WeightsError, re.escape(str(tok)), "tok")


def test_pickles_are_refused(tok: Path) -> None:
    (tok / "model.safetensors").rename(tok / "pytorch_model.bin")
    refuse(errors.WeightsError, "pytorch_model.bin.*pickle", "tok")
    (tok / "pytorch_model.bin").unlink()
    refuse(errors.WeightsError, "model.safetensors", "tok")


# --- config.json -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "match", "changes"),
    [
        (
            errors.UnknownKeyError,
            "quantizer.siez.*'size'",
            {"quantizer": {"name": "vq", "siez": 3}},
        ),
        (errors.UnknownKeyError, "quantiser.*'quantizer'", {"quantiser": "vq"}),
        (errors.ConfigTypeError, "quantizer.*'os.system'.*import path", {"quantizer": "os.system"}),
        (errors.ConfigTypeError, "head.*import path", {"head": "os.path:join"}),
        (errors.ConfigTypeError, "quantizer.*7", {"quantizer": {"name": 7}}),
        (errors.ConfigError, "quantizer.*name", {"quantizer": {"size": 3}}),
        (errors.ConfigError, "quantizer.*model", {"quantizer": {"model": "tok"}}),
        (errors.UnknownNameError, "'gone'", {"quantizer": "gone"}),
        (errors.UnknownNameError, "'encoder'", {"quantizer": "encoder"}),
        (errors.ConfigTypeError, "quantizer", {"quantizer": [1]}),
        (
            errors.ConfigTypeError,
            "quantizer.size.*'vq'.*int",
            {"quantizer": {"name": "vq", "size": 1.5}},
        ),
        (errors.PortError, "width", {"encoder": {"name": "encoder", "dim": 9}}),
    ],
)
def test_mistakes_in_the_recipe_name_the_file(tok: Path, kind: Any, match: str, changes: dict[str, Any]) -> None:
    rewrite(tok, **changes)
    error = refuse(kind, match, "tok")
    assert str(error).startswith(f"{tok / 'config.json'}: ")


@pytest.mark.parametrize(
    ("kind", "match", "entry"),
    [
        (errors.UnknownKeyError, "tokenizer.sha .*'sha256'", {"model": "tok", "sha": "x"}),
        (errors.ConfigTypeError, "tokenizer.sha256.*64", {"model": "tok", "sha256": "x"}),
        (errors.ConfigTypeError, "tokenizer.frozen.*true", {"model": "tok", "frozen": False}),
        (errors.ConfigTypeError, "tokenizer.pretrained", {"model": "tok", "pretrained": 1}),
        (errors.ConfigTypeError, "tokenizer.model", {"sha256": "0" * 64}),
        (errors.ConfigTypeError, "tokenizer", 3),
        (errors.UnknownNameError, "'os'", {"model": "os.system"}),
    ],
)
def test_mistakes_in_a_model_slot(speaker: Path, kind: Any, match: str, entry: Any) -> None:
    rewrite(speaker, tokenizer=entry)
    refuse(kind, match, "speaker")


def test_a_model_that_contains_itself(world: Any, speaker: Path) -> None:
    rewrite(speaker, tokenizer={"model": "speaker", "sha256": "0" * 64})
    refuse(errors.ConfigError, "itself", "speaker")


def test_a_downloaded_config_names_no_local_folder(
    world: Any, tok: Path, speaker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rewrite(speaker, tokenizer={"model": f"local-dir:{tok}"})
    assert create("speaker").tokenizer.name == "tok"
    monkeypatch.setattr("mmzoo.hub.huggingface.download", lambda repo, revision, what: speaker)
    refuse(errors.UsageError, "local-dir:", f"hf-hub:a/b@{'a' * 40}")


def test_missing_slots(tok: Path) -> None:
    config = json.loads((tok / "config.json").read_text())
    for key, word in [("quantizer", "quantizer.*'acme:tokenizer'"), ("head", "head")]:
        recipe = {name: entry for name, entry in config["recipe"].items() if name != key}
        (tok / "config.json").write_text(json.dumps({**config, "recipe": recipe}))
        refuse(errors.ConfigError, word, "tok")


def test_bundled_models(world: Any, tok: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mmzoo

    world.model("tok", TOKENIZER, weights=[Weights("v1")])
    for place in ("mmzoo/model_cards/tok", "model_cards/tok"):
        site = tmp_path / place.partition("/")[0]
        (site / "mmzoo").mkdir(parents=True)
        monkeypatch.setattr(mmzoo, "__file__", str(tmp_path / "mmzoo" / "__init__.py"))
        shutil.copytree(tok, tmp_path / place)
        if place.startswith("model_cards"):
            refuse(errors.NoWeightsError, "tok", "tok")  # a stranger's folder in site-packages
            (tmp_path / "pyproject.toml").touch()
        assert create("tok").folder == tmp_path / place
        shutil.rmtree(tmp_path / place)


class Either(TaskHead):
    """A head with two slots that may be left out."""

    slots: ClassVar = {
        "encoder": Slot("encoder", optional=True),
        "tokenizer": Slot("head", model=True, optional=True),
        "quantizer": Slot("quantizer"),
    }
    links = (Link("encoder.latents", "quantizer.z"),)

    def __init__(self) -> None:
        super().__init__()

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        raise AssertionError


def test_a_slot_that_may_be_left_out(world: Any, tmp_path: Path) -> None:
    world.add("head", "either", Either)
    world.model("half", {"head": "either", "quantizer": "vq"})
    half = create("half", pretrained=False)
    assert half.encoder is None and half.tokenizer is None and set(half.recipe) == {"head", "quantizer"}
    world.publish("half", {"head": "either", "quantizer": "vq"}, tmp_path / "half")
    assert create("half").encoder is None
    whole = create("half", pretrained=False, encoder="encoder")
    assert whole.encoder is not None and "encoder" in whole.recipe
    world.model("full", {"head": "either", "encoder": "encoder", "quantizer": "vq"})
    assert create("full", pretrained=False, encoder=None).encoder is None
    refuse(errors.ConfigTypeError, "quantizer", "full", pretrained=False, quantizer=None)
    world.publish("full", {"head": "either", "encoder": "encoder", "quantizer": "vq"}, tmp_path / "full")
    refuse(errors.OverrideError, "pretrained=False", "full", encoder=None)
    refuse(errors.OverrideError, "tokenizer", "full", tokenizer={"model": "tok", "pretrained": False})
    refuse(errors.PortError, "encoder.latents", "half", pretrained=False, encoder={"name": "encoder", "dim": 7})
