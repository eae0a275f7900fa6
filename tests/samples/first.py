"""Samples of the engine's first rows."""

import math
from functools import partial

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

import tinygrad_edu as tg
from tests.samples.base import Case, Sample, binary, broadcastable, shapes, some_axes, unary
from tinygrad_edu.nn.linear import linear
from tinygrad_edu.rules.elementwise import cast
from tinygrad_edu.rules.indexing import getitem, scatter_add
from tinygrad_edu.rules.strong_zero import over, times, times_both


@st.composite
def folding(draw, function, ddof=False):
    """Reductions: any axis, from either end, some or all of them; a fold of nothing only where it has a meaning."""
    shape = draw(shapes)
    n = len(shape)
    one = [st.integers(-n, n - 1)] if n else []
    axis = draw(st.one_of(st.none(), hnp.valid_tuple_axes(n), *one))
    axes = range(n) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    count = math.prod(shape[i] for i in axes)
    assume(count or function is np.sum)
    options = {"axis": axis, "keepdims": draw(st.booleans())}
    if ddof and count > 1:
        options["ddof"] = draw(st.sampled_from([0, 1, 0.5]))
    return Case(partial(function, **options), [shape])


@st.composite
def along_one_axis(draw, function):
    shape = draw(some_axes)
    return Case(partial(function, axis=draw(st.integers(-len(shape), len(shape) - 1))), [shape])


@st.composite
def chosen(draw):
    given, *inputs = draw(broadcastable(3))
    condition = draw(hnp.arrays(bool, given))
    return Case(lambda x, y: np.where(condition, x, y), inputs)


@st.composite
def products(draw):
    """np.dot: numbers, vectors, matrices and stacks of matrices against each other."""
    shape = st.integers(0, 3)
    k = draw(shape)
    a = draw(st.sampled_from([(), (k,), (draw(shape), k), (2, draw(shape), k)]))
    b = draw(st.sampled_from([(), (k,), (k, draw(shape)), (2, k, draw(shape))]))
    return Case(np.dot, [a, b])


matrix_shapes = hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=2, min_side=0, max_side=3)
WITH_VECTORS = [[(3,), (3,)], [(3,), (3, 2)], [(3,), (2, 3, 2)], [(2, 3), (3,)], [(2, 2, 3), (3,)]]


@st.composite
def rearranged(draw, function):
    """Functions that move, drop, add or repeat axes, with options for every one of them."""
    shape = draw(shapes)
    n = len(shape)
    axis = st.integers(-n, n - 1) if n else st.nothing()
    if function is np.transpose:
        order = draw(st.permutations(range(n)))
        signed = [i - n if draw(st.booleans()) else i for i in order]
        options = draw(st.sampled_from([{}, {"axes": tuple(signed)}, {"axes": signed}]))
    elif function is np.swapaxes:
        assume(n)
        options = {"axis1": draw(axis), "axis2": draw(axis)}
    elif function is np.moveaxis:
        assume(n)
        moved = draw(st.integers(0, n))
        several = {"source": tuple(draw(st.permutations(range(n)))[:moved])}
        several["destination"] = tuple(i - n for i in draw(st.permutations(range(n)))[:moved])
        options = draw(st.sampled_from([several, {"source": draw(axis), "destination": draw(axis)}]))
    elif function is np.reshape:
        new = draw(st.sampled_from([(-1,), -1, shape[::-1], (1, *shape, 1), list(shape)]))
        order = draw(st.sampled_from("CF"))
        return Case(lambda a: np.reshape(a, new, order=order), [shape])
    elif function is np.ravel:
        options = {"order": draw(st.sampled_from("CF"))}
    elif function is np.expand_dims:
        options = {"axis": draw(st.sampled_from([0, -1, n, (0, -1), (1, -1, 0)]))}
    elif function is np.squeeze:
        ones = [i - n if draw(st.booleans()) else i for i in range(n) if shape[i] == 1]
        options = {"axis": draw(st.sampled_from([None, tuple(ones), *ones]))}
    else:
        new = tuple(draw(st.integers(0, 3)) if side == 1 else side for side in shape)
        options = {"shape": draw(st.sampled_from([(), (2,), (1, 2)])) + new}
    return Case(partial(function, **options), [shape])


@st.composite
def joined(draw, function):
    number = draw(st.integers(1, 3))
    shape = draw(shapes)
    n = len(shape)
    if function is np.stack:
        axis = draw(st.integers(-n - 1, n))
        return Case(lambda *a: np.stack(a, axis=axis), [shape] * number)
    axis = draw(st.none() | st.integers(-n, n - 1)) if n else None
    if axis is None:
        return Case(lambda *a: np.concatenate(a, axis=None), [draw(shapes) for _ in range(number)])
    lengths = [draw(st.integers(0, 3)) for _ in range(number)]
    sides = [tuple(length if i == axis % n else shape[i] for i in range(n)) for length in lengths]
    return Case(lambda *a: np.concatenate(list(a), axis=axis), sides)


