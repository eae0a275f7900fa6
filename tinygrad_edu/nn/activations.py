"""Activations: what bends a network that would otherwise be one straight plane."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.functions import elu, gelu, leaky_relu, log_softmax, relu, sigmoid, silu, softmax, softplus
from tinygrad_edu.nn.module import Module
from tinygrad_edu.rules.reductions import as_array

__all__ = [
    *("ELU", "GELU", "LeakyReLU", "LogSoftmax", "ReLU", "SiLU"),
    *("Sigmoid", "Softmax", "Softplus", "Tanh"),
]


class ReLU(Module):
    """max(x, 0), entry by entry; see `tinygrad_edu.relu`.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.nn.ReLU()(np.array([-1.0, 2.0]))
        array([0., 2.])
    """

    def forward(self, x: Any) -> Any:
        """Any shape → the same shape."""
        return relu(x)


class LeakyReLU(Module):
    """A ReLU that never falls silent: below 0 it has a small slope; see `tinygrad_edu.functions.leaky_relu`.

    Args:
        negative_slope: of the part below 0.

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.nn.activations import LeakyReLU
        >>> LeakyReLU(0.1)(np.array([-1.0, 2.0]))
        array([-0.1,  2. ])
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = float(negative_slope)  # a NumPy number would make float32 arrays float64

    def forward(self, x: Any) -> Any:
        """Any shape → the same shape."""
        return leaky_relu(as_array(x), self.negative_slope)

    def _describe(self) -> str:
        return f"negative_slope={self.negative_slope}"


class ELU(Module):
    """x where it is positive, and alpha * (exp(x) - 1) below 0; see `tinygrad_edu.functions.elu`.

    Args:
        alpha: minus the value that large negative x approach.

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.nn.activations import ELU
        >>> ELU()(np.array([-100.0, 2.0]))
        array([-1.,  2.])
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = float(alpha)

    def forward(self, x: Any) -> Any:
        """Any shape → the same shape."""
        return elu(x, self.alpha)

    def _describe(self) -> str:
        return f"alpha={self.alpha}"


class GELU(Module):
    """x·Φ(x), Φ being the normal distribution; see `tinygrad_edu.functions.gelu`.

    Args:
        approximate: "none", or "tanh" for the much faster approximation that GPT-2 uses.

    Raises:
        ValueError: `approximate` is neither.

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.nn.activations import GELU
        >>> GELU(approximate="tanh")(np.array([-100.0, 100.0]))
        array([ -0., 100.])
    """

    def __init__(self, approximate: str = "none") -> None:
        gelu(np.zeros(0), approximate)  # refuses an unknown name here, not at the first call
        self.approximate = approximate

    def forward(self, x: Any) -> Any:
        """Any shape → the same shape."""
        return gelu(x, self.approximate)

    def _describe(self) -> str:
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """x * sigmoid(x), entry by entry; see `tinygrad_edu.functions.silu`.

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.nn.activations import SiLU
        >>> SiLU()(np.array([0.0, 100.0]))
        array([  0., 100.])
    """

    def forward(self, x: Any) -> Any:
        """Any shape → the same shape."""
        return silu(x)


class Softplus(Module):
    """log(1 + exp(x)), a smooth ReLU; see `tinygrad_edu.softplus`.

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.nn.activations import Softplus
        >>> Softplus()(np.array([-1000.0, 1000.0]))
        array([   0., 1000.])
    """

    def forward(self, x: Any) -> Any:
        """Any shape → the same shape."""
        return softplus(x)


class Sigmoid(Module):
    """1 / (1 + exp(-x)), entry by entry; see `tinygrad_edu.sigmoid`.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.nn.Sigmoid()(np.array([0.0]))
        array([0.5])
    """

    def forward(self, x: Any) -> Any:
        """Any shape → the same shape."""
        return sigmoid(x)


class Tanh(Module):
    """np.tanh, entry by entry.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.nn.Tanh()(np.array([0.0]))
        array([0.])
    """

    def forward(self, x: Any) -> Any:
        """Any shape → the same shape."""
        return np.tanh(x)


class Softmax(Module):
    """Positive numbers that add up to 1 along an axis; see `tinygrad_edu.softmax`.

    Before a cross-entropy leave it out: that takes the logits themselves.

    Args:
        dim: the axis, called as in PyTorch.

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.nn.activations import Softmax
        >>> Softmax()(np.array([[0.0, 0.0], [0.0, 1000.0]]))
        array([[0.5, 0.5], [0. , 1. ]])
    """

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Any:
        """Any shape → the same shape."""
        return softmax(x, self.dim)

    def _describe(self) -> str:
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """The logarithm of `Softmax`, without its rounding to log(0); see `tinygrad_edu.log_softmax`.

    Args:
        dim: the axis along which the probabilities add up to 1, called as in PyTorch.

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.nn.activations import LogSoftmax
        >>> LogSoftmax()(np.array([0.0, 1000.0]))
        array([-1000.,     0.])
    """

    def forward(self, x: Any) -> Any:
        """Any shape → the same shape."""
        return log_softmax(x, self.dim)
