"""Pictures: they show the numbers that were given, what blows up leaves with a mark, and the file is a picture."""

import io
import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg

pytest.importorskip("matplotlib")
import matplotlib.image


def ydata(axes):
    return [list(line.get_ydata()) for line in axes.lines]


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def marks(axes):
    """(x, y) of the marks on the edges, y being 0 or 1."""
    return [tuple(point) for points in axes.collections for point in points.get_offsets().tolist()]


def drawn(figure):
    """The figure as pixels: it renders without a warning, and something is on it."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=40)
    file.seek(0)
    pixels = matplotlib.image.imread(file)[..., :3]
    assert np.mean(pixels < 0.9) > 0.005
    return pixels


# ---- curves ------------------------------------------------------------------------------------------------------
def test_losses_of_several_runs_by_name(tmp_path):
    runs = {"SGD": [4.0, 2.0, 1.0], "Adam": [4.0, 1.0, 0.5, 0.25]}
    figure = tg.plot.losses(runs, tmp_path / "losses.png")
    assert (tmp_path / "losses.png").read_bytes().startswith(b"\x89PNG")
    (axes,) = figure.axes
    assert ydata(axes) == list(runs.values())
    assert [list(line.get_xdata()) for line in axes.lines] == [[1, 2, 3], [1, 2, 3, 4]]
    assert legend(axes) == ["SGD", "Adam"]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("step", "loss", "log")
    looks = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in axes.lines}
    assert all(len(set(column)) == 2 for column in zip(*looks, strict=True))  # each alone tells them apart


def test_losses_of_histories_are_by_the_epoch():
    history = tg.History()
    history.record("epochs", loss=1.0)
    history.record("epochs", loss=0.5)
    (axes,) = tg.plot.losses({"run": history}).axes
    assert ydata(axes) == [[1.0, 0.5]]
    assert axes.get_xlabel() == "epoch"
    with pytest.raises(ValueError, match="draw them apart"):
        tg.plot.losses({"a": history, "b": [1.0]})


@pytest.mark.parametrize("end", [math.nan, math.inf, 1e9])
def test_what_blows_up_leaves_the_picture_with_a_mark(end):
    figure = tg.plot.losses({"good": [1.0, 0.5, 0.2, 0.1], "bad": [1.0, 2.0, end, end]})
    (axes,) = figure.axes
    assert legend(axes) == ["good", "bad (off the picture from step 3)"]
    assert marks(axes) == [(3.0, 1.0)]
    assert ydata(axes)[0] == [1.0, 0.5, 0.2, 0.1]
    assert axes.get_ylim()[1] <= 100
    drawn(figure)


def test_a_jump_that_comes_back_is_no_blow_up():
    (axes,) = tg.plot.losses({"jumpy": [1.0, 1e6, math.nan, 0.1]}).axes
    assert legend(axes) == ["jumpy"]
    assert marks(axes) == []


def test_losses_may_be_tensors_zero_or_negative():
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    (axes,) = tg.plot.losses({"tensors": [np.sum(w * w), np.float32(2.0), np.array(1.0), 0.0]}).axes
    assert ydata(axes) == [[5.0, 2.0, 1.0, 0.0]]
    assert axes.get_yscale() == "log"
    assert tg.plot.losses({"likelihood": [1.0, -1.0]}).axes[0].get_yscale() == "linear"


numbers = st.floats(width=64) | st.sampled_from([0.0, 1.0, 1e308, -1e308, math.inf, math.nan])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(numbers, min_size=1, max_size=6), min_size=1, max_size=9))
def test_any_losses_can_be_drawn(runs):
    drawn(tg.plot.losses({f"run {i}": run for i, run in enumerate(runs)}))


def test_a_history_with_nothing_but_nan_can_be_drawn():
    drawn(tg.plot.history({"loss": [math.nan, math.nan], "val_loss": [math.nan, math.inf]}))


def test_history_leaves_gaps_where_nothing_was_measured():
    losses, metrics = tg.plot.history({"loss": [1.0, 0.5], "val_loss": [math.nan, 0.7], "accuracy": [0.1, 0.9]}).axes
    np.testing.assert_array_equal(ydata(losses), [[1.0, 0.5], [math.nan, 0.7]])
    assert ydata(metrics) == [[0.1, 0.9]]
    assert legend(losses) == ["training loss", "validation loss"]


def descent(rate, steps=40):
    """The lesson's one weight: error (2w − 10)²/2 from w = 1, with the slope 2(2w − 10)."""
    w, losses = 1.0, []
    for _ in range(steps):
        losses.append((2 * w - 10) ** 2 / 2)
        w -= rate * 2 * (2 * w - 10)
    return losses


