"""Rows for polynomials, given by their coefficients, and for convolutions, which are how polynomials multiply."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tinygrad_edu.rules.elementwise import cast
from tinygrad_edu.rules.reductions import as_array
from tinygrad_edu.rules.strong_zero import over
from tinygrad_edu.rules.table import composition, derivative

__all__: list[str] = []


# ---- convolution -------------------------------------------------------------------------------------------------
def _full(g: Any, a_shape: Any, v_shape: Any, mode: Any, early: bool) -> Any:
    """The gradient of the full convolution, of which `mode` has kept a part: zeros for what it dropped."""
    n, m = (shape[0] if shape else 1 for shape in (a_shape, v_shape))
    short, dropped = min(n, m), n + m - 1 - g.shape[0]
    before = {"full": 0, "same": (short - 1) // 2 if early else short // 2, "valid": short - 1}[mode]
    return np.concatenate([np.zeros(before, g.dtype), g, np.zeros(dropped - before, g.dtype)])


def _reversed(a: Any) -> Any:
    return np.reshape(a, -1)[::-1]


def _convolved(g: Any, other: Any) -> Any:
    return np.convolve(g, _reversed(other), "valid")


def _correlate_a(g: Any, v: Any, a_shape: Any, v_shape: Any, mode: Any) -> Any:
    # np.correlate(a, v) is the convolution of a with v reversed and conjugated.
    v = as_array(v)
    return np.convolve(_uncut(g, a_shape, v_shape, mode), np.conj(v) if _is_complex(v) else v, "valid")


def _correlate_v(g: Any, a: Any, a_shape: Any, v_shape: Any, v: Any, mode: Any) -> Any:
    blame = _convolved(_uncut(g, a_shape, v_shape, mode), a)[::-1]
    return np.conj(blame) if _is_complex(blame) else blame


def _uncut(g: Any, a_shape: Any, v_shape: Any, mode: Any) -> Any:
    # NumPy swaps its arguments if v is the longer, and then reverses the result: "same" is cut on the other side.
    return _full(g, a_shape, v_shape, mode, early=(a_shape or (1,)) >= (v_shape or (1,)))


def _is_complex(a: Any) -> bool:
    return bool(a.dtype.kind == "c")


derivative(
    np.convolve,
    a=lambda g, v, a_shape, v_shape, mode: _convolved(_full(g, a_shape, v_shape, mode, True), v),
    v=lambda g, a, a_shape, v_shape, mode: _convolved(_full(g, a_shape, v_shape, mode, True), a),
)
derivative(np.correlate, a=_correlate_a, v=_correlate_v)


# ---- polynomials -------------------------------------------------------------------------------------------------
def _coefficients(p: Any) -> Any:
    p = as_array(p)
    return p if p.ndim else np.reshape(p, 1)


@composition(np.polyval)
def _polyval(p: Any, x: Any) -> Any:
    p, x = as_array(p), as_array(x)
    y = np.zeros_like(x)
    for k in range(len(p)):
        y = y * x + p[k]
    return y


def _padded(a1: Any, a2: Any) -> tuple[Any, Any]:
    """Both with as many coefficients as the longer one."""
    a1, a2 = _coefficients(a1), _coefficients(a2)
    more = len(a2) - len(a1)
    if more > 0:
        a1 = np.concatenate([np.zeros(more, a1.dtype), a1])
    elif more < 0:
        a2 = np.concatenate([np.zeros(-more, a2.dtype), a2])
    return a1, a2


@composition(np.polyadd)
def _polyadd(a1: Any, a2: Any) -> Any:
    return np.add(*_padded(a1, a2))


@composition(np.polysub)
def _polysub(a1: Any, a2: Any) -> Any:
    return np.subtract(*_padded(a1, a2))


@composition(np.polymul)
def _polymul(a1: Any, a2: Any) -> Any:
    a1, a2 = _coefficients(a1), _coefficients(a2)
    for a in (a1, a2):
        if len(a) and a[0] == 0:
            raise ValueError(
                "np.polymul drops leading zero coefficients, so its result has another length as soon as they move, "
                "and no derivative there. np.convolve(a1, a2) is the same product and keeps them."
            )
    return np.convolve(a1, a2)


@composition(np.polydiv)
def _polydiv(u: Any, v: Any) -> tuple[Any, Any]:
    u, v = _coefficients(u) + 0.0, _coefficients(v) + 0.0
    n, steps = len(v), len(u) - len(v) + 1
    scale, r = 1.0 / v[0], cast(u, np.result_type(u.dtype, v.dtype))
    quotient = []
    for k in range(steps):
        d = scale * r[k]
        quotient.append(d)
        r = np.concatenate([r[:k], r[k : k + n] - d * v, r[k + n :]])
    while len(r) > 1 and np.allclose(r[0], 0, rtol=1e-14):
        r = r[1:]
    return np.stack(quotient) if quotient else np.zeros(1, r.dtype), r


@composition(np.polyder)
def _polyder(p: Any, m: int = 1) -> Any:
    if int(m) < 0:
        raise ValueError("Order of derivative must be positive (see polyint)")
    p = as_array(p)
    for _ in range(int(m)):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1)
    return p


@composition(np.polyint)
def _polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    m = int(m)
    if m < 0:
        raise ValueError("Order of integral must be positive (see polyder)")
    p, k = as_array(p), np.zeros(m) if k is None else _coefficients(k)
    if len(k) == 1 and m > 1:
        k = np.repeat(k, m)
    if len(k) < m:
        raise ValueError("k must be a scalar or a rank-1 array of length 1 or >m.")
    for i in range(m):
        p = np.concatenate([p / np.arange(len(p), 0, -1), k[i : i + 1]])
    return p


@composition(np.poly)
def _poly(seq_of_zeros: Any) -> Any:
    zeros = _coefficients(seq_of_zeros)
    if zeros.ndim == 2 and zeros.shape[0] == zeros.shape[1] != 0:
        zeros = np.linalg.eigvals(zeros)
    elif zeros.ndim != 1:
        raise ValueError("input must be 1d or non-empty square 2d array.")
    zeros = zeros if zeros.dtype.kind in "fc" else cast(zeros, np.dtype(float))
    p = one = np.ones(1, zeros.dtype)
    for k in range(len(zeros)):
        p = np.convolve(p, np.concatenate([one, -zeros[k : k + 1]]))
    if _is_complex(zeros) and np.all(_sorted(zeros) == _sorted(np.conj(zeros))):
        p = np.real(p)  # roots in conjugate pairs: a real polynomial
    return p


def _sorted(z: Any) -> Any:
    return z[np.argsort(z)]


@composition(np.polyfit)
def _polyfit(x: Any, y: Any, deg: Any, rcond: Any = None, *, w: Any = None) -> Any:
    x, y = as_array(x) + 0.0, as_array(y) + 0.0
    if deg < 0:
        raise ValueError("expected deg >= 0")
    if x.ndim != 1 or x.size == 0:
        raise TypeError(f"expected {'1D' if x.ndim != 1 else 'non-empty'} vector for x")
    if y.ndim not in (1, 2) or y.shape[0] != x.shape[0]:
        raise TypeError(f"expected 1D or 2D array for y, as long as x ({x.shape[0]}); it has shape {y.shape}")
    powers = np.vander(x, int(deg) + 1)
    if w is not None:
        w = as_array(w) + 0.0
        if w.shape != x.shape:
            raise TypeError("expected a 1-d array for weights, as long as x and y")
        powers, weighted = powers * w[:, None], y * (w[:, None] if y.ndim == 2 else w)
        y = weighted if weighted.dtype == y.dtype else cast(weighted, y.dtype)
    scale = np.sqrt(np.sum(powers * powers, axis=0))
    rcond = len(x) * np.finfo(x.dtype).eps if rcond is None else rcond
    c, _, rank, _ = np.linalg.lstsq(powers / scale, y, rcond)
    if rank != int(deg) + 1:
        warnings.warn("Polyfit may be poorly conditioned", np.exceptions.RankWarning, stacklevel=2)
    return np.transpose(np.transpose(c) / scale)


def _roots(g: Any, p: Any, out: Any) -> Any:
    """From p(root) = 0: a coefficient moves a root by -root**k / p'(root), k being the coefficient's power."""
    p = _coefficients(p)
    slope = np.polyval(np.polyder(p), out)
    return -over(g, slope) @ np.vander(out, len(p))


derivative(np.roots, p=_roots)


@composition(np.vander)
def _vander(x: Any, N: Any = None, increasing: Any = False) -> Any:
    x = as_array(x)
    if x.ndim != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    N = len(x) if N is None else N
    dtype = np.promote_types(x.dtype, int)
    x = x if x.dtype == dtype else cast(x, dtype)
    powers = [np.ones(len(x), dtype), x]
    while len(powers) < N:
        powers.append(powers[-1] * x)
    columns = np.stack(powers, axis=1)[:, :N]
    return columns if increasing else columns[:, ::-1]


@composition(np.trim_zeros)
def _trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    trim = trim.lower()
    if trim not in ("fb", "bf", "f", "b"):
        raise ValueError(f"unexpected character(s) in `trim`: {trim!r}")
    axes = range(filt.ndim) if axis is None else [i % filt.ndim for i in np.atleast_1d(axis).tolist()]
    places = np.nonzero(filt)  # one array of places for every axis
    for i in axes:
        begin, end = (min(places[i]), max(places[i]) + 1) if len(places[i]) else (0, 0)
        window = slice(begin if "f" in trim or begin == end else None, end if "b" in trim or begin == end else None)
        filt = filt[(slice(None),) * i + (window,)]
    return filt
