"""Rows for sums of products beyond `@`: inner, outer, tensordot, kron, cross, einsum, multi_dot."""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from tinygrad_edu.rules.indexing import scatter_add
from tinygrad_edu.rules.table import composition, derivative, no_derivative, primitive

__all__ = ["conjugate", "contract"]


def conjugate(a: Any) -> Any:
    """The complex conjugate; real numbers are theirs already and need no operation."""
    return np.conjugate(a) if a.dtype.kind == "c" else a


# ---- two vectors -------------------------------------------------------------------------------------------------
def _inner(g: Any, other: Any, own: tuple[int, ...], first: bool) -> Any:
    """The axes of `g` are those of a and then those of b, each without its last."""
    if not own or not np.ndim(other):
        return g * other
    if not first:  # the own axes to the front
        g = np.transpose(g, (*range(other.ndim - 1, g.ndim), *range(other.ndim - 1)))
    return np.tensordot(g, other, axes=other.ndim - 1)


def _vecdot(g: Any, other: Any) -> Any:
    return np.expand_dims(g, -1) * other


def _matvec_x(g: Any, y: Any) -> Any:
    return np.expand_dims(g, -1) * np.expand_dims(y, -2)


def _matvec_y(g: Any, x: Any) -> Any:
    return np.squeeze(np.expand_dims(g, -2) @ x, -2)


def _vecmat_x(g: Any, y: Any) -> Any:
    return conjugate(np.squeeze(y @ np.expand_dims(g, -1), -1))


def _vecmat_y(g: Any, x: Any) -> Any:
    return np.expand_dims(conjugate(x), -1) * np.expand_dims(g, -2)


# fmt: off
derivative(np.vdot, lambda a, b: None,  # the first factor is conjugated
           a=lambda g, a_shape, b: np.reshape(conjugate(g * np.ravel(b)), a_shape),
           b=lambda g, a, b_shape: np.reshape(g * conjugate(np.ravel(a)), b_shape))
derivative(np.inner, lambda a, b: None,
           a=lambda g, a_shape, b: _inner(g, b, a_shape, True),
           b=lambda g, a, b_shape: _inner(g, a, b_shape, False))
derivative(np.outer,
           a=lambda g, a_shape, b: np.reshape(g @ np.ravel(b), a_shape),
           b=lambda g, a, b_shape: np.reshape(np.ravel(a) @ g, b_shape))
derivative(np.vecdot,
           x=lambda g, y: conjugate(_vecdot(g, y)),
           y=lambda g, x: _vecdot(g, conjugate(x)))
# fmt: on
if hasattr(np, "matvec"):  # NumPy 2.2
    derivative(np.matvec, x=_matvec_x, y=_matvec_y)
    derivative(np.vecmat, x=_vecmat_x, y=_vecmat_y)


# ---- tensordot, kron, cross ----------------------------------------------------------------------------------------
def _pairs(axes: Any, a_ndim: int, b_ndim: int) -> tuple[list[int], list[int]]:
    """Which axes of a are summed with which of b."""
    if isinstance(axes, int | np.integer):
        return list(range(a_ndim - int(axes), a_ndim)), list(range(int(axes)))
    of_a, of_b = ([each] if isinstance(each, int | np.integer) else list(each) for each in axes)
    return [int(k) % a_ndim for k in of_a], [int(k) % b_ndim for k in of_b]


def _others(axes: list[int], ndim: int) -> list[int]:
    return [k for k in range(ndim) if k not in axes]


def _tensordot_a(g: Any, a_shape: Any, b: Any, axes: Any) -> Any:
    of_a, of_b = _pairs(axes, len(a_shape), np.ndim(b))
    free_a, free_b = _others(of_a, len(a_shape)), _others(of_b, np.ndim(b))
    back = np.tensordot(g, b, (list(range(len(free_a), g.ndim)), free_b))
    # Its axes are a's free ones, then the summed ones in the order in which b has them.
    order = free_a + [of_a[of_b.index(k)] for k in sorted(of_b)]
    return np.transpose(back, [order.index(k) for k in range(len(order))])


def _tensordot_b(g: Any, a: Any, b_shape: Any, axes: Any) -> Any:
    of_a, of_b = _pairs(axes, np.ndim(a), len(b_shape))
    free_a, free_b = _others(of_a, np.ndim(a)), _others(of_b, len(b_shape))
    back = np.tensordot(a, g, (free_a, list(range(len(free_a)))))
    order = [of_b[of_a.index(k)] for k in sorted(of_a)] + free_b
    return np.transpose(back, [order.index(k) for k in range(len(order))])


