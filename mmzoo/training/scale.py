"""The scale of the loss in half precision."""

from __future__ import annotations

LARGEST = 2.0**16
PATIENCE = 2000
"""Updates without overflow after which a larger scale is tried."""


class LossScale:
    """Dynamic loss scaling (Micikevicius et al., arXiv 1710.03740, section 3.2), so that small gradients do not vanish.

    The scale is a power of two, which changes no digit. torch's GradScaler does the same for one optimizer and one
    backward pass; here a model and its critics share the scale, and its state is two numbers of a checkpoint.

    Args:
        enabled: False keeps the scale at 1.
    """

    def __init__(self, *, enabled: bool) -> None:
        self.value = LARGEST if enabled else 1.0
        self.good = 0
        self._enabled = enabled

    def succeeded(self) -> None:
        """All gradients were finite."""
        self.good += 1
        if self._enabled and self.good >= PATIENCE:
            self.value, self.good = min(LARGEST, 2 * self.value), 0

    def overflowed(self) -> bool:
        """A gradient was not finite; returns whether a smaller scale may help."""
        self.good = 0
        if self.value <= 1.0:
            return False
        self.value /= 2
        return True
