"""Samples of the functions that rearrange, join, split, repeat, select and sort entries.

Most of them are linear, so their second derivative is 0 whatever their rule does under create_graph. Half of the
samples therefore square the result: then the gradient that arrives depends on the inputs, and must find its way back
through the rule's own functions.
"""

import math

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

import tinygrad_edu as tg
from tests.samples.base import Case, Sample, broadcastable, shapes, some_axes
from tinygrad_edu.rules.elementwise import cast
from tinygrad_edu.rules.joining import join
from tinygrad_edu.rules.padding import pad

matrices = hnp.array_shapes(min_dims=2, max_dims=3, min_side=0, max_side=3)
squares = st.sampled_from([False, True])


def sample(strategy):
    """A Sample of (call, shapes) pairs, half of them squared."""

    def case(drawn, squared):
        call, sides = drawn
        return Case((lambda *a: call(*a) * call(*a)) if squared else call, list(sides))

    return [Sample(st.builds(case, strategy, squares))]


def plain(shape_strategy, *calls):
    return sample(st.tuples(st.sampled_from(calls), shape_strategy.map(lambda s: [s])))


@st.composite
def axis_of(draw, shape, more=0):
    return draw(st.integers(-len(shape), len(shape) - 1 + more))


@st.composite
def rolled(draw):
    shape = draw(some_axes)
    axis = draw(axis_of(shape))
    several = tuple(draw(st.lists(axis_of(shape), min_size=1, max_size=2)))
    shift = draw(st.integers(-4, 4))
    options = [(shift, None), (shift, axis), (shift, several), ((shift, 1)[: len(several)], several), ([1], axis)]
    shift, axis = draw(st.sampled_from(options))
    return lambda x: np.roll(x, shift, axis), [shape]


@st.composite
def flipped(draw):
    shape = draw(shapes)
    axis = draw(st.none() | hnp.valid_tuple_axes(len(shape)) | (axis_of(shape) if shape else st.none()))
    return lambda x: np.flip(x, axis), [shape]


@st.composite
def turned(draw):
    shape = draw(matrices)
    axes = tuple(draw(st.permutations(range(len(shape))))[:2])
    k = draw(st.integers(-3, 4))
    return lambda x: np.rot90(x, k, axes), [shape]


@st.composite
def tiled(draw):
    reps = draw(st.integers(0, 3) | hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=2))
    reps = draw(st.sampled_from([reps, np.array(reps), list(reps) if isinstance(reps, tuple) else reps]))
    return lambda x: np.tile(x, reps), [draw(shapes)]


@st.composite
def repeated(draw):
    shape = draw(shapes)
    axis = draw(st.none() | axis_of(shape)) if shape else None
    length = math.prod(shape) if axis is None else shape[axis]
    each = draw(hnp.arrays(int, length, elements=st.integers(0, 3)))
    repeats = draw(st.sampled_from([0, 1, 3, np.int64(2), each, [2]]))
    return lambda x: np.repeat(x, repeats, axis), [shape]


@st.composite
def rolled_axis(draw):
    shape = draw(some_axes)
    axis, start = draw(axis_of(shape)), draw(axis_of(shape, more=1))
    return lambda x: np.rollaxis(x, axis, start), [shape]


@st.composite
def triangle(draw, function):
    k = draw(st.integers(-3, 3))
    return lambda x: function(x, k), [draw(some_axes)]


@st.composite
def diagonals(draw, function):
    shape = draw(matrices)
    axis1, axis2 = draw(st.permutations(range(-len(shape), 0)))[:2]
    axis1 += draw(st.sampled_from([0, len(shape)]))
    offset = draw(st.integers(-3, 3))
    return lambda x: function(x, offset, axis1, axis2), [shape]


@st.composite
def padded(draw, modes):
    mode, options = draw(st.sampled_from(modes))
    shape = draw(shapes if mode == "constant" else hnp.array_shapes(min_dims=1, max_dims=3, max_side=3))
    one = st.integers(0, 4)
    pairs = draw(st.tuples(*[st.tuples(one, one) for _ in shape]))
    width = draw(st.sampled_from([1, (2, 1), ((1, 3),), pairs or 2, np.array(pairs or 2)]))
    return lambda x: np.pad(x, width, mode, **options), [shape]


