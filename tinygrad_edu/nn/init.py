"""Initialisers: first weights of the right size, so that signals neither die out nor blow up on their way.

Each gives an array, to be written into a parameter:

    layer.weight.data = nn.init.kaiming_normal(layer.weight.shape, rng=0)

`rng` is a NumPy Generator or a seed; the same seed gives the same numbers on every run.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.tensor import Tensor

__all__ = [
    *("calculate_gain", "constant", "default", "fans", "kaiming_normal", "kaiming_uniform", "normal", "ones"),
    *("orthogonal", "uniform", "xavier_normal", "xavier_uniform", "zeros"),
]

Shape = tuple[int, ...]
Seed = np.random.Generator | int | None
Array = NDArray[Any]


# ---- the same for every shape --------------------------------------------------------------------------------------
def zeros(shape: Shape) -> Array:
    """All entries 0: for biases. Weights that are all equal never become different."""
    return np.zeros(_checked(shape))


def ones(shape: Shape) -> Array:
    """All entries 1: for the scale of a normalisation."""
    return np.ones(_checked(shape))


def constant(shape: Shape, value: float) -> Array:
    """All entries `value`."""
    return np.full(_checked(shape), float(value))


def uniform(shape: Shape, low: float = 0.0, high: float = 1.0, *, rng: Seed = None) -> Array:
    """Uniform between `low` and `high`."""
    return np.random.default_rng(rng).uniform(low, high, _checked(shape))


def normal(shape: Shape, mean: float = 0.0, std: float = 1.0, *, rng: Seed = None) -> Array:
    """Normal with this mean and standard deviation."""
    return np.random.default_rng(rng).normal(mean, std, _checked(shape))


def _checked(shape: Shape) -> Shape:
    """A shape that NumPy can make; TypeError if it is an array itself, ValueError if a side is no length."""
    if isinstance(shape, Tensor | np.ndarray):
        raise TypeError("initialisers take a shape and give an array; write w.data = init.zeros(w.shape), and the like")
    sides = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
    if not all(isinstance(side, int | np.integer) and side >= 0 for side in sides):
        raise ValueError(f"a parameter of shape {sides} cannot be: every side must be a whole number, 0 or more")
    return sides


# ---- fitted to how many inputs and outputs there are -----------------------------------------------------------------
def fans(shape: Shape) -> tuple[int, int]:
    """How many inputs each output sums over, and how many outputs each input goes to.

    Args:
        shape: (in, out), as `Linear` keeps its weight, or (out, in, *kernel), as convolutions do; of a grouped one `in`
            is already the number per group.

    Returns:
        (fan_in, fan_out).

    Raises:
        ValueError: fewer than two axes: a bias has no fans.

    Example:
        >>> from tinygrad_edu.nn import init
        >>> init.fans((784, 128)), init.fans((32, 16, 3, 3))
        ((784, 128), (144, 288))
    """
    shape = _checked(shape)
    if len(shape) < 2:
        raise ValueError(
            f"a parameter of shape {shape} has no inputs and outputs to count; for a bias write init.zeros({shape})"
        )
    if len(shape) == 2:
        return shape[0], shape[1]
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def calculate_gain(nonlinearity: str, slope: float = 0.01) -> float:
    """By how much weights must be larger to make up for what an activation takes away.

    Args:
        nonlinearity: "linear", "sigmoid", "tanh", "relu" or "leaky_relu"; the values are those of PyTorch.
        slope: of leaky_relu below 0.

    Raises:
        ValueError: another name.

    Example:
        >>> from tinygrad_edu.nn import init
        >>> init.calculate_gain("relu") ** 2  # a relu lets half of the variance through
        2.0000000000000004
    """
    gains = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2)}
    gains["leaky_relu"] = math.sqrt(2 / (1 + slope * slope))
    if nonlinearity not in gains:
        raise ValueError(f"init.calculate_gain({nonlinearity!r}): it can be {', '.join(map(repr, gains))}")
    return gains[nonlinearity]


def default(shape: Shape, fan: int, *, rng: Seed = None) -> Array:
    """Uniform in ±1/√fan, which is how most layers start, here and in PyTorch.

    Args:
        shape: of a weight or a bias.
        fan: how many numbers an output is made from; 0 counts as 1.
        rng: a NumPy Generator or a seed.

    Example:
        >>> from tinygrad_edu.nn import init
        >>> print(init.default((300, 200), fan=100, rng=0).std().round(3))  # a tenth, over √3
        0.058
    """
    bound = 1 / math.sqrt(max(fan, 1))
    return uniform(shape, -bound, bound, rng=rng)


def kaiming_uniform(
    shape: Shape, nonlinearity: str = "relu", *, slope: float = 0.01, mode: str = "fan_in", rng: Seed = None
) -> Array:
    """Uniform in ±√3·gain/√fan: `kaiming_normal` of another form, with the same variance."""
    bound = math.sqrt(3) * _kaiming_std(shape, nonlinearity, slope, mode)
    return uniform(shape, -bound, bound, rng=rng)


def kaiming_normal(
    shape: Shape, nonlinearity: str = "relu", *, slope: float = 0.01, mode: str = "fan_in", rng: Seed = None
) -> Array:
    """Normal with standard deviation gain/√fan: He et al., "Delving Deep into Rectifiers" (2015), equations 10 and 14.

    Args:
        shape: of a weight, see `fans`.
        nonlinearity: what follows, see `calculate_gain`.
        slope: of leaky_relu below 0.
        mode: "fan_in" keeps the size of signals on the way forward, "fan_out" that of gradients on the way back.
        rng: a NumPy Generator or a seed.

    Raises:
        ValueError: a bias's shape, or an unknown name.

    Example:
        >>> from tinygrad_edu.nn import init
        >>> print(init.kaiming_normal((200, 300), rng=0).std().round(2))  # √(2/200)
        0.1
    """
    return normal(shape, 0, _kaiming_std(shape, nonlinearity, slope, mode), rng=rng)


def _kaiming_std(shape: Shape, nonlinearity: str, slope: float, mode: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode={mode!r}: it can be 'fan_in' or 'fan_out'")
    fan_in, fan_out = fans(shape)
    return calculate_gain(nonlinearity, slope) / math.sqrt(max(fan_in if mode == "fan_in" else fan_out, 1))


def xavier_uniform(shape: Shape, gain: float = 1.0, *, rng: Seed = None) -> Array:
    """Uniform in ±gain·√(6/(fan_in + fan_out)): `xavier_normal` of another form, with the same variance."""
    bound = math.sqrt(3) * _xavier_std(shape, gain)
    return uniform(shape, -bound, bound, rng=rng)


def xavier_normal(shape: Shape, gain: float = 1.0, *, rng: Seed = None) -> Array:
    """Normal with standard deviation gain·√(2/(fan_in + fan_out)).

    A middle way between forward and back, for tanh and the like: Glorot and Bengio, "Understanding the difficulty of
    training deep feedforward neural networks" (2010), equations 12 and 16.

    Args:
        shape: of a weight, see `fans`.
        gain: a factor, for example `init.calculate_gain("tanh")`.
        rng: a NumPy Generator or a seed.

    Raises:
        ValueError: a bias's shape.

    Example:
        >>> from tinygrad_edu.nn import init
        >>> print(init.xavier_normal((300, 500), rng=0).std().round(2))  # √(2/800)
        0.05
    """
    return normal(shape, 0, _xavier_std(shape, gain), rng=rng)


def _xavier_std(shape: Shape, gain: float) -> float:
    return gain * math.sqrt(2 / max(sum(fans(shape)), 1))


def orthogonal(shape: Shape, gain: float = 1.0, *, rng: Seed = None) -> Array:
    """A random matrix that changes no lengths: its columns, or its rows if they are fewer, are orthonormal.

    Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks" (2014). All such
    matrices are equally probable: Mezzadri, "How to generate random matrices from the classical compact groups" (2007).

    Args:
        shape: of a weight; of a convolution's all axes but the first count as one.
        gain: a factor.
        rng: a NumPy Generator or a seed.

    Raises:
        ValueError: a bias's shape.

    Example:
        >>> import numpy as np
        >>> from tinygrad_edu.nn import init
        >>> q = init.orthogonal((4, 3), rng=0)
        >>> np.allclose(q.T @ q, np.eye(3))
        True
    """
    fans(shape)  # refuses a bias
    rows, columns = shape[0], math.prod(shape[1:])
    tall = np.random.default_rng(rng).normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q = q * np.sign(np.diagonal(r))  # QR by itself prefers some signs
    return gain * np.reshape(q if rows >= columns else q.T, shape)
