"""Pictures of notebooks 05 and 07 to 09: the flip network, losses, error curves, measured slopes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.lessons import flip as flip_lesson
from tinygrad_edu.lessons import losses as losses_lesson
from tinygrad_edu.lessons.checking import V
from tinygrad_edu.lessons.curves import Curve
from tinygrad_edu.lessons.pictures.parts import draw_lines, row_of_panels
from tinygrad_edu.nn import Sequential
from tinygrad_edu.plot.style import blank, style

__all__ = ["checking", "constants", "curves", "flip", "kink", "losses"]


def flip(tried: Mapping[int, flip_lesson.Starts]) -> Any:
    """The loss of every start on all 16 images, a panel for each number of hidden units, with the floor drawn in."""
    figure, panels = row_of_panels(len(tried), height=4)
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
    figure, (axes,) = row_of_panels(1)
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


def losses(_: None = None) -> Any:
    """Squared error and cross-entropy against the chance that was given to the truth."""
    figure, (axes,) = row_of_panels(1)
    chances = np.linspace(0.01, 1, 200)
    seen = losses_lesson.punishments(tuple(chances))
    lines = {
        "squared error": (chances, [row.squared_error for row in seen]),
        "cross-entropy −log p": (chances, [row.cross_entropy for row in seen]),
    }
    draw_lines(
        axes, lines, title="What a wrong answer costs", xlabel="chance p that was given to the truth", ylabel="loss"
    )
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
    figure, (axes,) = row_of_panels(1)
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
        draw_lines(axes, lines, title=f"{curve.title}\n{curve.diagnosis.verdict}", xlabel="epoch", ylabel="loss")
        axes.set_ylim(0, 1.1 * float(np.nanmax([*curve.losses, *curve.validation])))
    return figure


def checking(found: Sequence[V]) -> Any:
    """The Vs, on logarithmic axes."""
    figure, (axes,) = row_of_panels(1)
    figure.set_size_inches(7, 5)
    least = float(np.finfo(float).eps) / 8  # an error of 0 has no logarithm
    lines = {v.method: (v.steps, np.maximum(v.errors, least)) for v in found}
    draw_lines(axes, lines, True, title="Error of a measured slope", xlabel="step size h", ylabel="relative error")
    axes.set(xscale="log", yscale="log")
    return figure
