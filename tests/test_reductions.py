"""Reductions, cumulative functions, statistics, polynomials where they are awkward: zeros, ties, NaN, huge numbers."""

import math

import numpy as np
import pytest

import tinygrad_edu as tg
from tests.differences import slopes


def leaf(value, **kwargs):
    return tg.Tensor(value, requires_grad=True, **kwargs)


def gradient(function, *values, seed=None):
    leaves = [leaf(value) for value in values]
    out = function(*leaves)
    out.backward(seed)
    grads = [t.grad for t in leaves]
    return grads[0] if len(grads) == 1 else grads


# ---- products with zeros -----------------------------------------------------------------------------------------
def others(x, skip):
    return math.prod(value for i, value in enumerate(x) if i not in skip)


ZEROS = [[2.0, 3.0, 4.0, 5.0], [2.0, 0.0, 4.0, 5.0], [0.0, 3.0, 0.0, 5.0], [0.0, 0.0, 0.0, 5.0], [0.0] * 4]


@pytest.mark.parametrize("x", ZEROS, ids=str)
def test_a_product_with_zeros_has_its_true_derivatives(x):
    n = len(x)
    t = leaf(x)
    np.prod(t).backward(create_graph=True)
    first, t.grad = t.grad, None
    assert first.data.tolist() == [others(x, [i]) for i in range(n)]
    weights = np.array([1.0, -2.0, 3.0, 5.0])
    np.sum(first * weights).backward(create_graph=True)
    second, t.grad = t.grad, None
    hessian = np.array([[others(x, [i, j]) if i != j else 0 for j in range(n)] for i in range(n)])
    assert second.data.tolist() == (hessian @ weights).tolist()
    np.sum(second).backward()
    third = [sum(weights[j] * others(x, [i, j, k]) for j in range(n) for k in range(n) if len({i, j, k}) == 3)
             for i in range(n)]  # fmt: skip
    assert t.grad.tolist() == third


@pytest.mark.parametrize("x", [*ZEROS, [1.0], [0.0], []], ids=str)
def test_a_running_product_with_zeros_has_its_true_derivatives(x):
    n = len(x)
    g = np.array([1.0, -2.0, 3.0, 5.0])[:n]
    t = leaf(np.array(x))
    np.cumprod(t).backward(g, create_graph=True)
    first, t.grad = t.grad, None
    assert first.data.tolist() == [sum(g[j] * others(x[: j + 1], [i]) for j in range(i, n)) for i in range(n)]
    if n:
        np.sum(first).backward()
        second = [
            sum(g[j] * others(x[: j + 1], [i, k]) for j in range(n) for k in range(j + 1) if k != i and i <= j)
            for i in range(n)
        ]
        assert t.grad.tolist() == second


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 8, 9, 33, 100])
def test_a_running_product_of_any_length(n):
    rng = np.random.default_rng(n)
    x, g = rng.uniform(0.5, 1.5, n), rng.normal(size=n)
    out = np.cumprod(x)
    expected = np.cumsum((g * out)[::-1])[::-1] / x
    np.testing.assert_allclose(gradient(np.cumprod, x, seed=g), expected, rtol=1e-11, atol=1e-11)


def test_an_unselected_huge_product_gets_nothing():
    x = leaf([1e200, 1e200, 1e200])
    with np.errstate(over="ignore"):
        y = np.where(False, np.prod(x), 0)
    y.backward()
    assert x.grad.tolist() == [0, 0, 0]


def test_blame_behind_a_huge_factor_is_not_lost():
    """Only the first two running products count; that the later factors would overflow must not matter."""
    x = np.array([2.0, 0.0, 1e200, 1e200, 1e200])
    assert gradient(np.cumprod, x, seed=[1, 1, 0, 0, 0]).tolist() == [1, 2, 0, 0, 0]


def test_a_running_product_of_zero_and_infinity_is_nan_and_so_is_its_slope():
    with np.errstate(invalid="ignore"):
        assert np.isnan(gradient(np.cumprod, np.array([1.0, 0.0, np.inf]), seed=[0, 0, 1])[0])


def test_products_of_nothing():
    assert gradient(np.prod, np.zeros((0, 3))).shape == (0, 3)
    assert gradient(lambda x: np.prod(x, axis=0), np.zeros((0, 3)), seed=np.ones(3)).shape == (0, 3)


