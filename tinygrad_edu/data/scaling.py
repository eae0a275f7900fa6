"""Scalers bring every column to a like size. Fit them on the training data only: the rest is not to be known yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.rules.elementwise import cast
from tinygrad_edu.rules.reductions import as_array

__all__ = ["MinMaxScaler", "Scaler", "Standardizer"]


NOT_FINITE = "has an entry that is NaN or infinite; fill such entries in, or leave the samples out"


class Scaler:
    """(x − offset) / scale, column by column; the subclass says what these are."""

    offset: NDArray[np.float64] | None = None
    scale: NDArray[np.float64] | None = None

    def measure(self, x: NDArray[np.float64], low: Any, high: Any) -> tuple[Any, Any]:
        """Offset and scale of the columns of x, of which the lowest and highest values are given."""
        raise NotImplementedError

    def fit(self, x: Any) -> Self:
        """Measure the columns of the training data.

        Args:
            x: (n, …), samples along the first axis. Everything that has a place of its own in a sample is a column.

        Raises:
            ValueError: there are no samples, or a column holds NaN or inf, or is too large to be measured.
        """
        x = np.asarray(x, dtype=float)
        if not x.ndim or not len(x):
            raise ValueError(f"{type(self).__name__}: there is nothing to fit to: x has shape {x.shape}.")
        self._check(x, NOT_FINITE)
        low, high = np.min(x, axis=0), np.max(x, axis=0)
        with np.errstate(over="ignore", invalid="ignore"):
            offset, scale = self.measure(x, low, high)
        self._check(np.stack([offset, scale]), "has values so large that their spread overflows; divide it first")
        self.offset, self.scale = offset, np.where(low == high, 1.0, scale)
        return self

    def __call__(self, x: Any) -> Any:
        """The scaled data, in the dtype of x (whole numbers become float64); a constant column becomes 0."""
        x, offset, scale = self._ready(x)
        self._check(x, NOT_FINITE)
        return cast((x - offset) / scale, x.dtype)

    def inverse(self, x: Any) -> Any:
        """Back to the original units."""
        x, offset, scale = self._ready(x)
        return cast(x * scale + offset, x.dtype)

    def state_dict(self) -> dict[str, NDArray[np.float64]]:
        """What was measured: `offset` and `scale`, one number a column."""
        offset, scale = self._fitted()
        return {"offset": offset.copy(), "scale": scale.copy()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned.

        Raises:
            ValueError: names or shapes do not fit; nothing was changed.
        """
        arrays = {name: np.array(value, dtype=float) for name, value in state.items()}
        if arrays.keys() != {"offset", "scale"} or arrays["offset"].shape != arrays["scale"].shape:
            raise ValueError(
                f"{type(self).__name__}: a state holds offset and scale, equally long, but this one has "
                f"{ {name: array.shape for name, array in arrays.items()} }."
            )
        self.offset, self.scale = arrays["offset"], arrays["scale"]

    def _fitted(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if self.offset is None or self.scale is None:
            raise RuntimeError(f"{type(self).__name__} has not been fitted yet: call fit(x_train) first.")
        return self.offset, self.scale

    def _ready(self, x: Any) -> tuple[Any, NDArray[np.float64], NDArray[np.float64]]:
        """Data as floats, offset and scale, after checking that they fit."""
        offset, scale = self._fitted()
        x = as_array(x)
        if not x.ndim or x.shape[1:] != offset.shape:
            raise ValueError(
                f"{type(self).__name__} was fitted to samples of shape {offset.shape}, but x has shape {x.shape}: its "
                f"first axis must be the samples. Of a single one make several: x.reshape((1, *x.shape))."
            )
        return x if x.dtype.kind == "f" else cast(x, np.float64), offset, scale

    def _check(self, x: Any, what: str) -> None:
        bad = ~np.isfinite(x)
        if bad.any():
            _, *column = np.argwhere(bad)[0].tolist()
            place = f"column {', '.join(map(str, column))}" if column else "the data"
            raise ValueError(f"{type(self).__name__}: {place} {what}.")


class Standardizer(Scaler):
    """Mean 0 and standard deviation 1 (of the whole, not of a sample) in every column.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> scale = tg.data.Standardizer().fit(np.array([[1.0, 7.0], [3.0, 7.0]]))
        >>> scale(np.array([[1.0, 7.0], [5.0, 8.0]]))
        array([[-1.,  0.],
               [ 3.,  1.]])
        >>> scale.inverse(np.array([[3.0, 1.0]]))
        array([[5., 8.]])
    """

    def measure(self, x: NDArray[np.float64], low: Any, high: Any) -> tuple[Any, Any]:
        return low + np.mean(x - low, axis=0), np.std(x - low, axis=0)  # of a constant column exactly low and 0


class MinMaxScaler(Scaler):
    """From 0, the lowest value of the training data, to 1, the highest, in every column.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> scale = tg.data.MinMaxScaler().fit(np.array([0.0, 4.0]))
        >>> scale(np.array([1.0, 8.0]))
        array([0.25, 2.  ])
    """

    def measure(self, x: NDArray[np.float64], low: Any, high: Any) -> tuple[Any, Any]:
        return low, high - low