def test_learning_rates_side_by_side():
    rates = [0.6, 0.01, 0.25, 0.5]
    runs = {rate: descent(rate) for rate in rates}
    figure = tg.plot.learning_rates(runs)
    left, right = figure.axes
    assert [name.split()[0] for name in legend(left)] == ["0.01", "0.25", "0.5", "0.6"]
    assert "off the picture" in legend(left)[3]
    assert ydata(left)[:3] == [runs[rate] for rate in sorted(rates)[:3]]
    assert list(right.lines[0].get_xdata()) == sorted(rates)
    np.testing.assert_array_equal(ydata(right)[0], [runs[0.01][-1], math.nan, runs[0.5][-1], math.nan])
    assert marks(right) == [(0.6, 1.0), (0.25, 0.0)]  # blown up; exactly 0 after one step, which a logarithm is not
    assert legend(right) == ["last loss", "blown up", "exactly 0"]
    drawn(figure)
    with pytest.raises(ValueError, match="must be positive"):
        tg.plot.learning_rates({0.0: [1.0]})


def test_error_against_step_size_shows_the_order_of_the_method():
    h = np.logspace(-3, 0, 13)
    errors = {"forward": h / 2, "central": h**2 / 6, "exact": np.zeros(13), "gaps": np.where(h > 0.1, np.nan, h)}
    figure = tg.plot.step_sizes(h, errors)
    (axes,) = figure.axes
    for line, order in zip(axes.lines[:2], (1, 2), strict=True):
        x, y = np.log(line.get_xdata()), np.log(line.get_ydata())
        np.testing.assert_allclose(np.diff(y) / np.diff(x), order)
    assert [point for point in marks(axes) if point[0] in h] == [(step, 0.0) for step in h]
    assert "errors of 0 on the axis" in axes.get_xlabel()
    drawn(figure)
    with pytest.raises(ValueError, match="'central' has 2 errors for 13 steps"):
        tg.plot.step_sizes(h, {"central": [1.0, 2.0]})
    with pytest.raises(ValueError, match="step sizes must be positive"):
        tg.plot.step_sizes([0.0], {"central": [1.0]})


def test_curves_refuse_what_is_not_there():
    with pytest.raises(ValueError, match="no run to draw"):
        tg.plot.losses({})
    with pytest.raises(ValueError, match="'a' has no numbers"):
        tg.plot.losses({"a": []})


# ---- landscapes --------------------------------------------------------------------------------------------------
def bowl(a, b):
    return a * a + 2 * b * b + 1


def contour_points(axes):
    """(level, points on it) of the contour lines."""
    lines = axes.collections[1]
    return [(level, path.vertices) for level, path in zip(lines.levels, lines.get_paths(), strict=True)]


def test_contours_lie_where_the_function_has_their_value():
    figure = tg.plot.landscape(bowl, (-2, 2), (-1, 1.5), names=("w", "b"), points=81)
    surface, above = figure.axes[:2]
    found = [np.abs(bowl(*points.T) - level).max() for level, points in contour_points(above) if len(points)]
    assert len(found) > 5
    assert max(found) < 0.02
    assert (above.get_xlabel(), above.get_ylabel(), surface.get_zlabel()) == ("w", "b", "loss")
    assert above.get_xlim() == (-2, 2)
    assert above.get_ylim() == (-1, 1.5)
    drawn(figure)


