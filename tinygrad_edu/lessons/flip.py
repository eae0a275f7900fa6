"""Lesson 1: a network of 31 parameters learns to flip a 2×2 image across its main diagonal.

An image is four numbers, row by row; flipping it swaps numbers 1 and 2. The network is 4 → 3 → 4 with a ReLU between.
Every function computes one thing that the lesson shows; `lesson` runs them all in order.
"""

from __future__ import annotations

import itertools
import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.finite_differences import numerical_gradient
from tinygrad_edu.gradcheck import gradcheck
from tinygrad_edu.nn import Linear, ReLU, Sequential, mse_loss
from tinygrad_edu.optim import SGD, Adam, Optimizer
from tinygrad_edu.recording import no_grad
from tinygrad_edu.tensor import Tensor

__all__ = [
    "DEFAULT_LR",
    "GOAL",
    "GRADIENTS",
    "IMAGE",
    "LEARNING_RATES",
    "LR",
    "STARTS",
    "TABLE_STEPS",
    "WEIGHTS",
    "Check",
    "Entry",
    "Layer",
    "Rate",
    "Run",
    "Settings",
    "Start",
    "Starts",
    "Timing",
    "Trace",
    "backprop",
    "check_gradients",
    "flipped",
    "floor",
    "images",
    "images_right",
    "judge",
    "layers",
    "learning_rates",
    "lesson",
    "loss_of",
    "most_images",
    "named",
    "network",
    "one_step",
    "timing",
    "trace",
    "traced_network",
    "train",
    "train_all",
    "train_one",
]

Array = NDArray[np.float64]

# fmt: off
IMAGE = np.array([1.0, 0.0, 1.0, 1.0])  # the one that is traced
WEIGHTS: dict[str, Any] = {
    "W1": [[0.2, -0.5, 0.1],            # row = input, column = hidden unit
           [-0.3, 0.4, -0.2],
           [0.1, 0.3, 0.5],
           [-0.4, 0.2, -0.1]],
    "b1": [0.1, -0.1, 0.0],
    # The lesson gives row 2 alone: units 0 and 1 are silent, so rows 0 and 1 change no figure of it and are our choice.
    # Unit 0 sits on the kink of ReLU, where rounding decides whether it is silent. With this row its right slope is
    # +0.2, so that a step downhill silences it in either case and the figures after the step are the same.
    "W2": [[-0.4, 0.3, 0.1, -0.3],
           [0.2, -0.1, 0.4, 0.1],
           [0.2, -0.4, 0.1, -0.5]],
    "b2": [0.0, 0.1, -0.1, 0.0],
}

# What the lesson says comes of them: all 31 gradients in the order W1, b1, W2, b2, with 0 for the entries on the kink.
GRADIENTS = [
    *(0, 0, 0.44, 0, 0, 0, 0, 0, 0.44, 0, 0, 0.44),
    *(0, 0, 0.44),
    *(0, 0, 0, 0, 0, 0, 0, 0, -0.225, -0.275, -0.0125, -0.3125),
    *(-0.45, -0.55, -0.025, -0.625),
]
# fmt: on

LR = 0.1  # of the traced step
DEFAULT_LR = {"sgd": 0.1, "momentum": 0.1, "adam": 0.01}  # of the training runs
GOAL = 1e-6  # a loss below this is learned
STARTS = 24  # random starts at most
PATIENCE = 500  # steps without progress after which a start is given up
LEARNING_RATES = (0.001, 0.1, 1.0, 10.0)
TABLE_STEPS = (0, 10, 100, 1000)  # where the learning-rate table looks at the loss


@dataclass(frozen=True)
class Settings:
    """What the user chose for the training runs. `lr=None` is the optimizer's own default."""

    seed: int = 0
    hidden: int = 3
    lr: float | None = None
    steps: int = 5000
    optimizer: str = "sgd"

    @property
    def are_default(self) -> bool:
        """Whether training can be held to the lesson's results: with anyone's own settings it may do as it likes."""
        return self == Settings(seed=self.seed, hidden=self.hidden)

    @property
    def learning_rate(self) -> float:
        """The learning rate of the training runs."""
        return DEFAULT_LR[self.optimizer] if self.lr is None else self.lr

    @property
    def sizes(self) -> list[int]:
        """The numbers of hidden units to train on all images: always 3 and 4, for the comparison."""
        return sorted({3, 4, self.hidden})


