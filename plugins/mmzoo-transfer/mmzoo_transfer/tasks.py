"""The transfer tasks: how their models are used, measured and described. Imports nothing heavy."""

from __future__ import annotations

from mmzoo.hookspecs import CardText, Register

SPEECH_TO_IMAGE = CardText(
    data="spoken-scenes",
    language="en",
    intended="Generating simple scenes from spoken captions; research on transfer between modalities.",
    training=(
        "Trained on synthetic speech: captions of scenes (`spoken-scenes`) spoken by voices of the synthesizers flite"
        " and espeak-ng. `vqvae-dit-text2image` generates the images."
    ),
    limits=(
        "Only the words of its captions, spoken clearly in English by a synthesizer. Other words are not recognized;"
        " noise and recordings of people were not tested. Voices unlike those in the training data are recognized less"
        " well: see `unseen voice` in the results."
    ),
    samples="Reference scenes in the first row, images generated from their spoken captions in the second.",
)
IMAGE_TO_SPEECH = CardText(
    data="spoken-scenes",
    language="en",
    intended="Describing simple scenes aloud; research on transfer between modalities.",
    training=(
        "Trained on synthetic scenes with captions from our own grammar (`spoken-scenes`), with some pairs of shape"
        " and color held out. `vqvae-dit-tts`, a synthetic voice, speaks the captions."
    ),
    limits="Flat scenes of one to three objects in the style of `spoken-scenes`, described in one synthetic voice.",
    samples="Reference scenes in the first row; in the second, `vqvae-dit-speech2image` redraws them from the speech.",
)


def register_tasks(register: Register) -> None:
    """Register speech to images and images to speech, each with its metric."""
    register.task(
        "speech-to-image",
        summary="Speech to images",
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
            "artist_told_the_words": "Attributes right, given the true caption",
            "words_wrong": "Words wrong",
            "speed": "Speed",
        },
        numbers="mmzoo_transfer.results:numbers",
    )
    register.task(
        "image-to-speech",
        summary="Images to speech",
        use=(
            'bridge = mmzoo.create("{name}")\nimage = mmzoo.Image.load("scene.png")\n'
            'print(bridge.describe(image))\nbridge.transfer(image).save("caption.wav")'
        ),
        headlines={"attributes_heard.model.all.share": "accuracy", "round_trip.model.all.share": "accuracy"},
        sections={
            "attributes_heard": "Attributes heard",
            "attributes_written": "Attributes written",
            "captions_word_by_word": "Captions exactly right",
            "round_trip": "Round trip",
            "speed": "Speed",
        },
        numbers="mmzoo_transfer.results:numbers",
    )
    register.metric(
        "speech-to-image",
        "mmzoo_transfer.evaluate:evaluate_speech_to_image",
        summary="Generates scenes from spoken captions; a rule-based reader scores them",
    )
    register.metric(
        "image-to-speech",
        "mmzoo_transfer.evaluate:evaluate_image_to_speech",
        summary="Describes scenes aloud; a speech recognizer transcribes them, and they are drawn again",
    )
