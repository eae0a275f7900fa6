"""Rows for Fourier transforms. They are linear: the gradient goes back through the same transform, transposed."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.rules.table import composition, derivative

__all__: list[str] = []


def _resized(g: Any, n: int, axis: int) -> Any:
    """Undo what n= did to an axis of length n: entries that were cut off get 0, zeros that were put on nothing."""
    own = g.shape[axis]
    if own == n:
        return g
    axis = axis % g.ndim
    if own > n:
        return g[(slice(None),) * axis + (slice(n),)]
    zeros = np.zeros((*g.shape[:axis], n - own, *g.shape[axis + 1 :]), g.dtype)
    return np.concatenate([g, zeros], axis=axis)


# Entry j, k of the matrix of fft depends on j * k alone: it is its own transpose.
def _fft(g: Any, a_shape: Any, n: Any, axis: int, norm: Any) -> Any:
    return _resized(np.fft.fft(g, axis=axis, norm=norm), a_shape[axis], axis)


def _ifft(g: Any, a_shape: Any, n: Any, axis: int, norm: Any) -> Any:
    return _resized(np.fft.ifft(g, axis=axis, norm=norm), a_shape[axis], axis)


def _rfft(g: Any, a_shape: Any, n: Any, axis: int, norm: Any) -> Any:
    # The half that was left out got no blame; the input being real, the engine takes the real part.
    n = a_shape[axis] if n is None else n
    return _resized(np.fft.fft(g, n=n, axis=axis, norm=norm), a_shape[axis], axis)


def _irfft(g: Any, a_shape: Any, n: Any, axis: int, norm: Any) -> Any:
    # Every entry stands for itself and its mirror image, except the first and, of an even number, the one halfway.
    n = g.shape[axis]
    half = n // 2 + 1
    twice = np.array([1 if k in (0, n - k) else 2 for k in range(half)], g.dtype)
    back = _resized(np.fft.ifft(g, axis=axis, norm=norm), half, axis)
    back = back * np.reshape(twice, (half,) + (1,) * (g.ndim - axis % g.ndim - 1))
    return _resized(back, a_shape[axis], axis)


# fmt: off
derivative(np.fft.fft,       a=_fft)
derivative(np.fft.ifft,      a=_ifft)
derivative(np.fft.rfft,      a=_rfft)
derivative(np.fft.irfft,     a=_irfft)
derivative(np.fft.fftshift,  x=lambda g, axes: np.fft.ifftshift(g, axes))
derivative(np.fft.ifftshift, x=lambda g, axes: np.fft.fftshift(g, axes))
# fmt: on

_OTHER_WAY: dict[Any, Any] = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


@composition(np.fft.hfft)
def _hfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    n = (np.shape(a)[axis] - 1) * 2 if n is None else n
    return np.fft.irfft(np.conjugate(a), n, axis, norm=_OTHER_WAY[norm])


@composition(np.fft.ihfft)
def _ihfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    n = np.shape(a)[axis] if n is None else n
    return np.conjugate(np.fft.rfft(a, n, axis, norm=_OTHER_WAY[norm]))


def _lengths(a: Any, s: Any, axes: Any, halved: bool = False) -> list[tuple[Any, int]]:
    """The axes to transform, in order, each with the length to bring it to."""
    if s is not None and axes is None:
        raise ValueError("np.fft: give axes= together with s=; NumPy itself no longer wants s= alone")
    shape = np.shape(a)
    axes = range(-len(shape), 0) if axes is None else axes
    if s is None:
        sides = [shape[axis] for axis in axes]
        if halved:
            sides[-1] = (sides[-1] - 1) * 2
    else:
        sides = [shape[axis] if n == -1 else n for n, axis in zip(s, axes, strict=True)]
    return list(zip(sides, axes))


@composition(np.fft.fftn)
def _fftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    for n, axis in reversed(_lengths(a, s, axes)):
        a = np.fft.fft(a, n, axis, norm)
    return a


@composition(np.fft.ifftn)
def _ifftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    for n, axis in reversed(_lengths(a, s, axes)):
        a = np.fft.ifft(a, n, axis, norm)
    return a


@composition(np.fft.rfftn)
def _rfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    *others, (last, last_axis) = _lengths(a, s, axes)
    a = np.fft.rfft(a, last, last_axis, norm)
    for n, axis in reversed(others):
        a = np.fft.fft(a, n, axis, norm)
    return a


@composition(np.fft.irfftn)
def _irfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    *others, (last, last_axis) = _lengths(a, s, axes, halved=True)
    for n, axis in others:
        a = np.fft.ifft(a, n, axis, norm)
    return np.fft.irfft(a, last, last_axis, norm)


def _in_two(function: Any) -> Any:
    """The transform along any axes, along the last two unless told otherwise."""
    return lambda a, s=None, axes=(-2, -1), norm=None: function(a, s, axes, norm)


composition(np.fft.fft2)(_in_two(np.fft.fftn))
composition(np.fft.ifft2)(_in_two(np.fft.ifftn))
composition(np.fft.rfft2)(_in_two(np.fft.rfftn))
composition(np.fft.irfft2)(_in_two(np.fft.irfftn))
