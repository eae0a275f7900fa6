"""Rows for matrix products."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu.rules.table import derivative

__all__: list[str] = []


def _matmul_x(g: Any, y: Any, x_shape: Any) -> Any:
    if y.ndim == 2:  # by far the most common: rows @ one matrix
        return g @ y.T
    if y.ndim == 1:  # (…, k) @ (k,) -> (…)
        return np.expand_dims(g, -1) * y
    if len(x_shape) == 1:  # (k,) @ (…, k, n) -> (…, n)
        return np.squeeze(y @ np.expand_dims(g, -1), -1)
    return g @ np.swapaxes(y, -1, -2)


def _matmul_y(g: Any, x: Any, y_shape: Any) -> Any:
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


derivative(np.matmul, x=_matmul_x, y=_matmul_y)
derivative(np.dot, lambda a, b, out=None: None, a=_dot_a, b=_dot_b)
