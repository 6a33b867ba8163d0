"""The judge `digit-reader`: a support vector machine trained on real handwritten digits."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from mmzoo.interfaces import Image
from mmzoo_datasets.digits import handwritten, split_indices


class DigitReader:
    """An RBF support vector machine over the mean brightness of 8 x 8 cells, trained on digits of `spoken-digits`."""

    name = "support vector machine trained on the real digits"

    def read(self, pictures: Sequence[Image]) -> list[str]:
        """The digit in each picture."""
        cells = []
        for picture in pictures:
            gray = picture.pixels.astype(np.float32).mean(-1) / 255
            side = len(gray) // 8
            cells.append(gray[: 8 * side, : 8 * side].reshape(8, side, 8, side).mean((1, 3)).ravel())
        return [str(digit) for digit in self._machine.predict(np.stack(cells))]

    @cached_property
    def _machine(self) -> Any:
        from sklearn.svm import SVC

        pixels, digits = handwritten()
        chosen = split_indices("train")
        return SVC(C=10.0, gamma=0.25).fit(pixels[chosen].reshape(len(chosen), 64), digits[chosen])
