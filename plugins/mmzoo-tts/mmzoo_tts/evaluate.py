"""Measures text to speech: judges hear and rate held-out sentences of every voice, and what else the voices say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmzoo.data import load_dataset_component
from mmzoo.errors import DataError, InputError, MmzooError
from mmzoo.evaluation.heldout import SPEECH, HeldOut, held_out, teacher_of, training_data
from mmzoo.evaluation.sound import averages, final_slope, prosody
from mmzoo.evaluation.speech import (
    ENGLISH,
    Judged,
    Panel,
    Sentence,
    by_speaker,
    compare,
    order,
    protocol,
    sentences_of,
    write_samples,
)
from mmzoo.evaluation.words import Scores, difference, interval, language_of
from mmzoo.interfaces import Audio
from mmzoo_tts.letters import phone_errors
from mmzoo_tts.measures import bar, by_seeds, by_steps, control, speak_phones_of, speed, unseen_words

JUDGES = ("whisper", "distill-mos", "dnsmos", "pocketsphinx")
SENTENCES, OTHERS = 300, 20
"""Most sentences of the first voice, and of each other voice."""
OTHER_SPLITS = {"sentences": 1, "voices": 1, "validation": 1}
"""Arguments of corpora that synthesizers speak; their test sentences do not depend on them."""
UNSEEN = 150
WORDS = ("word", "phones")
QUALITY_SENTENCES = 20
"""Sentences by number of steps and by seed."""
OWN_TEXTS = "flite-speech"
"""A dataset that names flite's voices without the synthesizer, and whose unseen words are its own."""


def evaluate_tts(
    model: Any,
    *,
    judges: Sequence[str] = JUDGES,
    data: Sequence[str] = (),
    limit: int | None = None,
    samples: Path | None = None,
) -> dict[str, Any]:
    """Measure a text-to-speech model.

    The rows of each voice are the teacher, its reconstruction by the tokenizer, TTS with the teacher's durations where
    these are known, and TTS from text. The first voice's are at the top, the others' under `voices`. Further: unseen
    words, quality by number of steps and by seed, prosody and the pitch at the end of questions against the teacher,
    how the listeners order the rows, and speed. If the teacher's speech cannot be had, only TTS from text is measured.

    Args:
        model: A text-to-speech model.
        judges: Names of judges that transcribe or rate.
        data: Datasets of held-out speech; by default those of the model's training.
        limit: Number of sentences of each voice and of unseen words; None for all of the first voice and some of the
            others.
        samples: Folder for audio samples; None for none.

    Returns:
        The content of `evaluation.json`.

    Raises:
        InputError: The data have no sentences of any voice of the model.
    """
    panel = Panel.of(judges)
    try:
        held = held_out(model, data, SPEECH, **OTHER_SPLITS)
    except DataError as error:
        return _without_teacher(model, panel, limit or SENTENCES, str(error))
    sentences = _sentences(model, held, limit or SENTENCES, limit or OTHERS)
    language = language_of(s.text for some in sentences.values() for s in some)
    panel = panel.knowing(language)
    if not panel.listeners:
        raise InputError(f"No judge that transcribes knows the language {language!r} of {held.title}; see --judge.")
    spoken = [VoiceEvaluation.of(model, voice, some, panel) for voice, some in sentences.items()]
    main, others = spoken[0], spoken[1:]
    if samples is not None:
        write_samples(samples, main.sentences, main.sounds)
    without: dict[str, str] = {}
    report = {
        "protocol": {
            **protocol(panel, main.sentences, f"held-out sentences of {held.title}"),
            "voice": main.voice,
            "steps": model.num_steps,
        },
        **main.table(model, limit, without),
        "unseen_words": _unseen(model, panel, held, limit or UNSEEN, without),
        "steps": by_steps(model, panel, main.sentences[:QUALITY_SENTENCES]),
        "seeds": by_seeds(model, panel, main.sentences[:QUALITY_SENTENCES]),
        "judge_control": control(panel, min(QUALITY_SENTENCES, len(main.sentences))) if language == ENGLISH else {},
        "order": _order(spoken),
        "speed": speed(model),
    }
    if others:
        report["voices"] = {
            one.voice: {"sentences": len(one.sentences), **one.table(model, limit, without)} for one in others
        }
    report = {key: value for key, value in report.items() if value}
    return report | ({"without": without} if without else {})


