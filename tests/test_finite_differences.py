"""Central differences as in the lesson, and the extrapolated slopes that the gradient check stands on."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.finite_differences import Probe, complex_step, noise, slopes


def test_two_forward_passes_for_every_entry_and_not_one_more() -> None:
    calls = []

    def f(w: Any, b: Any) -> Any:
        calls.append(1)
        return np.sum(w**2) + b

    numeric = tg.numerical_gradient(f, np.array([[1.0, 2.0], [3.0, 4.0]]), np.array(5.0))
    assert numeric.forward_passes == len(calls) == 10
    w, b = numeric
    assert w == pytest.approx(np.array([[2.0, 4.0], [6.0, 8.0]]), abs=1e-9)
    assert b == pytest.approx(1, abs=1e-9)
    assert len(numeric) == 2
    assert numeric[0] is numeric.gradients[0]


def test_left_and_right_slope_take_one_pass_more() -> None:
    calls = []

    def f(x: Any) -> Any:
        calls.append(1)
        return np.sum(np.abs(x))

    numeric = tg.numerical_gradient(f, np.array([0.0, 2.0]))
    assert numeric.gradients[0] == pytest.approx([0, 1], abs=1e-9)
    assert numeric.left[0] == pytest.approx([-1, 1], abs=1e-9)
    assert numeric.right[0] == pytest.approx([1, 1], abs=1e-9)
    assert len(calls) == 5
    assert numeric.forward_passes == 4


def test_tensors_are_put_back_even_when_f_raises() -> None:
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    before = w.data

    def f(w: Any) -> Any:
        if w.data[0] > 1:
            raise RuntimeError("stop")
        return np.sum(w)

    with pytest.raises(RuntimeError, match="stop"):
        tg.numerical_gradient(f, w)
    assert w.data is before
    assert np.array_equal(before, [1, 2])


def test_model_parameters_may_be_wiggled_without_being_arguments() -> None:
    model = tg.nn.Linear(3, 2, rng=0)
    x, y = np.ones((4, 3)), np.zeros((4, 2))
    numeric = tg.numerical_gradient(lambda *_: tg.nn.mse_loss(model(x), y), *model.parameters())
    tg.nn.mse_loss(model(x), y).backward()
    for central, parameter in zip(numeric, model.parameters()):
        assert central == pytest.approx(parameter.grad, rel=1e-8)
    assert numeric.forward_passes == 2 * 8


def test_the_callers_array_is_never_written_to() -> None:
    x = np.array([1.0, 2.0])
    x.flags.writeable = False
    tg.numerical_gradient(np.sum, x)
    assert np.array_equal(x, [1, 2])


def test_more_than_one_number_or_integers_are_refused() -> None:
    with pytest.raises(ValueError, match="single number"):
        tg.numerical_gradient(lambda x: x, np.array([1.0, 2.0]))
    with pytest.raises(TypeError, match="int64"):
        tg.numerical_gradient(np.sum, np.array([1, 2]))


FUNCTIONS = {
    "sin": (np.sin, np.cos),
    "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    "polynomial": (lambda x: x**5 - 3 * x**3 + x, lambda x: 5 * x**4 - 9 * x**2 + 1),
    "1 − cos": (lambda x: 1 - np.cos(x), np.sin),
    "arctan": (np.arctan, lambda x: 1 / (1 + x * x)),
}


@given(st.sampled_from(sorted(FUNCTIONS)), st.floats(-10, 10))
def test_slopes_know_their_own_error(name: str, x: float) -> None:
    """The estimate may be too small by the factor 10 that the tolerance allows, plus rounding; not by more."""
    f, derivative = FUNCTIONS[name]
    scale = max(abs(x), 0.1)
    line = lambda t: np.asarray(f(x + t))
    found = slopes(line, np.asarray(f(x)), 0.05 * scale, noise(line, scale))
    slope, error = found.best(np.ones(()))
    natural = abs(float(f(x))) + abs(float(derivative(x)))
    assert abs(slope - float(derivative(x))) <= 10 * error + 1e-11 * natural
    assert error <= 1e-6 * (natural + 1)


def test_slopes_of_a_kink_differ_from_side_to_side() -> None:
    found = slopes(lambda t: np.asarray(max(2 * t, -3 * t)), np.asarray(0.0), 0.01)
    left, right, doubt = found.jump(np.ones(()))
    assert (left, right) == pytest.approx((-3, 2), abs=1e-12)
    assert doubt < 1e-12


def test_step_outside_the_domain_is_passed_over() -> None:
    with np.errstate(invalid="ignore"):
        found = slopes(lambda t: np.asarray(np.log(0.004 + t)), np.asarray(np.log(0.004)), 0.01)
    assert found.best(np.ones(()))[0] == pytest.approx(250, rel=1e-6)


def test_noise_sees_rounding_inside_a_function() -> None:
    assert noise(lambda t: np.asarray((0.3 + t + 1e6) - 1e6), 1.0) > 1e-11
    assert noise(lambda t: np.asarray(np.sin(0.3 + t)), 1.0) < 1e-15
    assert noise(lambda t: np.asarray(np.tanh(1e4 * t)), 1.0) < 1e-13


def test_complex_step_is_exact_and_knows_when_it_cannot() -> None:
    x = np.array([0.5, 2.0])
    exact = complex_step(Probe(lambda x: x * np.sin(x), [x], [x], np.complex128), 0, (1,))
    assert exact == pytest.approx([0, np.sin(2) + 2 * np.cos(2)], rel=1e-15)
    assert complex_step(Probe(np.abs, [x], [x], np.complex128), 0, (1,)) is None
