"""What NumPy lacks and networks need, stable for any input: each a function of plain NumPy and its row.

They work on arrays too, and are the pattern for functions of your own: `@primitive`, then `derivative`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu.rules.reductions import expand
from tinygrad_edu.rules.strong_zero import times
from tinygrad_edu.rules.table import derivative, primitive

__all__ = [
    *("elu", "gelu", "leaky_relu", "log_softmax", "logsumexp", "normal_cdf"),
    *("relu", "sigmoid", "silu", "softmax", "softplus"),
]

_erfc: Any = np.frompyfunc(math.erfc, 1, 1)  # NumPy has no error function; Python's is exact, and slow entry by entry


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
def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """X where it is positive, negative_slope * x elsewhere; at the kink the slope is negative_slope.

    Args:
        x: any shape.
        negative_slope: of the part below 0.

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.functions import leaky_relu
        >>> leaky_relu(np.array([-2.0, 3.0]), negative_slope=0.1)
        array([-0.2,  3. ])
    """
    return np.where(x > 0, x, x * negative_slope)


@primitive
def elu(x: Any, alpha: float = 1.0) -> Any:
    """X where it is positive, alpha * (exp(x) - 1) elsewhere (Clevert et al. 2016).

    Args:
        x: any shape.
        alpha: minus the value that large negative x approach; with 1 the slope has no kink.

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.functions import elu
        >>> elu(np.array([-1000.0, 3.0]))
        array([-1.,  3.])
    """
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)) * alpha)


@primitive
def normal_cdf(x: Any) -> Any:
    """Φ(x) = erfc(-x/√2) / 2: how probable it is that a standard normal number is below x.

    Args:
        x: any shape. Accurate to the last digits on both sides, but computed entry by entry: about 0.1 µs each.

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.functions import normal_cdf
        >>> normal_cdf(np.array([-1000.0, 0.0, 1000.0]))
        array([0. , 0.5, 1. ])
    """
    scaled = np.expand_dims(x, 0) * -math.sqrt(0.5)  # one axis at least: of a 0-d array _erfc makes a Python float
    return _erfc(scaled).astype(scaled.dtype)[0] * 0.5


def gelu(x: Any, approximate: str = "none") -> Any:
    """x·Φ(x), a relu that lets x through with the probability Φ(x) (Hendrycks and Gimpel 2016).

    Args:
        x: any shape.
        approximate: "none", or "tanh" for x·½(1 + tanh(√(2/π)(x + 0.044715 x³))), which differs from it by less than
            0.0005 and is much faster here: NumPy has no error function.

    Raises:
        ValueError: `approximate` is neither.

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.functions import gelu
        >>> gelu(np.array([-1.0, 1.0])).round(4), gelu(np.array([-1.0, 1.0]), approximate="tanh").round(4)
        (array([-0.1587,  0.8413]), array([-0.1588,  0.8412]))
    """
    if approximate == "none":
        return x * normal_cdf(x)
    if approximate == "tanh":  # ½(1 + tanh(u)) is sigmoid(2u), which keeps its digits where tanh(u) rounds to -1
        return x * sigmoid((x + x * x * x * 0.044715) * math.sqrt(8 / math.pi))
    raise ValueError(f"gelu(approximate={approximate!r}): it can be 'none' or 'tanh'")


def silu(x: Any) -> Any:
    """X * sigmoid(x), a smooth relu, also called swish (Elfwing et al. 2017).

    Args:
        x: any shape.

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.functions import silu
        >>> silu(np.array([-1000.0, 0.0, 1000.0]))
        array([  -0.,    0., 1000.])
    """
    return x * sigmoid(x)


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


def _total(g: Any, axis: Any) -> Any:
    return np.sum(g, axis=axis, keepdims=True)


@np.errstate(invalid="ignore")  # where all entries are -inf there are no shares; it shows where they are asked for
def _shares(x: Any, out: Any, axis: Any, keepdims: bool) -> Any:
    return np.exp(x - expand(out, axis, keepdims))


derivative(relu, x=lambda g, out: g * (out > 0))
# 1 - out would round to 0 for large x, where sigmoid(-x) still has every digit
derivative(sigmoid, x=lambda g, x, out: times(g, out * sigmoid(-x)))
derivative(leaky_relu, x=lambda g, x, negative_slope: np.where(x > 0, g, g * negative_slope))
derivative(elu, x=lambda g, x, alpha: times(g, np.where(x > 0, 1, np.exp(np.minimum(x, 0)) * alpha)))
derivative(normal_cdf, x=lambda g, x: times(g, np.exp(x * x * -0.5) * math.sqrt(0.5 / math.pi)))
derivative(softplus, x=lambda g, x: times(g, sigmoid(x)))
derivative(
    logsumexp,
    x=lambda g, x, out, axis, keepdims: times(expand(g, axis, keepdims), _shares(x, out, axis, keepdims)),
)
derivative(softmax, x=lambda g, out, axis: times(g - _total(times(g, out), axis), out))
derivative(log_softmax, x=lambda g, out, axis: g - times(_total(g, axis), np.exp(out)))
