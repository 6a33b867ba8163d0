"""The task of recognition: how its models are used, measured and described. Nothing heavy is imported here."""

from __future__ import annotations

from mmzoo.hookspecs import CardText, Register

DIGITS = CardText(
    data="degraded-digits",
    language="en",
    intended="Recognizing digits from any of a picture, speech and text; research on fusion.",
    training=(
        "What taught this model are handwritten digits of 8 x 8 pixels, enlarged (the part of UCI's Optical"
        " Recognition of Handwritten Digits that comes with scikit-learn), their English words, and these said by"
        " voices of the synthesizers flite and espeak-ng; degraded to four degrees (`degraded-digits`)."
    ),
    limits="The ten digits: as 8 x 8 pixels enlarged, as one English word said by synthesizers, and as it.",
    samples="Test digits, whole and degraded.",
)


def register_tasks(register: Register) -> None:
    """Recognition, with its metric."""
    register.task(
        "recognition",
        summary="Labels from any of several modalities",
        use=(
            'judge = mmzoo.create("{name}")\n'
            'labels = judge.recognise(image="digit.png", speech="word.wav", text="th_ee")\n'
            "print(labels.best, labels.probabilities[0])"
        ),
        headlines={
            "recognised.whole.image.accuracy": "accuracy",
            "recognised.whole.image+speech+text.accuracy": "accuracy",
            "recognised.degraded.image+speech+text.accuracy": "accuracy",
        },
        sections={
            "recognised": "Recognized",
            "all_against_best_single_on_degraded": "All against the best single modality, degraded",
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
