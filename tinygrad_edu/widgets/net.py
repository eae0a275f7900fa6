"""The pictures of the playground: the network with a line for every parameter, and its losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.lessons.stepping import Stepper
from tinygrad_edu.plot.style import COLOURS, HUGE
from tinygrad_edu.widgets.pictures import wipe

__all__ = ["alts", "gradients", "losses", "short", "weights"]

Array = NDArray[np.float64]

INK, NEGATIVE, POSITIVE = COLOURS[0], COLOURS[1], COLOURS[2]
BLACK, GREY, WHITE = "#010101", "#bdbdbd", "#ffffff"  # of pixels and nodes, whatever the page's colours
COLUMNS = (0.0, 1.0, 2.0)  # image, hidden units, outputs
TARGET = 2.42
HEIGHTS = {3: (3.0, 2.0, 1.0), 4: (3.5, 2.5, 1.5, 0.5)}  # of nodes, from above; 0 is the middle of the lowest row
BIAS = -0.55  # where the node stands that is always 1


def short(value: float) -> str:
    """A number in at most six characters, or seven if it is far from 1.

    Example:
        >>> short(-0.064695), short(0.5), short(-1e-17), short(8.2e-5), short(-123456.0), short(float("nan"))
        ('−0.065', '0.5', '0', '8e-5', '−1e5', 'NaN')
    """
    size = abs(value)
    if not np.isfinite(size):
        text = "NaN" if np.isnan(size) else "∞"
    elif size < 1e-12:
        return "0"
    elif 1e-3 <= size < 999.5:
        text = f"{size:.3f}" if size < 1 else f"{size:.3g}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        digit, _, power = f"{size:.0e}".partition("e")
        text = f"{digit}e{int(power)}"
    return "−" * (value < 0) + text


def weights(axes: Any, stepper: Stepper) -> None:
    """The network with its weights as lines, and in its nodes what is known of the image on its way.

    Args:
        axes: matplotlib's, are wiped.
        stepper: is only looked at.
    """
    seen, stage = stepper.seen, stepper.stage
    hidden = seen.h if seen else None
    output = seen.prediction if seen and stage >= 2 else None
    _begin(axes, "Weights, and the image on its way")
    _lines(axes, stepper.weights, max(1.0, _largest(stepper.weights)))
    _pixels(axes, COLUMNS[0], stepper.image)
    _pixels(axes, TARGET, stepper.target)
    _nodes(axes, COLUMNS[1], stepper.hidden, hidden)
    _nodes(axes, COLUMNS[2], 4, output)
    _names(axes, ((COLUMNS[0], "image"), (COLUMNS[1], "hidden"), (COLUMNS[2], "output"), (TARGET, "target")))


def gradients(axes: Any, stepper: Stepper) -> None:
    """The network with the gradients that have arrived as lines; in a node, that of its bias, the blame it gets.

    Args:
        axes: matplotlib's, are wiped.
        stepper: is only looked at.
    """
    found = stepper.gradients
    arrived = sum(int(np.count_nonzero(~np.isnan(g))) for g in found.values())
    total = sum(g.size for g in found.values())
    _begin(axes, f"Gradients: {arrived} of {total} have arrived")
    _lines(axes, found, _largest(found) or 1.0)
    _pixels(axes, COLUMNS[0], stepper.image)
    for column, name in ((COLUMNS[1], "b1"), (COLUMNS[2], "b2")):
        blame = found[name]
        _nodes(axes, column, blame.size, None if np.isnan(blame).all() else blame, silent=False)
    _names(axes, ((COLUMNS[0], "image"), (COLUMNS[1], "hidden"), (COLUMNS[2], "output"), (TARGET, "loss")))
    for y in HEIGHTS[4]:
        axes.annotate(
            "", (COLUMNS[2] + 0.14, y), (TARGET + 0.06, y), arrowprops={"arrowstyle": "->", "color": INK, "lw": 0.8}
        )


def losses(axes: Any, stepper: Stepper) -> None:
    """The loss against steps, and the floor if there is one.

    Args:
        axes: matplotlib's, are wiped.
        stepper: is only looked at.
    """
    wipe(axes)
    drawn = np.clip(np.nan_to_num(stepper.losses, nan=HUGE, posinf=HUGE), 1e-12, HUGE)
    steps = np.unique(np.linspace(0, max(len(drawn) - 1, 0), 300).astype(int))
    if len(drawn):
        axes.plot(steps, drawn[steps], color=POSITIVE, linewidth=1.6, marker="o" if len(drawn) < 40 else "", ms=3)
    axes.set(yscale="log", xlabel="steps", title="Loss, step by step", xlim=(-0.5, max(20, stepper.updates)))
    low, high = (min(drawn), max(drawn)) if len(drawn) else (0.1, 1.0)
    if stepper.floor:
        low = min(low, stepper.floor)
        axes.axhline(stepper.floor, color=NEGATIVE, linewidth=1.4, linestyle="--")
        axes.annotate(
            "floor 1/16", (0.99, stepper.floor), xycoords=("axes fraction", "data"), ha="right", va="bottom", color=INK
        )
    axes.set_ylim(low / 2, high * 2)
    axes.yaxis.get_major_locator().set_params(subs=(1, 2, 5), numticks=6)
    axes.yaxis.set_major_formatter("{x:g}")  # powers of ten, as they are by default, take long to set
    axes.yaxis.set_minor_formatter("")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.2, color=INK)
    axes.spines[["top", "right"]].set_visible(False)


def alts(stepper: Stepper) -> tuple[str, str, str]:
    """The three pictures in words."""
    seen, found = stepper.seen, stepper.gradients

    def said(values: Array) -> str:
        return ", ".join(short(float(value)) for value in values)

    first = f"The network, a line for every weight. Image {said(stepper.image)}; target {said(stepper.target)}."
    if seen:
        first += f" Hidden units {said(seen.h)}." + (f" Output {said(seen.prediction)}." if stepper.stage > 1 else "")
    arrived = [f"{name}: {said(g.ravel())}." for name, g in found.items() if not np.isnan(g).all()]
    second = "The gradients on the network's lines. " + (" ".join(arrived) or "None has arrived yet.")
    known = [short(loss) for loss in stepper.losses]
    third = "Loss against steps: " + (f"{known[0]} at first, {known[-1]} now." if known else "nothing yet.")
    return first, second, third


# ---- parts -------------------------------------------------------------------------------------------------------
def _begin(axes: Any, title: str) -> None:
    wipe(axes)
    axes.set(xlim=(-0.2, 2.62), ylim=(-0.95, 4.35), title=title)
    axes.set_axis_off()


def _largest(values: Mapping[str, Array]) -> float:
    every = np.abs(np.concatenate([value.ravel() for value in values.values()]))
    return float(max(every[np.isfinite(every)], default=0.0))


def _lines(axes: Any, values: Mapping[str, Array], scale: float) -> None:
    """A line for each parameter, from what it multiplies to where it adds; a bias begins at the node that is 1."""
    hidden = len(values["b1"])
    for column, name, bias in ((0, "W1", "b1"), (1, "W2", "b2")):
        sources, targets = HEIGHTS[(4, hidden)[column]], HEIGHTS[(hidden, 4)[column]]
        for j, end in enumerate(targets):
            _line(axes, column, BIAS, end, float(values[bias][j]) / scale)
            for i, start in enumerate(sources):
                _line(axes, column, start, end, float(values[name][i, j]) / scale)
        axes.plot(COLUMNS[column], BIAS, "s", ms=15, color=WHITE, markeredgecolor=INK, zorder=3)
        axes.annotate("1", (COLUMNS[column], BIAS), ha="center", va="center", fontsize=9, color=BLACK, zorder=4)


def _line(axes: Any, column: int, start: float, end: float, share: float) -> None:
    """Blue and whole if positive, orange and dashed if negative, dotted if 0; faint if there is no number yet."""
    ends = (COLUMNS[column], COLUMNS[column + 1]), (start, end)
    if np.isnan(share):
        axes.plot(*ends, color=INK, linewidth=0.7, alpha=0.15, zorder=1)
    elif abs(share) < 1e-12:
        axes.plot(*ends, color=INK, linewidth=0.8, alpha=0.55, linestyle=(0, (1, 3)), zorder=1)
    else:
        width = 0.7 + 3.6 * min(abs(share), 1.0)
        dashes = "-" if share > 0 else (0, (2.2, 1.2))
        axes.plot(*ends, color=POSITIVE if share > 0 else NEGATIVE, linewidth=width, linestyle=dashes, zorder=2)


def _pixels(axes: Any, x: float, values: Array) -> None:
    for y, value in zip(HEIGHTS[4], values):
        axes.plot(x, y, "s", ms=19, color=BLACK if value > 0.5 else WHITE, markeredgecolor=INK, zorder=3)
        colour = WHITE if value > 0.5 else BLACK
        axes.annotate(f"{value:g}", (x, y), ha="center", va="center", fontsize=9, color=colour, zorder=4)


def _nodes(axes: Any, x: float, count: int, values: Array | None, silent: bool = True) -> None:
    """Circles with numbers; grey if silent, that is, if 0 comes out of them."""
    for i, y in enumerate(HEIGHTS[count]):
        is_off = silent and values is not None and not abs(values[i]) > 1e-12 and not np.isnan(values[i])
        axes.plot(x, y, "o", ms=35, color=GREY if is_off else WHITE, markeredgecolor=INK, zorder=3)
        text = "" if values is None else short(float(values[i]))
        axes.annotate(text, (x, y), ha="center", va="center", fontsize=8, color=BLACK, zorder=4)


def _names(axes: Any, names: tuple[tuple[float, str], ...]) -> None:
    for x, name in names:
        axes.annotate(name, (x, 4.05), ha="center", va="center", fontsize=9, color=INK)
    key = ((1.2, "—", "positive", POSITIVE), (1.73, "- -", "negative", NEGATIVE), (2.32, "···", "zero", INK))
    for x, mark, word, colour in key:
        axes.annotate(mark, (x, -0.9), ha="right", va="bottom", fontsize=9, weight="bold", color=colour)
        axes.annotate(word, (x + 0.04, -0.9), ha="left", va="bottom", fontsize=9, color=INK)
