"""Rows for linear algebra: matrix products, inverses, equations, determinants, norms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu.rules.products import conjugate
from tinygrad_edu.rules.strong_zero import times
from tinygrad_edu.rules.table import composition, derivative, no_derivative, primitive

__all__ = ["adjoint", "cofactor", "cofactor_slope", "magnitude", "matmul_y", "transposed"]


def _matmul_x(g: Any, y: Any, x_shape: Any) -> Any:
    if y.ndim == 2:  # by far the most common: rows @ one matrix
        return g @ y.T
    if y.ndim == 1:  # (…, k) @ (k,) -> (…)
        return np.expand_dims(g, -1) * y
    if len(x_shape) == 1:  # (k,) @ (…, k, n) -> (…, n)
        return np.squeeze(y @ np.expand_dims(g, -1), -1)
    return g @ np.swapaxes(y, -1, -2)


def matmul_y(g: Any, x: Any, y_shape: Any) -> Any:
    """The gradient of x @ y with respect to y."""
    if len(y_shape) == 2 and x.ndim > 1:  # one matrix for all rows of all batches: one product for them all
        return x.T @ g if x.ndim == 2 else np.transpose(_rows(x)) @ _rows(g)
    if x.ndim == 1:  # (k,) @ (k,) -> (), or (k,) @ (…, k, n) -> (…, n)
        return x * g if len(y_shape) == 1 else np.expand_dims(x, -1) * np.expand_dims(g, -2)
    if len(y_shape) == 1:  # (…, m, k) @ (k,) -> (…, m)
        return np.squeeze(np.expand_dims(g, -2) @ x, -2)
    return np.swapaxes(x, -1, -2) @ g


def _rows(a: Any) -> Any:
    """All axes but the last made one. The length is counted, for reshape's -1 cannot tell it of an empty array."""
    return np.reshape(a, (math.prod(a.shape[:-1]), a.shape[-1]))


def _dot_as_matrix(b: Any) -> Any:
    """The second factor of np.dot as a (k, rest) matrix: its axis k is the last but one."""
    return np.reshape(np.moveaxis(b, -2, 0) if b.ndim > 1 else b, (b.shape[-2:][0], _rest(b.shape)))


def _rest(shape: tuple[int, ...]) -> int:
    return math.prod(shape[:-2] + shape[-1:]) if len(shape) > 1 else 1


def _dot_a(g: Any, b: Any, a_shape: Any) -> Any:
    if not a_shape or not np.ndim(b):
        return g * b
    matrix = _dot_as_matrix(b)
    return np.reshape(np.reshape(g, (math.prod(a_shape[:-1]), matrix.shape[1])) @ np.transpose(matrix), a_shape)


def _dot_b(g: Any, a: Any, b_shape: Any) -> Any:
    if not np.ndim(a) or not b_shape:
        return g * a
    rows = _rows(a)
    columns = np.transpose(rows) @ np.reshape(g, (rows.shape[0], _rest(b_shape)))
    if len(b_shape) == 1:
        return np.reshape(columns, b_shape)
    return np.moveaxis(np.reshape(columns, (b_shape[-2], *b_shape[:-2], b_shape[-1])), 0, -2)


derivative(np.matmul, x=_matmul_x, y=matmul_y)
derivative(np.dot, lambda a, b, out=None: None, a=_dot_a, b=_dot_b)


# ---- helpers -------------------------------------------------------------------------------------------------------
def transposed(a: Any) -> Any:
    """Every matrix of a stack, transposed."""
    return np.swapaxes(a, -1, -2)


def adjoint(a: Any) -> Any:
    """Every matrix of a stack, transposed and conjugated."""
    return conjugate(transposed(a))


def _column(v: Any) -> Any:
    return np.expand_dims(v, -1)


def _scaled(g: Any, matrix: Any) -> Any:
    """A number for every matrix of a stack, times that matrix."""
    return np.expand_dims(g, (-1, -2)) * matrix


# ---- inverses and equations ----------------------------------------------------------------------------------------
def _inv(g: Any, out: Any) -> Any:
    back = transposed(out)
    return -back @ g @ back


def _solve_b(g: Any, a: Any, b_shape: Any) -> Any:
    if len(b_shape) == 1:  # np.linalg.solve reads b with one axis as one vector, with more as matrices
        return np.squeeze(np.linalg.solve(transposed(a), _column(g)), -1)
    return np.linalg.solve(transposed(a), g)


