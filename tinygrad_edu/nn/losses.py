"""Losses: one number that says how wrong a prediction is."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.rules.table import derivative, primitive

__all__ = ["mse_loss"]


@primitive
def mse_loss(prediction: Any, target: Any) -> Any:
    """Mean squared error: the mean over all entries of (prediction − target)².

    One row of the table instead of three (subtract, square, mean), because it is in every step of every lesson.

    Args:
        prediction: any shape.
        target: the same shape.

    Raises:
        ValueError: the shapes differ; broadcasting (n,) against (n, 1) would compare everything with everything.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> print(tg.nn.mse_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
        2.0
    """
    shapes = _shape(prediction), _shape(target)
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"mse_loss: prediction has shape {shapes[0]} and target {shapes[1]}. They must be equal, for otherwise "
            "broadcasting would compare every entry with every other. "
            "Mend it with target.reshape(prediction.shape) if they hold the same entries."
        )
    difference = np.subtract(prediction, target)
    return np.sum(difference * difference) / difference.size


def _shape(values: Any) -> Any:
    return values.shape if hasattr(values, "shape") else np.shape(values)


derivative(
    mse_loss,
    prediction=lambda g, prediction, target: (prediction - target) * (g * 2 / prediction.size),
    target=lambda g, prediction, target: (target - prediction) * (g * 2 / target.size),
)
