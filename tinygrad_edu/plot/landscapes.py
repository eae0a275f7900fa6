"""The loss as a landscape: over two numbers, or around a model along two directions; with the descent walked in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_edu.plot.style import HEIGHTS, HUGE, blank, finished, plain
from tinygrad_edu.recording import no_grad

__all__ = ["landscape", "model_landscape"]

STEEP = 100.0  # high over low (see `_limits`) from which on the picture shows logarithms
LEVELS = 16
PIT = 0.1  # how far logarithms are followed down: they go to −∞ where the loss goes to 0
ROOM = 0.25  # around a descent, as a part of its extent

Array = NDArray[np.float64]
Range = tuple[float, float]


def landscape(
    f: Callable[[float, float], Any],
    x: Range,
    y: Range,
    path: str | Path | None = None,
    *,
    descent: ArrayLike | None = None,
    names: tuple[str, str] = ("x", "y"),
    points: int = 61,
) -> Any:
    """A loss as height over two numbers: as a surface and, beside it, as contours.

    Where f is not finite, or beyond 1e100, nothing is drawn; single heights far off the others are cut. Heights that
    differ more than a hundredfold are shown as logarithms.

    Args:
        f: two numbers → the loss; it is called for every point by itself, without recording.
        x: the first number, from and to.
        y: the second.
        path: a file to write the picture to, .png, .svg or .pdf.
        descent: points (x, y) in the order in which a descent came by, shape (steps, 2).
        names: of the two numbers.
        points: along each side.

    Returns:
        The matplotlib Figure.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: a range is empty, the descent has another shape, or f is nowhere finite or no single number.

    Example:
        >>> import tinygrad_edu as tg
        >>> walked = [(2.0, 1.0), (1.0, 0.2), (0.5, 0.04), (0.25, 0.01)]
        >>> figure = tg.plot.landscape(lambda w, b: w**2 + 3 * b**2, (-3, 3), (-2, 2), descent=walked, names=("w", "b"))
        >>> figure.axes[1].get_xlabel()
        'w'
    """
    for name, (low, high) in zip(names, (x, y)):
        if not -math.inf < low < high < math.inf:
            raise ValueError(f"the range of {name} must go up, such as (-1, 1); got ({low}, {high})")
    if points < 2:
        raise ValueError(f"a landscape has at least 2 points along each side, such as points=25; got {points}")
    walked = None if descent is None else np.array(descent, float)
    if walked is not None and (walked.ndim != 2 or walked.shape[1] != 2 or not len(walked)):
        raise ValueError(f"a descent is a list of points (x, y), shape (steps, 2); got shape {walked.shape}")
    across, along = np.linspace(*x, points), np.linspace(*y, points)
    heights = np.array([[_height(f, a, b) for a in across] for b in along])
    on_the_way = None if walked is None else np.array([_height(f, a, b) for a, b in walked])
    return finished(_picture(across, along, heights, walked, on_the_way, names), path)


def model_landscape(
    model: Any,
    loss: Callable[[], Any],
    path: str | Path | None = None,
    *,
    descent: Sequence[Mapping[str, Any]] | None = None,
    points: int = 25,
    rng: np.random.Generator | int | None = None,
) -> Any:
    """The loss around a model as it is now, which is the point (0, 0).

    Without a descent, along two random directions, each parameter's part as long as the parameter itself: at 1 all
    weights have moved by their own length. With a descent, along the two directions in which it extends most (its
    principal components), since random ones would not show it. The model is left as it was found. Source: H. Li et
    al., "Visualizing the loss landscape of neural nets", NeurIPS (2018), sections 4 and 7.

    Args:
        model: a module; call `model.eval()` first if it has dropout or batch normalisation.
        loss: computes the loss of the model with the parameters that it has at that moment.
        path: a file to write the picture to, .png, .svg or .pdf.
        descent: what `model.state_dict()` was on the way, the last one being the model as it is now.
        points: along each side.
        rng: for the random directions.

    Returns:
        The matplotlib Figure.

    Raises:
        ImportError: matplotlib is not installed.
        TypeError: `loss` is a number and no function.
        ValueError: there are no parameters, the descent has fewer than two states, or its names do not fit.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> net = tg.nn.Linear(2, 1, rng=0)
        >>> x, y = np.ones((4, 2)), np.zeros((4, 1))
        >>> figure = tg.plot.model_landscape(net, lambda: tg.nn.mse_loss(net(x), y), points=9, rng=0)
        >>> figure.axes[1].get_xlabel()
        'along a random direction'
    """
    if not callable(loss):
        raise TypeError("the loss must be computed anew at every point: lambda: tg.nn.mse_loss(net(x), y)")
    parameters = dict(model.named_parameters())
    if not parameters:
        raise ValueError(f"{type(model).__name__} has no parameters to move")
    here = {name: np.array(parameter.data, float) for name, parameter in parameters.items()}
    if descent is None:
        first, second = _random_directions(here, np.random.default_rng(rng))
        walked, ranges = None, ((-1.0, 1.0), (-1.0, 1.0))
        labels = ("along a random direction", "along a second one")
    else:
        first, second, walked, shares = _principal_directions(here, descent)
        ranges = _around(walked[:, 0]), _around(walked[:, 1])
        labels = (f"1st direction ({shares[0]:.0%} of the descent)", f"2nd direction ({shares[1]:.0%})")
    before = model.state_dict()

    def f(a: float, b: float) -> Any:
        for name, parameter in parameters.items():
            parameter.data[...] = here[name] + a * first[name] + b * second[name]
        return loss()

    try:
        return landscape(f, *ranges, path, descent=walked, names=labels, points=points)
    finally:
        model.load_state_dict(before)


def _height(f: Callable[[float, float], Any], a: float, b: float) -> float:
    with no_grad(), np.errstate(all="ignore"):
        value = f(float(a), float(b))
    height = plain(value)
    if height.size != 1:
        raise ValueError(f"a landscape needs a single number for every point; got shape {height.shape}: np.mean(...)?")
    return float(height.item())


# ---- directions --------------------------------------------------------------------------------------------------
def _random_directions(here: dict[str, Array], rng: np.random.Generator) -> tuple[dict[str, Array], dict[str, Array]]:
    def one() -> dict[str, Array]:
        direction = {name: rng.normal(size=value.shape) for name, value in here.items()}
        return {name: d * (np.linalg.norm(here[name]) / np.linalg.norm(d)) for name, d in direction.items()}

    return one(), one()


def _principal_directions(
    here: dict[str, Array], descent: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Array], dict[str, Array], Array, tuple[float, float]]:
    """Two directions, the descent's points in them, and what part of its extent (squared) lies along each."""
    if len(descent) < 2 or any(set(here) - set(state) for state in descent):
        raise ValueError(
            "the descent must be at least two of the model's states: states.append(model.state_dict()) after each step"
        )
    away = np.array(
        [np.concatenate([np.ravel(state[n]).astype(float) - np.ravel(v) for n, v in here.items()]) for state in descent]
    )
    _, sizes, rows = np.linalg.svd(away, full_matrices=False)
    if len(rows) < 2:
        rows, sizes = np.vstack([rows, np.zeros_like(rows)]), np.append(sizes, 0.0)
    signs = np.where(away[0] @ rows[:2].T < 0, -1.0, 1.0)  # the descent begins on the positive side
    directions = rows[:2] * signs[:, None]
    total = max(float(np.sum(sizes**2)), np.finfo(float).tiny)
    ends = np.cumsum([value.size for value in here.values()])[:-1]
    parts = [
        {name: part.reshape(here[name].shape) for name, part in zip(here, np.split(direction, ends))}
        for direction in directions
    ]
    return parts[0], parts[1], away @ directions.T, (float(sizes[0] ** 2 / total), float(sizes[1] ** 2 / total))


