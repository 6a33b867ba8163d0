"""The image generation tasks: how their models are used, measured and described. Imports nothing heavy."""

from __future__ import annotations

from mmzoo.hookspecs import CardText, Register

SCENES = CardText(
    data="spoken-scenes",
    language="en",
    intended="Generating and editing simple scenes; research on small diffusion models.",
    training=(
        "Trained on synthetic scenes with captions from our own grammar (`spoken-scenes`), with some pairs of shape"
        " and color held out. The training data contain no photographs."
    ),
    limits="Flat scenes of one to three objects, described in the vocabulary of its captions; no photographs.",
    samples=(
        "Drawn: reference scenes in the first row, images generated from their captions in the second. Edits, from top"
        " to bottom: the original, the baseline, the model, and the model given the caption."
    ),
)
DIGITS = CardText(
    data="spoken-digits",
    language="en",
    intended="Generating and editing handwritten digits; research on small diffusion models.",
    training=(
        "Trained on handwritten digits of 8 x 8 pixels, upscaled (the subset of UCI's Optical Recognition of"
        " Handwritten Digits that comes with scikit-learn)."
    ),
    limits="The ten digits in the handwriting of about 40 people, upscaled from 8 x 8 pixels.",
    samples=(
        "Drawn: one row per digit. Edits, from top to bottom: the original, the baseline, the model, and the model"
        " given the digit's name."
    ),
)
MASKS = CardText(
    data="segmented-scenes",
    language="en",
    intended="Drawing simple scenes whose layout is given; research on conditional diffusion models.",
    training=(
        "Trained on composed scenes of overlapping shapes with textures and noise, whose masks are known by"
        " construction (`segmented-scenes`)."
    ),
    limits="Flat scenes of six kinds of shapes at 64 x 64 pixels; no photographs.",
    samples="Masks in the first row, real pictures of them in the second, drawn ones in the third.",
)


def register_tasks(register: Register) -> None:
    """Register image generation from captions and from classes, each with its metric."""
    register.task(
        "text-to-image",
        summary="Text to images, and image editing",
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
        summary="Class names to images, and image editing",
        use='artist = mmzoo.create("{name}")\nartist("three", seed=0).save("three.png")',
        pipeline="text-to-image",
        headlines={"digits_right.drawn.share": "accuracy", "edits.denoise.model.psnr_db": "psnr"},
        sections={"digits_right": "Digits right", "variety": "Variety", "edits": "Edits", "speed": "Speed"},
        numbers="mmzoo_image.results:digit_numbers",
    )
    register.task(
        "mask-to-image",
        summary="Masks of classes to images",
        use='artist = mmzoo.create("{name}")\nartist.generate([""], masks=["mask.png"])[0].save("scene.png")',
        headlines={"iou.drawn.iou": "mean_iou"},
        sections={"iou": "Mean IoU", "by_class": "IoU by class", "variety": "Variety", "speed": "Speed"},
        numbers="mmzoo_image.results:mask_numbers",
    )
    register.metric(
        "mask-to-image",
        "mmzoo_image.evaluate_masks:evaluate_mask_to_image",
        summary="Draws pictures from held-out masks; a segmentation model finds the classes again",
    )
    register.metric(
        "text-to-image",
        "mmzoo_image.evaluate:evaluate_text_to_image",
        summary="Generates scenes from captions and edits held-out ones; a rule-based reader scores them",
    )
    register.metric(
        "class-to-image",
        "mmzoo_image.evaluate:evaluate_class_to_image",
        summary="Generates digits from their names and edits held-out ones; a classifier scores them",
    )
