"""The widgets without a browser: pressed and read as a learner would, in a loop as a kernel has it."""

import ast
import asyncio
import base64
import io
import math
import re
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

pytest.importorskip("ipywidgets")
matplotlib = pytest.importorskip("matplotlib")

from tinygrad_edu.lessons.downhill import STEPS  # noqa: E402
from tinygrad_edu.widgets import Downhill, Playground  # noqa: E402
from tinygrad_edu.widgets.net import short  # noqa: E402


def slope(x):
    """f′ of the lesson's curve, by hand."""
    return 0.24 * x + 2.4 * math.cos(2.4 * x) - 1.5 * math.sin(5 * x)


def height(x):
    """f, by hand."""
    return 0.12 * x**2 + math.sin(2.4 * x) + 0.3 * math.cos(5 * x)


def read(widget, name):
    found = re.search(rf'data-name="{re.escape(name)}"[^>]*>([^<]*)', widget._said.value + table(widget))
    assert found, name
    return found[1]


def table(widget):
    return widget._table.value if isinstance(widget, Playground) else ""


def pictures(widget):
    """Parsed, so that a picture that is no SVG fails."""
    return [ElementTree.fromstring(picture.value) for picture in widget._pictures]


# ---- downhill ----------------------------------------------------------------------------------------------------
def test_a_step_is_learning_rate_times_slope():
    widget, x = Downhill(), 3.0
    widget.lr.value = 0.05
    for step in range(1, 6):
        widget.step.click()
        x -= 0.05 * slope(x)
        assert read(widget, "step") == str(step)
        assert float(read(widget, "x")) == pytest.approx(x, abs=6e-5)
        assert float(read(widget, "f′(x)")) == pytest.approx(slope(x), abs=6e-5)


def test_the_picture_has_the_ball_its_tangent_and_its_path_on_the_curve():
    widget, path = Downhill(), [3.0]
    for _ in range(3):
        widget.step.click()
        path.append(path[-1] - 0.1 * slope(path[-1]))
    curve, behind, tail, tangent, ball = (line.get_xydata() for line in widget._figures[0].axes[0].lines)
    places = [[x, height(x)] for x in path]
    np.testing.assert_allclose(curve[:, 1], [height(x) for x in curve[:, 0]])
    np.testing.assert_allclose(behind, places[:-1])
    np.testing.assert_allclose(tail, places)
    np.testing.assert_allclose(ball, places[-1:])
    (left, low), (right, high) = tangent
    assert (high - low) / (right - left) == pytest.approx(slope(path[-1]))
    np.testing.assert_allclose([[(left + right) / 2, (low + high) / 2]], ball)
    line, last = (line.get_xydata() for line in widget._figures[1].axes[0].lines)
    np.testing.assert_allclose(line, [[step, height(x)] for step, x in enumerate(path)])
    np.testing.assert_allclose(last, line[-1:])


def test_a_run_ends_where_the_lesson_says():
    async def run():
        widget = Downhill(start=3.0, lr=0.1)
        widget.run.click()
        assert widget.run.description == "Pause"
        await widget._runner.task
        assert widget.run.description == "Run"
        return widget

    widget = asyncio.run(run())
    assert read(widget, "x") == "1.8848"
    assert read(widget, "verdict") == "stuck in a local minimum at 1.8848"


def test_a_run_takes_so_many_steps_at_most_and_goes_on_when_asked(monkeypatch):
    monkeypatch.setattr("tinygrad_edu.widgets.downhill.STEPS", 4)

    async def run():
        widget = Downhill(start=3.0, lr=0.01)
        for steps in (4, 8):
            widget.run.click()
            await widget._runner.task
            assert read(widget, "step") == str(steps)
        assert not widget._runner.is_running

    asyncio.run(run())


def test_paused_it_stays_where_it_is():
    async def run():
        widget = Downhill(start=3.0, lr=0.01)
        widget.run.click()
        while widget.ball.steps < 2:
            await asyncio.sleep(0)
        widget.run.click()
        steps = widget.ball.steps
        for _ in range(5):
            await asyncio.sleep(0.05)
        assert widget.ball.steps == steps
        assert widget.run.description == "Run"
        widget.run.click()  # and on
        while widget.ball.steps == steps:
            await asyncio.sleep(0)
        widget.reset.click()
        assert (widget.ball.steps, widget.ball.x) == (0, 3.0)
        assert not widget._runner.is_running

    asyncio.run(run())


