"""Samples of reductions, cumulative functions, statistics, polynomials and signals."""

import math
from functools import partial

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from tests.samples.base import Case, Sample, shapes, some_axes, unary
from tests.samples.first import folding
from tinygrad_edu.rules.elementwise import cast
from tinygrad_edu.rules.statistics import within_one

EMPTY_IS_FINE = (np.prod, np.nansum, np.nanprod)  # a sum or product of nothing


def axes_of(shape, several=True):
    """None, one axis from either end, or several."""
    n = len(shape)
    choices = [st.none()] + ([st.integers(-n, n - 1)] if n else [])
    return st.one_of(*choices, *([hnp.valid_tuple_axes(n, min_size=1)] if several and n else []))


def folded(shape, axis):
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return math.prod(shape[i] for i in axes)


@st.composite
def with_gaps(draw, function, **choices):
    """Reductions that skip NaN: up to two entries are missing, never all of a fold (nor too many for ddof)."""
    shape = draw(shapes)
    axis = draw(axes_of(shape))
    options = {name: draw(st.sampled_from(values)) for name, values in choices.items()}
    there = np.ones(shape, bool)
    for _ in range(2):
        if there.size:
            there[tuple(draw(st.integers(0, side - 1)) for side in shape)] = draw(st.booleans())
    left = np.sum(there, axis=axis)
    needed = 0 if function in EMPTY_IS_FINE else math.ceil(max(options.get("ddof", 0), options.get("correction", 0)))
    assume(function in EMPTY_IS_FINE or np.all(left > needed))
    assume(folded(shape, axis) or function in EMPTY_IS_FINE)
    options |= {"axis": axis, "keepdims": draw(st.booleans())}
    return Case(lambda x: function(np.where(there, x, math.nan), **options), [shape])


@st.composite
def products(draw):
    """np.prod, of nothing too."""
    shape = draw(shapes)
    options = {"axis": draw(axes_of(shape)), "keepdims": draw(st.booleans())}
    return Case(partial(np.prod, **options), [shape])


@st.composite
def running(draw, function, gaps=False, initial=False):
    """Cumulative functions along an axis, or over all entries."""
    shape = draw(hnp.array_shapes(min_dims=0 if not initial else 1, max_dims=3, min_side=0, max_side=4))
    axis = draw(axes_of(shape, several=False))
    assume(not initial or axis is not None or len(shape) == 1)
    options = {"axis": axis} | ({"include_initial": draw(st.booleans())} if initial else {})
    there = draw(hnp.arrays(bool, shape)) if gaps else np.ones(shape, bool)
    return Case(lambda x: function(np.where(there, x, math.nan) if gaps else x, **options), [shape])


@st.composite
def differences(draw):
    """np.diff: any order, any axis, with one entry or a whole block before and after."""
    shape = draw(some_axes)
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    options = {"n": draw(st.integers(1, 3)), "axis": axis}
    block = tuple(2 if i == axis % len(shape) else side for i, side in enumerate(shape))
    ends = {name: draw(st.sampled_from([(), block])) for name in ("prepend", "append") if draw(st.booleans())}
    return Case(lambda a, *given: np.diff(a, **options, **dict(zip(ends, given))), [shape, *ends.values()])


@st.composite
def flat_differences(draw):
    ends = {name: draw(st.sampled_from([(), (2,), (1, 2)])) for name in ("to_end", "to_begin") if draw(st.booleans())}
    return Case(lambda a, *given: np.ediff1d(a, **dict(zip(ends, given))), [draw(shapes), *ends.values()])


@st.composite
def gradients(draw):
    """np.gradient: even and uneven spacings, first and second order at the edges, one axis or stacked results."""
    order = draw(st.sampled_from([1, 2]))
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=2, min_side=order + 1, max_side=4))
    axis = draw(st.sampled_from([None, tuple(range(len(shape))), *range(-len(shape), len(shape))]))
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    uneven = [np.cumsum([0.0, 0.5, 0.75, 1.0][: shape[i]]) for i in axes]
    mixed = [0.5, *uneven[1:]]
    spacing = draw(st.sampled_from([[], [0.5], uneven, mixed, [np.arange(shape[i]) for i in axes]]))

    def call(f):
        out = np.gradient(f, *spacing, axis=axis, edge_order=order)
        return np.stack(out) if isinstance(out, tuple) else out

    return Case(call, [shape])