derivative(np.tensordot, a=_tensordot_a, b=_tensordot_b)


@composition(np.kron)
def _kron(a: Any, b: Any) -> Any:
    n = max(np.ndim(a), np.ndim(b))
    a_sides, b_sides = ((1,) * (n - np.ndim(x)) + np.shape(x) for x in (a, b))
    product = np.reshape(a, [k for side in a_sides for k in (side, 1)]) * np.reshape(
        b, [k for side in b_sides for k in (1, side)]
    )
    return np.reshape(product, tuple(p * q for p, q in zip(a_sides, b_sides)))


def _back_across(own: tuple[int, ...], own_axis: int, x: Any, x_axis: int, y: Any, y_axis: int) -> Any:
    """The cross product of x and y, its three entries along the axis where the input of shape `own` has them."""
    if {own[own_axis], x.shape[x_axis], y.shape[y_axis]} != {3}:
        raise ValueError(
            "np.cross of vectors with two entries has no derivative rule (and is deprecated by NumPy); "
            "write a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0], or give them a third entry of 0."
        )
    return np.cross(x, y, axisa=x_axis, axisb=y_axis, axisc=own_axis % len(own) - len(own))


def _cross_a(g: Any, a_shape: Any, b: Any, axisa: int, axisb: int, axisc: int, axis: int | None) -> Any:
    of_a, of_b, of_g = (axisa, axisb, axisc) if axis is None else (axis,) * 3
    return _back_across(a_shape, of_a, b, of_b, g, of_g)


def _cross_b(g: Any, a: Any, b_shape: Any, axisa: int, axisb: int, axisc: int, axis: int | None) -> Any:
    of_a, of_b, of_g = (axisa, axisb, axisc) if axis is None else (axis,) * 3
    return _back_across(b_shape, of_b, g, of_g, a, of_a)


derivative(np.cross, a=_cross_a, b=_cross_b)


# ---- einsum --------------------------------------------------------------------------------------------------------
@primitive
def contract(operands: list[Any], subscripts: str, optimize: Any) -> Any:
    """np.einsum with its operands as one list and every axis named by a letter: 'ij,jk->ik'."""
    return np.einsum(subscripts, *operands, optimize=optimize)


def _contract(g: Any, i: int, operands: Any, operands_shape: Any, subscripts: str, optimize: Any) -> Any:
    """The blame of operand number i: sum over all indices but its own."""
    inputs, output = subscripts.split("->")
    terms = inputs.split(",")
    own, shape = terms[i], operands_shape[i]
    side: dict[str, int] = {}
    for term, sides in zip(terms, operands_shape):
        for index, n in zip(term, sides):
            side[index] = n if side.get(index, 1) == 1 else side[index]  # a side of length 1 is repeated
    rest = terms[:i] + terms[i + 1 :]
    distinct = "".join(dict.fromkeys(own))
    named = "".join(index for index in distinct if index in output or any(index in term for term in rest))
    back = np.einsum(
        f"{','.join([output, *rest])}->{named}", g, *operands[:i], *operands[i + 1 :], optimize=optimize is not False
    )
    # An index that nobody else has was summed: every entry along it gets the same. 'ii' takes the diagonal.
    back = np.reshape(back, [back.shape[named.index(index)] if index in named else 1 for index in distinct])
    back = np.broadcast_to(back, [side[index] for index in distinct])
    if distinct == own:
        return back
    places = {
        index: np.reshape(np.arange(side[index]), [-1 if other == index else 1 for other in distinct])
        for index in distinct
    }
    return scatter_add(back, tuple(places[index] * (n != 1) for index, n in zip(own, shape)), shape)


derivative(contract, operands=_contract)


@composition(np.einsum)
def _einsum(subscripts: Any, *operands: Any, optimize: Any = False) -> Any:
    if not isinstance(subscripts, str):  # np.einsum(a, [0, 1], b, [1, 2], [0, 2])
        subscripts, operands = _lettered((subscripts, *operands))
    arrays = [operand if hasattr(operand, "shape") else np.array(operand) for operand in operands]
    return contract(arrays, _spelled_out(subscripts, [operand.ndim for operand in arrays]), optimize)


