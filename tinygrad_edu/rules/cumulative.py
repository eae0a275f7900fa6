"""Rows for running sums and products, and for the differences between neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.rules.elementwise import cast
from tinygrad_edu.rules.reductions import as_array
from tinygrad_edu.rules.strong_zero import times
from tinygrad_edu.rules.table import composition, derivative

__all__: list[str] = []


def _at(ndim: int, axis: int, index: Any) -> tuple[Any, ...]:
    """What to index an array with to take `index` along one axis."""
    return (slice(None),) * (axis % ndim) + (index,)


def _cumsum(g: Any, a_shape: Any, axis: Any) -> Any:
    """An entry is in all sums from its own place on."""
    if axis is None:
        return np.reshape(_cumsum(np.reshape(g, -1), g.shape, 0), a_shape)
    backwards = _at(g.ndim, axis, slice(None, None, -1))
    return np.cumsum(g[backwards], axis=axis)[backwards]


def _cumprod(g: Any, a: Any, axis: Any) -> Any:
    """Never by dividing by an entry, which may be 0.

    The gradient of entry k is the product of those before it times blame[k] = g[k] + a[k+1] * blame[k+1]. That
    recurrence is solved for all k at once, in about log₂ n steps: each reaches twice as far ahead as the one before.
    """
    if axis is None:
        return np.reshape(_cumprod(np.reshape(g, -1), np.reshape(a, -1), 0), a.shape)
    blame, a = np.moveaxis(g, axis, -1), np.moveaxis(a, axis, -1)
    before = np.cumprod(np.concatenate([np.ones_like(a[..., :1]), a[..., :-1]], axis=-1), axis=-1)
    factor, reach, n = a[..., 1:], 1, a.shape[-1]
    with np.errstate(over="ignore", invalid="ignore"):  # factors that no blame reaches may be anything
        while reach < n:
            near, ahead = blame[..., :-reach], blame[..., reach:]
            blame = np.concatenate([near + times(ahead, factor), blame[..., -reach:]], axis=-1)
            if 2 * reach < n:
                factor = factor[..., :-reach] * factor[..., reach:]
            reach *= 2
        return np.moveaxis(times(blame, before), -1, axis)


def _nancumsum(g: Any, a: Any, axis: Any) -> Any:
    return np.where(np.isnan(a), 0, _cumsum(g, a.shape, axis))


def _nancumprod(g: Any, a: Any, axis: Any) -> Any:
    missing = np.isnan(a)
    return np.where(missing, 0, _cumprod(g, np.where(missing, 1, a), axis))


def _after_initial(g: Any, axis: Any, include_initial: Any) -> Any:
    """Without the 0 or 1 that include_initial puts in front."""
    return g[_at(g.ndim, axis or 0, slice(1, None))] if include_initial else g


derivative(np.cumsum, a=_cumsum)
derivative(np.cumprod, a=_cumprod)
derivative(np.nancumsum, a=_nancumsum)
derivative(np.nancumprod, a=_nancumprod)
if hasattr(np, "cumulative_sum"):  # since NumPy 2.1
    derivative(
        np.cumulative_sum,
        x=lambda g, x_shape, axis, include_initial: _cumsum(_after_initial(g, axis, include_initial), x_shape, axis),
    )
    derivative(
        np.cumulative_prod,
        x=lambda g, x, axis, include_initial: _cumprod(_after_initial(g, axis, include_initial), x, axis),
    )


@composition(np.diff)
def _diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n!r}")
    if n == 0:
        return a
    a = as_array(a)
    if a.ndim == 0:
        raise ValueError("diff requires input that is at least one dimensional")
    edge = tuple(1 if i == axis % a.ndim else side for i, side in enumerate(a.shape))
    ends = [None if end is None else as_array(end) for end in (prepend, append)]
    first, last = [np.broadcast_to(end, edge) if end is not None and end.ndim == 0 else end for end in ends]
    if first is not None or last is not None:
        a = np.concatenate([part for part in (first, a, last) if part is not None], axis=axis)
    later, earlier = _at(a.ndim, axis, slice(1, None)), _at(a.ndim, axis, slice(None, -1))
    for _ in range(n):
        a = a[later] - a[earlier]
    return a


@composition(np.ediff1d)
def _ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    a = np.reshape(as_array(ary), -1)
    inner = a[1:] - a[:-1]
    if to_end is None and to_begin is None:
        return inner
    ends = []
    for name, end in (("to_begin", to_begin), ("to_end", to_end)):
        end = np.reshape(as_array([] if end is None else end), -1)
        if not np.can_cast(end.dtype, a.dtype, casting="same_kind"):
            raise TypeError(f"dtype of `{name}` must be compatible with input `ary` under the `same_kind` rule.")
        ends.append(end if end.dtype == a.dtype else cast(end, a.dtype))
    return np.concatenate([ends[0], inner, ends[1]])


@composition(np.gradient)
def _gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    f = as_array(f)
    axes = range(f.ndim) if axis is None else [i % f.ndim for i in np.atleast_1d(axis).tolist()]
    spacings = _spacings(f.shape, list(axes), varargs)
    if edge_order > 2:
        raise ValueError("'edge_order' greater than 2 not supported")
    slopes = [_slope(f, along, h, edge_order) for along, h in zip(axes, spacings)]
    return slopes[0] if len(slopes) == 1 else tuple(slopes)


def _spacings(shape: tuple[int, ...], axes: list[int], given: tuple[Any, ...]) -> list[Any]:
    """For every axis the distance between neighbours, or an array of distances where they differ."""
    if not given:
        return [1.0] * len(axes)
    if len(given) == 1 and np.ndim(given[0]) == 0:
        return [given[0]] * len(axes)
    if len(given) != len(axes):
        raise TypeError("invalid number of arguments")
    spacings = []
    for axis, where in zip(axes, given):
        if np.ndim(where) == 0:
            spacings.append(where)
            continue
        # Equal distances take another formula, so where the points are decides on the branch: they are constants here
        # (np.array refuses a Tensor that wants a gradient).
        where = np.array(where)
        if where.ndim != 1:
            raise ValueError("distances must be either scalars or 1d")
        if len(where) != shape[axis]:
            raise ValueError("when 1d, distances must match the length of the corresponding dimension")
        distances = np.diff(where.astype(np.float64) if np.issubdtype(where.dtype, np.integer) else where)
        spacings.append(distances[0] if (distances == distances[0]).all() else distances)
    return spacings


def _slope(f: Any, axis: int, h: Any, edge_order: int) -> Any:
    """np.gradient along one axis: central differences inside, one-sided ones at the two ends."""
    if f.shape[axis] < edge_order + 1:
        raise ValueError(
            "Shape of array too small to calculate a numerical gradient, at least (edge_order + 1) elements are "
            "required."
        )

    def take(start: int | None, stop: int | None) -> Any:
        return f[_at(f.ndim, axis, slice(start, stop))]

    even = np.ndim(h) == 0
    first, last = (h, h) if even else (h[0], h[-1])
    if even:
        inside = (take(2, None) - take(None, -2)) / (2.0 * h)
    else:
        side = tuple(-1 if i == axis else 1 for i in range(f.ndim))
        h1, h2 = np.reshape(h[:-1], side), np.reshape(h[1:], side)
        a, b, c = -h2 / (h1 * (h1 + h2)), (h2 - h1) / (h1 * h2), h1 / (h2 * (h1 + h2))
        inside = a * take(None, -2) + b * take(1, -1) + c * take(2, None)
    if edge_order == 1:
        begin = (take(1, 2) - take(0, 1)) / first
        end = (take(-1, None) - take(-2, -1)) / last
    else:
        if even:
            front, back = (-1.5 / h, 2.0 / h, -0.5 / h), (0.5 / h, -2.0 / h, 1.5 / h)
        else:
            h1, h2 = h[0], h[1]
            front = (-(2.0 * h1 + h2) / (h1 * (h1 + h2)), (h1 + h2) / (h1 * h2), -h1 / (h2 * (h1 + h2)))
            h1, h2 = h[-2], h[-1]
            back = (h2 / (h1 * (h1 + h2)), -(h2 + h1) / (h1 * h2), (2.0 * h2 + h1) / (h2 * (h1 + h2)))
        begin = front[0] * take(0, 1) + front[1] * take(1, 2) + front[2] * take(2, 3)
        end = back[0] * take(-3, -2) + back[1] * take(-2, -1) + back[2] * take(-1, None)
    slope = np.concatenate([begin, inside, end], axis=axis)
    wanted = f.dtype if np.issubdtype(f.dtype, np.inexact) else np.dtype(float)
    return slope if slope.dtype == wanted else cast(slope, wanted)


@composition(np.trapezoid)
def _trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    y = as_array(y)
    width = dx
    if x is not None:
        x = as_array(x)
        width = np.diff(x) if x.ndim == 1 else np.diff(x, axis=axis)
        if x.ndim == 1:
            width = np.reshape(width, tuple(-1 if i == axis % y.ndim else 1 for i in range(y.ndim)))
    pairs = y[_at(y.ndim, axis, slice(1, None))] + y[_at(y.ndim, axis, slice(None, -1))]
    return np.sum(width * pairs / 2.0, axis=axis)
