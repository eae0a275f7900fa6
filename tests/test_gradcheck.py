"""The checker is itself checked: planted errors must be caught and named, correct but awkward functions let through."""

from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.gradcheck.kinks import distance_to_hull, groups

rng = np.random.default_rng(7)
square = rng.normal(size=(3, 3))
other = rng.normal(size=(3, 3))
batch = rng.normal(size=(4, 3))
bias = rng.normal(size=3)
vector = np.array([0.3, -1.2, 2.0])
positive = np.array([0.5, 1.5, 3.0])


def planted(forward: Any, **rules: Any) -> Any:
    """A function like any other of the engine, but with the given rules."""
    function = tg.primitive(forward)
    tg.derivative(function, **rules)
    return function


def softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def scatter_overwriting(g: Any, x: Any) -> Any:
    total = np.zeros(x.shape)
    total[[0, 0, 2]] = g
    return total


def one_entry_wrong(g: Any, x: Any) -> Any:
    wrong = np.ones_like(x)
    wrong[2, 1] = 1.001
    return g * 2 * x * wrong


buffer = np.empty(3)


def into_a_buffer(g: Any, x: Any) -> Any:
    return np.multiply(g, 2 * x, out=buffer)


first_answer: list[Any] = []


def remembered(g: Any, x: Any) -> Any:
    first_answer.append(g * 2 * x)
    return first_answer[0] + 0


def doubling_its_g(g: Any, x: Any) -> Any:
    g *= 2
    return g * x


noise = np.random.default_rng(0)


def overwriting_its_input(x: Any) -> Any:
    y = x * 2
    x += 1e-3
    return y


