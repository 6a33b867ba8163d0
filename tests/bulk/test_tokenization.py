"""`mmzoo tokenize`: codes of all bundled tokenizers, and trainings that read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from models import MODELS, TOKENIZERS, own_data

import mmzoo
from mmzoo.bulk.tokenization import tokenize_all
from mmzoo.cli.main import main
from mmzoo.data import decode_audio, decode_image, encode_image, fit_image, guess, load_dataset_component
from mmzoo.data.jobs import Outcome
from mmzoo.errors import ConfigError, DataError, InputError

OF = {MODELS[name].modality: name for name in TOKENIZERS}
KEEP = {"image": ["image"], "speech": ["audio"], "text": []}


def rows_in(folder: Path, split: str = "train") -> Any:
    found = guess(folder)
    assert found.name == "tokens"
    return load_dataset_component(found.name, **found.config)[split]


def test_there_are_tokenizers_of_every_modality() -> None:
    assert set(OF) == set(KEEP)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("name", TOKENIZERS)
def test_codes_are_those_of_the_model(name: str, batch: int, tmp_path: Path) -> None:
    modality, out = MODELS[name].modality, tmp_path / "codes"
    data = str(own_data(modality, tmp_path / "data"))
    settings = {"overrides": ["data.config.validation=0.0"], "keep": KEEP[modality], "shard_rows": 2}
    assert tokenize_all(name, data, out, batch=batch, **settings) == Outcome(3)
    model, rows = mmzoo.create(name), rows_in(out)
    assert len(rows) == 3 and set(rows["tokenizer"]) == {model.fingerprint()} and "error" not in rows.column_names
    for row in rows:
        raw = {"image": decode_image, "speech": lambda cell: decode_audio(cell, model.sample_rate), "text": str}
        item = raw[modality](row["audio" if modality == "speech" else modality])
        expected = model.tokenize(item)[0]
        codes = torch.tensor(row["codes"])
        assert codes.shape == expected.shape
        assert torch.equal(codes, expected) if batch == 1 else (codes == expected).float().mean() > 0.98
        if modality == "image":
            assert row["grid"] == [-(-side // model.patch) for side in item.pixels.shape[:2]]
            copy = model.reconstruct(codes[None], grid=tuple(row["grid"]))
            assert copy.pixels.shape[0] >= item.pixels.shape[0]
    about = json.loads((out / "manifest.json").read_text())
    assert about["model"] == {"name": name, "fingerprint": model.fingerprint()}
    assert (
        about["tokenizer"]["codebook_sizes"] == list(model.codebook_sizes) and about["tokenizer"]["rate"] == model.rate
    )


def test_a_folder_holds_codes_of_one_model_with_one_set_of_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = str(own_data("text", tmp_path / "data")), str(tmp_path / "codes")
    command = ["tokenize", OF["text"], "--data", data, "--output", out]
    assert main(command) == 0 and "3 of 3 rows" in capsys.readouterr().out
    for change, told in (
        (["--batch", "2"], "options.batch"),
        (["data.limit=1"], "data.limit"),
        (["data.config.validation=0.5"], "data.config.validation"),
        (["--split", "train"], "data.rows.validation"),
    ):
        assert main([*command, *change]) == 2
        assert told in capsys.readouterr().err
    assert main(command) == 0
    Path(data).write_text("Other texts.\nOf the same\nnumber.\n")
    assert main(command) == 2 and "data.rows" in capsys.readouterr().err


def test_rows_that_cannot_be_encoded_are_kept_with_their_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    lines = [{"text": "good", "id": "a"}, {"text": "x" * 30_000, "id": "b"}, {"text": "also good", "id": "c"}]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    out = tmp_path / "codes"
    command = ["tokenize", OF["text"], "--data", str(tmp_path / "t.jsonl"), "--output", str(out), "--batch", "2"]
    assert main([*command, "data.config.validation=0.0"]) == 1
    told = capsys.readouterr()
    assert "2 of 3 rows" in told.out and "row b: " in told.err
    assert rows_in(out)["id"] == ["a", "c"]
    assert "1 of 3" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        (("phonemizer-en", "data/texts.txt"), InputError, "not a tokenizer"),
        ((OF["text"], "nowhere"), DataError, "nowhere"),
        ((OF["text"], "data/texts.txt", "name=x"), InputError, "data."),
        ((OF["text"], "data/texts.txt", "data.config.colums=1"), ConfigError, "columns"),
        ((OF["text"], "data/texts.txt", "data.limt=1"), ConfigError, "limit"),
        ((OF["speech"], "data/texts.txt"), DataError, "column audio"),
    ],
)
def test_wrong_data_are_refused(
    arguments: tuple[str, ...], error: type[Exception], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own_data("text", tmp_path / "data")
    name, data, *overrides = arguments
    with pytest.raises(error, match=told):
        tokenize_all(name, data, tmp_path / "out", overrides=overrides)
    assert not (tmp_path / "out").exists()


def test_an_unfinished_folder_says_how_to_finish_it(tmp_path: Path) -> None:
    data, out = own_data("text", tmp_path / "data"), tmp_path / "codes"
    tokenize_all(OF["text"], str(data), out, shard_rows=1, command="mmzoo tokenize again")
    next(out.glob("train*.parquet")).unlink()
    with pytest.raises(DataError, match=r"1 of the 3 shards.*mmzoo tokenize again"):
        load_dataset_component("tokens", path=str(out))
    with pytest.raises(DataError, match="no codes"):
        load_dataset_component("tokens", path=str(data.parent))


# --- trainings that read codes -------------------------------------------------------------------------


def with_codes(rows: Any, tokenizer: Any, raw: str, keep_raw: bool) -> Any:
    """The rows as `mmzoo tokenize` writes them."""
    from datasets import Dataset

    from mmzoo.bulk.tokenization import _Encoder
    from mmzoo.data.jobs import Outcome as Done

    encoder = _Encoder(tokenizer, raw, [raw] if keep_raw else [], 1)
    made, outcome = encoder.rows(rows, lambda count: None)
    assert outcome == Done(len(rows))
    return Dataset.from_list(made, features=encoder.features(rows))


def heads_that_read_codes() -> list[str]:
    """First-party heads with a tokenizer of their own, apart from those whose codes are of changed data."""
    from mmzoo.interfaces import Tokenizer
    from mmzoo.registry import catalog, load_target

    found = []
    for spec in catalog().components("head"):
        slots = getattr(load_target(spec), "slots", {}) if spec.plugin.startswith("mmzoo-") else {}
        if any(slot.contract is Tokenizer for slot in slots.values()):
            found.append(spec.name)
    return sorted({*found} - {"speech-enhancement"})


@pytest.mark.parametrize("name", heads_that_read_codes())
def test_batches_from_stored_codes_equal_those_from_data(name: str, tmp_path: Path) -> None:
    from mmzoo.registry import catalog
    from mmzoo.testing.heads import HeadTrial

    config = {"rows": True, **catalog().component("head", name).trials[0]}
    slots, rows = config.pop("slots"), config.pop("rows")
    trial = HeadTrial("head", name, config, slots=slots, rows=rows)
    head, rows = trial.fresh(), trial.rows
    raw = {"speech": "audio"}.get(head.tokenizer.modality, head.tokenizer.modality)
    side = getattr(head, "side", None)
    if side is not None:  # codes are those of pictures at the size of training
        fitted = [encode_image(fit_image(decode_image(cell), (side, side))) for cell in rows["image"]]
        rows = rows.map(lambda row, index: {"image": {"bytes": fitted[index], "path": None}}, with_indices=True)
    stored = with_codes(rows, head.tokenizer, raw, keep_raw=raw not in getattr(head, "codes_replace", ()))
    batches = []
    for index, some in enumerate((rows, stored)):
        examples, generator = head.examples(some, tmp_path / str(index)), torch.Generator()
        batches.append(examples.collate([examples.example(i, generator) for i in range(len(some))]))
    assert batches[0].keys() == batches[1].keys()
    assert all(torch.equal(batches[0][key], batches[1][key]) for key in batches[0])
    with torch.no_grad():
        next(iter(head.tokenizer.parameters())).add_(1)
    with pytest.raises(DataError, match="another tokenizer"):
        head.examples(stored, tmp_path / "other")


@pytest.mark.slow
def test_a_training_reads_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same losses from codes as from pictures, whose codes are then made when training starts."""
    monkeypatch.chdir(tmp_path)
    data = own_data("image", tmp_path / "data")
    for index, word in enumerate(("one", "two", "three")):
        (data / f"{index}.txt").write_text(word)
    name = "vqvae-dit-digits"
    settings = ["data.config.size=64", "data.config.validation=0.0"]
    assert main(["tokenize", OF["image"], "--data", str(data), "--output", "codes", "--keep", "image", *settings]) == 0
    small = ["steps=4", "batch_size=2", "log_every=1", "precision=fp32", "seed=3"]
    logs = []
    for run, source in (("a", ["--data", str(data), *settings]), ("b", ["--data", "codes"])):
        assert main(["train", "--from", name, *source, *small, "--out", run]) == 0
        lines = [json.loads(line) for line in (tmp_path / run / "metrics.jsonl").open()]
        logs.append([line["loss"] for line in lines if line["kind"] == "train"])
    assert logs[0] == logs[1] and len(logs[0]) == 4
