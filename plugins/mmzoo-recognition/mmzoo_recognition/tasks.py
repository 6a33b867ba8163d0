"""The task of recognition: how its models are used, measured and described. Nothing heavy is imported here."""

from __future__ import annotations

from mmzoo.hookspecs import CardText, Register

DIGITS = CardText(
    data="degraded-digits",
    language="en",
    intended="Recognizing digits from any of a picture, speech and text; research on fusion.",
    training=(
        "The training data are handwritten digits of 8 x 8 pixels, enlarged (the part of UCI's Optical Recognition of"
        " Handwritten Digits that comes with scikit-learn), their English names, and these names spoken by the"
        " synthesizers flite and espeak-ng, each at four levels of degradation (`degraded-digits`)."
    ),
    limits="The ten digits only: enlarged images of 8 x 8 pixels, English names spoken by synthesizers or written.",
    samples="Test digits, whole and degraded.",
)


def register_tasks(register: Register) -> None:
    """Recognition, with its metric."""
    register.task(
        "recognition",
        summary="Labels from any of several modalities",
        use=(
            'recognizer = mmzoo.create("{name}")\n'
            'labels = recognizer.recognize(image="digit.png", speech="word.wav", text="th_ee")\n'
            "print(labels.best, labels.probabilities[0])"
        ),
        headlines={
            "recognised.whole.image.accuracy": "accuracy",
            "recognised.whole.image+speech+text.accuracy": "accuracy",
            "recognised.degraded.image+speech+text.accuracy": "accuracy",
        },
        sections={
            "recognised": "Recognized",
            "all_against_best_single_on_degraded": "All modalities against the best single one, degraded",
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
        summary="Digits recognized, whole and degraded, by subset of modalities; and the tables of studies",
    )