def test_another_rate_counts_from_the_next_step_and_another_start_begins_again():
    async def run():
        widget = Downhill(start=3.0, lr=0.01)
        widget.run.click()
        await asyncio.sleep(0)
        widget.lr.value = 0.1
        assert widget._runner.is_running
        before = widget.ball.steps
        assert before >= 1
        while widget.ball.steps == before:
            await asyncio.sleep(0)
        x = widget.ball.path[before]
        assert widget.ball.path[before + 1] == pytest.approx(x - 0.1 * slope(x))
        widget.start.value = -4.0
        assert widget._runner.is_running
        assert (widget.ball.steps, widget.ball.x) == (0, -4.0)
        await widget._runner.task
        assert read(widget, "verdict") == "stuck in a local minimum at -3.1407"

    asyncio.run(run())


def test_optimizer_momentum_and_schedule_are_those_of_the_ball():
    widget = Downhill()
    assert widget.momentum.disabled
    widget.optimizer.value = "momentum"
    assert not widget.momentum.disabled
    widget.momentum.value = 0.5
    widget.schedule.value = "cosine"
    ball = widget.ball
    assert (ball.optimizer, ball.momentum, ball.schedule, ball.steps) == ("momentum", 0.5, "cosine", 0)
    widget.step.click()
    widget.step.click()
    first, second, third = ball.path
    moved = second - first
    rate = 0.1 * (1 + math.cos(math.pi / STEPS)) / 2  # cosine, after one step
    assert moved == pytest.approx(-0.1 * slope(3.0))
    assert third == pytest.approx(second + 0.5 * moved * rate / 0.1 - rate * slope(second))


def test_sliders_reach_what_was_asked_for():
    widget = Downhill(start=8.0, lr=9.5, optimizer="momentum", momentum=0.995)
    assert (widget.start.value, widget.lr.value, widget.momentum.value) == (8.0, 9.5, 0.995)
    assert (widget.start.min, widget.lr.min) == (-6, 0.01)
    widget = Playground(lr=100.0)
    assert widget.lr.value == widget.stepper.lr == 100.0


def test_a_rate_of_nine_and_a_half_is_too_large():
    """Far out f′(x) ≈ 0.24·x, so that each step takes x to about (1 − 0.24·9.5)·x = −1.28·x."""
    widget = Downhill(start=6.0, lr=9.5)
    widget.ball.run(100)
    widget.step.click()
    assert read(widget, "verdict") == "diverged"


def test_the_rate_is_the_slider_times_one_or_ten():
    widget = Downhill(start=6.0)
    widget.step.click()
    widget.lr.value = 0.95
    widget.times.value = 10
    assert (read(widget, "step"), read(widget, "rate")) == ("1", "9.5")  # counts from the next step on
    x = 6.0 - 0.1 * slope(6.0)
    widget.step.click()
    assert float(read(widget, "x")) == pytest.approx(x - 9.5 * slope(x), abs=6e-5)
    widget.optimizer.value = "adam"
    assert (read(widget, "step"), read(widget, "rate")) == ("0", "9.5")
    widget.times.value = 1
    assert read(widget, "rate") == "0.95"


# From whichever start and with whichever of these settings, the ball turns back: 0.24 · rate < 2 · (1 + momentum).
@pytest.mark.parametrize("setting", [{"lr": 1.2}, {"lr": 8.0}, {"lr": 0.52, "momentum": 0.99}])
@pytest.mark.parametrize("start", [-6.0, 3.0, 5.9])
def test_a_ball_that_will_turn_back_has_not_diverged(start, setting):
    widget = Downhill(start=start, optimizer="momentum" if "momentum" in setting else "sgd", **setting)
    widget.ball.run(1000)
    widget._show()
    assert widget.ball.steps == 1000
    assert read(widget, "verdict") == "overshooting"