def spaced(order):
    """np.gradient and its one spacing for all axes."""
    return Case(lambda f, h: np.gradient(f, h, axis=0, edge_order=order), [(3, 2), ()])


@st.composite
def areas(draw):
    """np.trapezoid: over even steps, over points of one axis, over points of every entry."""
    shape = draw(some_axes)
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    points = draw(st.sampled_from([None, (shape[axis],), shape]))
    if points is None:
        return Case(lambda y: np.trapezoid(y, dx=0.5, axis=axis), [shape])
    return Case(lambda y, x: np.trapezoid(y, x, axis=axis), [shape, points])


METHODS = [
    *("inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull"),
    *("linear", "median_unbiased", "normal_unbiased", "lower", "higher", "midpoint", "nearest"),
]
# Not at the edge between two places: which one it is there, float32 decides otherwise than float64.
QUANTILES = [0.31, np.float64(0.83), [0.13, 0.57], np.array([[0.0, 0.61], [0.37, 1.0]])]


@st.composite
def quantiles(draw, function, gaps=False, scale=1):
    """Medians (no choices), quantiles and percentiles, with up to two entries missing if NaN is skipped."""
    is_median = function in (np.median, np.nanmedian)
    if gaps:
        choices = {} if is_median else {"method": METHODS, "q": scaled(scale)[:3]}
        case = draw(with_gaps(function, **choices))
        return Case(lambda x: cast(case.call(x), x.dtype), case.shapes)
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=4))
    options = {"axis": draw(axes_of(shape)), "keepdims": draw(st.booleans())}
    if not is_median:
        options |= {"q": draw(st.sampled_from(scaled(scale))), "method": draw(st.sampled_from(METHODS))}
    return Case(lambda x: cast(function(x, **options), x.dtype), [shape])


def scaled(scale):
    return [scale * np.array(q) if np.ndim(q) else scale * q for q in QUANTILES]


@st.composite
def averages(draw):
    """np.average: no weights, weights for every entry, weights for the averaged axes in their order."""
    shape = draw(some_axes)
    axis = draw(axes_of(shape))
    kind = draw(st.sampled_from(["none", "constant", "all", "axes"]))
    returned = draw(st.booleans())

    def call(a, *weights):
        given = {"none": None, "constant": np.arange(1, a.size + 1).reshape(shape)}.get(kind, *weights)
        out = np.average(a, axis=axis, weights=given, returned=returned, keepdims=True)
        return out[0] + 2 * out[1] if returned else out

    if kind in ("none", "constant"):
        call = partial(lambda call, a: cast(call(a, None), a.dtype), call)
        return Case(call, [shape])
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return Case(call, [shape, shape if kind == "all" or axis is None else tuple(shape[i] for i in axes)])


@st.composite
def covariances(draw, function):
    """np.cov and np.corrcoef: variables in rows or columns, a second set, weights."""
    rowvar = draw(st.booleans())
    one, two = draw(st.sampled_from([((4,), None), ((4,), (4,)), ((3, 4), None), ((2, 4), (1, 4)), ((1, 4), (2, 4))]))
    turned = [s if rowvar or len(s) == 1 else s[::-1] for s in (one, two) if s]
    options = {"rowvar": rowvar}
    if function is np.cov:
        options |= draw(st.sampled_from([{}, {"bias": True}, {"ddof": 0}, {"fweights": [1, 3, 2, 1]}]))
    weighted = function is np.cov and draw(st.booleans())
    apart = 4 * np.sin(np.arange(math.prod(one)) ** 2).reshape(turned[0])  # no variable nearly the shadow of another

    def call(m, *others):
        others = list(others)
        more = {"y": others.pop(0)} if two else {}
        more |= {"aweights": np.abs(others.pop())} if weighted else {}
        return cast(function(m + apart, **options, **more), m.dtype)

    return Case(call, turned + ([(4,)] if weighted else []))


