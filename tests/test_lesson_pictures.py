"""The lessons' pictures: what is in them is what they were given."""

import numpy as np
import pytest

from tinygrad_edu import lessons
from tinygrad_edu.lessons import downhill, exam, flip, losses, pictures

pytest.importorskip("matplotlib")


def test_constants_are_lowest_at_their_markers():
    best = losses.constants()
    (axes,) = pictures.constants(best).axes
    curves, markers = axes.lines[0:6:2], axes.lines[1:6:2]
    for (name, constant), curve, marker in zip(best.items(), curves, markers):
        guesses, costs = curve.get_data()
        assert min(costs) == pytest.approx(1, abs=1e-2)
        assert guesses[np.argmin(costs)] == pytest.approx(constant, abs=0.05)
        assert marker.get_xdata()[0] == constant
        assert marker.get_label() == f"{name}, lowest at {constant:.2f}"


def test_images_are_those_given():
    pixels = np.random.default_rng(0).random((13, 64))
    figure = pictures.images(pixels, range(13), columns=5)
    shown = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in shown] == [str(k) for k in range(13)]
    for axes, image in zip(shown, pixels):
        np.testing.assert_array_equal(axes.images[0].get_array(), image.reshape(8, 8))
    assert not any(axes.axison for axes in figure.axes)  # no frames, and none around the places left over


def test_no_weight_has_the_colour_in_the_middle():
    given = np.linspace(-1, 3, 3 * 16).reshape(3, 4, 4)
    figure = pictures.weights(given)
    assert len(figure.axes) == 3
    for axes, weights in zip(figure.axes, given):
        assert axes.images[0].get_clim() == (-3, 3)
        np.testing.assert_array_equal(axes.images[0].get_array(), weights)


def test_confusion_counts_and_can_be_read():
    counts = np.diag([30, 1, 0]) + np.eye(3, k=1, dtype=int) * 2
    (axes,) = pictures.confusion(counts).axes
    written = {text.get_position(): (text.get_text(), text.get_color()) for text in axes.texts}
    assert written == {
        (0, 0): ("30", "white"),
        (1, 0): ("2", "black"),
        (1, 1): ("1", "black"),
        (2, 1): ("2", "white"),
    }
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("answer", "truth")


def test_curves_are_drawn_two_by_two_below_their_verdicts():
    found = lessons.curves.examples()
    figure = pictures.curves(found)
    assert len(figure.axes) == 4
    for axes, curve in zip(figure.axes, found):
        assert axes.get_title() == f"{curve.title}\n{curve.diagnosis.verdict}"
        assert axes.get_ylim()[0] == 0
        assert axes.get_ylim()[1] > max(*curve.losses, *curve.validation)


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
    x, y = next(line.get_data() for line in left.lines if len(line.get_xdata()) == 2 and line.get_linewidth() == 2)
    assert np.isclose((y[1] - y[0]) / (x[1] - x[0]), ball.slope)
    assert np.isclose(np.interp(ball.x, x, y), ball.f)
    points = {point for line in left.lines for point in zip(*map(list, line.get_data()))}
    assert points >= set(zip(ball.path, ball.heights))
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
