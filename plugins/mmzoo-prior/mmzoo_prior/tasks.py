"""The tasks of priors: how their models are used, measured and described. Imports nothing heavy."""

from __future__ import annotations

from mmzoo.hookspecs import CardText, Register

PICTURES = CardText(
    data="small-pictures",
    language="en",
    intended="Drawing handwritten digits and simple scenes from codes; research on generative models of codes.",
    training=(
        "Trained on the codes of synthetic scenes with captions from our own grammar (`spoken-scenes`), with some pairs"
        " of shape and color held out, and of handwritten digits of 8 x 8 pixels, upscaled (the subset of UCI's Optical"
        " Recognition of Handwritten Digits that comes with scikit-learn)."
    ),
    limits="Flat scenes of one to three objects in the vocabulary of their captions, and the ten digits.",
    samples="Digits: one row per digit. Scenes: references in the first row, generated ones in the second.",
)
SPEECH = CardText(
    data="spoken-words",
    language="en",
    intended="Saying single words in one of several synthetic voices; research on generative models of codes.",
    training="Trained on the codes of single words spoken by voices of flite and espeak-ng at several rates.",
    limits="The words and voices of its training data.",
)
TEXTS = CardText(
    data="grammar-texts",
    language="en",
    intended="Writing short sentences from codes, free or from a prompt; research on generative models of codes.",
    training="Trained on the codes of sentences from our own grammar.",
    limits="Grammatical but meaningless English sentences, each on its own.",
)
TEXT_LINES = {
    "likely": "As likely as held-out texts",
    "distinct": "Distinct n-grams",
    "copied": "Copied from training",
    "length": "Words in a text",
    "codes": "Codes",
    "speed": "Speed",
}


def register_tasks(register: Register) -> None:
    """Register generation of pictures, words and texts, each with its metric."""
    register.task(
        "image-generation",
        summary="Captions or class names to images, code by code",
        use='artist = mmzoo.create("{name}")\nartist("seven", seed=0, top_p=0.95).save("seven.png")',
        pipeline="text-to-image",
        headlines={"digits.model.right.share": "accuracy", "scenes.model.right.all.share": "accuracy"},
        sections={"digits": "Digits", "scenes": "Scenes"},
        numbers="mmzoo_prior.results:picture_numbers",
    )
    register.task(
        "word-to-speech",
        summary="Words to speech, code by code",
        use='speaker = mmzoo.create("{name}")\nspeaker("seven", voice="flite:slt", seed=0).save("seven.wav")',
        pipeline="text-to-speech",
        headlines={"right.model.share": "accuracy"},
        sections={"right": "Words recognized", "frechet": "Frechet distance", "variety": "Variety", "speed": "Speed"},
        numbers="mmzoo_prior.results:speech_numbers",
    )
    register.task(
        "text-generation",
        summary="New sentences, or the continuation of a prompt",
        use='writer = mmzoo.create("{name}")\nprint(writer(seed=0))\nprint(writer("The old teacher", temperature=0.8))',
        pipeline="text-generation",
        headlines={"likely.new": "likely_share", "copied.new": "copied_share"},
        sections=TEXT_LINES,
        numbers="mmzoo_prior.results:text_numbers",
    )
    register.metric(
        "image-generation",
        "mmzoo_prior.evaluate:evaluate_image_generation",
        summary="Generates digits and scenes beside diffusion models; a classifier and a rule score them",
    )
    register.metric(
        "word-to-speech",
        "mmzoo_prior.evaluate:evaluate_word_speech",
        summary="Generates words in the voices of training; a judge says which word fits best",
    )
    register.metric(
        "text-generation",
        "mmzoo_prior.evaluate:evaluate_text_generation",
        summary="Generates texts; an n-gram model of other texts scores them",
    )
