"""How the weights of a model and their gradients are spread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu.plot.style import HUGE, blank, finished, plain

__all__ = ["histograms"]

MOST = 12  # parameters in one picture
BINS = 40


def histograms(model: Any, path: str | Path | None = None) -> Any:
    """The values of every parameter of a model and, beside them, their gradients.

    Under each panel stand the spread and what share is exactly 0: in gradients the trace of dead units. Gradients of
    the first layers that are far smaller than those of the last vanish; far larger ones explode.

    Args:
        model: a module, best between `loss.backward()` and the optimizer's step. Of more than twelve parameters the
            first six and the last six are drawn.
        path: a file to write the picture to, .png, .svg or .pdf.

    Returns:
        The matplotlib Figure, with two panels for every parameter.

    Raises:
        ImportError: matplotlib is not installed.
        TypeError: `model` is no module.
        ValueError: there are no parameters.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> net = tg.nn.Linear(20, 10, rng=0)
        >>> np.mean(net(np.ones((5, 20))) ** 2).backward()
        >>> figure = tg.plot.histograms(net)
        >>> [axes.get_title() for axes in figure.axes]
        ['weight, 20 × 10', 'its gradient', 'bias, 10', 'its gradient']
    """
    if not hasattr(model, "named_parameters"):
        raise TypeError(f"histograms needs a module such as tg.nn.Linear(2, 1); got a {type(model).__name__}")
    named = list(model.named_parameters())
    if not named:
        raise ValueError(f"{type(model).__name__} has no parameters to draw")
    shown = named if len(named) <= MOST else named[: MOST // 2] + named[-MOST // 2 :]
    figure = blank(2, len(shown), height=2.2)
    for (name, parameter), (left, right) in zip(shown, figure.subplots(len(shown), 2, squeeze=False)):
        size = " × ".join(map(str, parameter.shape)) or "one number"
        _panel(left, f"{name}, {size}", parameter.data, "#0072B2", "value")
        _panel(right, "its gradient", parameter.grad, "#D55E00", "gradient")
    if len(shown) < len(named):
        figure.suptitle(f"{len(shown)} of {len(named)} parameters, {len(named) - len(shown)} in the middle left out")
    return finished(figure, path)


def _panel(axes: Any, title: str, array: Any, colour: str, quantity: str) -> None:
    axes.set(title=title)
    if array is None:
        axes.text(
            0.5, 0.5, "no gradient yet:\ncall loss.backward()", ha="center", va="center", transform=axes.transAxes
        )
        axes.set(xticks=[], yticks=[])
        return
    values = plain(array).ravel().astype(float)
    finite = values[np.abs(values) < HUGE]
    notes = [f"spread {_spread(finite):.3g}", f"{np.mean(values == 0):.0%} exactly 0"]
    if finite.size < values.size:
        notes.append(f"{values.size - finite.size} of {values.size} BLOWN UP")
    if finite.size:
        axes.hist(finite, bins=_edges(finite), color=colour, edgecolor="#000000", linewidth=0.3)
        axes.axvline(0, color="#000000", linewidth=0.8, linestyle="--")
    axes.set(xlabel=f"{quantity} ({', '.join(notes)})", ylabel="how many")
    axes.xaxis.get_major_formatter().set_powerlimits((-3, 4))
    axes.locator_params(axis="x", nbins=6)
    axes.grid(alpha=0.25)


def _spread(values: Any) -> float:
    return float(np.std(values)) if values.size else 0.0


def _edges(values: Any) -> Any:
    """Equal bins; around a single value they are as wide as the floating-point numbers there allow."""
    low, high = float(values.min()), float(values.max())
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        room = 0.5 * max(abs(low), 1e-12)
        low, high = low - room, high + room
    return np.linspace(low, high, BINS + 1)
