"""Scalers bring every column to a like size. Fit them on the training data only: the rest is not to be known yet."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.data.batches import samples
from tinygrad_edu.rules.elementwise import cast

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
        self.offset, self.scale = offset, np.where(scale == 0, 1.0, scale)  # constant, or so near that 0 is all it has
        return self

    def transform(self, x: Any) -> Any:
        """The scaled data, in the dtype of x (whole numbers become float64); a constant column becomes 0.

        Raises:
            RuntimeError: not fitted yet.
            ValueError: samples of another shape, or a column holds NaN or inf.
        """
        x, offset, scale = self._ready(x)
        self._check(x, NOT_FINITE)
        return cast((x - offset) / scale, x.dtype)

    def fit_transform(self, x: Any) -> Any:
        """Measure the training data and scale it; then `transform` the rest."""
        return self.fit(x).transform(x)

    def inverse_transform(self, x: Any) -> Any:
        """Back to the original units."""
        x, offset, scale = self._ready(x)
        return cast(x * scale + offset, x.dtype)

    def state_dict(self) -> dict[str, Any]:
        """The kind of scaler and what was measured: `offset` and `scale`, one number a column; None before `fit`."""
        return {"kind": type(self).__name__, "offset": copy(self.offset), "scale": copy(self.scale)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned.

        Raises:
            ValueError: it is of another kind of scaler, or of none; nothing was changed.
        """
        name = type(self).__name__
        if state.keys() != self.state_dict().keys() or state["kind"] != name:
            raise ValueError(f"{name}: this is not the state of one, but of {state.get('kind', 'something else')}.")
        offset, scale = state["offset"], state["scale"]
        if offset is not None or scale is not None:
            offset, scale = np.array(offset, dtype=float), np.array(scale, dtype=float)
            if offset.shape != scale.shape or not np.isfinite([offset, scale]).all() or not (scale > 0).all():
                raise ValueError(f"{name}: offset and scale must be finite and equally long, scale above 0: {state}.")
        self.offset, self.scale = offset, scale

    def __repr__(self) -> str:
        inside = "not fitted" if self.offset is None else f"samples of shape {self.offset.shape}"
        return f"{type(self).__name__}({inside})"

    def _fitted(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if self.offset is None or self.scale is None:
            raise RuntimeError(f"{type(self).__name__} has not been fitted yet: call fit(x_train) first.")
        return self.offset, self.scale

    def _ready(self, x: Any) -> tuple[Any, NDArray[np.float64], NDArray[np.float64]]:
        """Data as floats, offset and scale, after checking that they fit."""
        offset, scale = self._fitted()
        x = samples(x)
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
        >>> scaler = tg.data.Standardizer().fit(np.array([[1.0, 7.0], [3.0, 7.0]]))
        >>> scaler.transform(np.array([[1.0, 7.0], [5.0, 8.0]]))
        array([[-1.,  0.],
               [ 3.,  1.]])
        >>> scaler.inverse_transform(np.array([[3.0, 1.0]]))
        array([[5., 8.]])
    """

    def measure(self, x: NDArray[np.float64], low: Any, high: Any) -> tuple[Any, Any]:
        return low + np.mean(x - low, axis=0), np.std(x - low, axis=0)  # of a constant column exactly low and 0


class MinMaxScaler(Scaler):
    """From 0, the lowest value of the training data, to 1, the highest, in every column.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> scaler = tg.data.MinMaxScaler().fit(np.array([0.0, 4.0]))
        >>> scaler.transform(np.array([1.0, 8.0]))
        array([0.25, 2.  ])
    """

    def measure(self, x: NDArray[np.float64], low: Any, high: Any) -> tuple[Any, Any]:
        return low, high - low
