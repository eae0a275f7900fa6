"""np.pad: every mode but 'constant' makes the new entries of old ones, so blame flows back along both ways."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.rules.indexing import along, scatter_add
from tinygrad_edu.rules.table import composition, derivative, primitive

__all__ = ["pad"]

Pairs = tuple[tuple[int, int], ...]
COPIES = ("edge", "reflect", "symmetric", "wrap")
MIXES = ("linear_ramp", "mean")
EXTREMES = {"maximum": np.max, "minimum": np.min}


@primitive
def pad(array: Any, widths: Pairs, mode: Any, options: dict[str, Any]) -> Any:
    """`np.pad` in a mode whose result is linear in the array, but for a constant; `widths` is a pair for every axis."""
    return np.pad(array, widths or 0, mode, **options)  # 0 for an array without axes


def _pad(g: Any, array_shape: Any, widths: Pairs, mode: Any, options: dict[str, Any]) -> Any:
    if mode == "constant":
        return g[tuple(slice(before, before + side) for (before, _), side in zip(widths, array_shape))]
    if mode in COPIES and options.get("reflect_type") != "odd":
        places = [np.pad(np.arange(side), pair, mode) for side, pair in zip(array_shape, widths)]
        return scatter_add(g, np.ix_(*places), array_shape)
    # All others: one matrix for each axis, which is what padding makes of the unit vectors.
    for axis, pair in enumerate(widths):
        own = {name: option for name, option in options.items() if name == "reflect_type"}
        if "stat_length" in options:
            own["stat_length"] = options["stat_length"][axis]
        if pair != (0, 0):
            matrix = np.pad(np.eye(array_shape[axis], dtype=g.dtype), (pair, (0, 0)), mode, **own)
            g = np.moveaxis(np.moveaxis(g, axis, -1) @ matrix, -1, axis)
    return g


derivative(pad, array=_pad)


@composition(np.pad)
def _np_pad(
    array: Any,
    pad_width: Any,
    mode: Any = "constant",
    constant_values: Any = None,
    end_values: Any = None,
    stat_length: Any = None,
    reflect_type: Any = None,
) -> Any:
    if mode not in ("constant", *COPIES, *MIXES, *EXTREMES):
        raise TypeError(
            f"np.pad(mode={mode!r}) is not supported on Tensors; the modes that are: 'constant', "
            + ", ".join(map(repr, (*COPIES, *MIXES, *EXTREMES)))
        )
    widths = _pairs(pad_width, array.ndim)
    lengths = None if stat_length is None else _pairs(stat_length, array.ndim)
    named = {"constant_values": constant_values, "end_values": end_values, "reflect_type": reflect_type}
    options = {name: option for name, option in named.items() if option is not None}
    if mode in EXTREMES and not options:
        return _pad_with_extremes(array, widths, EXTREMES[mode], lengths)
    return pad(array, widths, mode, options if lengths is None else {**options, "stat_length": lengths})


def _pairs(given: Any, ndim: int) -> Pairs:
    """A pair for every axis, of what np.pad takes: a number, a pair, a pair for each axis, a dict by axis."""
    if isinstance(given, dict):
        of: Any = {axis % ndim: pair for axis, pair in given.items()}
        given = [np.broadcast_to(of.get(axis, 0), 2) for axis in range(ndim)]
    return tuple(map(tuple, np.broadcast_to(given, (ndim, 2)).tolist()))


def _pad_with_extremes(array: Any, widths: Pairs, fold: Any, lengths: Pairs | None) -> Any:
    for axis, (before, after) in enumerate(widths):
        n = array.shape[axis]
        first, last = lengths[axis] if lengths else (n, n)
        near, far = (
            fold(array[along(axis, array.ndim, part)], axis=axis, keepdims=True)
            for part in (slice(0, first), slice(max(n - last, 0), n))
        )
        array = np.concatenate([np.repeat(near, before, axis), array, np.repeat(far, after, axis)], axis)
    return array
