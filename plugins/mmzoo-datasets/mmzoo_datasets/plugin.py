"""What mmzoo-datasets registers. Nothing heavy is imported here."""

from __future__ import annotations

from mmzoo.hookspecs import Register, hookimpl


@hookimpl
def mmzoo_register(register: Register) -> None:
    """The synthetic corpora, the lexicon, the adapters for public corpora, and the judges."""
    register.dataset(
        "flite-speech",
        "mmzoo_datasets.flite_speech:flite_speech",
        summary="Sentences of a grammar spoken by a flite voice, with phone times (needs flite)",
        modalities=("speech", "text"),
    )
    register.dataset(
        "natural-speech",
        "mmzoo_datasets.natural_speech:natural_speech",
        summary="Sentences that people wrote, spoken at 24 kHz by neural and other voices (needs their packages)",
        modalities=("speech", "text"),
    )
    register.dataset(
        "heldout-texts",
        "mmzoo_datasets.heldout_texts:heldout_texts",
        summary="Held-out sentences, words and questions as texts, or spoken by any voice",
        modalities=("text",),
    )
    register.dataset(
        "grammar-texts",
        "mmzoo_datasets.grammar_texts:grammar_texts",
        summary="Sentences of a grammar as text alone (needs pocketsphinx)",
        modalities=("text",),
    )
    register.dataset(
        "spoken-texts",
        "mmzoo_datasets.spoken_texts:spoken_texts",
        summary="Given texts spoken by a voice of flite, espeak-ng, or a neural one",
        modalities=("speech", "text"),
    )
    register.dataset(
        "english-lexicon",
        "mmzoo_datasets.lexicon:english_lexicon",
        summary="English words and flite's phones for them (needs flite)",
        modalities=("text",),
    )
    register.dataset(
        "russian-lexicon",
        "mmzoo_datasets.russian_lexicon:russian_lexicon",
        summary="Russian words and the phones of festvox-ru for them (needs festival)",
        modalities=("text",),
    )
    register.dataset(
        "ljspeech",
        "mmzoo_datasets.ljspeech:ljspeech",
        summary="LJSpeech from its own folder, with phone times by forced alignment",
        recognizes="mmzoo_datasets.own.recognize:ljspeech",
        modalities=("speech", "text"),
    )
    register.dataset(
        "festvox-ru",
        "mmzoo_datasets.festvox:festvox_ru",
        summary="99 minutes of recorded Russian with phone times, from Debian's package festvox-ru",
        recognizes="mmzoo_datasets.own.recognize:festvox",
        modalities=("speech", "text"),
    )
    register.dataset(
        "spoken-scenes",
        "mmzoo_datasets.scenes.spoken:spoken_scenes",
        summary="Drawn scenes, their captions, and the captions spoken by many voices (needs flite and espeak-ng)",
        modalities=("image", "text", "speech"),
    )
    register.dataset(
        "spoken-digits",
        "mmzoo_datasets.digits:spoken_digits",
        summary="Real handwritten digits, with names written and spoken by many voices (needs flite and espeak-ng)",
        modalities=("image", "text", "speech"),
    )
    register.dataset(
        "degraded-digits",
        "mmzoo_datasets.digits:degraded_digits",
        summary="Spoken digits at four levels of degradation of picture, sound and word",
        modalities=("image", "text", "speech"),
    )
    register.dataset(
        "spoken-words",
        "mmzoo_datasets.spoken_words:spoken_words",
        summary="Names of shapes and colors, spoken by many voices at many rates (needs flite and espeak-ng)",
        modalities=("speech", "text"),
    )
    register.dataset(
        "segmented-scenes",
        "mmzoo_datasets.segmented:segmented_scenes",
        summary="Overlapping shapes with textures and noise, and the class of each pixel",
        modalities=("image",),
    )
    register.dataset(
        "segmented-digits",
        "mmzoo_datasets.segmented:segmented_digits",
        summary="Handwritten digits on photographs and clutter, and the class of each pixel",
        modalities=("image",),
    )
    register.dataset(
        "small-pictures",
        "mmzoo_datasets.pictures:small_pictures",
        summary="The scenes and the digits as pictures of one size, without speech",
        modalities=("image",),
    )
    register.dataset(
        "imagenet-1k",
        "mmzoo_datasets.folders:imagenet",
        summary="ImageNet-1k from its own folder",
        recognizes="mmzoo_datasets.own.recognize:imagenet",
        modalities=("image", "text"),
    )
    register.dataset(
        "coco-captions",
        "mmzoo_datasets.folders:coco_captions",
        summary="COCO captions from its own folder",
        recognizes="mmzoo_datasets.own.recognize:coco",
        modalities=("image", "text"),
    )
    register.dataset(
        "librispeech",
        "mmzoo_datasets.folders:librispeech",
        summary="LibriSpeech from its own folder",
        recognizes="mmzoo_datasets.own.recognize:librispeech",
        modalities=("speech", "text"),
    )
    register.dataset(
        "speech-commands",
        "mmzoo_datasets.folders:speech_commands",
        summary="Speech Commands from its own folder",
        recognizes="mmzoo_datasets.own.recognize:speech_commands",
        modalities=("speech", "text"),
    )
    register.dataset(
        "image-folder",
        "mmzoo_datasets.own.folders:image_folder",
        summary="A folder of your own pictures, with classes by folder or a metadata file",
        recognizes="mmzoo_datasets.own.recognize:image_folder",
        modalities=("image", "text"),
    )
    register.dataset(
        "audio-folder",
        "mmzoo_datasets.own.folders:audio_folder",
        summary="A folder of your own sounds, with classes by folder or a metadata file",
        recognizes="mmzoo_datasets.own.recognize:audio_folder",
        modalities=("speech", "text"),
    )
    register.dataset(
        "parquet",
        "mmzoo_datasets.own.tables:parquet",
        summary="Your own parquet files, with pictures, sounds, texts or classes in any columns",
        recognizes="mmzoo_datasets.own.recognize:parquet",
        modalities=("image", "speech", "text"),
    )
    register.dataset(
        "csv",
        "mmzoo_datasets.own.tables:csv",
        summary="Your own csv, tsv, jsonl or txt file, with texts, classes, and paths of pictures and sounds",
        recognizes="mmzoo_datasets.own.recognize:table",
        modalities=("image", "speech", "text"),
    )
    register.dataset(
        "tokens",
        "mmzoo_datasets.own.tokens:tokens",
        summary="The codes that `mmzoo tokenize` wrote, with the other columns of their rows",
        recognizes="mmzoo_datasets.own.recognize:tokens",
        modalities=("image", "speech", "text"),
    )
    register.dataset(
        "hub",
        "mmzoo_datasets.own.hub:hub",
        summary="A dataset of the Hugging Face Hub, or a local folder that `datasets` reads",
        recognizes="mmzoo_datasets.own.recognize:saved",
        modalities=("image", "speech", "text"),
    )
    register.judge(
        "pocketsphinx",
        "mmzoo_datasets.judges.speech:PocketSphinx",
        summary="Transcribes words and phones of English speech, and scores how well a known text fits",
        license="bsd-2-clause",
        source="the package pocketsphinx and its bundled en-us models (CMU Sphinx)",
        independence="no part in training any model; the texts of flite-speech use words that it knows",
        tasks=("text-to-speech", "speech-tokenization", "voice-conversion", "speech-enhancement", "word-to-speech"),
        requires=("pocketsphinx>=5.1",),
    )
    register.judge(
        "whisper",
        "mmzoo_datasets.judges.whisper:Whisper",
        summary="Transcribes words of English speech with Whisper base",
        license="mit",
        source="OpenAI's Whisper base in CTranslate2's layout (Systran/faster-whisper-base), run by faster-whisper",
        independence="no part in training any model",
        tasks=("text-to-speech", "speech-tokenization", "voice-conversion", "speech-enhancement", "word-to-speech"),
        requires=("faster-whisper>=1.1",),
    )
    register.judge(
        "distill-mos",
        "mmzoo_datasets.judges.quality:DistillMOS",
        summary="Predicts a mean opinion score of speech",
        license="mit",
        source="the package distillmos, which carries its weights (Microsoft)",
        independence="no part in training any model",
        tasks=("text-to-speech", "speech-tokenization"),
        requires=("distillmos>=0.9",),
    )
    register.judge(
        "dnsmos",
        "mmzoo_datasets.judges.quality:DNSMOS",
        summary="Predicts scores of speech, noise and overall quality",
        license="mit",
        source="the package speechmos, which carries its weights (Microsoft)",
        independence="no part in training any model",
        tasks=("text-to-speech", "speech-tokenization"),
        requires=("speechmos>=0.0.1",),
    )
    register.judge(
        "resemblyzer",
        "mmzoo_datasets.judges.speakers:Resemblyzer",
        summary="Tells speakers apart",
        license="apache-2.0",
        source="the package resemblyzer, which carries its weights (Resemble AI)",
        independence="no part in training any model",
        tasks=("speaker-recognition",),
        requires=("resemblyzer>=0.1.4",),
    )
    register.judge(
        "caption-listener",
        "mmzoo_datasets.judges.captions:CaptionListener",
        summary="Transcribes spoken captions of scenes with their grammar",
        license="bsd-2-clause",
        source="the package pocketsphinx and its bundled en-us models; the grammar is this plugin's",
        independence="no part in training any model; it shares the grammar of captions with spoken-scenes",
        tasks=("image-to-speech",),
        requires=("pocketsphinx>=5.1",),
    )
    register.judge(
        "scene-reader",
        "mmzoo_datasets.judges.scenes:SceneReader",
        summary="Reads drawn scenes by rule",
        license="apache-2.0",
        source="this plugin's own code",
        independence="no part in training any model; nothing in it is learned",
        tasks=("text-to-image", "speech-to-image", "image-tokenization"),
    )
    register.judge(
        "digit-reader",
        "mmzoo_datasets.judges.digits:DigitReader",
        summary="Reads digits with a support vector machine trained on real ones",
        license="apache-2.0",
        source="this plugin's own code with scikit-learn, trained on its digits within a second",
        independence="no part in training any model; it is trained on the training digits of spoken-digits",
        tasks=("class-to-image", "image-tokenization"),
        requires=("scikit-learn>=1.5",),
    )
