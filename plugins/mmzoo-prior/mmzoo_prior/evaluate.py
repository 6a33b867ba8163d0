"""How well priors generate, beside other models of the same data: judged classes, variety, Frechet distance, speed."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import mmzoo
from mmzoo.data import decode_audio, load_dataset_component, sheet
from mmzoo.errors import DataError, MmzooError
from mmzoo.evaluation.heldout import training_data
from mmzoo.evaluation.judges import load_judge
from mmzoo.evaluation.pictures import in_batches, pictures_of
from mmzoo.evaluation.speech import Sentence, write_samples
from mmzoo.evaluation.words import accuracies, accuracy, mismatches
from mmzoo.interfaces import Audio, Image, Latents, Tokenizer
from mmzoo_prior.ngrams import KneserNey, copied, distinct, tokens
from mmzoo_prior.transformer import Incremental

DIGITS, SCENES, WORDS, TEXTS = 500, 400, 480, 1000
FEWEST_TEXTS = 20
SHOWN = 6
"""Samples of each digit, of new texts, and of continued ones; twice as many scenes."""
LIKELY = 0.05
"""A text is as likely as real ones if this fraction of real ones, or more, is less likely."""
BESIDE = ("vqvae-dit-digits", "vqvae-dit-text2image")
"""Models of digits and of scenes over the same tokenizer."""

Array = np.ndarray[Any, np.dtype[np.float64]]


def evaluate_image_generation(model: Any, *, limit: int | None = None, samples: Path | None = None) -> dict[str, Any]:
    """Digits from their names and scenes from captions, judged, for the model and for those of BESIDE."""
    count = min(limit or DIGITS, DIGITS)
    digits = load_dataset_component("spoken-digits", side=model.side, speech=False)
    words = dict(zip(digits["train"]["label"], digits["train"]["text"], strict=True))
    labels = [str(index % 10) for index in range(count)]
    scenes = load_dataset_component(
        "spoken-scenes", train=1, validation=1, unseen_voice=1, things=1, side=model.side, speech=False
    )["test"]
    scenes = scenes.select(range(min(limit or SCENES, SCENES, len(scenes))))
    reader, looker = load_judge("digit-reader"), load_judge("scene-reader")
    training, real, true = pictures_of(digits["train"]), pictures_of(digits["test"]), pictures_of(scenes)
    features_of = partial(picture_features, model.tokenizer)
    of_real, of_true = features_of(real), features_of(true)
    artists = {"model": (model, model)} | _beside()
    report: dict[str, Any] = {"digits": {}, "scenes": {}}
    for name, (of_digits, of_scenes) in artists.items():
        drawn, speed = _timed(partial(_drawn, of_digits, [words[label] for label in labels]))
        report["digits"][name] = {
            "right": accuracy(mismatches(reader.read(drawn), labels)),
            "frechet": frechet(features_of(drawn), of_real),
            **variety(_flat(drawn), _flat(training)),
            "per_second": count / speed,
        }
        seen, speed = _timed(partial(_drawn, of_scenes, scenes["text"]))
        report["scenes"][name] = {
            "right": accuracies(looker.as_told(scenes["text"], seen)),
            "frechet": frechet(features_of(seen), of_true),
            "per_second": len(scenes) / speed,
        }
        if samples is not None and of_digits is model:
            samples.mkdir(parents=True, exist_ok=True)
            sheet(*(drawn[digit::10][:SHOWN] for digit in range(10) if len(drawn) > digit)).save(samples / "digits.png")
            sheet(true[: 2 * SHOWN], seen[: 2 * SHOWN]).save(samples / "scenes.png")
    report["digits"]["real"] = {
        "right": accuracy(mismatches(reader.read(real), digits["test"]["label"])),
        **variety(_flat(real), _flat(training)),
    }
    return {
        "protocol": {
            "data": "digits drawn from their names; scenes with shape-color pairs held out of training, from captions",
            "digits": count,
            "scenes": len(scenes),
            "judges": [reader.name, looker.name],
            "frechet": "mean and std of the tokenizer's latents over each picture, against held-out pictures",
            "guidance": model.guidance,
            "temperature": model.temperature,
        },
        **report,
    }


def evaluate_word_speech(
    model: Any, *, judge: str = "pocketsphinx", limit: int | None = None, samples: Path | None = None
) -> dict[str, Any]:
    """Words said in every voice, recognized among all words, beside recordings and their reconstructions from codes."""
    data = training_data(model)
    rows = load_dataset_component(data.get("name", "spoken-words"), **(data.get("config") or {}))["train"]
    count = min(limit or WORDS, WORDS, len(rows))
    chosen = rows.select(np.random.default_rng(0).permutation(len(rows))[:count].tolist())
    listener = load_judge(judge)
    recorded = [decode_audio(cell, sample_rate=model.tokenizer.sample_rate) for cell in chosen["audio"]]
    texts, voices = list(chosen["text"]), list(chosen["speaker"])
    said, seconds = _timed(
        lambda: in_batches(
            list(zip(texts, voices, strict=True)),
            lambda batch, seed: model.generate([t for t, _ in batch], voice=[v for _, v in batch], seed=seed),
        )
    )
    copies = [model.tokenizer.reconstruct(model.tokenizer.tokenize(sound)) for sound in recorded]
    features = {name: sound_features(model.tokenizer, some) for name, some in (("real", recorded), ("model", said))}
    arms = {"recorded": recorded, "copy": copies, "model": said}
    if samples is not None:
        sentences = [Sentence(text, text, sound, (), (), None, "") for text, sound in zip(texts, recorded, strict=True)]
        write_samples(samples, sentences, arms)
    return {
        "protocol": {
            "data": "words said in the voices of training",
            "words": count,
            "judge": f"{listener.name}, which of the words fits best",
            "frechet": "mean and std of the tokenizer's latents over each sound, against training recordings",
            "guidance": model.guidance,
            "temperature": model.temperature,
        },
        "right": {
            name: accuracy(mismatches(recognized(listener, sounds, sorted(set(rows["text"]))), texts))
            for name, sounds in arms.items()
        },
        "frechet": {"model": frechet(features["model"], features["real"])},
        "variety": {
            **variety(features["model"], features["real"]),
            "seconds": {name: float(np.mean([sound.duration for sound in sounds])) for name, sounds in arms.items()},
        },
        "speed": {"per_second": count / seconds, "realtime_factor": seconds / sum(sound.duration for sound in said)},
    }


def evaluate_text_generation(model: Any, *, limit: int | None = None, samples: Path | None = None) -> dict[str, Any]:
    """New texts, judged by an n-gram model of other texts; copies of training texts; bits per byte.

    The judge learns from texts of another seed of `grammar-texts`; for other data, from half of the held-out texts.

    Raises:
        DataError: There are too few held-out texts.
    """
    data = training_data(model)
    name, config = data.get("name", "grammar-texts"), dict(data.get("config") or {})
    world = load_dataset_component(name, **config)
    training, held = list(world["train"]["text"]), list(world["validation"]["text"] if "validation" in world else ())
    if name == "grammar-texts":
        judged = load_dataset_component(name, **{**config, "seed": config.get("seed", 0) + 1})["train"]["text"]
    else:
        judged, held = held[::2], held[1::2]
    language = KneserNey(set(judged) - set(training))
    if len(held) < FEWEST_TEXTS:
        raise DataError(
            f"Texts are judged by held-out ones, and {name} has a validation split of fewer than {2 * FEWEST_TEXTS};"
            " add validation rows."
        )
    count = min(limit or TEXTS, TEXTS)
    written, seconds = _timed(lambda: in_batches([""] * count, lambda batch, seed: model.generate(batch, seed=seed)))
    prompts = [" ".join(text.split()[:3]) for text in held[:count] if len(text.split()) > 5]
    continued = in_batches(prompts, lambda batch, seed: model.generate(batch, seed=seed))
    scores = sorted(language.score(text) for text in held)
    least = scores[int(LIKELY * len(scores))]
    if samples is not None:
        samples.mkdir(parents=True, exist_ok=True)
        further = [f"{a} | {b}" for a, b in zip(prompts[:SHOWN], continued, strict=False)]
        numbered = {str(number): text for number, text in enumerate([*written[:SHOWN], *further], 1)}
        (samples / "texts.json").write_text(json.dumps(numbered, indent=2) + "\n", encoding="utf-8")
    return {
        "protocol": {
            "data": f"{name}: new texts, and continuations of the first three words of held-out ones",
            "texts": count,
            "judge": "Kneser-Ney trigrams of other texts of the same source",
            "likely": f"more likely by the judge, per word, than {LIKELY:.0%} of the held-out texts",
            "temperature": model.temperature,
        },
        "likely": {
            arm: sum(language.score(text) >= least for text in texts) / max(1, len(texts))
            for arm, texts in (("new", written), ("continued", continued), ("held_out", held))
        },
        "distinct": {
            arm: {f"{n}-grams": distinct(texts, n) for n in (1, 2, 3)}
            for arm, texts in (("new", written), ("held_out", held[:count]))
        },
        "copied": {"new": copied(written, training), "held_out": copied(held, training)},
        "length": {"new": _mean_words(written), "held_out": _mean_words(held)},
        "codes": _rates(model, held[:count]),
        "speed": {"texts_per_second": count / seconds},
    }


def _rates(model: Any, texts: Sequence[str]) -> dict[str, float]:
    """Bits per byte of text: as fixed codes, and with the probabilities of a causal prior."""
    tokenizer = model.tokenizer
    both = [(text, tokenizer.tokenize(text)) for text in texts]
    both = [(text, codes) for text, codes in both if codes.shape[1] <= model.longest]
    size = sum(len(text.encode()) for text, _ in both)
    rates = {"bits_per_byte": sum(codes.shape[1] for _, codes in both) * tokenizer.bits_per_latent / size}
    if isinstance(model.backbone, Incremental):  # the probabilities of a masked one do not multiply to that of a text
        rates["bits_per_byte_with_prior"] = sum(model.bits(codes, model.condition({}))[0] for _, codes in both) / size
    return rates


def recognized(listener: Any, sounds: Sequence[Audio], words: Sequence[str]) -> list[str]:
    """The word that fits each sound best, by a judge that aligns texts; its transcript, by another judge."""
    pairs = [(sound, [word]) for sound in sounds for word in words]
    fits = listener.fit([sound for sound, _ in pairs], [text for _, text in pairs])
    if not any(fits):
        return [heard.words.strip() for heard in listener.listen(sounds)]
    scores = np.array([fit[0] if fit else -np.inf for fit in fits]).reshape(len(sounds), len(words))
    return [words[best] for best in scores.argmax(1)]


def frechet(a: Array, b: Array) -> float:
    """Frechet distance of two Gaussians fitted to features `[items, D]` (Heusel et al., arXiv 1706.08500).

    NaN for a single item, which has no covariance.
    """
    if min(len(a), len(b)) < 2:
        return math.nan
    means, covariances = [x.mean(0) for x in (a, b)], [np.cov(x, rowvar=False) for x in (a, b)]
    values, vectors = np.linalg.eigh(covariances[0])
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ covariances[1] @ root), 0)).sum()
    shape = np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * cross
    return float(np.square(means[0] - means[1]).sum() + shape)


def variety(made: Array, training: Array) -> dict[str, float]:
    """RMS distance of each item to the nearest training item, and mean RMS distance of pairs; 0 for copies."""
    return {"nearest_training": float(_distances(made, training).min(1).mean()), "pairwise": _pairwise(made)}


def _pairwise(items: Array) -> float:
    return float(_distances(items, items).sum() / max(1, len(items) * (len(items) - 1)))


def _distances(a: Array, b: Array) -> Array:
    squares = np.square(a).sum(1)[:, None] - 2 * a @ b.T + np.square(b).sum(1)
    return np.asarray(np.sqrt(np.maximum(squares, 0) / a.shape[1]))


@torch.no_grad()
def picture_features(tokenizer: Tokenizer, pictures: Sequence[Image]) -> Array:
    """Mean and std of the tokenizer's latents over each picture, `[items, 2 D]`."""

    def batch(some: list[Any], seed: int) -> list[Any]:
        pixels = torch.from_numpy(np.stack([picture.pixels for picture in some])).float() / 255
        return [*_pooled(tokenizer.encode_latents(pixels.to(tokenizer.device)))]

    return np.stack(in_batches(pictures, batch))


