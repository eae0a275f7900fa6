"""Pictures of networks that read: the digits of notebook 10, the characters of a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_edu.lessons.characters import Result as CharactersResult
from tinygrad_edu.lessons.digits import Result as DigitsResult
from tinygrad_edu.lessons.pictures.parts import draw_lines, row_of_panels
from tinygrad_edu.plot import history
from tinygrad_edu.plot.style import blank

__all__ = ["characters", "confusion", "digits", "images", "weights"]


def images(pixels: Any, titles: Sequence[Any], columns: int = 10) -> Any:
    """Small grey images in rows, each with a title; `pixels` is (n, 64), from 0 for white to 1."""
    figure, panels = _tiles(len(pixels), columns)
    for axes, image, title in zip(panels, np.asarray(pixels), titles):
        axes.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        axes.set_title(title, fontsize=10, pad=3)
    return figure


def weights(found: Any, columns: int = 10) -> Any:
    """Weights as images: purple above 0, orange below, white at 0; `found` is (n, rows, columns)."""
    figure, panels = _tiles(len(found), columns)
    top = float(np.max(np.abs(found)))
    for axes, image in zip(panels, found):
        axes.imshow(image, cmap="PuOr", vmin=-top, vmax=top)
    return figure


def _tiles(count: int, columns: int) -> tuple[Any, Any]:
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = blank(1)
    figure.set_size_inches(0.95 * columns, 1.15 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for axes in panels:
        axes.axis("off")
    return figure, figure.axes


def confusion(counts: Any) -> Any:
    """How often each class (row) was taken for each (column); the shades are shares of a row."""
    figure, (axes,) = row_of_panels(1)
    figure.set_size_inches(5.6, 5.2)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares**0.5, cmap="Blues", vmin=0, vmax=1.2)  # the root lets a single mistake be seen
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > 0.4 else "black"
            axes.text(column, row, count, ha="center", va="center", fontsize=9, color=colour)
    axes.set(title="What is taken for what", xlabel="answer", ylabel="truth")
    axes.set(xticks=range(len(counts)), yticks=range(len(counts)))
    return figure


def digits(found: DigitsResult) -> Any:
    """The history of training."""
    return history(found.history)


def characters(found: CharactersResult) -> Any:
    """The loss of every step, and the line below which one must look back."""
    figure, (axes,) = row_of_panels(1)
    lines = {"loss of a batch": (range(1, len(found.losses) + 1), found.losses)}
    draw_lines(axes, lines, title="A transformer reads a page", xlabel="step", ylabel="nats a character")
    axes.axhline(found.entropy, color="0.45", linewidth=1)
    end = (len(found.losses), found.entropy)  # where the loss has left it below
    axes.annotate("best reader of one character", end, va="bottom", ha="right", fontsize=9, color="0.3")
    return figure
