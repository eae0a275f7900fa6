"""The picture that `tinygrad-edu train --plot FILE` draws: the training, and where the classes of a plane meet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu import plot as pictures
from tinygrad_edu.cli.training import Outcome, Training

__all__ = ["plot"]

# Okabe and Ito's colours; the markers tell the classes apart where colours do not.
STYLES = (("#0072B2", "o"), ("#D55E00", "^"), ("#009E73", "s"), ("#CC79A7", "D"), ("#E69F00", "v"), ("#56B4E9", "P"))
FINE = 200  # points along each side of the plane


def plot(training: Training, outcome: Outcome, path: Path) -> None:
    """Draw losses and metrics; beside them, if there are two inputs and few classes, what is taken for which class.

    Args:
        training: the run.
        outcome: what came of it.
        path: a .png, .svg or .pdf.
    """
    figure = pictures.history(outcome.history)
    classes = training.data.classes or ()
    if training.data.x.shape[1] == 2 and 2 <= len(classes) <= len(STYLES):
        panels = figure.axes
        grid = figure.add_gridspec(1, len(panels) + 1)
        for panel, place in zip(panels, grid):
            panel.set_subplotspec(place)
        figure.set_size_inches(1 + 5 * (len(panels) + 1), 4)
        _plane(figure.add_subplot(grid[-1]), training, outcome)
    figure.savefig(path, dpi=150)


def _plane(axes: Any, training: Training, outcome: Outcome) -> None:
    """The class of every point of the plane as its colour, with the test samples on it."""
    data, classes = training.data, training.data.classes or []
    low, high = data.x.min(axis=0), data.x.max(axis=0)
    edge = 0.08 * (high - low) + 1e-9
    across, down = (np.linspace(low[i] - edge[i], high[i] + edge[i], FINE) for i in (0, 1))
    points = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2)
    chosen = np.argmax(outcome.trained.predict(points), axis=1).reshape(FINE, FINE)
    colours = [colour for colour, _ in STYLES[: len(classes)]]
    axes.contourf(across, down, chosen, levels=np.arange(len(classes) + 1) - 0.5, colors=colours, alpha=0.25)
    x, y = training.parts["test"]
    for k, (name, (colour, marker)) in enumerate(zip(classes, STYLES)):
        axes.scatter(*x[y == k].T, c=colour, marker=marker, s=16, label=name)
    axes.set(title="Test samples, and what is taken for which class", xlabel=data.columns[0], ylabel=data.columns[1])
    axes.legend(frameon=False, title=data.target, loc="upper left", bbox_to_anchor=(1, 1))
