"""Tokenization tasks: how their models are used, evaluated and described. Nothing heavy is imported here."""

from __future__ import annotations

from mmzoo.hookspecs import CardText, Register

SPEECH = CardText(
    data="flite-speech",
    language="en",
    intended="Encoding 16 kHz speech as a few codes per frame, and as the latent space of other models.",
    training=(
        "Trained on synthetic speech: sentences from our own grammar, spoken by the voice `slt` of the synthesizer"
        " flite (CMU ARCTIC; flite's permissive license). The vocabulary is that of pocketsphinx's bundled English"
        " language model and pronouncing dictionary (CMU; BSD), read when the corpus is built. The model is distilled"
        " from that voice: no claim of human naturalness is made, and it heard no other voice in training."
    ),
    limits="One synthetic voice, English, 16 kHz. Not trained on other voices, noise or music.",
)
PICTURES = CardText(
    data="small-pictures",
    intended="Encoding small pictures as a few codes per patch, and as the latent space of other models.",
    training=(
        "Trained on scenes drawn by rule (`spoken-scenes`) and handwritten digits of 8 x 8 pixels, enlarged (the part"
        " of UCI's Optical Recognition of Handwritten Digits that comes with scikit-learn). It has seen no photographs."
    ),
    limits="Flat drawings and digits of 64 x 64 pixels; photographs come out blurred.",
    samples="First row: originals. Second row: reconstructions.",
)
TEXTS = CardText(
    data="flite-speech",
    language="en",
    intended="Encoding text as a few codes per two bytes, and as the latent space of other models.",
    training="Trained on sentences from our own grammar, with some bytes replaced at random.",
    limits="Made for short English sentences; other scripts work, with more errors.",
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
            'codes = tokenizer.tokenize(mmzoo.Audio.load("speech.wav"))  # 16 kHz\n'
            'tokenizer.reconstruct(codes).save("copy.wav")'
        ),
        pipeline="audio-to-audio",
        headlines={"rows.copy.wer": "wer", "rows.copy.per": "per", "distances.estoi": "estoi"},
        sections=SPEECH_LINES,
        tables="mmzoo.evaluation.tables:recognition_results",
        numbers="mmzoo_vqvae.results:speech_numbers",
    )
    register.task(
        "image-tokenization",
        summary="Pictures to codes and back",
        use=(
            'tokenizer = mmzoo.create("{name}")\ncodes = tokenizer.tokenize(mmzoo.Image.load("picture.png"))\n'
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
        summary="Reconstructs held-out speech; a judge listens to it",
        requires=("pystoi>=0.4.1", "matplotlib>=3.9"),
    )
    register.metric(
        "image-tokenization",
        "mmzoo_vqvae.evaluate_pictures:evaluate_picture_tokenizer",
        summary="Reconstructs held-out scenes and digits; a rule and a classifier read them",
    )
    register.metric(
        "text-tokenization",
        "mmzoo_vqvae.text_tokenizer:evaluate_text_tokenizer",
        summary="Reconstructs held-out sentences and compares characters",
    )
