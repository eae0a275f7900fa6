"""Exam predictor: study_hours and sleep_hours in, predicted_score out, and why a plane is not enough.

First three knobs: weight_study, weight_sleep and bias. Then a hidden layer with an activation, which can bend: more
study helps up to a point, and both too little and too much sleep hurt. The landscape shows the loss over two knobs.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.data import Standardizer, exam
from tinygrad_edu.nn import Linear, Module, Sequential, Tanh, mse_loss
from tinygrad_edu.optim import SGD, Adam, Optimizer
from tinygrad_edu.recording import no_grad
from tinygrad_edu.tensor import Tensor

__all__ = [
    "DAYS",
    "KNOBS",
    "STARTS",
    "Fitted",
    "Landscape",
    "Place",
    "actual_score",
    "fitted",
    "landscape",
    "predict",
    "roll",
]

Array = NDArray[np.float64]
KNOBS = ("weight_study", "weight_sleep", "bias")
# Pupils to look at, (study_hours, sleep_hours): little, enough and too much study; then little, enough, too much sleep.
DAYS = ((1.0, 8.0), (7.0, 8.0), (12.0, 8.0), (7.0, 5.0), (7.0, 8.0), (7.0, 11.0))
STARTS = ((0.9, 0.9), (-0.1, 1.1))  # of two balls on the landscape: one finds the best valley, one does not


def actual_score(study_hours: Any, sleep_hours: Any) -> Any:
    """The score without luck: a hill with its top at 7 hours of study and 8 of sleep.

    Example:
        >>> print(actual_score(7.0, 8.0), round(actual_score(12.0, 8.0), 1))
        92.0 64.5
    """
    return np.maximum(92 - 1.1 * (study_hours - 7) ** 2 - 2.5 * (sleep_hours - 8) ** 2, 0)


# ---- a plane, and a surface that bends ---------------------------------------------------------------------------
@dataclass(frozen=True)
class Fitted:
    """A trained predictor.

    Attributes:
        name: what it is.
        model: from standardised hours to a score from 0 to 1.
        scaler: standardises hours.
        losses: of training, the mean squared error after so many steps, in scores from 0 to 1.
        off: by how many points it is off, as the root of the mean square, for pupils that it never saw.
    """

    name: str
    model: Module
    scaler: Standardizer
    losses: list[float]
    off: float

    @property
    def knobs(self) -> Array:
        """All its weights and biases in a row; of the plane, those that `KNOBS` names."""
        return np.concatenate([parameter.data.ravel() for parameter in self.model.parameters()])


def predict(fitted: Fitted, study_hours: Any, sleep_hours: Any) -> Array:
    """The predicted score, 0 to 100, for hours of any shape.

    Example:
        >>> plane, bent = fitted()
        >>> bool(abs(predict(bent, 12.0, 8.0) - actual_score(12.0, 8.0)) < 6)
        True
    """
    hours = np.stack(np.broadcast_arrays(study_hours, sleep_hours), axis=-1).astype(float)
    with no_grad():
        scores = fitted.model(fitted.scaler.transform(hours.reshape(-1, 2))).data
    return np.asarray(100 * scores.reshape(hours.shape[:-1]))


@functools.cache
def fitted(steps: int = 600, seed: int = 0) -> tuple[Fitted, Fitted]:
    """The plane, and a network with a hidden layer of 16: the same pupils, the same loss, the same number of steps.

    Example:
        >>> plane, bent = fitted()
        >>> len(plane.knobs), len(bent.knobs), plane.off > 2 * bent.off
        (3, 65, True)
    """
    rng = np.random.default_rng(seed)
    plane = Linear(2, 1, rng=rng)
    bent = Sequential(Linear(2, 16, rng=rng), Tanh(), Linear(16, 1, rng=rng))
    x, y = exam(200, rng=seed)
    new = exam(200, rng=seed + 1)
    return (
        _train("a plane", plane, SGD(plane.parameters(), lr=0.1), x, y, new, steps),
        _train("a hidden layer of 16", bent, Adam(bent.parameters(), lr=0.02), x, y, new, steps),
    )


def _train(
    name: str, model: Module, optimizer: Optimizer, x: Array, y: Array, new: tuple[Array, Array], steps: int
) -> Fitted:
    scaler = Standardizer().fit(x)
    inputs, targets = scaler.transform(x), y[:, None] / 100
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = mse_loss(model(inputs), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    trained = Fitted(name, model, scaler, losses, 0.0)
    misses = predict(trained, *new[0].T) - new[1]
    return Fitted(name, model, scaler, losses, float(np.sqrt(np.mean(misses**2))))


# ---- the landscape -----------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Place:
    """A named place on the landscape."""

    name: str  # "global minimum", "local minimum", "maximum"
    weight_study: float
    weight_sleep: float
    loss: float


@dataclass(frozen=True)
class Landscape:
    """The loss as height over two knobs.

    Attributes:
        knob: the values that either knob takes, (n,).
        heights: the loss, (n, n): rows are weight_sleep, columns weight_study.
        places: its minima and its maximum.
    """

    knob: Array
    heights: Array
    places: list[Place]


@functools.cache
def _pupils() -> tuple[Array, Array]:
    x, y = exam(200, rng=0)
    return Standardizer().fit_transform(x), y / 100


def bell_loss(weight_study: Any, weight_sleep: Any) -> Any:
    """The loss of one hidden unit whose activation is a bell: score = exp(−(weight_study·study + weight_sleep·sleep)²).

    Hours are standardised. It can bend along one line only, so that there is a choice: bend along study, or along
    sleep. A weight and its negative make the same bell: every valley is there twice.
    """
    x, y = _pupils()
    return mse_loss(np.exp(-((x[:, 0] * weight_study + x[:, 1] * weight_sleep) ** 2)), y)


def landscape(points: int = 81) -> Landscape:
    """The loss of one bell-shaped unit over its two knobs, from −1.2 to 1.2: two kinds of valleys, and a top between.

    Args:
        points: along each knob; odd, so that the middle is among them.

    Example:
        >>> [place.name for place in landscape(41).places]
        ['global minimum', 'global minimum', 'local minimum', 'local minimum', 'maximum']
    """
    knob = np.linspace(-1.2, 1.2, points)
    heights = np.array([[float(bell_loss(study, sleep)) for study in knob] for sleep in knob])
    lows = sorted(_bottom(knob[j], knob[i]) for i, j in _peaks(-heights))
    named = [("global minimum" if low[0] < lows[0][0] + 1e-6 else "local minimum", low) for low in lows]
    named += [("maximum", (float(heights[i, j]), float(knob[j]), float(knob[i]))) for i, j in _peaks(heights)]
    return Landscape(knob, heights, [Place(name, study, sleep, loss) for name, (loss, study, sleep) in named])


def _peaks(heights: Array) -> list[tuple[int, int]]:
    """The inner points that are higher than their eight neighbours."""
    windows = np.lib.stride_tricks.sliding_window_view(heights, (3, 3))
    return [(i + 1, j + 1) for i, j in np.argwhere(windows.max(axis=(2, 3)) == heights[1:-1, 1:-1])]


def _bottom(study: float, sleep: float) -> tuple[float, float, float]:
    """Loss and knobs at the bottom of the valley, from a point of the grid that is near."""
    path = roll(study, sleep, lr=1.0, steps=400)
    return float(bell_loss(*path[-1])), float(path[-1, 0]), float(path[-1, 1])


def roll(weight_study: float, weight_sleep: float, lr: float = 0.3, steps: int = 100) -> Array:
    """The path of gradient descent over the landscape, (steps + 1, 2): weight_study and weight_sleep.

    Example:
        >>> best, poor = (roll(*start)[-1] for start in STARTS)
        >>> bool(bell_loss(*best) < bell_loss(*poor))
        True
    """
    study, sleep = (Tensor(float(knob), requires_grad=True) for knob in (weight_study, weight_sleep))
    optimizer = SGD([study, sleep], lr)
    path = [(study.item(), sleep.item())]
    for _ in range(steps):
        optimizer.zero_grad()
        bell_loss(study, sleep).backward()
        optimizer.step()
        path.append((study.item(), sleep.item()))
    return np.array(path)