# ---- images and networks -----------------------------------------------------------------------------------------
def images() -> Array:
    """All sixteen 2×2 images, (16, 4).

    Example:
        >>> images()[11]
        array([1., 0., 1., 1.])
    """
    return np.array([[n >> 3 & 1, n >> 2 & 1, n >> 1 & 1, n & 1] for n in range(16)], dtype=float)


def flipped(x: Array) -> Array:
    """Images (…, 4) flipped across the main diagonal: numbers 1 and 2 swap, 0 and 3 stay.

    Example:
        >>> flipped(IMAGE)
        array([1., 1., 0., 1.])
    """
    return x[..., [0, 2, 1, 3]]


def network(hidden: int = 3, rng: np.random.Generator | int | None = None) -> Sequential:
    """4 → hidden → 4 with random weights.

    Example:
        >>> sum(p.size for p in network(3).parameters()), sum(p.size for p in network(4).parameters())
        (31, 40)
    """
    rng = np.random.default_rng(rng)
    return Sequential(Linear(4, hidden, rng=rng), ReLU(), Linear(hidden, 4, rng=rng))


def traced_network(nudge: float = 0.0) -> Sequential:
    """The network with the lesson's weights.

    Args:
        nudge: added to b1[0]; a few 1e-17 put hidden unit 0 on the other side of its kink.

    Example:
        >>> traced_network()(IMAGE).data.round(6)
        array([ 0.1 , -0.1 , -0.05, -0.25])
    """
    model = network(3, rng=0)
    for name, parameter in named(model).items():
        parameter.data = np.array(WEIGHTS[name])
    model[0].bias.data[0] += nudge
    return model


def named(model: Sequential) -> dict[str, Tensor]:
    """The parameters under the lesson's names.

    Example:
        >>> {name: parameter.shape for name, parameter in named(network(3)).items()}
        {'W1': (4, 3), 'b1': (3,), 'W2': (3, 4), 'b2': (4,)}
    """
    return dict(zip(("W1", "b1", "W2", "b2"), model.parameters(), strict=True))


@dataclass(frozen=True)
class Layer:
    """A layer's size."""

    name: str
    inputs: int
    outputs: int

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.inputs * self.outputs + self.outputs


def layers(model: Sequential) -> list[Layer]:
    """The layers that have parameters.

    Example:
        >>> [layer.parameters for layer in layers(traced_network())]
        [15, 16]
    """
    return [Layer(name, *model[i].weight.shape) for name, i in (("hidden", 0), ("output", 2))]


# ---- forward and backward ----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Trace:
    """What a forward pass computes on its way."""

    x: Array
    z1: Array
    h: Array
    prediction: Array
    target: Array
    loss: float


def loss_of(model: Sequential, x: Array) -> Tensor:
    """The mean squared error of the flipped images, a Tensor that can go backward.

    Example:
        >>> print(loss_of(traced_network(), IMAGE).data.round(6))
        0.89625
    """
    loss: Tensor = mse_loss(model(x), flipped(x))
    return loss


def trace(model: Sequential, x: Array) -> Trace:
    """One forward pass with everything on its way kept.

    Example:
        >>> trace(traced_network(), IMAGE).h.round(6)
        array([0. , 0. , 0.5])
    """
    with no_grad():
        z1 = model[0](x)
        h = model[1](z1)
        prediction = model[2](h)
        loss = mse_loss(prediction, flipped(x))
    return Trace(x, z1.data, h.data, prediction.data, flipped(x), loss.item())


def backprop(model: Sequential, x: Array) -> dict[str, Array]:
    """The gradients of all parameters from one forward and one backward pass.

    Example:
        >>> backprop(traced_network(), IMAGE)["b2"].round(6)
        array([-0.45 , -0.55 , -0.025, -0.625])
    """
    model.zero_grad()
    loss_of(model, x).backward()
    return {name: parameter.grad for name, parameter in named(model).items()}


