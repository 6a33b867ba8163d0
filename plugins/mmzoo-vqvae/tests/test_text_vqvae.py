"""The text VQ-VAE: lengths, batches, any script, training."""

import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from mmzoo_vqvae.text_autoencoder import TextAutoencoder, to_bytes, to_text
from mmzoo_vqvae.text_tokenizer import Texts, TextVQVAE
from mmzoo_vqvae.vector import VectorQuantizer

from mmzoo.errors import ConfigTypeError, DataError, InputError


def small_model(stride=2):
    torch.manual_seed(0)
    model = TextVQVAE(dim=8, crop=12)
    model.encoder = TextAutoencoder(dim=8, stride=stride, width=32, depth=1)
    model.quantizer = VectorQuantizer(dim=8, codebook_size=32, groups=4)
    return model.eval()


@given(st.text(min_size=1).filter(lambda text: "\0" not in text))
def test_bytes_go_round(text):
    if text.encode(errors="replace").decode() == text:
        assert to_text(to_bytes([text])[0]) == text


@settings(deadline=None, max_examples=20)
@given(st.text(min_size=1, max_size=30).filter(lambda t: "\0" not in t and t.encode(errors="replace").decode() == t))
def test_codes_are_as_many_as_the_text_needs(text):
    model = small_model(3)
    codes = model.tokenize(text)
    assert codes.shape == (1, -(-len(text.encode()) // 3), 4)
    assert isinstance(model(text), str)


def test_a_batch_has_the_codes_of_its_items():
    model = small_model()
    texts = ["one", "a longer text", "é"]
    batch = model.tokenize(texts)
    for row, text in zip(batch, texts, strict=True):
        alone = model.tokenize(text)[0]
        assert torch.equal(row[: len(alone)], alone)
        assert (row[len(alone) :] == -1).all()


@pytest.mark.parametrize("text", ["", [], [""], "a\0b", "x" * 20_001, "é" * 10_001, "a\ud800", "\udcff", [3]])
def test_what_cannot_be_tokenized(text):
    with pytest.raises(InputError):
        small_model().tokenize(text)


def test_other_errors():
    model = small_model()
    with pytest.raises(InputError, match=r"\[1, N, Q\]"):
        model.reconstruct(torch.zeros(2, 3, 4, dtype=torch.int64))
    with pytest.raises(ConfigTypeError, match="stride"):
        TextAutoencoder(dim=8, stride=0)
    for empty in ([], ["", None, "\0"]):
        with pytest.raises(DataError):
            Texts(empty, 8)


def test_empty_texts_are_left_out_with_a_warning(caplog):
    assert Texts(["one", "", None, "three"], 4).lengths == [3, 4] and "2 of 4" in caplog.text


def test_training_makes_copies_right(tmp_path):
    model = small_model().train()
    texts = ["the cat sat", "on a mat", "and a dog", "ran to it"]
    examples = model.examples(Dataset.from_dict({"text": texts}), tmp_path)
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    for _ in range(250):
        batch = examples.collate([examples.example(i % 4, generator) for i in range(32)])
        losses = model.training_step(batch, generator)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters() if p.requires_grad)
    model.eval()
    assert sum(model(text) == text for text in texts) >= 3
    model.finish(examples)
    assert (model.latent_spread > 1e-3).all()
