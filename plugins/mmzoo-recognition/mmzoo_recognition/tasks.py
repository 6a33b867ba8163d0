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


def register_tasks(register: Register) -> None:
    """Register recognition with its metric."""
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
