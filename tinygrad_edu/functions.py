"""What NumPy lacks and networks need, stable for any input: each a function of plain NumPy and its row.

They work on arrays too, and are the pattern for functions of your own: `@primitive`, then `derivative`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.rules.reductions import expand
from tinygrad_edu.rules.table import derivative, primitive

__all__ = ["log_softmax", "logsumexp", "relu", "sigmoid", "softmax", "softplus"]


@primitive
def relu(x: Any) -> Any:
    """max(x, 0), with slope 0 at the kink.

    Args:
        x: any shape.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.relu(np.array([-1.0, 0.0, 2.0]))
        array([0., 0., 2.])
    """
    return np.maximum(x, 0)


@primitive
def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), between 0 and 1.

    Args:
        x: any shape. Computed from exp(-|x|), which never overflows.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.sigmoid(np.array([-1000.0, 0.0, 1000.0]))
        array([0. , 0.5, 1. ])
    """
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1) / (1 + small)


@primitive
def softplus(x: Any) -> Any:
    """log(1 + exp(x)), a smooth relu.

    Args:
        x: any shape.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.softplus(np.array([-1000.0, 1000.0]))
        array([   0., 1000.])
    """
    return np.logaddexp(x, 0)


@primitive
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """log(sum(exp(x))) along an axis, the largest entry taken out first so that nothing overflows.

    Args:
        x: any shape.
        axis: int, tuple of ints, or None for all axes.
        keepdims: keep the folded axes with length 1.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> print(tg.logsumexp(np.array([1000.0, 1000.0])))
        1000.6931471805599
    """
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore"):  # all entries -inf: the answer is -inf
        total = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return total if keepdims else np.squeeze(total, axis=axis)


@primitive
def softmax(x: Any, axis: int = -1) -> Any:
    """exp(x) / sum(exp(x)): positive numbers that add up to 1 along an axis.

    Args:
        x: any shape.
        axis: the axis that adds up to 1.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.softmax(np.array([1000.0, 1000.0]))
        array([0.5, 0.5])
    """
    positive = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return positive / np.sum(positive, axis=axis, keepdims=True)


@primitive
def log_softmax(x: Any, axis: int = -1) -> Any:
    """log(softmax(x)), without the rounding to log(0) that taking the logarithm afterwards brings.

    Args:
        x: any shape.
        axis: the axis along which the probabilities add up to 1.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.log_softmax(np.array([0.0, 1000.0]))
        array([-1000.,     0.])
    """
    return x - logsumexp(x, axis=axis, keepdims=True)


derivative(relu, x=lambda g, out: g * (out > 0))
# 1 - out would round to 0 for large x, where sigmoid(-x) still has every digit
derivative(sigmoid, x=lambda g, x, out: g * (out * sigmoid(-x)))
derivative(softplus, x=lambda g, x: g * sigmoid(x))
derivative(
    logsumexp,
    x=lambda g, x, out, axis, keepdims: expand(g, axis, keepdims) * np.exp(x - expand(out, axis, keepdims)),
)
derivative(softmax, x=lambda g, out, axis: out * (g - np.sum(g * out, axis=axis, keepdims=True)))
derivative(log_softmax, x=lambda g, out, axis: g - np.exp(out) * np.sum(g, axis=axis, keepdims=True))
