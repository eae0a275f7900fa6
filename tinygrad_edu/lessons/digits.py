"""Handwritten digits: a plain network and a small convolutional one learn to read 8×8 images.

The recipes were chosen by accuracy on validation parts of the training data; the test part decided nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygrad_edu.data import Batches, Standardizer, batches, digits, split
from tinygrad_edu.nn import Conv2d, Dropout, Flatten, Linear, MaxPool2d, Module, ReLU, Sequential, cross_entropy
from tinygrad_edu.optim import Adam
from tinygrad_edu.optim.schedules import one_cycle
from tinygrad_edu.train import History, accuracy, fit

__all__ = ["CNN", "MLP", "Recipe", "Result", "Shifted", "cnn", "least_loss", "mlp", "train_cnn", "train_mlp"]

SIDE, CLASSES, HIDDEN = 8, 10, 256


@dataclass(frozen=True)
class Recipe:
    """How to train: Adam with one cycle of the learning rate, in float32.

    Attributes:
        lr: the highest learning rate.
        epochs: times through the training data.
        batch_size: samples in a batch.
        label_smoothing: part of every target that is shared out among all classes.
    """

    lr: float
    epochs: int
    batch_size: int = 32
    label_smoothing: float = 0.1


MLP = Recipe(lr=3e-3, epochs=40)
CNN = Recipe(lr=6e-3, epochs=30)


def least_loss(recipe: Recipe) -> float:
    """The cross-entropy of a network that is right about every sample: that of the smoothed targets themselves.

    Example:
        >>> print(round(least_loss(MLP), 4), least_loss(Recipe(lr=0.1, epochs=1, label_smoothing=0.0)))
        0.5003 0.0
    """
    share = recipe.label_smoothing / CLASSES
    targets = np.full(CLASSES, share)
    targets[0] += 1 - recipe.label_smoothing
    return 0.0 - float(np.sum(targets * np.log(targets, where=targets > 0, out=np.zeros(CLASSES))))


def mlp(rng: np.random.Generator | int | None = None) -> Sequential:
    """64 pixels → 256 hidden units → 10 digits: 19,210 parameters.

    Example:
        >>> sum(parameter.size for parameter in mlp(0).parameters())
        19210
    """
    rng = np.random.default_rng(rng)
    return Sequential(Linear(SIDE * SIDE, HIDDEN, rng=rng), ReLU(), Linear(HIDDEN, CLASSES, rng=rng))


def cnn(rng: np.random.Generator | int | None = None) -> Sequential:
    """Two convolutions see strokes, wherever they are; a linear layer sees which digit they make.

    Takes rows of 64 pixels, as the plain network does.

    Example:
        >>> cnn(0)(np.zeros((2, 64))).shape
        (2, 10)
    """
    rng = np.random.default_rng(rng)
    return Sequential(
        as_images,
        Conv2d(1, 16, 3, padding=1, rng=rng),
        ReLU(),
        Conv2d(16, 32, 3, padding=1, rng=rng),
        ReLU(),
        MaxPool2d(2),
        Flatten(),
        Dropout(0.25, rng=rng),
        Linear(32 * (SIDE // 2) ** 2, CLASSES, rng=rng),
    )


def as_images(x: Any) -> Any:
    """Rows of pixels, (n, 64) → images with one channel, (n, 1, 8, 8)."""
    return x.reshape(-1, 1, SIDE, SIDE)


class Shifted:
    """Batches whose images are moved at random by up to a pixel: up, down, left, right. A digit stays the same digit.

    Args:
        batches: of images as rows, (n, 64).
        rng: a NumPy Generator or a seed.

    Example:
        >>> one = np.zeros((1, 64))
        >>> one[0, 9] = 1  # at row 1, column 1; it moves up
        >>> [(x, y)] = Shifted(batches(one, [7], 1), rng=0)
        >>> divmod(int(x.argmax()), 8), x.sum(), y
        ((0, 1), np.float64(1.0), array([7]))
    """

    def __init__(self, batches: Batches, rng: np.random.Generator | int | None = None) -> None:
        self.batches = batches
        self.rng = np.random.default_rng(rng)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        within = np.arange(SIDE)
        for x, y in self.batches:
            padded = np.pad(x.reshape(-1, SIDE, SIDE), [(0, 0), (1, 1), (1, 1)])
            down, right = self.rng.integers(0, 3, (2, len(x), 1))
            rows, columns = (down + within)[:, :, None], (right + within)[:, None, :]
            yield padded[np.arange(len(x))[:, None, None], rows, columns].reshape(x.shape), y


@dataclass(frozen=True)
class Result:
    """A trained network, how it came to be, and how much of what it has never seen it reads right."""

    model: Module
    history: History
    test_accuracy: float
    seconds: float  # of training


def train_mlp(seed: int = 0, epochs: int = MLP.epochs) -> Result:
    """Train the plain network on standardised pixels of 80 % of the images, and test it on the others.

    Args:
        seed: decides the split, the first weights and the order of the batches; the same seed gives the same network.
        epochs: times through the training data.

    Raises:
        ImportError: scikit-learn, which brings the images, is not installed.
    """
    return _train(mlp, replace(MLP, epochs=epochs), seed, scale=True, shift=False)


def train_cnn(seed: int = 0, epochs: int = CNN.epochs) -> Result:
    """Train the convolutional network on images that are shifted at random. For the rest see `train_mlp`."""
    return _train(cnn, replace(CNN, epochs=epochs), seed, scale=False, shift=True)


def _train(
    network: Callable[[np.random.Generator], Module], recipe: Recipe, seed: int, *, scale: bool, shift: bool
) -> Result:
    rng = np.random.default_rng(seed)
    (x, y), (x_test, y_test) = split(*digits(np.float32), (0.8, 0.2), stratify=True, rng=rng)
    if scale:
        scaler = Standardizer().fit(x)
        x, x_test = scaler.transform(x), scaler.transform(x_test)
    model = network(rng).astype(np.float32)
    data = batches(x, y, recipe.batch_size, rng=rng)
    optimizer = Adam(model.parameters(), lr=one_cycle(recipe.lr, recipe.epochs * len(data)))
    start = time.perf_counter()
    history = fit(
        model,
        lambda prediction, target: cross_entropy(prediction, target, label_smoothing=recipe.label_smoothing),
        optimizer,
        Shifted(data, rng) if shift else data,
        recipe.epochs,
        progress=False,
    )
    seconds = time.perf_counter() - start
    return Result(model, history, accuracy(model.eval()(x_test).data, y_test), seconds)
