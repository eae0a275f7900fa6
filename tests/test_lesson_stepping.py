"""The stepper under the playground: the traced example stage by stage, and what a change in the middle does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_edu.lessons.flip import GRADIENTS, floor, images
from tinygrad_edu.lessons.stepping import BACKWARD, FORWARD, STAGES, Stepper


def everything(arrays):
    return np.concatenate([array.ravel() for array in arrays.values()])


def test_the_traced_example_stage_by_stage():
    stepper = Stepper()
    assert stepper.seen is None
    assert stepper.loss is None
    stepper.advance()
    np.testing.assert_allclose(stepper.seen.h, [0, 0, 0.5], atol=1e-15)
    assert stepper.loss is None
    stepper.advance()
    np.testing.assert_allclose(stepper.seen.prediction, [0.1, -0.1, -0.05, -0.25])
    stepper.advance()
    assert STAGES[stepper.stage] == "loss"
    assert stepper.loss == pytest.approx(0.89625)
    assert np.isnan(everything(stepper.gradients)).all()
    for name, arrived in (("b2", 4), ("W2", 16), ("b1", 19), ("W1", 31)):
        stepper.advance()
        assert STAGES[stepper.stage] == name
        assert np.count_nonzero(~np.isnan(everything(stepper.gradients))) == arrived
    np.testing.assert_allclose(stepper.gradients["b2"], [-0.45, -0.55, -0.025, -0.625])
    np.testing.assert_allclose(stepper.gradients["W1"][:, 2], [0.44, 0, 0.44, 0.44])
    on_kink = [0, 6, 9, 12]  # rounding decides what backward says there
    np.testing.assert_allclose(
        np.delete(everything(stepper.gradients), on_kink), np.delete(GRADIENTS, on_kink), atol=1e-12
    )
    before = everything(stepper.weights).copy()
    slopes = everything(stepper.gradients)
    stepper.advance()  # the update
    np.testing.assert_allclose(everything(stepper.weights), before - 0.1 * slopes)
    assert (stepper.stage, stepper.updates) == (0, 1)
    stepper.forward()
    assert stepper.loss == pytest.approx(0.7257526, abs=5e-8)
    assert stepper.losses == pytest.approx([0.89625, 0.7257526], abs=5e-8)


def test_what_is_missing_is_done_first():
    stepper = Stepper()
    stepper.update()
    assert stepper.updates == 1
    stepper.backward()
    assert stepper.stage == BACKWARD
    stepper.forward()  # is known already
    assert stepper.stage == BACKWARD


@given(
    hidden=st.sampled_from([3, 4]),
    seed=st.integers(0, 1000),
    lr=st.floats(0.001, 0.3),
    number=st.integers(0, 15),
    learns_all=st.booleans(),
    parts=st.lists(st.integers(1, 5), min_size=1, max_size=3),
)
def test_training_is_many_steps(hidden, seed, lr, number, learns_all, parts):
    slow, fast = Stepper(hidden, seed, lr), Stepper(hidden, seed, lr)
    for stepper in (slow, fast):
        stepper.look_at(images()[number])
        stepper.learn_from_all(learns_all)
    for _ in range(sum(parts)):
        slow.update()
    slow.forward()
    for part in parts:
        fast.train(part)
    assert fast.updates == slow.updates == sum(parts)
    assert fast.stage == slow.stage == FORWARD
    np.testing.assert_array_equal(fast.losses, slow.losses)
    np.testing.assert_array_equal(everything(fast.weights), everything(slow.weights))


def test_one_image_is_learned_and_sixteen_are_not():
    stepper = Stepper()
    assert not stepper.train(1000)
    assert stepper.loss < 1e-6
    stepper.reset()
    stepper.learn_from_all(True)
    assert stepper.train(2000)
    assert stepper.loss > stepper.floor == floor(3) == 1 / 16


def test_each_dead_unit_costs_a_sixteenth():
    stepper = Stepper(3, seed=0)
    stepper.learn_from_all(True)
    stepper.train(5000)
    assert stepper.dead_units == 2
    assert stepper.loss == pytest.approx(stepper.floor + 2 / 16, abs=1e-4)


def test_four_units_get_all_images_right():
    stepper = Stepper(4, seed=0)
    stepper.learn_from_all(True)
    assert not stepper.train(3000)
    assert stepper.loss < 1e-6
    assert stepper.images_right == 16


def test_a_rate_that_is_too_large_ends_training_without_a_warning():
    stepper = Stepper(lr=10.0)
    stepper.learn_from_all(True)
    assert not stepper.train(500)
    assert not np.isfinite(stepper.loss)
    stepper.update()
    stepper.advance()
    stepper.reset()
    stepper.forward()
    assert stepper.losses == [pytest.approx(stepper.loss)]


def test_another_image_begins_the_step_again_and_keeps_the_weights():
    stepper = Stepper()
    stepper.update()
    stepper.backward()
    weights = everything(stepper.weights).copy()
    stepper.look_at([0, 1, 0, 0])
    assert (stepper.stage, stepper.updates, stepper.losses) == (0, 0, [])
    np.testing.assert_array_equal(everything(stepper.weights), weights)
    np.testing.assert_array_equal(stepper.target, [0, 0, 1, 0])


def test_an_image_that_is_one_of_all_changes_no_loss():
    stepper = Stepper()
    stepper.learn_from_all(True)
    stepper.train(5)
    losses = list(stepper.losses)
    stepper.look_at([0, 1, 0, 0])
    stepper.forward()
    assert stepper.losses == pytest.approx(losses)


@pytest.mark.parametrize("lr", [0, -0.1, float("nan"), float("inf")])
def test_rates_that_there_are_not(lr):
    with pytest.raises(ValueError, match="above 0"):
        Stepper(lr=lr)


@pytest.mark.parametrize(("hidden", "seed", "says"), [(5, 0, "3 or 4 hidden units, not 5"), (4, None, "seed=0")])
def test_networks_that_there_are_not(hidden, seed, says):
    with pytest.raises(ValueError, match=says):
        Stepper(hidden, seed)
