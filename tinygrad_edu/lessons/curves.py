"""Reading error curves: what the shape of a curve says about the training, and what to do about it.

`diagnose` says it for any list of losses; `examples` trains small networks that show each case.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.data import batches, moons
from tinygrad_edu.nn import Linear, Sequential, Tanh, cross_entropy
from tinygrad_edu.optim import SGD, Adam
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.train import History, fit

__all__ = ["EXERCISE", "VERDICTS", "Curve", "Diagnosis", "diagnose", "examples", "stop_early"]

EXERCISE = (2.0, 0.1, 5.0, 20.0)
VERDICTS = ("learning rate too small", "learning rate too large", "reasonable", "overfitting")

STILL = 0.15  # a curve that stays within this share of its first loss hardly moves
JUMP = 0.4  # a rise by more than this share of the curve's whole range is a spike ...
STANDS_OUT = 6  # ... if it is so many times what the loss moves by in the steps around there ...
WILD = 0.2  # ... or if those, too, move by more than this share of the range
FALL = 0.1  # a curve that moves, but falls by less than this share of its range, jumps about
WORSE = 0.1  # so much above its best, validation has risen ...
NOISES = 4  # ... if that is also more than so many times its noise


@dataclass(frozen=True)
class Diagnosis:
    """What is seen in a curve, why that is said, and what to try."""

    verdict: str
    reason: str
    suggestion: str

    def __str__(self) -> str:
        return f"{self.verdict}: {self.reason} {self.suggestion}"


# ---- the diagnosis -----------------------------------------------------------------------------------------------
def diagnose(losses: Sequence[float], validation: Sequence[float] | None = None) -> Diagnosis:
    """Tell from an error curve how the training goes.

    The first of these that is seen: NaN (learning rate too large); hardly any movement (too small); spikes or a rise
    (too large); validation that rises from its best while training falls (overfitting); none of them (reasonable).

    Args:
        losses: of training, in order, at least three; one a step or one an epoch.
        validation: losses on data that were never trained on, in the same order; they need not be as many.

    Returns:
        One of the four `VERDICTS` with its reason and a suggestion.

    Raises:
        ValueError: there are fewer than three losses, or something is not a list of numbers.

    Example:
        >>> import tinygrad_edu as tg
        >>> print(tg.lessons.diagnose([2.0, 0.1, 5.0, 20]))
        learning rate too large: After falling to 0.1 the loss rises to 20: the steps jump over the minimum. Make the
        learning rate smaller, for instance a third or a tenth of it.
        >>> tg.lessons.diagnose([1.0, 0.6, 0.3, 0.2, 0.2], validation=[1.0, 0.7, 0.5, 0.7, 0.9]).verdict
        'overfitting'
    """
    curve = _numbers("losses", losses)
    held_out = None if validation is None else _numbers("validation", validation)
    with np.errstate(over="ignore", invalid="ignore"):  # a loss that blows up may be as large as numbers can be
        found = _explodes(curve) or (None if held_out is None else _explodes(held_out))
        return found or _hardly_moves(curve) or _jumps(curve) or _overfits(held_out) or _falls(curve)


def _numbers(name: str, values: Any) -> NDArray[np.float64]:
    if isinstance(values, str | bytes | Mapping | Set | History):
        line = 'history["loss"]' if name == "losses" else 'history["val_loss"]'
        kind = type(values).__name__
        raise ValueError(f"diagnose: {name} is not a list of numbers, but a {kind}. Of a history it is {line}")
    try:
        plain = values.data if isinstance(values, Tensor) else [v.data if isinstance(v, Tensor) else v for v in values]
        curve = np.array(plain, dtype=float)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"diagnose: {name} is not a list of numbers: {error}") from None
    if curve.ndim != 1 or len(curve) < 3:
        raise ValueError(f"diagnose: {name} has shape {curve.shape}; a curve is a list of at least three numbers")
    return curve


def _too_large(reason: str) -> Diagnosis:
    return Diagnosis(VERDICTS[1], reason, "Make the learning rate smaller, for instance a third or a tenth of it.")


def _explodes(curve: NDArray[np.float64]) -> Diagnosis | None:
    if np.isfinite(curve).all():
        return None
    at = int(np.argmin(np.isfinite(curve)))
    return _too_large(f"At step {at} the loss is {curve[at]}: the weights have blown up.")


def _hardly_moves(curve: NDArray[np.float64]) -> Diagnosis | None:
    if not np.ptp(curve) < STILL * abs(curve[0]):
        return None
    return Diagnosis(
        VERDICTS[0],
        f"After {len(curve) - 1} steps the loss, {curve[0]:.3g} at first, has moved by {np.ptp(curve):.2g}.",
        "Make the learning rate ten times larger. If that changes nothing, see whether gradients arrive: a dead ReLU "
        "sends none.",
    )


def _jumps(curve: NDArray[np.float64]) -> Diagnosis | None:
    """A slow rise that leaves the curve's end far above its best, no fall at all, or spikes."""
    low, high, end = np.min(curve), np.max(curve), np.median(curve[-min(3, max(1, len(curve) // 5)) :])
    if end - low > JUMP * (high - low):
        top = np.max(curve[np.argmin(curve) :])
        if np.argmin(curve) == 0:
            return _too_large(f"The loss rises, from {curve[0]:.3g} to {top:.3g}: every step overshoots.")
        return _too_large(f"After falling to {low:.3g} the loss rises to {top:.3g}: the steps jump over the minimum.")
    if curve[0] - end < FALL * (high - low):
        return _too_large(f"The loss jumps about between {low:.3g} and {high:.3g}, and does not fall.")
    spikes = _spikes(curve)
    if not spikes:
        return None
    at = max(spikes, key=lambda k: curve[k + 1] - curve[k])
    seen = "is a spike" if len(spikes) == 1 else f"are {len(spikes)} spikes"
    return _too_large(f"There {seen}: at step {at + 1} the loss jumps from {curve[at]:.3g} to {curve[at + 1]:.3g}.")


def _spikes(curve: NDArray[np.float64]) -> list[int]:
    """Before which steps it jumps up. A far rise is none where mini-batches make the curve rough, but not wild."""
    moves, range_ = np.diff(curve), np.ptp(curve)
    found = []
    for k in np.flatnonzero(moves > JUMP * range_).tolist():
        roughness = np.median(np.abs(moves[max(0, k - 10) : k + 11]))
        if moves[k] > STANDS_OUT * roughness or roughness > WILD * range_:
            found.append(k)
    return found


def _overfits(curve: NDArray[np.float64] | None) -> Diagnosis | None:
    """Medians of five smooth the curve, so that a single lucky loss is not taken for its best."""
    if curve is None:
        return None
    width = min(5, max(1, len(curve) // 10) * 2 - 1)
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(curve, width), axis=1)
    at = int(np.argmin(smooth))
    end = np.median(smooth[-max(1, len(smooth) // 10) :])
    noise = np.median(np.abs(np.diff(curve, 2))) / 1.65  # σ of what is left when the trend is taken away
    noise = noise if len(curve) > 20 else 0.0
    too_soon = len(smooth) - 1 - at < min(2, len(curve) // 4)  # the last one of many may be bad luck
    if too_soon or not end - smooth[at] > max(WORSE * abs(smooth[at]), NOISES * noise):
        return None
    return Diagnosis(
        VERDICTS[3],
        f"Training has fallen, but validation is best at step {at + width // 2}, {smooth[at]:.3g}, and then rises "
        f"to {end:.3g}.",
        "Stop early and keep the weights of that step; more data, fewer weights or weight decay help too.",
    )


def _falls(curve: NDArray[np.float64]) -> Diagnosis:
    third = curve[-max(2, len(curve) // 3) :]
    half = len(third) // 2
    falling = np.median(third[:half]) - np.median(third[half:])
    if not np.any(curve):
        return Diagnosis(
            VERDICTS[2], "The loss is 0 from the start.", "There is nothing to learn; is it the right loss?"
        )
    is_flat = falling < 0.05 * np.ptp(curve)
    return Diagnosis(
        VERDICTS[2],
        f"The loss falls from {curve[0]:.3g} to {curve[-1]:.3g}, {'and flattens.' if is_flat else 'and still falls.'}",
        "Nothing needs to be changed." if is_flat else "Train longer.",
    )


# ---- early stopping ----------------------------------------------------------------------------------------------
def stop_early(validation: Sequence[float], patience: int = 10) -> int:
    """Where training would have stopped: the epoch with the best validation loss before so many without a better one.

    Args:
        validation: losses on validation data, one an epoch.
        patience: epochs without a better one that are borne.

    Returns:
        The epoch whose weights one keeps, counted from 0.

    Raises:
        ValueError: there are no losses.

    Example:
        >>> stop_early([1.0, 0.5, 0.6, 0.4, 0.7, 0.8, 0.1], patience=2)
        3
    """
    if not len(validation):
        raise ValueError("stop_early: there are no losses")
    best = 0
    for epoch, loss in enumerate(validation):
        if loss < validation[best]:
            best = epoch
        elif epoch - best >= patience:
            break
    return best


# ---- a curve of each kind ----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Curve:
    """A training run made to show one case."""

    title: str
    losses: list[float]
    validation: list[float]

    @property
    def diagnosis(self) -> Diagnosis:
        """What `diagnose` says to it."""
        return diagnose(self.losses, self.validation)


@functools.cache
def examples() -> tuple[Curve, ...]:
    """Four runs on two moons: steps too small, too large, right, and a network that learns its few samples by heart.

    Example:
        >>> [curve.diagnosis.verdict for curve in examples()] == list(VERDICTS)
        True
    """
    return (
        _run("learning rate 0.0003", SGD, 0.0003, 200),
        _run("learning rate 30", SGD, 30.0, 200),
        _run("learning rate 0.3", SGD, 0.3, 200),
        _run("15 samples, 128 units", Adam, 0.03, 15, hidden=128, noise=0.35),
    )


def _run(
    title: str, optimizer: Any, lr: float, samples: int, hidden: int = 16, noise: float = 0.2, epochs: int = 60
) -> Curve:
    rng = np.random.default_rng(0)
    model = Sequential(Linear(2, hidden, rng=rng), Tanh(), Linear(hidden, 2, rng=rng))
    data = batches(*moons(samples, noise, rng), min(samples, 40), rng=rng)
    history = fit(
        model,
        cross_entropy,
        optimizer(model.parameters(), lr),
        data,
        epochs,
        validation=batches(*moons(200, noise, rng), 200, shuffle=False),
        progress=False,
    )
    return Curve(title, history["loss"], history["val_loss"])