@torch.no_grad()
def sound_features(tokenizer: Tokenizer, sounds: Sequence[Audio]) -> Array:
    """Mean and std of the latents of the tokenizer's codes over each sound, `[items, 2 D]`."""
    codes = (tokenizer.tokenize(sound) for sound in sounds)
    return np.concatenate([_pooled(Latents(tokenizer.embed_codes(one))) for one in codes])


def _pooled(latents: Latents) -> Array:
    x = latents.x.double()
    return np.asarray(torch.cat((x.mean(1), x.std(1, correction=0)), 1).cpu().numpy())


def _flat(pictures: Sequence[Image]) -> Array:
    return np.stack([picture.pixels[..., 0].ravel() for picture in pictures]).astype(np.float64) / 255


def _mean_words(texts: Sequence[str]) -> float:
    return float(np.mean([len(tokens(text)) for text in texts]))


def _beside() -> dict[str, tuple[Any, Any]]:
    """The models to compare with, if they are here."""
    try:
        digits, scenes = (mmzoo.create(name) for name in BESIDE)
    except MmzooError:
        return {}
    return {"dit": (digits, scenes)}


def _drawn(model: Any, prompts: Sequence[str]) -> list[Image]:
    return in_batches(prompts, lambda batch, seed: model.generate(batch, seed=seed))


def _timed(make: Callable[[], list[Any]]) -> tuple[list[Any], float]:
    start = time.perf_counter()
    made = make()
    return made, time.perf_counter() - start
