"""The prior over codes of speech: says words in a voice, and ends by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from mmzoo.data import as_batch, as_text
from mmzoo.errors import CorruptFileError, DataError, InputError
from mmzoo.interfaces import Audio, Condition, Count, Examples, Fraction, Link, Port, Ports, Positive, Size, Weight
from mmzoo.nn.rows import copy_leading_rows
from mmzoo_prior.examples import Coded, row_codes
from mmzoo_prior.prior import WordPrior

if TYPE_CHECKING:
    from datasets import Dataset

VOICES_FILE = "voices.json"
ANY = 0
"""The row of the voice that is not named."""


class SpeechPrior(WordPrior):
    """Says words in one of the voices it was trained on, code by code, and decides how long that takes.

    Args:
        width: See `CodePrior`.
        vocabulary: See `WordPrior`.
        most_voices: Maximum number of voices.
        seconds: Duration that no item exceeds, in training or sampling.
        drop: See `WordPrior`; the voice is dropped independently, with the same probability.
        guidance: See `WordPrior`.
        delay: See `CodePrior`.
        num_steps: See `CodePrior`.
        temperature: See `CodePrior`.
    """

    modality, ends, generates = "speech", True, Audio
    columns = ("audio", "text")
    codes_replace = ("audio",)
    batch_keys: ClassVar[tuple[str, ...]] = ("codes", "words", "voice")
    links: ClassVar[Sequence[Link]] = (*WordPrior.links, Link("head.voice", "backbone.voice"))

    def __init__(
        self,
        *,
        width: Size,
        vocabulary: Size = 64,
        most_voices: Size = 16,
        seconds: Positive = 2.0,
        drop: Fraction = 0.1,
        guidance: Weight = 1.5,
        delay: Count = 1,
        num_steps: Size = 16,
        temperature: Weight = 1.0,
    ) -> None:
        super().__init__(
            width=width,
            vocabulary=vocabulary,
            drop=drop,
            guidance=guidance,
            delay=delay,
            num_steps=num_steps,
            temperature=temperature,
        )
        self.most_voices, self.seconds = most_voices, seconds
        self.voices: tuple[str, ...] = ()
        """The names of the voices, in the order of their vectors."""
        self.voice_vectors = nn.Embedding(most_voices + 1, width)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Also the voice."""
        base = super().ports(config)
        return Ports(base.inputs, {**base.outputs, "voice": Port(width=config["width"])})

    @property
    def longest(self) -> int:
        """Most positions of an item."""
        return max(1, round(self.seconds * (self.tokenizer.rate or 1)))

    def condition(self, batch: Mapping[str, Tensor]) -> Condition:
        """The words `[B, M]` and the voice `[B]`."""
        return replace(super().condition(batch), vectors={"voice": self.voice_vectors(batch["voice"])})

    def dropped(self, batch: Mapping[str, Tensor], generator: torch.Generator) -> Mapping[str, Tensor]:
        """The batch without the words of some items and the voice of others."""
        batch = super().dropped(batch, generator)
        kept = torch.rand(len(batch["voice"]), generator=generator) >= self.drop
        return {**batch, "voice": batch["voice"] * kept.to(batch["voice"].device)}

    def golden_condition(self, generator: torch.Generator) -> Mapping[str, Tensor]:
        """Random words and the first voice."""
        return {**super().golden_condition(generator), "voice": torch.ones(1, dtype=torch.int64)}

    # --- use ---------------------------------------------------------------------------------------------

    @torch.no_grad()
    def generate(
        self,
        prompts: Sequence[Any],
        *,
        voice: str | Sequence[str | None] | None = None,
        steps: int | None = None,
        guidance: float | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = 0,
    ) -> list[Audio]:
        """Say each prompt. Prompt i uses seed + i, so it does not depend on the rest of the batch.

        Args:
            prompts: Words that the model knows, or dataset rows with such a text.
            voice: One of `voices`, or one for each prompt; None for any.
            steps: Steps of a masked transformer; None for the model's default.
            guidance: Scale of classifier-free guidance, 1 for none; None for the model's default.
            temperature: Divides the logits; 0 takes the most probable code; None for the model's default.
            top_k: Number of most probable codes to draw from; None for all.
            top_p: Draw from the most probable codes that together have at least this probability; None for all.
            seed: Seed of the first sound; None draws one, and the notes of each sound report its own.

        Raises:
            InputError: A prompt has no known word, a voice is unknown, or an argument is out of range.
        """
        texts = [as_text(text, "A prompt") for text in as_batch(prompts) or []]
        ids = self.word_ids(texts)
        chosen = [voice] * len(ids) if voice is None or isinstance(voice, str) else list(voice)
        if len(chosen) != len(ids):
            raise InputError(f"{len(ids)} prompts got {len(chosen)} voices; give one, or one for each prompt.")
        spoken = torch.tensor([self._voice(one) for one in chosen], device=self.device)
        codes, notes = self._sampled(
            self.condition({"words": ids, "voice": spoken}),
            self.condition({"words": torch.zeros_like(ids), "voice": torch.full_like(spoken, ANY)}),
            len(ids),
            length=self.longest,
            seed=seed,
            steps=steps,
            guidance=guidance,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
        )
        pairs = zip(codes, notes, strict=True)
        return [replace(self.tokenizer.reconstruct(one.unsqueeze(0)), notes=note) for one, note in pairs]

    def generate_item(
        self,
        *,
        text: str,
        voice: str | None = None,
        steps: Size | None = None,
        guidance: Weight | None = None,
        temperature: Weight | None = None,
        top_k: Size | None = None,
        top_p: Fraction | None = None,
        seed: int | None = 0,
    ) -> Audio:
        """Say one prompt; see `generate`. The notes also list the words that were ignored."""
        (said,) = self.generate(
            [text],
            voice=voice,
            steps=steps,
            guidance=guidance,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            seed=seed,
        )
        return replace(said, notes=(*self.ignored_note(text), *said.notes))

    def _voice(self, name: str | None) -> int:
        if name is None:
            return ANY
        if name not in self.voices:
            raise InputError(
                f"{self.name or 'This model'} has no voice {str(name)[:60]!r}; it has {', '.join(self.voices)}."
            )
        return 1 + self.voices.index(name)

    # --- files and other voices --------------------------------------------------------------------------

    def files(self) -> Mapping[str, bytes]:
        """The words and voices that the model knows."""
        return {**super().files(), VOICES_FILE: json.dumps(self.voices, indent=0).encode()}

    def load_files(self, folder: Path) -> None:
        """Read the words and voices. Raises CorruptFileError."""
        super().load_files(folder)
        path = Path(folder) / VOICES_FILE
        try:
            voices = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise CorruptFileError(f"Cannot read the voices in {path}: {error}; download the model again.") from error
        if not isinstance(voices, list) or not all(isinstance(one, str) for one in voices):
            raise CorruptFileError(f"{path} is not a list of names; download the model again.")
        self.voices = tuple(voices)

    def adapt(self, rows: Dataset) -> Mapping[str, Any]:
        """A larger vocabulary, and more voices, if those of the rows do not fit."""
        count = len(self.voices) + len(set(speakers(rows)) - set(self.voices))
        return {**super().adapt(rows), **({"most_voices": count} if count > self.most_voices else {})}

    def inherit(self, trained: WordPrior, rows: Dataset) -> None:
        """Words and voices of the trained model with their vectors, and after them those of the rows."""
        super().inherit(trained, rows)
        assert isinstance(trained, SpeechPrior)
        self.voices = (*trained.voices, *sorted(set(speakers(rows)) - set(trained.voices)))
        copy_leading_rows(self.voice_vectors.weight.data, trained.voice_vectors.weight.data)

    # --- training ----------------------------------------------------------------------------------------

    def examples(self, rows: Dataset, cache: Path) -> Examples:
        """Texts as word ids, speech as codes; sets the words and voices unless there are some."""
        ids, spoken = self.learn_words(rows), speakers(rows)
        if not self.voices:
            self.voices = tuple(sorted(set(spoken)))
        if len(self.voices) > self.most_voices:
            raise DataError(f"The rows have {len(self.voices)} voices, not {self.most_voices}; set head.most_voices.")
        if unknown := sorted(set(spoken) - set(self.voices)):
            raise DataError(
                f"The model has no voice {unknown[0]!r}, which is in the rows; it has {', '.join(self.voices)}."
                " Fine-tune it with --from, or validate on its own voices."
            )
        voice = torch.tensor([1 + self.voices.index(one) for one in spoken])
        codes = row_codes(rows, cache, self.tokenizer)
        return Coded(codes, {"words": ids, "voice": voice}, self.longest, "seconds")

    def previews(self, rows: Dataset) -> Iterator[tuple[str, Any]]:
        """The words of each row, said by any voice."""
        for row in rows:
            yield row["id"], self.generate([row["text"]])[0]


def speakers(rows: Dataset) -> list[str]:
    """The voice of each row; `own` if it is not named."""
    named = rows["speaker"] if "speaker" in rows.column_names else [None] * len(rows)
    return [speaker or "own" for speaker in named]