def _solve_a(g: Any, a: Any, b_shape: Any, out: Any) -> Any:
    if len(b_shape) == 1:
        g, out = _column(g), _column(out)
    return -np.linalg.solve(transposed(a), g) @ transposed(out)


def _pinv(g: Any, a: Any, out: Any) -> Any:
    """Right wherever small steps do not change the rank; elsewhere the pseudoinverse jumps (Golub & Pereyra 1973)."""
    gt, outh = transposed(g), adjoint(out)
    left = gt @ out @ outh
    right = outh @ out @ gt
    return conjugate(left - a @ (out @ left) + right - (right @ out) @ a) - transposed(out) @ g @ transposed(out)


derivative(np.linalg.inv, a=_inv)
derivative(np.linalg.solve, a=_solve_a, b=_solve_b)
# Which singular values count as 0 does not move with a small step, so rcond and rtol are only named.
derivative(np.linalg.pinv, a=lambda g, a, out, rcond, rtol: _pinv(g, a, out))


def _lstsq_residuals(g: Any, a: Any, b: Any, out: Any) -> Any:
    """What the squared lengths of the residuals send back to the residuals b - a @ x; None where NumPy gave none."""
    if not math.prod(out[1].shape):
        return None
    x, rest = (_column(v) if b.ndim == 1 else v for v in (out[0], b))
    return 2 * g[1] * conjugate(rest - a @ x)


def _lstsq_b(g: Any, a: Any, b: Any, out: Any, rcond: Any) -> Any:
    back = transposed(_pinv_of(a, rcond)) @ (_column(g[0]) if b.ndim == 1 else g[0])
    residuals = _lstsq_residuals(g, a, b, out)
    back = back if residuals is None else back + residuals
    return back[:, 0] if b.ndim == 1 else back


def _lstsq_a(g: Any, a: Any, b: Any, out: Any, rcond: Any) -> Any:
    gx, x, right = (_column(v) if b.ndim == 1 else v for v in (g[0], out[0], b))
    back = _pinv(gx @ transposed(right), a, _pinv_of(a, rcond))  # x = pinv(a) @ b
    residuals = _lstsq_residuals(g, a, b, out)
    if residuals is not None:
        back = back - residuals @ transposed(x)  # x is the best there is: to first order the residuals ignore it
    if 3 in g.given:
        u, _, vh = np.linalg.svd(a, full_matrices=False)
        back = back + conjugate((u * np.expand_dims(g[3], -2)) @ vh)
    return back


def _pinv_of(a: Any, rcond: Any) -> Any:
    return np.linalg.pinv(a, np.finfo(a.dtype).eps * max(a.shape) if rcond is None else max(rcond, 0))


derivative(np.linalg.lstsq, a=_lstsq_a, b=_lstsq_b)


@composition(np.linalg.tensorsolve)
def _tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    if axes is not None:
        moved = [k % np.ndim(a) for k in axes]
        a = np.transpose(a, [k for k in range(np.ndim(a)) if k not in moved] + moved)
    shape = np.shape(a)[np.ndim(b) :]
    n = math.prod(shape)
    return np.reshape(np.linalg.solve(np.reshape(a, (n, n)), np.ravel(b)), shape)


@composition(np.linalg.tensorinv)
def _tensorinv(a: Any, ind: int = 2) -> Any:
    shape = np.shape(a)
    if ind <= 0:
        raise ValueError(f"np.linalg.tensorinv: ind is {ind}, but some axes have to be those of the result")
    n = math.prod(shape[ind:])
    return np.reshape(np.linalg.inv(np.reshape(a, (math.prod(shape[:ind]), n))), shape[ind:] + shape[:ind])


# ---- determinants --------------------------------------------------------------------------------------------------
def _products_without(s: Any, count: int) -> Any:
    """Products of all entries of `s` but one (count 1: [..., i]) or but two (count 2: [..., i, j])."""
    one = np.eye(s.shape[-1], dtype=bool)
    if count == 1:
        return np.prod(np.where(one, 1, s[..., None, :]), axis=-1)
    two = one[:, None, :] | one[None, :, :]
    return np.prod(np.where(two, 1, s[..., None, None, :]), axis=-1)