# name: (function, inputs, the input that must be named or a word that the failure must contain)
PLANTED: dict[str, tuple[Any, tuple[Any, ...], str]] = {
    "wrong by 0.05 %": (planted(lambda x: np.exp(x), x=lambda g, out: g * out * 1.0005), (vector,), "x["),
    "wrong by one in 10⁸": (planted(lambda x: np.sin(x), x=lambda g, x: g * np.cos(x) * (1 + 1e-8)), (vector,), "x["),
    "in float32": (
        planted(lambda x: np.sin(x), x=lambda g, x: (g * np.cos(x)).astype(np.float32)),
        (vector,),
        "x[",
    ),
    "float32 input, wrong by 0.1 %": (
        planted(lambda x: np.sin(x), x=lambda g, x: g * np.cos(x) * 1.001),
        (vector.astype(np.float32),),
        "x[",
    ),
    "forgotten unbroadcast": (planted(lambda x, b: x + b, x=lambda g: g, b=lambda g: g[0]), (batch, bias), "b["),
    "= for +=": (planted(lambda x: x[[0, 0, 2]], x=scatter_overwriting), (vector,), "x[0]"),
    "swapped transpose": (
        planted(lambda a, b: a @ b, a=lambda g, b: g @ b, b=lambda g, a: a.T @ g),
        (square, other),
        "a[",
    ),
    "swapped factors": (planted(lambda a, b: a * b, a=lambda g, a: g * a, b=lambda g, a: g * a), (square, other), "a["),
    "wrong sign": (planted(lambda a, b: a - b, a=lambda g: g, b=lambda g: g), (vector, positive), "b["),
    "missing 1/n": (
        planted(lambda x: np.mean(x), x=lambda g, x: np.broadcast_to(g, x.shape)),
        (vector,),
        "x[",
    ),
    "1/n for 1/(n − 1)": (
        planted(lambda x: np.var(x, ddof=1), x=lambda g, x: g * 2 * (x - np.mean(x)) / x.size),
        (vector,),
        "x[",
    ),
    "NaN": (planted(lambda x: x * 2, x=lambda g, x: g * np.where(x > 1, np.nan, 2)), (vector,), "x[2]"),
    "infinite": (planted(lambda x: x * 2, x=lambda g, x: g * np.where(x > 1, np.inf, 2)), (vector,), "x[2]"),
    "a buffer used again": (planted(lambda x: x * x, x=into_a_buffer), (vector,), "memory"),
    "the first answer for ever": (planted(lambda x: x * x, x=remembered), (vector,), "zero seed"),
    "an input forgotten": (
        planted(lambda a, b: a * b, a=lambda g, b: g * b, b=lambda g: g * 0),
        (vector, positive),
        "b[",
    ),
    "detached on the way": (lambda x: x * x.detach(), (vector,), "x["),
    "one entry": (planted(lambda x: x * x, x=one_entry_wrong), (square,), "x[2, 1]"),
    "negative inputs only": (
        planted(lambda x: np.where(x > 0, x, 0.01 * x), x=lambda g, x: np.where(x > 0, g, 0.1 * g)),
        (vector,),
        "x[1]",
    ),
    "large inputs only": (planted(lambda x: np.exp(x), x=lambda g, out: g * np.minimum(out, 5)), (vector,), "x[2]"),
    "a constant added": (planted(lambda x: x * x, x=lambda g, x: g * 2 * x + 1e-13), (vector,), "zero seed"),
    "squared in the seed": (planted(lambda x: x * 1.0, x=lambda g, x: g * g), (vector,), "linear"),
    "absolute in the seed": (planted(lambda x: x * 1.0, x=lambda g, x: np.abs(g)), (vector,), "linear"),
    "mixing the seed's entries by size": (
        planted(lambda x: x * 1.0, x=lambda g: g + 1e-3 * np.sort(g)),
        (vector,),
        "linear",
    ),
    "clipping large gradients": (planted(lambda x: x * 3, x=lambda g: np.clip(g * 3, -100, 100)), (vector,), "linear"),
    "dropping small gradients": (planted(lambda x: x * 3, x=lambda g: g * 3 * (np.abs(g) > 1e-6)), (vector,), "linear"),
    "dropping small gradients in float32": (
        planted(lambda x: x * 3, x=lambda g: g * 3 * (np.abs(g) > 1e-3)),
        (vector.astype(np.float32),),
        "linear",
    ),
    "kink beyond its slopes, on a steep slope": (
        planted(lambda x: tg.relu(x) + 1e4 * x, x=lambda g, x: g * (1e4 + (x > 0) + 5 * (x == 0))),
        (np.zeros(1),),
        "x[0]",
    ),
    "changing the seed": (planted(lambda x: x * x, x=doubling_its_g), (vector,), "seed"),
    "changing its input": (planted(overwriting_its_input, x=lambda g: g * 2), (vector,), "changed"),
    "random forward": (planted(lambda x: x + noise.normal(), x=lambda g: g), (vector,), "different results"),
    "random backward": (planted(lambda x: x * 1.0, x=lambda g: g * noise.normal()), (vector,), "different gradients"),
    "softmax without its second term": (planted(softmax, x=lambda g, out: g * out), (square,), "x["),
    "softmax along the wrong axis": (
        planted(softmax, x=lambda g, out: out * (g - np.sum(g * out, axis=0, keepdims=True))),
        (square,),
        "x[",
    ),
    "kink beyond its slopes": (
        planted(tg.relu, x=lambda g, x: g * np.where(x == 0, 1.5, x > 0)),
        (np.zeros(1),),
        "x[0]",
    ),
    "tie: everybody gets all": (
        planted(lambda x: np.max(x), x=lambda g, x, out: g * (x == out)),
        (np.array([1.0, 1.0, 0.0]),),
        "x[",
    ),
    "tie: nobody gets any": (
        planted(lambda a, b: np.maximum(a, b), a=lambda g, a, b: g * (a > b), b=lambda g, a, b: g * (b > a)),
        (np.array([1.0]), np.array([1.0])),
        "[0]",
    ),
    "right on the kink, wrong beside it": (
        planted(lambda x: np.abs(x), x=lambda g, x: g * np.sign(x) * np.where(np.abs(x) < 0.01, -1, 1)),
        (np.zeros(1),),
        "x[0]",
    ),
    "small functions": (planted(lambda x: 1e-6 * x**2, x=lambda g: g * 0), (np.array([1e-3]),), "x[0]"),
    "logarithm shifted by an epsilon": (planted(lambda x: np.log(x), x=lambda g, x: g / (x + 1e-7)), (positive,), "x["),
    "exponent not lowered": (planted(lambda x: x**3, x=lambda g, x: g * 3 * x**3), (positive,), "x["),
    "clip passes what it cut": (planted(lambda x: np.clip(x, -1, 1), x=lambda g: g), (vector,), "x["),
    "rows read as columns": (
        planted(lambda x: np.reshape(x, (3, 4)), x=lambda g: np.reshape(g, (4, 3), order="F")),
        (batch,),
        "x[",
    ),
    "slice off by one": (
        planted(lambda x: x[1:], x=lambda g: np.concatenate([g, [0.0]])),
        (vector,),
        "x[",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_error_is_caught_and_named(name: str) -> None:
    f, inputs, named = PLANTED[name]
    report = tg.gradcheck(f, *(np.array(x) for x in inputs))
    assert not report
    if "[" in named:
        assert named in str(report.worst)
        assert report.worst is not None
        assert report.worst.verdict == "mismatch"
    else:
        assert named in " ".join(report.failures)
    assert named in str(report)


def test_there_are_enough_planted_errors() -> None:
    assert len(PLANTED) >= 25


ties = np.array([1.0, 1.0, 1.0, 0.0])
AWKWARD: dict[str, tuple[Any, ...]] = {
    "relu at its kink": (tg.relu, np.zeros(4)),
    "abs at 0": (np.abs, np.array([0.0, -1.0, 2.0])),
    "maximum against a constant, tied": (lambda x: np.maximum(x, 1.0), np.array([1.0, 2.0])),
    "three tied for the maximum": (np.max, ties),
    "tied columns": (lambda x: np.min(x, axis=0), np.ones((3, 4))),
    "max pooling over a flat picture": (lambda x: np.max(np.reshape(x, (4, 4)), axis=1), np.zeros(16)),
    "two inputs tied": (np.maximum, np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 5.0])),
    "max of a relu, all at 0": (lambda x: np.maximum(tg.relu(x[0]), x[1]), np.zeros(2)),
    "clip at its bounds": (lambda x: np.clip(x, -1, 1), np.array([-1.0, 1.0, 0.0, 2.0])),
    "std where all are equal": (np.std, np.full(4, 3.0)),
    "nine tied for the maximum": (np.max, np.ones(9)),
    "twenty tied for the maximum": (np.max, np.ones(20)),
    "rows of ten tied": (lambda x: np.max(x, axis=1), np.zeros((4, 10))),
    "sixty kinks": (lambda x: np.concatenate([tg.relu(x[:30]), np.maximum(x[30:], 0)]), np.zeros(60)),
    "crossed minimum of a relu": (lambda x: np.minimum(x, tg.relu(x[::-1])), np.zeros(2)),
    "kink on a steep slope": (lambda x: tg.relu(x) + 1e4 * x, np.zeros(2)),
    "kinks hardly larger than rtol": (
        lambda x: x + np.array([1e-10, 5e-10, 2e-9, 3e-9, 9e-9, 2e-8]) * tg.relu(x),
        np.zeros(6),
    ),
    "sine over x near 0": (lambda x: np.sin(x) / x, np.array([1e-4])),
    "exponential minus one over x near 0": (lambda x: (np.exp(x) - 1) / x, np.array([1e-4])),
    "variance as a difference of means": (lambda x: np.mean(x**2) - np.mean(x) ** 2, 1e4 + rng.normal(size=5)),
    "close to a kink": (lambda x: np.abs(x - 1), 1 + np.array([1e-3, 1e-5, 1e-6, 1e-9, 1e-12])),
    "relu squared": (lambda x: tg.relu(x) ** 2, np.array([0.0, 1.0, -1.0])),
    "tiny scale": (lambda x: 1e-6 * x**2, np.array([0.0, 1e-3, 1.0, 1e-100])),
    "huge scale": (lambda x: x**2, np.array([1e100, 1e150, -1e-150])),
    "logarithm from 1e-300 to 1e300": (np.log, np.array([1e-8, 1e-300, 1.0, 1e300])),
    "exponential to its ends": (np.exp, np.array([-700.0, 0.0, 700.0, 30.0])),
    "square root from near 0": (np.sqrt, np.array([1e-12, 1.0, 1e12])),
    "steep": (lambda x: np.tanh(1e4 * x), np.array([0.0, 1e-5, 0.3])),
    "fast": (lambda x: np.sin(1000 * x), np.array([0.3, 1.0, 20.0])),
    "saturated": (np.tanh, np.array([1.0, 5.0, 10.0, 15.0, 19.0, 25.0, -25.0])),
    "saturated sigmoid": (tg.sigmoid, np.array([1000.0, 0.0, -1000.0, 30.0, -30.0, 40.0, 36.5])),
    "softplus far out": (tg.softplus, np.array([1000.0, -1000.0, 0.0, 40.0, -40.0])),
    "log-softmax of large logits": (tg.log_softmax, np.array([1000.0, 0.0, -1000.0, 3.0])),
    "logsumexp of large logits": (tg.logsumexp, np.array([1000.0, 0.0, -1000.0, 999.0])),
    "variance of 1e8 ± 1": (np.var, 1e8 + rng.normal(size=4)),
    "cancellation": (lambda x: (x + 1e6) - 1e6, np.array([0.3, 2.0])),
    "one minus cosine": (lambda x: 1 - np.cos(x), np.array([1e-3, 0.1, 1.0])),
    "one minus cosine near 0": (lambda x: 1 - np.cos(x), np.array([1e-5, 1e-6, 1e-7])),
    "one over x near 0": (lambda x: 1 / x, np.array([1e-9, 1e-6])),
    "almost constant": (lambda x: np.sum(1 + 1e-12 * x), np.array([0.3, 1.0])),
    "constant": (lambda x: x * 0 + 3, np.array([0.3, 2.0])),
    "piecewise constant": (lambda x: x * 0 + np.floor(x), np.array([0.3, 2.5])),
    "does not use all of its inputs": (lambda x, y: np.sum(x), vector, positive),
    "powers": (lambda x, y: x**y, np.array([1e-3, 1.0, 12.0]), np.array([0.3, -2.0, 2.5])),
    "unselected logarithm": (lambda x: np.where(x > 0, np.log(np.where(x > 0, x, 1)), 0 * x), np.array([0.5, -2.0])),
    "float32": (lambda a, b: np.tanh(a @ b), square.astype(np.float32), other.astype(np.float32)),
    "float32 softmax": (tg.softmax, (3 * square).astype(np.float32)),
    "empty": (np.sum, np.zeros((0, 3))),
    "a single number": (lambda x: x * x, 3.0),
    "batched product": (np.matmul, rng.normal(size=(2, 3, 4)), rng.normal(size=(4, 2))),
}