def _lettered(interleaved: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """Operands and lists of numbers in turn, in the form with letters. Capitals first, as np.einsum sorts them."""
    letters = string.ascii_uppercase + string.ascii_lowercase
    count = len(interleaved) // 2
    terms = ["".join("..." if k is ... else letters[k] for k in numbers) for numbers in interleaved[1::2]]
    output = ["->", "".join("..." if k is ... else letters[k] for k in interleaved[-1])] if len(interleaved) % 2 else []
    return "".join([",".join(terms), *output]), interleaved[: 2 * count : 2]


def _spelled_out(subscripts: str, ndims: list[int]) -> str:
    """Subscripts with an output, and with letters in place of the dots."""
    subscripts = subscripts.replace(" ", "")
    free = [letter for letter in string.ascii_letters if letter not in subscripts]
    inputs, arrow, output = subscripts.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(ndims):
        raise ValueError(f"np.einsum: {subscripts!r} names {len(terms)} operands, but {len(ndims)} were given")
    dots = [ndim - len(term.replace("...", "")) if "..." in term else 0 for term, ndim in zip(terms, ndims)]
    for term, ndim, k in zip(terms, ndims, dots):
        if k < 0 or k + len(term.replace("...", "")) != ndim:
            raise ValueError(f"np.einsum: {term!r} of {subscripts!r} does not fit an operand with {ndim} axes")
    names = "".join(free[: max(dots)])
    terms = [term.replace("...", names[len(names) - k :]) for term, k in zip(terms, dots)]
    if not arrow:  # the dots, then every letter that occurs once, in the order of the alphabet
        letters = "".join(terms)
        output = names + "".join(x for x in sorted(set(letters) - set(names)) if letters.count(x) == 1)
    elif names and "..." not in output:
        raise ValueError(f"np.einsum: the output of {subscripts!r} has no '...', but an operand has axes there")
    return f"{','.join(terms)}->{output.replace('...', names)}"


# ---- a product of many matrices ------------------------------------------------------------------------------------
def _multi_dot(g: Any, i: int, arrays: Any) -> Any:
    last = len(arrays) - 1
    matrices = [np.reshape(a, (1, -1) if k == 0 else (-1, 1)) if np.ndim(a) == 1 else a for k, a in enumerate(arrays)]
    g = np.reshape(g, (np.shape(matrices[0])[0], np.shape(matrices[last])[1]))
    before = [np.transpose(a) for a in matrices[:i][::-1]]
    after = [np.transpose(a) for a in matrices[i + 1 :][::-1]]
    return np.reshape(np.linalg.multi_dot([*before, g, *after]), np.shape(arrays[i]))


derivative(np.linalg.multi_dot, arrays=_multi_dot)


# ---- the same under NumPy's newer names -----------------------------------------------------------------------------
@composition(np.linalg.outer)
def _outer(x1: Any, x2: Any, /) -> Any:
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ValueError(f"np.linalg.outer takes two vectors, not shapes {np.shape(x1)} and {np.shape(x2)}")
    return np.outer(x1, x2)


@composition(np.linalg.cross)
def _cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    if np.shape(x1)[axis] != 3 or np.shape(x2)[axis] != 3:
        raise ValueError(f"np.linalg.cross takes vectors with 3 entries, not shapes {np.shape(x1)} and {np.shape(x2)}")
    return np.cross(x1, x2, axis=axis)


@composition(np.linalg.matmul)
def _matmul(x1: Any, x2: Any, /) -> Any:
    return np.matmul(x1, x2)


@composition(np.linalg.tensordot)
def _tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    return np.tensordot(x1, x2, axes=axes)


@composition(np.linalg.vecdot)
def _linalg_vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    return np.vecdot(np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1))


@composition(np.linalg.matrix_power)
def _matrix_power(a: Any, n: int) -> Any:
    """By squaring, in the order in which NumPy does it."""
    if n == 0:
        return np.where(True, np.eye(a.shape[-1], dtype=a.dtype), a)  # constant, but in a's shape and dtype
    if n < 0:
        a, n = np.linalg.inv(a), -n
    if n == 3:
        return (a @ a) @ a
    square, result = a, None
    while True:
        n, odd = divmod(n, 2)
        if odd:
            result = square if result is None else result @ square
        if not n:
            return result
        square = square @ square


no_derivative(np.einsum_path)