# ---- ties --------------------------------------------------------------------------------------------------------
TIED = np.array([3.0, 1.0, 1.0, 2.0])


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (np.amax, [1, 0, 0, 0]),
        (np.amin, [0, 0.5, 0.5, 0]),
        (np.nanmin, [0, 0.5, 0.5, 0]),
        (np.ptp, [1, -0.5, -0.5, 0]),
        (np.median, [0, 0.25, 0.25, 0.5]),  # halfway between 1, which two have, and 2
        (lambda x: np.quantile(x, 0.25), [0, 0.5, 0.5, 0]),
        (lambda x: np.percentile(x, 50, method="lower"), [0, 0.5, 0.5, 0]),
        (lambda x: np.nanquantile(x, 0.75), [0.25, 0, 0, 0.75]),
        (lambda x: np.unique(x)[0], [0, 0.5, 0.5, 0]),
    ],
)
def test_ties_share_equally(function, expected):
    assert gradient(function, TIED).tolist() == expected


@pytest.mark.parametrize("function", [np.std, np.nanstd], ids=lambda f: f.__name__)
def test_equal_entries_have_no_slope_of_std(function):
    assert gradient(function, np.full(3, 2.0)).tolist() == [0, 0, 0]


# ---- NaN ---------------------------------------------------------------------------------------------------------
GAPS = np.array([[1.0, math.nan, 4.0], [2.0, 3.0, math.nan]])


@pytest.mark.parametrize(
    ("function", "of_the_rest"),
    [
        (np.nansum, np.sum),
        (np.nanprod, np.prod),
        (np.nanmean, np.mean),
        (np.nanmax, np.max),
        (np.nanmin, np.min),
        (np.nanvar, np.var),
        (np.nanstd, np.std),
        (np.nanmedian, np.median),
        (lambda x: np.nanvar(x, ddof=1), lambda x: np.var(x, ddof=1)),
        (lambda x: np.nanstd(x, correction=1), lambda x: np.std(x, correction=1)),
        (lambda x: np.nanquantile(x, 0.3), lambda x: np.quantile(x, 0.3)),
        (lambda x: np.nanpercentile(x, 80), lambda x: np.percentile(x, 80)),
        (lambda x: np.sum(np.nancumsum(x)[[0, 2, 3, 4]]), lambda x: np.sum(np.cumsum(x))),
        (lambda x: np.sum(np.nancumprod(x)[[0, 2, 3, 4]]), lambda x: np.sum(np.cumprod(x))),
    ],
)
def test_missing_entries_get_nothing_and_the_others_as_if_alone(function, of_the_rest):
    there = ~np.isnan(GAPS)
    grad = gradient(function, GAPS)
    assert grad[~there].tolist() == [0, 0]
    np.testing.assert_allclose(grad[there], gradient(of_the_rest, GAPS[there]), rtol=1e-14)


@pytest.mark.parametrize("function", [np.nanmean, np.nanvar, np.nanstd, np.nanmax, np.nanmedian])
def test_where_nothing_is_left_nothing_flows(function):
    x = np.array([[math.nan, math.nan], [1.0, 2.0]])
    t = leaf(x)
    with pytest.warns(RuntimeWarning):
        out = function(t, axis=1)
    out.backward([1.0, 1.0])
    assert t.grad[0].tolist() == [0, 0]
    np.testing.assert_allclose(t.grad[1], gradient(function, x[1]), rtol=1e-15)


# ---- accuracy ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("far", [0.0, 1e8, -1e12])
@pytest.mark.parametrize(("var", "std"), [(np.var, np.std), (np.nanvar, np.nanstd)])
def test_the_variance_of_a_small_spread_far_from_zero(var, std, far):
    x = far + np.array([1.0, -1.0, 3.0, 5.0])  # exact; the mean is far + 2
    np.testing.assert_array_equal(gradient(var, x), np.array([-1, -3, 1, 3]) / 2)
    np.testing.assert_allclose(gradient(std, x), np.array([-1, -3, 1, 3]) / 2 / (2 * math.sqrt(5)), rtol=1e-15)
    np.testing.assert_array_equal(gradient(lambda x: var(x, ddof=1), x), np.array([-1, -3, 1, 3]) * 2 / 3)


@pytest.mark.parametrize("skipped", [[], [math.nan]], ids=["all there", "one missing"])
@pytest.mark.parametrize(("far", "unit"), [(1e8, 1), (0, 1e-20)])
def test_the_variance_where_the_mean_has_to_be_rounded(far, unit, skipped):
    x = far + np.array([0.0, 0.0, 1.0]) * unit  # the mean is far + unit / 3, of which 1e8 leaves few digits
    var, std = (np.nanvar, np.nanstd) if skipped else (np.var, np.std)
    expected = np.array([-1, -1, 2, *(0 for _ in skipped)])
    x = np.array([*x, *skipped])
    np.testing.assert_allclose(gradient(var, x), expected * 2 / 9 * unit, rtol=1e-14)
    np.testing.assert_allclose(gradient(std, x), expected / math.sqrt(18), rtol=1e-14)