@pytest.mark.parametrize("name", AWKWARD)
def test_correct_but_awkward_function_passes(name: str) -> None:
    f, *inputs = AWKWARD[name]
    report = tg.gradcheck(f, *inputs)
    assert report, str(report)
    assert len(report.entries) == sum(np.size(x) for x in inputs)


def test_kink_is_reported_with_both_slopes() -> None:
    report = tg.gradcheck(tg.relu, np.array([0.0, 1.0]), seed=1.0)
    assert report.counts == {"agree": 1, "kink": 1, "mismatch": 0, "inconclusive": 0}
    kink = report.entries[0]
    assert (kink.left, kink.analytic, kink.right) == pytest.approx((0, 0, 1), abs=1e-12)
    assert "between 0 and 1" in str(report)


def test_relu_cannot_replace_the_identity_at_its_kink() -> None:
    """relu(x) − relu(−x) is x, with slope 1 everywhere; the rule "slope 0 at the kink" gives 0 there."""
    report = tg.gradcheck(lambda x: tg.relu(x) - tg.relu(-x), np.array([0.0]))
    assert report.counts["mismatch"] == 1


def test_jump_is_inconclusive_and_counts_as_failure() -> None:
    report = tg.gradcheck(lambda x: x * 0 + np.floor(x), np.array([1.0]))
    assert not report
    assert report.counts["inconclusive"] == 1


