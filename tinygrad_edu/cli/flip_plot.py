"""The picture that `tinygrad-edu flip --plot FILE` draws: losses over steps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu.lessons import flip as lesson

__all__ = ["plot"]

# Okabe and Ito's colours; the dashes tell the lines apart where colours do not.
STYLES = (("#000000", "-"), ("#D55E00", "--"), ("#0072B2", "-."), ("#009E73", ":"))
HIGHEST = 1e3  # what blows up leaves the picture here


def plot(found: dict[str, Any], path: Path) -> None:
    """Draw training and learning rates side by side and write the picture to a file.

    Args:
        found: what `lesson` yields, as a dict.
        path: a .png, .svg or .pdf.
    """
    from matplotlib.figure import Figure  # not pyplot: no window, no global state

    figure = Figure(figsize=(11, 5), layout="constrained")
    training, rates = figure.subplots(1, 2)
    runs = [("one image, 3 units", found["train_one"].losses)]
    runs += [
        (f"16 images, {hidden} units: {t.best.images_right} right", t.best.run.losses)
        for hidden, t in found["train_all"].items()
    ]
    _draw(training, "Training", runs)
    compared = [(f"{rate.lr:g}: {rate.verdict}", rate.run.losses) for rate in found["learning_rates"]]
    _draw(rates, "Learning rates: sgd on 16 images, 3 units", compared)
    training.set_ylabel("loss (mean squared error)")
    figure.savefig(path, dpi=150)


def _draw(axes: Any, title: str, runs: Sequence[tuple[str, list[float]]]) -> None:
    """Loss curves on logarithmic axes, with the floor of three units."""
    for (label, losses), (colour, dashes) in zip(runs, STYLES):
        seen = np.minimum(np.nan_to_num(losses, nan=np.inf), 10 * HIGHEST)
        axes.plot(seen, color=colour, linestyle=dashes, linewidth=1.8, label=label)
    axes.axhline(lesson.floor(3), color="0.45", linewidth=1)
    axes.annotate(
        "floor of 3 units: 1/16",
        (0.02, lesson.floor(3)),
        xycoords=("axes fraction", "data"),
        xytext=(0, -4),
        textcoords="offset points",
        verticalalignment="top",
        color="0.3",
        fontsize=9,
    )
    axes.set(title=title, xlabel="steps taken", xscale="symlog", yscale="log")
    axes.set_xlim(left=0)
    axes.set_ylim(axes.get_ylim()[0], min(axes.get_ylim()[1], HIGHEST))
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, handlelength=3.5, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.14))