@pytest.mark.filterwarnings("ignore:Degrees of freedom", "ignore:divide by zero", "ignore:invalid value")
@pytest.mark.parametrize("ddof", [2, 3])
def test_the_variance_without_a_degree_of_freedom(ddof):
    """It is something / 0, its slope too; but where nothing arrives, nothing flows."""
    x = np.array([1.0, 3.0])
    assert gradient(lambda x: np.var(x, ddof=ddof), x).tolist() == [-np.inf, np.inf]
    for f in (np.var, np.std, np.nanvar, np.nanstd):
        assert not gradient(lambda x: np.where(False, f(x, ddof=ddof), 0), x).any()  # noqa: B023
    of_gaps = gradient(lambda x: np.nanvar(x, ddof=ddof - 1), np.array([3.0, math.nan]))
    assert np.isnan(of_gaps).tolist() == [True, False]


def test_ddof_goes_by_two_names():
    x = np.array([1.0, 2.0, 4.0])
    for f in (np.var, np.std, np.nanvar, np.nanstd):
        np.testing.assert_array_equal(gradient(lambda t, f=f: f(t, correction=1), x),
                                      gradient(lambda t, f=f: f(t, ddof=1), x))  # fmt: skip
        np.testing.assert_array_equal(gradient(lambda t, f=f: f(t, correction=0), x), gradient(f, x))


def test_huge_entries():
    x = np.array([1e308, 1e300, -1e308])
    assert gradient(np.sum, x).tolist() == [1, 1, 1]
    np.testing.assert_allclose(gradient(np.mean, x), [1 / 3] * 3, rtol=1e-15)
    assert gradient(np.cumsum, x, seed=[1, 2, 4]).tolist() == [7, 6, 4]
    assert gradient(np.median, x).tolist() == [0, 1, 0]


# ---- interpolation, counts, distinct values ----------------------------------------------------------------------
XP, FP = np.array([0.0, 1.0, 3.0]), np.array([2.0, 5.0, 1.0])


def test_interpolation_at_a_knot_follows_the_piece_to_its_right():
    assert gradient(lambda x: np.interp(x, XP, FP), XP, seed=[1, 1, 1]).tolist() == [3, -2, -2]
    assert gradient(lambda f: np.interp(XP, XP, f), FP, seed=[1, 2, 3]).tolist() == [1, 2, 3]


def test_interpolation_at_the_last_knot():
    """There is no piece to its right. The table may end in a jump: then the last entry counts, as in NumPy."""
    x, xp, fp = gradient(np.interp, 1.0, [0.0, 1.0], [2.0, 5.0])
    assert (float(x), xp.tolist(), fp.tolist()) == (3, [0, -3], [0, 1])
    x, xp, fp = gradient(np.interp, np.array([1.0, 0.5]), [0.0, 1.0, 1.0], [0.0, 5.0, 7.0], seed=[1, 10])
    assert (x.tolist(), xp.tolist(), fp.tolist()) == ([0, 50], [-25, -25, 0], [5, 5, 1])
    x, xp, fp = gradient(np.interp, np.array([0.0, 1.0, 2.0]), [1.0], [4.0], seed=[1, 10, 100])
    assert (x.tolist(), xp.tolist(), fp.tolist()) == ([0, 0, 0], [0], [111])


def test_interpolation_outside_the_table():
    x, xp, fp = gradient(np.interp, np.array([-1.0, 4.0]), XP, FP, seed=[1, 2])
    assert (x.tolist(), xp.tolist(), fp.tolist()) == ([0, 0], [0, 0, 0], [1, 0, 2])
    x, fp, left, right = gradient(
        lambda x, f, lo, hi: np.interp(x, XP, f, left=lo, right=hi), [-1.0, 4.0, 0.5], FP, 7.0, 8.0, seed=[3, 2, 4]
    )
    assert (x.tolist(), fp.tolist(), float(left), float(right)) == ([0, 0, 12], [2, 2, 0], 3, 2)
    _, left, right = gradient(lambda x, lo, hi: np.interp(x, XP, FP, lo, hi, period=4), -1.0, 7.0, 8.0)
    assert left == right == 0  # a circle has no outside