@st.composite
def distinct(draw, function):
    shape = draw(shapes)
    if function is not np.unique:
        first = (lambda out: out) if function is np.unique_values else (lambda out: out[0])
        return Case(lambda x: first(function(x)), [shape])
    options = {name: draw(st.booleans()) for name in ("return_index", "return_inverse", "return_counts")}
    return Case(lambda x: (lambda out: out[0] if any(options.values()) else out)(np.unique(x, **options)), [shape])


@st.composite
def tables(draw):
    """np.interp in a table whose knots are 4 apart, x between them (never at one) or outside."""
    n = draw(st.integers(1, 4))
    shape = draw(shapes)
    steps = np.array(draw(st.lists(st.integers(-2, 2 * n + 2), min_size=math.prod(shape), max_size=math.prod(shape))))
    spread = 2 * steps.reshape(shape) + 1  # the inputs move each of these by less than 1/2
    way = draw(st.sampled_from(["ends", "given", "period"] if n > 1 else ["ends", "given"]))
    knots = 4 * np.arange(n)

    def call(x, xp, fp, *ends):
        options = dict(zip(("left", "right"), ends)) | ({"period": 32.0} if way == "period" else {})
        where = x / 5 + spread + 0 * sum(ends)  # NumPy tells a Tensor in x, xp and fp only, not in left and right
        return cast(np.interp(where, xp / 5 + knots, fp, **options), x.dtype)

    return Case(call, [shape, (n,), (n,), *([(), ()] if way == "given" else [])])


@st.composite
def counts(draw):
    x = draw(st.lists(st.integers(0, 4), max_size=6))
    least = draw(st.integers(0, 7))
    return Case(lambda w: cast(np.bincount(np.array(x, dtype=int), weights=w, minlength=least), w.dtype), [(len(x),)])


@st.composite
def convolutions(draw, function):
    lengths = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    mode = draw(st.sampled_from(["full", "same", "valid"]))
    scalar = function is np.convolve and draw(st.booleans())
    return Case(partial(function, mode=mode), [lengths[:1], () if scalar else lengths[1:]])


@st.composite
def polynomials(draw, function):
    """Functions of one or two polynomials, of different degrees."""
    n, m = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    if function in (np.polyadd, np.polysub, np.polymul):
        return Case(function, [(n,), draw(st.sampled_from([(m,), ()]))])
    if function is np.polyval:
        return Case(function, [(n,), draw(shapes)])
    if function is np.polydiv:
        n = m + draw(st.integers(0, 2))

        def both(u, v):
            quotient, remainder = np.polydiv(u, v + 3)
            own = (
                remainder[-min(m - 1, n) :] if m > 1 else remainder[:0]
            )  # before these, rounding: NumPy's is a loose 0
            return np.concatenate([quotient, own])

        return Case(both, [(n,), (m,)])
    if function is np.polyder:
        return Case(lambda p: cast(np.polyder(p, m=m - 1), p.dtype), [(n,)])
    if function is np.polyint:
        constants = draw(st.sampled_from([None, 2.0, [1.0, 2.0, 3.0]]))
        return Case(lambda p: cast(np.polyint(p, m=m - 1, k=constants), p.dtype), [(n,)])
    if function is np.vander:
        options = {"N": draw(st.sampled_from([None, 0, 1, 2, 4])), "increasing": draw(st.booleans())}
        return Case(lambda x: cast(np.vander(x, **options), x.dtype), [(n,)])
    if function is np.roots:
        known = np.poly([1.0, 2.5, 4.0, -3.0][:n])
        return Case(lambda p: np.roots(p / 512 + known.astype(p.dtype)), [known.shape])
    return Case(function, [(n,)])