def _around(walked: Array) -> Range:
    low, high = float(walked.min()), float(walked.max())
    room = ROOM * (high - low) or 1.0
    return low - room, high + room


# ---- the picture -------------------------------------------------------------------------------------------------
def _picture(x: Array, y: Array, heights: Array, walked: Array | None, on_the_way: Array | None, names: Any) -> Any:
    finite = heights[np.abs(heights) < HUGE]
    if not finite.size:
        raise ValueError("the loss is not finite anywhere in these ranges")
    steep = _is_steep(finite)
    label = "log₁₀ of the loss" if steep else "loss"
    shown = _shown(heights, steep)
    low, high = _limits(shown, steep)
    cut = np.clip(shown, low, high)
    notes = ["grey: blown up"] * (finite.size < heights.size) + ["what is far off is cut"] * bool(np.any(cut != shown))
    figure = blank(2, height=4.6)
    surface = figure.add_subplot(1, 2, 1, projection="3d", computed_zorder=False)
    surface.plot_surface(
        *np.meshgrid(x, y), cut.filled(np.nan), rcount=len(y), ccount=len(x), cmap=HEIGHTS, alpha=0.85, linewidth=0
    )
    surface.set_title("The loss as a surface")
    for axis, name in zip((surface.xaxis, surface.yaxis, surface.zaxis), (*names, label)):
        axis.set_label_text(name)
        axis.labelpad = 6
    surface.locator_params(nbins=5)
    surface.set_box_aspect(None, zoom=0.82)  # or its labels reach into the other panel
    contours = figure.add_subplot(1, 2, 2)
    filled = contours.contourf(x, y, cut, levels=LEVELS, cmap=HEIGHTS)
    contours.contour(x, y, cut, levels=filled.levels, colors="#000000", linewidths=0.4, alpha=0.6)
    contours.set_facecolor("#d9d9d9")
    contours.set_title("The same from above" + f" ({'; '.join(notes)})" * bool(notes))
    contours.set(xlabel=names[0], ylabel=names[1], xlim=x[[0, -1]], ylim=y[[0, -1]])
    figure.colorbar(filled, ax=contours, label=label)
    if walked is not None and on_the_way is not None:
        _walk(surface, contours, walked, np.clip(_shown(on_the_way, steep), low, high).filled(np.nan))
    return figure


