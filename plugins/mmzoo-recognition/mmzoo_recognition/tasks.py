"""The recognition task: how its models are used, measured and described. Imports nothing heavy."""

from __future__ import annotations

from mmzoo.hookspecs import CardText, Register

DIGITS = CardText(
    data="degraded-digits",
    language="en",
    intended="Recognizing digits from any of image, speech and text; research on multimodal fusion.",
    training=(
        "Trained on handwritten digits of 8 x 8 pixels, upscaled (the subset of UCI's Optical Recognition of"
        " Handwritten Digits that comes with scikit-learn), their English names, and these names spoken by voices of"
        " the synthesizers flite and espeak-ng, all degraded at four levels (`degraded-digits`)."
    ),
    limits="The ten digits only: images upscaled from 8 x 8 pixels, and English words, written or synthesized.",
    samples="Test digits, clean and degraded.",
)

DIGIT_WORDS = dict(zip("0123456789", "zero one two three four five six seven eight nine".split(), strict=True))
DENOISED_DIGITS = CardText(
    data="spoken-digits",
    language="en",
    intended="Research on classification by generative models.",
    training=(
        "Only a temperature is trained, on handwritten digits (the subset of UCI's Optical Recognition of Handwritten"
        " Digits that comes with scikit-learn) that `vqvae-dit-digits`, which it holds, was not trained on."
    ),
    limits="The ten digits only; hundreds of evaluations of a network for one picture.",
    samples="Test digits: clean, with noise, and occluded.",
)
SHAPES = CardText(
    data="segmented-scenes",
    language="en",
    intended="Research on segmentation, and on what the features of a generator are good for.",
    training=(
        "Trained on composed scenes of overlapping shapes with textures and noise, whose masks are known by"
        " construction (`segmented-scenes`)."
    ),
    limits="Six flat shapes; no photographs.",
    samples="Test scenes, their true masks, and the model's.",
)


def register_tasks(register: Register) -> None:
    """Register recognition, classification by diffusion and segmentation, each with its metric."""
    register.task(
        "diffusion-classification",
        summary="Labels from a generator's denoising errors",
        use=(
            'model = mmzoo.create("{name}")\n'
            'labels = model.recognize(image="digit.png")\n'
            "print(labels.best, labels.probabilities[0])"
        ),
        pipeline="image-classification",
        headlines={"scores.clean.accuracy": "accuracy", "scores.strong noise.accuracy": "accuracy"},
        sections={"scores": "Scores", "budgets": "Budgets", "cost": "Cost"},
        tables="mmzoo_recognition.results:diffusion_tables",
        numbers="mmzoo_recognition.results:diffusion_numbers",
    )
    register.metric(
        "diffusion-classification",
        "mmzoo_recognition.evaluate_diffusion:evaluate_diffusion_classification",
        summary="Accuracy and calibration on digits, clean, noisy and occluded, and by number of evaluations",
    )
    register.task(
        "recognition",
        summary="Labels from any of several modalities",
        use=(
            'model = mmzoo.create("{name}")\n'
            'labels = model.recognize(image="digit.png", speech="word.wav", text="th_ee")\n'
            "print(labels.best, labels.probabilities[0])"
        ),
        headlines={
            "recognised.whole.image.accuracy": "accuracy",
            "recognised.whole.image+speech+text.accuracy": "accuracy",
            "recognised.degraded.image+speech+text.accuracy": "accuracy",
        },
        sections={
            "recognised": "Recognized",
            "all_against_best_single_on_degraded": "All modalities against the best single one, degraded inputs",
            "tables.arms": "Arms",
            "tables.imbalance": "Rare classes",
            "speed": "Speed",
        },
        tables="mmzoo_recognition.results:tables",
        numbers="mmzoo_recognition.results:numbers",
    )
    register.metric(
        "recognition",
        "mmzoo_recognition.evaluate:evaluate_recognition",
        summary="Accuracy on clean and degraded digits for each subset of modalities; `--tables` prints the studies",
    )
    register.task(
        "segmentation",
        summary="The class of each pixel of an image",
        use=(
            'model = mmzoo.create("{name}")\n'
            'result = model.segment("scene.png")\n'
            "print(result.areas)\n"
            'result.overlay(mmzoo.Image.load("scene.png")).save("overlay.png")'
        ),
        pipeline="image-segmentation",
        headlines={"iou.mean.iou": "mean_iou"},
        sections={"iou": "Intersection over union", "pixels": "Pixels", "speed": "Speed"},
        tables="mmzoo_recognition.results:segmentation_tables",
        numbers="mmzoo_recognition.results:segmentation_numbers",
    )
    register.metric(
        "segmentation",
        "mmzoo_recognition.evaluate_segmentation:evaluate_segmentation",
        summary="Intersection over union of each class on held-out pictures",
    )
