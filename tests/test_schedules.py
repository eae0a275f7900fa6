"""Schedules against their published formulas, step by step, and an optimizer that follows them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.optim import SGD, Adam, schedules
from tinygrad_edu.optim.schedules import ReduceOnPlateau, cosine, exponential, one_cycle, step_decay, warmup

STEPS = range(25)


def sgdr(t, lr, lowest, period):
    """Loshchilov and Hutter (2017), equation 5, with T_cur counted from the last restart."""
    return lowest + 0.5 * (lr - lowest) * (1 + math.cos(math.pi * (t % period) / period))


def cycle(t, peak, steps, rise, start, end):
    """Smith and Topin's cycle, phase by phase, each a half cosine instead of a straight line."""
    top, last = rise * (steps - 1), steps - 1
    if t < top:
        return peak * start + peak * (1 - start) * (1 - math.cos(math.pi * t / top)) / 2
    if t >= last:
        return peak * end
    return peak * end + peak * (1 - end) * (1 + math.cos(math.pi * (t - top) / (last - top))) / 2


EXAMPLES = {
    "constant": (schedules.constant(0.3), lambda t: 0.3),
    "step_decay": (step_decay(0.3, every=4, factor=0.5), lambda t: 0.3 * math.prod([0.5] * (t // 4))),
    "exponential": (exponential(0.3, 0.9), lambda t: 0.3 * math.prod([0.9] * t)),
    "cosine": (cosine(0.3, 10, lowest=0.1), lambda t: sgdr(t, 0.3, 0.1, 10) if t < 10 else 0.1),
    "restarts": (cosine(0.3, 10, lowest=0.1, restarts=True), lambda t: sgdr(t, 0.3, 0.1, 10)),
    "warmup": (warmup(0.3, 4), lambda t: 0.3 * min(t + 1, 5) / 5),
    "warmup, then": (
        warmup(cosine(0.3, 10), 4),
        lambda t: 0.3 * (t + 1) / 5 if t < 4 else sgdr(t - 4, 0.3, 0, 10) if t < 14 else 0,
    ),
    "one_cycle": (one_cycle(0.3, 20), lambda t: cycle(t, 0.3, 20, 0.3, 1 / 25, 1e-4 / 25)),
    "one_cycle, even": (one_cycle(0.3, 21, rise=0.5, start=0.1), lambda t: cycle(t, 0.3, 21, 0.5, 0.1, 1e-4 / 25)),
    "one_cycle, short": (one_cycle(0.3, 1, start=0.1), lambda t: 0.03 if t == 0 else 0.3 * 1e-4 / 25),
    "plateau": (ReduceOnPlateau(exponential(0.3, 0.9)), lambda t: 0.3 * math.prod([0.9] * t)),
}
every_example = pytest.mark.parametrize("name", EXAMPLES)


@every_example
def test_a_schedule_is_its_formula(name):
    schedule, formula = EXAMPLES[name]
    expected = [formula(t) for t in STEPS]
    np.testing.assert_allclose([schedule(t) for t in STEPS], expected, rtol=1e-12, atol=1e-17)
    np.testing.assert_allclose([schedule(np.array(t)) for t in STEPS], expected, rtol=1e-12, atol=1e-17)
    np.testing.assert_allclose(schedule(np.array(STEPS)), expected, rtol=1e-12, atol=1e-17)


@every_example
def test_no_schedule_branches_on_the_step(name):
    """What a compiled step needs: an object that only knows NumPy's protocols, and no value, passes through."""

    class Symbol(np.lib.mixins.NDArrayOperatorsMixin):
        __array_priority__ = 1

        def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
            assert not kwargs
            return Symbol()

        def __array_function__(self, function, types, args, kwargs):
            assert function is np.where
            return Symbol()

        def __bool__(self):
            raise AssertionError("a branch")

        __float__ = __int__ = __index__ = __len__ = __array__ = __bool__

    assert isinstance(EXAMPLES[name][0](Symbol()), Symbol)


@given(
    lr=st.floats(1e-6, 10),
    lowest=st.floats(0, 1e-6),
    steps=st.integers(1, 50),
    warm=st.integers(1, 20),
    restarts=st.booleans(),
)
def test_rates_stay_between_the_lowest_and_the_highest(lr, lowest, steps, warm, restarts):
    t = np.arange(200)
    for schedule in (cosine(lr, steps, lowest, restarts), one_cycle(lr, steps, end=0)):
        rates = schedule(t)
        assert np.all(rates >= 0)
        assert np.all(rates <= lr * (1 + 1e-12))
        warmed = warmup(schedule, warm)(t)
        np.testing.assert_allclose(warmed[warm:], rates[: 200 - warm], rtol=1e-12)
        assert np.all(np.diff(warmed[: warm + 1]) >= 0)


@pytest.mark.parametrize("make", [SGD, Adam])
@every_example
def test_an_optimizer_takes_the_rate_of_its_step(make, name):
    schedule, formula = EXAMPLES[name]
    w, v = (tg.Tensor([1.0, -2.0], requires_grad=True) for _ in range(2))
    following, told = make([w], lr=schedule), make([v], lr=1.0)
    for t in STEPS:
        for parameter in (w, v):
            parameter.grad = np.array([0.5, t - 3.0])
        told.lr = formula(t)
        following.step()
        told.step()
        assert following.lr == pytest.approx(formula(t), rel=1e-12, abs=1e-17)
        np.testing.assert_allclose(w.data, v.data, rtol=1e-12)


def test_groups_follow_schedules_of_their_own():
    w, b = (tg.Tensor([0.0], requires_grad=True) for _ in range(2))
    optimizer = SGD([{"params": [w], "lr": lambda step: 1.0 + step}, {"params": [b]}], lr=0.5)
    for _ in range(3):
        w.grad = b.grad = np.array([1.0])
        optimizer.step()
    assert (w.item(), b.item()) == (-6.0, -1.5)
    optimizer.param_groups[1]["lr"] = lambda step: 0.25 * step  # the steps go on where they are
    optimizer.step()
    assert (w.item(), b.item()) == (-10.0, -2.25)


def test_a_schedule_may_end_and_a_number_take_over():
    w = tg.Tensor([0.0], requires_grad=True)
    optimizer = SGD([w], lr=exponential(1.0, 0.5))
    w.grad = np.array([1.0])
    optimizer.step()
    optimizer.lr = 0.25
    optimizer.step()
    assert w.item() == -1.25


@pytest.mark.parametrize("rate", [-0.1, float("nan"), np.array(np.inf), -1])
def test_a_schedule_that_gives_no_rate_is_refused_before_anything_moves(rate):
    w = tg.Tensor([1.0], requires_grad=True)
    optimizer = SGD([w], lr=lambda step: 0.1 if step < 1 else rate)
    w.grad = np.array([1.0])
    optimizer.step()
    with pytest.raises(ValueError, match=r"lr=.* is out of range"):
        optimizer.step()
    assert w.item() == 0.9


@pytest.mark.parametrize("rate", [None, "0.5", True, 1j, np.ones(2), tg.Tensor(0.1)])
def test_a_schedule_that_gives_no_number_is_refused_before_anything_moves(rate):
    w = tg.Tensor([1.0], requires_grad=True)
    optimizer = SGD([w], lr=lambda step: 0.1 if step < 1 else rate)
    w.grad = np.array([1.0])
    optimizer.step()
    with pytest.raises(TypeError, match=r"at step 1 the schedule's lr=.* is not a number"):
        optimizer.step()
    assert w.item() == 0.9


@pytest.mark.parametrize(("rate", "error"), [(None, TypeError), (-1.0, ValueError)])
def test_a_schedule_that_is_refused_is_not_in_force(rate, error):
    optimizer = SGD([tg.Tensor([1.0], requires_grad=True)], lr=0.1)
    with pytest.raises(error, match="at step 0 the schedule's lr="):
        optimizer.lr = lambda step: rate
    assert optimizer.lr == optimizer.param_groups[0]["lr"] == 0.1


def test_a_schedule_is_asked_with_plain_numbers():
    """It may keep them, and compute with them as Python does: 10 to the power of a negative array entry is refused."""
    w = tg.Tensor([1.0], requires_grad=True)
    w.grad = np.array([1.0])
    asked = []

    def schedule(step):
        asked.append(step)
        return 0.1 * 10 ** -(step // 2)

    optimizer = SGD([w], lr=schedule)
    rates = []
    for _ in range(4):
        optimizer.step()
        rates.append(optimizer.lr)
    assert asked == [0, 0, 1, 2, 3]  # once when it is made
    assert {type(step) for step in asked} == {int}
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01])


# ---- reduce on plateau -----------------------------------------------------------------------------------------------
def test_a_plateau_cuts_the_rate():
    """Worked out by hand: patience 1 bears one report without progress, the second one cuts, to 0.25 at the lowest."""
    schedule = ReduceOnPlateau(0.8, factor=0.5, patience=1, lowest=0.25)
    losses = [3.0, 2.0, 2.0, 2.0, 2.0, 1.9999, 1.0, 1.0, 1.0, float("nan"), 1.0, 1.0]
    rates = [0.8, 0.8, 0.8, 0.4, 0.4, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25]
    for loss, rate in zip(losses, rates):
        schedule.report(loss)
        assert schedule(0) == pytest.approx(rate), loss


def test_a_plateau_never_raises_a_rate():
    """Where the schedule itself is below `lowest`, that is the rate."""
    schedule = ReduceOnPlateau(exponential(1.0, 0.5), factor=0.5, patience=0, lowest=0.3)
    np.testing.assert_allclose(schedule(np.arange(4)), [1, 0.5, 0.25, 0.125])
    schedule.report(1.0)
    schedule.report(1.0)
    np.testing.assert_allclose(schedule(np.arange(4)), [0.5, 0.3, 0.25, 0.125])


@pytest.mark.parametrize("losses", [[-1.0, -2.0, -3.0], [1.0, 0.0, -1.0], [tg.Tensor(2.0), np.float32(1), 0]])
def test_losses_that_fall_cut_nothing(losses):
    schedule = ReduceOnPlateau(0.8, patience=0)
    for loss in losses:
        schedule.report(loss)
    assert schedule(0) == 0.8


def test_a_tiny_gain_is_no_progress():
    schedule = ReduceOnPlateau(1.0, factor=0.5, patience=0, threshold=0.1)
    for loss, rate in [(10.0, 1.0), (9.5, 0.5), (8.9, 0.5), (8.9, 0.25)]:
        schedule.report(loss)
        assert schedule(0) == rate


def test_a_plateau_is_saved_with_the_optimizer():
    def begin():
        w = tg.Tensor([1.0], requires_grad=True)
        w.grad = np.array([0.1])
        return SGD([w], lr=ReduceOnPlateau(warmup(0.8, 3), factor=0.5, patience=1)), w

    (one, w), (other, v) = begin(), begin()
    plateau = one.param_groups[0]["lr"]
    for loss in (2.0, 2.0, 2.0, 2.0):
        one.step()
        plateau.report(loss)
    state = one.state_dict()
    assert {"groups.0.schedule.share", "groups.0.schedule.best", "groups.0.schedule.waited"} < state.keys()
    v.data = w.data
    other.load_state_dict(state)
    assert other.lr == one.lr
    assert isinstance(other.param_groups[0]["lr"], ReduceOnPlateau)
    for optimizer in (one, other):
        optimizer.param_groups[0]["lr"].report(2.0)
        optimizer.step()
    assert other.lr == one.lr == pytest.approx(0.8 * 0.25)
    assert w.data == v.data


def test_a_schedule_goes_on_at_the_saved_step():
    w = tg.Tensor([1.0], requires_grad=True)
    w.grad = np.array([0.0])
    one = Adam([w], lr=cosine(1.0, 10))
    for _ in range(5):
        one.step()
    other = Adam([w], lr=cosine(1.0, 10))
    other.load_state_dict(one.state_dict())
    assert other.lr == one.lr
    other.step()
    assert other.lr == cosine(1.0, 10)(5)


def test_a_state_with_a_plateau_needs_one():
    w = tg.Tensor([1.0], requires_grad=True)
    state = SGD([w], lr=ReduceOnPlateau(0.1)).state_dict()
    with pytest.raises(ValueError, match=r"unexpected: groups\.0\.schedule\.share"):
        SGD([w], lr=0.1).load_state_dict(state)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.constant(-1), "lr=-1 is out of range"),
        (lambda: step_decay(0.1, every=0), "every=0 is out of range"),
        (lambda: step_decay(0.1, every=5, factor=-0.5), "factor=-0.5 is out of range"),
        (lambda: exponential(float("nan"), 0.9), "lr=nan is out of range"),
        (lambda: cosine(0.1, steps=0), "steps=0 is out of range"),
        (lambda: cosine(0.1, steps=5, lowest=-1), "lowest=-1 is out of range"),
        (lambda: warmup(0.1, steps=0), "steps=0 is out of range"),
        (lambda: warmup(-0.1, steps=5), "lr=-0.1 is out of range"),
        (lambda: one_cycle(0.1, steps=0), "steps=0 is out of range"),
        (lambda: one_cycle(0.1, steps=9, rise=1), "rise=1 is out of range"),
        (lambda: ReduceOnPlateau(0.1, factor=1), "factor=1 is out of range"),
        (lambda: ReduceOnPlateau(0.1, patience=-1), "patience=-1 is out of range"),
        (lambda: step_decay(0.1, every=2.5), "every=2.5 is not a whole number"),
        (lambda: cosine(0.1, steps=10.5), "steps=10.5 is not a whole number"),
        (lambda: warmup(0.1, steps=1.5), "steps=1.5 is not a whole number"),
        (lambda: one_cycle(0.1, steps=np.float64(9.5)), "steps=9.5 is not a whole number"),
        (lambda: ReduceOnPlateau(0.1, patience=0.5), "patience=0.5 is not a whole number"),
    ],
)
def test_bad_schedules_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_plateau_inside_a_warmup_is_turned_round():
    with pytest.raises(TypeError, match=r"put the warm-up inside: ReduceOnPlateau\(warmup"):
        warmup(ReduceOnPlateau(0.1), 5)
