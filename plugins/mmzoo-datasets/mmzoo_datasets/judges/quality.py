"""The judges `distill-mos` and `dnsmos`: networks that predict how listeners rate the quality of speech."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmzoo.data import resample
from mmzoo.interfaces import Audio
from mmzoo_datasets.judges.verdicts import kept

SAMPLE_RATE = 16000


def _at_16_khz(sounds: Sequence[Audio]) -> list[NDArray[np.float32]]:
    return [np.clip(resample(sound.samples, sound.sample_rate, SAMPLE_RATE), -1, 1) for sound in sounds]


class DistillMOS:
    """Distill-MOS (Stahl and Gamper, arXiv 2502.05356): a mean opinion score from 1 to 5."""

    @property
    def name(self) -> str:
        """The judge and its version, as reported with every number."""
        return f"Distill-MOS {version('distillmos')}"

    @cached_property
    def _model(self) -> Any:
        import distillmos

        return distillmos.ConvTransformerSQAModel().eval()

    def rate(self, sounds: Sequence[Audio], *, description: str = "rating") -> list[dict[str, float]]:
        """`mos` of each sound; earlier verdicts are cached."""
        import torch

        heard = _at_16_khz(sounds)

        def rated(todo: list[int]) -> Iterator[dict[str, float]]:
            for index in todo:
                with torch.inference_mode():
                    yield {"mos": float(self._model(torch.from_numpy(heard[index]).unsqueeze(0)))}

        return kept(self.name, [samples.tobytes() for samples in heard], rated, description)


class DNSMOS:
    """DNSMOS (Reddy et al., arXiv 2110.01763): scores from 1 to 5 of the noise suppression challenge."""

    @property
    def name(self) -> str:
        """The judge and its version, as reported with every number."""
        return f"DNSMOS (speechmos {version('speechmos')})"

    def rate(self, sounds: Sequence[Audio], *, description: str = "rating") -> list[dict[str, float]]:
        """`p808` (ITU-T P.808), `overall`, `signal` and `background` of each sound; earlier verdicts are cached."""
        from speechmos import dnsmos

        table = {"p808": "p808_mos", "overall": "ovrl_mos", "signal": "sig_mos", "background": "bak_mos"}
        heard = _at_16_khz(sounds)

        def rated(todo: list[int]) -> Iterator[dict[str, float]]:
            for index in todo:
                scores = dnsmos.run(heard[index], SAMPLE_RATE)
                yield {ours: float(scores[theirs]) for ours, theirs in table.items()}

        return kept(self.name, [samples.tobytes() for samples in heard], rated, description)
