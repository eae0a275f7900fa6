"""Every function that NumPy exports, called on Tensors: right, constant, or refused by name; never silently wrong.

Nothing here lists the functions: a NumPy that exports one more has one more test. What has no row is refused.
"""

import types
import warnings

import numpy as np
import pytest

import tinygrad_edu as tg
from benchmarks.breadth_calls import NAMESPACES, PLAIN_ON_PURPOSE, SPECIAL, WITHOUT_ARRAYS, Call, exported
from benchmarks.breadth_judge import dispatches, judge, judge_options, verdict_of
from tinygrad_edu.rules.table import name_of, rows

FUNCTIONS = exported()
every_function = pytest.mark.parametrize("function", FUNCTIONS, ids=FUNCTIONS.get)

# NumPy calls these without asking a Tensor, so no row can help. Each is decided here: it raises, since Tensor.__array__
# does, or gives something plain that no gradient could come back from.
RAISES = {
    "makes a plain array of its argument, which would lose the gradient": "array asanyarray asarray asarray_chkfinite "
    "ascontiguousarray asfortranarray asmatrix bmat require nested_iters",
    "makes an array from numbers, which would lose their gradient": "arange full kaiser",
    "asks for memory that a Tensor does not show": "from_dlpack isfortran",
    "takes a number, whose gradient would be lost": "format_float_positional format_float_scientific",
}
PLAIN = {
    "a question about what the argument is": "isscalar iterable",
}
THROUGH = {"is np.vstack under its old name": "row_stack", "is np.trapezoid under its old name": "trapz"}


def named(groups):
    return {name for names in groups.values() for name in names.split()}


@every_function
def test_is_right_or_constant_or_refused(function):
    verdict = verdict_of(function, FUNCTIONS[function])
    assert verdict.outcome in ("differentiated", "constant", "refused"), (
        f"{verdict.name}: {verdict.outcome}: {verdict.remarks}. "
        "If no call is known, add one to SPECIAL in benchmarks/breadth_calls.py."
    )


@every_function
def test_options_are_right_or_refused(function):
    assert judge_options(function, FUNCTIONS[function]) == []


DISPATCHED = {function: name for function, name in FUNCTIONS.items() if dispatches(function)}


@pytest.mark.parametrize("function", [f for f in DISPATCHED if f not in rows()], ids=FUNCTIONS.get)
def test_without_a_row_it_is_refused_by_name(function):
    verdict = verdict_of(function, FUNCTIONS[function])
    assert verdict.outcome in ("refused", "constant")  # constant: a list of Tensors got past NumPy, and did no harm
    assert any(f"No derivative rule for {name_of(function)}." in remark for remark in verdict.remarks), verdict.remarks


def test_every_function_that_numpy_does_not_dispatch_is_decided():
    decided = named(WITHOUT_ARRAYS) | named(RAISES) | named(PLAIN) | named(THROUGH) | set(PLAIN_ON_PURPOSE)
    others = {name.removeprefix("np.") for function, name in FUNCTIONS.items() if not dispatches(function)}
    assert others - decided == set()


@pytest.mark.parametrize(
    ("name", "outcome"),
    [*((name, "refused") for name in sorted(named(RAISES))), *((name, "constant") for name in sorted(named(PLAIN)))],
)
def test_what_numpy_does_not_dispatch_does_as_decided(name, outcome):
    assert verdict_of(getattr(np, name), f"np.{name}").outcome == outcome


def test_every_recipe_is_of_a_function_of_some_numpy():
    newer = {"matvec", "vecmat", "unstack"}  # not in NumPy 2.0
    known = {name.removeprefix("np.") for name in FUNCTIONS.values()} | newer
    known |= {f"{space.__name__[6:]}.{name}".removeprefix(".") for space in NAMESPACES for name in dir(space)}
    assert SPECIAL.keys() - known == set()


# ---- a NumPy that exports more -----------------------------------------------------------------------------------
def dispatched(implementation):
    """Made as NumPy makes its own functions."""
    from numpy._core.overrides import array_function_dispatch

    return array_function_dispatch(lambda x: (x,), module="numpy")(implementation)


def of_the_future(**functions):
    """A namespace that exports these."""
    namespace = types.ModuleType("numpy")
    vars(namespace).update(functions)
    return exported((namespace,))


def brandnew(x):
    """A function that no row is about."""
    return np.asarray(x) * 2


def test_a_new_function_is_refused_by_name():
    ((function, name),) = of_the_future(brandnew=dispatched(brandnew)).items()
    verdict = verdict_of(function, name)
    assert (verdict.name, verdict.outcome) == ("np.brandnew", "refused")
    assert "No derivative rule for np.brandnew. Add one row" in verdict.remarks[0]


def test_a_new_function_that_no_known_call_suits_is_refused_too():
    from numpy._core.overrides import array_function_dispatch

    @array_function_dispatch(lambda x, /, *, how: (x,), module="numpy")
    def unheard_of(x, /, *, how):
        return x * 2

    assert verdict_of(unheard_of, "np.unheard_of").outcome == "not called"  # which fails the test above, aloud
    with pytest.raises(NotImplementedError, match=r"No derivative rule for np\.unheard_of"):
        unheard_of(tg.Tensor([1.0], requires_grad=True), how=1)


def test_a_new_ufunc_is_refused_by_name():
    function = np.frompyfunc(lambda x: x * 2, 1, 1)
    with pytest.raises(NotImplementedError, match=r"No derivative rule for np\.<lambda> "):
        function(tg.Tensor([1.0], requires_grad=True))
    assert verdict_of(function, "np.planted").outcome == "refused"


