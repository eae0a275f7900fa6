"""Windows: what a kernel sees while it slides over the last axes of an array, and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_edu.rules.table import derivative, primitive

__all__ = ["fold", "per_axis", "stops", "windows"]

Sides = tuple[int, ...]


@primitive
def windows(x: Any, kernel: Sides, stride: Sides, dilation: Sides) -> Any:
    """What a sliding kernel sees, at every stop.

    Args:
        x: (…, *sides).
        kernel: entries that a window has, along each of the last axes.
        stride: steps from one stop to the next.
        dilation: steps from one entry of a window to its next; 1 is no gap.

    Returns:
        (entries of a window, …, *stops): the short axis first, because NumPy is fast where the long ones are last.

    Raises:
        ValueError: the kernel is larger than x.

    Example:
        >>> import numpy as np
        >>> windows(np.array([1.0, 2.0, 3.0, 4.0]), (2,), (1,), (1,))
        array([[1., 2., 3.],
               [2., 3., 4.]])
    """
    return np.stack([x[places] for places in _places(x.shape[-len(kernel) :], kernel, stride, dilation)])


@primitive
def fold(w: Any, sides: Sides, kernel: Sides, stride: Sides, dilation: Sides) -> Any:
    """Add the entries of windows up where they were taken from: the adjoint of `windows`.

    Args:
        w: (entries of a window, …, *stops).
        sides: lengths of the last axes of the array that the windows slid over.
        kernel: as in `windows`, as all that follow.
        stride: the steps between stops.
        dilation: the steps inside a window.

    Returns:
        (…, *sides).

    Example:
        >>> import numpy as np
        >>> fold(np.ones((2, 3)), (4,), (2,), (1,), (1,))
        array([1., 2., 2., 1.])
    """
    total: Any = np.zeros_like(w, order="C", shape=(*w.shape[1 : -len(sides)], *sides))
    for k, places in enumerate(_places(sides, kernel, stride, dilation)):
        total[places] += w[k]
    return total


# fmt: off
derivative(windows, x=lambda g, x_shape, kernel, stride, dilation:
                        fold(g, x_shape[-len(kernel):], kernel, stride, dilation))
derivative(fold,    w=lambda h, sides, kernel, stride, dilation:
                        windows(h, kernel, stride, dilation))
# fmt: on


def _places(sides: Sides, kernel: Sides, stride: Sides, dilation: Sides) -> Iterator[tuple[Any, ...]]:
    """For each entry of a window: the index of where it is, at all stops."""
    number = stops(sides, kernel, stride, dilation)
    for offset in np.ndindex(kernel):
        first = [o * d for o, d in zip(offset, dilation)]
        yield (..., *(slice(a, a + s * n, s) for a, s, n in zip(first, stride, number)))


def stops(sides: Sides, kernel: Sides, stride: Sides, dilation: Sides) -> Sides:
    """How many stops a kernel makes along each axis; what it does not reach at the end is left out.

    Raises:
        ValueError: the kernel is larger than the array.

    Example:
        >>> stops((28, 28), (3, 3), (2, 2), (1, 1))
        (13, 13)
    """
    spans = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation))
    if any(span > side for span, side in zip(spans, sides)):
        gaps = f" with dilation {dilation}" if set(dilation) != {1} else ""
        raise ValueError(
            f"A kernel of {kernel}{gaps} spans {spans} entries, which do not fit into {tuple(sides)}, the axes that "
            "it slides over, padding included. Make the kernel smaller or the padding larger, or pool less before."
        )
    return tuple((side - span) // s + 1 for side, span, s in zip(sides, spans, stride))


def per_axis(name: str, value: Any, axes: int, least: int = 1) -> Sides:
    """A setting as one whole number for each axis.

    Raises:
        ValueError: it is something else, or less than `least`.

    Example:
        >>> per_axis("stride", 2, axes=2), per_axis("stride", (2, 1), axes=2)
        ((2, 2), (2, 1))
    """
    each = tuple(value) if isinstance(value, list | tuple) else (value,) * axes
    if len(each) != axes or not all(isinstance(n, int | np.integer) and n >= least for n in each):
        one = f"or {axes} of them, such as ({', '.join([str(least)] * axes)}), one for each axis; " if axes > 1 else ""
        raise ValueError(f"{name}={value!r}: it must be a whole number of at least {least}, {one}for example {least}.")
    return tuple(map(int, each))
