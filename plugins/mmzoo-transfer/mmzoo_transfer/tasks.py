"""The tasks of transfer: how their models are used, measured and described. Nothing heavy is imported here."""

from __future__ import annotations

from mmzoo.hookspecs import CardText, Register

SPEECH_TO_IMAGE = CardText(
    data="spoken-scenes",
    language="en",
    intended="Drawing simple scenes from spoken captions; research on transfer between modalities.",
    training=(
        "The speech that taught this model is synthetic: captions of drawn scenes (`spoken-scenes`), in voices of the"
        " synthesizers flite and espeak-ng. What draws is `vqvae-dit-text2image`."
    ),
    limits=(
        "The words of its captions, clearly spoken in English by a synthesizer; other words are not heard, and noise"
        " and recordings of people were not tried. A voice unlike those of its training is understood worse: see"
        " `unseen voice` among the results."
    ),
    samples="The first row is true, the second drawn from its spoken caption.",
)
IMAGE_TO_SPEECH = CardText(
    data="spoken-scenes",
    language="en",
    intended="Telling simple scenes aloud; research on transfer between modalities.",
    training=(
        "The pictures and captions that taught this model are scenes drawn by rule and told by our own grammar"
        " (`spoken-scenes`), without some pairs of shape and color. What speaks is `vqvae-dit-tts`, a synthetic"
        " voice."
    ),
    limits="Flat scenes of one to three things as `spoken-scenes` draws them, in one synthetic voice.",
    samples="The first row is true, the second drawn by `vqvae-dit-speech2image` from what was said of it.",
)


def register_tasks(register: Register) -> None:
    """Both ways between speech and pictures, each with its metric."""
    register.task(
        "speech-to-image",
        summary="Speech to pictures",
        use=(
            'bridge = mmzoo.create("{name}")\nspeech = mmzoo.Audio.load("caption.wav")\nprint(bridge.hear(speech))\n'
            'bridge.transfer(speech).save("scene.png")'
        ),
        headlines={
            "attributes_right.test.all.share": "accuracy",
            "attributes_right.unseen_voice.all.share": "accuracy",
            "words_wrong.test.rate": "wer",
            "words_wrong.unseen_voice.rate": "wer",
        },
        sections={
            "attributes_right": "Attributes right",
            "artist_told_the_words": "What draws, given the words",
            "words_wrong": "Words wrong",
            "speed": "Speed",
        },
        numbers="mmzoo_transfer.results:numbers",
    )
    register.task(
        "image-to-speech",
        summary="Pictures to speech",
        use=(
            'bridge = mmzoo.create("{name}")\npicture = mmzoo.Image.load("scene.png")\n'
            'print(bridge.describe(picture))\nbridge.transfer(picture).save("told.wav")'
        ),
        headlines={"attributes_heard.model.all.share": "accuracy", "round_trip.model.all.share": "accuracy"},
        sections={
            "attributes_heard": "Attributes heard",
            "attributes_written": "Attributes written",
            "captions_word_by_word": "Captions right word by word",
            "round_trip": "Round trip",
            "speed": "Speed",
        },
        numbers="mmzoo_transfer.results:numbers",
    )
    register.metric(
        "speech-to-image",
        "mmzoo_transfer.evaluate:evaluate_speech_to_image",
        summary="Scenes drawn from spoken captions, read by rule",
    )
    register.metric(
        "image-to-speech",
        "mmzoo_transfer.evaluate:evaluate_image_to_speech",
        summary="Scenes told aloud, heard by a recognizer, and drawn again",
    )
