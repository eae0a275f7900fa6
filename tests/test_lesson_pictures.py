"""Pictures that only notebooks draw: what is in them is what they were given."""

import numpy as np
import pytest

from tinygrad_edu import lessons
from tinygrad_edu.lessons import losses, pictures

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