def one_step(model: Sequential, x: Array, lr: float = LR) -> Trace:
    """Change the model by one step of plain gradient descent; the forward pass after it.

    Example:
        >>> after = one_step(traced_network(), IMAGE)
        >>> print(round(after.loss, 7))
        0.7257526
    """
    backprop(model, x)
    SGD(model.parameters(), lr).step()
    return trace(model, x)


# ---- checking the gradients --------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Entry:
    """One entry of one parameter and its slope, found in several ways."""

    name: str  # for instance W1[2,0]
    backprop: float
    central: float  # by wiggling: from both sides at once
    left: float  # the one-sided slopes, and what the gradient check says
    right: float
    verdict: str  # agree, kink, mismatch or inconclusive


@dataclass(frozen=True)
class Check:
    """Backpropagation against finite differences, with the passes that each of them took, counted."""

    entries: list[Entry]
    well: bool
    forward_passes: int  # of the central differences
    backprop_passes: tuple[int, int]  # forward, backward

    def count(self, verdict: str) -> int:
        """How many entries got this verdict."""
        return sum(entry.verdict == verdict for entry in self.entries)

    @property
    def kinks(self) -> list[Entry]:
        """The entries that have two slopes."""
        return [entry for entry in self.entries if entry.verdict == "kink"]

    @property
    def max_error(self) -> float:
        """The largest difference to the central difference where there is a derivative, that is, off the kinks."""
        return max((abs(e.backprop - e.central) for e in self.entries if e.verdict != "kink"), default=math.nan)


class _Passes:
    """A loss that counts how often it is run forward and backward."""

    def __init__(self, model: Sequential, x: Array) -> None:
        self.model = model
        self.x = x
        self.forward_count = 0
        self.backward_count = 0

    def forward(self, *_: Any) -> Tensor:
        self.forward_count += 1
        return loss_of(self.model, self.x)

    def backward(self, loss: Tensor) -> None:
        self.backward_count += 1
        loss.backward()


def check_gradients(model: Sequential, x: Array) -> Check:
    """Compare one backward pass with central differences, entry by entry, and have the gradient check judge them.

    Example:
        >>> check = check_gradients(traced_network(), IMAGE)
        >>> check.count("agree"), [entry.name for entry in check.kinks]
        (27, ['W1[0,0]', 'W1[2,0]', 'W1[3,0]', 'b1[0]'])
        >>> check.forward_passes, check.backprop_passes
        (62, (1, 1))
    """
    parameters = named(model)
    wiggled = _Passes(model, x)
    with no_grad():
        central = np.concatenate([g.ravel() for g in numerical_gradient(wiggled.forward, *parameters.values())])
    forward_passes = wiggled.forward_count

    walked = _Passes(model, x)
    model.zero_grad()
    walked.backward(walked.forward())
    gradients = np.concatenate([parameter.grad.ravel() for parameter in parameters.values()])

    report = gradcheck(lambda: loss_of(model, x), wrt=parameters, seed=1.0)
    entries = [
        Entry(
            f"{judged.name}[{','.join(map(str, judged.index))}]",
            float(gradient),
            float(slope),
            float(judged.left),
            float(judged.right),
            judged.verdict,
        )
        for gradient, slope, judged in zip(gradients, central, report.entries, strict=True)
    ]
    return Check(entries, bool(report), forward_passes, (walked.forward_count, walked.backward_count))


@dataclass(frozen=True)
class Timing:
    """Seconds for all gradients once (the median of many), in the two ways."""

    backprop: float
    finite_difference: float

    @property
    def ratio(self) -> float:
        """How many times longer wiggling takes."""
        return self.finite_difference / self.backprop


