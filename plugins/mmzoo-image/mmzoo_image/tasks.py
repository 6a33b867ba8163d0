"""Drawing tasks: how their models are used, evaluated and described. Nothing heavy is imported here."""

from __future__ import annotations

from mmzoo.hookspecs import CardText, Register

SCENES = CardText(
    data="spoken-scenes",
    language="en",
    intended="Drawing and editing simple scenes; research on small diffusion models.",
    training=(
        "Trained on scenes drawn by rule, with captions from our own grammar (`spoken-scenes`); some pairs of shape and"
        " color are held out. It has seen no photographs."
    ),
    limits="Flat scenes of one to three objects, described in the vocabulary of its captions; no photographs.",
    samples=(
        "Drawn: the first row is the original, the second is drawn from its caption. Edits, by row: original, baseline,"
        " model, and model with the caption."
    ),
)
DIGITS = CardText(
    data="spoken-digits",
    language="en",
    intended="Drawing and editing handwritten digits; research on small diffusion models.",
    training=(
        "Trained on handwritten digits of 8 x 8 pixels, enlarged (the part of UCI's Optical Recognition of Handwritten"
        " Digits that comes with scikit-learn)."
    ),
    limits="The ten digits as written by some 40 people, enlarged from 8 x 8 pixels.",
    samples=("Drawn: one row per digit. Edits, by row: original, baseline, model, and model with the digit's name."),
)


def register_tasks(register: Register) -> None:
    """Register text-to-image and class-to-image, each with its metric."""
    register.task(
        "text-to-image",
        summary="Text to pictures, and edits of pictures",
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
        summary="Class names to pictures, and edits of pictures",
        use='artist = mmzoo.create("{name}")\nartist("three", seed=0).save("three.png")',
        pipeline="text-to-image",
        headlines={"digits_right.drawn.share": "accuracy", "edits.denoise.model.psnr_db": "psnr"},
        sections={"digits_right": "Digits right", "variety": "Variety", "edits": "Edits", "speed": "Speed"},
        numbers="mmzoo_image.results:digit_numbers",
    )
    register.metric(
        "text-to-image",
        "mmzoo_image.evaluate:evaluate_text_to_image",
        summary="Draws scenes from captions and edits true ones; a rule reads the results",
    )
    register.metric(
        "class-to-image",
        "mmzoo_image.evaluate:evaluate_class_to_image",
        summary="Draws digits from their names and edits real ones; a classifier reads the results",
    )