PADS = [
    [("constant", {}), ("constant", {"constant_values": 2}), ("constant", {"constant_values": ((1, 2),)})],
    [("edge", {}), ("wrap", {}), ("reflect", {}), ("symmetric", {}), ("symmetric", {"reflect_type": "even"})],
    [("reflect", {"reflect_type": "odd"}), ("symmetric", {"reflect_type": "odd"})],
    [("linear_ramp", {}), ("linear_ramp", {"end_values": (3, -1)})],
    [("mean", {}), ("mean", {"stat_length": 2}), ("mean", {"stat_length": (1, 5)})],
    [(mode, {"stat_length": n} if n else {}) for mode in ("maximum", "minimum") for n in (None, 2, (1, 3))],
]


@st.composite
def joined_with(draw, function):
    """np.concatenate's relatives: arrays of one shape but for the length along the axis that they are joined at."""
    number = draw(st.integers(1, 3))
    shape = draw(shapes)
    axis = {np.vstack: 0, np.dstack: 2, np.column_stack: 1, np.hstack: 1}[function]
    if function is np.hstack and len(shape) < 2:
        axis = 0
    if function is np.vstack and len(shape) < 2:
        axis = None  # they become rows, which have to be equally long
    sides = [tuple(draw(st.integers(0, 3)) if i == axis else n for i, n in enumerate(shape)) for _ in range(number)]
    return lambda *a: function(list(a)), sides


@st.composite
def joins(draw):
    rest, *lengths = draw(st.lists(st.integers(0, 3), min_size=2, max_size=4))
    stops = (0, *np.cumsum(lengths).tolist())
    return lambda *a: join(list(a), 0, stops), [(n, rest) for n in lengths]


@st.composite
def appended(draw):
    shape = draw(shapes)
    if not shape or draw(st.booleans()):
        return np.append, [shape, draw(shapes)]
    axis = draw(axis_of(shape))
    other = [*shape]
    other[axis] = draw(st.integers(0, 2))
    return lambda a, b: np.append(a, b, axis), [shape, tuple(other)]


@st.composite
def blocks(draw):
    m, n, k, j = (draw(st.integers(0, 3)) for _ in range(4))
    layouts = [
        (lambda a: np.block(a), [(m,)]),
        (lambda a, b: np.block([a, b]), [(m,), (n,)]),
        (lambda a, b: np.block([a, b]), [(2, m), (2, n)]),
        (lambda a, b: np.block([a, b]), [(), (n,)]),
        (lambda a, b, c: np.block([[a, b], [c]]), [(m, n), (m, k), (j, n + k)]),
        (lambda a, b, c: np.block([[[a]], [[b]], [[c]]]), [(2,), (1, 2), (1, 1, 2)]),
    ]
    return draw(st.sampled_from(layouts))


@st.composite
def inserted(draw):
    shape = draw(some_axes)
    axis = draw(st.none() | axis_of(shape))
    n = np.prod(shape) if axis is None else shape[axis]
    place = st.integers(-n, n)
    several = draw(st.lists(place, min_size=2, max_size=3))
    row = [side for i, side in enumerate(shape) if axis is None or i != axis % len(shape)] if axis is not None else []
    slots = [*row]
    slots.insert(len(row) if axis is None else axis % len(shape), len(several))
    obj, values = draw(
        st.sampled_from(
            [
                (draw(place), ()),
                (np.int64(draw(place)), tuple(row)),
                (several, ()),
                (np.array(several), tuple(slots)),
                (slice(0, 2), ()),
                ([], ()),
            ]
        )
    )
    return lambda a, v: np.insert(a, obj, v, axis), [shape, values]


@st.composite
def deleted(draw):
    shape = draw(some_axes)
    axis = draw(st.none() | axis_of(shape))
    n = int(np.prod(shape)) if axis is None else shape[axis]
    one = st.integers(-n, n - 1)
    mask = hnp.arrays(bool, n)
    obj = draw(one | st.lists(one, max_size=3) | mask | st.just(slice(None, None, 2)) | st.just(np.array([0, 0])))
    return lambda x: np.delete(x, obj, axis), [shape]


def mixed(parts, axis):
    """A result made of some of the parts only, the last one twice: nothing arrives at the first."""
    return np.concatenate([parts[-1], *parts[1:]], axis=axis)


