"""The priors as models: prompts, errors, files, a training that learns."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from datasets import Dataset
from mmzoo_prior.image import ImagePrior
from mmzoo_prior.speech import SpeechPrior
from mmzoo_prior.text import TextPrior
from mmzoo_prior.transformer import CausalTransformer, MaskedTransformer

from mmzoo.data import encode_image
from mmzoo.errors import ConfigError, DataError, InputError
from mmzoo.interfaces import Audio, Image, Latents, Tokenizer
from mmzoo.testing.rows import sample_rows


class Toy(Tokenizer):
    """Texts of the letters a to h, pictures of gray patches of 8 pixels, or sounds of steps; two codes of 8 each."""

    codebook_sizes = (8, 8)
    dim = 2

    def __init__(self, modality: str) -> None:
        super().__init__()
        self.modality = modality  # type: ignore[misc]

    @property
    def patch(self) -> int | None:
        return 8 if self.modality == "image" else None

    @property
    def rate(self) -> float | None:
        return 10.0 if self.modality == "speech" else None

    @property
    def sample_rate(self) -> int | None:
        return 1000 if self.modality == "speech" else None

    def fingerprint(self) -> str:
        return "toy"

    def tokenize(self, given: Any) -> torch.Tensor:
        items = given if isinstance(given, list) else [given]
        if self.modality == "text":
            values = [[ord(letter) - ord("a") for letter in one] for one in items]
        elif self.modality == "image":
            values = [(one.pixels[::8, ::8, 0] // 32).flatten().tolist() for one in items]
        else:
            values = [[index % 8 for index in range(len(one.samples) // 100)] for one in items]
        codes = torch.tensor(values)
        return torch.stack((codes, 7 - codes), -1)

    def reconstruct(self, codes: Any) -> Any:
        if self.modality == "text":
            return "".join(chr(ord("a") + code) for code in codes[0, :, 0].tolist())
        return Audio(codes[0, :, 0].repeat_interleave(100).float() / 8, 1000)

    def embed_codes(self, codes: Any) -> torch.Tensor:
        return torch.as_tensor(codes).float()

    def decode_latents(self, latents: Latents) -> list[Image]:
        assert latents.grid is not None
        pixels = (latents.x[..., 0] * 32).to(torch.uint8).view(-1, *latents.grid)
        big = pixels.repeat_interleave(8, 1).repeat_interleave(8, 2)
        return [Image(one.unsqueeze(-1).expand(-1, -1, 3).numpy()) for one in big]

    def encode_latents(self, raw: Any, mask: Any = None) -> Latents:
        raise NotImplementedError

    def quantize_latents(self, latents: Latents) -> torch.Tensor:
        raise NotImplementedError


def filled(head: Any, backbone: Any = CausalTransformer, **config: Any) -> Any:
    torch.manual_seed(0)
    head.tokenizer = Toy(head.modality)
    head.backbone = backbone(width=32, depth=1, heads=2, in_channels=head.width, **config)
    head.connect()
    return head.eval()


def trained(head: Any, rows: Dataset, cache: Any, steps: int = 120) -> tuple[Any, float]:
    """The head after a short training, and the mean of its last losses."""
    examples, generator = head.examples(rows, cache), torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-2)
    head.train()
    totals = []
    for step in range(steps):
        batch = examples.collate([(step + i) % len(examples) for i in range(16)])
        losses = head.training_step(batch, generator)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        totals.append(float(losses.total.detach()))
    return head.eval(), sum(totals[-20:]) / 20


TEXTS = Dataset.from_dict({"text": ["abcdefgh", "bcdefgh", "cdefgh", "efgh"]})


@pytest.mark.parametrize(("backbone", "below"), [(CausalTransformer, 0.25), (MaskedTransformer, 0.7)])
def test_a_toy_is_learned(tmp_path, backbone, below):
    """The loss falls far below the entropy of uniform codes, and what is written in order is like what was read."""
    head, loss = trained(filled(TextPrior(width=16, longest=10), backbone), TEXTS, tmp_path)
    assert loss < below * math.log(8)
    written = head.generate([""] * 8, seed=3)
    assert head.generate([""] * 2, seed=4) == [written[1], written[2]]
    assert all(1 <= len(text) <= 10 for text in written)
    if backbone is CausalTransformer:
        assert sum(text in "abcdefgh" and text.endswith("h") for text in written) >= 6
        assert head("bcd", temperature=0) == "bcdefgh"
        bits, count = head.bits(head.tokenizer.tokenize("efgh"), head.condition({}))
        assert count == 2 * 4 + 1 and bits < 0.5 * 8 * math.log2(8)


@pytest.mark.parametrize("backbone", [CausalTransformer, MaskedTransformer])
def test_pictures_follow_their_class(tmp_path, backbone):
    pictures = [encode_image(Image(torch.full((16, 16, 3), value, dtype=torch.uint8))) for value in (32, 192)]
    rows = sample_rows(2, {"text": ["dark", "light"], "image": pictures})
    config = {"sequence_channels": {"words": 16}, "position": "rope-2d"}
    head = filled(ImagePrior(width=16, vocabulary=8, side=16), backbone, **config)
    head, _ = trained(head, rows, tmp_path, 60)
    dark, light = head.generate(["dark", "light"], seed=0)
    assert dark.pixels.shape == (16, 16, 3) and dark.pixels.max() == 32 and light.pixels.min() == 192
    wide = head.generate_item(text="light of nothing", size=(8, 20), temperature=0, seed=None)
    assert wide.pixels.shape == (8, 20, 3)
    assert "nothing" in wide.notes[0] and wide.notes[-1].startswith("seed ")
    assert head.files()["words.json"] and head.adapt(rows) == {}
    for wrong in (
        {"prompts": ["nothing"]},
        {"prompts": []},
        {"prompts": ["dark"], "steps": 3 if backbone is CausalTransformer else 0},
        {"prompts": ["dark"], "size": (0, 8)},
        {"prompts": ["dark"], "top_p": 2.0},
        {"prompts": ["dark"], "seed": -1},
    ):
        with pytest.raises(InputError):
            head.generate(**wrong)


def test_words_are_said_in_a_voice_and_end(tmp_path):
    rows = sample_rows(2, {"text": ["long", "short"], "speaker": ["ann", "bob"]})
    head = filled(
        SpeechPrior(width=16, vocabulary=8, most_voices=2, seconds=1.5),
        vector_channels={"voice": 16},
        sequence_channels={"words": 16},
    )
    head, _ = trained(head, rows, tmp_path, 60)
    long, short = head.generate(["long", "short"], voice=["ann", None], temperature=0)
    assert (long.duration, short.duration) == (1.2, 1.0)
    other = filled(
        SpeechPrior(width=16, vocabulary=8, most_voices=2),
        vector_channels={"voice": 16},
        sequence_channels={"words": 16},
    )
    for name, content in head.files().items():
        (tmp_path / name).write_bytes(content)
    other.load_files(tmp_path)
    assert other.files() == head.files() and other.voices == ("ann", "bob")
    with pytest.raises(InputError, match="eve"):
        head.generate(["long"], voice="eve")
    with pytest.raises(InputError, match="2 voices"):
        head.generate(["long"], voice=["ann", "bob"])
    more = sample_rows(3, {"speaker": ["ann", "bob", "eve"], "text": ["long", "short", "long"]})
    assert head.adapt(more) == {"most_voices": 3}
    with pytest.raises(DataError, match="voices"):
        head.examples(more, tmp_path)


def test_what_does_not_fit(tmp_path):
    head = TextPrior(width=16, longest=3)
    with pytest.raises(ConfigError, match="tokenizer"):
        head.tokenizer = Toy("image")
        head.connect()
    head = filled(TextPrior(width=16, longest=3))
    with pytest.raises(DataError, match="longest"):
        head.examples(TEXTS, tmp_path)
    with pytest.raises(InputError, match="shorten"):
        head.generate(["abcd"])
    with pytest.raises(InputError):
        head.generate([])
