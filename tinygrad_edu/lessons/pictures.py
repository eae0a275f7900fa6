"""The pictures of the lessons, for notebooks and for `tinygrad-edu lesson NAME --plot FILE`.

Each takes what its lesson found and returns a matplotlib Figure, which needs the extra `plot`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.lessons import losses as losses_lesson
from tinygrad_edu.lessons import one_weight as one_weight_lesson
from tinygrad_edu.lessons.brightness import Fit
from tinygrad_edu.lessons.characters import Result as CharactersResult
from tinygrad_edu.lessons.checking import V
from tinygrad_edu.lessons.curves import Curve
from tinygrad_edu.lessons.digits import Result as DigitsResult
from tinygrad_edu.lessons.downhill import HIGH, LOW, Ball, f
from tinygrad_edu.lessons.exam import Landscape, bell_loss
from tinygrad_edu.lessons.guessing import SECRET, Game
from tinygrad_edu.plot import history
from tinygrad_edu.plot.style import HEIGHTS, blank, style

__all__ = [
    "PICTURES",
    "brightness",
    "characters",
    "checking",
    "curves",
    "digits",
    "downhill",
    "exam",
    "guessing",
    "losses",
    "one_weight",
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
            xytext=(0, 9),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            bbox={"boxstyle": "round,pad=0.2", "facecolor": "white", "alpha": 0.85, "linewidth": 0},
        )
    axes.set(title="The same from above, and two descents", xlabel="weight_study", ylabel="weight_sleep")
    axes.legend(loc="lower right", facecolor="0.35", labelcolor="white")
    figure.colorbar(filled, ax=axes, label="loss (mean squared error)")
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


def curves(found: Sequence[Curve]) -> Any:
    """Four runs, each with its diagnosis."""
    figure = blank(2, 2)
    for axes, curve in zip(figure.subplots(2, 2).flat, found):
        lines = {
            name: (range(len(values)), values)
            for name, values in (("training", curve.losses), ("validation", curve.validation))
        }
        _lines(axes, lines, title=f"{curve.title}\n{curve.diagnosis.verdict}", xlabel="epoch", ylabel="loss")
        axes.set_ylim(bottom=0)
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
