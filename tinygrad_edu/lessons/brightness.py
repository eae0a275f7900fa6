"""Three weights: brightness = w0 + w1·x + w2·y for every pixel of a small grey picture.

A table of rows [1, x, y], a column of brightness, a mean squared error, and all pixels in every step. The best plane is
known in closed form, so that one can see whether gradient descent arrives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.data import brightness
from tinygrad_edu.nn import mse_loss
from tinygrad_edu.optim import SGD
from tinygrad_edu.tensor import Tensor

__all__ = ["EPOCHS", "LR", "SIDE", "Fit", "fit", "least_squares"]

Array = NDArray[np.float64]
SIDE, LR, EPOCHS = 16, 0.5, 400


@dataclass(frozen=True)
class Fit:
    """A plane that was learned, and the best there is.

    Attributes:
        weights: w0, w1, w2 after the last epoch.
        errors: the mean squared error before every epoch, and after the last.
        best: the weights of the least squares solution.
        best_error: its mean squared error.
        picture: (side, side), what was to be learned.
        plane: (side, side), what was learned.
    """

    weights: Array
    errors: list[float]
    best: Array
    best_error: float
    picture: Array
    plane: Array


def least_squares(rows: Any, values: Any) -> Array:
    """The weights with the least mean squared error, in closed form: (XᵀX) w = Xᵀ y, the normal equations.

    Args:
        rows: X, (n, k).
        values: y, (n,).

    Example:
        >>> least_squares([[1, 0], [1, 1], [1, 2]], [1, 3, 5]).round(9)
        array([1., 2.])
    """
    x, y = np.asarray(rows, dtype=float), np.asarray(values, dtype=float)
    return np.asarray(np.linalg.solve(x.T @ x, x.T @ y))


def fit(lr: float = LR, epochs: int = EPOCHS, side: int = SIDE, rng: np.random.Generator | int | None = 0) -> Fit:
    """Learn the plane by gradient descent from weights of 0; every epoch is one step on all pixels.

    Args:
        lr: the learning rate.
        epochs: how many steps.
        side: the picture is side × side pixels.
        rng: decides the picture's noise.

    Example:
        >>> result = fit()
        >>> bool(np.allclose(result.weights, result.best, atol=1e-4))
        True
    """
    x, y = brightness(side, rng=rng)
    w = Tensor(np.zeros(3), requires_grad=True)
    optimizer = SGD([w], lr)
    errors = []
    with np.errstate(all="ignore"):  # an error that blows up is something to be seen
        for _ in range(epochs):
            loss = mse_loss(x @ w, y)
            errors.append(loss.item())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        plane = x @ w.data
        errors.append(float(np.mean((plane - y) ** 2)))
    best = least_squares(x, y)
    best_error = float(np.mean((x @ best - y) ** 2))
    return Fit(w.data.copy(), errors, best, best_error, y.reshape(side, side), plane.reshape(side, side))