@primitive
def cofactor(a: Any) -> Any:
    """The matrix of a's cofactors, det(a) * inv(a).T, which exists for singular matrices too.

    Both sides of a = u s vh have cofactors: those of u and vh are themselves times their determinants, those of s
    are products of all singular values but one.
    """
    u, s, vh = np.linalg.svd(a)
    turn = np.linalg.det(u) * np.linalg.det(vh)
    return _scaled(turn, np.conj(u * _products_without(s, 1)[..., None, :]) @ np.conj(vh))


@primitive
def cofactor_slope(h: Any, a: Any) -> Any:
    """How the cofactors of `a` move with `a` in direction `h`; also the vector-Jacobian product, being symmetric."""
    u, s, vh = np.linalg.svd(a)
    turn = np.linalg.det(u) * np.linalg.det(vh)
    h = np.conj(transposed(u)) @ h @ np.conj(transposed(vh))
    pairs = _products_without(s, 2)
    diagonal = np.sum(pairs * np.diagonal(h, axis1=-2, axis2=-1)[..., None, :], axis=-1)
    moved = diagonal[..., None] * np.eye(s.shape[-1], dtype=s.dtype) - pairs * transposed(h)
    return _scaled(turn, np.conj(u) @ moved @ np.conj(vh))


def _cofactor_curvature(k: Any, h: Any, a: Any) -> Any:
    """The third derivative of det, seen from two directions; by the inverse, so of matrices that have one."""
    x = np.linalg.inv(a)
    xh, xk = x @ h, x @ k
    trace_h, trace_k = (np.linalg.trace(m) for m in (xh, xk))
    both = trace_h * trace_k - np.sum(xh * transposed(xk), axis=(-2, -1))
    moved = _scaled(both, x) - _scaled(trace_k, xh @ x) - _scaled(trace_h, xk @ x) + (xh @ xk + xk @ xh) @ x
    return _scaled(np.linalg.det(a), transposed(moved))


def _slogdet(g: Any, a: Any, out: Any) -> Any:
    """The slope is inv(a).T; of a singular matrix it is infinite, unless nothing arrived."""
    singular = np.expand_dims(out[0] == 0, (-1, -2))
    identity = np.eye(a.shape[-1], dtype=a.dtype)
    slope = np.where(singular, math.inf, transposed(np.linalg.inv(np.where(singular, identity, a))))
    turning = 1j * np.imag(g[0] * out[0]) if a.dtype.kind == "c" else 0  # the sign of a real one is constant
    return times(np.expand_dims(g[1] + turning, (-1, -2)), slope)


derivative(np.linalg.det, a=lambda g, a: _scaled(g, cofactor(a)))
derivative(np.linalg.slogdet, a=_slogdet)
derivative(cofactor, a=lambda g, a: cofactor_slope(g, a))
derivative(
    cofactor_slope,
    h=lambda g, a: cofactor_slope(g, a),
    a=lambda g, h, a: _cofactor_curvature(g, h, a),
)


# ---- diagonals -----------------------------------------------------------------------------------------------------
@composition(np.linalg.diagonal)
def _diagonal(x: Any, /, *, offset: int = 0) -> Any:
    rows, columns = np.shape(x)[-2:]
    places = np.arange(max(0, -offset), max(0, -offset, min(rows, columns - offset)))
    return x[..., places, places + offset]


def _trace(g: Any, x_shape: Any, offset: int) -> Any:
    return _scaled(g, np.eye(x_shape[-2], x_shape[-1], offset, dtype=g.dtype))


derivative(np.linalg.trace, x=_trace)


@composition(np.linalg.matrix_transpose)
def _matrix_transpose(x: Any, /) -> Any:
    return np.swapaxes(x, -1, -2)


# ---- norms ---------------------------------------------------------------------------------------------------------
@primitive
def magnitude(x: Any, axis: tuple[int, ...]) -> Any:
    """The power of two next to the largest entry: dividing by it rounds nothing, and squares no longer overflow."""
    nothing: Any = {} if x.size else {"initial": 0}  # Dask does not know the option
    _, exponent = np.frexp(largest := np.max(np.abs(x), axis=axis, keepdims=True, **nothing))
    return np.ldexp(np.ones_like(largest), exponent - 1)


