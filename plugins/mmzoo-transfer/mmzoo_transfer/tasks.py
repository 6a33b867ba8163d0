"""The tasks of this plugin: how their models are used, measured and described. Nothing heavy is imported here."""

from __future__ import annotations

from mmzoo.hookspecs import CardText, Register

SPEECH_TO_IMAGE = CardText(
    data="spoken-scenes",
    language="en",
    intended="Drawing simple scenes from spoken captions; research on transfer between modalities.",
    training=(
        "The training speech is synthetic: captions of drawn scenes (`spoken-scenes`), spoken by the synthesizers flite"
        " and espeak-ng. The pictures are drawn by `vqvae-dit-text2image`."
    ),
    limits=(
        "Only the words of its captions, spoken clearly in English by a synthesizer. Other words are not recognized;"
        " noise and recordings of people were not tried. Voices unlike the training voices are recognized worse: see"
        " `unseen voice` in the results."
    ),
    samples="The first row is the original, the second is drawn from its spoken caption.",
)
IMAGE_TO_SPEECH = CardText(
    data="spoken-scenes",
    language="en",
    intended="Describing simple scenes aloud; research on transfer between modalities.",
    training=(
        "The training pictures are scenes drawn by rule, with captions of our own grammar (`spoken-scenes`), without"
        " some pairs of shape and color. The captions are spoken by `vqvae-dit-tts`, a synthetic voice."
    ),
    limits="Flat scenes of one to three objects as `spoken-scenes` draws them; one synthetic voice.",
    samples="The first row is the original, the second is drawn by `vqvae-dit-speech2image` from its description.",
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
            "artist_told_the_words": "Attributes right from the true words",
            "words_wrong": "Word errors",
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
            "captions_word_by_word": "Captions entirely right",
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
        summary="Scenes described aloud, transcribed by a recognizer, and drawn again",
    )
