"""What an array can do besides arithmetic: comparisons and NumPy's methods, each NumPy's function of that name."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["ArrayMethods"]


class ArrayMethods:
    """Base of Tensor: comparisons, whose answers are constants, and methods such as `t.sum(axis=0)`."""

    __slots__ = ()

    _data: Any

    def _call(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        return self.__array_function__(function, (), (self, *args), kwargs)

    def _ufunc(self, ufunc: np.ufunc, *inputs: Any) -> Any:
        return self.__array_ufunc__(ufunc, "__call__", *inputs)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def __array_function__(self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and callable(getattr(np, name, None)):
            raise AttributeError(f"a Tensor has no method {name}; write NumPy's function: np.{name}(t, ...)")
        raise AttributeError(f"a Tensor has no attribute {name!r}")

    # ---- comparisons: plain arrays -------------------------------------------------------------------------------
    def __lt__(self, other: Any) -> Any:
        return self._ufunc(np.less, self, other)

    def __le__(self, other: Any) -> Any:
        return self._ufunc(np.less_equal, self, other)

    def __gt__(self, other: Any) -> Any:
        return self._ufunc(np.greater, self, other)

    def __ge__(self, other: Any) -> Any:
        return self._ufunc(np.greater_equal, self, other)

    def __eq__(self, other: object) -> Any:
        return self._ufunc(np.equal, self, other)

    def __ne__(self, other: object) -> Any:
        return self._ufunc(np.not_equal, self, other)

    __hash__ = object.__hash__

    # ---- remainders ----------------------------------------------------------------------------------------------
    def __mod__(self, other: Any) -> Any:
        return self._ufunc(np.remainder, self, other)

    def __rmod__(self, other: Any) -> Any:
        return self._ufunc(np.remainder, other, self)

    def __floordiv__(self, other: Any) -> Any:
        return self._ufunc(np.floor_divide, self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return self._ufunc(np.floor_divide, other, self)

    def __divmod__(self, other: Any) -> Any:
        return self._ufunc(np.divmod, self, other)

    # ---- methods -------------------------------------------------------------------------------------------------
    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        """`np.sum` of this tensor."""
        return self._call(np.sum, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        """`np.mean` of this tensor."""
        return self._call(np.mean, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        """`np.max` of this tensor; tied entries share the gradient equally."""
        return self._call(np.max, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        """`np.min` of this tensor; tied entries share the gradient equally."""
        return self._call(np.min, axis=axis, keepdims=keepdims)

    def var(self, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
        """`np.var` of this tensor."""
        return self._call(np.var, axis=axis, ddof=ddof, keepdims=keepdims)

    def std(self, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
        """`np.std` of this tensor; its slope is 0 where all entries are equal."""
        return self._call(np.std, axis=axis, ddof=ddof, keepdims=keepdims)

    def dot(self, other: Any) -> Any:
        """`np.dot` of this tensor and another."""
        return self._call(np.dot, other)

    def clip(self, min: Any = None, max: Any = None) -> Any:
        """`np.clip` of this tensor."""
        return self._call(np.clip, min, max)

    def reshape(self, *shape: Any) -> Any:
        """`np.reshape` of this tensor: `t.reshape(2, 3)` or `t.reshape((2, 3))`."""
        return self._call(np.reshape, shape[0] if len(shape) == 1 else shape)

    def ravel(self) -> Any:
        """All entries along one axis."""
        return self._call(np.ravel)

    def transpose(self, *axes: Any) -> Any:
        """`np.transpose` of this tensor: all axes reversed, or in the order given."""
        order = axes[0] if len(axes) == 1 else axes or None
        return self._call(np.transpose, order)

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        """`np.swapaxes` of this tensor."""
        return self._call(np.swapaxes, axis1, axis2)

    def squeeze(self, axis: Any = None) -> Any:
        """`np.squeeze` of this tensor."""
        return self._call(np.squeeze, axis)

    def argmax(self, axis: Any = None) -> Any:
        """Where the largest entry is: a constant, as a plain array."""
        return np.argmax(self._data, axis=axis)

    def argmin(self, axis: Any = None) -> Any:
        """Where the smallest entry is: a constant, as a plain array."""
        return np.argmin(self._data, axis=axis)

    def flatten(self) -> Any:
        """All entries along one axis; `ravel` under its other name, since a Tensor is never written to."""
        return self._call(np.ravel)

    def prod(self, axis: Any = None, keepdims: bool = False) -> Any:
        """`np.prod` of this tensor."""
        return self._call(np.prod, axis=axis, keepdims=keepdims)

    def cumsum(self, axis: Any = None) -> Any:
        """`np.cumsum` of this tensor."""
        return self._call(np.cumsum, axis=axis)

    def tolist(self) -> Any:
        """The numbers as nested Python lists: constants."""
        return self._data.tolist()