@st.composite
def splits(draw, function):
    fixed = {np.vsplit: 0, np.dsplit: 2}.get(function)
    shape = draw(hnp.array_shapes(min_dims={None: 1, 0: 2, 2: 3}[fixed], max_dims=3, min_side=0, max_side=4))
    axis = fixed
    if axis is None:
        axis = min(1, len(shape) - 1) if function is np.hsplit else draw(axis_of(shape))
    # Also bounds that do not ascend: their pieces overlap.
    where = draw(st.lists(st.integers(-4, 5), max_size=3))
    if draw(st.booleans()):
        parts = draw(st.integers(1, 4))
        where = parts if function is np.array_split or shape[axis] % parts == 0 else 1
    if function in (np.split, np.array_split):
        return lambda x: mixed(function(x, where, axis), axis), [shape]
    return lambda x: mixed(function(x, where), axis), [shape]


@st.composite
def unstacked(draw):
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=3, max_side=3))
    axis = draw(axis_of(shape))
    return lambda x: mixed(np.unstack(x, axis=axis), 0), [shape]


@st.composite
def taken(draw):
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, max_side=3))
    axis = draw(st.none() | axis_of(shape)) if shape else None
    mode = draw(st.sampled_from(["raise", "wrap", "clip"]))
    n = int(np.prod(shape)) if axis is None else shape[axis]
    place = st.integers(-n, n - 1) if mode == "raise" else st.integers(-7, 7)
    indices = draw(
        place | st.lists(place, min_size=1, max_size=4) | hnp.arrays(int, hnp.array_shapes(), elements=place)
    )
    return lambda x: np.take(x, indices, axis, mode=mode), [shape]


@st.composite
def taken_along(draw):
    shape = draw(some_axes)
    axis = draw(st.none() | axis_of(shape))
    if axis is None:
        n = int(np.prod(shape))
        where = (draw(st.integers(0, 4)),)
    else:
        n = shape[axis]
        where = [side if draw(st.booleans()) else 1 for side in shape]
        where[axis] = draw(st.integers(0, 4))
    indices = draw(hnp.arrays(int, where, elements=st.integers(-n, n - 1)))
    return lambda x: np.take_along_axis(x, indices, axis), [shape]


@st.composite
def chosen_by_mask(draw, function):
    shape = draw(some_axes)
    if function is np.extract:
        mask = draw(hnp.arrays(bool, shape))
        return lambda x: np.extract(mask, x), [shape]
    axis = draw(st.none() | axis_of(shape))
    n = int(np.prod(shape)) if axis is None else shape[axis]
    mask = draw(hnp.arrays(bool, st.integers(0, n)))
    return lambda x: np.compress(mask, x, axis), [shape]


@st.composite
def ordered(draw, function):
    shape = draw(some_axes)
    axis = draw(st.none() | axis_of(shape))
    if function is np.partition:
        n = int(np.prod(shape)) if axis is None else shape[axis]
        kth = draw(st.integers(-n, n - 1) | st.lists(st.integers(0, n - 1), min_size=1, max_size=2))
        return lambda x: np.partition(x, kth, axis), [shape]
    options = draw(st.sampled_from([{}, {"kind": "stable"}, {"kind": "heapsort"}, {"stable": True}]))
    return lambda x: np.sort(x, axis, **options), [shape]


@st.composite
def sets(draw, function):
    unique = draw(st.booleans())  # the samples' entries are all different
    other = np.array([0.5, 7.0])
    options = {} if function is np.union1d else {"assume_unique": unique}
    lengths = st.integers(0, 5).map(lambda n: (n,))  # sets of other shapes are not for every function of NumPy 2.0
    left, right = draw(lengths), draw(lengths)
    if function is np.setdiff1d:
        return lambda x: function(x, other, **options), [left]
    return lambda x, y: function(x, y, **options), [left, right]


@st.composite
def grids(draw):
    number = draw(st.integers(1, 3))
    options = {"sparse": draw(st.booleans()), "indexing": draw(st.sampled_from(["xy", "ij"])), "copy": True}
    if draw(st.booleans()):
        options = {}
    sides = [draw(st.sampled_from([(), (0,), (1,), (2,), (3,)])) for _ in range(number)]

    def call(*xi):
        out = np.meshgrid(*xi, **options)
        return np.concatenate([np.ravel(a) for a in out])

    return call, sides


@st.composite
def broadcast_together(draw):
    return lambda *a: np.stack(np.broadcast_arrays(*a)), draw(broadcastable(draw(st.integers(1, 3))))


@st.composite
def at_least(draw, function):
    sides = draw(st.lists(shapes, min_size=1, max_size=2))

    def call(*arrays):
        out = function(*arrays)
        return np.append(*out) if len(arrays) == 2 else out

    return call, sides


