"""Pictures of notebooks 01 to 03: one weight, three weights, the exam."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.lessons.brightness import Fit
from tinygrad_edu.lessons.exam import Fitted, Landscape, actual_score, bell_loss, predict
from tinygrad_edu.lessons.one_weight import error
from tinygrad_edu.lessons.pictures.parts import draw_lines, legend_below, row_of_panels
from tinygrad_edu.plot.style import HEIGHTS, blank

__all__ = ["brightness", "exam", "exam_surfaces", "one_weight"]


def one_weight(paths: dict[float, list[float]]) -> Any:
    """The parabola with the first steps, and the weight against steps."""
    figure, (left, right) = row_of_panels(2)
    w = np.linspace(-2, 12, 200)
    left.plot(w, error(w), color="0.6", linewidth=1.5)
    first = {f"rate {lr:g}": (path[:3], [error(v) for v in path[:3]]) for lr, path in paths.items()}
    draw_lines(left, first, True, title="Two steps on the error's parabola", xlabel="w", ylabel="error", xlim=(-2, 12))
    every = {f"rate {lr:g}": (range(len(path)), path) for lr, path in paths.items()}
    draw_lines(right, every, True, title="The weight, step by step", xlabel="steps taken", ylabel="w", ylim=(-4, 14))
    for axes in (left, right):
        legend_below(axes)
    return figure


def brightness(found: Fit) -> Any:
    """Error against epoch, the picture, and the plane that was learned."""
    figure, (left, middle, right) = row_of_panels(3)
    figure.set_size_inches(12, 3.6)
    draw_lines(left, {"training": (range(len(found.errors)), found.errors)}, title="Error against epoch")
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
    figure, panels = row_of_panels(3)
    figure.set_size_inches(12, 3.8)
    for axes, (name, scores) in zip(panels, surfaces.items()):
        filled = axes.contourf(study, sleep, scores, levels=levels, cmap=HEIGHTS, extend="both")
        lines = axes.contour(study, sleep, scores, levels=levels, colors=ink, linewidths=0.6)
        axes.clabel(lines, fontsize=9, colors=ink)
        axes.set(title=name, xlabel="study_hours", ylabel="sleep_hours")
    figure.colorbar(filled, ax=list(panels), label="score")
    return figure
