"""Pictures, with matplotlib. Every function returns a Figure, which a notebook shows, and saves it if given a path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu.extras import need

__all__ = ["history"]

# Okabe and Ito's colours; the dashes tell the lines apart where colours do not.
STYLES = (("#000000", "-"), ("#D55E00", "--"), ("#0072B2", "-."), ("#009E73", ":"), ("#CC79A7", (0, (5, 1, 1, 1))))


def history(history: Any, path: str | Path | None = None) -> Any:
    """The loss against epochs, that on validation data beside it, and the metrics in a second panel.

    Args:
        history: a `History`, or a dict of lists with one number an epoch.
        path: a file to write the picture to, .png, .svg or .pdf.

    Returns:
        The matplotlib Figure.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: there is no epoch to draw.

    Example:
        >>> import tinygrad_edu as tg
        >>> figure = tg.plot.history({"loss": [1.0, 0.5, 0.2], "val_loss": [1.1, 0.7, 0.6]})
        >>> len(figure.axes)
        1
    """
    epochs: Mapping[str, Sequence[float]] = getattr(history, "epochs", history)
    if not epochs.get("loss"):
        raise ValueError("there is no epoch to draw: train first, tg.fit(...)")
    others = [name for name in epochs if name.removeprefix("val_") not in ("loss", "lr", "grad_norm", "seconds")]
    figure = _figure(2 if others else 1)
    panels = figure.subplots(1, 2 if others else 1, squeeze=False)[0]
    _curves(panels[0], "Loss", {name: epochs[name] for name in ("loss", "val_loss") if name in epochs})
    positive = all(np.nanmin(epochs[name]) > 0 for name in ("loss", "val_loss") if name in epochs)
    panels[0].set_yscale("log" if positive else "linear")
    if others:
        _curves(panels[1], "Metrics", {name: epochs[name] for name in others})
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


def _figure(panels: int) -> Any:
    figure = need("matplotlib.figure", "plot", "A picture")  # not pyplot: no window, no global state
    return figure.Figure(figsize=(1 + 5 * panels, 4), layout="constrained")


def _curves(axes: Any, title: str, curves: Mapping[str, Sequence[float]]) -> None:
    """One line a curve, from epoch 1 on, with a marker where it is too short to be a line."""
    for i, (name, values) in enumerate(curves.items()):
        colour, dashes = STYLES[i % len(STYLES)]
        marker = "o" if len(values) < 2 else ""
        label = name.replace("val_", "validation ") if name.startswith("val_") else f"training {name}"
        axes.plot(
            range(1, len(values) + 1), values, color=colour, linestyle=dashes, linewidth=1.8, marker=marker, label=label
        )
    axes.set(title=title, xlabel="epoch")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, handlelength=3.5)
    axes.xaxis.get_major_locator().set_params(integer=True)