def test_pictures_of_a_long_way_stay_small():
    widget = Downhill(lr=1.2)
    widget.ball.run(STEPS)
    widget._show()
    before = [len(picture.value) for picture in widget._pictures]
    widget.ball.run(10 * STEPS)
    widget._show()
    assert widget.ball.steps == 11 * STEPS
    assert len(widget._pictures[0].value) < 1.2 * before[0]
    assert sum(len(picture.value) for picture in widget._pictures) < 200_000


@pytest.mark.parametrize(
    ("verdict", "steps", "settings"),
    [
        ("ready", 0, {}),
        ("crawling", 5, {"lr": 0.01}),
        ("smooth", 3, {"lr": 0.05}),
        ("overshooting", 10, {"lr": 0.3}),
        ("diverged", 60, {"lr": 0.95, "times": 10}),
        ("stuck in a local minimum at 1.8848", 50, {}),
        ("stuck in a local minimum at -3.1407", 200, {"start": -4.0, "lr": 0.01}),
        ("in the global minimum at -0.6283", 400, {"optimizer": "momentum"}),
    ],
)
def test_every_verdict_can_be_had_from_the_controls(verdict, steps, settings):
    widget = Downhill()
    for control, value in settings.items():
        getattr(widget, control).value = value
    widget.ball.run(steps)
    widget._show()
    assert read(widget, "verdict") == verdict
    assert verdict in repr(widget)


def test_a_random_start_puts_the_ball_back_even_where_it_was():
    class Same:
        def uniform(self, low, high):
            return 3.0

    widget = Downhill(start=3.0)
    widget._rng = Same()
    widget.step.click()
    widget.random.click()
    assert (read(widget, "step"), read(widget, "x")) == ("0", "3.0000")


def test_random_starts_are_on_the_curve_and_come_again_with_the_seed():
    starts = []
    for _ in range(2):
        widget = Downhill(seed=1)
        for _ in range(3):
            widget.random.click()
            assert widget.ball.x == widget.start.value
            assert -6 <= widget.ball.x <= 6
            starts.append(widget.ball.x)
    assert starts[:3] == starts[3:]
    assert len(set(starts)) == 3


@pytest.mark.filterwarnings("error")
def test_a_ball_that_flies_away_is_drawn_all_the_same():
    widget = Downhill(start=3.0)
    widget.ball.lr = 1e3
    widget.ball.run(60)
    widget.step.click()
    assert read(widget, "verdict") == "diverged"
    widget.ball.lr = 1e300
    widget.reset.click()
    widget.ball.run(3)
    widget.step.click()
    assert read(widget, "verdict") == "diverged"
    assert len(pictures(widget)) == 2


# ---- the playground ----------------------------------------------------------------------------------------------
def test_forward_backward_update_give_the_lesson():
    widget = Playground()
    widget.forward.click()
    assert read(widget, "loss") == "0.8962500"
    assert read(widget, "W2[2,3]") == "-0.5000"
    widget.backward.click()
    for entry, gradient in {"b2[1]": "-0.5500", "W2[2,2]": "-0.0125", "W1[0,2]": "0.4400", "W1[1,2]": "0.0000"}.items():
        assert read(widget, f"gradient of {entry}") == gradient
    widget.update.click()
    assert read(widget, "loss") == "not known yet"
    assert float(read(widget, "W1[0,2]")) == pytest.approx(0.1 - 0.1 * 0.44, abs=6e-5)
    widget.forward.click()
    assert read(widget, "loss") == "0.7257526"


