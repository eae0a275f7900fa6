"""Reading error curves: the lesson's exercise, and generated curves of every kind with noise."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu import lessons
from tinygrad_edu.lessons import curves
from tinygrad_edu.lessons.curves import diagnose, stop_early

SMALL, LARGE, WELL, OVERFIT = curves.VERDICTS
levels = st.floats(1e-3, 1e3)
lengths = st.integers(30, 300)
seeds = st.integers(0, 2**32 - 1)
noises = st.floats(0, 0.02)  # standard deviation, as a share of the first loss
many = settings(max_examples=150)


def falling(n, rng, noise, floor=0.1, pace=8.0):
    """From 1 to near its floor, noise on it."""
    return floor + (1 - floor) * np.exp(-pace * np.arange(n) / n) + noise * rng.standard_normal(n)


# ---- the lesson --------------------------------------------------------------------------------------------------
def test_the_exercise_overshot():
    found = lessons.diagnose([2.0, 0.1, 5.0, 20])
    assert found.verdict == LARGE
    assert "0.1" in found.reason
    assert "20" in found.reason
    assert "smaller" in found.suggestion


def test_the_runs_of_the_lesson_are_what_they_show():
    assert [curve.diagnosis.verdict for curve in curves.examples()] == [SMALL, LARGE, WELL, OVERFIT]
    assert all(len(curve.losses) == len(curve.validation) == 60 for curve in curves.examples())


# ---- curves of every kind ----------------------------------------------------------------------------------------
@many
@given(levels, lengths, seeds, st.floats(0, 0.01), st.floats(-0.02, 0.03))
def test_what_hardly_moves_is_too_small(level, n, seed, noise, drop):
    rng = np.random.default_rng(seed)
    curve = level * (1 - drop * np.arange(n) / n + noise * rng.standard_normal(n))
    assert diagnose(curve).verdict == SMALL
    assert diagnose(curve, curve[::2]).verdict == SMALL


@many
@given(levels, lengths, seeds, noises, st.floats(0, 0.5), st.floats(4, 20))
def test_what_falls_and_flattens_is_reasonable(level, n, seed, noise, floor, pace):
    rng = np.random.default_rng(seed)
    curve = level * falling(n, rng, noise, floor, pace)
    validation = level * (falling(n, rng, noise, floor, pace) + 0.05)
    assert diagnose(curve).verdict == WELL
    assert diagnose(curve, validation).verdict == WELL


@many
@given(levels, lengths, seeds, noises, st.floats(0.6, 20), st.integers(1, 5))
def test_spikes_are_too_large(level, n, seed, noise, height, count):
    rng = np.random.default_rng(seed)
    curve = falling(n, rng, noise)
    curve[rng.choice(np.arange(n // 3, n), count, replace=False)] += height
    assert diagnose(level * curve, level * falling(n, rng, noise)).verdict == LARGE


@many
@given(levels, st.integers(4, 300), seeds, noises, st.floats(1.5, 1e6))
def test_a_growing_loss_is_too_large(level, n, seed, noise, growth):
    rng = np.random.default_rng(seed)
    curve = growth ** (np.arange(n) / (n - 1)) * (1 + noise * rng.standard_normal(n))
    assert diagnose(level * curve).verdict == LARGE


@many
@given(levels, lengths, seeds, noises, st.floats(0.2, 1.5))
def test_bouncing_is_too_large(level, n, seed, noise, amplitude):
    rng = np.random.default_rng(seed)
    curve = 1 + amplitude * (np.arange(n) % 2) + noise * rng.standard_normal(n)
    assert diagnose(level * curve).verdict == LARGE


@given(st.integers(3, 100), seeds, st.sampled_from([math.nan, math.inf, -math.inf]))
def test_no_number_is_too_large(n, seed, value):
    rng = np.random.default_rng(seed)
    curve = falling(n, rng, 0.01)
    at = int(rng.integers(0, n))
    curve[at:] = value
    found = diagnose(curve)
    assert found.verdict == LARGE
    assert f"At step {at}" in found.reason


@many
@given(levels, lengths, seeds, noises, st.floats(0.2, 0.6), st.floats(0.25, 3))
def test_validation_that_rises_again_is_overfitting(level, n, seed, noise, turn, rise):
    rng = np.random.default_rng(seed)
    k = np.arange(n) / n
    validation = 0.3 + 0.7 * np.exp(-12 * k) + rise * np.maximum(0, k - turn) / (1 - turn)
    validation += noise * rng.standard_normal(n)
    found = diagnose(level * falling(n, rng, noise), level * validation)
    assert found.verdict == OVERFIT


# The same by other formulas, of other lengths and scales.
shapes = {
    "power law": lambda k: (1 + 20 * k) ** -1.2,
    "half a cosine": lambda k: 0.55 + 0.45 * np.cos(np.pi * k),
    "line": lambda k: 1 - 0.7 * k,
    "plateau, then a fall": lambda k: 0.1 + 0.9 / (1 + np.exp(20 * (k - 0.6))),
    "cliff": lambda k: np.where(k < 0.4, 1.0, 0.2),
    "high floor": lambda k: 2 + np.exp(-8 * k),
    "below 0": lambda k: 3 * np.exp(-6 * k) - 2,  # a mean log-likelihood may be
    "to rounding": lambda k: np.exp(-600 * k),
}
scales = st.integers(-6, 6).map(lambda exponent: 10.0**exponent)
all_lengths = st.sampled_from([5, 8, 12, 20, 50, 100, 300, 1000])


@many
@given(st.sampled_from(sorted(shapes)), scales, all_lengths, seeds, st.floats(0, 0.025))
def test_every_way_to_fall_is_reasonable(shape, scale, n, seed, noise):
    rng = np.random.default_rng(seed)
    curve = shapes[shape](np.linspace(0, 1, n))
    curve = curve + noise * np.ptp(curve) * rng.uniform(-1, 1, n)
    assert diagnose(scale * curve).verdict == WELL


@many
@given(scales, st.sampled_from([20, 50, 100, 300]), seeds, st.floats(0, 0.08), st.floats(2, 8))
def test_the_roughness_of_mini_batches_is_no_spike(scale, n, seed, noise, pace):
    """It goes with the loss: large at first."""
    rng = np.random.default_rng(seed)
    curve = np.exp(-pace * np.linspace(0, 1, n) + noise * rng.standard_normal(n))
    assert diagnose(scale * curve).verdict == WELL


@many
@given(scales, all_lengths, seeds, st.floats(0, 0.004), st.floats(0, 0.05))
def test_slow_wandering_hardly_moves(scale, n, seed, noise, drop):
    """Noise with a memory, as that of a moving average."""
    rng, drift = np.random.default_rng(seed), np.zeros(n)
    for k in range(1, n):
        drift[k] = 0.8 * drift[k - 1] + noise * rng.uniform(-1, 1)
    assert diagnose(scale * (1 - drop * np.linspace(0, 1, n) + drift)).verdict == SMALL


@many
@given(scales, st.integers(8, 400), seeds, st.integers(2, 6), st.floats(0.3, 3))
def test_teeth_of_a_saw_are_too_large(scale, n, seed, period, height):
    rng = np.random.default_rng(seed)
    teeth = (np.arange(n) % period) / (period - 1)
    assert diagnose(scale * (1 + height * teeth + 0.02 * rng.uniform(-1, 1, n))).verdict == LARGE


@many
@given(scales, st.integers(16, 400), st.integers(2, 5), st.floats(0.3, 1.4))
def test_swinging_without_a_fall_is_too_large(scale, n, times, height):
    swings = np.cos(2 * np.pi * times * np.linspace(0, 1, n))
    assert diagnose(scale * (1.5 + height * swings)).verdict == LARGE


@many
@given(scales, st.integers(4, 400), seeds, st.floats(0.2, 0.7), st.floats(1.2, 1e4))
def test_a_fall_and_then_a_rise_is_too_large(scale, n, seed, turn, top):
    rng, turn = np.random.default_rng(seed), max(1, int(turn * n))
    curve = np.concatenate([np.linspace(1, 0.2, turn + 1)[:-1], np.linspace(0.2, top, n - turn)])
    found = diagnose(scale * curve * (1 + 0.02 * rng.uniform(-1, 1, n)))
    assert found.verdict == LARGE
    assert "rises" in found.reason


@many
@given(scales, st.integers(12, 400), seeds, st.floats(1.5, 1e3))
def test_one_spike_anywhere_is_too_large(scale, n, seed, height):
    rng = np.random.default_rng(seed)
    curve = shapes["power law"](np.linspace(0, 1, n)) + 0.02 * rng.uniform(-1, 1, n)
    curve[rng.integers(1, n)] += height
    assert diagnose(scale * curve).verdict == LARGE


@many
@given(scales, st.integers(12, 400), seeds, st.floats(6, 15), st.integers(1, 4))
def test_a_gap_that_does_not_grow_is_no_overfitting(scale, n, seed, pace, every):
    """Validation is worse than training, but stays where it is; it may be measured more rarely."""
    rng, k = np.random.default_rng(seed), np.linspace(0, 1, n)
    validation = 0.35 + 0.65 * np.exp(-pace * k) + 0.01 * rng.uniform(-1, 1, n)
    assert diagnose(scale * 0.98 * np.exp(-8 * k), scale * validation[::every]).verdict == WELL


@many
@given(scales, st.integers(24, 400), seeds, st.floats(0.2, 0.65), st.floats(1.3, 5), st.integers(1, 2))
def test_a_valley_of_validation_is_overfitting(scale, n, seed, turn, top, every):
    rng, k = np.random.default_rng(seed), np.linspace(0, 1, n)
    validation = np.interp(k, [0, turn, 1], [1.2, 0.4, 0.4 * top]) + 0.01 * rng.uniform(-1, 1, n)
    training = 0.02 + 0.98 * np.exp(-8 * k) + 0.01 * rng.uniform(-1, 1, n)
    assert diagnose(scale * training, scale * validation[::every]).verdict == OVERFIT
    assert diagnose(scale * training).verdict == WELL


@given(levels, lengths, seeds)
def test_the_unit_of_the_loss_does_not_matter(level, n, seed):
    curve = falling(n, np.random.default_rng(seed), 0.3)
    assert diagnose(level * curve).verdict == diagnose(curve).verdict


# ---- what it says, and what it refuses ---------------------------------------------------------------------------
def test_a_curve_that_still_falls_is_told_to_go_on():
    assert diagnose(np.linspace(1, 0.3, 50)).suggestion == "Train longer."
    assert diagnose(falling(50, np.random.default_rng(0), 0)).suggestion == "Nothing needs to be changed."


def test_validation_rises_from_the_first_epoch():
    assert diagnose([1.0, 0.5, 0.2, 0.1], validation=[1.0, 1.2, 1.5, 2.0]).verdict == OVERFIT


def test_a_loss_of_zero_from_the_start_has_nothing_to_learn():
    found = diagnose([0.0, 0.0, 0.0])
    assert found.verdict == WELL
    assert "nothing to learn" in found.suggestion


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_validation_that_is_no_number_is_too_large(value):
    found = diagnose([1.0, 0.5, 0.3], [1.0, value, 0.4])
    assert found.verdict == LARGE
    assert "At step 1" in found.reason


def test_numbers_of_every_kind():
    for losses in ([3, 2, 1], np.array([3, 2, 1], np.float32), tg.Tensor([3.0, 2.0, 1.0]), iter((3, 2, 1))):
        assert diagnose(losses).verdict == WELL
    assert diagnose([tg.Tensor(float(k), requires_grad=True) for k in (3, 2, 1)]).verdict == WELL
    assert diagnose([1e308, 1.7e308, -1.7e308, 1.7e308]).verdict == LARGE  # their differences are no numbers any more


@pytest.mark.parametrize(
    "bad",
    [
        ["a", "b", "c"],
        {"loss": [1, 2, 3]},
        {1, 2, 3},
        tg.train.History(),
        [1 + 1j, 2, 3],
        [10**400, 1, 1],
        "123",
        [[1], 2, 3],
    ],
)
def test_what_is_no_list_of_numbers_is_told_so(bad):
    with pytest.raises(ValueError, match="losses is not a list of numbers"):
        diagnose(bad)


@pytest.mark.parametrize("bad", [[], [1.0], [1.0, 2.0], [[1.0, 2.0, 3.0]]])
def test_what_is_no_curve_is_refused(bad):
    with pytest.raises(ValueError, match="at least three numbers"):
        diagnose(bad)
    with pytest.raises(ValueError, match="validation"):
        diagnose([3.0, 2.0, 1.0], validation=bad)


def test_the_curve_is_left_alone():
    losses = np.array([3.0, 2.0, 1.0])
    diagnose(losses, losses)
    assert losses.tolist() == [3.0, 2.0, 1.0]


# ---- early stopping ----------------------------------------------------------------------------------------------
@given(st.lists(st.floats(0, 10), min_size=1, max_size=60), st.integers(1, 8))
def test_early_stopping_keeps_the_first_best_before_patience_ends(losses, patience):
    kept = stop_early(losses, patience)
    end = min(len(losses), kept + patience + 1)
    assert losses[kept] == min(losses[:end])
    assert losses[kept] not in losses[:kept]


def test_early_stopping_needs_losses():
    with pytest.raises(ValueError, match="no losses"):
        stop_early([])