def test_steep_landscapes_are_drawn_as_logarithms():
    figure = tg.plot.landscape(lambda a, b: np.exp(3 * a), (-2, 2), (-1, 1), points=41)
    surface, above = figure.axes[:2]
    assert surface.get_zlabel() == "log₁₀ of the loss"
    for level, points in contour_points(above):
        if len(points):
            np.testing.assert_allclose(points[:, 0], level * math.log(10) / 3, atol=1e-6)


def test_the_descent_is_drawn_as_it_was():
    walked = np.array([(1.5, 1.0), (0.5, 0.2), (0.1, 0.0)])
    figure = tg.plot.landscape(bowl, (-2, 2), (-2, 2), descent=walked, points=11)
    surface, above = figure.axes[:2]
    np.testing.assert_array_equal(above.lines[1].get_xydata(), walked)
    np.testing.assert_allclose(np.transpose(surface.lines[1].get_data_3d())[:, 2], bowl(*walked.T))
    assert legend(above) == ["descent, 2 steps", "start", "end"]


def test_a_descent_that_leaves_says_when():
    walked = [(1.0, 1.0), (-1.0, 1.0), (5.0, 1.0), (-50.0, math.inf)]
    figure = tg.plot.landscape(bowl, (-2, 2), (-2, 2), descent=walked, points=11)
    assert legend(figure.axes[1]) == ["descent, off the picture from step 2", "start"]
    drawn(figure)


def gorge(a, b):
    return math.nan if a < 0 else 1e200 if b > 0.9 else 1e6 if a == 1 and b == 0.5 else a


def test_where_the_loss_has_blown_up_nothing_is_drawn():
    figure = tg.plot.landscape(gorge, (-2, 2), (0, 1), points=41)
    above = figure.axes[1]
    assert above.get_title() == "The same from above (grey: blown up; what is far off is cut)"
    assert all(points[:, 0].min() >= 0 for _, points in contour_points(above) if len(points))
    assert max(level for level, _ in contour_points(above)) < 10
    drawn(figure)
    with pytest.raises(ValueError, match="not finite anywhere"):
        tg.plot.landscape(lambda a, b: math.nan, (0, 1), (0, 1), points=5)


def test_a_flat_landscape_can_be_drawn():
    drawn(tg.plot.landscape(lambda a, b: 0.0, (0, 1), (0, 1), points=5, descent=[(0.5, 0.5)]))


def test_landscape_refuses_with_a_reason():
    with pytest.raises(ValueError, match="the range of y must go up"):
        tg.plot.landscape(bowl, (0, 1), (1, 1))
    with pytest.raises(ValueError, match=r"got shape \(3,\)"):
        tg.plot.landscape(bowl, (0, 1), (0, 1), descent=[1, 2, 3])


@pytest.fixture
def net():
    return tg.nn.Sequential(tg.nn.Linear(2, 3, rng=0), tg.nn.Tanh(), tg.nn.Linear(3, 1, rng=1))


X, Y = np.array([[1.0, 2.0], [-1.0, 0.5]]), np.array([[1.0], [-1.0]])


def test_a_model_is_left_as_it_was(net):
    before, seen = net.state_dict(), []

    def loss():
        seen.append(tg.nn.mse_loss(net(X), Y))
        if len(seen) == 40:
            raise KeyboardInterrupt
        return seen[-1]

    with pytest.raises(KeyboardInterrupt):
        tg.plot.model_landscape(net, loss, points=9, rng=0)
    after = net.state_dict()
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert not any(value.requires_grad for value in seen)
    assert len({value.item() for value in seen}) > 30  # it did move


def test_random_directions_are_as_long_as_the_parameters(net):
    lengths = []

    def loss():
        moved = [
            np.linalg.norm(p.data - old) / np.linalg.norm(old) for p, old in zip(net.parameters(), own) if old.any()
        ]
        lengths.append(moved)
        return 1.0 + sum(moved)

    own = [parameter.data.copy() for parameter in net.parameters()]
    tg.plot.model_landscape(net, loss, points=3, rng=5)
    lengths = np.array(lengths).reshape(3, 3, -1)  # second direction × first direction × parameters
    np.testing.assert_allclose(lengths[1, 1], 0, atol=1e-15)
    np.testing.assert_allclose([lengths[1, 0], lengths[1, 2], lengths[0, 1], lengths[2, 1]], 1)