def timing(model: Sequential, x: Array, repeats: int = 30) -> Timing:
    """Time both ways to the gradient, in turn, so that a busy machine slows them alike.

    Example:
        >>> timing(traced_network(), IMAGE, repeats=5).ratio > 1
        True
    """
    parameters = model.parameters()
    seconds: tuple[list[float], list[float]] = [], []
    for _ in range(repeats):
        start = time.perf_counter()
        backprop(model, x)
        between = time.perf_counter()
        with no_grad():
            numerical_gradient(lambda *_: loss_of(model, x), *parameters)
        seconds[0].append(between - start)
        seconds[1].append(time.perf_counter() - between)
    return Timing(*map(statistics.median, seconds))


# ---- training ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Run:
    """One training run: `losses[k]` is the loss after k steps."""

    losses: list[float]
    ended: str  # "goal", "steps", "plateau" or "overflow"

    @property
    def steps(self) -> int:
        """How many steps were taken."""
        return len(self.losses) - 1

    @property
    def loss(self) -> float:
        """The loss at the end; not finite when it overflowed."""
        return self.losses[-1]

    @property
    def blew_up(self) -> bool:
        """Whether the loss ended far above where it began, or is no number any more."""
        return not math.isfinite(self.loss) or self.loss > 10 * self.losses[0]


def train(
    model: Sequential, x: Array, optimizer: Optimizer, steps: int, goal: float = 0.0, patience: int | None = None
) -> Run:
    """Forward, loss, backward, update, until one of four things happens.

    Args:
        model: is changed.
        x: images, (4,) or (n, 4); all of them are used in every step.
        optimizer: of the model's parameters.
        steps: at most so many.
        goal: stop when the loss is below it.
        patience: stop when this many steps have not brought the lowest loss down by 0.1 %; None never gives up.

    Example:
        >>> model = traced_network()
        >>> run = train(model, IMAGE, SGD(model.parameters(), lr=0.1), steps=1000, goal=1e-6)
        >>> run.ended, run.loss < 1e-6
        ('goal', True)
    """
    losses: list[float] = []
    with np.errstate(all="ignore"):  # a loss that blows up is something the lesson shows, not an accident
        while True:
            loss = loss_of(model, x)
            losses.append(loss.item())
            if ended := _ended(losses, steps, goal, patience):
                return Run(losses, ended)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def _ended(losses: list[float], steps: int, goal: float, patience: int | None) -> str:
    """Why to stop, or an empty string to go on."""
    taken = len(losses) - 1
    if not math.isfinite(losses[-1]):
        return "overflow"
    if losses[-1] < goal:
        return "goal"
    if taken >= steps:
        return "steps"
    if patience and taken >= 2 * patience and taken % patience == 0:
        return "plateau" if min(losses[-patience:]) > 0.999 * min(losses[:-patience]) else ""
    return ""


def _optimizer(model: Sequential, settings: Settings) -> Optimizer:
    parameters, lr = model.parameters(), settings.learning_rate
    if settings.optimizer == "adam":
        return Adam(parameters, lr)
    return SGD(parameters, lr, momentum=0.9 if settings.optimizer == "momentum" else 0)


def train_one(settings: Settings) -> Run:
    """Train the traced network on the traced image alone, until the loss is below 1e-6.

    Example:
        >>> train_one(Settings()).ended
        'goal'
    """
    model = traced_network()
    return train(model, IMAGE, _optimizer(model, settings), settings.steps, GOAL)


def floor(hidden: int) -> float:
    """The least mean squared error that so many hidden units can reach on all 16 images.

    With h hidden units the outputs lie in an h-dimensional affine space. The 16 targets vary by ¼ in every one of their
    four directions; each direction left out costs that ¼, averaged over four outputs.

    Example:
        >>> floor(3), floor(4)
        (0.0625, 0.0)
    """
    return max(4 - hidden, 0) / 16


def most_images(hidden: int) -> int:
    """The most images that so many hidden units can get right: four thresholds cut their space into so many regions.

    On the floor itself it is fewer; 14 for three units. There the outputs are the targets projected along some unit
    vector u, and the target furthest along ±u keeps an output on the wrong side, since max|uᵢ|·Σ|uᵢ| ≥ Σuᵢ² = 1.

    Example:
        >>> [most_images(hidden) for hidden in (1, 2, 3, 4, 5)]
        [5, 11, 15, 16, 16]
    """
    return sum(math.comb(4, k) for k in range(min(hidden, 4) + 1))


