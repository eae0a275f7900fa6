"""The lessons' pictures show what the lessons found."""

import numpy as np
import pytest

from tinygrad_edu.lessons import downhill, exam, flip

pytest.importorskip("matplotlib", reason="pictures need the extra plot: pip install -e '.[plot]'")

from tinygrad_edu.lessons import pictures


def line(axes, label):
    """(x, y) of the line with that label, or one that begins so."""
    return next(found for found in axes.lines if str(found.get_label()).startswith(label)).get_data()


def slope(axes, label):
    x, y = line(axes, label)
    return (y[-1] - y[0]) / (x[-1] - x[0])


def test_the_valleys_are_named():
    (axes,) = pictures.valleys().axes
    assert [text.get_text().splitlines()[-1].replace("−", "-") for text in axes.texts] == [
        "-5.6492",
        "-3.1407",
        "-0.6283",
        "1.8848",
        "4.3956",
    ]
    assert [text.get_text().split("\n")[0] for text in axes.texts].index("global minimum") == 2


@pytest.mark.parametrize("steps", [0, 4, 200])
def test_the_tangent_touches_the_curve_where_the_ball_lies(steps):
    ball = downhill.Ball(3.0, 0.1)
    ball.run(steps)
    left, right = pictures.ball(ball).axes
    x, y = line(left, "tangent")
    assert np.isclose(slope(left, "tangent"), ball.slope)
    assert np.allclose(np.interp(ball.x, x, y), ball.f)
    assert np.allclose(line(left, "ball"), [[ball.x], [ball.f]])
    assert list(line(left, "its path")[0]) == ball.path
    assert list(right.lines[0].get_ydata()) == ball.heights
    assert right.get_title() == ball.verdict


def test_at_the_kink_there_are_two_slopes_and_the_central_difference_is_between_them():
    model = flip.traced_network()
    before = [parameter.data.copy() for parameter in model.parameters()]
    (axes,) = pictures.kink(model).axes
    assert abs(slope(axes, "left slope")) < 1e-9
    assert np.isclose(slope(axes, "right slope"), 0.2)
    assert 0 < slope(axes, "central difference") < 0.2
    x, y = line(axes, "loss")
    assert np.isclose(np.interp(0, x, y), 0.89625)
    assert all(np.array_equal(a, b.data) for a, b in zip(before, model.parameters()))


def test_no_start_is_drawn_below_the_floor_of_three_units():
    tried = {hidden: flip.train_all(hidden, flip.Settings(steps=50)) for hidden in (3, 4)}
    three, four = pictures.flip(tried).axes
    assert set(line(three, "the floor")[1]) == {1 / 16}
    assert len(three.lines) == 1 + len(tried[3].starts)
    assert min(min(curve.get_ydata()) for curve in three.lines) == 1 / 16
    assert not any(str(curve.get_label()).startswith("the floor") for curve in four.lines)
    assert list(line(four, "the best start")[1]) == tried[4].best.run.losses


def test_the_surface_of_a_plane_has_straight_contours_and_the_others_have_not():
    figure = pictures.exam_surfaces(*exam.fitted())
    assert [axes.get_title() for axes in figure.axes[:3]] == ["a plane", "a hidden layer of 16", "the truth"]
    bends = [max(map(bend, axes.collections[1].get_paths())) for axes in figure.axes[:3]]
    assert bends[0] < 1e-6
    assert min(bends[1:]) > 1


def bend(path):
    """How far a contour is from the straight line through its ends."""
    x, y = (path.vertices - path.vertices[0]).T if len(path.vertices) > 2 else (np.zeros(3), np.zeros(3))
    end = max(range(len(x)), key=lambda k: np.hypot(x[k], y[k]))
    return np.max(np.abs(x * y[end] - y * x[end])) / (np.hypot(x[end], y[end]) or 1)
