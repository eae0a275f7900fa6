"""Flatten: images in, rows out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu.nn.module import Module

__all__ = ["Flatten"]


class Flatten(Module):
    """All axes but the first become one: what stands between convolutions and `Linear`.

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.nn.shaping import Flatten
        >>> Flatten()(np.ones((10, 3, 8, 8))).shape
        (10, 192)
    """

    def forward(self, x: Any) -> Any:
        """x: (batch, …) → (batch, the product of the rest). ValueError for a single number."""
        shape = np.shape(x)
        if not shape:
            raise ValueError("Flatten got a single number; it takes a batch: x of shape (batch, …).")
        return np.reshape(x, (shape[0], math.prod(shape[1:])))