def _direction(x: Any, axis: tuple[int, ...]) -> Any:
    """The slope of a vector's length: x / |x| along the axes, 0 for a vector of zeros."""
    x = x / magnitude(x, axis)
    squares = np.real(x * conjugate(x)) if x.dtype.kind == "c" else x * x
    length = np.sqrt(np.sum(squares, axis=axis, keepdims=True))
    return conjugate(x) / np.where(length == 0, math.inf, length)


def _phase(x: Any) -> Any:
    """The slope of |x|, entry by entry: 0 at 0."""
    return _direction(x, ()) if x.dtype.kind == "c" else np.sign(x)


def _vector_slope(x: Any, order: Any, axis: tuple[int, ...]) -> Any:
    if order is None or order == 2:
        return _direction(x, axis)
    if order == 0:
        return x * 0  # how many are not 0
    if order == 1:
        return _phase(x)
    size = np.abs(x)
    if abs(order) == math.inf:
        return _share(size, axis, order > 0) * _phase(x)
    # (size / norm) ** (order - 1), of sizes around 1
    size = size / magnitude(x, axis)
    norm = np.sum(size**order, axis=axis, keepdims=True) ** (1 / order)
    share = size / np.where(norm == 0, math.inf, norm)
    return times(_phase(x), share ** (order - 1))


def _share(values: Any, axis: Any, largest: bool) -> Any:
    """1 at the largest (or smallest) of the values, in equal parts where several are."""
    extreme = (np.max if largest else np.min)(values, axis=axis, keepdims=True)
    tied = values == extreme
    return tied / np.sum(tied, axis=axis, keepdims=True, dtype=values.dtype)


def _matrix_slope(x: Any, order: Any, axis: tuple[int, ...]) -> Any:
    if order in (None, "fro", "f"):
        return _direction(x, axis)
    row, column = axis
    if order in (1, -1, math.inf, -math.inf):
        summed, chosen = (row, column) if abs(order) == 1 else (column, row)
        return _share(np.sum(np.abs(x), axis=summed, keepdims=True), chosen, order > 0) * _phase(x)
    u, s, vh = np.linalg.svd(np.moveaxis(x, axis, (-2, -1)), full_matrices=False)
    slope = np.where(s == 0, 0, np.ones_like(s) if order == "nuc" else _share(s, -1, order == 2))
    return np.moveaxis(conjugate((u * np.expand_dims(slope, -2)) @ vh), (-2, -1), axis)


def _norm(g: Any, x: Any, ord: Any, axis: Any, keepdims: Any) -> Any:
    """The slope is of order 1 however large or small the entries are."""
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(k % x.ndim for k in axes)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # in what np.where may not have selected
        if ord is None and axis is None:
            slope = _direction(x, axes)
        else:
            slope = _vector_slope(x, ord, axes) if len(axes) == 1 else _matrix_slope(x, ord, axes)
        return times(g if keepdims else np.expand_dims(g, axes), slope)


derivative(np.linalg.norm, x=_norm)


@composition(np.linalg.vector_norm)
def _vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    shape = np.shape(x)
    axes = tuple(range(len(shape))) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if axis is None:
        x, axis = np.ravel(x), 0
    elif isinstance(axis, tuple):
        axes = tuple(k % len(shape) for k in axes)
        rest = [k for k in range(len(shape)) if k not in axes]
        x = np.reshape(np.transpose(x, (*axes, *rest)), (math.prod(shape[k] for k in axes), *(shape[k] for k in rest)))
        axis = 0
    norm = np.linalg.norm(x, axis=axis, ord=ord)
    return np.expand_dims(norm, axes) if keepdims else norm


@composition(np.linalg.matrix_norm)
def _matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    return np.linalg.norm(x, axis=(-2, -1), keepdims=keepdims, ord=ord)


@composition(np.linalg.cond)
def _cond(x: Any, p: Any = None) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        if p in (None, 2, -2):
            s = np.linalg.svd(x, compute_uv=False)
            cond = s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
        else:
            cond = np.linalg.norm(x, p, axis=(-2, -1)) * np.linalg.norm(np.linalg.inv(x), p, axis=(-2, -1))
    unknown = np.isnan(cond) & ~np.any(np.isnan(x), axis=(-2, -1))
    return np.where(unknown, math.inf, cond) if np.any(unknown) else cond


no_derivative(np.linalg.matrix_rank, magnitude)
