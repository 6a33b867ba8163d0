"""What mmzoo-vqvae registers. Nothing heavy is imported here."""

from __future__ import annotations

from mmzoo.hookspecs import Register, Weights, hookimpl
from mmzoo_vqvae import tasks

SMALL_SPEECH = {
    "name": "source-filter-autoencoder",
    "dim": 6,
    "sample_rate": 8000,
    "window": 320,
    "hop": 80,
    "width": 16,
    "depth": 1,
    "latent_depth": 1,
    "decoder_width": 16,
    "decoder_depth": 1,
}
"""An autoencoder that the conformance kit can train."""


@hookimpl
def mmzoo_register(register: Register) -> None:
    """Register quantizers, autoencoders, the EnCodec format, VQ-VAE heads and models."""
    tasks.register_tasks(register)
    register.quantizer(
        "vq",
        "mmzoo_vqvae.vector:VectorQuantizer",
        summary="Learned EMA codebooks; product VQ with more than one group",
        trials=[{"dim": 8, "codebook_size": 16, "groups": 2}, {"dim": 8, "codebook_size": 16, "estimator": "rotation"}],
    )
    register.quantizer(
        "rvq",
        "mmzoo_vqvae.residual:ResidualVectorQuantizer",
        summary="Residual VQ with learned EMA codebooks",
        trials=[{"dim": 8, "codebook_size": 16, "levels": 3}],
    )
    register.quantizer(
        "fsq",
        "mmzoo_vqvae.scalar:FiniteScalarQuantizer",
        summary="Finite scalar quantization, without a learned codebook",
        trials=[{"levels": [8, 5, 5, 5]}, {"levels": [4, 4, 3, 3], "dim": 10, "per_codebook": 2}],
    )
    register.encoder(
        "source-filter-autoencoder",
        "mmzoo_vqvae.source_filter:SourceFilterAutoencoder",
        summary="Speech autoencoder whose decoder filters a pulse train and noise in the STFT domain",
        modalities=("speech",),
        trials=[{key: value for key, value in SMALL_SPEECH.items() if key != "name"}],
    )
    register.encoder(
        "seanet",
        "mmzoo_vqvae.seanet:SEANet",
        summary="Convolutional waveform autoencoder of SoundStream and EnCodec",
        modalities=("speech",),
        trials=[
            {"dim": 6, "sample_rate": 16000, "ratios": [5, 4, 2], "width": 4, "lstm_layers": 1},
            {"dim": 6, "ratios": [3, 2], "width": 4, "lstm_layers": 0, "causal": False, "shortcut": False},
        ],
    )
    register.critic(
        "multi-resolution",
        "mmzoo_vqvae.critics:MultiResolution",
        summary="Judges speech by complex spectrograms of several windows",
        modalities=("speech",),
        trials=[{"windows": [64, 128], "channels": [4, 8]}, {"windows": [64], "cuts": [0.3], "channels": [4, 8]}],
    )
    register.critic(
        "multi-period",
        "mmzoo_vqvae.critics:MultiPeriod",
        summary="Judges speech by waveforms folded at several periods",
        modalities=("speech",),
        trials=[{"periods": [2, 3], "channels": [4, 8]}],
    )
    register.format(
        "encodec",
        "mmzoo_vqvae.encodec:EncodecFormat",
        summary="EnCodec as saved by transformers: mono, weight normalization",
        modalities=("speech",),
        detect={"model_type": "encodec"},
        trials=[
            {
                "num_filters": 4,
                "hidden_size": 6,
                "upsampling_ratios": [5, 4, 2],
                "codebook_size": 16,
                "target_bandwidths": [9.6],
                "num_lstm_layers": 1,
            }
        ],
        repos={"facebook/encodec_24khz": None, "facebook/encodec_32khz": "cc-by-nc-4.0"},
    )
    register.head(
        "speech-vqvae",
        "mmzoo_vqvae.speech_tokenizer:SpeechVQVAE",
        summary="Speech VQ-VAE: speech to codes and back",
        runner="mmzoo_vqvae.runner:SpeechCodec",
        modalities=("speech",),
        trials=[
            {
                "dim": 6,
                "crop_seconds": 0.5,
                "slots": {
                    "encoder": SMALL_SPEECH,
                    "quantizer": {"name": "vq", "dim": 6, "codebook_size": 16, "groups": 2},
                },
            }
        ],
    )
    register.encoder(
        "picture-autoencoder",
        "mmzoo_vqvae.picture_autoencoder:PictureAutoencoder",
        summary="Convolutional picture autoencoder with space-to-depth downsampling",
        modalities=("image",),
        trials=[{"dim": 6, "widths": [8, 12], "depth": 1}],
    )
    register.head(
        "picture-vqvae",
        "mmzoo_vqvae.picture_tokenizer:PictureVQVAE",
        summary="Picture VQ-VAE: pictures to codes and back",
        modalities=("image",),
        trials=[
            {
                "dim": 6,
                "slots": {
                    "encoder": {"name": "picture-autoencoder", "dim": 6, "widths": [8, 12], "depth": 1},
                    "quantizer": {"name": "vq", "dim": 6, "codebook_size": 16, "groups": 2},
                },
            }
        ],
    )
    register.encoder(
        "text-autoencoder",
        "mmzoo_vqvae.text_autoencoder:TextAutoencoder",
        summary="Convolutional autoencoder over UTF-8 bytes",
        modalities=("text",),
        trials=[{"dim": 6, "width": 16, "depth": 1}],
    )
    register.encoder(
        "patch-autoencoder",
        "mmzoo_vqvae.patch_autoencoder:PatchAutoencoder",
        summary="Autoencoder of short patches of UTF-8 bytes, each by itself",
        modalities=("text",),
        trials=[{"dim": 6, "stride": 4, "width": 16, "depth": 1}],
    )
    register.head(
        "text-vqvae",
        "mmzoo_vqvae.text_tokenizer:TextVQVAE",
        summary="Text VQ-VAE: text to codes and back",
        modalities=("text",),
        trials=[
            {
                "dim": 6,
                "slots": {
                    "encoder": {"name": encoder, "dim": 6, "width": 16, "depth": 1},
                    "quantizer": {"name": "vq", "dim": 6, "codebook_size": 16, "groups": 2},
                },
            }
            for encoder in ("text-autoencoder", "patch-autoencoder")
        ],
    )
    register.model(
        "vqvae-speech",
        task="speech-tokenization",
        modalities=("speech",),
        summary="Speech tokenizer, 24 kHz, 12 learned codebooks of 256 at 50 Hz (96 bits per frame)",
        card=tasks.SPEECH,
        recipe={
            "head": {"name": "speech-vqvae", "dim": 36},
            "encoder": {"name": "source-filter-autoencoder", "dim": 36},
            "quantizer": {"name": "vq", "dim": 36, "codebook_size": 256, "groups": 12},
        },
        weights=[Weights("english", license="apache-2.0")],
    )
    register.model(
        "vqvae-image",
        task="image-tokenization",
        modalities=("image",),
        summary="Picture tokenizer, 8 learned codebooks of 256 per 8 x 8 pixels (64 bits)",
        card=tasks.PICTURES,
        recipe={
            "head": {"name": "picture-vqvae", "dim": 32},
            "encoder": {"name": "picture-autoencoder", "dim": 32},
            "quantizer": {"name": "vq", "dim": 32, "codebook_size": 256, "groups": 8},
        },
        weights=[Weights("scenes", license="apache-2.0")],
    )
    register.model(
        "vqvae-words",
        task="text-tokenization",
        modalities=("text",),
        summary="Text tokenizer over patches of 1 to 12 bytes, 2 learned codebooks of 128 (14 bits a patch)",
        card=tasks.WORDS,
        recipe={
            "head": {"name": "text-vqvae", "dim": 32},
            "encoder": {"name": "patch-autoencoder", "dim": 32, "stride": 12},
            "quantizer": {"name": "vq", "dim": 32, "codebook_size": 128, "groups": 2},
        },
        weights=[Weights("english", license="apache-2.0")],
    )
