"""Where the classes of a plane meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_edu.plot.style import COLOURS, blank, finished, plain, style
from tinygrad_edu.recording import no_grad

__all__ = ["boundary"]

FINE = 200  # points along each side of the plane
ROOM = 0.08  # around the samples, as a part of their extent
LARGEST = len(COLOURS)


def boundary(
    predict: Callable[[NDArray[Any]], Any],
    x: ArrayLike,
    y: ArrayLike,
    path: str | Path | None = None,
    *,
    classes: Sequence[str] | None = None,
    names: tuple[str, str] = ("x1", "x2"),
    axes: Any = None,
) -> Any:
    """The decision boundary: each point of the plane in the colour of the class it is taken for, the samples on it.

    Args:
        predict: points (n, 2) → scores (n, classes), of which the largest wins, or → class numbers (n,). Of a network
            with one output say where it says yes: `lambda points: net(points)[:, 0] > 0`.
        x: samples, shape (n, 2).
        y: their true classes as numbers from 0, shape (n,).
        path: a file to write the picture to, .png, .svg or .pdf.
        classes: their names, at most seven.
        names: of the two inputs, with their units.
        axes: matplotlib axes to draw into, instead of a picture of its own.

    Returns:
        The matplotlib Figure.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: shapes do not fit, samples or scores are not finite, or there are more classes than colours.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> x, y = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([0, 1])
        >>> figure = tg.plot.boundary(lambda points: points.sum(axis=1) > 1, x, y, classes=["low", "high"])
        >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        ['low', 'high']
    """
    samples, truth = np.asarray(x, float), np.asarray(y)
    if samples.ndim != 2 or samples.shape[1] != 2 or truth.shape != samples.shape[:1]:
        raise ValueError(f"boundary needs x of shape (n, 2) and y of shape (n,), got {samples.shape} and {truth.shape}")
    if not len(samples) or not np.isfinite(samples).all():
        raise ValueError(
            f"boundary needs at least one sample, all of finite numbers; got {len(samples)}, "
            f"{int((~np.isfinite(samples)).any(axis=1).sum())} of which are not finite"
        )
    if truth.dtype.kind not in "biuf" or (truth < 0).any() or (truth != np.floor(truth)).any():
        raise ValueError("boundary needs y as class numbers from 0; np.unique(y, return_inverse=True)[1] makes them")
    low, high = samples.min(axis=0), samples.max(axis=0)
    edge = ROOM * (high - low) + 1e-9
    across, along = (np.linspace(low[i] - edge[i], high[i] + edge[i], FINE) for i in (0, 1))
    points = np.stack(np.meshgrid(across, along), axis=-1).reshape(-1, 2)
    chosen = _classes(predict, points)
    labels = list(classes or map(str, range(1 + int(max(chosen.max(), truth.max())))))
    if not 1 <= len(labels) <= LARGEST or max(chosen.max(), truth.max()) >= len(labels):
        raise ValueError(
            f"boundary has {LARGEST} colours, and a name for each class if any: got {len(labels)} names and classes up "
            f"to number {max(chosen.max(), truth.max())}"
        )
    figure = blank() if axes is None else axes.figure
    axes = figure.subplots() if axes is None else axes
    styles = [style(k + 1) if k + 1 < LARGEST else style(0) for k in range(len(labels))]  # black, which hides, last
    regions = chosen.reshape(FINE, FINE)
    for k in np.unique(regions):  # one by one: from class 0 to class 2 the way is not through class 1
        axes.contourf(across, along, regions == k, levels=[0.5, 1.5], colors=[styles[k].colour], alpha=0.25)
    for k in np.unique(regions)[:-1]:
        axes.contour(across, along, regions == k, levels=[0.5], colors="#333333", linewidths=1)
    for k, (name, (colour, _, marker)) in enumerate(zip(labels, styles)):
        axes.scatter(*samples[truth == k].T, c=colour, marker=marker, s=16, label=name)
    axes.set(title="The samples, and what is taken for which class", xlabel=names[0], ylabel=names[1])
    axes.legend(frameon=False, title="true class", loc="upper left", bbox_to_anchor=(1, 1))
    return finished(figure, path)


def _classes(predict: Callable[[NDArray[Any]], Any], points: NDArray[Any]) -> NDArray[Any]:
    with no_grad():
        found = plain(predict(points))
    if found.ndim == 2 and found.shape[1] > 1 and len(found) == len(points):
        if not np.isfinite(found).all():
            raise ValueError("predict returned scores that are not finite: the network has blown up")
        winner: NDArray[Any] = np.argmax(found, axis=1)
        return winner
    if found.shape == points.shape[:1] and found.dtype.kind in "biu":
        return found.astype(int)
    raise ValueError(
        f"predict must return scores of shape ({len(points)}, classes) or class numbers of shape ({len(points)},), got "
        f"{found.dtype} {found.shape}. For a network with one output: predict=lambda points: net(points)[:, 0] > 0"
    )