def test_the_descent_lies_in_the_plane_that_is_drawn(net):
    """Steps along two directions: distances in the picture are those between the states."""
    rng = np.random.default_rng(0)
    here = net.state_dict()
    first, second = ({name: rng.normal(size=value.shape) for name, value in here.items()} for _ in range(2))
    places = [(3.0, 1.0), (2.0, -1.0), (0.5, 0.5), (0.0, 0.0)]
    states = [{name: here[name] + 0.1 * (a * first[name] + b * second[name]) for name in here} for a, b in places]
    figure = tg.plot.model_landscape(net, lambda: tg.nn.mse_loss(net(X), Y) + 9, descent=states, points=5)
    above = figure.axes[1]
    shown = np.array(above.lines[1].get_xydata())
    flat = np.array([np.concatenate([np.ravel(state[name]) for name in here]) for state in states])
    for i in range(4):
        for j in range(i):
            distance = np.linalg.norm(flat[i] - flat[j])
            np.testing.assert_allclose(np.linalg.norm(shown[i] - shown[j]), distance, rtol=1e-10)
    np.testing.assert_allclose(shown[-1], 0, atol=1e-12)
    shares = [float(text.split("(")[1].split("%")[0]) for text in (above.get_xlabel(), above.get_ylabel())]
    assert sum(shares) == pytest.approx(100, abs=1)
    heights = np.transpose(figure.axes[0].lines[1].get_data_3d())[:, 2]
    for state, height in zip(states, heights, strict=True):
        net.load_state_dict(state)
        np.testing.assert_allclose(height, tg.nn.mse_loss(net(X), Y).item() + 9, rtol=1e-9)


def test_model_landscape_refuses_with_a_reason(net):
    with pytest.raises(ValueError, match="at least two of the model's states"):
        tg.plot.model_landscape(net, lambda: 1.0, descent=[net.state_dict()])
    with pytest.raises(ValueError, match="has no parameters"):
        tg.plot.model_landscape(tg.nn.ReLU(), lambda: 1.0)


# ---- planes ------------------------------------------------------------------------------------------------------
SAMPLES, CLASSES = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.array([0, 1, 1, 1])


@pytest.mark.parametrize(
    "predict",
    [
        lambda points: points.sum(axis=1) > 0.75,
        lambda points: tg.Tensor(np.stack([0.75 - points.sum(axis=1), 0 * points[:, 0]], axis=1), requires_grad=True),
    ],
    ids=["yes or no", "scores"],
)
def test_the_boundary_lies_where_the_classes_meet(predict):
    figure = tg.plot.boundary(predict, SAMPLES, CLASSES, classes=["low", "high"], names=("a", "b"))
    (axes,) = figure.axes
    (line,) = axes.collections[2].get_paths()
    np.testing.assert_allclose(line.vertices.sum(axis=1), 0.75, atol=0.012)  # a grid of 200
    dots = [collection.get_offsets().tolist() for collection in axes.collections[3:]]
    assert dots == [SAMPLES[k == CLASSES].tolist() for k in (0, 1)]
    assert (legend(axes), axes.get_xlabel(), axes.get_ylabel()) == (["low", "high"], "a", "b")
    drawn(figure)


def test_a_network_that_always_says_the_same_can_be_drawn():
    drawn(tg.plot.boundary(lambda points: np.zeros(len(points), int), SAMPLES, CLASSES))


def test_boundary_refuses_with_a_reason():
    with pytest.raises(ValueError, match=r"net\(points\)\[:, 0\] > 0"):
        tg.plot.boundary(lambda points: points[:, :1], SAMPLES, CLASSES)
    with pytest.raises(ValueError, match=r"x of shape \(n, 2\)"):
        tg.plot.boundary(lambda points: points, np.ones((4, 3)), CLASSES)
    with pytest.raises(ValueError, match="got 1 names and classes up to number 1"):
        tg.plot.boundary(lambda points: points, SAMPLES, CLASSES, classes=["one"])


