"""The text tokenizer of patches: cutting, exactness, training."""

from __future__ import annotations

import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from mmzoo_vqvae.patch_autoencoder import PatchAutoencoder
from mmzoo_vqvae.text_patches import Patches, cut, laid_out, pieces, vocabulary
from mmzoo_vqvae.text_tokenizer import TextVQVAE
from mmzoo_vqvae.vector import VectorQuantizer

from mmzoo.errors import DataError, InputError

WORDS = b"the cat sat on a mat"


def small_model(stride=4):
    torch.manual_seed(0)
    model = TextVQVAE(dim=8, crop=10 * stride)
    model.encoder = PatchAutoencoder(dim=8, stride=stride, width=48, depth=1)
    model.quantizer = VectorQuantizer(dim=8, codebook_size=32, groups=2)
    return model.eval()


@pytest.mark.parametrize(
    ("fit", "patches"),
    [
        ([], [bytes([byte]) for byte in WORDS]),
        ([b"the", b" cat", b" sat", b" on", b" a", b" mat"], [b"the", b" cat", b" sat", b" on", b" a", b" mat"]),
        ([b"the c", b"at s", b"at on", b" a", b" mat"], [b"the c", b"at s", b"at on", b" a", b" mat"]),
        ([b"the cat sat", b" on a mat"], [b"the cat sat", b" on a mat"]),
    ],
)
def test_the_fewest_patches_that_fit(fit, patches):
    assert cut(WORDS, dict.fromkeys([*fit, *(bytes([byte]) for byte in WORDS)]), 12) == patches


def test_between_two_cuts_of_equal_length_the_one_between_words_is_taken():
    both = dict.fromkeys([b"the c", b"at sat", b"the", b" cat sat"])
    assert cut(b"the cat sat", both, 8) == [b"the", b" cat sat"]


@settings(deadline=None, max_examples=30)
@given(st.binary(min_size=1, max_size=20).filter(lambda text: b"\0" not in text), st.integers(1, 6))
def test_cutting_loses_nothing(text, longest):
    assert b"".join(cut(text, set(pieces(text, longest)[::2]), longest)) == text
    patches = cut(text, {*vocabulary([text], 4, longest), *(bytes([byte]) for byte in text)}, longest)
    assert b"".join(patches) == text and max(map(len, patches)) <= longest
    rows = laid_out(patches, longest)
    assert bytes(rows[rows != 0].tolist()) == text and len(rows) % longest == 0


@pytest.mark.parametrize("text", ["a", "the cat sat", "é日🦊"])
def test_codes_of_an_untrained_model(text):
    model = small_model()
    codes = model.tokenize(text)
    assert codes.shape[0] == 1 and codes.shape[2] == 2 and -(-len(text.encode()) // 4) <= codes.shape[1]
    assert isinstance(model.reconstruct(codes), str)
    batch = model.tokenize([text, "cat"])
    assert torch.equal(batch[0, : codes.shape[1]], codes[0]) and (batch[0, codes.shape[1] :] == -1).all()


def test_errors():
    with pytest.raises(InputError):
        small_model().tokenize("a\0b")
    with pytest.raises(DataError):
        Patches(["", None, "\0"], 4, 4, 100)


def test_the_vocabulary_is_what_cuts_the_texts_into_few_parts():
    texts = [
        f"{who} {verb} the {what}".encode()
        for who in ("cats", "dogs")
        for verb in ("saw", "bit")
        for what in ("fox", "hen")
    ]
    assert set(vocabulary(texts, 6, 8)) == {
        b"cats saw",
        b"cats bit",
        b"dogs saw",
        b"dogs bit",
        b" the fox",
        b" the hen",
    }
    assert set(vocabulary(texts, 7, 4)) >= {b"cats", b"dogs", b" the", b" fox"}
    assert vocabulary(texts, 6, 8) == vocabulary(texts[::-1], 6, 8) and vocabulary([b"a"], 6, 8) == []


def test_training_makes_texts_exact_with_few_codes(tmp_path):
    model = small_model().train()
    texts = ["the cat sat", "on a mat", "and a dog", "ran to it"]
    examples = model.examples(Dataset.from_dict({"text": texts}), tmp_path)
    assert isinstance(examples, Patches)
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    for _ in range(250):
        batch = examples.collate([examples.example(i % 4, generator) for i in range(32)])
        losses = model.training_step(batch, generator)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
    model.eval()
    codes = [model.tokenize(text) for text in texts]
    assert sum(model.reconstruct(one) == text for one, text in zip(codes, texts, strict=True)) >= 3
    assert sum(one.shape[1] for one in codes) <= 2 * sum(-(-len(text) // 4) for text in texts)
    model.finish(examples)
    assert (model.latent_spread > 1e-3).all()


@pytest.mark.parametrize("count", [1, 2, 3, 16])
def test_every_example_begins_with_a_patch_of_a_text(count):
    examples = Patches(["the cat sat on the mat"], count, 4, 8)
    fit = {bytes(patch) for patch in examples.texts[0]}
    for index in range(20):
        row = examples.example(0, torch.Generator().manual_seed(index))
        assert len(row) == 4 * count and bytes(row[:4].tolist()).rstrip(b"\0") in fit


def test_the_table_of_patches_follows_the_weights():
    model, other = small_model(), small_model()
    torch.nn.init.normal_(other.encoder.patch_out.weight, std=3.0)
    before = model._table()
    assert model._table() is before
    model.load_state_dict(other.state_dict())
    assert model._table().keys() == other._table().keys() != before.keys()
