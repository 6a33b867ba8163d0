"""What mmzoo-tts registers. Nothing heavy is imported here."""

from __future__ import annotations

from typing import Any

from mmzoo.hookspecs import Register, Weights, hookimpl
from mmzoo_tts import tasks
from mmzoo_tts.inventory import MARKED
from mmzoo_tts.speech_to_speech import tasks as speech_tasks

RUSSIAN_LETTERS = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"
RUSSIAN_PHONES = (
    "pau a aa ae ay b bb c ch d dd e ee f ff g gg h hh i ii j k kk l ll m mm n nn oo p pp r rr s sch sh ss t tt u ur uu"
    " v vv y yy z zh zz"
).split()
ROWS = {
    "speaker": ["slt"],
    "phones": [["pau", "aa", "r", "pau"], ["pau", "aa", "pau"]],
    "phone_set": ["flite"],
}
"""Columns that the conformance kit's made-up rows need for this head."""
CODEC = {"model": "vqvae-speech"}


def over_codec(width: int, depth: int, heads: int) -> dict[str, Any]:
    """The slots of a model of speech enhancement, without its codec: the encoder, the backbone and the sampler."""
    return {
        "speech": {"name": "speech-convnext", "width": width, "depth": depth, "standardize": False},
        "backbone": {
            "name": "dit",
            "width": width,
            "depth": depth,
            "heads": heads,
            "in_channels": 36,
            "aligned_channels": {"speech": width, "prior": 36},
            "shared_modulation": True,
            "step_size": True,
        },
        "sampler": {"name": "shortcut"},
    }


