"""The judge `caption-listener`: pocketsphinx with the grammar of scene captions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from tqdm import tqdm

from mmzoo.interfaces import Audio
from mmzoo_datasets.judges.speech import decode, prepare
from mmzoo_datasets.scenes.captions import grammar


class CaptionListener:
    """Transcribes spoken captions; it can output nothing else."""

    name = "pocketsphinx with the grammar of captions"

    def listen(self, sounds: Sequence[Audio]) -> list[str]:
        """The caption in each sound (16 kHz); "" if none was recognized."""
        progress = tqdm(sounds, desc="listening", disable=None, leave=False)
        hypotheses = (decode(self._decoder, prepare(sound)).hyp() for sound in progress)
        return [hypothesis.hypstr if hypothesis else "" for hypothesis in hypotheses]

    @cached_property
    def _decoder(self) -> Any:
        import pocketsphinx

        decoder = pocketsphinx.Decoder(pocketsphinx.Config(lm=None, cmn="batch", loglevel="FATAL"))
        decoder.add_jsgf_string("captions", grammar())
        decoder.activate_search("captions")
        return decoder
