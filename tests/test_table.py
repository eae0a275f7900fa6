"""Every row of the table against central differences: first and second derivatives, shapes, layouts, dtypes."""

import sys

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tests.differences import check_first, check_float32, check_forward, check_second, slopes, weights_for
from tests.samples import SAMPLES
from tinygrad_edu.rules.decompositions import places_among
from tinygrad_edu.rules.linear_algebra import magnitude
from tinygrad_edu.rules.several import part
from tinygrad_edu.rules.statistics import share_in_quantile
from tinygrad_edu.rules.table import name_of, rows


def ships(function):
    """Whether the package made this row: functions that other tests make cannot be found under their own name."""
    module = getattr(function, "__module__", None) or "numpy"
    home = vars(sys.modules[module]) if module.startswith("tinygrad_edu") else {}
    return module.startswith("numpy") or home.get(function.__name__) is function


# `part` has no call of its own: every function that returns several arrays goes through it.
ROWS = [f for f, row in rows().items() if not row.is_constant and f is not part and ships(f)]
EVERY_SAMPLE = [
    pytest.param(sample, id=f"{name_of(f)}-{number}")
    for f, samples in SAMPLES.items()
    for number, sample in enumerate(samples)
]
every_sample = pytest.mark.parametrize("sample", EVERY_SAMPLE)

# How an array can lie in memory: what the leaf holds, and how the function's input is taken from the leaf.
LAYOUTS = {
    "as it is": (lambda x: x, lambda t: t),
    "Fortran": (lambda x: np.array(x, order="F"), lambda t: t),
    "transposed": (np.transpose, np.transpose),
    "every second": (lambda x: np.repeat(x, 2, axis=-1) if x.ndim else x, lambda t: t[..., ::2] if t.ndim else t),
    "reversed": (lambda x: x[::-1] if x.ndim else x, lambda t: t[::-1] if t.ndim else t),
    "read-only": (np.broadcast_to, lambda t: t),
}


@st.composite
def calls(draw, sample):
    """A call of the sample, and its inputs, in one of the layouts."""
    case = draw(sample.cases)
    lay, take = LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)))]
    inputs = draw(sample.inputs(case))
    inputs = [lay(x, x.shape) if lay is np.broadcast_to else lay(x) for x in inputs]
    return lambda *leaves: case.call(*map(take, leaves)), inputs


@pytest.mark.parametrize("function", ROWS, ids=name_of)
def test_every_row_has_a_sample(function):
    assert function in SAMPLES, (
        f"{name_of(function)} has a row in the table but no sample, so nothing checks its derivative. "
        "Add one to SAMPLES in its family's file in tests/samples/; for an elementwise function: "
        f"{name_of(function)}: [unary({name_of(function)}, low=..., high=...)]"
    )


@every_sample
@given(data=st.data())
def test_forward_is_numpy_and_gradients_are_slopes(sample, data):
    call, inputs = data.draw(calls(sample))
    wanted = data.draw(st.lists(st.booleans(), min_size=len(inputs), max_size=len(inputs)).filter(any))
    check_forward(call, inputs)
    check_first(call, inputs, wanted)


@every_sample
@given(data=st.data())
def test_second_derivatives_are_slopes_of_gradients(sample, data):
    check_second(*data.draw(calls(sample)))


@every_sample
@given(data=st.data())
def test_float32_stays_float32(sample, data):
    check_float32(*data.draw(calls(sample)))


@every_sample
@given(data=st.data())
def test_gradients_are_linear_in_the_seed_and_zero_for_zero(sample, data):
    call, inputs = data.draw(calls(sample))

    def pulled_back(seed):
        leaves = [tg.Tensor(x, requires_grad=True) for x in inputs]
        out = call(*leaves)
        out.backward(seed(out.shape))
        return [leaf.grad for leaf in leaves]

    one, two = pulled_back(weights_for), pulled_back(lambda shape: weights_for(shape, start=5))
    both = pulled_back(lambda shape: 3 * weights_for(shape) - 2 * weights_for(shape, start=5))
    for a, b, blend in zip(one, two, both):
        np.testing.assert_allclose(blend, 3 * a - 2 * b, atol=1e-12 * (1 + np.max(np.abs([a, b]), initial=0)))
    assert not any(g.any() for g in pulled_back(np.zeros))


def test_the_judge_knows_its_calculus():
    x = np.array([0.5, 2.0])
    assert slopes(lambda x: np.sum(np.sin(x) * x**3), x)[0] == pytest.approx(
        np.cos(x) * x**3 + 3 * x**2 * np.sin(x), rel=1e-10
    )


EVERY_RULE = [(f, rule) for f in ROWS for rule in rows()[f].rules if rule]


@pytest.mark.parametrize(("function", "rule"), EVERY_RULE, ids=[f"{name_of(f)}-{rule.name}" for f, rule in EVERY_RULE])
def test_the_judge_catches_any_rule_wrong_by_one_in_a_thousand(function, rule, monkeypatch):
    @settings(phases=[Phase.generate], report_multiple_bugs=False)
    @given(st.data())
    def judged(data):
        call, inputs = data.draw(calls(data.draw(st.sampled_from(SAMPLES[function]))))
        check_first(call, inputs, [True] * len(inputs))

    right = rule.vjp
    monkeypatch.setattr(rule, "vjp", lambda *args: right(*args) * 1.001)
    with pytest.raises(AssertionError, match="gradient of input"):
        judged()


@tg.primitive
def planted(x):
    return np.sin(x)


@tg.primitive
def planted_slope(x):
    return np.cos(x)


def test_the_judge_catches_a_second_derivative_wrong_by_one_in_a_thousand():
    tg.derivative(planted, x=lambda g, x: g * planted_slope(x))
    tg.derivative(planted_slope, x=lambda g, x: -g * np.sin(x) * 1.001)
    check_first(planted, [np.array([0.5, 1.0])], [True])
    with pytest.raises(AssertionError, match="second derivative of input 0"):
        check_second(planted, [np.array([0.5, 1.0])])


@pytest.mark.parametrize("function", [f for f, row in rows().items() if row.is_constant], ids=name_of)
def test_constant_rows_give_numpys_plain_arrays(function):
    x = np.array([[1.5, -2.0], [0.5, 3.0]])
    calls = {np.full_like: [7], np.round: [1], np.searchsorted: [0.5], np.digitize: [[0.0, 1.0]]}
    calls[share_in_quantile] = [np.quantile, 0.5, None, "linear"]
    calls |= {magnitude: [(0, 1)], places_among: [x]}
    t = tg.Tensor(x[0] if function is np.searchsorted else x, requires_grad=True)
    if function is np.einsum_path:
        function = lambda a: np.einsum_path("ij->", a)[1]  # the path itself is a list of unlike things
    calls |= {np.argpartition: [1], np.isin: [0.5], np.unravel_index: [(2, 3)], np.ravel_multi_index: [(6, 6)]}
    whole = isinstance(function, np.ufunc) and not any("d" in types for types in function.types)
    if whole or function in (np.unravel_index, np.ravel_multi_index):
        t = tg.Tensor([[3, 1], [2, 5]])  # bits, divisors and places: for whole numbers only
    takes_two = isinstance(function, np.ufunc) and function.nin == 2
    others = (
        [t]
        if takes_two or function in (np.isclose, np.allclose, np.array_equal, np.array_equiv)
        else calls.get(function, [])
    )
    plain = function(t.data, *[t.data if other is t else other for other in others])
    result = function(t, *others)
    assert type(result) is type(plain)
    if function is not np.empty_like:
        np.testing.assert_array_equal(result, plain)