# ---- histograms --------------------------------------------------------------------------------------------------
def counted(axes):
    return sum(patch.get_height() for patch in axes.patches)


def test_histograms_count_every_weight_and_gradient(net):
    tg.nn.mse_loss(net(X), Y).backward()
    figure = tg.plot.histograms(net)
    sizes = [parameter.data.size for parameter in net.parameters()]
    assert [counted(axes) for axes in figure.axes] == [size for size in sizes for _ in range(2)]
    assert figure.axes[0].get_title() == "0.weight, 2 × 3"
    drawn(figure)


def test_histograms_say_what_is_missing(net):
    weight = net.parameters()[0]
    weight.data[0] = [math.nan, math.inf, 0.0]
    weight.grad = np.zeros(weight.shape)
    figure = tg.plot.histograms(net)
    assert "2 of 6 BLOWN UP" in figure.axes[0].get_xlabel()
    assert counted(figure.axes[0]) == 4
    assert "100% exactly 0" in figure.axes[1].get_xlabel()
    assert "call loss.backward()" in figure.axes[3].texts[0].get_text()
    drawn(figure)


@pytest.mark.parametrize("value", [0.0, 1.0, -1e30, 1e-300, 1e99])
def test_one_value_alone_has_a_histogram(value):
    net = tg.nn.Linear(2, 2, rng=0)
    net.weight.data[...] = value
    drawn(tg.plot.histograms(net))


def test_of_many_parameters_the_first_and_the_last_are_drawn():
    net = tg.nn.Sequential(*[tg.nn.Linear(2, 2, rng=i) for i in range(10)])
    figure = tg.plot.histograms(net)
    assert len(figure.axes) == 24
    assert figure.get_suptitle() == "12 of 20 parameters, 8 in the middle left out"
    assert [axes.get_title().split(",")[0] for axes in figure.axes[::2]][5:7] == ["2.bias", "7.weight"]


def test_histograms_need_parameters():
    with pytest.raises(ValueError, match="ReLU has no parameters"):
        tg.plot.histograms(tg.nn.ReLU())


