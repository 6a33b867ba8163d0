"""The speech tokenizer: a VQ-VAE from speech to codes and back, and how it is trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from mmzoo.data import as_audio, as_batch, decode_audio, packed_audio
from mmzoo.errors import InputError
from mmzoo.interfaces import (
    ALONE,
    Audio,
    Examples,
    Fraction,
    Graph,
    Latents,
    Losses,
    Positive,
    Size,
    TrainingState,
    Weight,
)
from mmzoo_vqvae.export import codec_graphs
from mmzoo_vqvae.harmonic import pitch_of
from mmzoo_vqvae.losses import code_perplexity
from mmzoo_vqvae.runner import buzz
from mmzoo_vqvae.seanet import SEANet
from mmzoo_vqvae.source_filter import SourceFilterAutoencoder
from mmzoo_vqvae.spectral import SpectralLoss
from mmzoo_vqvae.variation import Variation
from mmzoo_vqvae.vqvae import VQVAE, require_no_mask
from mmzoo_vqvae.waveform import NOISE_FRAMES

if TYPE_CHECKING:
    from datasets import Dataset

PITCH_WEIGHT = 5.0


class SpeechVQVAE(VQVAE):
    """Speech to codes and back to Audio; calling it does both.

    Args:
        dim: Width of the latents.
        crop_seconds: Length of training crops.
        mel_weight: Weight of the mel loss; the other spectral losses have weight 1.
        adversarial_weight: Weight of the adversarial loss.
        feature_weight: Weight of the feature matching loss.
        varied: Fraction of training crops that are changed in pitch with formants, level and frequency response, for
            voices that training lacks.
    """

    modality = "speech"
    batch_keys = ("speech",)
    columns = ("audio",)
    critics = ("multi-resolution",)
    encoder: SourceFilterAutoencoder | SEANet

    def __init__(
        self,
        *,
        dim: Size,
        crop_seconds: Positive = 1.0,
        mel_weight: Weight = 4.0,
        adversarial_weight: Weight = 0.5,
        feature_weight: Weight = 2.0,
        varied: Fraction = 0.0,
    ) -> None:
        super().__init__(dim=dim)
        self.crop_seconds, self.mel_weight, self.varied = crop_seconds, mel_weight, varied
        self.adversarial_weight, self.feature_weight = adversarial_weight, feature_weight
        self._spectral: list[SpectralLoss] = []  # in a list, so that it is not a submodule

    @property
    def sample_rate(self) -> int:
        """Sample rate of its speech in Hz."""
        return self.encoder.sample_rate

    @property
    def rate(self) -> float:
        """Latents per second."""
        return float(self.encoder.rate)

    # --- use ---------------------------------------------------------------------------------------------

    def _audio(self, source: Any) -> Audio:
        return as_audio(source, self.sample_rate, allow_silence=True)

    @torch.no_grad()
    def tokenize(self, audio: Any) -> Tensor:
        """Encode speech as codes.

        Args:
            audio: Anything that `mmzoo.data.as_audio` takes, or a list of B.

        Returns:
            Int64 `[B, N, Q]`, padded with -1; B is 1 for a single item.

        Raises:
            InputError: There is no audio, or an item is unreadable, empty, too long or has samples that are not finite.
        """
        items = as_batch(audio)
        waves = [
            torch.tensor(self._audio(item).samples, device=self.device)
            for item in ([audio] if items is None else items)
        ]
        if not waves:
            raise InputError("Cannot tokenize an empty list of audio.")
        lengths = torch.tensor([len(wave) for wave in waves], device=self.device)
        batch = nn.utils.rnn.pad_sequence(waves, batch_first=True)
        mask = torch.arange(batch.shape[1], device=self.device) < lengths.unsqueeze(1)
        latents = self.encoder.encode(batch, mask)
        return self.quantizer.encode(latents.x, latents.mask)

    def _items(self, latents: Latents) -> list[Audio]:
        samples = self.encoder.decode(latents).float().cpu().numpy()
        return [Audio(one, self.sample_rate) for one in samples]

    def __call__(self, audio: Any, mask: Tensor | None = None) -> Any:
        """Reconstruct audio from its codes; a raw batch `[B, T]` and its mask take the path of `forward`."""
        if isinstance(audio, Tensor):
            return super().__call__(audio, mask)
        require_no_mask(mask)
        audio = self._audio(audio)
        copy = self.reconstruct(self.tokenize(audio))
        return Audio(copy.samples[: len(audio.samples)], copy.sample_rate, audio.segments)

    def golden(self, inputs: Mapping[str, Tensor] | None) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """Latents of a rising tone with noise, and the decoding of random codes."""
        if inputs is None:
            generator = torch.Generator().manual_seed(0)
            time = torch.arange(8000) / self.sample_rate
            tone = sum(torch.sin(2 * torch.pi * k * (120 * time + 60 * time**2)) / k for k in range(1, 12))
            codes = [torch.randint(size, (1, 20), generator=generator) for size in self.quantizer.codebook_sizes]
            speech = 0.1 * tone + 0.01 * torch.randn(8000, generator=generator)
            inputs = {"speech": speech.unsqueeze(0), "codes": torch.stack(codes, -1)}
        latents = self.encoder.encode(inputs["speech"]).x
        decoded = self.encoder.decode(Latents(self.quantizer.decode(inputs["codes"])))
        return inputs, {"latents": latents, "decoded": decoded}

    # --- export ------------------------------------------------------------------------------------------

    def graphs(self) -> Mapping[str, Graph]:
        """Encoder, decoder and quantizer. Those of a source-filter autoencoder exclude what is done in numpy."""
        return codec_graphs(self, self.encoder)

    def settings(self) -> Mapping[str, Any]:
        """What `mmzoo_vqvae.runner.SpeechCodec` needs."""
        encoder = self.encoder
        source = None
        if isinstance(encoder, SourceFilterAutoencoder):
            source = {"window": encoder.stft.window, "hop": encoder.hop}
        return {
            "dim": self.dim,
            "codebook_sizes": list(self.codebook_sizes),
            "sample_rate": self.sample_rate,
            "samples_per_latent": encoder.samples_per_latent,
            "source": source,
        }

    def specimen(self, number: int) -> Any:
        """A copy of a synthetic sound."""
        return self(buzz(self.sample_rate, number))

    # --- training ----------------------------------------------------------------------------------------

    def examples(self, rows: Dataset, cache: Path) -> Examples:
        """Random crops of the rows' audio."""
        crop = round(self.crop_seconds * self.encoder.rate) * self.encoder.samples_per_latent
        return SpeechCrops(rows, self.sample_rate, crop, cache, self.varied)

    def training_step(
        self, batch: Mapping[str, Tensor], generator: torch.Generator, state: TrainingState = ALONE
    ) -> Losses:
        """Spectral, pitch, commitment and, once active, adversarial losses of one batch of crops."""
        if not self._spectral:
            self._spectral.append(SpectralLoss(self.sample_rate).to(self.device))
        target = batch["speech"]
        latents, quantized = self.quantize(target)
        other = pitch = voiced = log_pitch = None
        if isinstance(self.encoder, SourceFilterAutoencoder):
            pitch, voiced = pitch_of(target, self.encoder.hop, self.sample_rate)
            starts = torch.randperm(NOISE_FRAMES, generator=generator)[:2].tolist()
            (output, other), log_pitch = self.encoder.synthesize(latents.with_x(quantized.z_q), pitch, voiced, starts)
        else:
            output = self.encoder.decode(latents.with_x(quantized.z_q))
        with torch.autocast(output.device.type, enabled=False):
            parts = self._spectral[0](output.float(), target, other)
            total = self.mel_weight * parts["mel"] + parts["magnitude"] + parts["convergence"] + quantized.loss
            if pitch is not None and voiced is not None and log_pitch is not None:
                # Relative pitch error in voiced frames.
                parts["pitch"] = ((log_pitch - pitch.log()).abs() * voiced).sum() / voiced.sum().clamp_min(1)
                total = total + PITCH_WEIGHT * parts["pitch"]
        parts |= dict(quantized.losses)
        critics_loss = None
        if state.adversary is not None:
            # The critics see half of each crop: textures are local, and full crops would cost more than the model.
            width = target.shape[1] // 2
            start = int(torch.randint(target.shape[1] - width + 1, (), generator=generator))
            verdict = state.adversary(target[:, start : start + width], output[:, start : start + width])
            total = total + self.adversarial_weight * verdict.adversarial + self.feature_weight * verdict.features
            critics_loss = verdict.critics
            parts |= {"adversarial": verdict.adversarial, "feature": verdict.features, "critic": verdict.critics}
        with torch.no_grad():
            parts["perplexity"] = code_perplexity(quantized.codes).mean()
        return Losses(total, {k: v.detach() for k, v in parts.items()}, critics_loss)

    def finish(self, examples: Examples) -> None:
        """Measure the mean and std of latents on about 512 training crops, none of them varied."""
        if isinstance(examples, SpeechCrops):
            examples = copy(examples)
            examples.varied = 0.0
        generator = torch.Generator().manual_seed(0)
        step = max(1, len(examples) // 512)
        batches: list[tuple[Tensor, Tensor | None]] = []
        indices = list(range(0, len(examples), step))
        for start in range(0, len(indices), 32):
            chosen = [examples.example(i, generator) for i in indices[start : start + 32]]
            batches.append((examples.collate(chosen)["speech"].to(self.device), None))
        self.measure_latents(batches)

    def previews(self, rows: Dataset) -> Iterator[tuple[str, Any]]:
        """The original and the reconstruction of each row."""
        for row in rows:
            original = decode_audio(row["audio"], sample_rate=self.sample_rate)
            yield f"{row['id']}-original", original
            yield f"{row['id']}-copy", self(original)


class SpeechCrops:
    """Random crops from all audio of a dataset, stored as one int16 array on disk."""

    keys = ("speech",)

    def __init__(self, rows: Dataset, sample_rate: int, crop: int, cache: Path, varied: float = 0.0) -> None:
        self.crop, self.sample_rate, self.varied = crop, sample_rate, varied
        self.samples, self.offsets = packed_audio(rows, cache, sample_rate)
        self.lengths = [crop] * len(rows)
        self.labels = list(rows["speaker"]) if "speaker" in rows.column_names else None

    def __len__(self) -> int:
        return len(self.lengths)

    def example(self, index: int, generator: torch.Generator) -> Tensor:
        """A crop of row `index`, float32 `[crop]`; shorter rows are padded with zeros."""
        variation, wanted = None, self.crop
        if self.varied and float(torch.rand((), generator=generator)) < self.varied:
            variation = Variation(self.crop, self.sample_rate, generator)
            wanted = variation.source
        start, end = int(self.offsets[index]), int(self.offsets[index + 1])
        slack = end - start - wanted
        if slack > 0:
            start += int(torch.randint(slack + 1, (), generator=generator))
        piece = torch.from_numpy(self.samples[start : min(start + wanted, end)].astype(np.float32) / 32768)
        piece = nn.functional.pad(piece, (0, wanted - len(piece)))
        return piece if variation is None else variation(piece)

    def collate(self, examples: list[Tensor]) -> Mapping[str, Tensor]:
        """`speech`: `[B, crop]`."""
        return {"speech": torch.stack(examples)}
