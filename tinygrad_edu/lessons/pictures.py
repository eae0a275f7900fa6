"""The pictures of the lessons, for notebooks and for `tinygrad-edu lesson NAME --plot FILE`.

Each takes what its lesson found and returns a matplotlib Figure, which needs the extra `plot`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.lessons import flip as flip_lesson
from tinygrad_edu.lessons import hill
from tinygrad_edu.lessons import losses as losses_lesson
from tinygrad_edu.lessons import one_weight as one_weight_lesson
from tinygrad_edu.lessons.brightness import Fit
from tinygrad_edu.lessons.characters import Result as CharactersResult
from tinygrad_edu.lessons.checking import V
from tinygrad_edu.lessons.curves import Curve
from tinygrad_edu.lessons.digits import Result as DigitsResult
from tinygrad_edu.lessons.downhill import HIGH, LOW, Ball, bottoms, f, global_minimum
from tinygrad_edu.lessons.exam import Fitted, Landscape, actual_score, bell_loss, predict
from tinygrad_edu.lessons.guessing import SECRET, Game
from tinygrad_edu.nn import Sequential
from tinygrad_edu.plot import history
from tinygrad_edu.plot.style import HEIGHTS, blank, style

__all__ = [
    "PICTURES",
    "ball",
    "brightness",
    "characters",
    "checking",
    "confusion",
    "constants",
    "curves",
    "digits",
    "downhill",
    "exam",
    "exam_surfaces",
    "flip",
    "guessing",
    "images",
    "kink",
    "losses",
    "one_weight",
    "valleys",
    "weights",
]


def _panels(count: int, height: float = 4.4) -> tuple[Any, Any]:
    figure = blank(count, height=height)
    return figure, figure.subplots(1, count, squeeze=False)[0]


def _lines(axes: Any, lines: Mapping[str, tuple[Any, Any]], markers: bool = False, **labels: Any) -> None:
    for i, (name, (x, y)) in enumerate(lines.items()):
        colour, dashes, marker = style(i)
        axes.plot(
            x, y, color=colour, linestyle=dashes, linewidth=1.8, marker=marker if markers else "", ms=4, label=name
        )
    axes.set(**labels)
    axes.grid(alpha=0.25)
    axes.legend(framealpha=0.85, edgecolor="none", handlelength=3.5)


def _legend_below(axes: Any, **options: Any) -> None:
    axes.legend(frameon=False, handlelength=3.5, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.14), **options)


def one_weight(paths: dict[float, list[float]]) -> Any:
    """The parabola with the first steps, and the weight against steps."""
    figure, (left, right) = _panels(2)
    w = np.linspace(-2, 12, 200)
    left.plot(w, one_weight_lesson.error(w), color="0.6", linewidth=1.5)
    first = {f"rate {lr:g}": (path[:3], [one_weight_lesson.error(v) for v in path[:3]]) for lr, path in paths.items()}
    _lines(left, first, True, title="Two steps on the error's parabola", xlabel="w", ylabel="error", xlim=(-2, 12))
    every = {f"rate {lr:g}": (range(len(path)), path) for lr, path in paths.items()}
    _lines(right, every, True, title="The weight, step by step", xlabel="steps taken", ylabel="w", ylim=(-4, 14))
    for axes in (left, right):
        _legend_below(axes)
    return figure


def brightness(found: Fit) -> Any:
    """Error against epoch, the picture, and the plane that was learned."""
    figure, (left, middle, right) = _panels(3)
    figure.set_size_inches(12, 3.6)
    _lines(left, {"training": (range(len(found.errors)), found.errors)}, title="Error against epoch")
    left.axhline(found.best_error, color="0.45", linewidth=1, label="best plane")
    left.set(xlabel="epoch", ylabel="mean squared error", yscale="log")
    left.legend(frameon=False)
    for axes, image, title in ((middle, found.picture, "The picture"), (right, found.plane, "The learned plane")):
        axes.imshow(image, cmap="gray", vmin=0, vmax=1, extent=(0, 1, 1, 0))
        axes.set(title=title, xlabel="x", ylabel="y")
    return figure


def exam(found: tuple[Landscape, dict[Any, Any]]) -> Any:
    """The loss as height over two knobs, and the same from above, with two descents and the places named."""
    land, paths = found
    figure = blank(2, height=5.2)
    surface, axes = figure.add_subplot(1, 2, 1, projection="3d", computed_zorder=False), figure.add_subplot(1, 2, 2)
    knobs = np.meshgrid(land.knob, land.knob)
    surface.plot_surface(*knobs, land.heights, cmap=HEIGHTS, alpha=0.85, linewidth=0, rcount=81, ccount=81)
    surface.set(title="Loss as height over two knobs", xlabel="weight_study", ylabel="weight_sleep", zlabel="loss")
    surface.view_init(elev=50, azim=-60)
    surface.locator_params(nbins=5)
    surface.zaxis.labelpad = 8
    surface.set_box_aspect(None, zoom=0.85)
    filled = axes.contourf(*knobs, land.heights, levels=24, cmap=HEIGHTS)
    axes.contour(*knobs, land.heights, levels=24, colors="white", linewidths=0.3)
    for (start, path), marker in zip(paths.items(), "os"):
        look = {"color": "white", "marker": marker, "ms": 4, "markeredgecolor": "black", "linewidth": 1.2}
        axes.plot(*path.T, label=f"from {start}", **look)
        surface.plot(*path.T, [float(bell_loss(*knobs)) for knobs in path], zorder=5, **look)
    for place in land.places:
        where = (place.weight_study, place.weight_sleep)
        axes.plot(*where, "k*", ms=10, markeredgecolor="white")
        surface.plot(*([knob] for knob in where), [place.loss], "k*", ms=10, markeredgecolor="white", zorder=6)
        axes.annotate(
            place.name,
            where,
            xytext=(0, -9),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=8,
            bbox={"boxstyle": "round,pad=0.2", "facecolor": "white", "alpha": 0.85, "linewidth": 0},
        )
    axes.set(title="The same from above, and two descents", xlabel="weight_study", ylabel="weight_sleep")
    axes.legend(loc="lower right", facecolor="0.35", labelcolor="white")
    figure.colorbar(filled, ax=axes, label="loss (mean squared error)")
    return figure


def exam_surfaces(plane: Fitted, bent: Fitted) -> Any:
    """The scores that two predictors give, and the true ones, over hours of study and of sleep; darker is lower."""
    study, sleep = np.meshgrid(np.linspace(0, 12, 60), np.linspace(4, 11, 60))
    surfaces = {predictor.name: predict(predictor, study, sleep) for predictor in (plane, bent)}
    surfaces["the truth"] = actual_score(study, sleep)
    levels = np.arange(0, 101, 10)
    ink = ["white" if level < 60 else "black" for level in levels]
    figure, panels = _panels(3)
    figure.set_size_inches(12, 3.8)
    for axes, (name, scores) in zip(panels, surfaces.items()):
        filled = axes.contourf(study, sleep, scores, levels=levels, cmap=HEIGHTS, extend="both")
        lines = axes.contour(study, sleep, scores, levels=levels, colors=ink, linewidths=0.6)
        axes.clabel(lines, fontsize=9, colors=ink)
        axes.set(title=name, xlabel="study_hours", ylabel="sleep_hours")
    figure.colorbar(filled, ax=list(panels), label="score")
    return figure


def flip(tried: Mapping[int, flip_lesson.Starts]) -> Any:
    """The loss of every start on all 16 images, a panel for each number of hidden units, with the floor drawn in."""
    figure, panels = _panels(len(tried), height=4)
    for axes, starts in zip(panels, tried.values()):
        for start in starts.starts:
            best = start is starts.best
            axes.plot(
                start.run.losses,
                color="#0072B2" if best else "0.6",
                linewidth=2 if best else 0.8,
                zorder=3 if best else 2,
                label="the best start" if best else None,
            )
        if starts.floor:
            axes.axhline(starts.floor, color="#D55E00", linestyle="--", label=f"the floor, {starts.floor:g}", zorder=4)
        count = len(starts.starts)
        title = f"{starts.hidden} hidden units, {count} start{'s' * (count > 1)}"
        axes.set(title=title, xlabel="steps taken", ylabel="loss", yscale="log", ylim=(5e-7, 1))
        axes.grid(alpha=0.25)
        axes.legend(framealpha=0.85, edgecolor="none")
    return figure


def kink(model: Sequential) -> Any:
    """The traced image's loss over the bias of hidden unit 0, which lies on ReLU's kink, and three slopes there."""
    bias = model[0].bias.data
    here, moved = float(bias[0]), np.linspace(-0.5, 0.5, 101)

    def loss(by: float) -> float:
        bias[0] = here + by
        return float(flip_lesson.trace(model, flip_lesson.IMAGE).loss)

    heights = [loss(by) for by in moved]
    h = 0.4  # large enough to be seen
    middle, left, right = loss(0.0), loss(-h), loss(h)
    bias[0] = here
    entry = flip_lesson.check_gradients(model, flip_lesson.IMAGE).kinks[-1]
    figure, (axes,) = _panels(1)
    figure.set_size_inches(7.5, 4)
    axes.plot(moved, heights, color="black", linewidth=2, label="loss")
    side = np.array([0.0, h])
    for k, (name, x, slope) in enumerate((("left", -side, entry.left), ("right", side, entry.right)), 1):
        colour, dashes, _ = style(k)
        axes.plot(x, middle + slope * x, color=colour, linestyle=dashes, linewidth=2, label=f"{name} slope {slope:.3g}")
    axes.plot([-h, h], [left, right], "o:", color="0.45", label=f"central difference, h = {h}")
    axes.set(title="One corner, two slopes", xlabel="change of b1[0]", ylabel="loss")
    axes.grid(alpha=0.25)
    axes.legend(framealpha=0.85, edgecolor="none")
    return figure


def valleys() -> Any:
    """The curve with its minima named."""
    figure, (axes,) = _panels(1)
    figure.set_size_inches(7.5, 3.8)
    x = np.linspace(LOW, HIGH, 600)
    axes.plot(x, f(x), color="0.4", linewidth=1.8)
    for bottom in bottoms():
        best = bottom == global_minimum()
        axes.plot(
            bottom.x, bottom.f, "*" if best else "o", color="#D55E00" if best else "#0072B2", ms=14 if best else 7
        )
        name = f"{'global minimum' if best else 'local'}\n{bottom.x:.4f}".replace("-", "−")
        axes.annotate(name, (bottom.x, bottom.f - 0.25), ha="center", va="top", fontsize=9)
    axes.set(xlabel="x", ylabel="f(x)", ylim=(-2.4, None))
    axes.grid(alpha=0.25)
    return figure


def ball(rolled: Ball) -> Any:
    """A ball on the curve with its tangent and the path behind it, and its height against steps."""
    figure, (left, right) = _panels(2, height=3.6)
    hill.curve(left, rolled)
    hill.heights(right, rolled)
    left.set_title(f"The ball after {rolled.steps} steps, learning rate {rolled.lr:g}")
    right.set_title(rolled.verdict)
    return figure


def downhill(ways: dict[str, Ball]) -> Any:
    """The curve with every ball where it ended, and their heights against steps."""
    figure, (left, right) = _panels(2)
    x = np.linspace(LOW, HIGH, 600)
    left.plot(x, f(x), color="0.6", linewidth=1.5)
    rings = range(20, 2, -3)  # several may end in the same place
    for i, ((name, ball), size) in enumerate(zip(ways.items(), rings)):
        colour, _, marker = style(i)
        left.plot(ball.x, ball.f, marker, color=colour, ms=size, fillstyle="none", markeredgewidth=1.6, label=name)
    left.set(title="Where they end", xlabel="x", ylabel="f(x)", ylim=(-2, None))
    left.grid(alpha=0.25)
    heights = {name: (range(len(ball.heights)), ball.heights) for name, ball in ways.items()}
    _lines(right, heights, title="Height, step by step", xlabel="steps taken (logarithmic)", ylabel="f(x)")
    right.set_xscale("symlog")
    for line in right.lines:
        line.set_linewidth(1.1)
    for axes in (left, right):
        _legend_below(axes, markerscale=0.5)
    return figure


def losses(_: None = None) -> Any:
    """Squared error and cross-entropy against the chance that was given to the truth."""
    figure, (axes,) = _panels(1)
    chances = np.linspace(0.01, 1, 200)
    seen = losses_lesson.punishments(tuple(chances))
    lines = {
        "squared error": (chances, [row.squared_error for row in seen]),
        "cross-entropy −log p": (chances, [row.cross_entropy for row in seen]),
    }
    _lines(axes, lines, title="What a wrong answer costs", xlabel="chance p that was given to the truth", ylabel="loss")
    for row in losses_lesson.punishments():
        axes.plot(row.chance, row.cross_entropy, "o", color="black", ms=4)
        axes.annotate(
            f"−log {row.chance:g} = {row.cross_entropy:.4f}",
            (row.chance, row.cross_entropy),
            xytext=(4, 6 if row.chance < 0.9 else 20),
            textcoords="offset points",
            ha="left" if row.chance < 0.9 else "right",
            fontsize=9,
        )
    return figure


def constants(best: Mapping[str, float], values: Sequence[float] = losses_lesson.HOURS) -> Any:
    """What one prediction for all the values costs, loss by loss, as a multiple of the least that it can cost."""
    figure, (axes,) = _panels(1)
    figure.set_size_inches(7, 4.4)
    guesses = np.linspace(min(values), max(values), 300)
    for i, (name, constant) in enumerate(best.items()):
        lowest = losses_lesson.cost(name, constant, values)
        costs = [losses_lesson.cost(name, guess, values) / lowest for guess in guesses]
        colour, dashes, marker = style(i)
        axes.plot(guesses, costs, color=colour, linestyle=dashes, linewidth=1.8)
        label = f"{name}, lowest at {constant:.2f}"
        axes.plot(constant, 1, marker, color=colour, linestyle=dashes, linewidth=1.8, ms=8, label=label)
    axes.plot(values, np.full(len(values), 0.8), "|", color="0.4", ms=14, markeredgewidth=1.5, label="the values")
    axes.set(title="One prediction for all", xlabel="prediction", ylabel="mean loss, in units of the lowest")
    axes.grid(alpha=0.25)
    axes.legend(framealpha=0.85, edgecolor="none", handlelength=3.5)
    return figure


def curves(found: Sequence[Curve]) -> Any:
    """Four runs, two by two, each with its diagnosis."""
    figure = blank(2, rows=2, height=3.6)
    for axes, curve in zip(figure.subplots(2, 2).flat, found):
        lines = {
            name: (range(len(values)), values)
            for name, values in (("training", curve.losses), ("validation", curve.validation))
        }
        _lines(axes, lines, title=f"{curve.title}\n{curve.diagnosis.verdict}", xlabel="epoch", ylabel="loss")
        axes.set_ylim(0, 1.1 * float(np.nanmax([*curve.losses, *curve.validation])))
    return figure


def guessing(games: dict[str, Game]) -> Any:
    """All guesses, and the secret."""
    figure, (axes,) = _panels(1)
    lines = {f"step {name}": (range(len(game.guesses)), game.guesses) for name, game in games.items()}
    _lines(axes, lines, True, title="Higher or lower", xlabel="guess", ylabel="number", xlim=(-0.5, 12.5))
    axes.axhline(SECRET, color="0.45", linewidth=1, label="the secret")
    _legend_below(axes)
    return figure


def checking(found: Sequence[V]) -> Any:
    """The Vs, on logarithmic axes."""
    figure, (axes,) = _panels(1)
    figure.set_size_inches(7, 5)
    least = float(np.finfo(float).eps) / 8  # an error of 0 has no logarithm
    lines = {v.method: (v.steps, np.maximum(v.errors, least)) for v in found}
    _lines(axes, lines, True, title="Error of a measured slope", xlabel="step size h", ylabel="relative error")
    axes.set(xscale="log", yscale="log")
    return figure


def images(pixels: Any, titles: Sequence[Any], columns: int = 10) -> Any:
    """Small grey images in rows, each with a title; `pixels` is (n, 64), from 0 for white to 1."""
    figure, panels = _tiles(len(pixels), columns)
    for axes, image, title in zip(panels, np.asarray(pixels), titles):
        axes.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        axes.set_title(title, fontsize=10, pad=3)
    return figure


def weights(found: Any, columns: int = 10) -> Any:
    """Weights as images: purple above 0, orange below, white at 0; `found` is (n, rows, columns)."""
    figure, panels = _tiles(len(found), columns)
    top = float(np.max(np.abs(found)))
    for axes, image in zip(panels, found):
        axes.imshow(image, cmap="PuOr", vmin=-top, vmax=top)
    return figure


def _tiles(count: int, columns: int) -> tuple[Any, Any]:
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = blank(1)
    figure.set_size_inches(0.95 * columns, 1.15 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for axes in panels:
        axes.axis("off")
    return figure, figure.axes


def confusion(counts: Any) -> Any:
    """How often each class (row) was taken for each (column); the shades are shares of a row."""
    figure, (axes,) = _panels(1)
    figure.set_size_inches(5.6, 5.2)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares**0.5, cmap="Blues", vmin=0, vmax=1.2)  # the root lets a single mistake be seen
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > 0.4 else "black"
            axes.text(column, row, count, ha="center", va="center", fontsize=9, color=colour)
    axes.set(title="What is taken for what", xlabel="answer", ylabel="truth")
    axes.set(xticks=range(len(counts)), yticks=range(len(counts)))
    return figure


def digits(found: DigitsResult) -> Any:
    """The history of training."""
    return history(found.history)


def characters(found: CharactersResult) -> Any:
    """The loss of every step, and the line below which one must look back."""
    figure, (axes,) = _panels(1)
    lines = {"loss of a batch": (range(1, len(found.losses) + 1), found.losses)}
    _lines(axes, lines, title="A transformer reads a page", xlabel="step", ylabel="nats a character")
    axes.axhline(found.entropy, color="0.45", linewidth=1)
    end = (len(found.losses), found.entropy)  # where the loss has left it below
    axes.annotate("best reader of one character", end, va="bottom", ha="right", fontsize=9, color="0.3")
    return figure


PICTURES: dict[str, Callable[[Any], Any]] = {
    "one_weight": one_weight,
    "brightness": brightness,
    "exam": exam,
    "downhill": downhill,
    "losses": losses,
    "curves": curves,
    "guessing": guessing,
    "checking": checking,
    "digits": digits,
    "characters": characters,
}
