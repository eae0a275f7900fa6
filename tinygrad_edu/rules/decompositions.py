"""Rows for decompositions: cholesky, qr, svd, eigh, eig, and the eigenvalues alone.

Vectors are determined only up to a sign (or phase), and those of equal values only up to a rotation among themselves.
The rules are right for every result that does not depend on that choice. Where values are equal:

- first derivatives of symmetric functions of the values (their sum, a norm) are right, and so are those of vectors
  whose own value has no equal;
- vectors of equal values have no derivative: what rotates them among themselves is 0 / 0 and counts as 0;
- second derivatives of the values do not exist one by one, and that part of theirs counts as 0 too. Functions that
  need no decomposition (np.trace(a @ a), det, the Frobenius norm) have right second derivatives there.

The formulas are those of Giles (2008), Walter & Lehmann (2018) and Townsend (2016). They are written for the ordinary
complex gradient, which is the conjugate of the one that the engine passes on, so rules conjugate what comes and goes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu.rules.linear_algebra import adjoint, transposed
from tinygrad_edu.rules.products import conjugate
from tinygrad_edu.rules.strong_zero import over
from tinygrad_edu.rules.table import composition, derivative, no_derivative, primitive

__all__ = ["places_among"]


def _lower(a: Any) -> Any:
    """The lower triangle with half the diagonal."""
    n = a.shape[-1]
    return a * (np.tri(n, dtype=a.dtype) - np.eye(n, dtype=a.dtype) / 2)


def _read_from(half: Any, UPLO: str) -> Any:
    """The gradient of a function that reads one triangle and takes the other for its mirror image."""
    both = half + adjoint(half)
    return _lower(both) if UPLO in "Ll" else adjoint(_lower(adjoint(both)))


def _columns(numbers: Any) -> Any:
    """Numbers that scale the columns of a matrix."""
    return np.expand_dims(numbers, -2)


def _on_diagonal(numbers: Any) -> Any:
    return np.expand_dims(numbers, -1) * np.eye(numbers.shape[-1], dtype=numbers.dtype)


def _differences(values: Any) -> Any:
    """Entry i, j: value j minus value i; infinite on the diagonal, so that what is divided by it is 0 there."""
    apart = np.expand_dims(values, -2) - np.expand_dims(values, -1)
    return np.where(np.eye(values.shape[-1], dtype=bool), math.inf, apart)


# ---- triangles -----------------------------------------------------------------------------------------------------
def _cholesky(g: Any, out: Any, upper: Any) -> Any:
    if upper:
        return adjoint(_cholesky(adjoint(g), adjoint(out), False))
    right = adjoint(out)
    half = np.linalg.solve(right, _lower(right @ conjugate(g)))
    half = adjoint(np.linalg.solve(right, adjoint(half)))
    return conjugate(_lower(half + adjoint(half)))


def _qr(g: Any, a: Any, out: Any, mode: str) -> Any:
    m, n = a.shape[-2:]
    if mode == "r":
        q, r = np.linalg.qr(a)
        gq, gr = np.zeros_like(q), conjugate(g)
    elif mode == "reduced" or (mode == "complete" and m <= n):
        (q, r), (gq, gr) = out, map(conjugate, g)
    else:
        raise ValueError(
            f"np.linalg.qr(mode={mode!r}) of a matrix of shape {(m, n)} has no derivative: its last columns of q are "
            "not determined by the matrix. Use mode='reduced' or mode='r'."
        )
    if m >= n:
        return conjugate(_qr_tall(gq, gr, q, r))
    # The first m columns decide q; the others are only expressed in it.
    first = _qr_tall(gq + a[..., m:] @ adjoint(gr[..., m:]), gr[..., :m], q, r[..., :m])
    return conjugate(np.concatenate([first, q @ gr[..., m:]], axis=-1))


def _qr_tall(gq: Any, gr: Any, q: Any, r: Any) -> Any:
    m = r @ adjoint(gr) - adjoint(gq) @ q
    low = _lower(m)
    back = gq + q @ (low + adjoint(low))
    return adjoint(np.linalg.solve(r, adjoint(back)))


derivative(np.linalg.cholesky, a=_cholesky)
derivative(np.linalg.qr, a=_qr)


# ---- singular values -----------------------------------------------------------------------------------------------
def _svd(g: Any, a: Any, out: Any, full_matrices: Any, compute_uv: Any) -> Any:
    if not compute_uv:
        u, s, vh = np.linalg.svd(a, full_matrices=False)
        return conjugate((u * _columns(np.where(s == 0, 0, g))) @ vh)  # a singular value has a kink at 0, as |x| has
    m, n = a.shape[-2:]
    if full_matrices and m != n:
        if 0 in g.given or 2 in g.given:
            raise ValueError(
                f"np.linalg.svd(full_matrices=True) of a matrix of shape {(m, n)} has no derivative: its last "
                "singular vectors are not determined by the matrix. Use full_matrices=False."
            )
        u, s, vh = np.linalg.svd(a, full_matrices=False)
    else:
        u, s, vh = out
    middle = _on_diagonal(np.where(s == 0, 0, g[1]))
    beyond: Any = 0
    gap = _differences(s * s)
    if 0 in g.given:
        gu = conjugate(g[0])
        turn = adjoint(u) @ gu
        middle = middle + over(turn - adjoint(turn), gap) * _columns(s)
        if a.dtype.kind == "c":
            middle = middle + (turn - adjoint(turn)) * np.eye(s.shape[-1], dtype=s.dtype) / (2 * _columns(s))
        if m > n:
            beyond = over(gu - u @ turn, _columns(s)) @ vh
    if 2 in g.given:
        gvh = conjugate(g[2])
        turn = vh @ adjoint(gvh)
        middle = middle + np.expand_dims(s, -1) * over(turn - adjoint(turn), gap)
        if n > m:
            beyond = u @ over(gvh - adjoint(turn) @ vh, np.expand_dims(s, -1))
    return conjugate(u @ middle @ vh + beyond)


derivative(np.linalg.svd, a=_svd)


@composition(np.linalg.svdvals)
def _svdvals(x: Any, /) -> Any:
    return np.linalg.svd(x, compute_uv=False)


# ---- eigenvalues ---------------------------------------------------------------------------------------------------
def _eigh(g: Any, out: Any, UPLO: str) -> Any:
    w, v = out
    middle = _on_diagonal(g[0])
    if 1 in g.given:
        middle = middle + over(adjoint(v) @ conjugate(g[1]), _differences(w))
    return conjugate(_read_from(v @ middle @ adjoint(v), UPLO))


def _eigvalsh(g: Any, a: Any, UPLO: Any) -> Any:
    _, v = np.linalg.eigh(a, UPLO)
    return conjugate(_read_from((v * _columns(g)) @ adjoint(v), UPLO))


def _eig(g: Any, out: Any) -> Any:
    w, v = out
    middle = _on_diagonal(conjugate(g[0]))
    if 1 in g.given:
        turn = adjoint(v) @ conjugate(g[1])
        length = np.real(np.sum(turn * np.eye(w.shape[-1], dtype=w.dtype), axis=-2))  # eigenvectors keep length 1
        turn = turn - (adjoint(v) @ v) * _columns(length)
        middle = middle + over(turn, conjugate(_differences(w)))
    return conjugate(np.linalg.solve(adjoint(v), middle @ adjoint(v)))


def _eigvals(g: Any, a: Any, out: Any) -> Any:
    w, v = np.linalg.eig(a)
    chosen = np.expand_dims(places_among(out, w), -1) == np.arange(w.shape[-1])
    g = np.sum(np.expand_dims(g, -1) * chosen, axis=-2)
    return np.linalg.solve(transposed(v), _on_diagonal(g) @ transposed(v))


@primitive
def places_among(values: Any, others: Any) -> Any:
    """For every value the place of the same among the others, which hold the same values in another order."""
    far = np.abs(values[..., :, None] - others[..., None, :])
    places = np.zeros(values.shape, int)
    for k in range(values.shape[-1]):  # equal values get different places
        places[..., k] = np.argmin(far[..., k, :], axis=-1)
        np.put_along_axis(far, places[..., k][..., None, None], np.inf, axis=-1)
    return places


derivative(np.linalg.eigh, a=_eigh)
derivative(np.linalg.eigvalsh, a=_eigvalsh)
derivative(np.linalg.eig, a=_eig)
derivative(np.linalg.eigvals, a=_eigvals)

no_derivative(places_among)