def test_a_new_function_that_does_not_dispatch_cannot_be_missed():
    ((function, name),) = of_the_future(plain=lambda x: np.asarray(x) * 2).items()
    assert not dispatches(function)
    assert verdict_of(function, name).outcome == "refused"  # by Tensor.__array__


# ---- the judge is itself judged ----------------------------------------------------------------------------------
@tg.primitive
def planted(x):
    return np.sin(x)


@tg.primitive
def planted_slope(x):
    return np.cos(x)


@pytest.mark.parametrize("factor", [1.001, -1.0, 0.0])
def test_the_judge_catches_a_wrong_gradient(factor):
    tg.derivative(planted, x=lambda g, x: g * np.cos(x) * factor)
    verdict = verdict_of(planted, "np.planted")
    assert verdict.outcome == "wrong"
    assert any("where the slope is" in remark for remark in verdict.remarks)


def test_the_judge_catches_a_wrong_second_derivative():
    tg.derivative(planted, x=lambda g, x: g * planted_slope(x))
    tg.derivative(planted_slope, x=lambda g, x: g * np.sin(x) * -1.001)
    verdict = verdict_of(planted, "np.planted")
    assert verdict.outcome == "wrong"
    assert any("second derivative" in remark for remark in verdict.remarks)


@pytest.mark.parametrize(
    ("wrong", "remark"),
    [
        (lambda x: np.sin(getattr(x, "data", x)), "silently detached"),
        (lambda x: x.data.astype(object) if isinstance(x, tg.Tensor) else np.sin(x), "an object array"),
        (lambda x: np.sin(x) * (1 + 1e-12) if isinstance(x, tg.Tensor) else np.sin(x), "another result than NumPy's"),
        (lambda x: [np.sin(x)] * 2 if isinstance(x, tg.Tensor) else np.sin(x), "2 results instead of 1"),
    ],
    ids=["detached", "object", "inexact", "twice"],
)
def test_the_judge_catches_a_wrong_result(wrong, remark):
    call = Call(lambda f, x: f(x), (np.array([0.5, 1.0]),))
    outcome, _, said = judge(wrong, call, (True,))
    assert outcome == "wrong"
    assert remark in said


# ---- what is exported but is no function, and the methods of plain arrays ----------------------------------------
OTHERS = {
    "np.r_": lambda t: np.r_[t, 1.0],
    "np.c_": lambda t: np.c_[t, t],
    "np.vectorize": lambda t: np.vectorize(np.sin)(t),
    "np.ndenumerate": lambda t: list(np.ndenumerate(t)),
    "np.nditer": lambda t: list(np.nditer(t)),
    "np.broadcast": lambda t: np.broadcast(t, t),
    "np.matrix": lambda t: np.matrix(t),
    "np.ma.array": lambda t: np.ma.array(t),
    "np.random": lambda t: np.random.default_rng(0).normal(t),
    "a list of numbers": lambda t: np.array([t[0], 1.0]),
    "a list of numbers, as float": lambda t: np.array([t[0], t[1]], dtype=float),
    "a list of arrays": lambda t: np.array([t, t]),
    "a list where an array is asked for": lambda t: np.sin([t[0], 1.0]),
    "an array's dot": lambda t: np.ones(2).dot(t),
    "an array's put": lambda t: np.ones(2).put([0], t[0]),
    "an array's entries": lambda t: np.ones(2).__setitem__(slice(None), t),
    "an array's index": lambda t: np.ones(2)[t],
    "np.add.at": lambda t: np.add.at(np.ones(2), [0], t[0]),
}


@pytest.mark.parametrize("use", OTHERS.values(), ids=OTHERS)
def test_others_raise(use):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)  # np.matrix
        with pytest.raises((TypeError, NotImplementedError)):
            use(tg.Tensor([0.25, 0.75], requires_grad=True))


# NumPy takes these numbers by float(t), which gives the number alone.
BY_FLOAT = {
    "np.sum(initial)": lambda t: np.sum(np.ones(2), initial=t[0]),
    "np.prod(initial)": lambda t: np.prod(np.ones(2), initial=t[0]),
    "np.max(initial)": lambda t: np.max(np.zeros(2), initial=t[0]),
    "np.add.reduce(initial)": lambda t: np.add.reduce(np.ones(2), initial=t[0]),
    "a[0] = t[0]": lambda t: np.ones(2).__setitem__(0, t[0]),
    "a.fill(t[0])": lambda t: np.ones(2).fill(t[0]),
}


@pytest.mark.parametrize("use", BY_FLOAT.values(), ids=BY_FLOAT)
def test_numbers_taken_by_float_raise(use):
    with pytest.raises((TypeError, ValueError)):  # NumPy makes a ValueError of some
        use(tg.Tensor([0.25, 0.75], requires_grad=True))


OUT = {
    "np.fix": lambda out: np.fix(np.ones(2), out=out),
    "np.round": lambda out: np.round(np.ones(2), 1, out=out),
    "np.isneginf": lambda out: np.isneginf(np.ones(2), out=out),
    "np.all": lambda out: np.all(np.ones((2, 2)), axis=0, out=out),
    "np.sum": lambda out: np.sum(np.ones((2, 2)), axis=0, out=out),
    "np.floor": lambda out: np.floor(np.ones(2), out=out),
    "np.sin": lambda out: np.sin(np.ones(2), out=out),
}


@pytest.mark.parametrize("write", OUT.values(), ids=OUT)
def test_nothing_writes_into_a_tensor(write):
    t = tg.Tensor([0.25, 0.75], requires_grad=True)
    with pytest.raises(TypeError, match="out"):
        write(t)
    assert t.data.tolist() == [0.25, 0.75]
