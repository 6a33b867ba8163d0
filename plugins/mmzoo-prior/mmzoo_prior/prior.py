"""What the priors of all modalities share: the codes of a frozen tokenizer, made in one of two orders."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from mmzoo.data import as_batch
from mmzoo.data.words import PADDING, Words
from mmzoo.errors import ConfigError, InputError
from mmzoo.interfaces import (
    ALONE,
    Condition,
    Count,
    DiffusionBackbone,
    Fraction,
    Latents,
    Link,
    Losses,
    Port,
    Ports,
    Size,
    Slot,
    TaskHead,
    Tokenizer,
    TrainingState,
    Weight,
)
from mmzoo.interfaces.options import seed_note, seed_of
from mmzoo.nn.rows import copy_leading_rows
from mmzoo_prior.grouped import ABSENT, Delay, GroupedCodes
from mmzoo_prior.orders import Causal, Masked, Order, Positions, Request
from mmzoo_prior.sampling import checked_choice
from mmzoo_prior.transformer import Incremental

if TYPE_CHECKING:
    from datasets import Dataset

NATS_PER_BIT = 0.6931471805599453


class CodePrior(TaskHead):
    """A prior over the codes of a tokenizer (van den Oord et al., arXiv 1711.00937, section 3.3).

    A backbone that is `Incremental` makes one position after another, with delayed codebooks; any other backbone makes
    all positions in a few steps, the surest codes first.

    Args:
        width: Width of the embedded codes.
        delay: Delay between codebooks, for an incremental backbone; 0 draws the codes of a position independently.
        num_steps: Default number of steps, for any other backbone.
        temperature: Default of the option.
    """

    slots: ClassVar[Mapping[str, Slot]] = {
        "tokenizer": Slot("head", model=True, contract=Tokenizer),
        "backbone": Slot("backbone"),
    }
    links: ClassVar[Sequence[Link]] = (
        Link("head.codes", "backbone.x"),
        Link("backbone.prediction", "head.prediction"),
    )
    modality: ClassVar[str]
    ends: ClassVar[bool]
    """Whether items end by themselves, with a code for the end."""
    tokenizer: Tokenizer
    backbone: DiffusionBackbone
    grouped: GroupedCodes

    def __init__(self, *, width: Size, delay: Count = 1, num_steps: Size = 12, temperature: Weight = 1.0) -> None:
        super().__init__()
        self.width, self.delay, self.num_steps, self.temperature = width, delay, num_steps, temperature
        self.guidance = 1.0

    def connect(self) -> None:
        """Build the embedding of the tokenizer's codes. Raises ConfigError for a tokenizer of another modality."""
        if self.tokenizer.modality != self.modality:
            raise ConfigError(
                f"The tokenizer of {type(self).__name__} must be one for {self.modality}, not for"
                f" {self.tokenizer.modality}.",
                path="tokenizer",
            )
        self.grouped = GroupedCodes(self.tokenizer.codebook_sizes, self.width, ends=self.ends)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Embedded codes out, predictions of the same width in, and what is generated."""
        vectors = Port(width=config["width"])
        return Ports(
            inputs={"prediction": vectors}, outputs={"codes": vectors, cls.modality: Port(modality=cls.modality)}
        )

    @property
    def longest(self) -> int | None:
        """Most positions of an item; None if all items have one size."""
        return None

    @property
    def order(self) -> Order:
        """How the backbone makes codes."""
        if isinstance(self.backbone, Incremental):
            return Causal(self.backbone, self.grouped, Delay(len(self.grouped.counts), self.delay))
        return Masked(self.backbone, self.grouped, self.longest)

    def positions(self, first: int, count: int) -> Tensor:
        """Positions `[1, count, axes]` of codes from a first one."""
        return torch.arange(first, first + count, dtype=torch.float32, device=self.device).view(1, count, 1)

    @abstractmethod
    def condition(self, batch: Mapping[str, Tensor]) -> Condition:
        """The condition of a batch."""

    # --- use ---------------------------------------------------------------------------------------------

    def __call__(self, prompt: Any = "", **options: Any) -> Any:
        """Generate from one prompt, or a dataset row with one, or a list of them; see `generate` for the options."""
        prompts = as_batch(prompt)
        made = self.generate([prompt] if prompts is None else prompts, **options)
        return made[0] if prompts is None else made

    forward = __call__

    @abstractmethod
    def generate(self, prompts: Sequence[Any], *, seed: int | None = 0) -> list[Any]:
        """Make an item of each prompt. Prompt i uses seed + i, so it does not depend on the rest of the batch."""

    @torch.no_grad()
    def _sampled(
        self,
        condition: Condition,
        null: Condition | None,
        count: int,
        *,
        length: int,
        seed: int | None,
        positions: Positions | None = None,
        given: Tensor | None = None,
        **options: Any,
    ) -> tuple[list[Tensor], list[tuple[str, ...]]]:
        """The codes `[n, Q]` of `count` items, and the notes of each, which report a seed that was drawn.

        Args:
            condition: Their condition.
            null: The condition that guidance leaves behind; None for no guidance.
            count: Number of items; item i uses seed + i.
            length: Positions, or the most.
            seed: See `mmzoo.interfaces.options.seed_of`.
            positions: The positions of the codes; None for `positions`.
            given: Codes `[count, n, Q]` with which the items begin, ABSENT where one is shorter.
            options: `temperature`, `top_k`, `top_p`, `guidance` and `steps`, None for the default.

        Raises:
            InputError: An option is out of range.
        """
        first, drawn = seed_of(seed)
        if options.get("steps") is not None and isinstance(self.backbone, Incremental):
            raise InputError("steps is for masked transformers; this model makes one position after another.")
        defaults = {"temperature": self.temperature, "top_p": 1.0, "guidance": self.guidance, "steps": self.num_steps}
        chosen = {"top_k": None, **defaults, **{key: value for key, value in options.items() if value is not None}}
        choice = checked_choice(**chosen)
        if given is None:
            given = torch.full((count, 0, len(self.grouped.counts)), ABSENT, device=self.device)
        request = Request(condition, null, length, given, positions or self.positions)
        generators = [torch.Generator().manual_seed(first + index) for index in range(count)]
        codes = self.order.sample(request, choice, generators)
        return codes, [seed_note(first + index, drawn) for index in range(count)]

    # --- training ----------------------------------------------------------------------------------------

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        """Mean cross-entropy of the codes, in nats, with some conditions dropped."""
        condition = self.condition(self.dropped(batch, generator))
        sums, counts = self.order.losses(batch["codes"], condition, self.positions, generator)
        total = sums.sum() / counts.sum().clamp_min(1)
        each = (sums / counts.clamp_min(1)).detach()
        parts = {"nats": total.detach(), "first": each[0], "last": each[-1]}
        return Losses(total, parts)

    def dropped(self, batch: Mapping[str, Tensor], generator: torch.Generator) -> Mapping[str, Tensor]:
        """The batch without some of its conditions."""
        return batch

    @torch.no_grad()
    def bits(self, codes: Tensor, condition: Condition, *, seed: int = 0) -> tuple[float, int]:
        """Cross-entropy of codes `[B, N, Q]` in bits, summed, and how many codes it covers.

        With a causal backbone this is the size of the entropy-coded codes. With a masked one, it covers the masked
        codes only, given the others.
        """
        sums, counts = self.order.losses(codes, condition, self.positions, torch.Generator().manual_seed(seed))
        return float(sums.sum()) / NATS_PER_BIT, int(counts.sum())

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """The prediction for random codes without a condition."""
        if inputs is None:
            generator = torch.Generator().manual_seed(0)
            sizes = self.tokenizer.codebook_sizes
            codes = torch.stack([torch.randint(size, (1, 6), generator=generator) for size in sizes], -1)
            codes[:, 3:, 0] = ABSENT
            inputs = {"codes": codes, **self.golden_condition(generator)}
        codes = inputs["codes"]
        x = Latents(self.grouped.embed(codes), positions=self.positions(0, codes.shape[1]))
        times = torch.full((len(codes),), 0.5, device=codes.device)
        return inputs, {"prediction": self.backbone(x, times, self.condition(inputs))}

    def golden_condition(self, generator: torch.Generator) -> Mapping[str, Tensor]:
        """Random inputs of `condition` for one item."""
        return {}


class WordPrior(CodePrior):
    """A prior conditioned on words, with classifier-free guidance.

    Args:
        width: See `CodePrior`.
        vocabulary: Maximum number of words, including padding.
        drop: Probability of dropping the condition in training, which guidance requires.
        guidance: Default of the option.
        delay: See `CodePrior`.
        num_steps: See `CodePrior`.
        temperature: See `CodePrior`.
    """

    links: ClassVar[Sequence[Link]] = (*CodePrior.links, Link("head.words", "backbone.words"))
    batch_keys: ClassVar[tuple[str, ...]] = ("codes", "words")

    def __init__(
        self,
        *,
        width: Size,
        vocabulary: Size = 64,
        drop: Fraction = 0.1,
        guidance: Weight = 2.0,
        delay: Count = 1,
        num_steps: Size = 12,
        temperature: Weight = 1.0,
    ) -> None:
        super().__init__(width=width, delay=delay, num_steps=num_steps, temperature=temperature)
        self.vocabulary, self.drop, self.guidance = vocabulary, drop, guidance
        self.words = Words()
        self.word_vectors = nn.Embedding(vocabulary, width)

    @classmethod
    def ports(cls, config: Mapping[str, Any]) -> Ports:
        """Also the words."""
        base = super().ports(config)
        return Ports(base.inputs, {**base.outputs, "words": Port(width=config["width"])})

    def condition(self, batch: Mapping[str, Tensor]) -> Condition:
        """The words `[B, M]`; an item without words has no condition."""
        ids = batch["words"]
        return Condition(sequences={"words": Latents(self.word_vectors(ids), ids != PADDING)})

    def dropped(self, batch: Mapping[str, Tensor], generator: torch.Generator) -> Mapping[str, Tensor]:
        """The batch without the words of some items."""
        ids = batch["words"]
        kept = (torch.rand(len(ids), 1, generator=generator) >= self.drop).to(ids.device)
        return {**batch, "words": ids * kept}

    def golden_condition(self, generator: torch.Generator) -> Mapping[str, Tensor]:
        """Random words."""
        known = len(self.words.words) or self.vocabulary - 1  # an untrained model has no words
        return {"words": torch.randint(1, known + 1, (1, 3), generator=generator)}

    def unknown_words(self, prompt: str) -> tuple[str, ...]:
        """The words of a prompt that are not in the vocabulary and are ignored."""
        return self.words.ids([prompt])[1][0]

    def ignored_note(self, prompt: str) -> tuple[str, ...]:
        """The note about words of a prompt that are ignored."""
        unknown = self.unknown_words(prompt)
        return (f"ignored words that the model does not know: {', '.join(unknown)}",) if unknown else ()

    def word_ids(self, prompts: Sequence[str]) -> Tensor:
        """Word ids `[B, M]` of prompts. Raises InputError for one without a known word."""
        if not prompts:
            raise InputError("generate takes a non-empty list of prompts, each of them a string.")
        ids, _ = self.words.ids(prompts)
        for prompt, row in zip(prompts, ids, strict=True):
            if not row.any():
                raise InputError(
                    f"The prompt {prompt[:60]!r} has no word that {self.name or 'this model'} knows; it knows"
                    f" {', '.join(self.words.words)}."
                )
        return ids.to(self.device)

    # --- files and other words ---------------------------------------------------------------------------

    def files(self) -> Mapping[str, bytes]:
        """The words that the model knows."""
        return self.words.file()

    def load_files(self, folder: Path) -> None:
        """Read the words. Raises CorruptFileError."""
        self.words = Words.load(folder)

    def learn_words(self, rows: Dataset) -> Tensor:
        """Word ids `[rows, M]` of the rows' texts; sets the vocabulary unless there is one."""
        texts = rows["text"]
        if not self.words.words:
            self.words = Words.of(texts, self.vocabulary)
        return self.words.known_ids(texts)

    def adapt(self, rows: Dataset) -> Mapping[str, Any]:
        """A larger vocabulary if the words of the rows do not fit."""
        vocabulary = self.words.vocabulary_for(rows["text"], self.vocabulary)
        return {} if vocabulary == self.vocabulary else {"vocabulary": vocabulary}

    def inherit(self, trained: WordPrior, rows: Dataset) -> None:
        """The words of the trained model with their vectors, and after them the new words of the rows."""
        self.words = trained.words.extended(rows["text"])
        copy_leading_rows(self.word_vectors.weight.data, trained.word_vectors.weight.data)
