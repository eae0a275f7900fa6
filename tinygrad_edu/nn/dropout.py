"""Dropout: in training, nobody may rely on a single unit."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.nn.module import Module

__all__ = ["Dropout"]


class Dropout(Module):
    """In training every entry becomes 0 with probability p, and the others are divided by 1 − p.

    So the mean of every entry stays what it was, and in use, after `model.eval()`, nothing is done at all
    (Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014; the "inverted" form).

    Args:
        p: probability of being dropped, from 0 to 1.
        rng: a NumPy Generator or a seed. It is kept, and saved with checkpoints.

    Raises:
        ValueError: p is not a probability.

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.nn.dropout import Dropout
        >>> drop = Dropout(0.5, rng=0)
        >>> drop(np.ones(6))
        array([2., 0., 0., 0., 2., 2.])
        >>> drop.eval()(np.ones(6))
        array([1., 1., 1., 1., 1., 1.])
    """

    def __init__(self, p: float = 0.5, *, rng: np.random.Generator | int | None = None) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout(p={p}): p is the probability of being dropped, from 0 to 1, for example 0.2")
        self.p = float(p)  # a NumPy number would make float32 arrays float64
        self.rng = np.random.default_rng(rng)

    def forward(self, x: Any) -> Any:
        """Any shape → the same shape."""
        if not self.training or self.p == 0:
            return x
        kept = self.rng.random(np.shape(x)) >= self.p
        scale = 1 / (1 - self.p) if self.p < 1 else 0
        return np.where(kept, x, 0) * scale

    def _describe(self) -> str:
        return f"p={self.p}"