# ---- what is refused, and what is drawn all the same --------------------------------------------------------------
@pytest.mark.parametrize(
    ("draw", "error", "says"),
    [
        (lambda: tg.plot.losses([1.0, 0.5]), TypeError, "a dict from names to losses, such as {'SGD': losses}; got a"),
        (lambda: tg.plot.losses({"SGD": [[1.0], [2.0, 3.0]]}), ValueError, "'SGD' must be a list of single numbers"),
        (lambda: tg.plot.losses({"SGD": 1.0}), ValueError, "'SGD' must be a list of single numbers"),
        (lambda: tg.plot.history([1.0, 0.5]), TypeError, "a History, or a dict such as"),
        (lambda: tg.plot.learning_rates([0.1]), TypeError, "a dict from learning rates to losses"),
        (lambda: tg.plot.learning_rates({"0.1": [1.0]}), ValueError, "learning rates must be positive"),
        (lambda: tg.plot.step_sizes([0.1], {}), ValueError, "there is no method to draw"),
        (lambda: tg.plot.landscape(lambda a, b: a, (0, math.inf), (0, 1)), ValueError, "the range of x must go up"),
        (lambda: tg.plot.landscape(lambda a, b: a, (0, 1), (0, 1), points=1), ValueError, "at least 2 points"),
        (lambda: tg.plot.landscape(lambda a, b: np.ones((2, 2)), (0, 1), (0, 1)), ValueError, r"got shape \(2, 2\)"),
        (lambda: tg.plot.model_landscape(tg.nn.Linear(2, 1), 0.5), TypeError, "computed anew at every point: lambda"),
        (lambda: tg.plot.boundary(None, np.zeros((0, 2)), []), ValueError, "at least one sample"),
        (lambda: tg.plot.boundary(None, [[math.nan, 0], [1, 1]], [0, 1]), ValueError, "got 2, 1 of which are not"),
        (lambda: tg.plot.boundary(None, [[0, 0], [1, 1]], ["a", "b"]), ValueError, r"np.unique\(y, return_inverse"),
        (lambda: tg.plot.boundary(None, [[0, 0], [1, 1]], [-1, 1]), ValueError, "class numbers from 0"),
        (lambda: tg.plot.boundary(lambda p: p * math.nan, SAMPLES, CLASSES), ValueError, "has blown up"),
        (lambda: tg.plot.histograms([1.0]), TypeError, "needs a module"),
        (lambda: tg.plot.losses({"SGD": [1.0]}, "picture.bmp"), ValueError, "a .png or .svg or .pdf file"),
        (lambda: tg.plot.losses({"SGD": [1.0]}, "picture"), ValueError, "a .png or .svg or .pdf file"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_a_reason(draw, error, says, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=says):
        draw()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("errors", [[0.0, 0.0], [math.nan, math.inf]])
def test_methods_without_an_error_above_0_are_drawn_all_the_same(errors):
    drawn(tg.plot.step_sizes([1e-8, 1e-4], {"exact": errors}))


def labels(figure, axis):
    figure.draw_without_rendering()
    return [label.get_text() for label in axis.get_ticklabels()]


def test_a_short_logarithmic_axis_has_round_numbers_to_read_it_by():
    figure = tg.plot.losses({"SGD": [0.7, 0.5, 0.2]})
    axis = figure.axes[0].yaxis
    shown = labels(figure, axis)
    low, high = figure.axes[0].get_ylim()
    assert sum(low <= float(text) <= high for text in shown) >= 4
    assert [float(text) for text in shown] == pytest.approx(axis.get_majorticklocs())
    assert figure.axes[0].get_yscale() == "log"
    long = tg.plot.losses({"SGD": [1.0, 1e-5]})
    assert "10^" in "".join(labels(long, long.axes[0].yaxis))


def test_many_names_make_the_picture_taller_and_not_the_panel_smaller():
    def panel(count):
        figure = tg.plot.losses({f"run {i}": [1.0, 0.1] for i in range(count)})
        figure.draw_without_rendering()
        return figure.axes[0].get_position().height * figure.get_figheight()

    assert panel(9) > 0.9 * panel(2)


def test_three_classes_meet_pairwise():
    """Between classes 0 and 2 lies no strip of class 1."""
    samples = np.array([[-1.0, -1.0], [1.0, -1.0], [0.0, 1.0]])

    def predict(points):
        return np.where(points[:, 1] > 0.5, 1, np.where(points[:, 0] > 0, 2, 0))

    figure = tg.plot.boundary(predict, samples, [0, 2, 1])
    regions = figure.axes[0].collections[:3]
    for region, low, high in ((regions[0], -2, 0.02), (regions[2], -0.02, 2)):
        (path,) = region.get_paths()
        assert low <= path.vertices[:, 0].min() <= path.vertices[:, 0].max() <= high
    assert regions[1].get_paths()[0].vertices[:, 1].min() > 0.48


def test_a_narrow_valley_down_to_0_is_shown_by_logarithms_and_a_bowl_is_not():
    def valley(a, b):  # Rosenbrock's
        return (1 - a) ** 2 + 100 * (b - a * a) ** 2

    steep = tg.plot.landscape(valley, (-2, 2), (-1, 3), points=41)  # its lowest point, of height 0, is on the grid
    assert "log" in steep.axes[2].get_ylabel()
    assert "grey" not in steep.axes[1].get_title()
    bowl = tg.plot.landscape(lambda a, b: a * a + 3 * b * b, (-3, 3), (-2, 2), points=41)
    assert bowl.axes[2].get_ylabel() == "loss"


# ---- all of them -------------------------------------------------------------------------------------------------
def test_without_matplotlib_one_sentence_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"A picture needs the package matplotlib; .* 'tinygrad-edu\[plot\]'"):
        tg.plot.losses({"a": [1.0]})
