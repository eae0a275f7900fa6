"""Verify your own backprop: orders of the errors, a lab whose every defect can be found; and sixty lines of engine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_edu.lessons import checking, engine


# ---- error against step size -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("method", "order", "steps"),
    [
        (checking.forward, 1, (1e-3, 1e-4)),
        (checking.central, 2, (1e-2, 1e-3)),
        (checking.richardson, 4, (1e-1, 3e-2)),
        (checking.complex_step, 2, (1e-2, 1e-3)),
    ],
)
def test_the_error_goes_with_a_power_of_the_step(method, order, steps):
    true = checking.true_slope()
    far, near = (abs(method(checking.example, 1.0, h) - true) for h in steps)
    assert np.log(far / near) / np.log(steps[0] / steps[1]) == pytest.approx(order, abs=0.1)


def test_the_v():
    vs = {v.method: v for v in checking.errors()}
    assert list(vs) == ["forward", "central", "Richardson", "complex step"]
    best = [v.best_error for v in vs.values()]
    assert best[0] > 1e-10 > best[1] > best[2] > best[3]
    assert best[3] < 1e-15
    assert 1e-9 < vs["forward"].best_step < 1e-6  # √ε = 1.5e-8
    assert 1e-7 < vs["central"].best_step < 1e-4  # ∛ε = 6e-6
    assert 1e-5 < vs["Richardson"].best_step < 1e-1  # ε^(1/5) = 7e-4
    for name in ("forward", "central", "Richardson"):  # both arms of the V are high
        assert vs[name].errors[0] > 1e-3 < vs[name].errors[-1]
    assert vs["complex step"].errors[-1] < 1e-15  # no second arm


def test_a_function_of_ones_own_needs_its_slope():
    assert checking.errors(np.sin, 0.5, true=np.cos(0.5))[1].best_error < 1e-9
    with pytest.raises(ValueError, match="true slope"):
        checking.errors(np.sin, 0.5)
    with pytest.raises(ValueError, match="choose another x"):
        checking.errors(np.cos, 0.0, true=0.0)


# ---- the lab -----------------------------------------------------------------------------------------------------
def test_every_defect_can_be_found():
    elsewhere = {"abs": (np.array([-1.0, 2.0]),)}
    for suspect in checking.suspects():
        assert bool(suspect.check(*elsewhere.get(suspect.name, ()))) is (not suspect.defect), suspect.name


def test_one_defect_hides_where_the_lab_looks_first():
    hidden = [suspect.name for suspect in checking.suspects() if suspect.defect and suspect.check()]
    assert hidden == ["abs"]


@given(st.floats(-3, 3).filter(lambda factor: abs(factor - 1) > 1e-6))
def test_a_rule_off_by_a_factor_is_found(factor):
    x = np.array([0.3, -1.1])
    assert not checking.check_rule(np.sin, lambda g, x: factor * g * np.cos(x), x)


def test_a_rule_is_judged_afresh_every_time():
    x = np.array([0.3, -1.1])
    verdicts = [
        bool(checking.check_rule(np.sin, rule, x))
        for rule in (lambda g, x: g * np.cos(x), lambda g, x: g * np.sin(x), lambda g, x: g * np.cos(x))
    ]
    assert verdicts == [True, False, True]


def test_rules_of_the_library_are_not_touched():
    checking.check_rule(np.exp, lambda g: 17 * g, np.array([1.0]))
    import tinygrad_edu as tg

    assert tg.grad(np.exp)(1.0) == pytest.approx(np.e)


# ---- sixty lines -------------------------------------------------------------------------------------------------
nonzero = st.floats(-3, 3).filter(lambda x: abs(x) > 0.05)


@given(nonzero, nonzero)
def test_sixty_lines_agree_with_the_library(a, b):
    for comparison in engine.compare(a=a, b=b):
        assert comparison.agree, comparison


def test_a_wrong_engine_is_found():
    class Forgetful(engine.Value):
        def __mul__(self, other):
            y = engine.as_value(other)
            return Forgetful(self.data * y.data, ((self, 1.0), (y, self.data)))

    wrong = [comparison.expression for comparison in engine.compare(Forgetful) if not comparison.agree]
    assert "a · b" in wrong
    assert "a + b" not in wrong


def test_a_chain_as_deep_as_you_like():
    x = y = engine.Value(1.0)
    for _ in range(20_000):
        y = y + 1.0
    y.backward()
    assert x.grad == 1.0
