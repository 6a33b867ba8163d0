"""The tasks of drawing: how their models are used, measured and described. Nothing heavy is imported here."""

from __future__ import annotations

from mmzoo.hookspecs import CardText, Register

SCENES = CardText(
    data="spoken-scenes",
    language="en",
    intended="Drawing and editing simple scenes; research on small diffusion models.",
    training=(
        "The pictures that taught this model are scenes drawn by rule and told by our own grammar (`spoken-scenes`),"
        " without some pairs of shape and color. It has seen no photograph."
    ),
    limits="Flat scenes of one to three things in the words of its captions; no photographs.",
    samples=(
        "Drawn: the first row is true, the second drawn from its caption. Edits: true, by the plain method, by the"
        " model, and by the model with the caption."
    ),
)
DIGITS = CardText(
    data="spoken-digits",
    language="en",
    intended="Drawing and editing handwritten digits; research on small diffusion models.",
    training=(
        "The pictures that taught this model are handwritten digits of 8 x 8 pixels, enlarged (the part of UCI's"
        " Optical Recognition of Handwritten Digits that comes with scikit-learn)."
    ),
    limits="The ten digits in the hand of some 40 people, as 8 x 8 pixels enlarged.",
    samples=(
        "Drawn: one row for each digit. Edits: true, by the plain method, by the model, and by the model with the"
        " digit's name."
    ),
)


def register_tasks(register: Register) -> None:
    """Drawing from captions and from classes, each with its metric."""
    register.task(
        "text-to-image",
        summary="Words to pictures, and edits of pictures",
        use=(
            'artist = mmzoo.create("{name}")\nartist("a large red circle on a black background").save("red.png")\n'
            'artist.denoise([mmzoo.Image.load("noisy.png")])[0].save("clean.png")'
        ),
        pipeline="text-to-image",
        headlines={
            "attributes_right.one.all.share": "accuracy",
            "attributes_right.two.all.share": "accuracy",
            "edits.inpaint.model_told.psnr_db": "psnr",
            "edits.denoise.model.psnr_db": "psnr",
            "edits.upscale.model.psnr_db": "psnr",
        },
        sections={"steps": "Steps", "attributes_right": "Attributes right", "edits": "Edits", "speed": "Speed"},
        numbers="mmzoo_image.results:scene_numbers",
    )
    register.task(
        "class-to-image",
        summary="Names of classes to pictures, and edits of pictures",
        use='artist = mmzoo.create("{name}")\nartist("three", seed=0).save("three.png")',
        pipeline="text-to-image",
        headlines={"digits_right.drawn.share": "accuracy", "edits.denoise.model.psnr_db": "psnr"},
        sections={"digits_right": "Digits right", "variety": "Variety", "edits": "Edits", "speed": "Speed"},
        numbers="mmzoo_image.results:digit_numbers",
    )
    register.metric(
        "text-to-image",
        "mmzoo_image.evaluate:evaluate_text_to_image",
        summary="Scenes drawn from captions and true ones edited, read by rule",
    )
    register.metric(
        "class-to-image",
        "mmzoo_image.evaluate:evaluate_class_to_image",
        summary="Digits drawn from their words and real ones edited, read by a classifier",
    )