@st.composite
def applied(draw):
    shape = draw(some_axes)
    axis = draw(axis_of(shape))
    function = draw(st.sampled_from([np.sum, np.sin, lambda row: row[:1], lambda row: np.stack([row, row * row])]))
    return lambda x: np.apply_along_axis(function, axis, x), [shape]


@st.composite
def applied_over(draw):
    shape = draw(some_axes)
    axes = draw(hnp.valid_tuple_axes(len(shape), min_size=1) | axis_of(shape))
    function = draw(st.sampled_from([np.sum, np.max, lambda x, axis: np.flip(x, axis)]))
    return lambda x: np.apply_over_axes(function, x, axes), [shape]


@st.composite
def filled(draw):
    fill, shape = draw(broadcastable(2))
    assume(np.broadcast_shapes(fill, shape) == shape)

    def call(fill_value):
        like = np.zeros(shape, fill_value.dtype)
        return np.full_like(tg.Tensor(like) if isinstance(fill_value, tg.Tensor) else like, fill_value)

    return call, [fill]


@st.composite
def resized(draw):
    shape, new = draw(shapes), draw(shapes)
    return lambda x: np.resize(x, new[0] if len(new) == 1 else new), [shape]


diagonal_numbers = [lambda x, k=k: np.diag(x, k) for k in range(-3, 4)]
flat_numbers = [lambda x, k=k: np.diagflat(x, k) for k in range(-2, 3)]
lines = hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=3)

SAMPLES = {
    np.matrix_transpose: plain(matrices, np.matrix_transpose),
    np.copy: plain(shapes, np.copy, lambda x: np.copy(x, order="F")),
    np.flip: sample(flipped()),
    np.fliplr: plain(matrices, np.fliplr),
    np.flipud: plain(some_axes, np.flipud),
    np.rot90: sample(turned()),
    np.roll: sample(rolled()),
    np.tril: sample(triangle(np.tril)),
    np.triu: sample(triangle(np.triu)),
    np.tile: sample(tiled()),
    np.repeat: sample(repeated()),
    np.resize: sample(resized()),
    np.rollaxis: sample(rolled_axis()),
    np.atleast_1d: sample(at_least(np.atleast_1d)),
    np.atleast_2d: sample(at_least(np.atleast_2d)),
    np.atleast_3d: sample(at_least(np.atleast_3d)),
    np.broadcast_arrays: sample(broadcast_together()),
    np.meshgrid: sample(grids()),
    np.apply_along_axis: sample(applied()),
    np.apply_over_axes: sample(applied_over()),
    np.full_like: sample(filled()),
    join: sample(joins()),
    np.append: sample(appended()),
    np.vstack: sample(joined_with(np.vstack)),
    np.hstack: sample(joined_with(np.hstack)),
    np.dstack: sample(joined_with(np.dstack)),
    np.column_stack: sample(joined_with(np.column_stack)),
    np.block: sample(blocks()),
    np.insert: sample(inserted()),
    np.delete: sample(deleted()),
    np.split: sample(splits(np.split)),
    np.array_split: sample(splits(np.array_split)),
    np.hsplit: sample(splits(np.hsplit)),
    np.vsplit: sample(splits(np.vsplit)),
    np.dsplit: sample(splits(np.dsplit)),
    pad: plain(some_axes, lambda x: pad(x, ((1, 2),) * x.ndim, "edge", {})),
    np.pad: [one for modes in PADS for one in sample(padded(modes))],
    np.take: sample(taken()),
    np.take_along_axis: sample(taken_along()),
    np.compress: sample(chosen_by_mask(np.compress)),
    np.extract: sample(chosen_by_mask(np.extract)),
    np.diagonal: sample(diagonals(np.diagonal)),
    np.trace: sample(diagonals(np.trace)),
    np.diag: plain(lines, *diagonal_numbers),
    np.diagflat: plain(shapes, *flat_numbers),
    np.sort: sample(ordered(np.sort)),
    np.partition: sample(ordered(np.partition)),
    np.sort_complex: plain(some_axes, lambda x: cast(np.sort_complex(x), x.dtype)),
    np.union1d: sample(sets(np.union1d)),
    np.setdiff1d: sample(sets(np.setdiff1d)),
    np.setxor1d: sample(sets(np.setxor1d)),
}
if hasattr(np, "unstack"):  # NumPy 2.1
    SAMPLES[np.unstack] = sample(unstacked())
if hasattr(np, "astype"):
    SAMPLES[np.astype] = plain(shapes, lambda x: np.astype(x, x.dtype) if isinstance(x, tg.Tensor) else x.copy())
