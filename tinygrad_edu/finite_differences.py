"""Slopes without derivatives: wiggle one entry, run forward again, and see how much the result moved.

`numerical_gradient` is the lesson's plain central difference. `slopes` is what the gradient check stands on: a sweep of
step sizes, extrapolated, which knows its own error and sees the left and the right side of a kink.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.tensor import Tensor

__all__ = ["NumericalGradient", "Probe", "Slopes", "complex_step", "noise", "numerical_gradient", "slopes"]

Array = NDArray[Any]
LEVELS = 9  # step sizes in one sweep, each half the one before


class Probe:
    """A function seen as depending on the entries of some of its inputs; it counts its forward passes.

    Args:
        f: called with `arguments`; returns a Tensor or an array.
        arguments: what f is called with.
        targets: the leaf tensors (whether f gets them as arguments or refers to them itself) and the float arrays
            among the arguments whose entries can be changed. They are evaluated in `dtype`; the caller's own are
            never written to.
    """

    def __init__(
        self, f: Callable[..., Any], arguments: Sequence[Any], targets: Sequence[Any], dtype: Any = np.float64
    ) -> None:
        self.f = f
        self.targets = targets
        self.forward_passes = 0
        self.values = [np.array(_data(target), dtype=dtype, order="C") for target in targets]
        place = {id(target): value for target, value in zip(targets, self.values, strict=True)}
        self.arguments = [a if isinstance(a, Tensor) else place.get(id(a), a) for a in arguments]

    def __call__(self) -> Array:
        """One forward pass with the entries as they are now."""
        tensors = [target for target in self.targets if isinstance(target, Tensor)]
        own = [tensor._data for tensor in tensors]
        self.forward_passes += 1
        try:
            for target, value in zip(self.targets, self.values, strict=True):
                if isinstance(target, Tensor):
                    target._data = value
            return np.array(_data(self.f(*self.arguments)))
        finally:
            for tensor, data in zip(tensors, own, strict=True):
                tensor._data = data

    def at(self, k: int, index: tuple[int, ...], x: complex) -> Array:
        """One forward pass with one entry of target k at x."""
        before = self.values[k][index]
        self.values[k][index] = x
        try:
            return self()
        finally:
            self.values[k][index] = before


def _data(value: Any) -> Any:
    return value.data if isinstance(value, Tensor) else value


@dataclass
class NumericalGradient:
    """What `numerical_gradient` found: one array per input, in `gradients`; iterate or index for short."""

    gradients: list[Array]
    forward_passes: int  # two for every entry
    _ahead: list[Array]
    _behind: list[Array]
    _here: Callable[[], float]
    _step: float

    def __getitem__(self, k: int) -> Array:
        return self.gradients[k]

    def __iter__(self) -> Iterator[Array]:
        return iter(self.gradients)

    def __len__(self) -> int:
        return len(self.gradients)

    @property
    def left(self) -> list[Array]:
        """Slopes seen from the left, per input: (f(x) − f(x − step)) / step. Takes the forward pass at x itself."""
        return [(self._here() - behind) / self._step for behind in self._behind]

    @property
    def right(self) -> list[Array]:
        """Slopes seen from the right, per input: (f(x + step) − f(x)) / step. Takes the forward pass at x itself."""
        return [(ahead - self._here()) / self._step for ahead in self._ahead]


def numerical_gradient(f: Callable[..., Any], *inputs: Any, step: float = 1e-5) -> NumericalGradient:
    """The gradient by wiggling: (f(x + step) − f(x − step)) / (2·step) for one entry after the other.

    Two forward passes for every entry; backpropagation needs one forward and one backward pass for them all.

    Args:
        f: returns a single number.
        *inputs: float arrays or leaf tensors of any shape. Tensors are changed while f runs and put back, so f may
            ignore its arguments and use a model that holds them.
        step: how far to wiggle; the error grows with its square, and rounding with its inverse.

    Returns:
        Gradients in float64, the counted forward passes, and the slopes left and right of every entry.

    Raises:
        ValueError: f returns more than one number.
        TypeError: an input is not made of floating-point numbers.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> numeric = tg.numerical_gradient(lambda x: np.sum(x**2), np.array([1.0, 2.0, 3.0]))
        >>> numeric.gradients[0].round(6)
        array([2., 4., 6.])
        >>> numeric.forward_passes
        6
        >>> kink = tg.numerical_gradient(lambda x: tg.relu(x), np.array(0.0))
        >>> kink.left[0].round(6), kink.right[0].round(6)
        (np.float64(0.0), np.float64(1.0))
    """
    targets = [x if isinstance(x, Tensor) else np.asarray(x) for x in inputs]
    for k, target in enumerate(targets):
        if target.dtype.kind != "f":
            raise TypeError(f"numerical_gradient: input {k} has dtype {target.dtype}; only real floats can be wiggled")
    probe = Probe(f, targets, targets)

    def number(value: Array) -> float:
        if value.size != 1:
            raise ValueError(
                f"numerical_gradient: f returned shape {value.shape}, but a slope needs a single number; "
                "reduce it, for example with np.sum."
            )
        return float(value.reshape(()))

    ahead = [np.empty(value.shape) for value in probe.values]
    behind = [np.empty(value.shape) for value in probe.values]
    for k, value in enumerate(probe.values):
        for index in np.ndindex(value.shape):
            ahead[k][index] = number(probe.at(k, index, float(value[index]) + step))
            behind[k][index] = number(probe.at(k, index, float(value[index]) - step))
    gradients = [(a - b) / (2 * step) for a, b in zip(ahead, behind, strict=True)]
    here = functools.cache(lambda: number(probe()))
    return NumericalGradient(gradients, probe.forward_passes, ahead, behind, here, step)


@dataclass
class Slopes:
    """The slope of every entry of f's result along one direction, each with an estimate of its error."""

    central: Array
    central_error: Array
    left: Array
    left_error: Array
    right: Array
    right_error: Array
    flat: Array  # where f never moved, to the last bit

    def jump(self, weights: Array) -> tuple[float, float, float]:
        """(left slope, right slope, error of their difference), f's entries added up with weights."""
        error = np.sum(np.abs(weights) * (self.left_error + self.right_error))
        return float(np.sum(weights * self.left)), float(np.sum(weights * self.right)), float(error)

    def best(self, weights: Array) -> tuple[float, float]:
        """(slope, error) where there is no kink: of the three the one with the least error.

        Two equal numbers in a tableau may be a coincidence of rounding, which looks like no error at all. So the
        error is at least what the best differs from the second best.
        """
        sides = (
            (self.central, self.central_error),
            (self.left, self.left_error),
            (self.right, self.right_error),
        )
        ranked = [(float(np.sum(np.abs(weights) * error)), float(np.sum(weights * slope))) for slope, error in sides]
        (error, slope), (_, second), _ = sorted(ranked)
        return slope, float(np.fmax(error, abs(slope - second)))


