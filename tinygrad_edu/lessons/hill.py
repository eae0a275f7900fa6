"""The ball on its curve, and how high it was after every step: drawn for the notebook and for the simulator."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.lessons.downhill import FAR, HIGH, STEPS, Ball, f
from tinygrad_edu.plot.style import COLOURS

__all__ = ["curve", "heights"]

INK, ORANGE, BLUE = COLOURS[0], COLOURS[1], COLOURS[2]
TAIL = 12  # of the last steps, how many are joined by a line
FEW = 60  # steps that have room for a dot each


def curve(axes: Any, ball: Ball) -> None:
    """The curve with the ball, the tangent at it, and the path left behind; wider where the ball flies far.

    Args:
        axes: matplotlib's, empty.
        ball: is only looked at.
    """
    wide = max(HIGH, 1.1 * min(max(np.abs(np.nan_to_num(ball.path[-TAIL:], nan=FAR))), FAR))
    x = np.linspace(-wide, wide, 1201)
    axes.plot(x, f(x), color=INK, linewidth=1.3, alpha=0.6)
    heights = f(x)
    low, high = heights.min(), heights.max()
    margin = 0.08 * (high - low)
    if ball.steps:
        behind = slice(-1 - STEPS, -1)  # of one run; more would only be slow
        axes.plot(ball.path[behind], ball.heights[behind], "o", color=BLUE, ms=5, alpha=0.6, markeredgewidth=0)
        axes.plot(ball.path[-TAIL:], ball.heights[-TAIL:], color=BLUE, linewidth=1.1, linestyle=(0, (2, 2)))
    if np.isfinite(ball.slope):
        reach = 0.28 * wide / np.hypot(1, ball.slope * 2 * wide / (high - low))
        ends = np.array([ball.x - reach, ball.x + reach])
        axes.plot(ends, ball.tangent(ends), color=ORANGE, linewidth=2, solid_capstyle="round")
        axes.plot(ball.x, ball.f, "o", color=ORANGE, ms=11, markeredgecolor=INK, markeredgewidth=1.2)
    axes.set(xlim=(-wide, wide), ylim=(low - margin, high + margin), xlabel="x")
    axes.set_title("The ball has flown away" if ball.is_gone else "The ball on f(x)")
    _finish(axes)


def heights(axes: Any, ball: Ball) -> None:
    """The loss, that is f(x), against steps.

    Args:
        axes: matplotlib's, empty.
        ball: is only looked at.
    """
    drawn = np.clip(np.nan_to_num(ball.heights, nan=f(FAR)), None, f(FAR))
    axes.plot(drawn, color=BLUE, linewidth=1.3, marker="o" if ball.steps < FEW else "", ms=3, markeredgewidth=0)
    axes.plot(ball.steps, drawn[-1], "o", color=ORANGE, ms=8, markeredgecolor=INK, markeredgewidth=1)
    axes.set(xlim=(-0.5, max(20, ball.steps + 1)), xlabel="step", title="Loss f(x), step by step")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_ylim(min(-1.6, *drawn), max(1.05 * max(drawn), min(drawn) + 1))
    _finish(axes)


def _finish(axes: Any) -> None:
    axes.yaxis.get_major_formatter().set_powerlimits((-5, 5))  # there is room for five digits
    axes.grid(alpha=0.2, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
