"""Data sets made in code: small, and the same for the same seed. Each returns (x, y), samples along the first axis."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["blobs", "brightness", "circles", "exam", "flips", "moons", "spirals", "xor"]

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
Seed = np.random.Generator | int | None


# ---- classes -----------------------------------------------------------------------------------------------------
def moons(samples: int = 200, noise: float = 0.1, rng: Seed = None) -> tuple[Array, Labels]:
    """Two half circles of radius 1 that reach into each other: no straight line parts them.

    Args:
        samples: how many; they take turns between the classes.
        noise: standard deviation of what is added to every coordinate.
        rng: a NumPy Generator or a seed.

    Returns:
        x: (samples, 2).
        y: (samples,), 0 or 1.

    Raises:
        ValueError: fewer samples than classes, or noise below 0.

    Example:
        >>> import tinygrad_edu as tg
        >>> x, y = tg.data.moons(6, rng=0)
        >>> x.shape, y.tolist()
        ((6, 2), [0, 1, 0, 1, 0, 1])
    """
    rng, y = _start(samples, 2, noise, rng)
    angle = rng.uniform(0, math.pi, samples)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _noisy(np.where(y[:, None] == 0, upper, [1, 0.5] - upper), noise, rng), y


def circles(samples: int = 200, noise: float = 0.05, rng: Seed = None) -> tuple[Array, Labels]:
    """A circle of radius 1, class 0, around one of radius 1/2, class 1. For the rest see `moons`."""
    rng, y = _start(samples, 2, noise, rng)
    return _noisy(_around(rng.uniform(0, 1, samples)) * np.where(y == 0, 1, 0.5)[:, None], noise, rng), y


def spirals(samples: int = 300, classes: int = 3, noise: float = 0.02, rng: Seed = None) -> tuple[Array, Labels]:
    """Arms that wind once around the middle, from radius 0.1 to 1, one a class. For the rest see `moons`."""
    rng, y = _start(samples, classes, noise, rng)
    radius = rng.uniform(0.1, 1, samples)
    return _noisy(_around(radius + y / classes) * radius[:, None], noise, rng), y


def blobs(samples: int = 300, classes: int = 3, noise: float = 0.2, rng: Seed = None) -> tuple[Array, Labels]:
    """Round clouds, one a class, their centres evenly on a circle of radius 1. For the rest see `moons`."""
    rng, y = _start(samples, classes, noise, rng)
    return _noisy(_around(y / classes), noise, rng), y


def xor(samples: int = 4, noise: float = 0.0, rng: Seed = None) -> tuple[Array, Labels]:
    """Exclusive or: the corners of the unit square in turn, class 1 where exactly one coordinate is 1. See `moons`.

    Example:
        >>> import tinygrad_edu as tg
        >>> x, y = tg.data.xor()
        >>> x.tolist(), y.tolist()
        ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0])
    """
    rng, corner = _start(samples, 4, noise, rng)
    first, second = corner >> 1, corner & 1
    return _noisy(np.stack([first, second], axis=1), noise, rng), first ^ second


# ---- numbers -----------------------------------------------------------------------------------------------------
def flips() -> tuple[Array, Array]:
    """All sixteen black and white 2×2 images, (16, 4) row by row, and each flipped across its main diagonal.

    Example:
        >>> import tinygrad_edu as tg
        >>> x, y = tg.data.flips()
        >>> x[11].tolist(), y[11].tolist()
        ([1.0, 0.0, 1.0, 1.0], [1.0, 1.0, 0.0, 1.0])
    """
    x = (np.arange(16)[:, None] >> np.array([3, 2, 1, 0]) & 1).astype(float)
    return x, x[:, [0, 2, 1, 3]]


def brightness(side: int = 16, noise: float = 0.02, rng: Seed = None) -> tuple[Array, Array]:
    """The pixels of a grey picture that grows brighter to the right and downwards, with a soft spot in the middle.

    A plane explains most of it, and the spot is what it cannot.

    Args:
        side: the picture is side × side pixels.
        noise: standard deviation of what is added to every pixel.
        rng: a NumPy Generator or a seed.

    Returns:
        x: (side², 3), for every pixel, row by row, [1, its column, its row], both from 0 to 1.
        y: (side²,), brightness from 0 (black) to 1; the picture is y.reshape(side, side).

    Raises:
        ValueError: side below 2, or noise below 0.

    Example:
        >>> import tinygrad_edu as tg
        >>> x, y = tg.data.brightness(rng=0)
        >>> x[1], y.shape
        (array([1.        , 0.06666667, 0.        ]), (256,))
    """
    if side < 2:
        raise ValueError(f"brightness: side={side} is no picture; try 16.")
    rng, _ = _start(side * side, 1, noise, rng)
    row, column = np.divmod(np.arange(side * side), side)
    across, down = column / (side - 1), row / (side - 1)
    spot = 0.15 * np.exp(-((across - 0.5) ** 2 + (down - 0.5) ** 2) / 0.05)
    grey = _noisy(0.15 + 0.45 * across + 0.2 * down + spot, noise, rng)
    return np.stack([np.ones(side * side), across, down], axis=1), np.clip(grey, 0, 1)


def exam(samples: int = 200, noise: float = 3.0, rng: Seed = None) -> tuple[Array, Array]:
    """Hours of study and of sleep a day, and the score of the exam. More study helps until it is too much.

    Without noise the score is 92 − 1.1 (study − 7)² − 2.5 (sleep − 8)², or 0 where that is negative: a hill, which no
    plane follows.

    Args:
        samples: how many pupils.
        noise: standard deviation of what luck adds to the score.
        rng: a NumPy Generator or a seed.

    Returns:
        x: (samples, 2): study_hours from 0 to 12, sleep_hours from 4 to 11.
        y: (samples,): score from 0 to 100.

    Raises:
        ValueError: no samples, or noise below 0.

    Example:
        >>> import numpy as np, tinygrad_edu as tg
        >>> x, y = tg.data.exam(rng=0)
        >>> x.shape, bool(y.min() >= 0), bool(y.max() <= 100)
        ((200, 2), True, True)
    """
    rng, _ = _start(samples, 1, noise, rng)
    study, sleep = rng.uniform(0, 12, samples), rng.uniform(4, 11, samples)
    score = np.maximum(92 - 1.1 * (study - 7) ** 2 - 2.5 * (sleep - 8) ** 2, 0)
    return np.stack([study, sleep], axis=1), np.clip(_noisy(score, noise, rng), 0, 100)


# ---- what they share ---------------------------------------------------------------------------------------------
def _start(samples: int, classes: int, noise: float, rng: Seed) -> tuple[np.random.Generator, Labels]:
    """The generator, and the classes taking turns."""
    if not 1 <= classes <= samples or not 0 <= noise < math.inf:
        raise ValueError(
            f"samples={samples}, classes={classes}, noise={noise}: there must be a sample for each class, and noise, "
            "a standard deviation, must be a finite number from 0 upwards."
        )
    return np.random.default_rng(rng), np.arange(samples) % classes


def _around(turns: Any) -> Array:
    """Points on the unit circle, (n, 2)."""
    angle = 2 * math.pi * np.asarray(turns)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _noisy(x: Any, noise: float, rng: np.random.Generator) -> Array:
    return np.asarray(x + noise * rng.standard_normal(x.shape))