def test_nodes_and_pixels_show_the_image_on_its_way():
    widget = Playground()
    widget.image.value = 2  # 0 0 1 0, whose flip is another image
    widget.backward.click()
    stepper, rows = widget.stepper, (3.5, 2.5, 1.5, 0.5)
    for number, columns in (
        (0, {1.0: stepper.seen.h, 2.0: stepper.seen.prediction}),
        (1, {1.0: stepper.gradients["b1"], 2.0: stepper.gradients["b2"]}),
    ):
        axes = widget._figures[number].axes[0]
        words = {tuple(text.xy): text.get_text() for text in axes.texts}
        for x, values in columns.items():
            for y, value in zip((3.0, 2.0, 1.0) if len(values) == 3 else rows, values, strict=True):
                assert words[x, y] == short(float(value))
    axes = widget._figures[0].axes[0]
    squares = {tuple(line.get_xydata()[0]): line.get_color() for line in axes.lines if line.get_marker() == "s"}
    for x, image in ((0.0, "0010"), (2.42, "0100")):
        for y, pixel in zip(rows, image, strict=True):
            assert squares[x, y] == {"0": "#ffffff", "1": "#010101"}[pixel]
    assert [pixel.style.button_color for pixel in widget.pixels] == ["white", "white", "black", "white"]


def test_the_picture_of_losses_has_them_all_and_the_floor():
    widget = Playground()
    widget.learns.value = True
    widget.lr.value = 1.0
    for _ in range(3):
        widget.update.click()
    assert widget.stepper.lr == 1.0
    widget.forward.click()
    line, floor = (line.get_xydata() for line in widget._figures[2].axes[0].lines)
    np.testing.assert_allclose(line, list(enumerate(widget.stepper.losses)))
    assert len(line) == 4
    np.testing.assert_allclose(floor[:, 1], 1 / 16)


@pytest.mark.parametrize("hidden", [3, 4])
def test_each_line_belongs_to_its_parameter(hidden):
    """A line's ends are the places of what it joins, its width and dashes tell size and sign of what belongs there."""
    widget = Playground(hidden, seed=3)
    widget.learns.value = True
    widget.backward.click()
    rows = {3: (3.0, 2.0, 1.0), 4: (3.5, 2.5, 1.5, 0.5)}
    for number, values in ((0, widget.stepper.weights), (1, widget.stepper.gradients)):
        drawn = {}
        for line in widget._figures[number].axes[0].lines:
            if len(line.get_xdata()) == 2:
                drawn[(*line.get_xdata(), *line.get_ydata())] = line
        assert len(drawn) == sum(value.size for value in values.values())
        largest = max(abs(value).max() for value in values.values())
        largest = max(1.0, largest) if number == 0 else largest
        for column, left, right in ((0, rows[4], rows[hidden]), (1, rows[hidden], rows[4])):
            weight, bias = values[f"W{column + 1}"], values[f"b{column + 1}"]
            for j, end in enumerate(right):
                lines = [drawn[column, column + 1, start, end] for start in left]
                lines.append(drawn[column, column + 1, -0.55, end])
                for line, value in zip(lines, [*weight[:, j], bias[j]], strict=True):
                    if value == 0:
                        assert line.get_linestyle() == ":" or line.get_linewidth() < 0.9
                        continue
                    assert line.get_linewidth() == pytest.approx(0.7 + 3.6 * abs(value) / largest)
                    assert line.get_color() == ("#0072B2" if value > 0 else "#D55E00")


def test_gradients_land_on_their_lines_one_parameter_after_the_other():
    widget = Playground()
    titles = []
    for _ in range(7):
        widget.next.click()
        (title,) = re.findall(r"Gradients: (\d+) of 31", widget._pictures[1].value)
        titles.append(int(title))
    assert titles == [0, 0, 0, 4, 16, 19, 31]
    axes = widget._figures[1].axes[0]
    lines = [line for line in axes.lines if len(line.get_xdata()) == 2]
    assert len(lines) == 31
    # 4 + 4 are negative: orange and dashed; W1's column 2 and its bias positive: blue and whole. Unit 0 is on the kink.
    colours = [(line.get_color(), line.get_linestyle()) for line in lines]
    assert colours.count(("#D55E00", "--")) == 8
    assert colours.count(("#0072B2", "-")) in (4, 8)


def test_pixels_and_list_are_the_same_image():
    widget = Playground()
    widget.pixels[1].click()
    assert widget.image.value == 15
    widget.image.value = 4
    assert [pixel.description for pixel in widget.pixels] == ["0", "1", "0", "0"]
    np.testing.assert_array_equal(widget.stepper.image, [0, 1, 0, 0])
    np.testing.assert_array_equal(widget.stepper.target, [0, 0, 1, 0])