def test_interpolation_on_a_circle():
    x, xp, fp = np.array([-12.0, 185.0, 365.0, 700.0]), np.array([190.0, -170.5, 350.0, 5.5]), np.array([5.0, 9, 3, 4])
    weights = np.array([1.0, 2, 3, 4])
    expected = slopes(lambda *a: np.sum(weights * np.interp(*a, period=360)), x, xp, fp)
    for got, right in zip(gradient(lambda *a: np.interp(*a, period=360), x, xp, fp, seed=weights), expected):
        np.testing.assert_allclose(got, right, atol=1e-9)


def test_complex_tables():
    x, real, imag = gradient(
        lambda x, re, im: np.real(np.interp(x, XP, re + 1j * im) * (2 - 3j)), np.array(0.5), FP, FP[::-1].copy()
    )
    assert float(x) == 2 * 3 + 3 * 4  # Re(slope * (2 - 3j)), slope being 3 + 4j
    assert (real.tolist(), imag.tolist()) == ([1, 1, 0], [1.5, 1.5, 0])


def test_distinct_values_with_all_their_companions():
    x = leaf([3.0, 1.0, 3.0, 2.0])
    values, index, inverse, counts = np.unique(x, return_index=True, return_inverse=True, return_counts=True)
    assert [index.data.tolist(), inverse.data.tolist(), counts.data.tolist()] == [[1, 3, 0], [2, 0, 2, 1], [1, 1, 2]]
    values.backward([1.0, 2.0, 4.0])
    assert x.grad.tolist() == [2, 1, 2, 2]


def test_weights_of_axes_in_any_order():
    a, w = np.arange(24.0).reshape(2, 3, 4), np.arange(1.0, 9).reshape(4, 2)
    expected = slopes(lambda a, w: np.sum(np.average(a, axis=(2, 0), weights=w) ** 2), a, w)
    got = gradient(lambda a, w: np.sum(np.average(a, axis=(-1, 0), weights=w) ** 2), a, w)
    for one, right in zip(got, expected):
        np.testing.assert_allclose(one, right, atol=1e-7)
    with pytest.raises(ZeroDivisionError):
        np.average(leaf([1.0, 2.0]), weights=[1, -1])


def test_the_correlation_of_shadows_is_one_and_flat():
    """Rounded, it may come out a little above 1; NumPy clips that, which is no kink."""
    x = np.array([0.1, 0.7, 0.4, 1.3])
    grad = gradient(lambda x: np.corrcoef(x, 3 * x + 1)[0, 1], x)
    np.testing.assert_allclose(grad, 0, atol=1e-15)


def test_weighted_covariances():
    x, w = np.array([[1.0, 3.0, 2.0, 7.0], [2.0, 5.0, -1.0, 0.0]]), np.array([1.0, 1.5, 0.5, 2.0])
    for options in ({"ddof": 2}, {"ddof": 2, "fweights": [1, 2, 1, 3]}, {"ddof": 0}):

        def blend(x, w):
            return np.sum(np.cov(x, aweights=w, **options) * [[1, 2], [3, 4]])  # noqa: B023

        for got, right in zip(gradient(blend, x, w), slopes(blend, x, w)):
            np.testing.assert_allclose(got, right, atol=1e-8)


def test_the_covariance_of_no_variables():
    assert np.cov(leaf(np.zeros((0, 3)))).shape == np.cov(np.zeros((0, 3))).shape == (0, 0)


def test_no_degree_of_freedom_is_what_numpy_says():
    with pytest.warns(RuntimeWarning, match=r"Degrees of freedom|divide|invalid"):
        assert np.isnan(np.cov(leaf([[1.0], [2.0]])).data).all()


# ---- differences -------------------------------------------------------------------------------------------------
def test_differences_of_order_zero_and_errors():
    t = leaf([1.0, 2.0])
    np.testing.assert_array_equal(np.diff(t, n=0).data, t.data)
    for wrong in (lambda: np.diff(t, n=-1), lambda: np.diff(leaf(1.0)), lambda: np.gradient(t, edge_order=2)):
        with pytest.raises(ValueError, match=r"non-negative|one dimensional|too small"):
            wrong()
    assert gradient(lambda end: np.diff([1, 2], append=end), 5.0, seed=[1, 1]) == 1


