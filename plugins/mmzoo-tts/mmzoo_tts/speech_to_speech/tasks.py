"""Voice conversion and speech enhancement: how their models are used, measured and described. Imports nothing heavy."""

from __future__ import annotations

from mmzoo.hookspecs import CardText, Register

TEACHERS = {"heart": "hibari:heart", "joe": "piper:joe", "slt": "flite:slt", "rms": "flite:rms"}
"""The voices of conversion, all of them synthesizers, and the teachers that speak them."""

REVOICE = CardText(
    data="natural-speech",
    language="en",
    intended=(
        "Giving English speech another voice, on a CPU, offline: anonymizing a recording, dubbing with one of the zoo's"
        " own voices, research on voice conversion."
    ),
    training=(
        "Trained on synthetic speech: sentences that people wrote (examples of WordNet, Debian's `fortunes`), spoken by"
        " `hibari-tts` (Apache-2.0; distilled by its author from Kokoro-82M), the CC0 Piper voice `joe`, and voices of"
        " the synthesizers flite (CMU ARCTIC; flite's permissive license) and espeak-ng, faster and slower, with noise."
        " Only the encoder of phones was trained; `vqvae-dit-tts` speaks them."
    ),
    limits=(
        "The target voices are the zoo's own synthesizers. The model cannot imitate a person, and must not be trained"
        " to imitate one without that person's consent. Do not use it to deceive anyone about who is speaking. Words,"
        " timing and pauses of the source are kept. Intonation, emphasis and emotion are those of the new voice, and"
        " questions are spoken like statements. Some phones are heard wrong, more of them in fast speech and of unknown"
        " speakers; what is said may change. English; several people at once, singing and music were not tested."
    ),
)
DENOISE = CardText(
    data="natural-speech",
    language="en",
    intended="Removing noise and some reverberation from recorded English speech, on a CPU, offline; research.",
    training=(
        "Trained on synthetic speech: sentences that people wrote (examples of WordNet, Debian's `fortunes`), spoken by"
        " `hibari-tts` (Apache-2.0), the CC0 Piper voice `joe`, and voices of the synthesizers flite and espeak-ng. The"
        " noises are made by our own code: white, pink, brown and band noise, hum, clicks, wind, babble of the same"
        " voices, and simple rooms, at signal-to-noise ratios from -5 to 20 dB."
    ),
    limits=(
        "Speech is synthesized again, not filtered: it sounds like what the model heard, and where noise covers speech,"
        " it may become other speech. Not for evidence, diagnosis, or anything that depends on exact samples: waveforms"
        " differ from the input's even without noise. Music and singing are treated as noise or garbled. Speakers"
        " unlike those of training are kept less well."
    ),
)


def register_tasks(register: Register) -> None:
    """Register voice conversion and speech enhancement, each with its metric."""
    register.task(
        "voice-conversion",
        summary="Speech in another voice",
        use=(
            'revoice = mmzoo.create("{name}")\nprint(revoice.voices)\n'
            'revoice("speech.wav", voice=revoice.voices[0]).save("other.wav")'
        ),
        pipeline="audio-to-audio",
        headlines={"rows.unseen.wer": "wer", "target_told.unseen.share": "accuracy"},
        sections={"similarity": "Similarity of speakers", "speed": "Speed"},
        tables="mmzoo_tts.speech_to_speech.results:conversion_tables",
        numbers="mmzoo_tts.speech_to_speech.results:conversion_numbers",
    )
    register.task(
        "speech-enhancement",
        summary="Speech without noise",
        use='denoise = mmzoo.create("{name}")\ndenoise("noisy.wav").save("clean.wav")',
        pipeline="audio-to-audio",
        headlines={"rows.model.wer": "wer", "rows.model.overall": "dnsmos"},
        sections={"speed": "Speed"},
        tables="mmzoo_tts.speech_to_speech.results:enhancement_tables",
        numbers="mmzoo_tts.speech_to_speech.results:enhancement_numbers",
    )
    register.metric(
        "voice-conversion",
        "mmzoo_tts.speech_to_speech.evaluate_conversion:evaluate_conversion",
        summary="Converts held-out speech of known and unknown voices; judges transcribe it and recognize the speaker",
        requires=("matplotlib>=3.9",),
    )
    register.metric(
        "speech-enhancement",
        "mmzoo_tts.speech_to_speech.evaluate_enhancement:evaluate_enhancement",
        summary="Removes noise from held-out speech; judges rate and transcribe it, beside spectral gating",
        requires=("matplotlib>=3.9", "noisereduce>=3.0"),
    )
