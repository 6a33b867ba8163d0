"""The speech synthesis tasks: how their models are used, measured and described. Imports nothing heavy."""

from __future__ import annotations

from mmzoo.hookspecs import CardText, Register

VOICE = CardText(
    data="natural-speech",
    language="en",
    intended="Reading English text aloud in four voices, on a CPU, offline; research on small speech models.",
    training=(
        "Trained on synthetic speech: sentences that people wrote (WordNet's usage examples, Debian's fortunes), spoken"
        " by `heart` of hibari-tts (Apache-2.0, distilled by its author from Kokoro-82M), the Piper voice `joe` (CC0),"
        " and the voices `slt` and `rms` of flite (CMU ARCTIC; permissive license)."
    ),
    limits="Four synthetic voices, English. The model learned from synthesizers, and repeats their mistakes.",
)
PHONEMIZER = CardText(
    data="english-lexicon",
    language="en",
    intended="Converting English text to words and phones for speech synthesis.",
    training=(
        "Trained on the phones that the synthesizer flite (permissive license) gives to the words of the CMU"
        " pronouncing dictionary bundled with pocketsphinx. The lexicon stored beside the weights contains them."
    ),
    limits="American English. Words outside the lexicon are pronounced by a small network that often makes mistakes.",
)
RUSSIAN_PHONEMIZER = CardText(
    data="russian-lexicon",
    language="ru",
    intended="Converting Russian text to words and phones for speech synthesis.",
    training=(
        "Trained on the phones that the Festival voice `msu_ru_nsh_clunits` (festvox-ru, permissive license) gives to"
        " the words of its dictionary. The lexicon stored beside the weights contains them."
    ),
    limits=(
        "Numbers and abbreviations must be written out. The stress of words outside the lexicon is guessed, and words"
        " do not depend on their neighbors."
    ),
)
LINES = {
    "prosody": "Prosody compared with the teacher",
    "judge_control": "The judge on an unrelated synthesizer (espeak-ng)",
    "speed": "Speed",
}


def register_tasks(register: Register) -> None:
    """Register text-to-speech and phonemization, each with its metric."""
    register.task(
        "text-to-speech",
        summary="Text to speech",
        use='tts = mmzoo.create("{name}")\nspeech = tts("Hello there.")\nspeech.save("hello.wav")',
        pipeline="text-to-speech",
        headlines={
            "rows.tts.wer": "wer",
            "rows.tts.per": "per",
            "rows.tts.ratings.mos.mean": "mos",
            "rows.tts.ratings.p808.mean": "mos",
        },
        sections={
            "speaking_rate_ratio": "Speaking rate relative to the teacher",
            "unseen_words": "Unseen words",
            "steps": "Steps",
            "seeds": "Seeds",
            **LINES,
        },
        tables="mmzoo_tts.results:tables",
        numbers="mmzoo_tts.results:numbers",
    )
    register.task(
        "phonemization",
        summary="Text to words and phones",
        use='phonemizer = mmzoo.create("{name}")\nprint(phonemizer("Doctor Smith paid $3.50.").phones)',
        headlines={"held_out_words.phone_error_rate": "per", "held_out_words.words_with_an_error": "wer"},
        sections={"held_out_words": "Held-out words, in neither the training data nor the lexicon"},
    )
    register.metric(
        "text-to-speech",
        "mmzoo_tts.evaluate:evaluate_tts",
        summary="Judges transcribe and rate synthesized held-out sentences and words",
        requires=("matplotlib>=3.9",),
    )
    register.metric(
        "phonemization",
        "mmzoo_tts.evaluate:evaluate_phonemizer",
        summary="Compares the letter-to-sound network with the phones of held-out words",
    )
