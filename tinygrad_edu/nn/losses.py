"""Losses for numbers: how far a prediction is from its target. Those for classes are in `classification_losses.py`.

A loss has the dtype of its prediction; complex numbers are refused with a TypeError. `reduction` says what becomes of
the losses of the single entries: their "mean", their "sum", or "none" to have them one by one.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu.rules.elementwise import cast
from tinygrad_edu.rules.reductions import as_array
from tinygrad_edu.rules.table import derivative, primitive

__all__ = ["as_floats", "huber", "huber_loss", "l1_loss", "mean_squared_error", "mse_loss", "paired", "reduced"]


def mse_loss(prediction: Any, target: Any, *, reduction: str = "mean") -> Any:
    """Mean squared error: (prediction − target)².

    Args:
        prediction: any shape.
        target: the same shape.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: the shapes differ (broadcasting (n,) against (n, 1) would compare everything with everything), or
            the mean of no entries is asked for.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> print(tg.nn.mse_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
        2.0
    """
    if reduction == "mean":
        return mean_squared_error(prediction, target)
    prediction, target = paired("mse_loss", prediction, target)
    return reduced("mse_loss", np.square(np.subtract(prediction, target)), reduction)


@primitive
def mean_squared_error(prediction: Any, target: Any) -> Any:
    """One row of the table instead of three (subtract, square, mean), because it is in every step of every lesson."""
    prediction, target = paired("mse_loss", prediction, target)
    difference = prediction - target
    return (difference * difference).sum() / _number("mse_loss", difference)


def l1_loss(prediction: Any, target: Any, *, reduction: str = "mean") -> Any:
    """Mean absolute error: |prediction − target|, with slope 0 where they are equal.

    Args:
        prediction: any shape.
        target: the same shape.
        reduction: "mean", "sum" or "none".

    Raises:
        ValueError: the shapes differ, or the mean of no entries is asked for.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> print(tg.nn.l1_loss(np.array([1.0, 2.0]), np.array([1.0, 5.0])))
        1.5
    """
    prediction, target = paired("l1_loss", prediction, target)
    return reduced("l1_loss", np.absolute(np.subtract(prediction, target)), reduction)


def huber_loss(prediction: Any, target: Any, *, reduction: str = "mean", delta: float = 1.0) -> Any:
    """A parabola near the target, straight lines further out, so that an outlier pulls no harder than `delta`.

    Half the squared difference up to `delta`; beyond that delta × (|difference| − delta / 2). Huber, "Robust Estimation
    of a Location Parameter", 1964.

    Args:
        prediction: any shape.
        target: the same shape.
        reduction: "mean", "sum" or "none".
        delta: where the parabola ends, in the units of the prediction; above 0.

    Raises:
        ValueError: the shapes differ, the mean of no entries is asked for, or delta is not a finite number above 0.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> tg.nn.huber_loss(np.array([1.0, 4.0]), np.array([0.0, 0.0]), reduction="none")
        array([0.5, 3.5])
    """
    if not 0 < delta < math.inf:
        raise ValueError(f"huber_loss: delta={delta} is not a finite number above 0; delta=1.0 is the usual choice.")
    prediction, target = paired("huber_loss", prediction, target)
    return reduced("huber_loss", huber(np.subtract(prediction, target), float(delta)), reduction)


@primitive
def huber(difference: Any, delta: float) -> Any:
    """The Huber loss entry by entry. Its slope is the difference, clipped."""
    length = np.absolute(difference)
    inner = np.minimum(length, delta)
    return inner * (length - inner / 2)


derivative(
    mean_squared_error,
    prediction=lambda g, prediction, target: (prediction - target) * (g * 2 / prediction.size),
    target=lambda g, prediction, target: (target - prediction) * (g * 2 / target.size),
)
derivative(huber, difference=lambda g, difference, delta: g * np.clip(difference, -delta, delta))


# ---- what all losses share ---------------------------------------------------------------------------------------
def paired(loss: str, prediction: Any, target: Any) -> tuple[Any, Any]:
    """Both as arrays or Tensors of floats and of one shape; the target takes the prediction's dtype.

    Raises:
        ValueError: the shapes differ.
        TypeError: complex numbers.
    """
    prediction, target = as_floats(loss, prediction), as_array(target)
    if prediction.shape != target.shape:
        mend = " Mend it with target.reshape(prediction.shape)." * (prediction.size == target.size)
        raise ValueError(
            f"{loss}: prediction has shape {prediction.shape} and target {target.shape}. They must be equal, for "
            f"otherwise broadcasting would compare every entry with every other.{mend}"
        )
    if target.dtype != prediction.dtype:
        if target.dtype.kind == "c":
            raise _complex(loss)
        target = cast(target, prediction.dtype)
    return prediction, target


def as_floats(loss: str, values: Any) -> Any:
    """An array or Tensor of floats: differences of whole numbers can overflow, and those of uint8 have no sign.

    Raises:
        TypeError: complex numbers.
    """
    values = as_array(values)
    if values.dtype.kind == "f":
        return values
    if values.dtype.kind == "c":
        raise _complex(loss)
    return cast(values, np.float64)


def _complex(loss: str) -> TypeError:
    return TypeError(
        f"{loss} got complex numbers, and a loss is made of real ones. For a mean squared distance write "
        "np.mean(np.abs(prediction - target) ** 2); otherwise give the parts as axes of their own: np.real, np.imag."
    )


def reduced(loss: str, values: Any, reduction: str) -> Any:
    """The mean, the sum or all of the losses of single entries.

    Raises:
        ValueError: another word, or the mean of nothing.
    """
    if reduction == "none":
        return values
    if reduction == "sum":
        return np.sum(values)
    if reduction != "mean":
        raise ValueError(f'{loss}: reduction={reduction!r} is none of "mean", "sum" and "none".')
    return np.sum(values) / _number(loss, values)


def _number(loss: str, values: Any) -> int:
    """How many entries there are; ValueError if none."""
    if not values.size:
        raise ValueError(
            f"{loss}: the batch is empty (shape {values.shape}), and the mean of nothing is 0 / 0. Leave empty batches "
            'out, or take reduction="sum", which is 0.'
        )
    return values.size  # type: ignore[no-any-return]