@st.composite
def fits(draw):
    """np.polyfit: a polynomial or two through points that are well apart, weighted or not."""
    deg, weighted = draw(st.integers(0, 2)), draw(st.booleans())
    at = np.linspace(-2, 2, 5)

    def call(x, y, *w):
        return cast(np.polyfit(x / 8 + at.astype(x.dtype), y, deg, w=w[0] * w[0] + 1 if w else None), y.dtype)

    return Case(call, [(5,), draw(st.sampled_from([(5,), (5, 2)])), *([(5,)] if weighted else [])])


@st.composite
def trimmed(draw):
    """np.trim_zeros of entries that are multiplied with zeros and ones."""
    mask = draw(hnp.arrays(bool, st.integers(0, 5)))
    return Case(
        partial(lambda trim, x: np.trim_zeros(x * mask, trim), draw(st.sampled_from(["fb", "f", "B"]))), [mask.shape]
    )


def running_sample(function, **options):
    return [Sample(running(function, **options), low=-2, high=2)]


SAMPLES = {
    np.prod: [Sample(products())],
    np.amax: [Sample(folding(np.amax))],
    np.amin: [Sample(folding(np.amin))],
    np.ptp: [Sample(folding(np.ptp))],
    np.nansum: [Sample(with_gaps(np.nansum))],
    np.nanprod: [Sample(with_gaps(np.nanprod))],
    np.nanmean: [Sample(with_gaps(np.nanmean))],
    np.nanmax: [Sample(with_gaps(np.nanmax))],
    np.nanmin: [Sample(with_gaps(np.nanmin))],
    np.nanvar: [Sample(with_gaps(np.nanvar, ddof=[0, 1, 0.5])), Sample(with_gaps(np.nanvar, correction=[0, 1]))],
    np.nanstd: [Sample(with_gaps(np.nanstd, ddof=[0, 1]), low=-8, high=8, apart=1 / 2)],
    np.cumsum: running_sample(np.cumsum),
    np.cumprod: running_sample(np.cumprod),
    np.nancumsum: running_sample(np.nancumsum, gaps=True),
    np.nancumprod: running_sample(np.nancumprod, gaps=True),
    np.diff: [Sample(differences())],
    np.ediff1d: [Sample(flat_differences())],
    np.gradient: [Sample(gradients()), Sample(st.builds(spaced, st.sampled_from([1, 2])), low=0.5, high=3)],
    np.trapezoid: [Sample(areas())],
    np.median: [Sample(quantiles(np.median))],
    np.quantile: [Sample(quantiles(np.quantile))],
    np.percentile: [Sample(quantiles(np.percentile, scale=100))],
    np.nanmedian: [Sample(quantiles(np.nanmedian, gaps=True))],
    np.nanquantile: [Sample(quantiles(np.nanquantile, gaps=True))],
    np.nanpercentile: [Sample(quantiles(np.nanpercentile, gaps=True, scale=100))],
    np.average: [Sample(averages(), low=0.5, high=3)],
    np.cov: [Sample(covariances(np.cov))],
    within_one: [unary(within_one, low=-1, high=1)],
    np.corrcoef: [Sample(covariances(np.corrcoef), low=-4, high=4, apart=1 / 4)],
    np.bincount: [Sample(counts())],
    np.interp: [Sample(tables())],
}
if hasattr(np, "cumulative_sum"):
    SAMPLES[np.cumulative_sum] = running_sample(np.cumulative_sum, initial=True)
    SAMPLES[np.cumulative_prod] = running_sample(np.cumulative_prod, initial=True)
for unique in (np.unique, np.unique_values, np.unique_counts, np.unique_inverse, np.unique_all):
    SAMPLES[unique] = [Sample(distinct(unique))]
for convolution in (np.convolve, np.correlate):
    SAMPLES[convolution] = [Sample(convolutions(convolution))]
for polynomial in (
    *(np.polyadd, np.polysub, np.polymul, np.polyval, np.polydiv, np.polyder, np.polyint),
    *(np.poly, np.vander, np.roots),
):
    SAMPLES[polynomial] = [Sample(polynomials(polynomial))]
SAMPLES[np.polyfit] = [Sample(fits())]
SAMPLES[np.trim_zeros] = [Sample(trimmed())]
