"""Activations: what bends a network that would otherwise be one straight plane."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.functions import relu, sigmoid
from tinygrad_edu.nn.module import Module

__all__ = ["ReLU", "Sigmoid", "Tanh"]


class ReLU(Module):
    """max(x, 0), entry by entry; see `tinygrad_edu.relu`.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.nn.ReLU()(np.array([-1.0, 2.0]))
        array([0., 2.])
    """

    def forward(self, x: Any) -> Any:
        """X of any shape → the same shape."""
        return relu(x)


class Sigmoid(Module):
    """1 / (1 + exp(-x)), entry by entry; see `tinygrad_edu.sigmoid`.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.nn.Sigmoid()(np.array([0.0]))
        array([0.5])
    """

    def forward(self, x: Any) -> Any:
        """X of any shape → the same shape."""
        return sigmoid(x)


class Tanh(Module):
    """np.tanh, entry by entry.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.nn.Tanh()(np.array([0.0]))
        array([0.])
    """

    def forward(self, x: Any) -> Any:
        """X of any shape → the same shape."""
        return np.tanh(x)
