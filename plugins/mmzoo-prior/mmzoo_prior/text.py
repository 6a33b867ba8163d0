"""The prior over codes of text: writes sentences, and continues prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mmzoo.data import as_batch, as_text
from mmzoo.errors import InputError
from mmzoo.interfaces import Condition, Count, Examples, Fraction, Size, Weight
from mmzoo_prior.examples import Coded, row_codes
from mmzoo_prior.grouped import ABSENT
from mmzoo_prior.prior import CodePrior

if TYPE_CHECKING:
    from datasets import Dataset


class TextPrior(CodePrior):
    """Writes texts like those it was trained on, code by code, and decides where they end.

    Args:
        width: See `CodePrior`.
        longest: Most latents of a text, in training and sampling.
        delay: See `CodePrior`.
        num_steps: See `CodePrior`.
        temperature: See `CodePrior`.
    """

    modality, ends, generates = "text", True, str
    columns = ("text",)
    codes_replace = ("text",)
    batch_keys: ClassVar[tuple[str, ...]] = ("codes",)

    def __init__(
        self, *, width: Size, longest: Size = 64, delay: Count = 1, num_steps: Size = 16, temperature: Weight = 1.0
    ) -> None:
        super().__init__(width=width, delay=delay, num_steps=num_steps, temperature=temperature)
        self.most = longest

    @property
    def longest(self) -> int:
        """Most positions of an item."""
        return self.most

    def condition(self, batch: Mapping[str, Tensor]) -> Condition:
        """Nothing."""
        return Condition()

    # --- use ---------------------------------------------------------------------------------------------

    @torch.no_grad()
    def generate(
        self,
        prompts: Sequence[Any],
        *,
        steps: int | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = 0,
    ) -> list[str]:
        """Continue each prompt; "" is a new text. Prompt i uses seed + i, whatever the rest of the batch is.

        A prompt is continued from its longest beginning that its codes give back exactly.

        Args:
            prompts: Beginnings of texts, or dataset rows with one.
            steps: Steps of a masked transformer; None for the model's default.
            temperature: Divides the logits; 0 takes the most probable code; None for the model's default.
            top_k: Number of most probable codes to draw from; None for all.
            top_p: Draw from the most probable codes that together have at least this probability; None for all.
            seed: Seed of the first text.

        Raises:
            InputError: A prompt is too long, or an argument is out of range.
        """
        texts = ["" if text == "" else as_text(text, "A prompt") for text in as_batch(prompts) or []]
        if not texts:
            raise InputError('generate takes a non-empty list of prompts, each a string; "" is a new text.')
        given = [self._given(text) for text in texts]
        if (longest := max(map(len, given))) >= self.longest:
            raise InputError(
                f"A prompt takes {longest} latents, and {self.name or 'this model'} writes texts of at most"
                f" {self.longest}; shorten it."
            )
        codes, _ = self._sampled(
            Condition(),
            None,
            len(texts),
            length=self.longest,
            seed=seed,
            given=pad_sequence(given, batch_first=True, padding_value=ABSENT),
            steps=steps,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
        )
        return [str(self.tokenizer.reconstruct(one.unsqueeze(0))) for one in codes]

    def generate_item(
        self,
        *,
        text: str = "",
        steps: Size | None = None,
        temperature: Weight | None = None,
        top_k: Size | None = None,
        top_p: Fraction | None = None,
        seed: int | None = 0,
    ) -> str:
        """Continue one prompt, or write a new text; see `generate`."""
        return self.generate([text], steps=steps, temperature=temperature, top_k=top_k, top_p=top_p, seed=seed)[0]

    def _given(self, prompt: str) -> Tensor:
        """The codes `[n, Q]` of the longest beginning of a prompt that they give back."""
        books = len(self.tokenizer.codebook_sizes)
        if not prompt:
            return torch.empty(0, books, dtype=torch.int64, device=self.device)
        codes = self.tokenizer.tokenize(prompt)
        for count in range(codes.shape[1], 0, -1):
            if prompt.startswith(self.tokenizer.reconstruct(codes[:, :count])):
                return codes[0, :count]
        return codes[0, :0]

    # --- training ----------------------------------------------------------------------------------------

    def examples(self, rows: Dataset, cache: Path) -> Examples:
        """The codes of the texts."""
        return Coded(row_codes(rows, cache, self.tokenizer), {}, self.longest)
