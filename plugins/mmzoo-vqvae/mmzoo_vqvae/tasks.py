"""The tokenization tasks: how their models are used, measured and described. Imports nothing heavy."""

from __future__ import annotations

from mmzoo.hookspecs import CardText, Register

SPEECH = CardText(
    data="natural-speech",
    language="en",
    intended="Encoding 24 kHz speech as a few codes per frame; the latent space of other models.",
    training=(
        "Trained on synthetic speech: sentences that people wrote (WordNet's usage examples, Debian's fortunes), spoken"
        " by `heart` of hibari-tts (Apache-2.0, distilled by its author from Kokoro-82M), the Piper voice `joe` (CC0)"
        " and three voices of flite (permissive license), two of them also at another pitch."
    ),
    limits="Five synthetic voices, English. The training data contain no noise or music.",
)
PICTURES = CardText(
    data="small-pictures",
    intended="Encoding small images as a few codes per patch; the latent space of other models.",
    training=(
        "Trained on synthetic scenes (`spoken-scenes`) and handwritten digits of 8 x 8 pixels, upscaled (the subset of"
        " UCI's Optical Recognition of Handwritten Digits that comes with scikit-learn). The training data contain no"
        " photographs."
    ),
    limits="Flat scenes and digits of 64 x 64 pixels; photographs come out blurred.",
    samples="Originals in the first row, reconstructions in the second.",
)
WORDS = CardText(
    data="grammar-texts",
    language="en",
    intended="Encoding English text as few codes, without errors; the codes of `vqvae-prior-text`.",
    training="Trained on sentences from our own grammar, and on single bytes at random.",
    limits=(
        "A text is cut into the fewest patches that their codes give back. Every byte of UTF-8 is one, so any text"
        " comes back exactly, but text unlike short English sentences takes more patches: up to 14 bits for each byte."
    ),
)
SPEECH_LINES = {"distances": "Copy against original", "codes": "Codes", "speed": "Speed"}
PICTURE_LINES = {"psnr_db": "PSNR of copies in dB", "codes": "Codes", "speed": "Speed"}


def register_tasks(register: Register) -> None:
    """Register a task and a metric for the tokenizers of each modality."""
    register.task(
        "speech-tokenization",
        summary="Speech to codes and back",
        use=(
            'tokenizer = mmzoo.create("{name}")\n'
            'codes = tokenizer.tokenize(mmzoo.Audio.load("speech.wav"))\n'
            'tokenizer.reconstruct(codes).save("copy.wav")'
        ),
        pipeline="audio-to-audio",
        headlines={
            "rows.copy.wer": "wer",
            "rows.copy.per": "per",
            "rows.copy.ratings.mos.mean": "mos",
            "distances.estoi": "estoi",
        },
        sections=SPEECH_LINES,
        tables="mmzoo_vqvae.results:speech_tables",
        numbers="mmzoo_vqvae.results:speech_numbers",
    )
    register.task(
        "image-tokenization",
        summary="Images to codes and back",
        use=(
            'tokenizer = mmzoo.create("{name}")\ncodes = tokenizer.tokenize(mmzoo.Image.load("image.png"))\n'
            'tokenizer.reconstruct(codes).save("copy.png")'
        ),
        pipeline="image-to-image",
        headlines={"digits_right.copy": "accuracy", "psnr_db.scenes": "psnr", "psnr_db.digits": "psnr"},
        sections={
            "scenes_right": "Scenes right",
            "scenes_lost": "Scenes lost",
            "digits_right": "Digits right",
            **PICTURE_LINES,
        },
        numbers="mmzoo_vqvae.results:picture_numbers",
    )
    register.task(
        "text-tokenization",
        summary="Text to codes and back",
        use=(
            'tokenizer = mmzoo.create("{name}")\ncodes = tokenizer.tokenize("Hello there.")\n'
            "print(tokenizer.reconstruct(codes))"
        ),
        headlines={"copies.cer": "cer", "copies.exact": "exact_match"},
        sections={"copies": "Copies of sentences", "codes": "Codes", "speed": "Speed"},
    )
    register.metric(
        "speech-tokenization",
        "mmzoo_vqvae.evaluate:evaluate_speech_tokenizer",
        summary="Reconstructs held-out speech from its codes; judges transcribe and rate it",
        requires=("pystoi>=0.4.1", "matplotlib>=3.9"),
    )
    register.metric(
        "image-tokenization",
        "mmzoo_vqvae.evaluate_pictures:evaluate_picture_tokenizer",
        summary="Reconstructs held-out scenes and digits from their codes; a rule and a classifier read them",
    )
    register.metric(
        "text-tokenization",
        "mmzoo_vqvae.text_tokenizer:evaluate_text_tokenizer",
        summary="Reconstructs held-out sentences from their codes and compares characters",
    )