def test_points_of_a_gradient_are_constants():
    f = leaf([1.0, 4.0, 9.0])
    with pytest.raises(TypeError, match="silently lose them"):
        np.gradient(f, leaf([0.0, 1.0, 3.0]))
    both = np.gradient(np.stack([f, f * f]))
    assert isinstance(both, tuple)
    (np.sum(both[0]) + np.sum(both[1])).backward()
    assert np.isfinite(f.grad).all()


# ---- polynomials and signals -------------------------------------------------------------------------------------
def test_roots_move_as_the_implicit_function_says():
    """x² - 2bx + c has the roots b ± √(b² - c), complex ones too."""
    b, c = 1.0, 5.0
    for part, expected in ((np.real, [1, 0]), (np.imag, [b / -2, 0.25])):  # ∂√(c - b²) = (-b, 1/2) / √(c - b²)
        grads = gradient(lambda b, c: part(np.roots(np.stack([b * 0 + 1, -2 * b, c])))[0], b, c)  # noqa: B023
        np.testing.assert_allclose(grads, expected, atol=1e-14)
    p = leaf([0.0, 1.0, -3.0, 2.0, 0.0])  # zeros in front are dropped, those behind are roots
    np.roots(p).backward([1.0, 10.0, 100.0])
    # roots 2, 1, 0 with slopes 2, -1, 2 of x³ - 3x² + 2x
    roots, weights, steepness = np.array([2.0, 1, 0]), np.array([1.0, 10, 100]), np.array([2.0, -1, 2])
    np.testing.assert_allclose(p.grad, [-np.sum(weights * roots**k / steepness) for k in (4, 3, 2, 1, 0)], atol=1e-12)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("function", [np.convolve, np.correlate], ids=lambda f: f.__name__)
def test_signals_of_all_lengths(function, mode):
    """Both are linear in each signal: a slope is what a 1 in that place makes."""
    for n, m in np.ndindex(5, 5):
        a, v = np.cos(np.arange(n + 1)), np.sin(1 + np.arange(m + 1))
        weights = np.arange(1.0, len(function(a, v, mode)) + 1)
        got = gradient(lambda a, v: function(a, v, mode), a, v, seed=weights)
        np.testing.assert_allclose(got[0], [weights @ function(one, v, mode) for one in np.eye(n + 1)], atol=1e-14)
        np.testing.assert_allclose(got[1], [weights @ function(a, one, mode) for one in np.eye(m + 1)], atol=1e-14)


def test_complex_signals():
    a, v = np.array([1 + 2j, 3 - 1j, 0.5j]), np.array([2 - 1j, 1 + 1j])
    for function in (np.convolve, np.correlate):
        for mode in ("full", "same", "valid"):
            parts = [a.real, a.imag, v.real, v.imag]

            def power(ar, ai, vr, vi):
                out = function(ar + 1j * ai, vr + 1j * vi, mode)  # noqa: B023
                return np.sum(np.real(out) ** 2 + 3 * np.imag(out))

            for got, right in zip(gradient(power, *parts), slopes(power, *parts)):
                np.testing.assert_allclose(got, right, atol=1e-8)


@pytest.mark.parametrize(
    "function",
    [
        np.var,
        np.nanvar,
        lambda z: np.std(z, ddof=1),
        np.nanstd,
        lambda z: np.real(np.prod(z)),
        lambda z: np.imag(np.median(z)),
        lambda z: np.real(np.cumprod(z)[-1] * np.average(z, weights=[1, 2, 4])),
        lambda z: np.sum(np.real(np.cov(np.stack([z, z * z])) * (1 + 2j))),
        lambda z: np.imag(np.corrcoef(np.stack([z, z * z]))[0, 1]),
    ],
)
def test_complex_statistics(function):
    parts = np.array([1.0, 3.0, 0.5]), np.array([2.0, -1.0, 0.25])
    got = gradient(lambda x, y: function(x + 1j * y), *parts)
    for one, right in zip(got, slopes(lambda x, y: function(x + 1j * y), *parts)):
        np.testing.assert_allclose(one, right, atol=1e-8)


def test_a_polynomial_from_roots_in_conjugate_pairs_is_real():
    out = np.poly(leaf([1 + 2j, 1 - 2j]))
    assert out.dtype == np.float64
    np.testing.assert_allclose(out.data, [1, -2, 5])


