"""The lessons that can be followed with a pencil: one weight, brightness, the guessing game, losses."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.lessons import brightness, guessing, losses, one_weight


# ---- one weight --------------------------------------------------------------------------------------------------
def test_the_figures_of_one_weight():
    seen = one_weight.look(1.0)
    assert (seen.prediction, seen.difference, seen.squared_error, seen.slope) == (2, 8, 64, -16)
    assert seen.error == 32
    assert one_weight.descend(0.01, steps=1)[1] == pytest.approx(1.16, abs=1e-15)
    assert one_weight.look(5.0).slope == 0


@pytest.mark.parametrize(
    ("lr", "verdict"),
    [
        (0.01, "comes closer"),
        (0.25, "lands on 5 in one step"),
        (0.5, "bounces between 1 and 9 for ever"),
        (0.6, "explodes"),
        (0.49, "comes closer"),
    ],
)
def test_what_a_learning_rate_does(lr, verdict):
    assert one_weight.verdict(one_weight.descend(lr)) == verdict


@given(st.floats(0.001, 1), st.floats(-20, 20), st.integers(1, 30))
def test_the_path_is_the_one_of_the_formula(lr, start, steps):
    # w − 5 is multiplied by 1 − 4·η in every step
    expected = 5 + (start - 5) * (1 - 4 * lr) ** np.arange(steps + 1)
    np.testing.assert_allclose(one_weight.descend(lr, start, steps), expected, rtol=1e-9, atol=1e-9)


# ---- brightness --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("rng", [0, 1, 7])
def test_descent_arrives_at_the_least_squares_solution(rng):
    found = brightness.fit(rng=rng)
    x, y = tg.data.brightness(16, rng=rng)
    exact = np.linalg.lstsq(x, y, rcond=None)[0]
    np.testing.assert_allclose(found.best, exact, atol=1e-12)
    np.testing.assert_allclose(found.weights, exact, atol=1e-6)
    assert found.errors[0] == pytest.approx(np.mean(y**2))
    assert found.errors[-1] == pytest.approx(found.best_error, rel=1e-9)
    assert len(found.errors) == brightness.EPOCHS + 1
    assert all(after <= before + 1e-15 for before, after in zip(found.errors, found.errors[1:]))
    np.testing.assert_allclose(found.plane.ravel(), x @ found.weights)
    np.testing.assert_array_equal(found.picture.ravel(), y)


def test_too_large_a_rate_blows_up_without_a_warning():
    assert not np.isfinite(brightness.fit(lr=5.0, epochs=2000).errors[-1])


# ---- the guessing game -------------------------------------------------------------------------------------------
def test_step_sizes_of_the_guessing_game():
    ten, two, fifty = (guessing.play(step) for step in guessing.STEPS)
    assert (ten.found, two.found, fifty.found) == (True, True, False)
    assert (ten.count, two.count) == (3, 11)  # from 50 to within 2 of 72: 60, 70; and ten steps of 2
    assert set(fifty.guesses) == {50, 100}
    assert fifty.jumps_for_ever
    assert not ten.jumps_for_ever


@given(st.integers(1, 100), st.sampled_from([1, 2, 3, 4, 5]))
def test_a_step_of_at_most_five_finds_every_secret(secret, step):
    """Guesses lie `step` apart and a window of 5 numbers, secret ± 2, holds one of them."""
    game = guessing.play(step, secret)
    assert game.found
    assert game.count == 1 + max(0, math.ceil((abs(secret - 50) - 2) / step))


@given(st.integers(1, 100))
def test_ten_finds_what_is_within_two_of_a_tenth(secret):
    assert guessing.play(10, secret).found is (min(secret % 10, 10 - secret % 10) <= 2)


def test_shares_of_secrets():
    assert [guessing.secrets_found(step) for step in (10, 2, 50)] == [50, 100, 10]
    assert guessing.secrets_found(guessing.halving) == 100
    assert max(guessing.play(guessing.halving, secret).count for secret in range(1, 101)) <= 7


def test_a_secret_is_from_1_to_100():
    with pytest.raises(ValueError, match="from 1 to 100"):
        guessing.play(2, secret=101)


# ---- losses ------------------------------------------------------------------------------------------------------
def test_the_figures_of_the_losses():
    sure, unsure, wrong = losses.punishments()
    assert f"{sure.cross_entropy:.4f} {wrong.cross_entropy:.4f}" == "0.0513 2.9957"
    assert f"{losses.times_worse():.0f}" == "58"
    assert losses.times_worse() == pytest.approx(math.log(0.05) / math.log(0.95))
    assert unsure.cross_entropy == pytest.approx(math.log(2))


@given(st.floats(0.01, 0.99))
def test_punishments_are_the_formulas(p):
    [seen] = losses.punishments((p,))
    assert seen.cross_entropy == pytest.approx(-math.log(p))
    assert seen.cross_slope == pytest.approx(-1 / p)
    assert seen.squared_error == pytest.approx((1 - p) ** 2)
    assert seen.squared_slope == pytest.approx(-2 * (1 - p))


def test_categorical_cross_entropy_is_minus_the_log_of_the_truth():
    chances = (0.2, 0.7, 0.1)
    np.testing.assert_allclose(losses.classes(chances), -np.log(chances))


def test_what_each_loss_likes_best():
    best = losses.constants()
    assert best["squared error"] == pytest.approx(np.mean(losses.HOURS), abs=1e-3)
    assert best["absolute error"] == pytest.approx(np.median(losses.HOURS), abs=1e-3)
    assert best["Huber"] == pytest.approx(7 / 3, abs=1e-3)  # (c−1 cut to 1) + 2(c−2) + (c−3) − 1 = 0
