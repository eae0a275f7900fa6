"""The small real data sets that come with scikit-learn, by way of its own loaders: nothing is downloaded."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinygrad_edu.extras import need

__all__ = ["breast_cancer", "digits", "iris", "wine"]

Pair = tuple[NDArray[Any], NDArray[np.int64]]


def digits(dtype: DTypeLike = np.float64) -> Pair:
    """1,797 images of handwritten digits, 8×8 pixels in 17 shades of grey.

    Args:
        dtype: of the inputs.

    Returns:
        x: (1797, 64), from 0 (white) to 1, row by row; for a convolution x.reshape(-1, 1, 8, 8).
        y: (1797,), 0 to 9.

    Raises:
        ImportError: scikit-learn is not installed.
    """
    x, y = _loaded("digits", dtype)
    return x / 16, y


def iris(dtype: DTypeLike = np.float64) -> Pair:
    """150 flowers of three kinds: x (150, 4) lengths and widths in cm; y (150,), 0 to 2. See `digits` for the rest."""
    return _loaded("iris", dtype)


def wine(dtype: DTypeLike = np.float64) -> Pair:
    """178 wines of three growers: x (178, 13) chemical measures; y (178,), 0 to 2. See `digits` for the rest."""
    return _loaded("wine", dtype)


def breast_cancer(dtype: DTypeLike = np.float64) -> Pair:
    """569 tumours: x (569, 30) measures of cell nuclei; y (569,), 1 if benign. See `digits` for the rest."""
    return _loaded("breast_cancer", dtype)


def _loaded(name: str, dtype: DTypeLike) -> Pair:
    datasets = need("sklearn.datasets", "data", f"The data set {name}")
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return x.astype(dtype), y.astype(np.int64)
