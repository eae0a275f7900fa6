"""Pictures of notebook 04: the guessing game, a curve with valleys, balls that roll on it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.lessons import hill
from tinygrad_edu.lessons.downhill import HIGH, LOW, Ball, bottoms, f, global_minimum
from tinygrad_edu.lessons.guessing import SECRET, Game
from tinygrad_edu.lessons.pictures.parts import draw_lines, legend_below, row_of_panels
from tinygrad_edu.plot.style import style

__all__ = ["ball", "downhill", "guessing", "valleys"]


def guessing(games: dict[str, Game]) -> Any:
    """All guesses, and the secret."""
    figure, (axes,) = row_of_panels(1)
    lines = {f"step {name}": (range(len(game.guesses)), game.guesses) for name, game in games.items()}
    draw_lines(axes, lines, True, title="Higher or lower", xlabel="guess", ylabel="number", xlim=(-0.5, 12.5))
    axes.axhline(SECRET, color="0.45", linewidth=1, label="the secret")
    legend_below(axes)
    return figure


def valleys() -> Any:
    """The curve with its minima named."""
    figure, (axes,) = row_of_panels(1)
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
    figure, (left, right) = row_of_panels(2, height=3.6)
    hill.curve(left, rolled)
    hill.heights(right, rolled)
    left.set_title(f"The ball after {rolled.steps} steps, learning rate {rolled.lr:g}")
    right.set_title(rolled.verdict)
    return figure


def downhill(ways: dict[str, Ball]) -> Any:
    """The curve with every ball where it ended, and their heights against steps."""
    figure, (left, right) = row_of_panels(2)
    x = np.linspace(LOW, HIGH, 600)
    left.plot(x, f(x), color="0.6", linewidth=1.5)
    rings = range(20, 2, -3)  # several may end in the same place
    for i, ((name, ball), size) in enumerate(zip(ways.items(), rings)):
        colour, _, marker = style(i)
        left.plot(ball.x, ball.f, marker, color=colour, ms=size, fillstyle="none", markeredgewidth=1.6, label=name)
    left.set(title="Where they end", xlabel="x", ylabel="f(x)", ylim=(-2, None))
    left.grid(alpha=0.25)
    heights = {name: (range(len(ball.heights)), ball.heights) for name, ball in ways.items()}
    draw_lines(right, heights, title="Height, step by step", xlabel="steps taken (logarithmic)", ylabel="f(x)")
    right.set_xscale("symlog")
    for line in right.lines:
        line.set_linewidth(1.1)
    for axes in (left, right):
        legend_below(axes, markerscale=0.5)
    return figure
