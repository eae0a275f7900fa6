"""Flatten: images in, rows out. Identity: nothing changes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu.nn.module import Module

__all__ = ["Flatten", "Identity"]


class Flatten(Module):
    """Several axes become one: all but the first, which is what stands between convolutions and `Linear`.

    Args:
        start_dim: the first of these axes, called as in PyTorch.
        end_dim: the last of them.

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.nn.shaping import Flatten
        >>> Flatten()(np.ones((10, 3, 8, 8))).shape
        (10, 192)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Any) -> Any:
        """x: (batch, …) → (batch, the product of the rest). ValueError if x has too few axes."""
        shape = np.shape(x)
        axes = range(max(len(shape), 2))  # a batch of single numbers becomes one of rows with one entry
        try:
            start, end = axes[self.start_dim], axes[self.end_dim]
        except IndexError:
            start, end = 1, 0
        if not shape or start > end:
            raise ValueError(
                f"{self!r} got x of shape {shape}, which has no axes {self.start_dim} to {self.end_dim} to join; a "
                "batch has shape (batch, …)."
            )
        return np.reshape(x, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))

    def _describe(self) -> str:
        return f"{self.start_dim}, {self.end_dim}" if (self.start_dim, self.end_dim) != (1, -1) else ""


class Identity(Module):
    """What goes in comes out: a layer to put where another may stand.

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.nn.shaping import Identity
        >>> Identity()(np.array([1.0, 2.0]))
        array([1., 2.])
    """

    def forward(self, x: Any) -> Any:
        """Anything → itself."""
        return x
