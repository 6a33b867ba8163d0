"""The tasks of speaking: how their models are used, measured and described. Nothing heavy is imported here."""

from __future__ import annotations

from mmzoo.hookspecs import CardText, Register

VOICE = CardText(
    data="flite-speech",
    language="en",
    intended="Reading English text aloud in one voice, on a CPU, offline; research on small speech models.",
    training=(
        "The speech that taught this model is synthetic: sentences of our own grammar, spoken by the voice `slt` of"
        " the synthesizer flite (CMU ARCTIC; flite's permissive license). The words of those sentences are the ones"
        " that pocketsphinx's bundled English language model and pronouncing dictionary (CMU; BSD) know, read when"
        " the corpus is built. The model is distilled from that voice; nothing here claims human naturalness, and"
        " other voices were not heard in training."
    ),
    limits="One synthetic voice, English, 16 kHz. Speech of other voices, noise and music were never heard.",
)
PHONEMIZER = CardText(
    data="english-lexicon",
    language="en",
    intended="Turning English text into words and phones for a synthesizer.",
    training=(
        "The phones that taught this model are those of the synthesizer flite (flite's permissive license) for the"
        " words of the CMU pronouncing dictionary that pocketsphinx brings; the lexicon beside the weights holds"
        " them."
    ),
    limits="American English; words outside the lexicon are read by a small network that errs often.",
)
LINES = {
    "prosody": "Speech against the teacher's",
    "judge_control": "The judge on a synthesizer that shares nothing with the teacher (espeak-ng)",
    "speed": "Speed",
}


def register_tasks(register: Register) -> None:
    """Text-to-speech and phonemization, each with its metric."""
    register.task(
        "text-to-speech",
        summary="Text to speech",
        use='tts = mmzoo.create("{name}")\nspeech = tts("Hello there.")\nspeech.save("hello.wav")',
        pipeline="text-to-speech",
        headlines={"rows.tts.wer": "wer", "rows.tts.per": "per"},
        sections={
            "speaking_rate_ratio": "Speaking rate against the teacher's",
            "unseen_words": "Unseen words",
            "steps": "Steps",
            "seeds": "Seeds",
            **LINES,
        },
        tables="mmzoo.evaluation.tables:recognition_results",
        numbers="mmzoo_tts.results:numbers",
    )
    register.task(
        "phonemization",
        summary="Text to words and phones",
        use='phonemizer = mmzoo.create("{name}")\nprint(phonemizer("Doctor Smith paid $3.50.").phones)',
        headlines={"held_out_words.phone_error_rate": "per", "held_out_words.words_with_an_error": "wer"},
        sections={"held_out_words": "Words that neither it nor its lexicon has met"},
    )
    register.metric(
        "text-to-speech",
        "mmzoo_tts.evaluate:evaluate_tts",
        summary="Has a judge listen to held-out sentences and words",
        requires=("matplotlib>=3.9",),
    )
    register.metric(
        "phonemization",
        "mmzoo_tts.evaluate:evaluate_phonemizer",
        summary="Compares the letter-to-sound network with flite on held-out words",
    )
