"""The caption listener: pocketsphinx with the captions' grammar, the judge of what a model says of a scene."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from mmzoo.evaluation.recogniser import decode, prepare
from mmzoo.interfaces import Audio
from mmzoo_datasets.scenes.captions import grammar


@lru_cache(maxsize=1)
def _decoder() -> Any:
    import pocketsphinx

    decoder = pocketsphinx.Decoder(pocketsphinx.Config(lm=None, cmn="batch", loglevel="FATAL"))
    decoder.add_jsgf_string("captions", grammar())
    decoder.activate_search("captions")
    return decoder


def listen_to_captions(sounds: Sequence[Audio]) -> list[str]:
    """The caption heard in each sound at 16 kHz, '' where none was."""
    verdicts = []
    for sound in sounds:
        hypothesis = decode(_decoder(), prepare(sound)).hyp()
        verdicts.append(hypothesis.hypstr if hypothesis else "")
    return verdicts