def _is_steep(finite: Array) -> bool:
    """Whether heights need a logarithmic scale. One lowest point, which may even be 0, does not make a valley steep."""
    low, high = np.quantile(finite, [0.05, 0.98])
    return bool(finite.min() >= 0 and 0 < STEEP * low < high)


def _shown(heights: Array, steep: bool) -> Any:
    """Heights, or their logarithms; masked where there are none."""
    there = np.abs(heights) < HUGE
    numbers = np.where(there, heights, 1.0)
    return np.ma.array(np.log10(np.maximum(numbers, 1 / HUGE)) if steep else numbers, mask=~there)


def _limits(shown: Any, steep: bool) -> Range:
    """Where to cut: outside of what almost all heights take up by more than as much again, and logarithms sooner."""
    low, high = np.quantile(shown.compressed(), [0.02, 0.98])
    return low - (PIT if steep else 1.0) * (high - low), high + (high - low)


def _walk(surface: Any, contours: Any, walked: Array, heights: Array) -> None:
    """The descent in both panels, as far as it stays in the picture: black on a white edge, a ring where it begins."""
    (left, right), (low, high) = contours.get_xlim(), contours.get_ylim()
    x, y = np.where(np.isfinite(walked), walked, np.nan).T
    inside = (x >= left) & (x <= right) & (y >= low) & (y <= high)
    ends = [("o", "start", 0)]
    if inside[-1]:
        ends.append(("*", "end", len(x) - 1))
        label = f"descent, {len(x) - 1} steps"
    else:
        last = np.flatnonzero(inside)
        label = f"descent, off the picture from step {int(last[-1]) + 1 if last.size else 0}"
    for colour, width, name in (("#ffffff", 3.5, None), ("#000000", 1.5, label)):
        contours.plot(x, y, color=colour, linewidth=width, label=name, marker=".", markersize=width + 2)
        surface.plot(
            *(np.where(inside, values, np.nan) for values in (x, y, heights)), color=colour, linewidth=width, zorder=5
        )
    for marker, name, k in ends:
        look = {"color": "#ffffff", "edgecolor": "#000000", "marker": marker, "s": 110, "zorder": 6}
        contours.scatter(x[k], y[k], label=name, **look)
        if inside[k]:
            surface.scatter(x[k], y[k], heights[k], depthshade=False, **look)
    contours.legend(loc="best", fontsize=9)