def test_module_parameters_are_named_and_left_as_they_were() -> None:
    model = tg.nn.Sequential(tg.nn.Linear(4, 3, rng=0), tg.nn.Tanh(), tg.nn.Linear(3, 4, rng=1))
    x, y = rng.normal(size=(5, 4)), rng.normal(size=(5, 4))
    before = [p.data.copy() for p in model.parameters()]
    kept = np.full((4, 3), 7.0)
    model[0].weight.grad = kept
    report = tg.gradcheck(lambda x: tg.nn.mse_loss(model(x), y), x, wrt=model)
    assert report.counts["agree"] == 31
    assert {e.name for e in report.entries} == {"0.weight", "0.bias", "2.weight", "2.bias"}
    assert model[0].weight.grad is kept
    assert all(np.array_equal(p.data, b) for p, b in zip(model.parameters(), before))
    assert model[0].weight.data.base is model[2].bias.data.base


def test_wrt_takes_tensors_lists_and_dicts() -> None:
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    f = lambda x: np.sum(w * w * x)
    for wrt, name in [(w, "wrt[0]"), ([w], "wrt[0]"), ({"w": w}, "w")]:
        report = tg.gradcheck(f, np.array([3.0, 4.0]), wrt=wrt)
        assert report
        assert report.entries[0].name == name


def test_linear_function_is_measured_to_the_last_digits() -> None:
    report = tg.gradcheck(lambda x: 3 * x, np.array([0.7]), seed=[1.0])
    assert report.entries[0].numeric == pytest.approx(3, rel=1e-14)
    assert report.entries[0].error < 1e-12


def test_entries_that_do_not_matter_are_exactly_zero_not_missing() -> None:
    report = tg.gradcheck(lambda x: x[:1] * 2, np.array([1.0, 5.0]))
    assert report
    assert report.entries[1].analytic == 0


