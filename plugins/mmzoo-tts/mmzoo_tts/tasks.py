"""The tasks of this plugin: how their models are used, measured and described. Nothing heavy is imported here."""

from __future__ import annotations

from mmzoo.hookspecs import CardText, Register

VOICE = CardText(
    data="flite-speech",
    language="en",
    intended="Reading English text aloud in one voice, on a CPU, offline; research on small speech models.",
    training=(
        "The training speech is synthetic: sentences of our own grammar, spoken by the voice `slt` of the synthesizer"
        " flite (CMU ARCTIC; flite's permissive license). Their words are those in both the English language model and"
        " the pronouncing dictionary that come with pocketsphinx (CMU; BSD), read when the corpus is built. The model"
        " is distilled from that one voice and does not claim human naturalness."
    ),
    limits="One synthetic voice, English, 16 kHz.",
)
PHONEMIZER = CardText(
    data="english-lexicon",
    language="en",
    intended="Turning English text into words and phones for speech synthesis.",
    training=(
        "The training data are the words of the CMU pronouncing dictionary that comes with pocketsphinx, with the"
        " phones that the synthesizer flite (flite's permissive license) gives them; the lexicon next to the weights"
        " has them."
    ),
    limits="American English; words outside the lexicon are read by a small network that is often wrong.",
)
LINES = {
    "prosody": "Prosody against the teacher's",
    "judge_control": "The judge on an unrelated synthesizer (espeak-ng)",
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
            "speaking_rate_ratio": "Speaking rate relative to the teacher's",
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
        sections={"held_out_words": "Words that neither the network nor the lexicon has seen"},
    )
    register.metric(
        "text-to-speech",
        "mmzoo_tts.evaluate:evaluate_tts",
        summary="Has a judge transcribe held-out sentences and unseen words",
        requires=("matplotlib>=3.9",),
    )
    register.metric(
        "phonemization",
        "mmzoo_tts.evaluate:evaluate_phonemizer",
        summary="Compares the letter-to-sound network with flite on held-out words",
    )
