"""What cards say by task: how a model is used, and of the zoo's own models what they are for, learned and cannot do."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PIPELINES = {
    "text-to-speech": "text-to-speech",
    "speech-tokenization": "audio-to-audio",
    "image-tokenization": "image-to-image",
    "text-to-image": "text-to-image",
    "class-to-image": "text-to-image",
}
USES = {
    "text-to-speech": 'tts = mmzoo.create("{name}")\nspeech = tts("Hello there.")\nspeech.save("hello.wav")',
    "speech-tokenization": (
        'tokenizer = mmzoo.create("{name}")\ncodes = tokenizer.tokenize(mmzoo.Audio.load("speech.wav"))  # 16 kHz\n'
        'tokenizer.reconstruct(codes).save("copy.wav")'
    ),
    "image-tokenization": (
        'tokenizer = mmzoo.create("{name}")\ncodes = tokenizer.tokenize(mmzoo.Image.load("picture.png"))\n'
        'tokenizer.reconstruct(codes).save("copy.png")'
    ),
    "text-tokenization": (
        'tokenizer = mmzoo.create("{name}")\ncodes = tokenizer.tokenize("Hello there.")\n'
        "print(tokenizer.reconstruct(codes))"
    ),
    "text-to-image": (
        'artist = mmzoo.create("{name}")\nartist("a large red circle on a black background").save("red.png")\n'
        'artist.denoise([mmzoo.Image.load("noisy.png")])[0].save("clean.png")'
    ),
    "class-to-image": 'artist = mmzoo.create("{name}")\nartist("three", seed=0).save("three.png")',
    "speech-to-image": (
        'bridge = mmzoo.create("{name}")\nspeech = mmzoo.Audio.load("caption.wav")\nprint(bridge.hear(speech))\n'
        'bridge.transfer(speech).save("scene.png")'
    ),
    "image-to-speech": (
        'bridge = mmzoo.create("{name}")\npicture = mmzoo.Image.load("scene.png")\nprint(bridge.describe(picture))\n'
        'bridge.transfer(picture).save("told.wav")'
    ),
    "recognition": (
        'judge = mmzoo.create("{name}")\nlabels = judge.recognise(image="digit.png", speech="word.wav", text="th_ee")\n'
        "print(labels.best, labels.probabilities[0])"
    ),
    "phonemization": 'phonemizer = mmzoo.create("{name}")\nprint(phonemizer("Doctor Smith paid $3.50.").phones)',
}


@dataclass(frozen=True, slots=True)
class Texts:
    """What is true of models of one task that learned from one dataset of ours.

    intended: what they are for. teacher: what taught them. limits: what they cannot do. samples: how to read them.
    language: of what they read or say.
    """

    data: str
    intended: str
    teacher: str
    limits: str
    samples: str = ""
    language: str | None = None


VOICE = (
    "The speech that taught this model is synthetic: sentences of our own grammar, spoken by the voice `slt` of the"
    " synthesiser flite (CMU ARCTIC; flite's permissive licence). The words of those sentences are the ones that"
    " pocketsphinx's bundled English language model and pronouncing dictionary (CMU; BSD) know, read when the corpus"
    " is built. The model is distilled from that voice; nothing here claims human naturalness, and other voices were"
    " not heard in training."
)
SPEECH_LIMITS = "One synthetic voice, English, 16 kHz. Speech of other voices, noise and music were never heard."
OWN = {
    "text-to-speech": Texts(
        data="flite-speech",
        language="en",
        intended="Reading English text aloud in one voice, on a CPU, offline; research on small speech models.",
        teacher=VOICE,
        limits=SPEECH_LIMITS,
    ),
    "speech-tokenization": Texts(
        data="flite-speech",
        language="en",
        intended="Coding 16 kHz speech as a few codes a frame, and as the latent space of other models.",
        teacher=VOICE,
        limits=SPEECH_LIMITS,
    ),
    "image-tokenization": Texts(
        data="small-pictures",
        intended="Coding small pictures as a few codes a square, and as the latent space of other models.",
        teacher=(
            "The pictures that taught this model are scenes drawn by rule (`spoken-scenes`) and handwritten digits of"
            " 8 x 8 pixels, enlarged (the part of UCI's Optical Recognition of Handwritten Digits that comes with"
            " scikit-learn). It has seen no photograph."
        ),
        limits="Flat drawings and digits of 64 x 64 pixels; photographs come out smeared.",
        samples="The first row is true, the second copied.",
    ),
    "text-tokenization": Texts(
        data="flite-speech",
        language="en",
        intended="Coding text as a few codes for every two bytes, and as the latent space of other models.",
        teacher="The texts that taught this model are sentences of our own grammar, with some bytes changed at random.",
        limits="Made for short English sentences; other scripts survive, with more errors.",
    ),
    "text-to-image": Texts(
        data="spoken-scenes",
        language="en",
        intended="Drawing and editing simple scenes; research on small diffusion models.",
        teacher=(
            "The pictures that taught this model are scenes drawn by rule and told by our own grammar"
            " (`spoken-scenes`), without some pairs of shape and colour. It has seen no photograph."
        ),
        limits="Flat scenes of one to three things in the words of its captions; no photographs.",
        samples=(
            "Drawn: the first row is true, the second drawn from its caption. Edits: true, by the plain method, by"
            " the model, and by the model with the caption."
        ),
    ),
    "class-to-image": Texts(
        data="spoken-digits",
        language="en",
        intended="Drawing and editing handwritten digits; research on small diffusion models.",
        teacher=(
            "The pictures that taught this model are handwritten digits of 8 x 8 pixels, enlarged (the part of UCI's"
            " Optical Recognition of Handwritten Digits that comes with scikit-learn)."
        ),
        limits="The ten digits in the hand of some 40 people, as 8 x 8 pixels enlarged.",
        samples=(
            "Drawn: one row for each digit. Edits: true, by the plain method, by the model, and by the model with the"
            " digit's name."
        ),
    ),
    "speech-to-image": Texts(
        data="spoken-scenes",
        language="en",
        intended="Drawing simple scenes from spoken captions; research on transfer between modalities.",
        teacher=(
            "The speech that taught this model is synthetic: captions of drawn scenes (`spoken-scenes`), in voices of"
            " the synthesisers flite and espeak-ng. What draws is `vqvae-dit-text2image`."
        ),
        limits=(
            "The words of its captions, clearly spoken in English by a synthesiser; other words are not heard, and"
            " noise and recordings of people were not tried. A voice unlike those of its training is understood worse:"
            " see `unseen voice` among the results."
        ),
        samples="The first row is true, the second drawn from its spoken caption.",
    ),
    "image-to-speech": Texts(
        data="spoken-scenes",
        language="en",
        intended="Telling simple scenes aloud; research on transfer between modalities.",
        teacher=(
            "The pictures and captions that taught this model are scenes drawn by rule and told by our own grammar"
            " (`spoken-scenes`), without some pairs of shape and colour. What speaks is `vqvae-dit-tts`, a synthetic"
            " voice."
        ),
        limits="Flat scenes of one to three things as `spoken-scenes` draws them, in one synthetic voice.",
        samples="The first row is true, the second drawn by `vqvae-dit-speech2image` from what was said of it.",
    ),
    "recognition": Texts(
        data="degraded-digits",
        language="en",
        intended="Recognising digits from any of a picture, speech and text; research on fusion.",
        teacher=(
            "What taught this model are handwritten digits of 8 x 8 pixels, enlarged (the part of UCI's Optical"
            " Recognition of Handwritten Digits that comes with scikit-learn), their English words, and these said by"
            " voices of the synthesisers flite and espeak-ng; degraded to four degrees (`degraded-digits`)."
        ),
        limits="The ten digits: as 8 x 8 pixels enlarged, as one English word said by synthesisers, and as it.",
        samples="Test digits, whole and degraded.",
    ),
    "phonemization": Texts(
        data="english-lexicon",
        language="en",
        intended="Turning English text into words and phones for a synthesiser.",
        teacher=(
            "The phones that taught this model are those of the synthesiser flite (flite's permissive licence) for"
            " the words of the CMU pronouncing dictionary that pocketsphinx brings; the lexicon beside the weights"
            " holds them."
        ),
        limits="American English; words outside the lexicon are read by a small network that errs often.",
    ),
}


def shown(said: object) -> str:
    """What a file of a model repo says, on one line, with nothing in it that a terminal or a page would obey."""
    printable = "".join(c if c.isprintable() else " " for c in str(said))
    return html.escape(" ".join(printable.split()), quote=False)


def texts(task: str, training: Mapping[str, Any] | None) -> Texts:
    """What to say of a model. Of one that learned from data of other people nothing is claimed but their name."""
    data = str(training["data"]["name"]) if training else ""
    own = OWN.get(task)
    if own is not None and own.data == data:
        return own
    told = f"What taught this model is the dataset `{shown(data)}`." if data else ""
    return Texts(data, "", told, "Nothing is known of what its training data lack; what was measured stands above.")