@st.composite
def indexed(draw, function):
    shape = draw(some_axes)
    basic = hnp.basic_indices(shape, allow_newaxis=True)
    fancy = hnp.integer_array_indices(shape, result_shape=hnp.array_shapes(max_dims=2, max_side=3))
    row = st.integers(-shape[0], shape[0] - 1)
    mixed = st.lists(row, min_size=1, max_size=4).map(lambda rows: (np.array(rows), ...))
    index = draw(basic | fancy | hnp.arrays(bool, shape) | hnp.arrays(bool, shape[:1]) | mixed)
    if function is getitem:
        return Case(lambda x: x[index], [shape])
    return Case(lambda g: scatter_add(g, index, shape), [np.ones(shape)[index].shape])


FIXED_POWERS = [partial(lambda x, p: np.power(x, p), p=p) for p in (0, 1, 2, 3, -1, 0.5, -1.5)]
CLIPS = [partial(np.clip, a_min=a_min, a_max=a_max) for a_min, a_max in ((-1, 1), (None, 0.5), (-0.5, None))]

LINEAR = [[(*batch, 3), (3, 2), (2,)] for batch in ((), (1,), (4,), (2, 3), (0,))]

SAMPLES = {
    np.add: [binary(np.add)],
    np.subtract: [binary(np.subtract)],
    np.multiply: [binary(np.multiply)],
    np.divide: [binary(np.divide, 0.5, 3), binary(np.divide, -3, -0.5)],
    np.power: [
        binary(np.power, 0.5, 3),
        unary(*FIXED_POWERS, low=0.5, high=3),
        unary(*FIXED_POWERS[:5], low=-3, high=-0.5),
        unary(lambda y: np.power(2, y), lambda y: np.power(0.7, y)),
    ],
    np.negative: [unary(np.negative)],
    np.positive: [unary(np.positive)],
    np.square: [unary(np.square)],
    np.sqrt: [unary(np.sqrt, low=0.5, high=3)],
    np.exp: [unary(np.exp)],
    np.expm1: [unary(np.expm1)],
    np.log: [unary(np.log, low=0.5, high=3)],
    np.log1p: [unary(np.log1p, low=-0.5, high=2)],
    np.sin: [unary(np.sin)],
    np.cos: [unary(np.cos)],
    np.tan: [unary(np.tan, low=-1, high=1)],
    np.tanh: [unary(np.tanh)],
    np.absolute: [unary(np.absolute)],
    np.maximum: [binary(np.maximum)],
    np.minimum: [binary(np.minimum)],
    np.where: [Sample(chosen())],
    np.clip: [unary(*CLIPS), Sample(st.builds(Case, st.just(np.clip), broadcastable(3)))],
    cast: [unary(lambda x: cast(x, x.dtype))],
    times: [binary(times)],
    over: [binary(over, 0.5, 3)],
    times_both: [binary(times_both)],
    np.sum: [Sample(folding(np.sum))],
    np.mean: [Sample(folding(np.mean))],
    np.max: [Sample(folding(np.max))],
    np.min: [Sample(folding(np.min))],
    np.var: [Sample(folding(np.var, ddof=True))],
    np.std: [Sample(folding(np.std, ddof=True), low=-8, high=8, apart=1 / 2)],
    np.matmul: [
        Sample(st.builds(Case, st.just(np.matmul), matrix_shapes.map(lambda s: list(s.input_shapes))), apart=1 / 32),
        Sample(st.builds(Case, st.just(np.matmul), st.sampled_from(WITH_VECTORS))),
    ],
    np.dot: [Sample(products())],
    getitem: [Sample(indexed(getitem))],
    scatter_add: [Sample(indexed(scatter_add))],
    np.concatenate: [Sample(joined(np.concatenate))],
    np.stack: [Sample(joined(np.stack))],
    tg.relu: [unary(tg.relu)],
    tg.sigmoid: [unary(tg.sigmoid)],
    tg.softplus: [unary(tg.softplus)],
    tg.logsumexp: [Sample(folding(tg.logsumexp))],
    tg.softmax: [Sample(along_one_axis(tg.softmax))],
    tg.log_softmax: [Sample(along_one_axis(tg.log_softmax))],
    linear: [Sample(st.builds(Case, st.just(linear), st.sampled_from(LINEAR)))],
}
for rearrange in (np.transpose, np.swapaxes, np.moveaxis, np.reshape, np.ravel, np.expand_dims, np.squeeze):
    SAMPLES[rearrange] = [Sample(rearranged(rearrange))]
SAMPLES[np.broadcast_to] = [Sample(rearranged(np.broadcast_to))]