@hookimpl
def mmzoo_register(register: Register) -> None:
    """The text frontend, the TTS head, their models, and `mmzoo say`."""
    tasks.register_tasks(register)
    speech_tasks.register_tasks(register)
    fresh = {"tokenizer": {**CODEC, "pretrained": False}}
    register.head(
        "phonemizer",
        "mmzoo_tts.phonemizer:Phonemizer",
        summary="English text to words and phones",
        runner="mmzoo_tts.runner:Phonemes",
        modalities=("text",),
        trials=[{"rows": [{"word": "cat", "phones": "k ae t"}, {"word": "planet", "phones": "p l ae n ax t"}]}],
    )
    register.head(
        "letter-phonemizer",
        "mmzoo_tts.letter_phonemizer:LetterPhonemizer",
        summary="Text of any alphabet to words and phones",
        runner="mmzoo_tts.runner:LetterPhonemes",
        modalities=("text",),
        trials=[
            {
                "letters": "акот",
                "phones": ["pau", "a", "k", "oo", "t"],
                "rows": [{"word": "кот", "phones": "k oo t"}, {"word": "такт", "phones": "t a k t"}],
            }
        ],
    )
    register.head(
        "tts",
        "mmzoo_tts.head:TextToSpeech",
        summary="Text to speech over a tokenizer's latents",
        runner="mmzoo_tts.runner:Voice",
        modalities=("text", "speech"),
        trials=[
            {
                "dim": 36,
                "width": 32,
                "voices": ["slt"],
                "rows": ROWS,
                "slots": {
                    "phonemizer": {"model": "phonemizer-en", "pretrained": False},
                    **fresh,
                    "text": {"name": "symbols", "vocabulary": 41, "width": 32, "depth": 1},
                    "backbone": {
                        "name": "dit",
                        "width": 32,
                        "depth": 1,
                        "heads": 2,
                        "in_channels": 36,
                        "vector_channels": {"voice": 32},
                        "aligned_channels": {"text": 32, "prior": 36},
                    },
                    "sampler": "euler",
                },
            }
        ],
    )
    register.head(
        "voice-conversion",
        "mmzoo_tts.speech_to_speech.conversion:VoiceConversion",
        summary="Speech in another voice: its phones and their times, spoken by a synthesizer",
        modalities=("speech",),
        trials=[
            {
                "width": 32,
                "spread": 0.2,
                "snr_db": [10, 40],
                "rows": ROWS,
                "slots": {
                    "synthesizer": {"model": "vqvae-dit-tts", "pretrained": False},
                    "speech": {"name": "speech-convnext", "width": 32, "depth": 1},
                },
            }
        ],
    )
    register.head(
        "speech-enhancement",
        "mmzoo_tts.speech_to_speech.enhancement:SpeechEnhancement",
        summary="Speech without noise, over a tokenizer's latents",
        modalities=("speech",),
        trials=[{"dim": 36, "width": 32, "snr_db": [-5, 20], "slots": {**fresh, **over_codec(32, 1, 2)}}],
    )
    register.command("say", "mmzoo_tts.cli:say", summary="Speak a text into a WAV file")
    register.command("revoice", "mmzoo_tts.speech_to_speech.cli:revoice", summary="Give speech another voice")
    register.command(
        "denoise-speech", "mmzoo_tts.speech_to_speech.cli:denoise_speech", summary="Remove noise from speech"
    )
    register.command(
        "demo", "mmzoo_tts.demo:demo", summary="Say a sentence with the bundled voice and have a judge transcribe it"
    )
    register.model(
        "phonemizer-en",
        task="phonemization",
        modalities=("text",),
        summary="English text to flite's phones: normalizer, lexicon, and a letter-to-sound network",
        card=tasks.PHONEMIZER,
        recipe={"head": {"name": "phonemizer"}},
        weights=[Weights("flite", license="apache-2.0")],
    )
    register.model(
        "phonemizer-ru",
        task="phonemization",
        modalities=("text",),
        summary="Russian text to the phones of festvox-ru: lexicon, and a letter-to-sound network",
        card=tasks.RUSSIAN_PHONEMIZER,
        recipe={"head": {"name": "letter-phonemizer", "letters": RUSSIAN_LETTERS, "phones": RUSSIAN_PHONES}},
    )
    register.model(
        "vqvae-dit-tts",
        task="text-to-speech",
        modalities=("text", "speech"),
        summary="English speech in four voices: a diffusion transformer of one step over the latents of vqvae-speech",
        card=tasks.VOICE,
        recipe={
            "head": {
                "name": "tts",
                "dim": 36,
                "width": 192,
                "voices": ["heart", "joe", "slt", "rms"],
                "phones": list(MARKED),
                "num_steps": 1,
            },
            "phonemizer": {"model": "phonemizer-en"},
            "tokenizer": CODEC,
            "text": {"name": "symbols", "vocabulary": len(MARKED), "width": 192, "depth": 3},
            "backbone": {
                "name": "dit",
                "width": 192,
                "depth": 5,
                "heads": 3,
                "in_channels": 36,
                "vector_channels": {"voice": 192},
                "aligned_channels": {"text": 192, "prior": 36},
                "position": "rope-1d",
                "shared_modulation": True,
                "step_size": True,
            },
            "sampler": {"name": "shortcut", "finest": 16},
        },
        weights=[Weights("english", license="apache-2.0")],
    )
    register.model(
        "vqvae-dit-revoice",
        task="voice-conversion",
        modalities=("speech",),
        summary="Speech in another voice: its phones, heard by a small encoder, spoken by vqvae-dit-tts",
        card=speech_tasks.REVOICE,
        recipe={
            "head": {
                "name": "voice-conversion",
                "width": 192,
                "phones": list(MARKED),
                "spread": 0.25,
                "snr_db": [10, 45],
            },
            "synthesizer": {"model": "vqvae-dit-tts"},
            "speech": {"name": "speech-convnext", "width": 192, "depth": 6},
        },
        weights=[Weights("english", license="apache-2.0")],
    )
    register.model(
        "vqvae-dit-denoise",
        task="speech-enhancement",
        modalities=("speech",),
        summary="Speech without noise: a diffusion transformer over the latents of vqvae-speech",
        card=speech_tasks.DENOISE,
        recipe={
            "head": {"name": "speech-enhancement", "dim": 36, "width": 96, "snr_db": [-5, 20]},
            "tokenizer": CODEC,
            **over_codec(96, 4, 4),
        },
    )