def slopes(line: Callable[[float], Array], here: Array, step: float, wrong: Array | float = 0.0) -> Slopes:
    """Slopes of t ↦ line(t) at t = 0 from one sweep of nine step sizes, each half the one before.

    Differences are extrapolated to step 0 in a Neville tableau; the error is what neighbours in the tableau disagree
    by, but never less than what rounding of f's own value does. Source: C. J. F. Ridders, "Accurate computation of
    F'(x) and F'(x) F''(x)", Advances in Engineering Software 4 (1982).

    Args:
        line: f along the direction, any shape.
        here: line(0).
        step: the largest step.
        wrong: how far f's value may be off, if that is known to be more than its rounding (see `noise`).

    Returns:
        Arrays of f's shape. Where no step gives finite values, the error is inf.
    """
    # Powers of two: x + h is then exact, where a rounded 1e8 + h would be a step of another size.
    steps = [2.0 ** (math.floor(math.log2(step)) - level) for level in range(LEVELS)]
    ahead = [line(h) for h in steps]
    behind = [line(-h) for h in steps]
    eps = np.finfo(float).eps
    rounding = [np.maximum(eps * np.maximum(np.abs(a), np.abs(b)), wrong) / h for a, b, h in zip(ahead, behind, steps)]
    return Slopes(
        *_extrapolate([(a - b) / (2 * h) for a, b, h in zip(ahead, behind, steps)], rounding, 4),
        *_extrapolate([(here - b) / h for b, h in zip(behind, steps)], rounding, 2),
        *_extrapolate([(a - here) / h for a, h in zip(ahead, steps)], rounding, 2),
        np.all([(a == here) & (b == here) for a, b in zip(ahead, behind)], axis=0),
    )


def noise(line: Callable[[float], Array], scale: float) -> Array:
    """How far the computed f is off, entry by entry: what is left in fourth differences so narrow that f is straight.

    Rounding inside f can exceed the rounding of its result: (x + 1e6) − 1e6 is good to 1e-10 only. Source: R. W.
    Hamming, "Introduction to Applied Numerical Analysis" (1971), on the difference table as a detector of noise.

    Args:
        line: f along a direction.
        scale: how far f goes before it changes much.
    """
    # Not a power of two, whose multiples might all be rounded alike.
    points = np.array([line(j * 1.3e-8 * scale) for j in range(-3, 4)])
    # sqrt(70): what taking fourth differences multiplies independent errors by
    fourth: Array = np.max(np.abs(np.diff(points, 4, axis=0)), axis=0)
    return np.where(np.isfinite(fourth), fourth / math.sqrt(70), 0)


def _extrapolate(differences: list[Array], rounding: list[Array], ratio: int) -> tuple[Array, Array]:
    """Best value and its error, entry by entry; each column of the tableau removes the next power of the step."""
    best = np.full(differences[0].shape, np.nan)
    error = np.full(differences[0].shape, np.inf)
    row: list[tuple[Array, Array]] = []
    for difference, noise in zip(differences, rounding):
        new = [(difference, noise)]
        for column, (above, noise_above) in enumerate(row, start=1):
            left, noise_left = new[-1]
            weight = 1 / (ratio**column - 1)
            value = left + weight * (left - above)
            noise = (1 + weight) * noise_left + weight * noise_above
            estimate = np.maximum(np.maximum(np.abs(value - left), np.abs(value - above)), noise)
            better = estimate < error  # False for NaN
            best, error = np.where(better, value, best), np.where(better, estimate, error)
            new.append((value, noise))
        row = new
    return best, error


def complex_step(probe: Probe, k: int, index: tuple[int, ...]) -> Array | None:
    """Im f(x + ih) / h with h = 1e-30: exact to rounding, since nothing is subtracted; None where f cannot do it.

    Source: W. Squire and G. Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review
    40 (1998).

    Args:
        probe: with complex values.
        k: which target.
        index: which of its entries.
    """
    h = 1e-30
    try:
        out = probe.at(k, index, probe.values[k][index] + 1j * h)
    except (TypeError, ValueError, NotImplementedError, Warning):
        return None
    return out.imag / h if np.iscomplexobj(out) else None