def test_user_rtol_is_respected() -> None:
    wrong = planted(lambda x: np.sin(x), x=lambda g, x: g * np.cos(x) * 1.001)
    assert not tg.gradcheck(wrong, vector, rtol=1e-4)
    assert tg.gradcheck(wrong, vector, rtol=1e-2)


def test_rtol_zero_leaves_only_the_error_of_the_measurement() -> None:
    wrong = planted(lambda x: np.sin(x), x=lambda g, x: g * np.cos(x) * (1 + 1e-10))
    assert not tg.gradcheck(wrong, vector, rtol=0)
    assert tg.gradcheck(wrong, vector)
    assert tg.gradcheck(lambda x: 3 * x, vector, rtol=0)


def test_leaves_that_are_not_checked_keep_their_gradients() -> None:
    w = tg.Tensor([2.0], requires_grad=True)
    w.grad = kept = np.array([5.0])
    w.node.used = True
    assert tg.gradcheck(lambda x: x * w, np.array([1.0]))
    assert w.grad is kept
    assert np.array_equal(kept, [5.0])
    assert w.node.used
    model = tg.nn.Linear(2, 2, rng=0)
    assert tg.gradcheck(lambda x: model(x), np.ones((1, 2)))
    assert model.weight.grad is None


def test_the_same_tensor_twice_is_checked_once() -> None:
    t = tg.Tensor([1.0, 2.0], requires_grad=True)
    report = tg.gradcheck(lambda a, b: a * b, t, t)
    assert report
    assert [str(entry) for entry in report.entries] == ["a[0]", "a[1]"]


def test_no_grad_around_it_does_not_matter() -> None:
    with tg.no_grad():
        assert tg.gradcheck(np.sin, vector)


@pytest.mark.parametrize(
    ("point", "distance"),
    [
        ((0.3, 0.2), 0.0),  # on an edge
        ((0.6, 0.4), 0.0),  # a corner
        ((0.7, 0.3), 0.0),  # on another edge
        ((0.5, 0.3), 0.0),  # inside
        ((0.0, 0.0), 0.24 / np.hypot(0.6, 0.4)),  # outside, nearest to an edge
        ((1.3, -0.4), 0.5),  # outside, nearest to a corner
    ],
)
def test_distance_to_hull(point: Any, distance: float) -> None:
    corners = np.array([[0.6, 0], [0, 0.4], [1, 0], [0, 1], [0.6, 0.4]])
    assert distance_to_hull(np.array(point), corners) == pytest.approx(distance, abs=1e-12)


def test_mixtures_are_in_the_hull() -> None:
    for _ in range(100):
        n, m = rng.integers(1, 12), rng.integers(1, 8)
        corners = rng.integers(-2, 3, (n, m)).astype(float)
        assert distance_to_hull(rng.dirichlet(np.ones(n)) @ corners, corners) < 1e-10


def test_pairs_are_found_among_many_kinks() -> None:
    f = lambda d: np.concatenate([np.abs(d[:60]), np.maximum(d[60:70], d[70:])])
    found = groups(f, np.ones(80))
    assert found == [[i] for i in range(60)] + [[i, i + 10] for i in range(60, 70)]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: tg.gradcheck(np.sin, vector, rtol=np.nan), "relative tolerance"),
        (lambda: tg.gradcheck(np.sin, vector, rtol=-1e-9), "relative tolerance"),
        (lambda: tg.gradcheck(np.sin, vector, rtol=1), "relative tolerance"),
        (lambda: tg.gradcheck(np.sin, vector, seed=0), "not all of them 0"),
        (lambda: tg.gradcheck(np.sin, vector, seed=[1, np.inf, 1]), "finite numbers"),
        (lambda: tg.gradcheck(lambda x: np.sin(x), np.array([[1, np.inf]])), r"x\[0, 1\] is inf"),
        (lambda: tg.gradcheck(lambda x: np.sin(x), np.nan), "x is nan"),
    ],
)
def test_impossible_numbers_are_refused(call: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: tg.gradcheck(lambda x: x.data, vector), "not a Tensor"),
        (lambda: tg.gradcheck(lambda n: n, 3), "nothing to check"),
        (lambda: tg.gradcheck(lambda x: x, vector, wrt=[tg.Tensor(1.0)]), "requires_grad=True"),
        (lambda: tg.gradcheck(lambda x: x, tg.Tensor([1j], requires_grad=True)), "real floats"),
    ],
)
def test_what_cannot_be_checked_is_refused(call: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        call()