@dataclass(frozen=True, slots=True)
class VoiceEvaluation:
    """The rows of one voice: its sentences, the sounds of each row, and what the judges made of them."""

    voice: str
    sentences: Sequence[Sentence]
    sounds: Mapping[str, list[Audio]]
    rows: Mapping[str, Judged]

    @classmethod
    def of(cls, model: Any, voice: str, sentences: Sequence[Sentence], panel: Panel) -> VoiceEvaluation:
        """Speak the sentences and have them judged."""
        sounds: dict[str, list[Audio]] = {
            "teacher": [s.audio for s in sentences],
            "codec": [model.tokenizer(s.audio) for s in bar(sentences, f"{voice}, codec")],
        }
        if (timed := speak_phones_of(model, sentences, voice, timed=True)) is not None:
            sounds["tts_true_durations"] = timed
        sounds["tts"] = [model(s.text, voice=voice) for s in bar(sentences, f"{voice}, speaking")]
        rows = {name: panel.judge(sentences, some, f"{voice}, {name}") for name, some in sounds.items()}
        return cls(voice, sentences, sounds, rows)

    def table(self, model: Any, limit: int | None, without: dict[str, str]) -> dict[str, Any]:
        """The figures; what cannot be measured goes into `without`."""
        pairs = list(zip(self.sentences, self.sounds["tts"], strict=True))
        lengths = [sum(s.audio.duration for s in self.sentences), sum(sound.duration for _, sound in pairs)]
        asked = _questions(model, self.voice, limit, without)
        return {
            "rows": {name: row.table() for name, row in self.rows.items()},
            "differences": compare(self.rows, "teacher"),
            "prosody": averages([prosody(s.audio, sound) for s, sound in bar(pairs, f"{self.voice}, prosody")]),
            "speaking_rate_ratio": lengths[0] / lengths[1],
            **({"questions": asked} if asked else {}),
        }


def evaluate_phonemizer(
    model: Any, *, data: Sequence[str] = (), limit: int | None = None, samples: Path | None = None
) -> dict[str, Any]:
    """Error rates of the letter-to-sound network on words held out of training and lexicon.

    Args:
        model: A phonemizer.
        data: Datasets of words and their phones; by default those of the model's training.
        limit: Number of words; None for all.
        samples: Not used: there is nothing to hear.

    Returns:
        The content of `evaluation.json`.

    Raises:
        InputError: No data are given, and the model has no training record.
        DataError: The data have no held-out words, or the lexicon has some of them.
    """
    held = held_out(model, data, WORDS, heldout_only=True)
    # Lexicons mark the words that are held out; other data have them in a split of their own.
    marked = [row for rows in held.rows("train") if "heldout" in rows.column_names for row in rows if row["heldout"]]
    rows = marked or [row for rows in held.test_rows() for row in rows]
    chosen = [row for row in rows if row["word"].isalpha()][:limit]
    words, said = [row["word"].lower() for row in chosen], [row["phones"] for row in chosen]
    reference = [phones.split() if isinstance(phones, str) else phones for phones in said]
    predicted = model.letters.pronounce(words)
    known = [word for word in words if word in model.lexicon]
    if known:
        raise DataError(f"The lexicon of {model.name} has held-out words, such as {known[0]!r}; train the model again.")
    phone_rate, word_rate = phone_errors(predicted, reference)
    return {
        "protocol": {
            "teacher": f"the phones of {held.title}",
            "words": len(words),
            "words_in_the_lexicon": len(model.lexicon),
        },
        "held_out_words": {"phone_error_rate": phone_rate, "words_with_an_error": word_rate},
    }


def _sentences(model: Any, held: HeldOut, most: int, of_others: int) -> dict[str, list[Sentence]]:
    """Held-out sentences of each voice; a voice that the data lack is asked of its synthesizer."""
    by = by_speaker(held.test_rows(), most, of_others, main=model.voices[0])
    found: dict[str, list[Sentence]] = {}
    for voice in model.voices:
        if voice in by:
            found[voice] = by[voice]
        elif len(model.voices) == 1 and len(by) == 1:
            found[voice] = next(iter(by.values()))
        elif (teacher := teacher_voice(model, voice)) is not None:
            texts = [s.text for s in next(iter((found or by).values()))]
            found[voice] = said_by(teacher, texts[: of_others if found else most])
    if not found:
        raise InputError(
            f"{held.title} has the speakers {', '.join(by)}, but {model.name} has the voices {', '.join(model.voices)};"
            " name data with one of them with --data."
        )
    return found