def images_right(model: Sequential) -> int:
    """How many of the 16 images come out right: each of the four outputs on the target's side of 0.5.

    Example:
        >>> images_right(traced_network())
        1
    """
    with no_grad(), np.errstate(all="ignore"):  # the weights may have blown up
        outputs = model(images()).data
    right = np.where(flipped(images()) > 0.5, outputs > 0.5, outputs <= 0.5)  # NaN is on neither side
    return int(right.all(axis=1).sum())


def _dead_units(model: Sequential) -> int:
    """How many hidden units are 0 for every image, so that no gradient can wake them."""
    with no_grad(), np.errstate(all="ignore"):
        h = model[1](model[0](images())).data
    return int((h <= 0).all(axis=0).sum())  # NaN is no silence


@dataclass(frozen=True)
class Start:
    """Training from one random start."""

    number: int  # from 1
    run: Run
    images_right: int
    dead_units: int


@dataclass(frozen=True)
class Starts:
    """Training on all 16 images from several random starts."""

    hidden: int
    starts: list[Start]

    @property
    def floor(self) -> float:
        """The least loss possible, see `floor`."""
        return floor(self.hidden)

    @property
    def parameters(self) -> int:
        """Of each of these networks."""
        return 9 * self.hidden + 4

    @property
    def best(self) -> Start:
        """The lowest loss; among those within 0.1 % of it, the most images right."""
        finite = [start for start in self.starts if math.isfinite(start.run.loss)] or self.starts
        lowest = min(start.run.loss for start in finite)
        equal = [start for start in finite if start.run.loss <= max(1.001 * lowest, GOAL)] or finite
        return max(equal, key=lambda start: start.images_right)

    @property
    def at_floor(self) -> int:
        """How many starts came within 0.1 % of the floor (or below 1e-6 if that is 0)."""
        return sum(start.run.loss <= max(1.001 * self.floor, GOAL) for start in self.starts)

    @property
    def with_dead_units(self) -> int:
        """How many starts ended with a hidden unit that is 0 for every image, not counting those that blew up."""
        return sum(start.dead_units > 0 and not start.run.blew_up for start in self.starts)

    @property
    def blown_up(self) -> int:
        """How many starts ended with a loss far above the first, or with none that is a number."""
        return sum(start.run.blew_up for start in self.starts)


def train_all(hidden: int, settings: Settings, on_start: Callable[[int, int], None] | None = None) -> Starts:
    """Train on all 16 images from random starts, until one gets all of them right or 24 have been tried.

    Args:
        hidden: number of hidden units.
        settings: the seed decides all starts.
        on_start: called with (hidden, how many starts are done) before each start.

    Example:
        >>> tried = train_all(3, Settings(steps=2))
        >>> len(tried.starts), tried.best.run.loss > tried.floor
        (24, True)
    """
    tried: list[Start] = []
    for number in range(1, STARTS + 1):
        if on_start:
            on_start(hidden, number - 1)
        model = network(hidden, np.random.default_rng([settings.seed, number]))
        run = train(model, images(), _optimizer(model, settings), settings.steps, GOAL, PATIENCE)
        tried.append(Start(number, run, images_right(model), _dead_units(model)))
        if run.loss < GOAL and tried[-1].images_right == 16:
            break
    return Starts(hidden, tried)


# ---- learning rates ----------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Rate:
    """What one learning rate does to the loss."""

    lr: float
    run: Run

    def at(self, step: int) -> float:
        """The loss after so many steps, NaN if it had blown up by then."""
        return self.run.losses[step] if step < len(self.run.losses) else math.nan

    @property
    def rises(self) -> int:
        """How many steps made the loss worse."""
        losses = self.run.losses
        return sum(after > 1.0001 * before for before, after in itertools.pairwise(losses))

    @property
    def verdict(self) -> str:
        """One word, or two, for how the loss went."""
        losses = self.run.losses
        if self.run.blew_up:
            return "blows up"
        if losses[-1] > losses[0] / 2:
            return "crawls" if not self.rises else "unstable"
        fast = losses[min(10, len(losses) - 1)] < losses[0] / 2
        words = ["fast"] * fast + ["unstable"] * (self.rises > 0)
        return ", ".join(words) or "steady"


