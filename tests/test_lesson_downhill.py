"""Roll downhill: the curve, its minima, the ball with its verdicts, and the ways out."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_edu.lessons import downhill
from tinygrad_edu.lessons.downhill import Ball

MINIMA = [(-5.6492, 2.6928), (-3.1407, -0.0667), (-0.6283, -1.2507), (1.8848, -0.8559), (4.3956, 1.1165)]


def rolled(*settings, steps=downhill.STEPS, **more):
    ball = Ball(*settings, **more)
    ball.run(steps)
    return ball


# ---- the curve ---------------------------------------------------------------------------------------------------
def test_the_minima_of_the_lesson():
    found = [(round(bottom.x, 4), round(bottom.f, 4)) for bottom in downhill.bottoms()]
    assert found == MINIMA
    assert round(downhill.global_minimum().x, 4) == -0.6283
    assert len(downhill.tops()) == len(MINIMA) - 1


@given(st.floats(-10, 10))
def test_height_and_slope_are_the_formulas(x):
    assert downhill.f(x) == pytest.approx(0.12 * x * x + math.sin(2.4 * x) + 0.3 * math.cos(5 * x))
    expected = 0.24 * x + 2.4 * math.cos(2.4 * x) - 1.5 * math.sin(5 * x)
    assert downhill.slope(x) == pytest.approx(expected, abs=1e-12)


# ---- the ball ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("start", "lr", "x"), [(3, 0.01, 1.8848), (3, 0.1, 1.8848), (-4, 0.01, -3.1407)])
def test_small_rates_settle_where_the_lesson_says(start, lr, x):
    ball = rolled(start, lr)
    assert round(ball.x, 4) == x
    assert ball.verdict == f"stuck in a local minimum at {x}"


@pytest.mark.parametrize("lr", [0.3, 0.6, 1.2])
def test_large_rates_jump_about_for_ever(lr):
    ball = rolled(3, lr, steps=2000)
    assert ball.steps == 2000
    assert ball.verdict == "overshooting"


@given(st.floats(-6, 6), st.floats(0.001, 1.2), st.integers(1, 40))
def test_plain_descent_is_the_formula(start, lr, steps):
    ball, x = Ball(start, lr), start
    for _ in range(steps):
        ball.step()
        x = ball.path[-2] - lr * (
            0.24 * ball.path[-2] + 2.4 * math.cos(2.4 * ball.path[-2]) - 1.5 * math.sin(5 * ball.path[-2])
        )
        assert ball.x == pytest.approx(x, abs=1e-12)
        assert ball.f == pytest.approx(float(downhill.f(x)), abs=1e-9)
    assert ball.steps == steps
    assert len(ball.path) == len(ball.heights) == len(ball.slopes) == steps + 1


def test_momentum_is_the_formula():
    ball, x, v = Ball(3.0, 0.05, "momentum", momentum=0.8), 3.0, 0.0
    for _ in range(30):
        v = 0.8 * v + float(downhill.slope(x))
        x -= 0.05 * v
        ball.step()
        assert ball.x == pytest.approx(x)


def test_a_schedule_shrinks_the_steps():
    ball = Ball(3.0, 0.5, schedule="step decay")
    for _ in range(61):
        ball.step()
    moved = np.abs(np.diff(ball.path)) / np.abs(ball.slopes[:-1])
    np.testing.assert_allclose(moved, [0.5] * 50 + [0.15] * 11, rtol=1e-9)


def test_the_verdicts():
    assert Ball(3.0, 0.1).verdict == "ready"
    assert rolled(3, 0.001, steps=20).verdict == "crawling"
    assert rolled(3, 0.05, steps=3).verdict == "smooth"
    assert rolled(3, 0.3, steps=10).verdict == "overshooting"
    assert rolled(3, 9.0, steps=500).verdict == "diverged"
    assert rolled(-0.7, 0.1).verdict == "in the global minimum at -0.6283"
    top = downhill.tops()[2].x
    assert rolled(top, 0.1).verdict == f"balanced on a maximum at {top:.4f}"


def test_a_small_rise_is_overshooting_all_the_same():
    ball = Ball(downhill.global_minimum().x + 0.02, 0.16)  # f″ ≈ 13.5 there, and 0.16 · 13.5 > 2
    ball.step()
    assert 1e-4 < ball.heights[1] - ball.heights[0] < 2e-3
    assert ball.verdict == "overshooting"


def test_what_is_left_of_momentum_at_rest_is_no_overshooting():
    ball = Ball(3.0, 0.1, "momentum", 0.9)
    ball.run(400)
    assert ball.verdict == "in the global minimum at -0.6283"
    for _ in range(20):
        ball.step()
        assert ball.verdict in ("in the global minimum at -0.6283", "smooth")


@given(st.floats(-6, 6), st.sampled_from([0.02, 0.05, 0.1]))
def test_a_ball_at_rest_says_in_which_valley_it_lies(start, lr):
    ball = rolled(start, lr, steps=3000)
    nearest = min(downhill.bottoms(), key=lambda bottom: abs(bottom.x - ball.x))
    if ball.verdict.startswith("balanced"):
        return
    assert f"at {nearest.x:.4f}" in ball.verdict
    assert ("global" in ball.verdict) is (nearest == downhill.global_minimum())
    # it lies in the valley that it began in: between the same two tops
    between = [sum(x > top.x for top in downhill.tops()) for x in (start, nearest.x)]
    assert between[0] == between[1]


def test_a_ball_that_has_gone_stays_away():
    ball = rolled(3, 50.0, steps=10_000)
    assert ball.is_gone
    before = list(ball.path)
    ball.step()
    assert ball.path == before


def test_reset_goes_back_and_forgets():
    ball = Ball(3.0, 0.1, "adam")
    ball.run(20)
    first = list(ball.path)
    ball.reset()
    assert (ball.x, ball.steps, ball.verdict) == (3.0, 0, "ready")
    ball.run(20)
    assert ball.path == first


def test_the_rate_can_change_while_the_ball_rolls():
    ball = Ball(3.0, 0.1)
    ball.step()
    ball.lr = 0.02
    x, slope = ball.x, ball.slope
    ball.step()
    assert ball.x == pytest.approx(x - 0.02 * slope)
    assert ball.lr == 0.02


def test_the_tangent_touches_the_curve():
    ball = Ball(1.3)
    h = 1e-6
    assert ball.tangent(1.3) == pytest.approx(ball.f)
    assert ball.tangent(1.3 + h) == pytest.approx(float(downhill.f(1.3 + h)), abs=1e-10)


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "magic"},
        {"schedule": "magic"},
        {"start": math.nan},
        {"start": 1e6},
        {"lr": -0.1},
        {"lr": math.nan},
        {"optimizer": "momentum", "momentum": 1.0},
    ],
)
def test_what_makes_no_sense_is_refused(settings):
    with pytest.raises(ValueError, match=r"magic|start|lr|momentum"):
        Ball(**settings)


# ---- ways out ----------------------------------------------------------------------------------------------------
def test_ways_out_of_a_poor_valley():
    ways = downhill.ways_out()
    assert ways["plain"].verdict == "stuck in a local minimum at 1.8848"
    assert ways["momentum 0.9"].verdict == "in the global minimum at -0.6283"
    assert ways["0.6, constant"].verdict == "overshooting"
    assert ways["0.6, shrinking"].verdict == "in the global minimum at -0.6283"
    assert ways["adam"].is_at_rest


def test_restarts_find_the_deepest_valley():
    balls = downhill.restarts()
    assert downhill.deepest(balls).verdict == "in the global minimum at -0.6283"
    assert len({round(ball.x, 2) for ball in balls}) > 2
    assert [ball.start for ball in balls] == [ball.start for ball in downhill.restarts()]
