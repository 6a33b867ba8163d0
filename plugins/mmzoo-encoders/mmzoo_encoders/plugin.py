"""What mmzoo-encoders registers. Nothing heavy is imported here."""

from __future__ import annotations

from mmzoo.hookspecs import Register, hookimpl


@hookimpl
def mmzoo_register(register: Register) -> None:
    """Encoders of text, speech and images, and fusions."""
    register.encoder(
        "symbols",
        "mmzoo_encoders.text:SymbolEncoder",
        summary="Phones, words or other symbols to vectors",
        modalities=("text",),
        trials=[{"vocabulary": 11, "width": 16, "depth": 1}],
    )
    register.encoder(
        "bytes",
        "mmzoo_encoders.text:ByteEncoder",
        summary="UTF-8 bytes to vectors",
        modalities=("text",),
        trials=[{"width": 16, "depth": 1}],
    )
    register.encoder(
        "log-mel",
        "mmzoo_encoders.mel:LogMelEncoder",
        summary="Log-mel spectrogram",
        modalities=("speech",),
        trials=[{"bands": 20}, {"bands": 20, "width": 12}],
    )
    register.encoder(
        "speech-transformer",
        "mmzoo_encoders.mel:SpeechTransformer",
        summary="Transformer over log-mel frames",
        modalities=("speech",),
        trials=[{"width": 16, "depth": 1, "heads": 2, "bands": 20}],
    )
    register.encoder(
        "speech-convnext",
        "mmzoo_encoders.mel:SpeechConvNeXt",
        summary="ConvNeXt over log-mel frames, at the rate of a codec's latents",
        modalities=("speech",),
        trials=[
            {"width": 16, "depth": 1, "bands": 20, "sample_rate": 16000},
            {"width": 16, "depth": 1, "bands": 20, "sample_rate": 16000, "standardize": False},
        ],
    )
    register.encoder(
        "image-conv",
        "mmzoo_encoders.image:ConvImageEncoder",
        summary="Convolutional image encoder",
        modalities=("image",),
        trials=[{"widths": [8, 12], "depth": 1}],
    )
    register.encoder(
        "vit",
        "mmzoo_encoders.image:ViTEncoder",
        summary="Vision transformer",
        modalities=("image",),
        trials=[{"width": 16, "depth": 1, "heads": 2}],
    )
    register.encoder(
        "timm",
        "mmzoo_encoders.image:TimmEncoder",
        summary="Features of any timm image model, at any of its depths",
        modalities=("image",),
        requires=("timm",),
        trials=[{"model": "resnet10t", "width": 12}],
    )
    register.encoder(
        "unet",
        "mmzoo_encoders.unet:UNetEncoder",
        summary="U-Net: features of every pixel of an image",
        modalities=("image",),
        trials=[{"widths": [6, 8, 12], "depth": 1}],
    )
    register.encoder(
        "codes",
        "mmzoo_encoders.features:CodeEncoder",
        summary="Codes of a tokenizer through a transformer",
        trials=[{"codebook_sizes": [8, 8, 8], "width": 16, "depth": 1, "heads": 2}],
    )
    register.encoder(
        "vectors",
        "mmzoo_encoders.features:VectorEncoder",
        summary="Features of another model through a transformer",
        trials=[{"channels": 7, "width": 16, "depth": 1, "heads": 2}],
    )
    for name, target, summary in (
        ("concat", "ConcatFusion", "Modalities concatenated, then two layers"),
        ("weighted", "WeightedFusion", "Mean of modalities weighted by learned gates"),
        ("late", "LateFusion", "Mean over modalities after separate layers: late fusion of logits"),
        ("cnn", "CNNFusion", "ConvNeXt blocks over the joined sequences"),
        ("rnn", "RNNFusion", "Bidirectional GRU over the joined sequences"),
        ("cross-attention", "CrossAttentionFusion", "Learned queries that attend to the joined sequences"),
    ):
        exempt = {"export": "torch.export cannot take pack_padded_sequence"} if name == "rnn" else {}
        trials = [{"widths": {"image": 6, "speech": 5, "text": 4}, "width": 16}]
        register.fusion(name, f"mmzoo_encoders.fusion:{target}", summary=summary, trials=trials, exempt=exempt)