def learning_rates(rates: tuple[float, ...] = LEARNING_RATES, steps: int = TABLE_STEPS[-1]) -> list[Rate]:
    """Plain gradient descent on all 16 images from the traced network's weights, once for every learning rate.

    Example:
        >>> [rate.verdict for rate in learning_rates((0.1, 10.0), steps=300)]
        ['steady', 'blows up']
    """
    compared = []
    for lr in rates:
        model = traced_network()
        compared.append(Rate(lr, train(model, images(), SGD(model.parameters(), lr), steps)))
    return compared


# ---- the whole lesson --------------------------------------------------------------------------------------------
def lesson(settings: Settings, on_start: Callable[[int, int], None] | None = None) -> Iterator[tuple[str, Any]]:
    """Everything in order, each part as soon as it is computed: (name, result).

    Example:
        >>> name, result = next(lesson(Settings()))
        >>> name, sum(layer.parameters for layer in result)
        ('network', 31)
    """
    model = traced_network()
    yield "network", layers(model)
    yield "forward", trace(model, IMAGE)
    yield "check", check_gradients(model, IMAGE)
    yield "timing", timing(model, IMAGE)
    yield "after_one_step", one_step(model, IMAGE)
    yield "train_one", train_one(settings)
    yield "train_all", {hidden: train_all(hidden, settings, on_start) for hidden in settings.sizes}
    yield "learning_rates", learning_rates()


def _equal(found: Any, lesson_says: Any, digits: int = 12) -> bool:
    return bool(np.allclose(found, lesson_says, rtol=0, atol=0.5 * 10.0**-digits))


def judge(found: dict[str, Any], settings: Settings) -> dict[str, bool]:
    """Hold what `lesson` found against what the lesson says.

    Engine, gradients and passes are judged always, training only with the default --lr, --steps and --optimizer: what
    another learning rate does is the user's experiment, and a loss that it leaves high is its result, not a failure.
    That no network gets below its floor is mathematics and holds for any settings.

    Args:
        found: what `lesson` yields, as a dict.
        settings: with which it was called.

    Returns:
        For each thing that has to hold, whether it does.
    """
    before, after, check = found["forward"], found["after_one_step"], found["check"]
    tried, one = found["train_all"], found["train_one"]
    smooth = [(entry, says) for entry, says in zip(check.entries, GRADIENTS) if entry.verdict != "kink"]
    verdicts = [rate.verdict for rate in found["learning_rates"]]
    kinks = [entry.name for entry in check.kinks]
    well = {
        "31 parameters": sum(layer.parameters for layer in found["network"]) == 31,
        "forward pass as in the lesson": _equal(before.z1, [0, -0.1, 0.5])
        and _equal(before.prediction, [0.1, -0.1, -0.05, -0.25])
        and _equal(before.loss, 0.89625),
        "gradients as in the lesson": all(_equal(e.backprop, says) for e, says in smooth),
        "27 gradients agree, 4 lie on a kink": check.well
        and check.count("agree") == 27
        and kinks == ["W1[0,0]", "W1[2,0]", "W1[3,0]", "b1[0]"],
        "62 passes against 1 + 1": check.forward_passes == 62 and check.backprop_passes == (1, 1),
        "one step as in the lesson": _equal(after.prediction, [0.11709, 0.03431, -0.064695, -0.089375])
        and _equal(after.loss, 0.7257526, 7),
        "no network below its floor": not any(s.run.loss < t.floor - 1e-9 for t in tried.values() for s in t.starts),
        "learning rates as in the lesson": verdicts == ["crawls", "steady", "fast, unstable", "blows up"],
    }
    if settings.are_default:
        well |= {
            "one image learned to below 1e-6": one.ended == "goal",
            "3 hidden units reach their floor": tried[3].at_floor > 0,
            "4 hidden units get 16 of 16": tried[4].at_floor > 0 and tried[4].best.images_right == 16,
        }
    return well