def teacher_voice(model: Any, voice: str) -> str | None:
    """The synthesizer's voice that a voice learned from, such as `flite:slt`; None if the training record has none."""
    stated = teacher_of(model, voice)
    return stated or (f"flite:{voice}" if training_data(model).get("name") == OWN_TEXTS else None)


def said_by(teacher: str, texts: Sequence[str]) -> list[Sentence]:
    """The texts spoken by a synthesizer's voice. Raises DataError if it is not installed."""
    return sentences_of(load_dataset_component("spoken-texts", texts=list(texts), voice=teacher)["test"])


def _unseen(model: Any, panel: Panel, held: HeldOut, most: int, without: dict[str, str]) -> dict[str, Any]:
    """Words that are in no training text, said by the teacher and by the model's first voice."""
    voice = model.voices[0]
    rows = [sentence for table in held.rows("unseen") for sentence in sentences_of(table)]
    if not rows and (teacher := teacher_voice(model, voice)) is not None:
        texts = load_dataset_component("heldout-texts", limit=most)["unwritten"]
        try:
            said = said_by(teacher, texts["text"])
        except MmzooError as error:
            without["unseen words"] = str(error)
        else:
            rows = [
                Sentence(s.id, s.text, s.audio, (), (), None, t) for s, t in zip(said, texts["target"], strict=True)
            ]
    if not rows:
        without.setdefault("unseen words", f"the synthesizer of the voice {voice} is not known")
        return {}
    return unseen_words(model, panel.lead, rows[:most])


def _questions(model: Any, voice: str, limit: int | None, without: dict[str, str]) -> dict[str, Any]:
    """How the pitch moves at the end of questions, in semitones per second, against the teacher's."""
    teacher = teacher_voice(model, voice)
    if teacher is None:
        without[f"questions, {voice}"] = "the synthesizer of this voice is not known"
        return {}
    texts = load_dataset_component("heldout-texts", limit=limit)["questions"]["text"]
    try:
        asked = said_by(teacher, texts)
    except MmzooError as error:
        without[f"questions, {voice}"] = str(error)
        return {}
    slopes = np.array(
        [[final_slope(s.audio), final_slope(model(s.text, voice=voice))] for s in bar(asked, f"{voice}, questions")]
    )
    slopes = slopes[np.isfinite(slopes).all(1)]
    if not len(slopes):
        return {}
    theirs, mine = Scores(slopes[:, 0]), Scores(slopes[:, 1])
    return {
        "questions": len(slopes),
        "teacher": _mean(theirs),
        "tts": _mean(mine),
        "tts_above_the_teacher": difference(mine, theirs),
        "rising": {"teacher": float((slopes[:, 0] > 0).mean()), "tts": float((slopes[:, 1] > 0).mean())},
        "same_direction": float((slopes[:, 0] * slopes[:, 1] > 0).mean()),
    }


def _mean(scores: Scores) -> dict[str, float]:
    bounds = interval(scores)
    return {"mean": bounds["rate"], "low": bounds["low"], "high": bounds["high"]}


def _order(spoken: Sequence[VoiceEvaluation]) -> dict[str, Any]:
    """How the listeners order the rows of all voices, on the sentences that they share."""
    count = min(len(one.sentences) for one in spoken)
    texts = {tuple(s.text for s in one.sentences[:count]) for one in spoken}
    shared = spoken if len(texts) == 1 else spoken[:1]
    count = min(len(one.sentences) for one in shared)
    rows = {f"{one.voice} {name}": row.first(count) for one in shared for name, row in one.rows.items()}
    return {"sentences": count, **order(rows)}


def _without_teacher(model: Any, panel: Panel, limit: int, reason: str) -> dict[str, Any]:
    """TTS from text alone, on held-out sentences that need no synthesizer."""
    rows = load_dataset_component("heldout-texts", limit=limit)["test"]
    spoken = [model(text) for text in bar(rows["text"], "speaking")]
    sentences = [
        Sentence(row["id"], row["text"], sound, (), (), None, "") for row, sound in zip(rows, spoken, strict=True)
    ]
    return {
        "complete": False,
        "protocol": {
            **protocol(panel, sentences, "held-out sentences of heldout-texts"),
            "note": f"only tts was judged, because the teacher's speech cannot be had: {reason.rstrip('.')}",
        },
        "rows": {"tts": panel.judge(sentences, spoken, "tts").table()},
        "speed": speed(model),
    }
