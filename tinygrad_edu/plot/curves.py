"""Curves: losses over epochs or steps, learning rates compared, the error of a numerical slope against its step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.plot.style import HUGE, blank, finished, plain, readable, style

__all__ = ["history", "learning_rates", "losses", "step_sizes"]

TOO_HIGH = 100.0  # times the largest first loss: what rises above that has blown up and leaves the picture
MARKED = 30  # points up to which each has its marker
LEGEND: dict[str, Any] = {"handlelength": 3.5, "framealpha": 0.85, "edgecolor": "none"}
FEW = 4  # names that find room among the lines; more go below
BELOW: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.16), "ncols": 2}
LINE = 0.2  # inches of a line of the legend, by which the picture grows if it stands below

METHODS = "a dict from methods to errors, such as {'central': errors}"

Curve = NDArray[np.float64]


def history(history: Any, path: str | Path | None = None) -> Any:
    """The loss against epochs, that on validation data beside it, and the metrics in a second panel.

    Args:
        history: a `History`, or a dict of lists with one number an epoch.
        path: a file to write the picture to, .png, .svg or .pdf.

    Returns:
        The matplotlib Figure.

    Raises:
        ImportError: matplotlib is not installed.
        TypeError: `history` is neither.
        ValueError: there is no epoch to draw.

    Example:
        >>> import tinygrad_edu as tg
        >>> figure = tg.plot.history({"loss": [1.0, 0.5, 0.2], "val_loss": [1.1, 0.7, 0.6]})
        >>> len(figure.axes)
        1
    """
    epochs: Mapping[str, Sequence[float]] = _mapping(
        getattr(history, "epochs", history), "a History, or a dict such as {'loss': [1.0, 0.5], 'val_loss': [1.1, 0.8]}"
    )
    if not epochs.get("loss"):
        raise ValueError("there is no epoch to draw: train first, tg.fit(...)")
    others = [name for name in epochs if name.removeprefix("val_") not in ("loss", "lr", "grad_norm", "seconds")]
    figure = blank(2 if others else 1)
    panels = figure.subplots(1, 2 if others else 1, squeeze=False)[0]
    seen = {_spoken(name): _curve(epochs[name], name) for name in ("loss", "val_loss") if name in epochs}
    _draw(panels[0], seen, "epoch")
    panels[0].set(title="Loss", ylabel="loss")
    if others:
        _draw(panels[1], {_spoken(name): _curve(epochs[name], name) for name in others}, "epoch", scale="linear")
        panels[1].set(title="Metrics")
    return finished(figure, path)


def losses(runs: Mapping[str, Any], path: str | Path | None = None) -> Any:
    """The losses of several runs in one picture, on a logarithmic axis where they are positive.

    A run that blows up leaves through the upper edge, with a mark where it does; its name says when.

    Args:
        runs: name → one loss a step, or → a `History`, whose losses are one an epoch.
        path: a file to write the picture to, .png, .svg or .pdf.

    Returns:
        The matplotlib Figure.

    Raises:
        ImportError: matplotlib is not installed.
        TypeError: `runs` is no dict.
        ValueError: there is no run, a run has no losses, or losses by the step are mixed with losses by the epoch.

    Example:
        >>> import tinygrad_edu as tg
        >>> figure = tg.plot.losses({"SGD": [1.0, 0.5, 0.2], "Adam": [1.0, 0.3, 0.1], "too fast": [1, 1e9, 1e30]})
        >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        ['SGD', 'Adam', 'too fast (off the picture from step 2)']
    """
    curves, unit = _losses(runs)
    figure = blank()
    axes = figure.subplots()
    _draw(axes, curves, unit)
    axes.set(title="Loss of each run" if len(curves) > 1 else "Loss", ylabel="loss")
    return finished(figure, path)


def learning_rates(runs: Mapping[float, Any], path: str | Path | None = None) -> Any:
    """Learning rates compared: the loss of every run over its steps, and beside it where each rate ends.

    Args:
        runs: learning rate → one loss a step, or → a `History`, whose losses are one an epoch.
        path: a file to write the picture to, .png, .svg or .pdf.

    Returns:
        The matplotlib Figure.

    Raises:
        ImportError: matplotlib is not installed.
        TypeError, ValueError: as for `losses`, or a learning rate is not positive.

    Example:
        >>> import tinygrad_edu as tg
        >>> figure = tg.plot.learning_rates({0.01: [64, 60.2, 56.7], 0.25: [64, 0.0, 0.0], 0.6: [64, 125.4, 245.9]})
        >>> [float(rate) for rate in figure.axes[1].lines[0].get_xdata()]
        [0.01, 0.25, 0.6]
    """
    _mapping(runs, "a dict from learning rates to losses, such as {0.01: losses}")
    if not all(isinstance(rate, Real) and rate > 0 for rate in runs):
        raise ValueError(f"learning rates must be positive to stand on a logarithmic axis; got {list(runs)}")
    named, unit = _losses({f"{rate:g}": runs[rate] for rate in sorted(runs)})
    figure = blank(2)
    left, right = figure.subplots(1, 2)
    top = _draw(left, named, unit, legend="learning rate")
    left.set(title="Loss for every learning rate", ylabel="loss")
    rates = np.array(sorted(runs), float)
    ends = np.array([curve[-1] for curve in named.values()])
    gone = ~(np.abs(ends) <= top)
    none = (ends == 0) & (left.get_yscale() == "log")
    right.plot(
        rates, np.where(gone | none, np.nan, ends), color="#000000", marker="o", linewidth=1.8, label="last loss"
    )
    _at_the_edge(right, rates[gone], 1, color="#D55E00", marker="^", s=70, label="blown up")
    _at_the_edge(right, rates[none], 0, color="#0072B2", marker="v", s=70, label="exactly 0")
    right.set_xlim(rates[0] / 1.5, rates[-1] * 1.5)
    right.legend(**LEGEND)
    right.set_yscale(left.get_yscale())
    if right.get_yscale() == "log":
        readable(right.yaxis, *right.get_ylim())
    right.set(title=f"Where each rate ends, at {unit} {max(map(len, named.values()))}")
    right.set(xscale="log", xlabel="learning rate", ylabel="last loss")
    right.grid(alpha=0.25)
    return finished(figure, path)


def step_sizes(steps: Sequence[float], errors: Mapping[str, Sequence[float]], path: str | Path | None = None) -> Any:
    """The error of numerical slopes against the step, by method, on two logarithmic axes: the V of a difference.

    To the right the formula is to blame (a straight line whose steepness is the method's order), to the left rounding.

    Args:
        steps: positive, of any unit: that of the input.
        errors: method → absolute or relative error for every step; an error of exactly 0 stands at the lower edge.
        path: a file to write the picture to, .png, .svg or .pdf.

    Returns:
        The matplotlib Figure.

    Raises:
        ImportError: matplotlib is not installed.
        TypeError: `errors` is no dict.
        ValueError: steps are not positive, there is no method, or one has another number of errors.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> h = np.logspace(-12, 0, 25)
        >>> central = abs((np.exp(1 + h) - np.exp(1 - h)) / (2 * h) - np.exp(1))
        >>> figure = tg.plot.step_sizes(h, {"central": central})
        >>> figure.axes[0].get_xscale(), figure.axes[0].get_yscale()
        ('log', 'log')
    """
    h = _curve(steps, "steps")
    if not (h > 0).all():
        raise ValueError("step sizes must be positive to stand on a logarithmic axis")
    curves = {name: np.abs(_curve(values, name)) for name, values in _mapping(errors, METHODS).items()}
    if not curves:
        raise ValueError(f"there is no method to draw; give {METHODS}")
    for name, curve in curves.items():
        if len(curve) != len(h):
            raise ValueError(f"{name!r} has {len(curve)} errors for {len(h)} steps")
    figure = blank()
    axes = figure.subplots()
    for i, (name, curve) in enumerate(curves.items()):
        colour, dashes, marker = style(i)
        look = {"color": colour, "linestyle": dashes, "marker": marker, "markersize": 4, "markevery": (i % 3, 3)}
        axes.plot(h, np.where(np.isfinite(curve) & (curve > 0), curve, np.nan), label=name, linewidth=1.8, **look)
        _at_the_edge(axes, h[curve == 0], 0, color=colour, marker=marker)
    zeros = any((curve == 0).any() for curve in curves.values())
    axes.set(title="Error against step size", xlabel="step size" + " (errors of 0 on the axis)" * zeros, ylabel="error")
    if not any((np.isfinite(curve) & (curve > 0)).any() for curve in curves.values()):
        axes.set(xlim=(h.min() / 2, h.max() * 2), ylim=(float(np.finfo(float).eps), 1))  # nothing to take them from
    axes.set(xscale="log", yscale="log")
    axes.grid(alpha=0.25)
    axes.legend(**LEGEND)
    return finished(figure, path)


def _mapping(runs: Any, wanted: str) -> Any:
    if not isinstance(runs, Mapping):
        raise TypeError(f"this picture needs {wanted}; got a {type(runs).__name__}")
    return runs


def _spoken(name: str) -> str:
    return name.replace("val_", "validation ") if name.startswith("val_") else f"training {name}"


def _losses(runs: Mapping[str, Any]) -> tuple[dict[str, Curve], str]:
    """(name → losses, what they are counted by)."""
    if not _mapping(runs, "a dict from names to losses, such as {'SGD': losses}"):
        raise ValueError("there is no run to draw; give a dict, such as {'SGD': losses}")
    by_epoch = [hasattr(run, "epochs") for run in runs.values()]
    if any(by_epoch) != all(by_epoch):
        raise ValueError(
            "some runs are lists with a loss a step, others a History with a loss an epoch; draw them apart"
        )
    lists = {str(name): run.epochs.get("loss", []) if by_epoch[0] else run for name, run in runs.items()}
    return {name: _curve(values, name) for name, values in lists.items()}, "epoch" if by_epoch[0] else "step"


def _curve(values: Any, name: str) -> Curve:
    """As floats; numbers, arrays and tensors of one entry are all taken."""
    try:
        curve = np.array([plain(value).item() for value in values], float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name!r} must be a list of single numbers, such as [1.0, 0.5]; {error}") from None
    if not len(curve):
        raise ValueError(f"{name!r} has no numbers to draw")
    return curve


def _draw(axes: Any, curves: Mapping[str, Curve], unit: str, legend: str = "", scale: str = "") -> float:
    """One line a curve, counted from 1; returns the value above which they leave the picture."""
    together = np.concatenate(list(curves.values()))
    finite = together[np.abs(together) < HUGE]
    scale = scale or ("log" if finite.size and finite.min() >= 0 and finite.max() > 0 else "linear")
    top = _top(curves, finite) if scale == "log" else HUGE
    for i, (name, curve) in enumerate(curves.items()):
        colour, dashes, marker = style(i)
        gone = _gone(curve, top)
        look: dict[str, Any] = {"color": colour, "linestyle": dashes, "linewidth": 1.8}
        if len(curve) <= MARKED:
            look |= {"marker": marker, "markersize": 4}
        label = name if gone is None else f"{name} (off the picture from {unit} {gone + 1})"
        seen = np.where(np.abs(curve) < HUGE, np.minimum(curve, 10 * top), np.nan)
        axes.plot(np.arange(1, len(curve) + 1), seen, label=label, **look)
        if gone is not None:
            _at_the_edge(axes, [gone + 1], 1, color=colour, marker="^", s=70)
    axes.set_yscale(scale)
    if finite.size and finite.max() > top:
        lowest = finite[finite > 0].min()
        axes.set_ylim(max(lowest / 2, 1 / HUGE), top)
    if scale == "log":
        readable(axes.yaxis, *axes.get_ylim())
    axes.set(xlabel=unit)
    axes.grid(alpha=0.25)
    axes.legend(**LEGEND, **(BELOW if len(curves) > FEW else {}), title=legend or None)
    if len(curves) > FEW:
        figure = axes.figure
        figure.set_figheight(figure.get_figheight() + LINE * ((len(curves) + 1) // 2 + bool(legend)))
    axes.xaxis.get_major_locator().set_params(integer=True)
    return top


def _top(curves: Mapping[str, Curve], finite: Curve) -> float:
    firsts = [curve[0] for curve in curves.values() if 0 < curve[0] < HUGE]
    return min(TOO_HIGH * max(max(firsts, default=np.min(finite[finite > 0])), 1 / HUGE), HUGE)


def _gone(curve: Curve, top: float) -> int | None:
    """From where on nothing of the curve is to be seen, if it ends like that."""
    seen = np.flatnonzero(np.abs(curve) <= top)
    first = int(seen[-1]) + 1 if seen.size else 0
    return first if first < len(curve) else None


def _at_the_edge(axes: Any, x: Any, y: int, **look: Any) -> None:
    """Marks on the lower (0) or the upper (1) edge, for what is beyond it."""
    if len(x):
        axes.scatter(x, np.full(len(x), y), transform=axes.get_xaxis_transform(), clip_on=False, zorder=5, **look)