def test_polynomials_that_are_short_or_whole():
    """No zeros at all, whole numbers, a divisor of higher degree."""
    for zeros in (np.array([]), np.array([1, 2])):
        out = np.asarray(np.poly(tg.Tensor(zeros)))
        np.testing.assert_array_equal(out, np.poly(zeros))
        assert out.dtype == np.float64
    u, v = np.array([2.0, 4.0], np.float32), np.array([1.0, 2.0, 3.0])
    for part in (0, 1):
        plain, out = np.polydiv(u, v)[part], np.polydiv(tg.Tensor(u), v)[part]
        np.testing.assert_array_equal(np.asarray(out), plain, strict=True)
    assert gradient(lambda u: np.polydiv(u, v)[1], u, seed=[3, 5]).tolist() == [3, 5]


def test_a_weighted_fit_in_two_dtypes():
    x, y, w = np.arange(4.0), np.array([0.1, 0.7, 0.2, 0.9], np.float32), np.array([0.1, 0.2, 0.3, 0.4])
    np.testing.assert_array_equal(np.polyfit(x, leaf(y), 1, w=w).data, np.polyfit(x, y, 1, w=w), strict=True)


def test_a_fit_cuts_off_where_numpy_does():
    x = 1 + np.arange(100) * 4 * np.finfo(float).eps  # nearly one point: 100 of them make NumPy's limit 100 eps
    with pytest.warns(np.exceptions.RankWarning):
        plain = np.polyfit(x, np.sin(np.arange(100)), 1)
    with pytest.warns(np.exceptions.RankWarning):
        np.testing.assert_array_equal(np.polyfit(leaf(x), np.sin(np.arange(100)), 1).data, plain)


@pytest.mark.parametrize("trim", ["fb", "f", "b"])
def test_trimming_nothing_but_zeros(trim):
    assert np.trim_zeros(leaf([0.0, 0.0, 0.0]), trim).shape == (0,) == np.trim_zeros(np.zeros(3), trim).shape


def test_leading_zeros_of_a_product_are_refused():
    with pytest.raises(ValueError, match=r"leading zero.*np\.convolve"):
        np.polymul(leaf([0.0, 1.0]), [1.0, 2.0])


# ---- refused by name ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda t: np.prod(t, initial=2), "initial"),
        (lambda t: np.prod(t, where=[True, False, True]), "where"),
        (lambda t: np.prod(t, dtype=np.float32), "dtype"),
        (lambda t: np.nansum(t, where=[True, False, True]), "where"),
        (lambda t: np.amax(t, initial=2), "initial"),
        (lambda t: np.var(t, mean=1.0), "mean"),
        (lambda t: np.cumsum(t, dtype=np.float32), "dtype"),
        (lambda t: np.cumprod(t, out=np.zeros(3)), "out"),
        (lambda t: np.median(t, overwrite_input=True), "overwrite_input"),
        (lambda t: np.quantile(t, 0.5, weights=[1, 2, 3], method="inverted_cdf"), "weights"),
        (lambda t: np.quantile([1.0, 2.0], t), "q"),
        (lambda t: np.cov(t, dtype=np.float32), "dtype"),
        (lambda t: np.unique(t, axis=0), "axis"),
        (lambda t: np.polyfit(t, t, 1, full=True), "full"),
        (lambda t: np.ptp(t, out=np.zeros(())), "out"),
    ],
)
def test_options_without_a_derivative_are_refused_by_name(call, name):
    with pytest.raises(TypeError, match=rf"\({name}=\.\.\.\) is not supported"):
        call(leaf([1.0, 2.0, 4.0]))


def test_what_depends_on_its_data_in_two_ways_is_refused():
    for function in (np.histogram, np.histogram_bin_edges):
        with pytest.raises(NotImplementedError, match="No derivative rule"):
            function(leaf([1.0, 2.0]))


def test_two_axes_of_q_are_refused_where_numpy_confuses_them():
    with pytest.raises(ValueError, match="Give q one axis"):
        gradient(lambda t: np.sum(np.nanquantile(t, [[0.5, 0.2]], axis=(0, 1))), np.ones((2, 2)))


def test_the_polynomial_without_zeros():
    """NumPy asks the zeros, of which there are none, whether they want to compute it; so it does it itself."""
    zeros = tg.Tensor([], requires_grad=True)
    assert np.poly(zeros) == np.poly([])


def test_several_zeros_are_trimmed_at_either_end():
    t = tg.Tensor([0.0, 0.0, 1.0, 0.0, 2.0, 0.0, 0.0], requires_grad=True)
    trimmed = np.trim_zeros(t)
    assert trimmed.data.tolist() == [1, 0, 2]
    trimmed.backward(np.array([1.0, 2.0, 3.0]))
    assert t.grad.tolist() == [0, 0, 1, 2, 3, 0, 0]
