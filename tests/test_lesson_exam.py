"""The exam predictor: what a plane cannot do and a hidden layer can, and a landscape with named places."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.lessons import exam


def test_the_score_without_luck_is_that_of_the_data():
    x, y = tg.data.exam(50, noise=0, rng=3)
    np.testing.assert_allclose(exam.actual_score(*x.T), y)


def test_the_plane_is_the_best_plane():
    plane, _ = exam.fitted()
    x, y = tg.data.exam(200, rng=0)
    rows = np.column_stack([np.ones(200), x])
    best = rows @ np.linalg.lstsq(rows, y, rcond=None)[0]
    np.testing.assert_allclose(exam.predict(plane, *x.T), best, atol=1e-6)
    assert plane.losses[-1] == pytest.approx(np.mean((best - y) ** 2) / 100**2)


def test_the_hidden_layer_bends_and_wins():
    plane, bent = exam.fitted()
    assert (len(plane.knobs), len(bent.knobs)) == (3, 2 * 16 + 16 + 16 + 1)
    assert bent.off < 4.5  # luck alone is 3
    assert plane.off > 10
    little, enough, too_much = (exam.predict(bent, hours, 8.0) for hours in (1.0, 7.0, 12.0))
    assert little < enough > too_much
    assert exam.predict(bent, 7.0, 5.0) < enough > exam.predict(bent, 7.0, 11.0)
    one, two, three = (exam.predict(plane, hours, 8.0) for hours in (2.0, 7.0, 12.0))
    assert one < two < three  # for a plane more is always better
    assert two - one == pytest.approx(three - two)


def test_scores_for_many_pupils_at_once():
    _, bent = exam.fitted()
    hours = np.linspace(1, 11, 5)
    grid = exam.predict(bent, hours[:, None], hours[None, :])
    assert grid.shape == (5, 5)
    assert grid[1, 3] == pytest.approx(exam.predict(bent, hours[1], hours[3]))


def test_places_of_the_landscape_are_what_they_are_called():
    land = exam.landscape(41)
    by_name = {}
    for place in land.places:
        by_name.setdefault(place.name, []).append(place)
        here = float(exam.bell_loss(place.weight_study, place.weight_sleep))
        around = [
            float(exam.bell_loss(place.weight_study + 0.01 * np.cos(t), place.weight_sleep + 0.01 * np.sin(t)))
            for t in np.linspace(0, 2 * np.pi, 16)
        ]
        assert here == pytest.approx(place.loss)
        assert max(around) < here if place.name == "maximum" else min(around) > here
    best, poor = by_name["global minimum"][0].loss, by_name["local minimum"][0].loss
    assert best < 0.7 * poor
    assert best <= land.heights.min() + 1e-12
    assert {name: len(places) for name, places in by_name.items()} == {
        "global minimum": 2,
        "local minimum": 2,
        "maximum": 1,
    }


def test_one_descent_finds_the_best_valley_and_one_does_not():
    found = [float(exam.bell_loss(*exam.roll(*start)[-1])) for start in exam.STARTS]
    lows = {place.name: place.loss for place in exam.landscape(41).places}
    assert found[0] == pytest.approx(lows["global minimum"], rel=1e-3)
    assert found[1] == pytest.approx(lows["local minimum"], rel=1e-3)
