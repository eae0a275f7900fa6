"""The picture that `tinygrad-edu train --plot FILE` draws: the training, and where the classes of a plane meet."""

from __future__ import annotations

from pathlib import Path

from tinygrad_edu import plot as pictures
from tinygrad_edu.cli.training import Outcome, Training

__all__ = ["plot"]

MOST = 6  # classes up to which there are colours that one can tell apart


def plot(training: Training, outcome: Outcome, path: Path) -> None:
    """Draw losses and metrics; beside them, if there are two inputs and few classes, what is taken for which class.

    Args:
        training: the run.
        outcome: what came of it.
        path: a .png, .svg or .pdf.
    """
    figure = pictures.history(outcome.history)
    data = training.data
    if data.x.shape[1] == 2 and 2 <= len(data.classes or ()) <= MOST:
        panels = figure.axes
        grid = figure.add_gridspec(1, len(panels) + 1)
        for panel, place in zip(panels, grid):
            panel.set_subplotspec(place)
        figure.set_size_inches(1 + 5 * (len(panels) + 1), 4)
        axes = figure.add_subplot(grid[-1])
        x, y = training.parts["test"]
        pictures.boundary(
            outcome.trained.predict, x, y, classes=data.classes, names=(data.columns[0], data.columns[1]), axes=axes
        )
        axes.set_title("Test samples, and what is taken for which class")
        axes.get_legend().set_title(data.target)
    figure.savefig(path, dpi=150)