def test_training_runs_until_it_has_learned():
    async def run():
        widget = Playground()
        widget.train.click()
        assert widget.train.description == "Pause"
        await widget._runner.task
        assert widget.train.description == "Train"
        assert float(read(widget, "loss")) < 1e-6

    asyncio.run(run())


def test_training_that_gets_nowhere_ends(monkeypatch):
    monkeypatch.setattr("tinygrad_edu.widgets.playground.STEPS", 8)

    async def run():
        widget = Playground()
        widget.learns.value = True
        for steps in (8, 16):
            widget.train.click()
            await widget._runner.task
            assert read(widget, "step") == str(steps)

    asyncio.run(run())


def test_the_floor_is_drawn_where_there_is_one():
    widget = Playground()
    widget.learns.value = True
    widget.forward.click()
    assert read(widget, "floor") == "0.0625"
    assert "floor 1/16" in widget._pictures[2].value
    widget.hidden.value = 4
    assert read(widget, "floor") == "0.0000"
    assert "floor 1/16" not in widget._pictures[2].value
    assert "of 40" in widget._pictures[1].value


def test_weights_of_the_lesson_and_random_ones():
    widget = Playground()
    widget.random.click()
    assert read(widget, "weights") == "random, seed 0"
    first = widget.stepper.weights["W1"].copy()
    widget.random.click()
    assert not np.array_equal(first, widget.stepper.weights["W1"])
    widget.hidden.value = 4
    assert widget.stepper.weights["W1"].shape == (4, 4)
    widget.lesson.click()
    assert widget.hidden.value == 3
    assert read(widget, "weights") == "of the lesson"
    assert widget.stepper.weights["W1"][0, 1] == -0.5


@pytest.mark.filterwarnings("error")
def test_a_loss_that_blows_up_is_said_and_drawn():
    async def run():
        widget = Playground(lr=10.0)
        widget.learns.value = True
        widget.stepper.train(500)
        widget.train.click()
        await widget._runner.task
        assert "blown up" in widget._said.value
        widget.backward.click()
        widget.update.click()
        assert len(pictures(widget)) == 3
        widget.reset.click()
        assert "blown up" not in widget._said.value

    asyncio.run(run())


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.5, "0.5"),
        (-0.0125, "−0.013"),
        (0.0, "0"),
        (1e-3, "0.001"),
        (999.4, "999"),
        (999.6, "1e3"),
        (-4e152, "−4e152"),
        (-np.inf, "−∞"),
    ],
)
def test_numbers_fit_into_nodes(value, shown):
    assert short(value) == shown


# ---- both --------------------------------------------------------------------------------------------------------
both = pytest.mark.parametrize("kind", [Downhill, Playground])


@both
def test_every_picture_says_in_words_what_it_shows(kind):
    widget = kind()
    for picture in pictures(widget):
        assert picture.get("role") == "img"
        assert len(picture.get("aria-label")) > 20


@both
def test_pictures_take_the_colours_of_the_page(kind):
    for picture in kind()._pictures:
        assert "#000000" not in picture.value
        assert "currentColor" in picture.value
        assert "<style" not in picture.value  # it would be for all of the page


@both
def test_it_is_stored_with_a_picture_beside_its_view(kind):
    widget = kind()
    bundle = widget._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == widget.model_id
    assert bundle["text/plain"] == repr(widget)
    assert len(repr(widget)) < 100
    image = matplotlib.image.imread(io.BytesIO(base64.b64decode(bundle["image/png"])))
    assert image.shape[1] > 800
    assert image[..., :3].std() > 0.05  # something is drawn


def test_without_ipywidgets_one_sentence_says_what_to_install():
    code = "import sys; sys.modules['ipywidgets'] = None\nimport tinygrad_edu.widgets"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.rstrip().endswith(
        "ImportError: A widget needs the package ipywidgets; install it with: pip install 'tinygrad-edu[notebooks]'"
    )


def test_the_package_does_not_import_them():
    code = "import sys, tinygrad_edu; print([name for name in sys.modules if 'widgets' in name])"
    assert ast.literal_eval(subprocess.check_output([sys.executable, "-c", code], text=True)) == []
