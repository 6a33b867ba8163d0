"""The judge `resemblyzer`: a network that tells speakers apart."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmzoo.data import resample
from mmzoo.errors import MissingDependencyError
from mmzoo.interfaces import Audio

SAMPLE_RATE = 16000
SHORTEST_S = 0.5


class Resemblyzer:
    """The speaker encoder of Resemblyzer (Wan et al., arXiv 1710.10467, generalized end-to-end loss)."""

    @property
    def name(self) -> str:
        """The judge and its version, as reported with every number."""
        return f"Resemblyzer {version('resemblyzer')}"

    @cached_property
    def _package(self) -> Any:
        try:
            import resemblyzer
        except ImportError as error:  # its dependency webrtcvad needs a setuptools that is no longer current
            raise MissingDependencyError(
                f"The package resemblyzer cannot be imported ({error}); run: pip install webrtcvad-wheels"
            ) from error
        return resemblyzer

    @cached_property
    def _model(self) -> Any:
        return self._package.VoiceEncoder("cpu", verbose=False)

    def embed(self, sounds: Sequence[Audio], *, description: str = "recognizing speakers") -> NDArray[np.float64]:
        """A vector of length 1 for each sound, `[sounds, 256]`; those of one speaker are alike. Pauses are left out."""
        from tqdm import tqdm

        vectors = []
        for sound in tqdm(sounds, desc=description, unit="sound", disable=None, leave=False):
            samples = np.clip(resample(sound.samples, sound.sample_rate, SAMPLE_RATE), -1, 1)
            samples = np.pad(samples, (0, max(0, round(SHORTEST_S * SAMPLE_RATE) - len(samples))))
            spoken = self._package.preprocess_wav(samples) if np.abs(samples).max() > 0 else samples
            vectors.append(self._model.embed_utterance(spoken if len(spoken) else samples))
        return np.asarray(vectors, np.float64).reshape(len(sounds), -1)
